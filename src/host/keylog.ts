/**
 * Writes the keys of sessions as Wireshark's decryption tables, for the administrator who asked for it. The folder is a
 * Wireshark profile: `WIRESHARK_CONFIG_DIR=FOLDER tshark -r capture.pcap` decrypts.
 */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Bytes } from '../core/bytes/bytes.ts';
import { toHex } from '../core/bytes/text.ts';
import type { EspSuite, HashName } from '../core/crypto/algorithms.ts';
import type { EspKeys } from '../core/esp/sa.ts';
import type { IpAddress } from '../core/net/address.ts';
import { HostError, systemReason } from './errors.ts';
import { makePrivateFolder } from './private-folder.ts';

/** One direction of ESP, between the outer addresses as a capture shows them. */
export interface EspKeyRecord {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly spi: number;
  readonly suite: EspSuite;
  readonly keys: EspKeys;
}

export interface Keylog {
  /** @param cipherKey the key of the phase-1 cipher itself, lengthened from SKEYID_e if need be */
  phase1(initiatorCookie: Bytes, cipherKey: Bytes): void;
  esp(record: EspKeyRecord): void;
  close(): void;
}

/** Opens the tables in `folder`, which is made (0700) if need be. Throws {@link HostError} `KEYLOG`. */
export function openKeylog(folder: string): Keylog {
  try {
    makePrivateFolder(folder);
    writePreferences(folder);
    const ikev1 = openTable(join(folder, 'ikev1_decryption_table'));
    const esp = openTable(join(folder, 'esp_sa'));
    return {
      phase1: (cookie, key) => append(ikev1, `${toHex(cookie)},${toHex(key)}\n`),
      esp: (record) => append(esp, espLine(record)),
      close: () => [ikev1, esp].forEach(closeSync),
    };
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError('KEYLOG', `can't write keys to ${folder}: ${systemReason(error)}`);
  }
}

/** All that a key log's folder holds. */
export const KEYLOG_FILES: ReadonlySet<string> = new Set(['ikev1_decryption_table', 'esp_sa', 'preferences']);

/** Nothing that somebody else set there leads the keys elsewhere, or lets him read them. */
function openTable(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const table = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const status = fstatSync(table);
    const us = process.geteuid?.() ?? status.uid;
    const isOurs = status.isFile() && status.nlink === 1 && (status.uid === us || us === 0);
    if (!isOurs) throw new HostError('KEYLOG', `${path} is somebody else's, or has a second name; remove it`);
    fchownSync(table, us, -1);
    fchmodSync(table, 0o600);
    return table;
  } catch (error) {
    closeSync(table);
    throw error;
  }
}

/** A full disk costs the log, not the session. */
function append(table: number, line: string): void {
  try {
    writeSync(table, line);
  } catch {}
}

/** ESP is decrypted only when asked for. The user's own changes to the profile stay. */
function writePreferences(folder: string): void {
  try {
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    const file = openSync(join(folder, 'preferences'), O_WRONLY | O_CREAT | O_EXCL, 0o600);
    writeSync(file, 'esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n');
    closeSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Names as Wireshark 4 spells them. */
const INTEGRITY_NAMES: Readonly<Record<HashName, string>> = {
  md5: 'HMAC-MD5-96 [RFC2403]',
  sha1: 'HMAC-SHA-1-96 [RFC2404]',
  sha256: 'HMAC-SHA-256-128 [RFC4868]',
  sha384: 'HMAC-SHA-384-192 [RFC4868]',
  sha512: 'HMAC-SHA-512-256 [RFC4868]',
};
const CIPHER_NAMES = {
  'aes-cbc': 'AES-CBC [RFC3602]',
  '3des-cbc': 'TripleDES-CBC [RFC2451]',
  'aes-gcm': 'AES-GCM with 16 octet ICV [RFC4106]',
} as const;

/** protocol, source, destination, SPI, cipher, its key (with GCM's salt behind it), integrity, its key. */
function espLine({ source, destination, spi, suite, keys }: EspKeyRecord): string {
  const fields = [
    source.bytes.length === 4 ? 'IPv4' : 'IPv6',
    source.text,
    destination.text,
    `0x${spi.toString(16).padStart(8, '0')}`,
    CIPHER_NAMES[suite.cipher],
    `0x${toHex(keys.encryption)}${toHex(keys.salt)}`,
    suite.integrity ? INTEGRITY_NAMES[suite.integrity] : 'NULL',
    suite.integrity ? `0x${toHex(keys.integrity)}` : '',
  ];
  return `${fields.map((field) => `"${field}"`).join(',')}\n`;
}
