/** Where a capture's bytes come from: a file, or a stream; either may be compressed. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Bytes, concat, EMPTY } from '../../core/bytes/bytes.ts';
import { systemReason } from '../../host/errors.ts';
import { CaptureError } from './damage.ts';

export interface ByteSource {
  /** Fills `into` from its beginning; gives how many bytes, 0 at the end. Throws when the source fails before its end. */
  read(into: Uint8Array): number | Promise<number>;
  close(): void;
}

/** RFC 1952 section 2.3.1. */
const GZIP_MAGIC = Uint8Array.of(0x1f, 0x8b);
/** What inflating makes at a time. */
const INFLATED_CHUNK = 128 * 1024;

/** A file, a pipe or a device. Throws {@link CaptureError}. */
export async function openPath(path: string): Promise<ByteSource> {
  try {
    const file = openSync(path, 'r');
    const isPlain = fstatSync(file).isFile() && !isGzip(peek(file));
    if (isPlain) return new FileSource(file);
    return await openStream(createReadStream(path, { fd: file }));
  } catch (error) {
    throw new CaptureError(`can't read ${path}: ${systemReason(error)}`);
  }
}

/** Compressed or not: its first bytes tell. */
export async function openStream(stream: Readable): Promise<ByteSource> {
  const chunks = new Chunks(stream);
  let begin: Bytes = EMPTY;
  while (begin.length < GZIP_MAGIC.length) {
    const chunk = await chunks.next();
    if (chunk === undefined) return new StreamSource(chunks, begin);
    begin = concat(begin, chunk);
  }
  if (!isGzip(begin)) return new StreamSource(chunks, begin);
  chunks.release(begin);
  const inflated = createGunzip({ chunkSize: INFLATED_CHUNK });
  // what goes wrong shows at `inflated`, where somebody reads
  return new StreamSource(new Chunks(pipeline(stream, inflated, () => {})), EMPTY);
}

function peek(file: number): Bytes {
  const begin = new Uint8Array(GZIP_MAGIC.length);
  return begin.subarray(0, readSync(file, begin, 0, begin.length, 0));
}

function isGzip(begin: Bytes): boolean {
  return GZIP_MAGIC.every((byte, i) => begin[i] === byte);
}

/** Read in place and at once: handing work to other threads and back would take as long as the reading. */
class FileSource implements ByteSource {
  readonly #file: number;

  constructor(file: number) {
    this.#file = file;
  }

  read(into: Uint8Array): number {
    return readSync(this.#file, into);
  }

  close(): void {
    closeSync(this.#file);
  }
}

class StreamSource implements ByteSource {
  readonly #chunks: Chunks;
  #chunk: Bytes;

  constructor(chunks: Chunks, begin: Bytes) {
    this.#chunks = chunks;
    this.#chunk = begin;
  }

  async read(into: Uint8Array): Promise<number> {
    if (this.#chunk.length === 0) this.#chunk = (await this.#chunks.next()) ?? EMPTY;
    const length = Math.min(this.#chunk.length, into.length);
    into.set(this.#chunk.subarray(0, length));
    this.#chunk = this.#chunk.subarray(length);
    return length;
  }

  close(): void {
    this.#chunks.close();
  }
}

/** A stream's chunks one by one. What came before an error is given before it: iterating over the stream would drop it. */
class Chunks {
  readonly #stream: Readable;
  #isOver = false;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('readable', () => this.#wake());
    stream.on('end', () => this.#end());
    stream.on('close', () => this.#end());
    stream.on('error', (error) => this.#end(error));
  }

  /** Undefined at the end. */
  async next(): Promise<Bytes | undefined> {
    for (;;) {
      const chunk: Bytes | null = this.#stream.read();
      if (chunk !== null) return chunk;
      if (this.#error) throw this.#error;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Leaves the stream to another reader, who gets `begin` once more. */
  release(begin: Bytes): void {
    this.#stream.removeAllListeners('readable');
    this.#stream.unshift(begin);
  }

  close(): void {
    this.#stream.destroy();
  }

  #end(error?: Error): void {
    this.#error ??= error;
    this.#isOver = true;
    this.#wake();
  }
}
