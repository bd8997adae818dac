/** Signatures over a finished hash, against openssl pkeyutl both ways. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import type { SignatureKind } from '../../../src/core/crypto/certificates.ts';
import { signHash, verifiesHash } from '../../../src/host/pki/ike-signature.ts';
import { openssl } from './openssl.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-signature-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

const CURVES = { ecdsa256: 'P-256', ecdsa384: 'P-384', ecdsa521: 'P-521' } as const;
const HASHES = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const;
const MESSAGE = 'SKEYID | what both sides said';

function digest(name: string, message = MESSAGE): Bytes {
  return Uint8Array.from(hash(name, message, 'buffer'));
}

function makePair(kind: SignatureKind): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: CURVES[kind] });
}

/** The key that openssl works with. */
function handToOpenssl(privateKey: KeyObject): void {
  writeFileSync(path('private.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** r | s as the SEQUENCE of two INTEGERs that openssl wants. */
function ecdsaDer(signature: Bytes): Bytes {
  const integer = (bytes: Bytes) => {
    const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
    const content = digits[0]! >= 0x80 ? concat(Uint8Array.of(0), digits) : digits;
    return concat(Uint8Array.of(2, content.length), content);
  };
  const half = signature.length / 2;
  const both = concat(integer(signature.subarray(0, half)), integer(signature.subarray(half)));
  return concat(both.length < 128 ? Uint8Array.of(0x30, both.length) : Uint8Array.of(0x30, 0x81, both.length), both);
}

function ecdsaRaw(der: Bytes, size: number): Bytes {
  const start = der[1] === 0x81 ? 3 : 2;
  const rLength = der[start + 1]!;
  const r = der.subarray(start + 2, start + 2 + rLength);
  const s = der.subarray(start + 4 + rLength);
  const padded = (bytes: Bytes) => concat(new Uint8Array(size), bytes).slice(-size);
  return concat(padded(r), padded(s));
}

/** What pkeyutl finds; it exits with 1 when they don't match. */
function opensslVerifies(hashed: Bytes, signature: Bytes): boolean {
  writeFileSync(path('hash'), hashed);
  writeFileSync(path('signature'), signature);
  try {
    openssl('pkeyutl', '-verify', '-inkey', path('private.pem'), '-in', path('hash'), '-sigfile', path('signature'));
    return true;
  } catch {
    return false;
  }
}

function opensslSigns(hashed: Bytes): Bytes {
  writeFileSync(path('hash'), hashed);
  return Uint8Array.from(openssl('pkeyutl', '-sign', '-inkey', path('private.pem'), '-in', path('hash')));
}

describe('an RSA signature', () => {
  const { privateKey, publicKey } = makePair('rsa');

  it("is openssl's, for every hash", () => {
    handToOpenssl(privateKey);
    for (const name of HASHES) {
      const hashed = digest(name);
      const ours = signHash('rsa', privateKey, hashed);
      assert.deepEqual(ours, opensslSigns(hashed));
      assert.ok(opensslVerifies(hashed, ours));
      assert.ok(verifiesHash('rsa', publicKey, hashed, ours));
    }
  });

  it('is refused when anything differs, or a DigestInfo stands before the hash', () => {
    const hashed = digest('sha256');
    const good = signHash('rsa', privateKey, hashed);
    const verifies = (signature: Bytes, over = hashed) => verifiesHash('rsa', publicKey, over, signature);
    for (let at = 0; at < good.length; at++) {
      assert.ok(!verifies(good.subarray(0, at)));
      assert.ok(!verifies(good.with(at, good[at]! ^ 1)));
    }
    assert.ok(!verifies(concat(Uint8Array.of(0), good)));
    assert.ok(!verifies(concat(good, Uint8Array.of(0))));
    assert.ok(!verifies(new Uint8Array(256)) && !verifies(new Uint8Array(256).fill(0xff)));
    assert.ok(!verifies(good, digest('sha256', 'something else')) && !verifies(good, hashed.subarray(0, 31)));
    assert.ok(!verifies(Uint8Array.from(sign('sha256', Buffer.from(MESSAGE), privateKey))));
  });
});

for (const kind of ['ecdsa256', 'ecdsa384', 'ecdsa521'] as const) {
  describe(`an ${kind} signature`, () => {
    const { privateKey, publicKey } = makePair(kind);
    const size = { ecdsa256: 32, ecdsa384: 48, ecdsa521: 66 }[kind];

    it("verifies by openssl, and openssl's here, for every hash, shorter and longer than the curve", () => {
      handToOpenssl(privateKey);
      for (const name of HASHES) {
        const hashed = digest(name);
        const ours = signHash(kind, privateKey, hashed);
        assert.equal(ours.length, 2 * size);
        assert.ok(opensslVerifies(hashed, ecdsaDer(ours)), name);
        assert.ok(verifiesHash(kind, publicKey, hashed, ours));
        assert.ok(verifiesHash(kind, publicKey, hashed, ecdsaRaw(opensslSigns(hashed), size)), name);
        const hashedThere = sign(name, Buffer.from(MESSAGE), { key: privateKey, dsaEncoding: 'ieee-p1363' });
        assert.ok(verifiesHash(kind, publicKey, hashed, Uint8Array.from(hashedThere)));
      }
    });

    it('differs each time, and is refused when anything else does', () => {
      const hashed = digest('sha256');
      const good = signHash(kind, privateKey, hashed);
      assert.notDeepEqual(signHash(kind, privateKey, hashed), good);
      const verifies = (signature: Bytes, over = hashed) => verifiesHash(kind, publicKey, over, signature);
      for (let at = 0; at < good.length; at += 7) {
        assert.ok(!verifies(good.subarray(0, at)));
        assert.ok(!verifies(good.with(at, good[at]! ^ 1)));
      }
      assert.ok(!verifies(concat(good, Uint8Array.of(0))) && !verifies(ecdsaDer(good)));
      for (const filled of [0, 0xff]) {
        assert.ok(!verifies(new Uint8Array(2 * size).fill(filled)));
        assert.ok(!verifies(concat(good.subarray(0, size), new Uint8Array(size).fill(filled))));
        assert.ok(!verifies(concat(new Uint8Array(size).fill(filled), good.subarray(size))));
      }
      assert.ok(!verifies(good, digest('sha256', 'something else')));
    });
  });
}

it('signs and verifies nothing but hashes', () => {
  const { privateKey, publicKey } = makePair('rsa');
  for (const length of [0, 15, 65]) {
    assert.throws(() => signHash('rsa', privateKey, new Uint8Array(length)), RangeError);
    assert.ok(!verifiesHash('rsa', publicKey, new Uint8Array(length), new Uint8Array(256)));
  }
});
