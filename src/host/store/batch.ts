/**
 * Writes whose last moment a crash may cost, as one transaction: history, leases, failures. Each by itself would cost several
 * times its row in locks and system calls, and a login makes five.
 */
import type { DatabaseSync } from 'node:sqlite';

/** How long a write may wait for others, milliseconds. */
const PATIENCE = 50;

export class Batch {
  readonly #database: DatabaseSync;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onError hears why what was written could not be kept, since nobody waits for it any more */
  constructor(database: DatabaseSync, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  /** Call before a write that may wait. */
  join(): void {
    if (this.#timer) return;
    this.#database.exec('BEGIN');
    this.#timer = setTimeout(() => this.commit(), PATIENCE).unref();
  }

  /** Makes durable what was written until now: call after a write that may not wait, and at the end. */
  commit(): void {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      // some errors, a full disk for one, have ended the transaction already
      if (this.#database.isTransaction) this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#onError(error);
    }
  }
}
