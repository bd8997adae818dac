/** Says when the network around us has changed, or the machine has slept. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type FSWatcher, watch as watchFiles } from 'node:fs';
import { basename, dirname } from 'node:path';
import { MAIN_TABLE, PROTOCOL } from './changes.ts';
import { type Route, readJson, readTable } from './ip.ts';
import { RESOLV_CONF, resolvConfHolder } from './resolv-conf.ts';

/** `undone`: somebody may have removed what a client made; then its plan is to be applied once more. */
export type NetworkEvent = 'changed' | 'woke' | 'undone';

export interface NetworkWatch {
  close(): void;
}

/** `ip monitor` tells of many small steps; one look afterwards is enough. Milliseconds. */
const SETTLING = 500;
const TICK = 5000;

/**
 * Calls `onEvent` when addresses, links or routes are others than before; a route that is only refreshed is no change, nor is
 * anything in tables that aren't the main one.
 *
 * @param tun the client's own interface, which doesn't count
 */
export function watchNetwork(onEvent: (event: NetworkEvent) => void, tun?: string): NetworkWatch {
  const watch = new Watch(onEvent, tun);
  return { close: () => watch.close() };
}

class Watch {
  readonly #onEvent: (event: NetworkEvent) => void;
  readonly #tun: string | undefined;
  readonly #sleep = new SleepDetector(Date.now(), performance.now());
  readonly #tick: NodeJS.Timeout;
  #settling: NodeJS.Timeout | undefined;
  readonly #files: FSWatcher | undefined;
  #monitor: ChildProcess | undefined;
  #undone = false;
  /** What was seen last; undefined: nothing yet. */
  #last: Promise<string | undefined>;
  #closed = false;

  constructor(onEvent: (event: NetworkEvent) => void, tun: string | undefined) {
    this.#onEvent = onEvent;
    this.#tun = tun;
    this.#startMonitor();
    this.#files = watchResolvConf(() => this.#lookSoon(true));
    this.#last = sight(tun).catch(() => undefined);
    this.#tick = setInterval(() => this.#handleTick(), TICK);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#settling);
    this.#monitor?.kill();
    this.#files?.close();
  }

  #handleTick(): void {
    if (this.#sleep.hasSlept(Date.now(), performance.now())) this.#onEvent('woke');
    // It was ended by somebody, or there is no `ip`: what happened meanwhile isn't missed.
    if (this.#monitor) return;
    this.#startMonitor();
    this.#lookSoon();
  }

  #startMonitor(): void {
    const monitor = spawn('ip', ['-N', '-o', 'monitor', 'address', 'route', 'link', 'rule'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#monitor = monitor;
    monitor.stdout.setEncoding('utf8').on('data', (text: string) => this.#lookSoon(OURS_DELETED.test(text)));
    const forget = () => {
      if (this.#monitor === monitor) this.#monitor = undefined;
    };
    monitor.on('error', forget);
    monitor.on('exit', forget);
  }

  #lookSoon(undone = false): void {
    this.#undone ||= undone;
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      void this.#look();
    }, SETTLING);
  }

  async #look(): Promise<void> {
    if (this.#undone) this.#onEvent('undone');
    this.#undone = false;
    const last = this.#last;
    // `ip` failing tells nothing about the network: then the next look decides.
    this.#last = sight(this.#tun).catch(() => last);
    const [before, now] = await Promise.all([last, this.#last]);
    if (before !== undefined && before !== now && !this.#closed) this.#onEvent('changed');
  }
}

/** As `ip monitor` says it of rules and routes. A client's own changes look the same, and then there is nothing to mend. */
const OURS_DELETED = new RegExp(`^Deleted .*\\bproto ${PROTOCOL}\\b`, 'm');

/** A DHCP client, for example, may write the file anew. Undefined: the system can't watch it. */
function watchResolvConf(onTaken: () => void): FSWatcher | undefined {
  try {
    const watcher = watchFiles(dirname(RESOLV_CONF), (_, name) => {
      if (name === basename(RESOLV_CONF) && resolvConfHolder() === undefined) onTaken();
    });
    return watcher.on('error', () => {});
  } catch {
    return undefined;
  }
}

interface Link {
  readonly ifname: string;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number; readonly tentative?: true }[];
}

/** What counts of the network, as text to compare; lifetimes and the like don't. */
async function sight(tun: string | undefined): Promise<string> {
  const [links, ...tables] = await Promise.all([
    readJson<Link>(['address', 'show']),
    readTable(4, MAIN_TABLE),
    readTable(6, MAIN_TABLE),
  ]);
  return JSON.stringify([
    links.filter(({ ifname }) => ifname !== tun).map(linkSight),
    tables
      .flat()
      .filter(({ dev }) => dev !== tun)
      .map(routeSight)
      .sort(),
  ]);
}

function linkSight({ ifname, flags = [], addr_info = [] }: Link): unknown {
  const addresses = addr_info
    .filter(({ tentative }) => !tentative)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  return [ifname, flags.includes('UP'), flags.includes('LOWER_UP'), addresses.sort()];
}

function routeSight({ dst, gateway, dev, metric }: Route): string {
  return `${dst} ${gateway} ${dev} ${metric}`;
}

/** The monotonic clock stands still while the machine sleeps, the wall clock doesn't. A clock that is set looks like sleep. */
export class SleepDetector {
  #wall: number;
  #monotonic: number;

  constructor(wall: number, monotonic: number) {
    this.#wall = wall;
    this.#monotonic = monotonic;
  }

  /** Whether it slept since the last call; both in milliseconds. */
  hasSlept(wall: number, monotonic: number): boolean {
    const asleep = wall - this.#wall - (monotonic - this.#monotonic);
    this.#wall = wall;
    this.#monotonic = monotonic;
    return asleep > SHORTEST_SLEEP;
  }
}

const SHORTEST_SLEEP = 3000;
