/** Text of profiles that other programs wrote: whatever its encoding, in lines with their positions. */
import type { Report } from '../report.ts';

/** Bytes; a profile has a few hundred. */
export const MAX_PROFILE_LENGTH = 1 << 20;
export const MAX_LINES = 2000;

export interface ProfileText {
  readonly text: string;
  /** The bytes of a part of the text, as they stood in the file: what a password is, is its bytes. */
  readonly bytesOf: (part: string) => Uint8Array<ArrayBuffer>;
}

interface Line {
  /** Without its end. */
  readonly text: string;
  /** Where it begins, in characters from the start of the file. */
  readonly offset: number;
}

/** UTF-16 by the mark that Windows' editors set (little-endian), UTF-8 if it is, else Latin-1. Never throws. */
export function decodeText(bytes: Uint8Array): ProfileText {
  const utf8BytesOf = (part: string) => Uint8Array.from(Buffer.from(part, 'utf8'));
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return { text: new TextDecoder('utf-16le').decode(bytes), bytesOf: utf8BytesOf };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), bytesOf: utf8BytesOf };
  } catch {
    const bytesOf = (part: string) => Uint8Array.from(Buffer.from(part, 'latin1'));
    return { text: Buffer.from(bytes).toString('latin1'), bytesOf };
  }
}

/** The first {@link MAX_LINES}; more are an error. Lines end by LF, CR LF or a lone CR. */
export function* linesOf(text: string, report: Report): Generator<Line> {
  let offset = 0;
  for (const [i, line] of text.split(/(?<=\n|\r(?!\n))/, MAX_LINES + 1).entries()) {
    if (i === MAX_LINES) return report.error({ path: '', offset }, `more than ${MAX_LINES} lines`);
    yield { text: line.replace(/[\r\n]+$/, ''), offset };
    offset += line.length;
  }
}
