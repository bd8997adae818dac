/**
 * The dataplane's worker with a cipher that does nothing, to see what the rest of the road costs. Only the benchmark can
 * start it: the product opens its own worker, which knows no such cipher, whatever is configured or negotiated.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Arena } from '../../src/dataplane/arena.ts';
import type { CipherFactory, PacketOpener, PacketSealer } from '../../src/dataplane/cipher.ts';
import { runLoop } from '../../src/dataplane/loop.ts';
import type { WorkerData } from '../../src/dataplane/worker-data.ts';

const HEADER = 8;

/** As long as AES-GCM's packets, so that the rest is the same. */
class NullCipher implements PacketSealer, PacketOpener {
  readonly ivLength = 8;
  readonly icvLength = 16;
  readonly blockLength = 4;
  readonly #u8: Uint8Array;

  constructor(arena: Arena) {
    this.#u8 = arena.u8;
  }

  seal(at: number, from: number, length: number): boolean {
    const to = at + HEADER + this.ivLength;
    this.#u8.copyWithin(to, from, from + length);
    this.#u8.fill(0, to + length, to + length + this.icvLength);
    return true;
  }

  open(): boolean {
    return true;
  }

  free(): void {}
}

function nullCiphers(arena: Arena): CipherFactory {
  const cipher = new NullCipher(arena);
  return { sealer: () => cipher, opener: () => cipher };
}

runLoop(workerData as WorkerData, nullCiphers, () => parentPort?.postMessage('ready'));
