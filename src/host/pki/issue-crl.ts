/** Makes revocation lists, RFC 5280 section 5. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { fromHex } from '../../core/bytes/text.ts';
import * as der from '../der/encode.ts';
import type { Crl } from './crl.ts';
import { extension, type Issuer, keyIdentifier, signatureAlgorithm, signed } from './issue.ts';
import { Extension } from './oids.ts';

const V2 = 1;

/**
 * The list that follows `previous`. DER.
 * @param revoked when each was revoked, Unix milliseconds, by serial number in hex
 */
export function makeCrl(
  revoked: ReadonlyMap<string, number>,
  { certificate, key }: Issuer,
  times: { readonly thisUpdate: number; readonly nextUpdate: number },
  previous: Crl | undefined,
): Bytes {
  const entries = [...revoked].map(([serial, at]) => der.sequence(der.integer(fromHex(serial)), der.time(at)));
  const body = der.sequence(
    der.smallInteger(V2),
    signatureAlgorithm(key),
    certificate.subject,
    der.time(times.thisUpdate),
    der.time(times.nextUpdate),
    ...(entries.length > 0 ? [der.sequence(...entries)] : []),
    der.explicit(
      0,
      der.sequence(
        extension(Extension.authorityKeyIdentifier, false, der.sequence(der.implicit(0, keyIdentifier(key)))),
        extension(Extension.crlNumber, false, der.integer(following(previous?.number))),
      ),
    ),
  );
  return signed(body, key);
}

/** RFC 5280 section 5.2.3: numbers only grow. */
function following(number: Bytes | undefined): Bytes {
  const next = (number ? BigInt(`0x${Buffer.from(number).toString('hex')}`) : 0n) + 1n;
  return fromHex(next.toString(16).padStart(2 * Math.ceil(next.toString(16).length / 2), '0'));
}
