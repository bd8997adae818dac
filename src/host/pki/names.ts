/** Names in certificates: distinguished names and subject alternative names, RFC 5280 sections 4.1.2.4 and 4.2.1.6. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { fromUtf8 } from '../../core/bytes/text.ts';
import { ipFromBytes } from '../../core/net/address.ts';
import { type DerValue, implicitTag, readWhole, Tag } from '../der/reader.ts';
import { escapeControls } from '../escape.ts';

const COMMON_NAME = '2.5.4.3';

/** Short names of RFC 4514 section 3 and of what else is common. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  [COMMON_NAME]: 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

interface Attribute {
  readonly type: string;
  readonly value: string;
}

/** "O=Example, CN=vpn.example.org", for people. */
export function formatName(name: Bytes): string {
  const attributes = attributesOf(name).map(({ type, value }) => `${ATTRIBUTE_NAMES[type] ?? type}=${value}`);
  const text = escapeControls(attributes.join(', ')) || '(no name)';
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** Characters: a log line isn't the place for all that fits into a certificate. */
const LONGEST_SHOWN = 200;

/** The last common name, which is the most specific one. */
export function commonName(name: Bytes): string | undefined {
  return attributesOf(name).findLast(({ type }) => type === COMMON_NAME)?.value;
}

/** Throws {@link MalformedError} on what is no distinguished name. */
function attributesOf(name: Bytes): Attribute[] {
  const attributes: Attribute[] = [];
  const names = readWhole(name, 'name');
  while (!names.atEnd) {
    const relative = names.inside(Tag.SET);
    while (!relative.atEnd) {
      const attribute = relative.inside();
      attributes.push({ type: attribute.oid(), value: decodeString(attribute.any()) });
      attribute.end();
    }
  }
  return attributes;
}

/** What isn't text is shown as nothing. */
function decodeString({ tag, content }: DerValue): string {
  switch (tag) {
    case Tag.UTF8_STRING:
      return fromUtf8(content);
    case Tag.PRINTABLE_STRING:
    case Tag.IA5_STRING:
    case Tag.T61_STRING:
      return Buffer.from(content).toString('latin1');
    case Tag.BMP_STRING:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : '';
    default:
      return '';
  }
}

const RFC822_NAME = implicitTag(1);
const DNS_NAME = implicitTag(2);
const IP_ADDRESS = implicitTag(7);

/** The DNS names, mail addresses and IP addresses among alternative names; throws on one that could be taken for another. */
export function readAlternativeNames(extension: Bytes): string[] {
  const names: string[] = [];
  const reader = readWhole(extension, 'alternative names');
  while (!reader.atEnd) {
    const { tag, content } = reader.any();
    if (tag === IP_ADDRESS) {
      if (content.length !== 4 && content.length !== 16) reader.fail('a bad address');
      names.push(ipFromBytes(content).text);
    } else if (tag === DNS_NAME || tag === RFC822_NAME) {
      // A NUL in a name has made "good.example\0.evil.example" pass for the first half of it elsewhere.
      if (content.some((byte) => byte <= 0x20 || byte >= 0x7f)) reader.fail('a name with characters that no name has');
      names.push(String.fromCharCode(...content));
    }
  }
  return names;
}

/** Whether a name holds nothing that could hide a part of it. */
export function isPlainName(name: string): boolean {
  return name !== '' && name === escapeControls(name) && !name.includes('\ufffd');
}
