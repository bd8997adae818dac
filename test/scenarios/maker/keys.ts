/** Wireshark's tables of keys, from our gateway's key log and from what strongSwan says at its highest level. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lines of the tables. */
export interface KeyTables {
  readonly ikev1: ReadonlySet<string>;
  readonly ikev2: ReadonlySet<string>;
  readonly esp: ReadonlySet<string>;
}

export const noKeys: KeyTables = { ikev1: new Set(), ikev2: new Set(), esp: new Set() };

const FILES = { ikev1: 'ikev1_decryption_table', ikev2: 'ikev2_decryption_table', esp: 'esp_sa' } as const;

export function readKeyFolder(folder: string): KeyTables {
  const lines = (file: string) => {
    const path = join(folder, file);
    return new Set(existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []);
  };
  return { ikev1: lines(FILES.ikev1), ikev2: lines(FILES.ikev2), esp: lines(FILES.esp) };
}

/** Writes what there is of them; false if there is nothing. */
export function writeKeyFolder(folder: string, tables: KeyTables): boolean {
  const names = (Object.keys(FILES) as (keyof KeyTables)[]).filter((name) => tables[name].size > 0);
  if (names.length === 0) return false;
  mkdirSync(folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, FILES[name]), `${[...tables[name]].join('\n')}\n`);
  // a Wireshark profile: without these it doesn't decrypt
  const preferences = 'esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n';
  if (tables.esp.size > 0) writeFileSync(join(folder, 'preferences'), preferences);
  return true;
}

/** strongSwan's names of algorithms, Wireshark's. */
const IKE_CIPHERS: Readonly<Record<string, string>> = {
  AES_CBC_128: 'AES-CBC-128 [RFC3602]',
  AES_CBC_192: 'AES-CBC-192 [RFC3602]',
  AES_CBC_256: 'AES-CBC-256 [RFC3602]',
  AES_GCM_16_128: 'AES-GCM-128 with 16 octet ICV [RFC5282]',
  AES_GCM_16_256: 'AES-GCM-256 with 16 octet ICV [RFC5282]',
  '3DES_CBC': '3DES [RFC2451]',
};
const IKE_MACS: Readonly<Record<string, string>> = {
  HMAC_MD5_96: 'HMAC_MD5_96 [RFC2403]',
  HMAC_SHA1_96: 'HMAC_SHA1_96 [RFC2404]',
  HMAC_SHA2_256_128: 'HMAC_SHA2_256_128 [RFC4868]',
  HMAC_SHA2_384_192: 'HMAC_SHA2_384_192 [RFC4868]',
  HMAC_SHA2_512_256: 'HMAC_SHA2_512_256 [RFC4868]',
};
const ESP_CIPHERS: readonly (readonly [RegExp, string])[] = [
  [/^AES_CBC/, 'AES-CBC [RFC3602]'],
  [/^AES_GCM/, 'AES-GCM with 16 octet ICV [RFC4106]'],
  [/^3DES/, 'TripleDES-CBC [RFC2451]'],
];
const ESP_MACS: Readonly<Record<string, string>> = {
  HMAC_MD5_96: 'HMAC-MD5-96 [RFC2403]',
  HMAC_SHA1_96: 'HMAC-SHA-1-96 [RFC2404]',
  HMAC_SHA2_256_128: 'HMAC-SHA-256-128 [RFC4868]',
  HMAC_SHA2_384_192: 'HMAC-SHA-384-192 [RFC4868]',
  HMAC_SHA2_512_256: 'HMAC-SHA-512-256 [RFC4868]',
};

/**
 * strongSwan's log of the groups `ike` and `chd` at level 4: each secret is a headline `NAME => N bytes` with its hex
 * dump below. Which SPIs and algorithms it belongs to stands in the lines around it. Of keys that the other side of
 * `role` has renewed in IKEv2, the directions would be the wrong way round.
 */
