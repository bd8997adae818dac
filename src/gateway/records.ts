/** What is recorded of sessions: lines that a person reads, and rows of history, failures and leases. */
import { knownFailure } from '../core/diagnosis/gateway-failures.ts';
import type { Instant } from '../core/net/time.ts';
import type { GatewayEvent, Who } from '../core/session/events.ts';
import type { SessionCounters } from '../dataplane/dataplane.ts';
import type { Logger } from '../host/log.ts';
import type { Store } from '../host/store/store.ts';
import { FailureLimit } from './failure-limit.ts';
import type { Figures } from './figures.ts';

/** What a person is told. */
export type Recorded = Extract<GatewayEvent, { readonly who: Who }>;

export class Records {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #figures: Figures;
  /** History rows of the sessions that are up. */
  readonly #history = new Map<number, number>();
  readonly #legacySeen = new Set<string>();
  readonly #failures = new FailureLimit();

  constructor(store: Store, log: Logger, figures: Figures) {
    this.#store = store;
    this.#log = log;
    this.#figures = figures;
  }

  /** One line, and a row where it is kept. @param counters of the session that it is about, or zeros */
  report(event: Recorded, counters: SessionCounters, now: Instant): void {
    const { bytesIn, bytesOut } = counters;
    const fields = described(event.who);
    const { user, group, remote } = event.who;
    switch (event.type) {
      case 'session-up':
        this.#figures.up++;
        this.#log.info(
          { session: event.number, ...fields, address: event.address, by: event.summary },
          'session is up',
        );
        this.#keep(() => {
          this.#history.set(event.id, this.#store.history.begin({ user, group, remote, address: event.address }));
        });
        break;
      case 'session-down': {
        this.#figures.countEnded(counters);
        this.#log.info({ session: event.number, ...fields, bytesIn, bytesOut, reason: event.reason }, 'session ended');
        const row = this.#history.get(event.id);
        if (row !== undefined) {
          this.#keep(() => this.#store.history.end(row, { bytesIn, bytesOut, reason: event.reason }));
        }
        this.#history.delete(event.id);
        break;
      }
      case 'failure': {
        this.#figures.countFailure(event.step);
        const untold = this.#failures.take(now);
        if (untold === undefined) break;
        if (untold > 0) this.#log.warn({ failures: untold }, 'more connections failed than are told one by one');
        const reason = `${event.step}: ${event.reason}`;
        const rule = knownFailure(reason)?.rule;
        this.#log.warn({ ...fields, step: event.step, reason: event.reason, rule }, 'connection failed');
        this.#keep(() => this.#store.failures.record({ user, group, remote, reason }));
        break;
      }
      case 'notice':
        this.#log.info(fields, event.text);
        break;
      case 'legacy-used':
        if (this.#legacySeen.has(event.what)) break;
        this.#legacySeen.add(event.what);
        this.#log.warn({ ...fields, what: event.what }, 'weak algorithm used, let in by legacy: true (said once)');
        break;
    }
  }

  keepLease({ group = '', user, address }: Extract<GatewayEvent, { readonly type: 'leased' }>): void {
    this.#keep(() => this.#store.leases.remember({ group, user, address: address.text }));
  }

  /** History and leases are worth less than the sessions: a full disk costs the one, not the other. */
  #keep(what: () => void): void {
    const began = performance.now();
    try {
      what();
    } catch (error) {
      this.#log.error({ err: error }, 'could not write to the store');
    }
    this.#figures.countWrite(performance.now() - began);
  }
}

/** Without what isn't known. */
function described({ remote, identity, group, user }: Who): Record<string, string> {
  return {
    ...(user !== undefined && { user }),
    ...(group !== undefined && { group }),
    ...(identity !== undefined && { identity }),
    remote,
  };
}
