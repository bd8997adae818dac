/** Makes the ciphers of every suite with OpenSSL. */
import type { EspSuite } from '../core/crypto/algorithms.ts';
import type { Arena } from './arena.ts';
import type { CipherFactory, PacketKeys, PacketOpener, PacketSealer } from './cipher.ts';
import { CbcOpener, CbcSealer } from './cipher-cbc.ts';
import { GcmOpener, GcmSealer } from './cipher-gcm.ts';
import { CipherScratch } from './cipher-scratch.ts';

export class OpensslCiphers implements CipherFactory {
  readonly #scratch: CipherScratch;

  constructor(arena: Arena) {
    this.#scratch = new CipherScratch(arena);
  }

  sealer(suite: EspSuite, keys: PacketKeys): PacketSealer {
    return suite.cipher === 'aes-gcm' ? new GcmSealer(this.#scratch, keys) : new CbcSealer(this.#scratch, suite, keys);
  }

  opener(suite: EspSuite, keys: PacketKeys): PacketOpener {
    return suite.cipher === 'aes-gcm' ? new GcmOpener(this.#scratch, keys) : new CbcOpener(this.#scratch, suite, keys);
  }
}
