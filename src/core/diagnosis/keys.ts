/** Keys that open what was seen: Wireshark's decryption tables, which strongSwan, Libreswan and our own key log write. */
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { fromHex } from '../bytes/text.ts';
import { type EspCipher, GCM_SALT_LENGTH, type HashName } from '../crypto/algorithms.ts';
import type { EspContext } from '../esp/packet.ts';
import { type IpAddress, parseIp } from '../net/address.ts';

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
  /** By {@link espKeyName}. */
  readonly esp: ReadonlyMap<string, EspContext>;
}

export const NO_KEYS: KeyTable = { ikev1: new Map(), ikev2: new Map(), esp: new Map() };

/** What names one direction of ESP: who receives it chose its SPI. */
export function espKeyName(destination: IpAddress, spi: number): string {
  return `${destination.text} ${spi}`;
}

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

/** Protocol, source, destination, SPI, cipher, key (with GCM's salt behind it), integrity, its key. Ciphers that we don't open are passed over. */
export function parseEspTable(text: string): Map<string, EspContext> {
  const keys = new Map<string, EspContext>();
  for (const [, , destination = '', spi = '', cipher = '', key = '', mac = '', macKey = ''] of rowsOf(text)) {
    const address = parseIp(destination);
    if (!address || !/^[0-9a-f]{1,8}$/i.test(spi) || !isHex(key)) continue;
    const context = espContext(Number.parseInt(spi, 16), cipher, fromHex(key), mac, hexOrNothing(macKey));
    if (context) keys.set(espKeyName(address, context.spi), context);
  }
  return keys;
}

/** By pieces of Wireshark's names: "AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]". */
const CIPHERS: readonly (readonly [name: string, cipher: EspCipher])[] = [
  ['AES-GCM with 16', 'aes-gcm'],
  ['AES-CBC', 'aes-cbc'],
  ['TripleDES', '3des-cbc'],
];
const MACS: readonly (readonly [name: string, hash: HashName])[] = [
  ['SHA-512', 'sha512'],
  ['SHA-384', 'sha384'],
  ['SHA-256-128', 'sha256'],
  ['SHA-1', 'sha1'],
  ['MD5', 'md5'],
];

function espContext(spi: number, name: string, key: Bytes, macName: string, integrity: Bytes): EspContext | undefined {
  const cipher = CIPHERS.find(([known]) => name.startsWith(known))?.[1];
  const hash = MACS.find(([known]) => macName.includes(known))?.[1];
  if (!cipher) return undefined;
  const salt = cipher === 'aes-gcm' ? key.subarray(-GCM_SALT_LENGTH) : EMPTY;
  const encryption = key.subarray(0, key.length - salt.length);
  const keyBits = encryption.length * 8;
  const isKey = cipher === '3des-cbc' ? keyBits === 192 : [128, 192, 256].includes(keyBits);
  if (!isKey || (cipher !== 'aes-gcm' && !hash)) return undefined;
  const suite = cipher === 'aes-gcm' ? { cipher, keyBits } : { cipher, keyBits, integrity: hash! };
  return { spi, suite, keys: { encryption, salt, integrity } };
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
