/** Phase 1 identities as people write them: RFC 2407 section 4.6.2. */
import { ACTING, fromUtf8, toHex, utf8 } from '../bytes/text.ts';
import { type IpAddress, ipFromBytes, parseIp } from '../net/address.ts';
import { type Identification, IdType } from '../wire/ikev1.ts';

/** Our own limit: nobody's name is longer, and logs stay readable. */
const MAX_TEXT = 128;

/** What acts, and what was no UTF-8. */
const UNPRINTABLE = new RegExp(`[${ACTING}\ufffd]`, 'u');

/** Printable text of an identity: an address, a name, or a key ID; control characters and binary as hex. Cut at 128. */
export function identityText(identity: Identification): string {
  const text = wholeText(identity);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}

function wholeText({ type, data }: Identification): string {
  const address = type === IdType.IPV4_ADDR ? 4 : type === IdType.IPV6_ADDR ? 16 : 0;
  if (address > 0) return data.length === address ? ipFromBytes(data).text : `0x${toHex(data)}`;
  const named = type === IdType.FQDN || type === IdType.USER_FQDN || type === IdType.KEY_ID;
  const text = named ? fromUtf8(data) : '';
  return text === '' || UNPRINTABLE.test(text) ? `0x${toHex(data)}` : text;
}

/** An address as what it is, a name with @ as a user's, any other as a host's. */
export function identityFromText(text: string): Identification {
  const address = parseIp(text);
  if (address) return addressIdentity(address);
  return { type: text.includes('@') ? IdType.USER_FQDN : IdType.FQDN, protocol: 0, port: 0, data: utf8(text) };
}

/** A group's name, as Cisco's clients send it. */
export function keyIdentity(name: string): Identification {
  return { type: IdType.KEY_ID, protocol: 0, port: 0, data: utf8(name) };
}

export function addressIdentity(address: IpAddress): Identification {
  const type = address.bytes.length === 4 ? IdType.IPV4_ADDR : IdType.IPV6_ADDR;
  return { type, protocol: 0, port: 0, data: address.bytes };
}
