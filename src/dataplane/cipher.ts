/** The cipher of one SA as the packet code uses it. */
import type { Bytes } from '../core/bytes/bytes.ts';
import type { EspSuite } from '../core/crypto/algorithms.ts';

/**
 * An ESP packet in the arena. `at` is where its header begins; the cipher knows its own IV and ICV lengths:
 *
 *     | SPI 4 | sequence 4 | IV | payload, padding, pad length, next header | ICV |
 *     ^ at                 ^ at + 8
 */
export interface PacketCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  /** Payload and trailer together are a multiple of this: the cipher's block, at least 4. */
  readonly blockLength: number;
  /** Frees the contexts, which wipes the keys. */
  free(): void;
}

export interface PacketSealer extends PacketCipher {
  /**
   * Encrypts the `length` bytes at `from`, trailer included, and writes IV, ciphertext and ICV behind the header at `at`.
   * Overwrites up to 16 bytes before `from`. False: OpenSSL refused, nothing may be sent.
   */
  seal(at: number, from: number, length: number, sequence: number): boolean;
}

export interface PacketOpener extends PacketCipher {
  /** Authenticates the packet of `length` bytes and decrypts its payload in place. False: forged, its bytes are worthless. */
  open(at: number, length: number): boolean;
}

/** The keys as they come down: the cipher's, GCM's salt, the integrity key. */
export interface PacketKeys {
  readonly encryption: Bytes;
  readonly salt: Bytes;
  readonly integrity: Bytes;
}

/** What makes the ciphers of a worker. */
export interface CipherFactory {
  sealer(suite: EspSuite, keys: PacketKeys): PacketSealer;
  opener(suite: EspSuite, keys: PacketKeys): PacketOpener;
}