export function readStrongSwanLog(text: string, role: 'initiator' | 'responder'): KeyTables {
  const tables = { ikev1: new Set<string>(), ikev2: new Set<string>(), esp: new Set<string>() };
  const lines = text.split('\n').map((line) => line.replace(/^\S*\d\d\[/, '['));
  const secrets = new Map<string, string>();
  let [initiatorSpi, responderSpi, cipher, mac] = ['', '', '', ''];
  let inbound: { spi: string; source: string; destination: string } | undefined;
  let direction = '';

  // in aggressive mode the cookies are named only after the key
  const tellIkev1 = () => {
    const key = secrets.get('encryption key Ka');
    if (key !== undefined && initiatorSpi !== '') tables.ikev1.add(`${initiatorSpi},${key}`);
    secrets.delete('encryption key Ka');
  };
  const tellIkev2 = () => {
    const [ei, er, ai = '', ar = ''] = ['Sk_ei', 'Sk_er', 'Sk_ai', 'Sk_ar'].map((name) =>
      secrets.get(`${name} secret`),
    );
    if (ei === undefined || er === undefined || /^0*$/.test(responderSpi)) return;
    const suite = [IKE_CIPHERS[cipher], IKE_MACS[mac] ?? 'NONE [RFC4306]'];
    tables.ikev2.add([initiatorSpi, responderSpi, ei, er, `"${suite[0]}"`, ai, ar, `"${suite[1]}"`].join(','));
  };

  lines.forEach((line, index) => {
    const [, name = ''] = /\] ?(.*?) => \d+ bytes/.exec(line) ?? [];
    if (name !== '') secrets.set(name, dump(lines, index + 1));
    if (name === 'natd_chunk') {
      const chunk = secrets.get(name) ?? '';
      [initiatorSpi, responderSpi] = [chunk.slice(0, 16), chunk.slice(16, 32)];
      tellIkev1();
    }
    if (name === 'SKEYSEED') for (const key of ['Sk_ai', 'Sk_ar']) secrets.delete(`${key} secret`);
    if (name === 'Sk_er secret') tellIkev2();
    const proposal = /selected proposal: IKE:(\S+?)\/(\S+?)\//.exec(line);
    if (proposal) [, cipher = '', mac = ''] = proposal;
    const using = /using (\S+) for (encryption|integrity)/.exec(line);
    if (using?.[2] === 'encryption') {
      secrets.set('esp cipher', using[1] ?? '');
      secrets.delete('esp mac');
    }
    if (using?.[2] === 'integrity') secrets.set('esp mac', using[1] ?? '');
    direction = /adding (inbound|outbound) ESP SA/.exec(line)?.[1] ?? direction;
    const sa = /SPI 0x([0-9a-f]+), src (\S+) dst (\S+)/.exec(line);
    if (sa) {
      const one = { spi: sa[1] ?? '', source: sa[2] ?? '', destination: sa[3] ?? '' };
      if (direction === 'inbound') inbound = one;
      else if (inbound !== undefined) for (const row of espRows(inbound, one, secrets, role)) tables.esp.add(row);
    }
  });
  tellIkev1();
  return tables;
}

/** What `ip xfrm state` says on a machine with ESP in the kernel. */
export function readXfrm(text: string): KeyTables {
  const esp = new Set<string>();
  for (const state of text.split(/^(?=src )/m)) {
    const [, source, destination] = /^src (\S+) dst (\S+)/.exec(state) ?? [];
    const [, spi = ''] = /proto esp spi 0x([0-9a-f]+)/.exec(state) ?? [];
    const [, key] = /enc cbc\(aes\) (0x[0-9a-f]+)/.exec(state) ?? [];
    const [, hash = '', macKey] = /auth-trunc hmac\((sha1|sha256)\) (0x[0-9a-f]+)/.exec(state) ?? [];
    if (source === undefined || key === undefined || macKey === undefined) continue;
    const mac = ESP_MACS[hash === 'sha1' ? 'HMAC_SHA1_96' : 'HMAC_SHA2_256_128'];
    const fields = ['IPv4', source, destination, `0x${spi}`, 'AES-CBC [RFC3602]', key, mac, macKey];
    esp.add(fields.map((field) => `"${field}"`).join(','));
  }
  return { ...noKeys, esp };
}

interface Sa {
  readonly spi: string;
  readonly source: string;
  readonly destination: string;
}

/** In IKEv1 a seed names the SPI that its key is for, after a byte for the protocol; IKEv2 goes by who began. */
function espRows(inbound: Sa, outbound: Sa, secrets: ReadonlyMap<string, string>, role: string): string[] {
  const cipher = secrets.get('esp cipher') ?? '';
  const wireshark = ESP_CIPHERS.find(([pattern]) => pattern.test(cipher))?.[1];
  if (wireshark === undefined) return [];
  const mac = ESP_MACS[secrets.get('esp mac') ?? ''] ?? 'ANY 128 bit authentication [no checking]';
  const seed = secrets.get('initiator SA seed');
  const isInitiator = seed === undefined ? role === 'initiator' : seed.slice(2, 10) === outbound.spi.padStart(8, '0');
  const row = ({ spi, source, destination }: Sa, side: 'initiator' | 'responder') => {
    const keys = ['encryption', 'integrity'].map((kind) => secrets.get(`${kind} ${side} key`));
    const [key, macKey] = keys.map((hex) => (hex === undefined ? '' : `0x${hex}`));
    return [
      'IPv4',
      source,
      destination,
      `0x${spi.padStart(8, '0')}`,
      wireshark,
      key,
      wireshark.startsWith('AES-GCM') ? 'NULL' : mac,
      wireshark.startsWith('AES-GCM') ? '' : macKey,
    ]
      .map((field) => `"${field}"`)
      .join(',');
  };
  return isInitiator
    ? [row(inbound, 'responder'), row(outbound, 'initiator')]
    : [row(inbound, 'initiator'), row(outbound, 'responder')];
}

function dump(lines: readonly string[], from: number): string {
  let hex = '';
  for (let i = from; i < lines.length; i++) {
    const bytes = /\]\s+\d+: ((?:[0-9A-F]{2} )+)/.exec(lines[i] ?? '')?.[1];
    if (bytes === undefined) break;
    hex += bytes.replaceAll(' ', '').toLowerCase();
  }
  return hex;
}
