/** The inner address that each user had last in each group, so that it can be given again. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Batch } from './batch.ts';

export interface Lease {
  /** Empty for clients that name no group. */
  readonly group: string;
  readonly user: string;
  readonly address: string;
}

/** Above this the ones unused for longest go. */
const MAX_LEASES = 20_000;

export class LeaseTable {
  readonly #batch: Batch;
  readonly #remember: StatementSync;
  readonly #last: StatementSync;
  readonly #all: StatementSync;
  readonly #prune: StatementSync;
  /** Leases above the limit that are let be: to find the oldest, all are sorted. */
  readonly #surplus: number;
  #sincePrune = 0;

  constructor(database: DatabaseSync, batch: Batch, most = MAX_LEASES) {
    this.#batch = batch;
    this.#surplus = Math.ceil(most / 64);
    this.#remember = database.prepare(
      'INSERT OR REPLACE INTO leases (group_name, user, address, used) VALUES (?, ?, ?, ?)',
    );
    this.#last = database.prepare('SELECT address FROM leases WHERE group_name = ? AND user = ?');
    this.#all = database.prepare('SELECT group_name, user, address FROM leases ORDER BY used DESC');
    this.#prune = database.prepare(
      `DELETE FROM leases WHERE (group_name, user) IN
       (SELECT group_name, user FROM leases ORDER BY used DESC LIMIT -1 OFFSET ${most})`,
    );
  }

  remember({ group, user, address }: Lease): void {
    this.#batch.join();
    this.#remember.run(group, user, address, Date.now());
    if (++this.#sincePrune < this.#surplus) return;
    this.#prune.run();
    this.#sincePrune = 0;
  }

  last(group: string, user: string): string | undefined {
    return this.#last.get(group, user)?.address as string | undefined;
  }

  /** The latest first. */
  all(): Lease[] {
    return this.#all.all().map((row) => ({
      group: row.group_name as string,
      user: row.user as string,
      address: row.address as string,
    }));
  }
}
