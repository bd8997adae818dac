/** Who wasn't let in, and why. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Batch } from './batch.ts';

export interface Failure {
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly remote: string;
  /** For example "wrong password", "pool full", "no proposal chosen". */
  readonly reason: string;
}

export interface FailureRow extends Failure {
  /** Unix milliseconds. */
  readonly at: number;
}

/** Above this the oldest go: a flood of failures must not fill the disk. */
const MAX_FAILURES = 10_000;

export class FailureTable {
  readonly #batch: Batch;
  readonly #record: StatementSync;
  readonly #recent: StatementSync;
  readonly #prune: StatementSync;

  constructor(database: DatabaseSync, batch: Batch, most = MAX_FAILURES) {
    this.#batch = batch;
    this.#record = database.prepare(
      'INSERT INTO failures (at, user, group_name, remote, reason) VALUES (?, ?, ?, ?, ?)',
    );
    this.#recent = database.prepare('SELECT * FROM failures ORDER BY id DESC LIMIT ?');
    this.#prune = database.prepare(`DELETE FROM failures WHERE id <= (SELECT max(id) FROM failures) - ${most}`);
  }

  record({ user, group, remote, reason }: Failure): void {
    this.#batch.join();
    this.#record.run(Date.now(), user ?? null, group ?? null, remote, reason);
    this.#prune.run();
  }

  /** The latest first. */
  recent(limit: number): FailureRow[] {
    return this.#recent.all(limit).map((row) => ({
      at: row.at as number,
      user: (row.user as string | null) ?? undefined,
      group: (row.group_name as string | null) ?? undefined,
      remote: row.remote as string,
      reason: row.reason as string,
    }));
  }
}
