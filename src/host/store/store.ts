/** What outlives the process: users, the addresses they had, who was on and who wasn't let in. SQLite, Node's own. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HostError } from '../errors.ts';
import { Batch } from './batch.ts';
import { FailureTable } from './failures.ts';
import { prepareStateFolder, stateError, touchPrivate } from './folder.ts';
import { HistoryTable } from './history.ts';
import { LeaseTable } from './leases.ts';
import { migrate } from './migrations.ts';
import { UserTable } from './users.ts';

export interface Store {
  /** The state folder. */
  readonly folder: string;
  readonly users: UserTable;
  readonly leases: LeaseTable;
  readonly history: HistoryTable;
  readonly failures: FailureTable;
  close(): void;
}

/**
 * Opens the store in the state folder, and makes both when they are missing. Throws {@link HostError}.
 *
 * @param onError hears why leases, history or failures of the last moment could not be kept
 */
export function openStore(folder: string, onError: (error: unknown) => void = () => {}): Store {
  prepareStateFolder(folder);
  const database = openDatabase(folder);
  const batch = new Batch(database, onError);
  return {
    folder,
    users: new UserTable(database, batch),
    leases: new LeaseTable(database, batch),
    history: new HistoryTable(database, batch),
    failures: new FailureTable(database, batch),
    close() {
      batch.commit();
      database.close();
    },
  };
}

/** Whether the folder holds a store already. */
export function storeExists(folder: string): boolean {
  return statSync(storePath(folder), { throwIfNoEntry: false }) !== undefined;
}

function storePath(folder: string): string {
  return join(folder, 'sallyport.db');
}

function openDatabase(folder: string): DatabaseSync {
  try {
    touchPrivate(storePath(folder));
    // The gateway and a command line may write at the same time, each for a moment.
    const database = new DatabaseSync(storePath(folder), { timeout: 5000 });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
    // Secrets that were taken away leave nothing in the file.
    database.exec('PRAGMA secure_delete = ON');
    migrate(database, storePath(folder));
    return database;
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw stateError(folder, error);
  }
}
