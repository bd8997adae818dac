/** What the gateway counts over its life. Every label comes from a list of ours: nothing that a peer says becomes one. */
import type { GatewayEvent } from '../core/session/events.ts';
import type { LoginVerdict } from '../host/passwords.ts';

/** Where a negotiation ended. */
const STAGES = ['phase1', 'login', 'configuration', 'phase2'] as const;
type Stage = (typeof STAGES)[number];

const LOGIN_RESULTS = [
  'ok',
  'passcode-due',
  'unknown-user',
  'wrong-password',
  'wrong-passcode',
  'no-nt-hash',
  'no-chap-password',
  'throttled',
] as const;

/** Through all tunnels; sessions that ended are in it. */
export interface Traffic {
  packetsIn: number;
  bytesIn: number;
  packetsOut: number;
  bytesOut: number;
}

type DropEvent = GatewayEvent & { readonly type: 'dropped' };

export class Figures {
  /** Sessions that came up. */
  up = 0;
  readonly failed = counted(STAGES);
  readonly logins = counted(LOGIN_RESULTS);
  readonly drops = new Map<DropEvent['reason'], number>();
  /** Writes to the store, each done before anything else: how many, how long in all and at most, in milliseconds. */
  readonly store = { writes: 0, total: 0, longest: 0 };
  /** Of the sessions that ended. */
  readonly past: Traffic = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 };

  countFailure(step: string): void {
    this.failed[stageOf(step)]++;
  }

  countLogin(verdict: LoginVerdict): void {
    const result = verdict.ok === 'passcode' ? 'passcode-due' : verdict.ok ? 'ok' : verdict.reason;
    this.logins[result]++;
  }

  countDrop(reason: DropEvent['reason']): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1);
  }

  countWrite(milliseconds: number): void {
    this.store.writes++;
    this.store.total += milliseconds;
    this.store.longest = Math.max(this.store.longest, milliseconds);
  }

  countEnded(traffic: Readonly<Traffic>): void {
    addTraffic(this.past, traffic);
  }
}

export function addTraffic(sum: Traffic, part: Readonly<Traffic>): void {
  sum.packetsIn += part.packetsIn;
  sum.bytesIn += part.bytesIn;
  sum.packetsOut += part.packetsOut;
  sum.bytesOut += part.bytesOut;
}

/** Who is waited for says what is missing: a user for L2TP's call, a tunnel for `nothing`. */
function stageOf(step: string): Stage {
  if (/^(login|call|waiting for (login|verdict|nobody|call|goodbye))$/.test(step)) return 'login';
  if (/^(Mode-Config|waiting for configuration)$/.test(step)) return 'configuration';
  return /^(quick mode|waiting for nothing)$/.test(step) ? 'phase2' : 'phase1';
}

function counted<const K extends string>(names: readonly K[]): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
}
