/** The second factor of users: its secret is given once, and each passcode counts once. */
import { SealedSecrets } from './sealed-secrets.ts';
import type { Store } from './store/store.ts';
import type { User } from './store/users.ts';
import { generateTotpSecret, matchPasscode, otpauthUri } from './totp.ts';

export class Passcodes {
  readonly #users: Store['users'];
  readonly #secrets: SealedSecrets;
  readonly #wallClock: () => number;

  /** @param wallClock Unix milliseconds */
  constructor(store: Pick<Store, 'users' | 'folder'>, wallClock = Date.now) {
    this.#users = store.users;
    this.#secrets = new SealedSecrets(store.folder);
    this.#wallClock = wallClock;
  }

  /** Gives the user a new secret; the URI that shows it to an app comes back, and nothing shows it again. */
  enroll(name: string): string {
    const secret = generateTotpSecret();
    this.#users.setTotp(name, this.#secrets.seal(secret, name));
    return otpauthUri(name, secret);
  }

  remove(name: string): void {
    this.#users.setTotp(name, undefined);
  }

  /** Whether `typed` is the user's passcode now; it is used up then. A user without a second factor has none. */
  accepts(user: User, typed: string): boolean {
    if (!user.totp) return false;
    const secret = this.#secrets.unseal(user.totp, user.name);
    const step = matchPasscode(secret, typed, this.#wallClock(), user.totpStep);
    return step !== undefined && this.#users.useTotpStep(user.name, step);
  }
}
