/**
 * NT hashes of passwords, for users who log in by MS-CHAPv2. Unlike argon2's they are as good as the password to whoever
 * reads them, so a user has one only if asked for, and it lies sealed.
 */
import { ntPasswordHash } from '../core/ppp/ms-chap-v2.ts';
import { SealedSecrets } from './sealed-secrets.ts';
import type { Store } from './store/store.ts';
import type { User } from './store/users.ts';

export class NtHashes {
  readonly #users: Store['users'];
  readonly #secrets: SealedSecrets;

  constructor(store: Pick<Store, 'users' | 'folder'>) {
    this.#users = store.users;
    this.#secrets = new SealedSecrets(store.folder);
  }

  /** Throws {@link HostError} `USER_NOT_FOUND` or `KEY_FILE`. */
  set(name: string, password: string): void {
    this.#users.setNtHash(name, this.#secrets.seal(ntPasswordHash(password), owner(name)));
  }

  /** Undefined: the user has none. Throws {@link HostError} `KEY_FILE`. */
  find({ name, ntHash }: User): Uint8Array | undefined {
    return ntHash && this.#secrets.unseal(ntHash, owner(name));
  }
}

/** Apart from the same user's other secrets. */
function owner(name: string): string {
  return `nt-hash ${name}`;
}
