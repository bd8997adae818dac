/**
 * What challenges by PPP need of a user's password: its NT hash for MS-CHAPv2, the password itself for CHAP with MD5. Unlike
 * argon2's hash they let in whoever reads them, so a user has one only if asked for, and it lies sealed.
 */
import { utf8 } from '../core/bytes/text.ts';
import { ntPasswordHash } from '../core/ppp/ms-chap-v2.ts';
import { SealedSecrets } from './sealed-secrets.ts';
import type { Store } from './store/store.ts';
import type { LoginSecret, User } from './store/users.ts';

const MADE: Readonly<Record<LoginSecret, (password: string) => Uint8Array>> = {
  ntHash: ntPasswordHash,
  chapPassword: utf8,
};
/** Apart from the same user's other secrets. */
const OWNERS: Readonly<Record<LoginSecret, string>> = { ntHash: 'nt-hash', chapPassword: 'chap-password' };

export class LoginSecrets {
  readonly #users: Store['users'];
  readonly #secrets: SealedSecrets;

  constructor(store: Pick<Store, 'users' | 'folder'>) {
    this.#users = store.users;
    this.#secrets = new SealedSecrets(store.folder);
  }

  /** Throws {@link HostError} `USER_NOT_FOUND` or `KEY_FILE`. */
  set(name: string, secret: LoginSecret, password: string): void {
    this.#users.setLoginSecret(name, secret, this.#secrets.seal(MADE[secret](password), owner(name, secret)));
  }

  /** Throws {@link HostError} `USER_NOT_FOUND`. */
  remove(name: string, secret: LoginSecret): void {
    this.#users.setLoginSecret(name, secret, undefined);
  }

  /** Undefined: the user has none. Throws {@link HostError} `KEY_FILE`. */
  find(user: User, secret: LoginSecret): Uint8Array | undefined {
    const sealed = user[secret];
    return sealed && this.#secrets.unseal(sealed, owner(user.name, secret));
  }
}

function owner(name: string, secret: LoginSecret): string {
  return `${OWNERS[secret]} ${name}`;
}
