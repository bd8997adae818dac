/** A small block of memory for setting things up: ioctls, socket options. Not for packets. */
import { addressOf, type Pointer } from './library.ts';

export class Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly address: Pointer;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    // Asking for the buffer moves a small array out of the garbage-collected heap; only then it has an address.
    this.view = new DataView(this.bytes.buffer);
    this.address = addressOf(this.bytes);
  }

  /** Writes `address` as a pointer at `at`. */
  setPointer(at: number, address: Pointer): void {
    this.view.setBigUint64(at, BigInt(address), true);
  }
}
