/** The store's schema and how it grew: one step a version, applied in order, each in one transaction. */
import type { DatabaseSync } from 'node:sqlite';
import { HostError } from '../errors.ts';

const STEPS: readonly string[] = [
  `
  CREATE TABLE users (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    address TEXT UNIQUE,
    created INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE leases (
    group_name TEXT NOT NULL,
    user TEXT NOT NULL,
    address TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (group_name, user)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT,
    group_name TEXT,
    remote TEXT NOT NULL,
    address TEXT,
    started INTEGER NOT NULL,
    ended INTEGER,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0,
    reason TEXT
  ) STRICT;
  CREATE INDEX history_open ON history (id) WHERE ended IS NULL;
  CREATE TABLE failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    user TEXT,
    group_name TEXT,
    remote TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE users ADD COLUMN totp BLOB;
  ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
  `,
  'ALTER TABLE users ADD COLUMN nt_hash BLOB;',
  'ALTER TABLE users ADD COLUMN chap_password BLOB;',
];

export const SCHEMA_VERSION = STEPS.length;

/** Brings the database up to date. Throws when a newer Sallyport wrote it. */
export function migrate(database: DatabaseSync, path: string): void {
  // Two processes may both find a new store: the lock comes before the look.
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = database.prepare('PRAGMA user_version').get()?.user_version as number;
    if (version > SCHEMA_VERSION) {
      throw new HostError(
        'STORE_NEWER',
        `${path} was written by a newer Sallyport (schema ${version}, ours is ${SCHEMA_VERSION})`,
      );
    }
    for (const step of STEPS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    database.close();
    throw error;
  }
}
