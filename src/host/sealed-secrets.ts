/** Secrets that have to be read again, unlike passwords: in the database they lie sealed by a key in a file outside it. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostError, systemReason } from './errors.ts';
import { makePrivateFolder } from './private-folder.ts';

const CIPHER = 'aes-256-gcm';
const KEY_LENGTH = 32;
const IV_LENGTH = 12;
const TAG_LENGTH = 16;

export class SealedSecrets {
  readonly #folder: string;
  readonly #file: string;
  #key: KeyObject | undefined;

  /** The key is made when the first secret is sealed. */
  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, 'keys');
    this.#file = join(this.#folder, 'totp.key');
  }

  /** IV | tag | ciphertext. Only `unseal` with the same `owner` opens it. Throws {@link HostError} `KEY_FILE`. */
  seal(secret: Uint8Array, owner: string): Buffer {
    const iv = randomBytes(IV_LENGTH);
    const cipher = createCipheriv(CIPHER, this.#open(true), iv).setAAD(Buffer.from(owner));
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  }

  /** Throws {@link HostError} `KEY_FILE` when the key is missing or another. */
  unseal(sealed: Uint8Array, owner: string): Buffer {
    const [iv, tag] = [sealed.subarray(0, IV_LENGTH), sealed.subarray(IV_LENGTH, IV_LENGTH + TAG_LENGTH)];
    const key = this.#open(false);
    try {
      const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_LENGTH });
      decipher.setAAD(Buffer.from(owner)).setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(IV_LENGTH + TAG_LENGTH)), decipher.final()]);
    } catch {
      throw new HostError('KEY_FILE', `${this.#file} is not the key that the secret of ${owner} was sealed with`);
    }
  }

  #open(make: boolean): KeyObject {
    if (make) this.#make();
    this.#key ??= createSecretKey(this.#read());
    return this.#key;
  }

  #read(): Buffer {
    let key: Buffer;
    try {
      key = readFileSync(this.#file);
    } catch (error) {
      throw new HostError('KEY_FILE', `can't read ${this.#file}: ${systemReason(error)}; take it from a backup`);
    }
    if (key.length === KEY_LENGTH) return key;
    throw new HostError('KEY_FILE', `${this.#file} holds no key of ${KEY_LENGTH} bytes; take it from a backup`);
  }

  #make(): void {
    try {
      makePrivateFolder(this.#folder);
      writeFileSync(this.#file, randomBytes(KEY_LENGTH), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw new HostError('KEY_FILE', `can't make ${this.#file}: ${systemReason(error)}`);
    }
  }
}
