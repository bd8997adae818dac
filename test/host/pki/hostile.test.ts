/** Whatever a peer sends as certificates: a refusal, never a throw, and soon. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { parseCertificate } from '../../../src/host/pki/certificate.ts';
import { makeClient } from '../../../src/host/pki/issue.ts';
import { certificateVerifier } from '../../../src/host/pki/verifier.ts';
import { Workshop } from './openssl.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-hostile-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const workshop = new Workshop(folder);
const NOW = new Date('2026-11-21T00:00:00Z');
const root = workshop.authority('root');
const between = workshop.authority('between', { by: root });
const extensions = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth',
  'subjectAltName=DNS:a.example.org,IP:192.0.2.1,email:a@example.org',
  'subjectKeyIdentifier=hash',
];
const own = workshop.issue('own', { by: between, extensions });
const rsa = workshop.issue('rsa', { by: between, extensions, key: 'rsa2048' });
const verifier = certificateVerifier({ authorities: [root.certificate], now: () => NOW });

function isRefused(chain: readonly Bytes[]): boolean {
  const verdict = verifier.verify(chain, 'client');
  if (!('refused' in verdict)) return false;
  assert.match(verdict.refused, /^[^\p{C}]+$/u);
  return true;
}

it('a certificate cut at any length is refused, wherever it stands', () => {
  assert.ok(!isRefused([own.der, between.der]) && !isRefused([rsa.der, between.der]));
  for (let length = 0; length < own.der.length; length++)
    assert.ok(isRefused([own.der.subarray(0, length), between.der]));
  for (let length = 0; length < between.der.length; length++)
    assert.ok(isRefused([own.der, between.der.subarray(0, length)]));
});

it('a certificate with any bit turned is refused', () => {
  for (const leaf of [own.der, rsa.der]) {
    for (let at = 0; at < leaf.length; at++)
      for (let bit = 1; bit < 256; bit <<= 1)
        assert.ok(isRefused([leaf.with(at, leaf[at]! ^ bit), between.der]), `${at}, ${bit}`);
  }
});

it('so is one whose signature has parameters, with those damaged too', () => {
  const pss = workshop.authority('pss', { key: 'rsa2048' });
  const leaf = workshop.issue('pss-leaf', { by: pss, pss: true });
  const trusting = certificateVerifier({ authorities: [pss.certificate], now: () => NOW });
  assert.ok('names' in trusting.verify([leaf.der], 'client'));
  // Where both algorithm identifiers change alike, the parameters themselves are read.
  const start = Buffer.from(leaf.der).indexOf(PSS_OID);
  const again = Buffer.from(leaf.der).lastIndexOf(PSS_OID);
  assert.ok(start > 0 && again > start);
  for (let at = 0; at < 65; at++)
    for (let bit = 1; bit < 256; bit <<= 1) {
      const damaged = leaf.der.slice();
      for (const where of [start + at, again + at]) damaged[where]! ^= bit;
      assert.ok('refused' in trusting.verify([damaged], 'client'), `${at}, ${bit}`);
    }
  for (let at = 0; at < leaf.der.length; at++)
    assert.ok('refused' in trusting.verify([leaf.der.with(at, leaf.der[at]! ^ 0x11)], 'client'));
});

/** id-RSASSA-PSS */
const PSS_OID = Buffer.from('06092a864886f70d01010a', 'hex');

it('so is one between with any byte changed', () => {
  for (let at = 0; at < between.der.length; at++)
    assert.ok(isRefused([own.der, between.der.with(at, between.der[at]! ^ 0x11)]), String(at));
});

it('bytes put in, taken out or added are refused', () => {
  for (let at = 0; at <= own.der.length; at++) {
    const [before, behind] = [own.der.subarray(0, at), own.der.subarray(at)];
    for (const byte of [0, 0x30, 0x80, 0xff])
      assert.ok(isRefused([Uint8Array.of(...before, byte, ...behind), between.der]));
    if (at < own.der.length) assert.ok(isRefused([Uint8Array.of(...before, ...behind.subarray(1)), between.der]));
  }
});

it('noise is refused, however it nests', () => {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed >>> 16;
  };
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: random() % 300 }, random);
    assert.ok(isRefused([bytes]));
    assert.ok(isRefused([Uint8Array.of(0x30, 0x82, bytes.length >> 8, bytes.length, ...bytes), bytes]));
  }
  assert.ok(isRefused([new Uint8Array(16_384).fill(0x30)]));
  assert.ok(isRefused([Uint8Array.from({ length: 16_384 }, (_, i) => (i % 2 ? 0x80 : 0x30))]));
});

it('names that could be taken for others are refused or shown escaped', () => {
  const hidden = workshop.issue('hidden', {
    by: root,
    extensions: ['subjectAltName=DER:300a8208612e626300642e65'],
  });
  assert.ok(isRefused([hidden.der]));
  const moving = workshop.issue('moving', { by: between, subject: '/CN=a\u202eb' });
  assert.ok(isRefused([moving.der]));
  const verdict = verifier.verify([moving.der, between.der], 'client');
  assert.deepEqual('names' in verdict && verdict.names, []);
});

it('authorities that all issued each other are given up soon', () => {
  const ring = workshop.authority('ring', { key: 'rsa2048' });
  const others = Array.from({ length: 8 }, (_, i) =>
    workshop.authority(`ring${i}`, { keyOf: ring, subject: '/CN=ring' }),
  );
  const leaf = workshop.issue('leaf', { by: ring });
  const chain = [leaf, ring, ...others].map(({ der }) => der);
  const start = process.cpuUsage();
  assert.ok(isRefused(chain));
  // of the processor, since other tests may run beside; without a bound it takes as long as it likes
  assert.ok(process.cpuUsage(start).user < 1_000_000);
  const trusting = certificateVerifier({ authorities: [ring.certificate], now: () => NOW });
  assert.ok('names' in trusting.verify(chain, 'client'));
});

it('keys that cost the verifier time are refused', () => {
  const exponent = workshop.issue('exponent', { by: root, key: 'rsa2048 with a large exponent' });
  assert.ok(isRefused([exponent.der]));
  const modulus = new Uint8Array(2048).fill(0xff);
  const jwk = { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB' };
  const order = { name: 'large', key: createPublicKey({ key: jwk, format: 'jwk' }), notBefore: 0, notAfter: 2e12 };
  const key = createPrivateKey(readFileSync(root.key));
  const large = makeClient(order, ['large'], { certificate: parseCertificate(root.der), key });
  const verdict = verifier.verify([large], 'client');
  assert.match('refused' in verdict ? verdict.refused : '', /RSA key of 16384 bits; 8192 are the most/);
});

it('a name is cut short in what is said of it', () => {
  const long = workshop.issue('long', {
    subject: `/CN=${'x'.repeat(60)}${'/O=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'.repeat(20)}`,
  });
  const verdict = verifier.verify([long.der], 'client');
  assert.ok('refused' in verdict && verdict.refused.length < 600);
});
