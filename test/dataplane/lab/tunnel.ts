/** Lab tunnels between dataplanes in namespaces, driven from the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Netns } from '../../lab/netns.ts';
import { until } from '../../lab/poll.ts';
import { type TransferOptions, transfer } from '../../lab/traffic.ts';
import type { EndCommand, EndEvent, EndSettings } from './end.ts';

/** TCP from `client` to `server` until `bytes` have arrived: on a busy machine that takes more than one run. */
export async function carries(client: Netns, server: Netns, bytes: number, options: TransferOptions): Promise<void> {
  let arrived = 0;
  await until(
    async () => {
      arrived += (await transfer(client, server, options)).bytes;
      return arrived >= bytes;
    },
    120_000,
    () => `${bytes} bytes of TCP, of which ${arrived} did,`,
  );
}

/** A dataplane in a namespace. */
export class End {
  readonly events: EndEvent[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #errors = '';

  private constructor(netns: Netns, settings: EndSettings) {
    const [file = '', ...args] = netns.inside([process.execPath, new URL('end.ts', import.meta.url).pathname]);
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.events.push(JSON.parse(line)));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#child.stdin!.on('error', () => {});
    this.ended = new Promise((resolve) => this.#child.on('close', () => resolve()));
    this.#write(settings);
  }

  /** Fails with the dataplane's words when it can't open. */
  static async start(netns: Netns, settings: EndSettings): Promise<End> {
    const end = await End.attempt(netns, settings);
    if (end.heard('ready').length === 0)
      throw new Error(`the dataplane says ${JSON.stringify(end.events)}\n${end.#errors}`);
    return end;
  }

  /** Whether it opened is the last event. */
  static async attempt(netns: Netns, settings: EndSettings): Promise<End> {
    const end = new End(netns, settings);
    let over = false;
    void end.ended.then(() => {
      over = true;
    });
    await until(
      () => end.heard('ready').length + end.heard('refused').length > 0 || over,
      60_000,
      'the first word of the dataplane',
    );
    return end;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  tell(command: EndCommand): void {
    this.#write(command);
  }

  async counters(): Promise<Extract<EndEvent, { event: 'counters' }>> {
    const before = this.heard('counters').length;
    this.tell({ type: 'counters' });
    return until(
      () => this.heard('counters')[before],
      60_000,
      () => `counters; ${this.#errors}`,
    );
  }

  heard<Name extends EndEvent['event']>(name: Name): Extract<EndEvent, { event: Name }>[] {
    return this.events.filter((event) => event.event === name) as Extract<EndEvent, { event: Name }>[];
  }

  async hears<Name extends EndEvent['event']>(name: Name): Promise<Extract<EndEvent, { event: Name }>> {
    return until(
      () => this.heard(name)[0],
      60_000,
      () => `${name}; heard ${JSON.stringify(this.events)}`,
    );
  }

  /** Closes the dataplane as a program does that ends well. */
  async stop(): Promise<void> {
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.kill(), 60_000);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #write(value: unknown): void {
    this.#child.stdin!.write(`${JSON.stringify(value)}\n`);
  }
}
