/** A root directory in which a gateway is run with the rights that a service manager or a container gives, in a namespace of the lab. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from '../lab/netns.ts';
import { type Finished, type Program, type RunOptions, run } from '../lab/run.ts';

const ENTER = join(import.meta.dirname, 'enter-cell');

/** A file or folder of this machine, and its path in the cell. */
export type Bind = readonly [source: string, target: string];

export interface CellOptions {
  readonly root: string;
  /** The folder that may be written to, and where it is seen in `root`. */
  readonly state: Bind;
  /** What is seen in `root` beside what it holds. */
  readonly binds: readonly Bind[];
  readonly uid: number;
  /** As setpriv names them: `net_admin`. */
  readonly capabilities: readonly string[];
  /** What a command is begun with, within the rights: a filter of system calls. */
  readonly launcher?: readonly string[];
}

export class Cell {
  readonly #netns: Netns;
  readonly #options: CellOptions;

  constructor(netns: Netns, options: CellOptions) {
    this.#netns = netns;
    this.#options = options;
  }

  /** The service's process, with the service's rights. */
  start(argv: readonly string[]): Program {
    const { root, state, binds } = this.#options;
    const enter = [ENTER, root, ...state, ...binds.flat(), '--', ...this.#confined(argv)];
    return this.#netns.start(['unshare', '--mount', '--', ...enter]);
  }

  /** Another with the same rights, where the service runs. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.runAsRoot(this.#confined(argv), options);
  }

  /** As the administrator, where the service runs. */
  runAsRoot(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';
    const into = ['nsenter', `--target=${this.pid}`, '--mount', '--net', '--root', '--wd', 'env', '-i', path];
    return run([...into, ...argv], options);
  }

  get pid(): number {
    return Number(readFileSync(join(this.#options.state[0], 'gateway.pid'), 'utf8'));
  }

  /** The capability set as /proc shows it. */
  get capabilityMask(): string {
    const numbers: Readonly<Record<string, bigint>> = { net_bind_service: 10n, net_admin: 12n, net_raw: 13n };
    const mask = this.#options.capabilities.reduce((sum, name) => sum | (1n << numbers[name]!), 0n);
    return mask.toString(16).padStart(16, '0');
  }

  #confined(argv: readonly string[]): string[] {
    const { uid, capabilities, launcher = [] } = this.#options;
    const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
    const user = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    const rights = [`--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`, '--no-new-privs'];
    return ['setpriv', ...user, ...rights, '--', ...launcher, ...argv];
  }
}
