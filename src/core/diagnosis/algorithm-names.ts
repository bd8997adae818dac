/** What the registries' numbers are called, by the names that strongSwan and our logs use; unknown ones stay numbers. */

/** Groups are of one registry for both versions: RFC 2409, 3526, 5114, 5903, 6954, 8031. */
const GROUPS: Readonly<Record<number, string>> = {
  1: 'modp768',
  2: 'modp1024',
  5: 'modp1536',
  14: 'modp2048',
  15: 'modp3072',
  16: 'modp4096',
  17: 'modp6144',
  18: 'modp8192',
  19: 'ecp256',
  20: 'ecp384',
  21: 'ecp521',
  22: 'modp1024s160',
  23: 'modp2048s224',
  24: 'modp2048s256',
  25: 'ecp192',
  26: 'ecp224',
  27: 'ecp224bp',
  28: 'ecp256bp',
  29: 'ecp384bp',
  30: 'ecp512bp',
  31: 'curve25519',
  32: 'curve448',
};

/** Lengths of a KE payload's public value, for a message that doesn't name its group. */
const GROUP_LENGTHS: Readonly<Record<number, string>> = {
  64: 'ecp256',
  96: 'ecp384 or modp768',
  128: 'modp1024',
  132: 'ecp521',
  192: 'modp1536',
  256: 'modp2048',
  384: 'modp3072',
  512: 'modp4096',
  768: 'modp6144',
  1024: 'modp8192',
};

/** RFC 2409 Appendix A and its registry. */
const PHASE1_ENCRYPTION: Readonly<Record<number, string>> = {
  1: 'des',
  2: 'idea',
  3: 'blowfish',
  4: 'rc5',
  5: '3des',
  6: 'cast',
  7: 'aes',
  8: 'camellia',
};
const PHASE1_HASH: Readonly<Record<number, string>> = {
  1: 'md5',
  2: 'sha1',
  3: 'tiger',
  4: 'sha256',
  5: 'sha384',
  6: 'sha512',
};
const PHASE1_AUTHENTICATION: Readonly<Record<number, string>> = {
  1: 'psk',
  2: 'dss',
  3: 'rsa',
  4: 'rsa-encryption',
  5: 'revised-rsa-encryption',
  9: 'ecdsa-256',
  10: 'ecdsa-384',
  11: 'ecdsa-521',
  64221: 'hybrid-rsa',
  64222: 'hybrid-rsa of the responder',
  65001: 'xauth-psk',
  65002: 'xauth-psk of the responder',
  65005: 'xauth-rsa',
  65006: 'xauth-rsa of the responder',
};

/** IKEv2 took these numbers over from IKEv1's ESP. */
const CIPHERS: Readonly<Record<number, string>> = {
  2: 'des',
  3: '3des',
  6: 'cast',
  7: 'blowfish',
  11: 'null',
  12: 'aes',
  13: 'aesctr',
  18: 'aesgcm8',
  19: 'aesgcm12',
  20: 'aesgcm16',
};

/** RFC 2407 section 4.4.4 and 4.5 with their registries. */
const ESP_TRANSFORM: Readonly<Record<number, string>> = { ...CIPHERS, 22: 'camellia', 23: 'aesgmac' };
const ESP_AUTHENTICATION: Readonly<Record<number, string>> = {
  1: 'md5',
  2: 'sha1',
  5: 'sha256',
  6: 'sha384',
  7: 'sha512',
  8: 'ripemd',
};
const ESP_MODE: Readonly<Record<number, string>> = {
  1: 'tunnel',
  2: 'transport',
  3: 'udp-tunnel',
  4: 'udp-transport',
  61443: 'udp-tunnel (draft)',
  61444: 'udp-transport (draft)',
};

/** RFC 7296 section 3.3.2 and its registries. */
const IKEV2_ENCRYPTION: Readonly<Record<number, string>> = {
  ...CIPHERS,
  1: 'des-iv64',
  23: 'camellia',
  28: 'chacha20poly1305',
};
const IKEV2_PRF: Readonly<Record<number, string>> = {
  1: 'prfmd5',
  2: 'prfsha1',
  4: 'prfaesxcbc',
  5: 'prfsha256',
  6: 'prfsha384',
  7: 'prfsha512',
  8: 'prfaescmac',
};
const IKEV2_INTEGRITY: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'md5',
  2: 'sha1',
  5: 'aesxcbc',
  8: 'aescmac',
  12: 'sha256',
  13: 'sha384',
  14: 'sha512',
};

export const groupName = named(GROUPS, 'group');
export const phase1HashName = named(PHASE1_HASH, 'hash');
export const phase1AuthenticationName = named(PHASE1_AUTHENTICATION, 'authentication');
export const espAuthenticationName = named(ESP_AUTHENTICATION, 'integrity');
export const espModeName = named(ESP_MODE, 'mode');
export const ikev2PrfName = named(IKEV2_PRF, 'prf');
export const ikev2IntegrityName = named(IKEV2_INTEGRITY, 'integrity');

export function phase1CipherName(number: number, keyBits: number | undefined): string {
  return withKeyBits(PHASE1_ENCRYPTION[number] ?? `cipher ${number}`, keyBits);
}

export function espCipherName(number: number, keyBits: number | undefined): string {
  return withKeyBits(ESP_TRANSFORM[number] ?? `cipher ${number}`, keyBits);
}

export function ikev2CipherName(number: number, keyBits: number | undefined): string {
  return withKeyBits(IKEV2_ENCRYPTION[number] ?? `cipher ${number}`, keyBits);
}

export function groupOfLength(length: number): string {
  return GROUP_LENGTHS[length] ?? `a group of ${length} bytes`;
}

/** The registry's number of a group's name. */
export function groupNumber(name: string): number | undefined {
  const found = Object.entries(GROUPS).find(([, known]) => known === name);
  return found && Number(found[0]);
}

function named(table: Readonly<Record<number, string>>, what: string): (number: number) => string {
  return (number) => table[number] ?? `${what} ${number}`;
}

/** "aes256", "aes128gcm16" */
function withKeyBits(name: string, keyBits: number | undefined): string {
  if (keyBits === undefined) return name;
  return name.startsWith('aes') ? `aes${keyBits}${name.slice(3)}` : `${name}${keyBits}`;
}
