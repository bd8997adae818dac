/** Contexts of OpenSSL, and the small memory that its calls need. */
import type { Bytes } from '../core/bytes/bytes.ts';
import type { Pointer } from '../ffi/library.ts';
import * as openssl from '../ffi/openssl.ts';
import { OsslParam } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';

const KEY_SIZE = 64;
const IV_POOL_SIZE = 4096;

/** Small memory that all ciphers of a worker use in turn. */
export class CipherScratch {
  readonly arena: Arena;
  /** 12 bytes: salt and IV. */
  readonly nonce: number;
  /** Where OpenSSL writes how much it wrote. */
  readonly outLength: Pointer;
  /** A computed HMAC, whole. */
  readonly mac: number;
  /** OSSL_PARAM array of one octet string named "tag"; its data pointer is at tagParam + OsslParam.data. */
  readonly tagParam: number;
  readonly #key: number;
  readonly #ivPool: number;
  #ivNext = IV_POOL_SIZE;
  readonly #ciphers = new Map<string, Pointer>();
  #mac: Pointer = 0;

  constructor(arena: Arena) {
    this.arena = arena;
    this.nonce = arena.allocate(16, 16);
    this.outLength = arena.base + arena.allocate(8);
    this.mac = arena.allocate(64, 16);
    this.#key = arena.allocate(KEY_SIZE, 16);
    this.#ivPool = arena.allocate(IV_POOL_SIZE, 64);
    this.tagParam = this.#param('tag', openssl.OSSL_PARAM_OCTET_STRING, 16);
  }

  /** A context for `name` ("AES-128-GCM") under `key`; the key is wiped from the arena. */
  cipherContext(name: string, init: typeof openssl.EVP_EncryptInit_ex2, key: Bytes): Pointer {
    let cipher = this.#ciphers.get(name);
    if (cipher === undefined) {
      cipher = required(openssl.EVP_CIPHER_fetch(0, name, 0), `OpenSSL has no ${name}`);
      this.#ciphers.set(name, cipher);
    }
    const ctx = required(openssl.EVP_CIPHER_CTX_new(), 'OpenSSL is out of memory');
    const { nonce, arena } = this;
    arena.u8.fill(0, nonce, nonce + 16);
    const ok = this.#withKey(key, (address) => init(ctx, cipher, address, arena.base + nonce, 0));
    required(ok, `OpenSSL refuses the key for ${name}`);
    required(openssl.EVP_CIPHER_CTX_set_padding(ctx, 0), `OpenSSL refuses ${name} without padding`);
    return ctx;
  }

  /** An HMAC context for `digest` ("SHA1") under `key`. */
  macContext(digest: string, key: Bytes): Pointer {
    this.#mac ||= required(openssl.EVP_MAC_fetch(0, 'HMAC', 0), 'OpenSSL has no HMAC');
    const ctx = required(openssl.EVP_MAC_CTX_new(this.#mac), 'OpenSSL is out of memory');
    const value = this.#text(digest);
    const params = this.#param('digest', openssl.OSSL_PARAM_UTF8_STRING, digest.length, value);
    const { base } = this.arena;
    const ok = this.#withKey(key, (address) => openssl.EVP_MAC_init(ctx, address, key.length, base + params));
    required(ok, `OpenSSL refuses the key for HMAC-${digest}`);
    return ctx;
  }

  /** Writes 16 random bytes at `to`. Drawn in bulk: one call of the generator serves 256 packets. */
  randomIv(to: number): boolean {
    const { u8, base } = this.arena;
    if (this.#ivNext === IV_POOL_SIZE) {
      if (openssl.RAND_bytes(base + this.#ivPool, IV_POOL_SIZE) !== 1) return false;
      this.#ivNext = 0;
    }
    const from = this.#ivPool + this.#ivNext;
    u8.copyWithin(to, from, from + 16);
    this.#ivNext += 16;
    return true;
  }

  #withKey(key: Bytes, use: (address: Pointer) => number): number {
    const { u8, base } = this.arena;
    u8.set(key, this.#key);
    const result = use(base + this.#key);
    u8.fill(0, this.#key, this.#key + KEY_SIZE);
    return result;
  }

  readonly #texts = new Map<string, number>();

  /** `text` as a C string in the arena. */
  #text(text: string): number {
    let at = this.#texts.get(text);
    if (at === undefined) {
      at = this.arena.allocate(text.length + 1);
      this.arena.u8.set(Buffer.from(text), at);
      this.#texts.set(text, at);
    }
    return at;
  }

  readonly #params = new Map<string, number>();

  #param(key: string, type: number, size: number, data?: number): number {
    const name = `${key} ${data}`;
    let at = this.#params.get(name);
    if (at === undefined) {
      at = this.arena.allocate(2 * OsslParam.size);
      this.arena.setPointer(at + OsslParam.key, this.#text(key));
      this.arena.setSize(at + OsslParam.type, type);
      this.arena.setSize(at + OsslParam.dataSize, size);
      if (data !== undefined) this.arena.setPointer(at + OsslParam.data, data);
      this.#params.set(name, at);
    }
    return at;
  }
}

function required(result: Pointer, otherwise: string): Pointer {
  if (result > 0) return result;
  openssl.ERR_clear_error();
  throw new Error(otherwise);
}
