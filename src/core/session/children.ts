/** The ESP SA pairs of one session: prepared, in use, replaced by a rekey, expired. */
import { EMPTY } from '../bytes/bytes.ts';
import type { EspKeys, EspSa } from '../esp/sa.ts';
import { isTransportMode } from '../ikev1/phase2-proposal.ts';
import { formatSelector } from '../ikev1/selector.ts';
import type { EspPair } from '../ikev1/types.ts';
import { parsePrefix } from '../net/address.ts';
import { earliest, type Instant, SECOND } from '../net/time.ts';

/** Our own limits: pairs of one session (a client may have one for each split route), and replaced ones for one traffic. */
export const MAX_CHILDREN = 64;
export const MAX_REPLACED = 4;

/** How long a replaced pair still receives what was under way. */
const LINGER = 30 * SECOND;
/** A pair that renews another sends when the peer does, or after this (ms): our last message may come later than a packet. */
const SWITCH_AFTER = 500;
/** A rekey of ours that failed is tried again after this: a lifetime of a minute, the shortest, leaves three seconds for it. */
const REKEY_RETRY = 1.5 * SECOND;
/** Share of the lifetime after which we rekey: the initiator first, the other side only when it didn't. */
const REKEY_AS_INITIATOR = 0.85;
const REKEY_AS_RESPONDER = 0.95;

export interface Child {
  /** Without its keys once it is established: the dataplane has them. */
  pair: EspPair;
  stage: 'prepared' | 'established' | 'replaced';
  /** Agreed on by a rekey of ours, and used from then on at the latest; undefined: not so. */
  switchAt: Instant | undefined;
  /** Undefined: none is due, or one is under way. */
  rekeyAt: Instant | undefined;
  /** When the pair ends, whatever happens. */
  expireAt: Instant;
}

/** What the timers ask for. */
type ChildDuty = { readonly rekey: Child } | { readonly expired: Child } | { readonly switchTo: Child };

export class Children {
  #children: readonly Child[] = [];

  get all(): readonly Child[] {
    return this.#children;
  }

  get isFull(): boolean {
    return this.#children.length >= MAX_CHILDREN;
  }

  /** The newest pair in use. */
  get current(): Child | undefined {
    return this.#children.findLast((child) => child.stage === 'established');
  }

  prepare(pair: EspPair, now: Instant): Child {
    const child: Child = {
      pair,
      stage: 'prepared',
      switchAt: undefined,
      rekeyAt: undefined,
      expireAt: now + pair.lifetime.seconds * SECOND,
    };
    // not pushed: an array that grows takes room for sixteen more, and most sessions have one child
    this.#children = this.#children.concat(child);
    return child;
  }

  /** The pairs in use for the same traffic as `child`. */
  replacedBy(child: Child): Child[] {
    return this.#children.filter((one) => one.stage === 'established' && one !== child && sameTraffic(one, child));
  }

  /** A rekey of ours: it is put to use when the peer uses it, or shortly after. */
  deferSwitch(child: Child, now: Instant): void {
    child.switchAt = now + SWITCH_AFTER;
  }

  /** Puts a prepared pair to use; gives the pairs that it replaces, and those that are too many. */
  establish(child: Child, now: Instant): { replaced: Child[]; surplus: Child[] } {
    const { pair } = child;
    const share = pair.initiatedBy === 'us' ? REKEY_AS_INITIATOR : REKEY_AS_RESPONDER;
    child.pair = withoutKeys(pair);
    child.stage = 'established';
    child.switchAt = undefined;
    child.rekeyAt = now + pair.lifetime.seconds * SECOND * share;
    const replaced = this.replacedBy(child);
    for (const old of replaced) {
      old.stage = 'replaced';
      old.rekeyAt = undefined;
      old.expireAt = Math.min(old.expireAt, now + LINGER);
    }
    const lingering = this.#children.filter((one) => one.stage === 'replaced' && sameTraffic(one, child));
    return { replaced, surplus: lingering.slice(0, Math.max(0, lingering.length - MAX_REPLACED)) };
  }

  find(inboundSpi: number): Child | undefined {
    return this.#children.find((child) => child.pair.inbound.spi === inboundSpi);
  }

  findOutbound(spi: number): Child | undefined {
    return this.#children.findLast((child) => child.pair.outbound.spi === spi);
  }

  remove(child: Child): void {
    this.#children = this.#children.filter((one) => one !== child);
  }

  /** A rekey of ours for `child` failed, or can't begin now. */
  postponeRekey(child: Child, now: Instant): void {
    if (child.stage === 'established') child.rekeyAt = now + REKEY_RETRY;
  }

  pollTimeout(): Instant | undefined {
    return earliest(...this.#children.map((child) => earliest(child.switchAt, child.rekeyAt, child.expireAt)));
  }

  takeDue(now: Instant): ChildDuty | undefined {
    const expired = this.#children.find((child) => child.expireAt <= now);
    if (expired) {
      this.remove(expired);
      return { expired };
    }
    const switchTo = this.#children.find((child) => child.switchAt !== undefined && child.switchAt <= now);
    if (switchTo) return { switchTo };
    const rekey = this.#children.find((child) => child.rekeyAt !== undefined && child.rekeyAt <= now);
    if (!rekey) return undefined;
    rekey.rekeyAt = undefined;
    return { rekey };
  }
}

const NO_KEYS: EspKeys = { encryption: EMPTY, salt: EMPTY, integrity: EMPTY };

function withoutKeys(pair: EspPair): EspPair {
  const { inbound, outbound } = pair;
  return { ...pair, inbound: { spi: inbound.spi, keys: NO_KEYS }, outbound: { spi: outbound.spi, keys: NO_KEYS } };
}

/** PPP carries whatever its two ends send each other. */
const EVERYWHERE = parsePrefix('0.0.0.0/0')!;

/** The two halves of a pair as the dataplane takes them. */
export function espSa(sessionId: number, direction: 'in' | 'out', pair: EspPair): EspSa {
  const half = direction === 'in' ? pair.inbound : pair.outbound;
  const { kilobytes } = pair.lifetime;
  const softBytes =
    direction === 'out' && kilobytes ? { softBytes: Math.floor(kilobytes * 1024 * REKEY_AS_RESPONDER) } : {};
  const transport = isTransportMode(pair.suite.mode);
  return {
    direction,
    ...(transport && { transport }),
    spi: half.spi,
    sessionId,
    suite: pair.suite.esp,
    keys: half.keys,
    localSelector: transport ? EVERYWHERE : pair.local.prefix,
    remoteSelector: transport ? EVERYWHERE : pair.remote.prefix,
    ...softBytes,
  };
}

function sameTraffic(a: Child, b: Child): boolean {
  return (
    formatSelector(a.pair.local) === formatSelector(b.pair.local) &&
    formatSelector(a.pair.remote) === formatSelector(b.pair.remote)
  );
}
