/** Who was on, from when to when, and why it ended. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Batch } from './batch.ts';

export interface SessionStart {
  readonly user: string | undefined;
  readonly group: string | undefined;
  /** The peer's endpoint, as text. */
  readonly remote: string;
  /** The inner address. */
  readonly address: string | undefined;
}

interface SessionEnd {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** For example "dead peer", "kicked", "second login". */
  readonly reason: string;
}

export interface HistoryRow extends SessionStart {
  readonly id: number;
  /** Unix milliseconds. */
  readonly started: number;
  /** Undefined: it goes on. */
  readonly ended: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reason: string | undefined;
}

/** Above this the oldest go. */
const MAX_HISTORY = 50_000;

export class HistoryTable {
  readonly #batch: Batch;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #endAll: StatementSync;
  readonly #recent: StatementSync;
  readonly #prune: StatementSync;

  constructor(database: DatabaseSync, batch: Batch, most = MAX_HISTORY) {
    this.#batch = batch;
    this.#begin = database.prepare(
      'INSERT INTO history (user, group_name, remote, address, started) VALUES (?, ?, ?, ?, ?)',
    );
    this.#end = database.prepare('UPDATE history SET ended = ?, bytes_in = ?, bytes_out = ?, reason = ? WHERE id = ?');
    this.#endAll = database.prepare('UPDATE history SET ended = ?, reason = ? WHERE ended IS NULL');
    this.#recent = database.prepare('SELECT * FROM history ORDER BY id DESC LIMIT ?');
    this.#prune = database.prepare(`DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ${most}`);
  }

  /** Returns the row's id, for {@link end}. */
  begin({ user, group, remote, address }: SessionStart): number {
    this.#batch.join();
    this.#prune.run();
    return Number(this.#begin.run(user ?? null, group ?? null, remote, address ?? null, Date.now()).lastInsertRowid);
  }

  end(id: number, { bytesIn, bytesOut, reason }: SessionEnd): void {
    this.#batch.join();
    this.#end.run(Date.now(), bytesIn, bytesOut, reason, id);
  }

  /** Ends what a crashed gateway left open. Only the gateway that holds the state folder may say so. */
  endLeftovers(): void {
    this.#batch.join();
    this.#endAll.run(Date.now(), 'the gateway ended without notice');
  }

  /** The latest first. */
  recent(limit: number): HistoryRow[] {
    return this.#recent.all(limit).map((row) => ({
      id: row.id as number,
      user: (row.user as string | null) ?? undefined,
      group: (row.group_name as string | null) ?? undefined,
      remote: row.remote as string,
      address: (row.address as string | null) ?? undefined,
      started: row.started as number,
      ended: (row.ended as number | null) ?? undefined,
      bytesIn: row.bytes_in as number,
      bytesOut: row.bytes_out as number,
      reason: (row.reason as string | null) ?? undefined,
    }));
  }
}
