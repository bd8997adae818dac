/**
 * The memory that the worker shares with the kernel and OpenSSL: packets, msghdrs, keys on their way. A WebAssembly.Memory
 * that never grows keeps its address, and the checksum code works on it.
 */
import { addressOf, type Pointer } from '../ffi/library.ts';

const PAGE = 65_536;
const PAGES = 180;

export class Arena {
  readonly memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  readonly u8 = new Uint8Array(this.memory.buffer);
  readonly u32 = new Uint32Array(this.memory.buffer);
  readonly view = new DataView(this.memory.buffer);
  /** Address of offset 0: `base + offset` is what C gets. */
  readonly base: Pointer = addressOf(this.u8);
  #next = 64;

  /** Takes `bytes` zeroed bytes, for good. */
  allocate(bytes: number, alignment = 8): number {
    const at = Math.ceil(this.#next / alignment) * alignment;
    if (at + bytes > PAGES * PAGE) throw new RangeError(`the arena of ${PAGES * PAGE} bytes is full`);
    this.#next = at + bytes;
    return at;
  }

  /** Writes a pointer to offset `target` at `at`, a multiple of 8. */
  setPointer(at: number, target: number): void {
    this.setAddress(at, this.base + target);
  }

  setAddress(at: number, address: Pointer): void {
    this.u32[at >> 2] = address >>> 0;
    this.u32[(at >> 2) + 1] = Math.floor(address / 4294967296);
  }

  /** Writes a size_t below 2^32. */
  setSize(at: number, size: number): void {
    this.u32[at >> 2] = size;
    this.u32[(at >> 2) + 1] = 0;
  }
}
