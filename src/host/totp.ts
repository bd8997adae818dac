/** Time-based one-time passwords: RFC 6238 over HOTP, RFC 4226, as authenticator apps know them (SHA-1, 30 s, 6 digits). */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Seconds. */
const TOTP_STEP = 30;
const DIGITS = 6;
/** RFC 4226 section 4, R6 recommends 160 bits. */
const SECRET_LENGTH = 20;
/** Steps before and after ours that count as well, RFC 6238 section 5.2: clocks differ, and people take time to type. */
const TOLERANCE = 1;

export function generateTotpSecret(): Buffer {
  return randomBytes(SECRET_LENGTH);
}

/** @param time Unix milliseconds */
export function stepAt(time: number): number {
  return Math.floor(time / 1000 / TOTP_STEP);
}

/** HOTP(K, C) = Truncate(HMAC(K, C)) mod 10^digits, RFC 4226 section 5.3. */
export function passcodeAt(secret: Uint8Array, step: number, hash = 'sha1', digits = DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(hash, secret).update(counter).digest();
  const offset = mac.at(-1)! & 0x0f;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** digits).padStart(digits, '0');
}

/** The step whose passcode `typed` is, later than `lastStep`; undefined: it is wrong, too old, or was used. */
export function matchPasscode(secret: Uint8Array, typed: string, time: number, lastStep: number): number | undefined {
  const code = Buffer.from(typed.replaceAll(/\s/g, ''));
  if (code.length !== DIGITS) return undefined;
  const now = stepAt(time);
  const steps = Array.from({ length: 2 * TOLERANCE + 1 }, (_, i) => now - TOLERANCE + i);
  const matches = steps.filter((step) => timingSafeEqual(Buffer.from(passcodeAt(secret, step)), code));
  return matches.find((step) => step > lastStep);
}

/** https://github.com/google/google-authenticator/wiki/Key-Uri-Format */
export function otpauthUri(user: string, secret: Uint8Array): string {
  return `otpauth://totp/Sallyport:${encodeURIComponent(user)}?secret=${base32(secret)}&issuer=Sallyport`;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 section 6, without padding: apps take none. */
export function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}
