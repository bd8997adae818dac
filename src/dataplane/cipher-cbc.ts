/**
 * AES-CBC or 3DES-CBC with HMAC, RFC 3602, 2451, 2404, 2403, 4868: encrypt, then authenticate header, IV and ciphertext.
 *
 * The cipher's context is never begun anew (75 to 120 ns a packet). Encrypting, it takes one random block in front of the
 * payload, whose ciphertext is the IV: E(K, random xor the last block sent), which nobody can predict and which is what
 * SP 800-38A appendix C asks for. Decrypting, it takes the IV as a first ciphertext block, whose plaintext means nothing:
 *
 *     encrypt:  random | payload     ->  IV | ciphertext
 *     decrypt:  IV | ciphertext      ->  junk | payload
 */
import { BLOCK_LENGTH, type CbcCipher, type EspSuite, type HashName, ICV_LENGTH } from '../core/crypto/algorithms.ts';
import type { Pointer } from '../ffi/library.ts';
import {
  CRYPTO_memcmp,
  ERR_clear_error,
  EVP_CIPHER_CTX_free,
  EVP_DecryptInit_ex2,
  EVP_DecryptUpdate,
  EVP_EncryptInit_ex2,
  EVP_EncryptUpdate,
  EVP_MAC_CTX_free,
  EVP_MAC_final,
  EVP_MAC_init,
  EVP_MAC_update,
} from '../ffi/openssl.ts';
import type { PacketKeys, PacketOpener, PacketSealer } from './cipher.ts';
import type { CipherScratch } from './cipher-scratch.ts';

const HEADER = 8;
const MAC_SIZE = 64;

export class CbcSealer implements PacketSealer {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  readonly #scratch: CipherScratch;
  readonly #ctx: Pointer;
  readonly #mac: Pointer;

  constructor(scratch: CipherScratch, suite: EspSuite, keys: PacketKeys) {
    const { block, icv, hash, cipher } = readSuite(suite);
    this.#scratch = scratch;
    this.blockLength = block;
    this.ivLength = block;
    this.icvLength = icv;
    this.#ctx = scratch.cipherContext(cipher, EVP_EncryptInit_ex2, keys.encryption);
    this.#mac = scratch.macContext(hash, keys.integrity);
  }

  seal(at: number, from: number, length: number, _sequence: number): boolean {
    const { arena, outLength, mac } = this.#scratch;
    const { u8, base } = arena;
    const iv = this.ivLength;
    // Of the 16 bytes the last `iv` stand directly before the payload.
    if (!this.#scratch.randomIv(from - 16)) return refused();
    const header = base + at;
    const covered = HEADER + iv + length;
    if (
      EVP_EncryptUpdate(this.#ctx, header + HEADER, outLength, base + from - iv, iv + length) !== 1 ||
      EVP_MAC_init(this.#mac, 0, 0, 0) !== 1 ||
      EVP_MAC_update(this.#mac, header, covered) !== 1 ||
      EVP_MAC_final(this.#mac, base + mac, outLength, MAC_SIZE) !== 1
    )
      return refused();
    u8.copyWithin(at + covered, mac, mac + this.icvLength);
    return true;
  }

  free(): void {
    EVP_CIPHER_CTX_free(this.#ctx);
    EVP_MAC_CTX_free(this.#mac);
  }
}

export class CbcOpener implements PacketOpener {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  readonly #scratch: CipherScratch;
  readonly #ctx: Pointer;
  readonly #mac: Pointer;

  constructor(scratch: CipherScratch, suite: EspSuite, keys: PacketKeys) {
    const { block, icv, hash, cipher } = readSuite(suite);
    this.#scratch = scratch;
    this.blockLength = block;
    this.ivLength = block;
    this.icvLength = icv;
    this.#ctx = scratch.cipherContext(cipher, EVP_DecryptInit_ex2, keys.encryption);
    this.#mac = scratch.macContext(hash, keys.integrity);
  }

  open(at: number, length: number): boolean {
    const { arena, outLength, mac } = this.#scratch;
    const { base } = arena;
    const header = base + at;
    const covered = length - this.icvLength;
    if (
      EVP_MAC_init(this.#mac, 0, 0, 0) !== 1 ||
      EVP_MAC_update(this.#mac, header, covered) !== 1 ||
      EVP_MAC_final(this.#mac, base + mac, outLength, MAC_SIZE) !== 1
    )
      return refused();
    if (CRYPTO_memcmp(base + mac, header + covered, this.icvLength) !== 0) return false;
    const iv = header + HEADER;
    return EVP_DecryptUpdate(this.#ctx, iv, outLength, iv, covered - HEADER) === 1 || refused();
  }

  free(): void {
    EVP_CIPHER_CTX_free(this.#ctx);
    EVP_MAC_CTX_free(this.#mac);
  }
}

const DIGEST: Readonly<Record<HashName, string>> = {
  md5: 'MD5',
  sha1: 'SHA1',
  sha256: 'SHA256',
  sha384: 'SHA384',
  sha512: 'SHA512',
};

const CIPHER: Readonly<Record<CbcCipher, (keyBits: number) => string>> = {
  'aes-cbc': (keyBits) => `AES-${keyBits}-CBC`,
  '3des-cbc': () => 'DES-EDE3-CBC',
};

/** Sizes in bytes, and OpenSSL's names. */
function readSuite(suite: EspSuite): { block: number; icv: number; hash: string; cipher: string } {
  const { cipher, keyBits, integrity } = suite;
  if (cipher === 'aes-gcm' || integrity === undefined) throw new Error('a CBC suite has an integrity hash');
  return {
    block: BLOCK_LENGTH[cipher],
    icv: ICV_LENGTH[integrity],
    hash: DIGEST[integrity],
    cipher: CIPHER[cipher](keyBits),
  };
}

function refused(): false {
  ERR_clear_error();
  return false;
}
