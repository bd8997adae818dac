/** What one attempt at a gateway has learnt: of openings, of carriers that the gateway hasn't, of ways that lead to no tunnel. */
import { type CarrierFailure, missingOpenings, type Trial } from '../../openings/missing.ts';
import type { Carrier } from '../../openings/openings.ts';
import type { Entry } from './entry.ts';
import type { ClientOptions } from './events.ts';
import type { Tunnel } from './tunnel.ts';
import { type Way, waysTo } from './ways.ts';

/** What a tunnel knows of them while it stands. */
type Known = Pick<Tunnel, 'trials' | 'notOffered'>;

export class Attempt {
  readonly #options: Pick<ClientOptions, 'carriers' | 'ports'>;
  readonly #trials: Trial[] = [];
  readonly #notOffered: Carrier[] = [];
  /** What seems closed, for people to know: nothing is ruled out for it. */
  #doubts: readonly Trial[] = [];
  readonly #ruledOut = new Set<Way>();

  constructor(options: Pick<ClientOptions, 'carriers' | 'ports'>) {
    this.#options = options;
  }

  /** The entry is over. */
  learn({ trials, doubts }: Pick<Entry, 'trials' | 'doubts'>): void {
    this.#trials.push(...trials);
    this.#doubts = doubts;
  }

  /** The tunnel is over, and its way with it. */
  ruleOut({ trials, notOffered, way }: Pick<Tunnel, 'trials' | 'notOffered' | 'way'>): void {
    this.#trials.push(...trials);
    this.#notOffered.push(...notOffered);
    this.#ruledOut.add(way);
  }

  /** What stands in the way of each carrier. @param tunnel the one that stands */
  failures(tunnel: Known | undefined): CarrierFailure[] {
    return this.#failures(tunnel, []);
  }

  /** Those of which something was seen, doubts among them. */
  told(tunnel: Known | undefined): CarrierFailure[] {
    return this.#failures(tunnel, this.#doubts).filter(isTold);
  }

  /** Ways that nothing speaks against yet: for a gateway that wants a new phase 1 on each. */
  waysLeft(): Way[] {
    const failures = this.#failures(undefined, []).filter(isTold);
    const silent = new Set(failures.map(({ carrier }) => carrier));
    const left = waysTo(this.#options.carriers, undefined).filter((way) => !this.#ruledOut.has(way));
    return left.filter((way) => !silent.has(way === 'udp' ? 'esp' : way === 'nat-t-from-500' ? 'nat-t' : way));
  }

  #failures(tunnel: Known | undefined, doubts: readonly Trial[]): CarrierFailure[] {
    const { carriers, ports } = this.#options;
    const trials = [...this.#trials, ...(tunnel?.trials ?? []), ...doubts];
    const notOffered = [...this.#notOffered, ...(tunnel?.notOffered ?? [])];
    return [...missingOpenings(carriers, ports.remote, trials, notOffered)];
  }
}

/** Something that it needs is closed, as far as could be seen. */
function isTold({ openings }: CarrierFailure): boolean {
  return openings.some(({ sight }) => sight === 'silent' || sight === 'refused');
}
