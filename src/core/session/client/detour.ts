/**
 * Another way to the same gateway under the same ISAKMP SA, for when the one in use is blocked or has died: cookies name the SA, not
 * addresses, so a gateway may be asked by any way whether it still knows us, and no new login is needed.
 */
import type { IkePath } from '../../carrier/ike-path.ts';
import type { Ikev1Sa } from '../../ikev1/sa.ts';
import { samePath } from '../../net/path.ts';
import { earliest, type Instant, SECOND } from '../../net/time.ts';
import type { FlowOutcome } from './race.ts';
import type { Way } from './ways.ts';

/** How long all ways together have to answer, how often each is asked meanwhile, and how long the ones before it are asked alone. */
const DETOUR_PATIENCE = 4 * SECOND;
const ASK_EVERY = 700;
const HEAD_START = 400;

export interface DetourHost {
  openFlow(path: IkePath): number;
  closeFlow(flowId: number): void;
}

interface Branch {
  readonly way: Way;
  path: IkePath;
  flowId: number | undefined;
  state: 'waiting' | 'opening' | 'asking' | 'lost';
  /** When it begins, or is asked again. */
  at: Instant;
}

export interface DetourResult {
  /** Undefined: none answered. */
  readonly found: { readonly way: Way; readonly path: IkePath; readonly flowId: number | undefined } | undefined;
  /** Those that were asked and had their time. */
  readonly silent: readonly Way[];
}

export class Detour {
  readonly #host: DetourHost;
  readonly #sa: Ikev1Sa;
  readonly #branches: Branch[];
  readonly #until: Instant;
  #result: DetourResult | undefined;

  /** `paths`: the likeliest first. Call `handleTimeout` next. */
  constructor(
    host: DetourHost,
    sa: Ikev1Sa,
    paths: readonly { readonly way: Way; readonly path: IkePath }[],
    now: Instant,
  ) {
    this.#host = host;
    this.#sa = sa;
    this.#until = now + DETOUR_PATIENCE;
    this.#branches = paths.map(({ way, path }, i) => {
      return { way, path, flowId: undefined, state: 'waiting', at: now + i * HEAD_START };
    });
    if (this.#branches.length === 0) this.#result = { found: undefined, silent: [] };
  }

  get result(): DetourResult | undefined {
    return this.#result;
  }

  handleFlow(flowId: number, outcome: FlowOutcome, now: Instant): void {
    const branch = this.#branches.find((one) => one.flowId === flowId && one.state === 'opening');
    if (!branch) return;
    if ('path' in outcome) {
      branch.path = outcome.path;
      branch.state = 'asking';
      return this.#advance(branch, now);
    }
    branch.state = 'lost';
    if (this.#branches.every(({ state }) => state === 'lost')) this.#finish(undefined);
  }

  /** The gateway answered over `path`. */
  handleAnswer(path: IkePath): void {
    const branch = this.#branches.find((one) => one.state === 'asking' && samePath(one.path, path));
    if (branch) this.#finish(branch);
  }

  handleTimeout(now: Instant): void {
    if (this.#result) return;
    if (this.#until <= now) return this.#finish(undefined);
    for (const branch of this.#branches) if (branch.at <= now) this.#advance(branch, now);
  }

  pollTimeout(): Instant | undefined {
    if (this.#result) return undefined;
    return earliest(this.#until, ...this.#branches.map(({ at }) => at));
  }

  stop(): void {
    if (!this.#result) this.#finish(undefined);
  }

  #advance(branch: Branch, now: Instant): void {
    if (branch.state === 'waiting' && branch.way === 'cisco-tcp') {
      branch.state = 'opening';
      branch.flowId = this.#host.openFlow(branch.path);
      branch.at = Number.POSITIVE_INFINITY;
      return;
    }
    branch.state = 'asking';
    branch.at = now + ASK_EVERY;
    this.#sa.probePath(branch.path);
  }

  #finish(found: Branch | undefined): void {
    for (const { flowId } of this.#branches) {
      if (flowId !== undefined && flowId !== found?.flowId) this.#host.closeFlow(flowId);
    }
    const silent = found ? [] : this.#branches.map(({ way }) => way);
    this.#result = { found: found && { way: found.way, path: found.path, flowId: found.flowId }, silent };
  }
}
