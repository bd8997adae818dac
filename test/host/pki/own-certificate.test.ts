/** Our own certificate from files that openssl made. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { certificateSource, openCertificate } from '../../../src/host/pki/own-certificate.ts';
import { certificateVerifier } from '../../../src/host/pki/verifier.ts';
import { openssl, Workshop } from './openssl.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-own-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const workshop = new Workshop(folder);
const NOW = new Date('2026-11-21T00:00:00Z');
const root = workshop.authority('root');
const between = workshop.authority('between', { by: root });
const gate = workshop.issue('gate', {
  by: between,
  key: 'rsa2048',
  extensions: ['subjectAltName=DNS:vpn.example.org'],
});
const HASH = new Uint8Array(20).fill(7);

function bundle(name: string, ...files: readonly string[]): string {
  const path = workshop.path(name);
  writeFileSync(path, files.map((file) => readFileSync(file, 'utf8')).join(''));
  return path;
}

describe('PEM files', () => {
  it('give a chain without its authority, names, the end, and signatures that the verifier believes', () => {
    const files = bundle('bundle.pem', root.certificate, between.certificate, gate.certificate);
    for (const certificate of [[files], [gate.certificate, between.certificate]]) {
      const own = openCertificate({ certificate, key: gate.key }, NOW);
      assert.deepEqual(own.chain, [gate.der, between.der]);
      assert.deepEqual(own.names, ['vpn.example.org', 'gate']);
      assert.deepEqual(own.notAfter, new Date('2049-01-01T00:00:00Z'));
      assert.deepEqual([own.kind, own.warnings], ['rsa', []]);
      const verified = certificateVerifier({ authorities: [root.certificate], now: () => NOW }).verify(
        own.chain,
        'gateway',
      );
      assert.ok('names' in verified, JSON.stringify(verified));
      assert.deepEqual(verified.subject, own.subject);
      assert.ok(verified.verifies(HASH, own.sign(HASH)));
    }
  });

  it('may hold keys of every kind, in the older forms too', () => {
    for (const key of ['P-256', 'P-384', 'P-521'] as const) {
      const leaf = workshop.issue(`leaf-${key}`, { key });
      const old = workshop.path('old.key');
      openssl('ec', '-in', leaf.key, '-out', old);
      for (const file of [leaf.key, old]) {
        const own = openCertificate({ certificate: [leaf.certificate], key: file }, NOW);
        assert.equal(own.kind, `ecdsa${key.slice(2)}`);
        assert.equal(own.sign(HASH).length, { 'P-256': 64, 'P-384': 96, 'P-521': 132 }[key]);
      }
    }
    const der = workshop.path('gate.der');
    writeFileSync(der, gate.der);
    openssl('rsa', '-in', gate.key, '-traditional', '-out', workshop.path('rsa.key'));
    assert.deepEqual(openCertificate({ certificate: [der], key: workshop.path('rsa.key') }, NOW).chain, [gate.der]);
  });

  it('warn when the certificate is beyond its time', () => {
    const open = (at: string) =>
      openCertificate({ certificate: [gate.certificate], key: gate.key }, new Date(at)).warnings;
    assert.match(open('2050-01-01')[0]!, /CN=gate expired on 2049-01-01 00:00 UTC: peers refuse it/);
    assert.match(open('2019-01-01')[0]!, /is not valid before 2020/);
  });

  it('are refused with words that help', () => {
    const refuses = (certificate: string, key: string, message: RegExp) =>
      assert.throws(() => openCertificate({ certificate: [certificate], key }, NOW), { code: 'CERTIFICATE', message });
    refuses(gate.certificate, between.key, /between\.key holds a key that belongs to none of the certificates/);
    refuses(gate.certificate, workshop.path('none'), /can't read .*none: no such file/);
    refuses(gate.certificate, gate.certificate, /others?|can't read|no private key/);
    refuses(gate.key, gate.key, /gate\.key holds no certificate/);
    openssl('pkey', '-in', gate.key, '-aes256', '-passout', 'pass:secret', '-out', workshop.path('locked.key'));
    refuses(gate.certificate, workshop.path('locked.key'), /is encrypted; 'openssl pkey' decrypts it/);
    const open = bundle('open.key', gate.key);
    for (const mode of [0o644, 0o604, 0o660]) {
      chmodSync(open, mode);
      refuses(gate.certificate, open, /open\.key holds a secret, and other users may read or change it: 'chmod 600'/);
    }
    chmodSync(open, 0o640);
    openCertificate({ certificate: [gate.certificate], key: open }, NOW);
    for (const key of ['rsa1024', 'ed25519'] as const) {
      const leaf = workshop.issue(`weak-${key}`, { key, ...(key === 'ed25519' ? { hash: 'null' } : {}) });
      refuses(leaf.certificate, leaf.key, /1024 bits; 2048 are the least|no signatures/);
    }
  });
});

describe('a PKCS#12 file', () => {
  const path = workshop.path('gate.p12');
  const make = (...options: readonly string[]) => {
    const above = bundle('above.pem', between.certificate, root.certificate);
    const files = ['-in', gate.certificate, '-inkey', gate.key, '-certfile', above, '-out', path];
    openssl('pkcs12', '-export', ...files, '-passout', 'pass:pässwörd', ...options);
    chmodSync(path, 0o600);
  };
  const open = (password = 'pässwörd') => openCertificate({ pkcs12: path, password }, NOW);

  const CIPHERS = ['AES-128-CBC', 'AES-192-CBC', 'AES-256-CBC', 'DES-EDE3-CBC', 'PBE-SHA1-3DES'];
  for (const cipher of CIPHERS) {
    it(`is read with ${cipher}`, () => {
      for (const mac of ['sha1', 'sha256', 'sha512']) {
        make('-keypbe', cipher, '-certpbe', cipher, '-macalg', mac);
        const own = open();
        assert.deepEqual(own.chain, [gate.der, between.der]);
        assert.deepEqual(
          own.sign(HASH),
          openCertificate({ certificate: [gate.certificate], key: gate.key }, NOW).sign(HASH),
        );
      }
    });
  }

  it("has its password in a file, whose line's end is none of it, and which others may not read", () => {
    const passwordFile = workshop.path('password');
    writeFileSync(passwordFile, 'pässwörd\r\n', { mode: 0o600 });
    const source = () => certificateSource({ pkcs12: path, passwordFile });
    assert.deepEqual(source(), { pkcs12: path, password: 'pässwörd' });
    chmodSync(passwordFile, 0o644);
    assert.throws(source, { code: 'CERTIFICATE', message: /other users may read .*password; run: chmod 600/ });
    rmSync(passwordFile);
    assert.throws(source, { code: 'CERTIFICATE', message: /can't read .*password \(no such file or folder\)/ });
  });

  it('is read with nothing encrypted but authenticated', () => {
    make('-keypbe', 'NONE', '-certpbe', 'NONE');
    assert.deepEqual(open().chain, [gate.der, between.der]);
  });

  it('is refused with words that help', () => {
    make();
    const refuses = (message: RegExp, password?: string) =>
      assert.throws(() => open(password), { code: 'CERTIFICATE', message });
    refuses(/gate\.p12 can't be opened: the password is wrong, or the file was changed/, 'wrong');
    chmodSync(path, 0o644);
    refuses(/chmod 600/);
    make('-legacy', '-keypbe', 'PBE-SHA1-RC2-40', '-certpbe', 'PBE-SHA1-RC2-40');
    refuses(/is encrypted with RC2; 'openssl pkcs12/);
    make('-nomac');
    refuses(/is not authenticated/);
    make('-nokeys');
    refuses(/holds no private key/);
    writeFileSync(path, 'no PKCS#12 at all');
    refuses(/can't be read/);
  });

  it('cut anywhere, or with any byte changed, is refused', () => {
    make('-iter', '1', '-maciter');
    const whole = readFileSync(path);
    const refuses = (content: Uint8Array) => {
      writeFileSync(path, content);
      assert.throws(() => open(), { code: 'CERTIFICATE' });
    };
    for (let at = 0; at < whole.length; at += 5) refuses(whole.subarray(0, at));
    let accepted = 0;
    for (let at = 0; at < whole.length; at += 3) {
      writeFileSync(path, Uint8Array.from(whole).with(at, whole[at]! ^ 0x10));
      try {
        open();
        accepted++;
      } catch (error) {
        assert.equal((error as { code: string }).code, 'CERTIFICATE', String(at));
      }
    }
    // A NULL that nobody looks at, such as the MAC algorithm's parameters.
    assert.ok(accepted <= 2, String(accepted));
  });
});
