/** The algorithms that Sallyport speaks, by the names its configuration and logs use, with their sizes. */

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';
export type CbcCipher = 'aes-cbc' | '3des-cbc';
export type EspCipher = CbcCipher | 'aes-gcm';

/** Output length of each hash in bytes. */
export const HASH_LENGTH: Readonly<Record<HashName, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** Block (and CBC IV) length in bytes. */
export const BLOCK_LENGTH: Readonly<Record<CbcCipher, number>> = { 'aes-cbc': 16, '3des-cbc': 8 };

/** Diffie-Hellman groups by IANA number. Length: of the public value in a KE payload, bytes. */
export const DH_GROUPS = {
  2: { name: 'modp1024', length: 128, secretLength: 128 },
  5: { name: 'modp1536', length: 192, secretLength: 192 },
  14: { name: 'modp2048', length: 256, secretLength: 256 },
  15: { name: 'modp3072', length: 384, secretLength: 384 },
  16: { name: 'modp4096', length: 512, secretLength: 512 },
  19: { name: 'ecp256', length: 64, secretLength: 32 },
  20: { name: 'ecp384', length: 96, secretLength: 48 },
} as const;
export type DhGroup = keyof typeof DH_GROUPS;

export function isDhGroup(group: number): group is DhGroup {
  return group in DH_GROUPS;
}

/** An ESP suite. `integrity` is absent for GCM, which authenticates by itself. */
export interface EspSuite {
  readonly cipher: EspCipher;
  /** 128, 192 or 256; 192 for 3des-cbc */
  readonly keyBits: number;
  readonly integrity?: HashName;
}

/** HMAC truncation in ESP, bytes: RFC 2403, 2404, 4868. */
export const ICV_LENGTH: Readonly<Record<HashName, number>> = { md5: 12, sha1: 12, sha256: 16, sha384: 24, sha512: 32 };

/** GCM's tag in ESP (RFC 4106, the 16-byte variant), and the salt that follows the key in KEYMAT. */
export const GCM_TAG_LENGTH = 16;
export const GCM_SALT_LENGTH = 4;

/** "aes128-sha1", "aes256gcm16", "3des-md5": the names that strongSwan and our logs use. */
export function suiteName(suite: EspSuite): string {
  if (suite.cipher === 'aes-gcm') return `aes${suite.keyBits}gcm16`;
  return `${cipherName(suite.cipher, suite.keyBits)}-${suite.integrity}`;
}

export function cipherName(cipher: CbcCipher, keyBits: number): string {
  const names: Readonly<Record<CbcCipher, string>> = { 'aes-cbc': `aes${keyBits}`, '3des-cbc': '3des' };
  return names[cipher];
}
