/** Reads files of certificates, revocation lists and keys: PEM (RFC 7468) with any number of them, or one in DER. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import type { Bytes } from '../../core/bytes/bytes.ts';
import { MalformedError } from '../../core/bytes/reader.ts';
import { Tag } from '../der/reader.ts';
import { HostError, systemReason } from '../errors.ts';

export type Label = 'CERTIFICATE' | 'X509 CRL';

/** The items of a file, parsed; at least one. Throws {@link HostError} `CERTIFICATE`, which names the file. */
export function readItems<T>(file: string, label: Label, parse: (der: Bytes) => T): T[] {
  const content = read(file);
  const items = content[0] === Tag.SEQUENCE ? [plainCopy(content)] : pemItems(content.toString('latin1'), label);
  if (items.length === 0)
    throw new HostError('CERTIFICATE', `${file} holds no ${NAMES[label]}: neither PEM ("BEGIN ${label}") nor DER`);
  try {
    return items.map(parse);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new HostError('CERTIFICATE', `${file} holds a ${NAMES[label]} that can't be read: ${error.message}`);
  }
}

const NAMES: Readonly<Record<Label, string>> = { CERTIFICATE: 'certificate', 'X509 CRL': 'revocation list' };

/** The DER of every item of this label; others are skipped. */
function pemItems(text: string, label: string): Bytes[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g');
  return [...text.matchAll(pattern)].map(([, body]) => plainCopy(Buffer.from(body!, 'base64')));
}

function plainCopy(buffer: Buffer): Bytes {
  return Uint8Array.from(buffer);
}

/** More is no file of certificates, and a list of revoked ones of this size has half a million entries. */
const MAX_FILE = 32 << 20;

function read(file: string): Buffer {
  return readChecked(file, () => undefined);
}

/** A file that only its owner and, at most, a group may read. Throws {@link HostError} `CERTIFICATE`. */
export function readSecret(file: string): Buffer {
  return readChecked(file, (mode) =>
    (mode & 0o027) === 0
      ? undefined
      : `${file} holds a secret, and other users may read or change it: 'chmod 600' closes it to them`,
  );
}

/** Looks at the very file that it reads, whatever its name leads to in between. */
function readChecked(file: string, refuse: (mode: number) => string | undefined): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const { mode, size } = fstatSync(descriptor);
    const refused = size > MAX_FILE ? `${file} is too large` : refuse(mode);
    if (refused) throw new HostError('CERTIFICATE', refused);
    return readFileSync(descriptor);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError('CERTIFICATE', `can't read ${file}: ${systemReason(error)}`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
