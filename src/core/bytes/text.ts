/** UTF-8 and hex. The two Web classes are the only globals that core takes from its host. */
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (label?: string, options?: { fatal?: boolean }) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Text of `bytes`; what is not UTF-8 becomes U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * Characters that act where they are shown, for a class of a regular expression with `u`: controls of both sets, what turns the
 * direction of writing or isn't seen, line and paragraph ends.
 */
export const ACTING = String.raw`\p{Cc}\p{Cf}\p{Zl}\p{Zp}`;
/** All of them but line ends, to replace. */
export const ACTING_INSIDE_LINES = new RegExp(`(?!\n)[${ACTING}]`, 'gu');

const HEX_DIGITS = utf8('0123456789abcdef');
/** Most texts are short, and memory for their digits would take longer than the rest. */
const scratch = new Uint8Array(2048);

export function toHex(bytes: Uint8Array): string {
  const digits = 2 * bytes.length > scratch.length ? new Uint8Array(2 * bytes.length) : scratch;
  for (let i = 0; i < bytes.length; i++) {
    digits[2 * i] = HEX_DIGITS[bytes[i]! >> 4]!;
    digits[2 * i + 1] = HEX_DIGITS[bytes[i]! & 15]!;
  }
  // one piece: text that is put together letter by letter stays a tree of its letters as long as it lives
  return decoder.decode(digits.subarray(0, 2 * bytes.length));
}

/** Bytes of a hex string; spaces are skipped. Throws on anything else: it is for constants and tests. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new RangeError(`not hex: ${text.slice(0, 20)}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
