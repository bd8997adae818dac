/**
 * Slows guessing down. Failures count per user and per source and are forgotten one a minute; a user who got in from a
 * source before is judged by that pair alone, so neither a guesser elsewhere nor one behind the same NAT locks him out.
 */
import { type Instant, MINUTE, SECOND } from '../core/net/time.ts';

/** Failures that cost no wait: typing slips. A source may be a NAT with many users behind it. */
export const FREE_FAILURES = { user: 3, source: 10, pair: 3 } as const;
export const LONGEST_WAIT = 30 * SECOND;
/** Above this the entry unused for longest goes. */
export const MAX_ENTRIES = 4096;

type Kind = keyof typeof FREE_FAILURES;

interface Entry {
  failures: number;
  last: Instant;
}

export class Throttle {
  readonly #entries = new Map<string, Entry>();
  /** Pairs of user and source that got in; the value is unused. */
  readonly #known = new Map<string, true>();

  /** How long an attempt must wait from `now` on, ms. */
  wait(user: string, source: string, now: Instant): number {
    return Math.max(...this.#judges(user, source).map((judge) => this.#waitOf(judge, now)));
  }

  /** An attempt of this user begins. It counts as failed until it succeeds: attempts in parallel don't slip past each other. */
  began(user: string, source: string, now: Instant): void {
    this.#charge(this.#judges(user, source)[0]!.key, now);
  }

  /** The attempt failed. Only now does the source pay: an office behind a NAT may log in all at once. */
  failed(user: string, source: string, now: Instant): void {
    const [, ofSource] = this.#judges(user, source);
    if (ofSource) this.#charge(ofSource.key, now);
  }

  /** The user's slate is clean; of the source's failures half remain. */
  succeeded(user: string, source: string, now: Instant): void {
    touch(this.#known, pairKey(user, source), true);
    this.#entries.delete(pairKey(user, source));
    this.#entries.delete(userKey(user));
    const ofSource = this.#entries.get(sourceKey(source));
    if (ofSource) ofSource.failures = Math.floor(this.#failures(sourceKey(source), now) / 2);
  }

  get size(): number {
    return Math.max(this.#entries.size, this.#known.size);
  }

  #charge(key: string, now: Instant): void {
    touch(this.#entries, key, { failures: this.#failures(key, now) + 1, last: now });
  }

  #judges(user: string, source: string): { kind: Kind; key: string }[] {
    const pair = pairKey(user, source);
    if (this.#known.has(pair)) return [{ kind: 'pair', key: pair }];
    return [
      { kind: 'user', key: userKey(user) },
      { kind: 'source', key: sourceKey(source) },
    ];
  }

  #waitOf({ kind, key }: { kind: Kind; key: string }, now: Instant): number {
    const entry = this.#entries.get(key);
    const charged = this.#failures(key, now) - FREE_FAILURES[kind];
    if (!entry || charged < 0) return 0;
    return Math.max(0, entry.last + Math.min(LONGEST_WAIT, SECOND * 2 ** charged) - now);
  }

  #failures(key: string, now: Instant): number {
    const entry = this.#entries.get(key);
    return entry ? Math.max(0, entry.failures - Math.floor((now - entry.last) / MINUTE)) : 0;
  }
}

function touch<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_ENTRIES) map.delete(map.keys().next().value!);
}

function userKey(user: string): string {
  return `user ${user}`;
}

function sourceKey(source: string): string {
  return `source ${source}`;
}

function pairKey(user: string, source: string): string {
  return `pair ${source} ${user}`;
}
