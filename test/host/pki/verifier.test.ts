/** Chains that openssl made: which are believed, and why the others aren't. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { CertificateVerifier } from '../../../src/core/crypto/certificates.ts';
import { certificateVerifier } from '../../../src/host/pki/verifier.ts';
import { AUTHORITY, type Issued, type IssueOptions, Workshop } from './openssl.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-pki-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const workshop = new Workshop(folder);
const NOW = new Date('2026-11-21T00:00:00Z');
const root = workshop.authority('root');
const between = workshop.authority('between', { by: root });
let made = 0;

function issue(options: IssueOptions = {}): Issued {
  return workshop.issue(`leaf${++made}`, { by: root, ...options });
}

function trusting(...authorities: readonly Issued[]): CertificateVerifier {
  return certificateVerifier({ authorities: authorities.map(({ certificate }) => certificate), now: () => NOW });
}

const verifier = trusting(root);

function accepts(chain: readonly Issued[], purpose: 'client' | 'gateway' = 'client', by = verifier) {
  const verdict = by.verify(
    chain.map(({ der }) => der),
    purpose,
  );
  assert.ok('names' in verdict, JSON.stringify(verdict));
  return verdict;
}

function refuses(chain: readonly Issued[], words: RegExp, purpose: 'client' | 'gateway' = 'client', by = verifier) {
  const verdict = by.verify(
    chain.map(({ der }) => der),
    purpose,
  );
  assert.ok('refused' in verdict, 'accepted');
  assert.match(verdict.refused, words);
}

describe('a chain', () => {
  it('is believed when an authority issued it, whatever the kinds of keys', () => {
    for (const key of ['rsa2048', 'P-256', 'P-384', 'P-521'] as const) {
      const kind = { rsa2048: 'rsa', 'P-256': 'ecdsa256', 'P-384': 'ecdsa384', 'P-521': 'ecdsa521' }[key];
      assert.equal(accepts([issue({ key })]).kind, kind);
    }
    for (const key of ['rsa2048', 'P-384', 'P-521', 'ed25519'] as const) {
      const by = workshop.authority(`root-${key}`, { key, ...(key === 'ed25519' ? { hash: 'null' } : {}) });
      accepts([issue({ by, ...(key === 'ed25519' ? { hash: 'null' } : {}) })], 'client', trusting(root, by));
    }
  });

  it('tells its names', () => {
    const extensions = ['subjectAltName=DNS:vpn.example.org,IP:192.0.2.1,IP:2001:db8::1,email:a@example.org,URI:x:y'];
    const { names } = accepts([issue({ extensions, subject: '/O=Example/CN=gate' })]);
    assert.deepEqual(names, ['vpn.example.org', '192.0.2.1', '2001:db8::1', 'a@example.org', 'gate']);
  });

  it('may lead over authorities that came with it, in any order', () => {
    const low = workshop.authority('low', { by: between });
    const own = issue({ by: low });
    accepts([own, between, low]);
    accepts([own, low, root, between]);
    refuses([own, low], /CN=low was issued by CN=between, which isn't among the authorities/);
    refuses([own], /was issued by CN=low/);
    accepts([own, low], 'client', trusting(between));
  });

  it('is refused beyond its time, and so is one by an authority beyond its time', () => {
    refuses([issue({ to: '20260101000000Z' })], /expired on 2026-01-01 00:00 UTC/);
    refuses([issue({ from: '20270101000000Z' })], /not valid before 2027-01-01/);
    const old = workshop.authority('old', { by: root, to: '20260101000000Z' });
    refuses([issue({ by: old }), old], /CN=old expired/);
    const oldRoot = workshop.authority('old-root', { to: '20260101000000Z' });
    refuses([issue({ by: oldRoot })], /CN=old-root expired/, 'client', trusting(oldRoot));
  });

  it('is refused from a stranger, even of the same name', () => {
    const impostor = new Workshop(join(folder, 'elsewhere')).authority('root');
    const own = issue({ by: impostor });
    refuses([own], /wrong signature/);
    refuses([own, impostor], /wrong signature/);
    refuses([impostor], /CN=root is not for signing/);
  });

  it('is refused over what is no authority', () => {
    const plain = issue();
    refuses([issue({ by: plain }), plain], /is not the certificate of an authority/);
    const notSigning = issue({ extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'] });
    refuses([issue({ by: notSigning }), notSigning], /no keyCertSign/);
    assert.throws(() => trusting(plain), {
      code: 'CERTIFICATE',
      message: /leaf.*is not the certificate of an authority/,
    });
  });

  it('is no longer than its authorities and we allow', () => {
    const short = workshop.authority('short', {
      by: root,
      extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0', AUTHORITY[1]!],
    });
    accepts([issue({ by: short }), short]);
    const below = workshop.authority('below', { by: short });
    refuses([issue({ by: below }), below, short], /CN=short allows 0 authorities below it, and here are 1/);
    const long = [between];
    for (const name of ['two', 'three', 'four']) long.push(workshop.authority(name, { by: long.at(-1)! }));
    accepts([issue({ by: long[2]! }), ...long]);
    refuses([issue({ by: long[3]! }), ...long], /too far/);
  });

  it('is refused for another purpose', () => {
    const purpose = (...purposes: string[]) => issue({ extensions: [`extendedKeyUsage=${purposes.join(',')}`] });
    const client = purpose('clientAuth');
    const gateway = purpose('serverAuth', '1.3.6.1.5.5.8.2.2');
    accepts([client]);
    refuses([client], /is not for a gateway/, 'gateway');
    accepts([gateway], 'gateway');
    refuses([gateway], /is not for a client/);
    for (const both of [purpose('1.3.6.1.5.5.7.3.17'), purpose('anyExtendedKeyUsage'), issue()]) {
      accepts([both]);
      accepts([both], 'gateway');
    }
    refuses([purpose('emailProtection')], /is not for a client/);
    const web = workshop.authority('web', { by: root, extensions: [...AUTHORITY, 'extendedKeyUsage=serverAuth'] });
    refuses([issue({ by: web }), web], /CN=web is not for a client/);
    refuses([issue({ extensions: ['keyUsage=critical,keyEncipherment'] })], /is not for signing/);
    accepts([issue({ extensions: ['keyUsage=critical,nonRepudiation'] })]);
  });

  it('is refused with weak or strange keys and signatures', () => {
    refuses([issue({ key: 'rsa1024' })], /RSA key of 1024 bits; 2048 are the least/);
    refuses([issue({ key: 'secp256k1' })], /has no? ?.*signatures|on a curve other/);
    refuses([issue({ key: 'ed25519' })], /no signatures/);
    refuses([issue({ hash: 'sha1' })], /signed with SHA-1/);
    const rsa = workshop.authority('rsa', { key: 'rsa2048' });
    const trust = trusting(rsa);
    refuses([issue({ by: rsa, hash: 'md5' })], /signed with MD5/, 'client', trust);
    for (const hash of ['sha256', 'sha384', 'sha512']) {
      accepts([issue({ by: rsa, hash })], 'client', trust);
      accepts([issue({ by: rsa, hash, pss: true })], 'client', trust);
    }
  });

  it('is refused for critical extensions that are not understood', () => {
    refuses([issue({ extensions: ['1.2.3.4=critical,DER:0500'] })], /the extension 1\.2\.3\.4, which isn't supported/);
    accepts([issue({ extensions: ['1.2.3.4=DER:0500'] })]);
    const bound = workshop.authority('bound', {
      by: root,
      extensions: [...AUTHORITY, 'nameConstraints=permitted;DNS:example.org'],
    });
    refuses([issue({ by: bound }), bound], /the extension 2\.5\.29\.30/);
  });

  it('is refused when there is none, or too much of it', () => {
    refuses([], /no certificate/);
    const own = issue();
    accepts([own, ...Array.from({ length: 9 }, () => between)]);
    refuses([own, ...Array.from({ length: 10 }, () => between)], /11 certificates; 10 are the most/);
    const verdict = verifier.verify([new Uint8Array(16_385)], 'client');
    assert.match((verdict as { refused: string }).refused, /16385 bytes/);
  });
});
