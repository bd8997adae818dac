/** The IKEv1 engine as a client in a namespace: started, told what to do, and asked what it has told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { DhGroup } from '../../src/core/crypto/algorithms.ts';
import type { Ikev1Event } from '../../src/core/ikev1/types.ts';
import type { PersonaName } from '../../src/core/personas/persona.ts';
import type { Netns } from './netns.ts';
import { PATIENCE, sleep, until } from './poll.ts';

export interface InitiatorOptions {
  readonly local: string;
  readonly remote: string;
  /** Where it begins; default UDP 500. */
  readonly from?: 'nat-t';
  readonly exchange: 'main' | 'aggressive';
  /** Default psk. */
  readonly authentication?: 'psk' | 'signatures' | 'hybrid';
  readonly psk?: string;
  /** A group's name in aggressive mode. Default the certificate's subject, or the address. */
  readonly identity?: string;
  readonly certificate?: { readonly file: string; readonly key: string };
  readonly authorities?: readonly string[];
  /** What the gateway has to call itself. */
  readonly gatewayName?: string;
  /** Absent: no XAUTH, and `inner` is ours. */
  readonly login?: { readonly user: string; readonly password: string };
  readonly inner?: string;
  readonly target?: string;
  readonly persona?: PersonaName;
  readonly group?: DhGroup;
  readonly pfs?: DhGroup;
  readonly legacy?: boolean;
  readonly encapsulation?: 'detect' | 'force';
  readonly natTraversal?: boolean;
  readonly initialContact?: boolean;
  readonly dpd?: { readonly idle: number; readonly timeout: number };
}

export type InitiatorCommand =
  | {
      readonly do: 'dial' | 'rekey phase 1' | 'rekey phase 2' | 'probe' | 'follow' | 'dpd' | 'close' | 'configure';
    }
  | { readonly do: 'ping'; readonly target: string };

/** Beside the engine's events: what the gateway gave, and whether what came by ESP could be opened. */
interface Told {
  readonly type: Ikev1Event['type'] | 'ready' | 'configured' | 'esp';
  readonly [key: string]: unknown;
}

export class Initiator {
  readonly #child: ChildProcess;
  readonly #told: Told[] = [];
  #errors = '';
  #running = true;

  private constructor(netns: Netns, options: InitiatorOptions) {
    const script = join(import.meta.dirname, 'initiator-process.ts');
    const [file = '', ...args] = netns.inside([process.execPath, '--no-warnings', script, JSON.stringify(options)]);
    this.#child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.on('message', (told) => this.#told.push(told as Told));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#child.on('exit', () => {
      this.#running = false;
    });
  }

  /** Sends its first message. */
  static async dial(netns: Netns, options: InitiatorOptions): Promise<Initiator> {
    const initiator = new Initiator(netns, options);
    await initiator.tells('ready');
    initiator.do({ do: 'dial' });
    return initiator;
  }

  do(command: InitiatorCommand): void {
    this.#child.send(command);
  }

  all(type: Told['type']): Told[] {
    return this.#told.filter((one) => one.type === type);
  }

  get drops(): unknown[] {
    return this.all('dropped').map(({ reason }) => reason);
  }

  /** Waits for event number `count` of its type, the first being 1. */
  tells(type: Told['type'], count = 1, timeout = PATIENCE): Promise<Told> {
    return until(
      () => {
        if (!this.#running) throw new Error(`the initiator ended:\n${this.#errors}`);
        return this.all(type)[count - 1];
      },
      timeout,
      () => `${type} in ${this.#told.map((one) => JSON.stringify(one).slice(0, 300)).join('\n')}\n${this.#errors}`,
    );
  }

  /**
   * A packet through the tunnel and its answer; asked again, as the gateway may get it before quick mode's last message, and answer
   * by the pair before until it has that.
   */
  async pings(target: string): Promise<void> {
    const before = this.all('esp').length;
    const answered = await until(
      async () => {
        this.do({ do: 'ping', target });
        await sleep(500);
        return this.all('esp')
          .slice(before)
          .find(({ why }) => why !== 'another pair');
      },
      PATIENCE,
      () => `an echo reply; told: ${this.#told.map(({ type }) => type).join(', ')}`,
    );
    if (answered.reply !== true) throw new Error(`no echo reply: ${JSON.stringify(answered)}`);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await until(() => !this.#running, PATIENCE, 'the end of the initiator');
  }
}
