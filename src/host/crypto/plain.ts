/** Node's Buffers as plain Uint8Arrays, whose `slice` copies: core relies on that. */

export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
