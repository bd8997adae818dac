/** PKCS#12 files, RFC 7292. */
import type { KeyObject } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import { HostError } from '../errors.ts';

export async function readPkcs12(
  _content: Bytes,
  _password: string,
  file: string,
): Promise<{ key: KeyObject; certificates: Bytes[] }> {
  throw new HostError('CERTIFICATE', `${file}: PKCS#12 files can't be read yet`);
}
