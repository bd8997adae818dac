/** The load generator as the benchmarks use it: its process in the client's namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { clientAddress, type Topology } from '../../test/lab/topology.ts';
import type { Answer, LoadSettings, Order } from './orders.ts';

/** What the clients come from; in the client's namespace every address of it is its own. */
const SOURCES = '198.18.0.0/24';

export async function routeSources({ gw, cl }: Topology): Promise<void> {
  await cl.ip('route', 'add', 'local', SOURCES, 'dev', 'lo');
  await gw.ip('route', 'add', SOURCES, 'via', clientAddress);
}

export class Load {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended: Promise<unknown>;
  #hasEnded = false;
  #lastId = 0;

  private constructor(net: Topology, settings: LoadSettings) {
    const [file = '', ...args] = net.cl.inside([process.execPath, join(import.meta.dirname, 'main.ts')]);
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin!.on('error', () => undefined);
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#hear(line));
    this.#ended = new Promise((resolve) => this.#child.on('close', resolve));
    this.#child.on('close', () => {
      this.#hasEnded = true;
      const error = new Error('the load generator has ended');
      this.#ready.reject(error);
      for (const { reject } of this.#waiting.values()) reject(error);
    });
    this.#write(settings);
  }

  /** Call {@link routeSources} once before. */
  static async start(net: Topology, settings: LoadSettings): Promise<Load> {
    const load = new Load(net, settings);
    await load.#ready.promise;
    return load;
  }

  async obey(order: Order): Promise<Answer> {
    if (this.#hasEnded) throw new Error('the load generator has ended');
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(++this.#lastId, waiting);
    this.#write({ id: this.#lastId, order });
    return waiting.promise;
  }

  async stop(): Promise<void> {
    this.#waiting.clear();
    this.#child.stdin!.end();
    await this.#ended;
  }

  #hear(line: string): void {
    if (line === 'ready') return this.#ready.resolve();
    const { id, answer } = JSON.parse(line) as { id: number; answer: Answer };
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  #write(value: unknown): void {
    this.#child.stdin!.write(`${JSON.stringify(value)}\n`);
  }
}
