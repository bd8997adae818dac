/** Keys that open what was seen: Wireshark's decryption tables, which strongSwan, Libreswan and our own key log write. */
import type { Bytes } from '../bytes/bytes.ts';
import { fromHex } from '../bytes/text.ts';

export interface Ikev2Keys {
  /** By who sends: initiator, responder. GCM's salt is behind the key. */
  readonly encryption: readonly [Bytes, Bytes];
  readonly integrity: readonly [Bytes, Bytes];
  /** As the table has it: "AES-CBC-256 [RFC3602]". */
  readonly cipher: string;
  /** "HMAC_SHA2_256_128 [RFC4868]" */
  readonly mac: string;
}

export interface KeyTable {
  /** By the initiator's cookie, hex in lower case: the key of phase 1's cipher. */
  readonly ikev1: ReadonlyMap<string, Bytes>;
  /** By both SPIs: "spi spi". */
  readonly ikev2: ReadonlyMap<string, Ikev2Keys>;
}

export const NO_KEYS: KeyTable = { ikev1: new Map(), ikev2: new Map() };

/** Our own limit on the keys taken of one table. */
export const MAX_KEYS = 100_000;

/** Lines of "cookie,key"; what is none is passed over. */
export function parseIkev1Table(text: string): Map<string, Bytes> {
  const keys = new Map<string, Bytes>();
  for (const [cookie = '', key = ''] of rowsOf(text)) {
    if (cookie.length === 16 && isHex(cookie) && isHex(key)) keys.set(cookie.toLowerCase(), fromHex(key));
  }
  return keys;
}

/** SPI, SPI, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity. */
export function parseIkev2Table(text: string): Map<string, Ikev2Keys> {
  const keys = new Map<string, Ikev2Keys>();
  for (const [spiI = '', spiR = '', ei = '', er = '', cipher = '', ai = '', ar = '', mac = ''] of rowsOf(text)) {
    if (![spiI, spiR, ei, er].every(isHex) || spiI.length !== 16 || spiR.length !== 16) continue;
    keys.set(`${spiI} ${spiR}`.toLowerCase(), {
      encryption: [fromHex(ei), fromHex(er)],
      integrity: [hexOrNothing(ai), hexOrNothing(ar)],
      cipher,
      mac,
    });
  }
  return keys;
}

function* rowsOf(text: string): Generator<string[]> {
  let count = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (count++ === MAX_KEYS) return;
    yield line.split(',').map((field) => field.trim().replace(/^"|"$/g, '').replace(/^0x/i, ''));
  }
}

function isHex(text: string): boolean {
  return text.length > 0 && text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text);
}

function hexOrNothing(text: string): Bytes {
  return isHex(text) ? fromHex(text) : new Uint8Array(0);
}
