/** The users of this gateway, by exact name. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { HostError } from '../errors.ts';
import type { Batch } from './batch.ts';

export interface User {
  readonly name: string;
  /** PHC string of argon2id. */
  readonly passwordHash: string;
  /** Static inner address, in canonical text. */
  readonly address: string | undefined;
  /** Unix milliseconds. */
  readonly created: number;
  /** Secret of the second factor, sealed; undefined: the user has none. */
  readonly totp: Uint8Array | undefined;
  /** NT hash of the password, sealed; undefined: the user can't log in by MS-CHAPv2. */
  readonly ntHash: Uint8Array | undefined;
  /** The password, sealed; undefined: the user can't log in by CHAP with MD5. */
  readonly chapPassword: Uint8Array | undefined;
  /** The step whose passcode was used last. */
  readonly totpStep: number;
}

/** What is kept beside the password's hash for methods that challenge. */
export type LoginSecret = 'ntHash' | 'chapPassword';

export class UserTable {
  readonly #batch: Batch;
  readonly #add: StatementSync;
  readonly #find: StatementSync;
  readonly #findAddress: StatementSync;
  readonly #setPassword: StatementSync;
  readonly #setTotp: StatementSync;
  readonly #setLoginSecret: Readonly<Record<LoginSecret, StatementSync>>;
  readonly #useTotpStep: StatementSync;
  readonly #remove: StatementSync;
  readonly #list: StatementSync;
  readonly #addresses: StatementSync;

  /** What is written here is durable at once: it ends the batch under way. */
  constructor(database: DatabaseSync, batch: Batch) {
    this.#batch = batch;
    this.#add = database.prepare('INSERT INTO users (name, password_hash, address, created) VALUES (?, ?, ?, ?)');
    this.#find = database.prepare('SELECT * FROM users WHERE name = ?');
    this.#findAddress = database.prepare('SELECT * FROM users WHERE address = ?');
    this.#setPassword = database.prepare('UPDATE users SET password_hash = ? WHERE name = ?');
    this.#setTotp = database.prepare('UPDATE users SET totp = ?, totp_step = 0 WHERE name = ?');
    this.#setLoginSecret = {
      ntHash: database.prepare('UPDATE users SET nt_hash = ? WHERE name = ?'),
      chapPassword: database.prepare('UPDATE users SET chap_password = ? WHERE name = ?'),
    };
    this.#useTotpStep = database.prepare('UPDATE users SET totp_step = ? WHERE name = ? AND totp_step < ?');
    this.#remove = database.prepare('DELETE FROM users WHERE name = ?');
    this.#list = database.prepare('SELECT * FROM users ORDER BY name');
    this.#addresses = database.prepare('SELECT address FROM users WHERE address IS NOT NULL');
  }

  /** Throws as {@link expectFree} does. */
  add(name: string, passwordHash: string, address?: string): void {
    this.expectFree(name, address);
    this.#write(this.#add, name, passwordHash, address ?? null, Date.now());
  }

  /** Throws {@link HostError} `USER_EXISTS` or `ADDRESS_TAKEN`. */
  expectFree(name: string, address?: string): void {
    if (this.find(name))
      throw new HostError('USER_EXISTS', `user ${name} exists already; 'user passwd' changes the password`);
    const holder = address === undefined ? undefined : this.withAddress(address);
    if (holder) throw new HostError('ADDRESS_TAKEN', `${address} is the static address of ${holder.name}`);
  }

  /** Throws {@link HostError} `USER_NOT_FOUND`. */
  expectKnown(name: string): void {
    if (!this.find(name)) throw notFound(name);
  }

  find(name: string): User | undefined {
    return toUser(this.#find.get(name));
  }

  withAddress(address: string): User | undefined {
    return toUser(this.#findAddress.get(address));
  }

  /** Throws {@link HostError} `USER_NOT_FOUND`. */
  setPassword(name: string, passwordHash: string): void {
    if (this.#write(this.#setPassword, passwordHash, name) === 0) throw notFound(name);
  }

  /** Sealed; undefined takes the second factor away. Throws {@link HostError} `USER_NOT_FOUND`. */
  setTotp(name: string, sealed: Uint8Array | undefined): void {
    if (this.#write(this.#setTotp, sealed ?? null, name) === 0) throw notFound(name);
  }

  /** Sealed; undefined takes it away. Throws {@link HostError} `USER_NOT_FOUND`. */
  setLoginSecret(name: string, secret: LoginSecret, sealed: Uint8Array | undefined): void {
    if (this.#write(this.#setLoginSecret[secret], sealed ?? null, name) === 0) throw notFound(name);
  }

  /** False: this step or a later one was used already. */
  useTotpStep(name: string, step: number): boolean {
    return this.#write(this.#useTotpStep, step, name, step) === 1;
  }

  /** Throws {@link HostError} `USER_NOT_FOUND`. */
  remove(name: string): void {
    if (this.#write(this.#remove, name) === 0) throw notFound(name);
  }

  /** The static ones of all users. */
  addresses(): string[] {
    return this.#addresses.all().map(({ address }) => address as string);
  }

  /** By name. */
  list(): User[] {
    return this.#list.all().map((row) => toUser(row)!);
  }

  /** Gives the number of rows that changed. */
  #write(statement: StatementSync, ...values: SQLInputValue[]): number {
    this.#batch.commit();
    return Number(statement.run(...values).changes);
  }
}

function notFound(name: string): HostError {
  return new HostError('USER_NOT_FOUND', `there is no user ${name}; 'user list' shows those there are`);
}

function toUser(row: Record<string, unknown> | undefined): User | undefined {
  if (!row) return undefined;
  return {
    name: row.name as string,
    passwordHash: row.password_hash as string,
    address: (row.address as string | null) ?? undefined,
    created: row.created as number,
    totp: (row.totp as Uint8Array | null) ?? undefined,
    ntHash: (row.nt_hash as Uint8Array | null) ?? undefined,
    chapPassword: (row.chap_password as Uint8Array | null) ?? undefined,
    totpStep: row.totp_step as number,
  };
}
