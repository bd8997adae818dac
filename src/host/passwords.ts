/** Checks a login's password and passcode, in the same time whether the user exists or not, and slower for those who guess. */
import type { Instant } from '../core/net/time.ts';
import { dummyHash, MAX_PASSWORD_BYTES, matchesHash } from './argon2.ts';
import { HostError } from './errors.ts';
import type { LoginSecrets } from './login-secrets.ts';
import type { Passcodes } from './passcodes.ts';
import type { LoginSecret, User, UserTable } from './store/users.ts';
import { Throttle } from './throttle.ts';

export interface Who {
  readonly user: string;
  /** The peer's address as text, without the port: a NAT changes that. */
  readonly source: string;
}

export interface LoginAttempt extends Who {
  readonly password: string;
}

export type LoginVerdict =
  | { readonly ok: true; readonly user: User }
  /** The password is right, and the passcode is due: `verifyPasscode`. */
  | { readonly ok: 'passcode' }
  | {
      readonly ok: false;
      readonly reason: FailedLogin | 'throttled';
    };

type FailedLogin = 'unknown-user' | 'wrong-password' | 'wrong-passcode' | (typeof MISSING)[LoginSecret];

const MISSING = { ntHash: 'no-nt-hash', chapPassword: 'no-chap-password' } as const;

export interface Clock {
  now(): Instant;
  sleep(milliseconds: number): Promise<void>;
}

const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref()),
};

/** Attempts of one source that are checked or wait for it at once: some of the queue is left to others. */
export const MAX_OF_SOURCE = 150;
/** Attempts held back at once; one more is refused unchecked. */
const MAX_HELD = 100;

const NAMELESS = dummyHash();

export class PasswordVerifier {
  readonly #users: Pick<UserTable, 'find'>;
  readonly #passcodes: Pick<Passcodes, 'accepts'>;
  readonly #secrets: Pick<LoginSecrets, 'find'>;
  readonly #clock: Clock;
  readonly #throttle = new Throttle();
  /** Users with an attempt held back: guessing in parallel gains nothing. */
  readonly #held = new Set<string>();
  /** Attempts being checked, by source. */
  readonly #checking = new Map<string, number>();
  #mostHeld = 0;

  constructor(
    users: Pick<UserTable, 'find'>,
    passcodes: Pick<Passcodes, 'accepts'>,
    secrets: Pick<LoginSecrets, 'find'>,
    clock: Clock = REAL_CLOCK,
  ) {
    this.#secrets = secrets;
    this.#users = users;
    this.#passcodes = passcodes;
    this.#clock = clock;
  }

  /** Attempts that are held back, and the most that ever were. */
  get held(): { readonly waiting: number; readonly highest: number } {
    return { waiting: this.#held.size, highest: this.#mostHeld };
  }

  verify(attempt: LoginAttempt): Promise<LoginVerdict> {
    return this.#guard(attempt, () => this.#checkPassword(attempt));
  }

  /** After `verify` said that one is due; `attempt.password` is the passcode. */
  verifyPasscode(attempt: LoginAttempt): Promise<LoginVerdict> {
    return this.#guard(attempt, async () => this.#checkPasscode(attempt));
  }

  /** @param proves whether the client's answer to a challenge was made with this secret of the user's */
  verifyChallenged(attempt: Who, secret: LoginSecret, proves: (known: Uint8Array) => boolean): Promise<LoginVerdict> {
    return this.#guard(attempt, async () => this.#checkChallenged(attempt, secret, proves));
  }

  async #guard(attempt: Who, check: () => Promise<LoginVerdict>): Promise<LoginVerdict> {
    const wait = this.#throttle.wait(attempt.user, attempt.source, this.#clock.now());
    if (wait > 0 && !(await this.#hold(attempt, wait))) return { ok: false, reason: 'throttled' };
    const { source } = attempt;
    const beside = this.#checking.get(source) ?? 0;
    if (beside >= MAX_OF_SOURCE) return { ok: false, reason: 'throttled' };
    this.#checking.set(source, beside + 1);
    try {
      return await check();
    } catch (error) {
      if (error instanceof HostError && error.code === 'BUSY') return { ok: false, reason: 'throttled' };
      throw error;
    } finally {
      const left = this.#checking.get(source)! - 1;
      if (left > 0) this.#checking.set(source, left);
      else this.#checking.delete(source);
    }
  }

  async #hold({ user }: Who, wait: number): Promise<boolean> {
    if (this.#held.has(user) || this.#held.size >= MAX_HELD) return false;
    this.#held.add(user);
    this.#mostHeld = Math.max(this.#mostHeld, this.#held.size);
    await this.#clock.sleep(wait);
    this.#held.delete(user);
    return true;
  }

  /** With a passcode due the slate isn't clean yet: who knows the password could guess at the passcode without end. */
  async #checkPassword({ user: name, source, password }: LoginAttempt): Promise<LoginVerdict> {
    const user = this.#users.find(name);
    this.#throttle.began(name, source, this.#clock.now());
    const matches = await matchesHash(password.slice(0, MAX_PASSWORD_BYTES), user?.passwordHash ?? NAMELESS);
    const allowed = password !== '' && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES;
    if (!user || !matches || !allowed) {
      return this.#fail(name, source, user ? 'wrong-password' : 'unknown-user');
    }
    return user.totp ? { ok: 'passcode' } : this.#succeed(user, source);
  }

  /** Too quick to show by its time whether there is such a user. */
  #checkChallenged(
    { user: name, source }: Who,
    secret: LoginSecret,
    proves: (known: Uint8Array) => boolean,
  ): LoginVerdict {
    const user = this.#users.find(name);
    this.#throttle.began(name, source, this.#clock.now());
    const known = user && this.#secrets.find(user, secret);
    if (user && !known) return this.#fail(name, source, MISSING[secret]);
    if (!user || !known || !proves(known)) return this.#fail(name, source, user ? 'wrong-password' : 'unknown-user');
    return user.totp ? { ok: 'passcode' } : this.#succeed(user, source);
  }

  #checkPasscode({ user: name, source, password }: LoginAttempt): LoginVerdict {
    const user = this.#users.find(name);
    this.#throttle.began(name, source, this.#clock.now());
    const accepted = user !== undefined && this.#passcodes.accepts(user, password);
    return accepted ? this.#succeed(user, source) : this.#fail(name, source, 'wrong-passcode');
  }

  #succeed(user: User, source: string): LoginVerdict {
    this.#throttle.succeeded(user.name, source, this.#clock.now());
    return { ok: true, user };
  }

  #fail(name: string, source: string, reason: FailedLogin): LoginVerdict {
    this.#throttle.failed(name, source, this.#clock.now());
    return { ok: false, reason };
  }
}
