/**
 * The worker's cTCP flows by what names them: both addresses and both ports. Found by a hash with a secret beginning, so that
 * nobody can choose ports that meet; those that proved nothing yet are a bounded part of all.
 */
import { type Flow, LOCAL, REMOTE } from './path.ts';
import type { TcpFlow } from './tcp-flow.ts';

/** Buckets for each flow that there may be. */
const SPREAD = 2;

export class FlowTable {
  readonly #limit: number;
  readonly #newcomerLimit: number;
  readonly #perAddress: number;
  readonly #seed: number;
  readonly #buckets: (TcpFlow[] | undefined)[];
  /** Those that proved nothing yet, the oldest first; and how many each address has of them. */
  readonly #newcomers = new Set<TcpFlow>();
  readonly #byAddress = new Map<number, number>();
  readonly #free: number[] = [];
  #indices = 0;
  #size = 0;

  /** @param seed random */
  constructor(limit: number, newcomerLimit: number, perAddress: number, seed: number) {
    this.#limit = limit;
    this.#newcomerLimit = newcomerLimit;
    this.#perAddress = perAddress;
    this.#seed = seed;
    this.#buckets = new Array<TcpFlow[] | undefined>(2 ** Math.ceil(Math.log2(limit * SPREAD))).fill(undefined);
  }

  get size(): number {
    return this.#size;
  }

  find(ends: Flow): TcpFlow | undefined {
    const bucket = this.#buckets[this.#bucketOf(ends)];
    if (bucket === undefined) return undefined;
    for (const one of bucket) if (sameEnds(one.ends, ends)) return one;
    return undefined;
  }

  *all(): Iterable<TcpFlow> {
    for (const bucket of this.#buckets) if (bucket) yield* bucket.slice();
  }

  /** Whether one more newcomer may come from that address. */
  admits(ends: Flow): boolean {
    return (this.#byAddress.get(this.#address(ends)) ?? 0) < this.#perAddress;
  }

  /** The newcomer that must go before another can be added, if there are too many; `full`: nobody can go. */
  surplus(): TcpFlow | 'full' | undefined {
    if (this.#newcomers.size < this.#newcomerLimit && this.#size < this.#limit) return undefined;
    for (const oldest of this.#newcomers) return oldest;
    return 'full';
  }

  /** A place for a flow that `add` will follow for. */
  takeIndex(): number {
    return this.#free.pop() ?? this.#indices++;
  }

  add(flow: TcpFlow): void {
    const at = this.#bucketOf(flow.ends);
    const bucket = this.#buckets[at];
    if (bucket) bucket.push(flow);
    else this.#buckets[at] = [flow];
    this.#size++;
    if (flow.began) return;
    this.#newcomers.add(flow);
    const address = this.#address(flow.ends);
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  /** An authentic packet came by it: it is no newcomer any more. */
  prove(flow: TcpFlow): void {
    flow.proven = true;
    if (!this.#newcomers.delete(flow)) return;
    const address = this.#address(flow.ends);
    const left = this.#byAddress.get(address)! - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }

  remove(flow: TcpFlow): void {
    const at = this.#bucketOf(flow.ends);
    const bucket = this.#buckets[at]!;
    bucket.splice(bucket.indexOf(flow), 1);
    if (bucket.length === 0) this.#buckets[at] = undefined;
    this.prove(flow);
    this.#size--;
    this.#free.push(flow.index);
  }

  #bucketOf({ words, remotePort, localPort }: Flow): number {
    let hash = this.#seed ^ ((remotePort << 16) | localPort);
    for (let i = 0; i < 4; i++) {
      hash = Math.imul(hash ^ words[REMOTE + i]!, 0x9e3779b1);
      hash = Math.imul((hash ^ (hash >>> 15)) + words[LOCAL + i]!, 0x85ebca6b);
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.#buckets.length - 1);
  }

  /** One IPv4 address, or one /64 of IPv6. */
  #address({ words }: Flow): number {
    return Math.imul(words[REMOTE]! ^ this.#seed, 0x9e3779b1) ^ words[REMOTE + 1]!;
  }
}

function sameEnds(a: Flow, b: Flow): boolean {
  return a.remotePort === b.remotePort && a.localPort === b.localPort && a.socket === b.socket && a.hasAddressesOf(b);
}
