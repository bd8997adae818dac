/**
 * AES-GCM in ESP, RFC 4106, without extended sequence numbers.
 *
 *     nonce = salt 4 | IV 8        AAD = SPI 4 | sequence 4        IV = 0 | sequence
 *
 * The sequence number is never used twice under a key, hence neither is the nonce.
 */
import type { Pointer } from '../ffi/library.ts';
import {
  ERR_clear_error,
  EVP_CIPHER_CTX_free,
  EVP_CIPHER_CTX_get_params,
  EVP_DecryptFinal_ex,
  EVP_DecryptInit_ex2,
  EVP_DecryptUpdate,
  EVP_EncryptFinal_ex,
  EVP_EncryptInit_ex2,
  EVP_EncryptUpdate,
} from '../ffi/openssl.ts';
import { OsslParam } from '../ffi/structs.ts';
import type { PacketKeys, PacketOpener, PacketSealer } from './cipher.ts';
import type { CipherScratch } from './cipher-scratch.ts';

const IV = 8;
const TAG = 16;
const HEADER = 8;

export class GcmSealer implements PacketSealer {
  readonly ivLength = IV;
  readonly icvLength = TAG;
  readonly blockLength = 4;
  readonly #scratch: CipherScratch;
  readonly #salt: number;
  readonly #ctx: Pointer;

  constructor(scratch: CipherScratch, keys: PacketKeys) {
    this.#scratch = scratch;
    this.#salt = saltOf(keys);
    this.#ctx = scratch.cipherContext(`AES-${keys.encryption.length * 8}-GCM`, EVP_EncryptInit_ex2, keys.encryption);
  }

  seal(at: number, from: number, length: number, sequence: number): boolean {
    const { arena, nonce, outLength, tagParam } = this.#scratch;
    const { view, base } = arena;
    const ctx = this.#ctx;
    view.setUint32(at + HEADER, 0);
    view.setUint32(at + HEADER + 4, sequence);
    view.setUint32(nonce, this.#salt);
    view.setUint32(nonce + 4, 0);
    view.setUint32(nonce + 8, sequence);
    const header = base + at;
    const ciphertext = header + HEADER + IV;
    arena.setAddress(tagParam + OsslParam.data, ciphertext + length);
    return (
      (EVP_EncryptInit_ex2(ctx, 0, 0, base + nonce, 0) === 1 &&
        EVP_EncryptUpdate(ctx, 0, outLength, header, HEADER) === 1 &&
        EVP_EncryptUpdate(ctx, ciphertext, outLength, base + from, length) === 1 &&
        EVP_EncryptFinal_ex(ctx, ciphertext, outLength) === 1 &&
        EVP_CIPHER_CTX_get_params(ctx, base + tagParam) === 1) ||
      refused()
    );
  }

  free(): void {
    EVP_CIPHER_CTX_free(this.#ctx);
  }
}

export class GcmOpener implements PacketOpener {
  readonly ivLength = IV;
  readonly icvLength = TAG;
  readonly blockLength = 4;
  readonly #scratch: CipherScratch;
  readonly #salt: number;
  readonly #ctx: Pointer;

  constructor(scratch: CipherScratch, keys: PacketKeys) {
    this.#scratch = scratch;
    this.#salt = saltOf(keys);
    this.#ctx = scratch.cipherContext(`AES-${keys.encryption.length * 8}-GCM`, EVP_DecryptInit_ex2, keys.encryption);
  }

  open(at: number, length: number): boolean {
    const { arena, nonce, outLength, tagParam } = this.#scratch;
    const { view, base } = arena;
    const ctx = this.#ctx;
    view.setUint32(nonce, this.#salt);
    view.setUint32(nonce + 4, view.getUint32(at + HEADER));
    view.setUint32(nonce + 8, view.getUint32(at + HEADER + 4));
    const header = base + at;
    const payload = header + HEADER + IV;
    const payloadLength = length - HEADER - IV - TAG;
    arena.setAddress(tagParam + OsslParam.data, payload + payloadLength);
    return (
      (EVP_DecryptInit_ex2(ctx, 0, 0, base + nonce, base + tagParam) === 1 &&
        EVP_DecryptUpdate(ctx, 0, outLength, header, HEADER) === 1 &&
        EVP_DecryptUpdate(ctx, payload, outLength, payload, payloadLength) === 1 &&
        EVP_DecryptFinal_ex(ctx, payload, outLength) === 1) ||
      refused()
    );
  }

  free(): void {
    EVP_CIPHER_CTX_free(this.#ctx);
  }
}

/** The salt makes nonces differ between keys; it is not a secret that needs wiping (RFC 4106 section 4). */
function saltOf(keys: PacketKeys): number {
  return new DataView(keys.salt.buffer, keys.salt.byteOffset, 4).getUint32(0);
}

function refused(): false {
  ERR_clear_error();
  return false;
}
