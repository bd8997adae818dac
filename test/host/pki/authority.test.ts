/** Our own authority, judged by openssl and by our verifier. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createAuthority, type IssueOptions, type NewKey, openAuthority } from '../../../src/host/pki/authority.ts';
import { parseCrl } from '../../../src/host/pki/crl.ts';
import { makeCrl } from '../../../src/host/pki/issue-crl.ts';
import { openCertificate } from '../../../src/host/pki/own-certificate.ts';
import { certificateVerifier } from '../../../src/host/pki/verifier.ts';
import { openssl } from './openssl.ts';

const top = mkdtempSync(join(tmpdir(), 'sallyport-authority-'));
after(() => rmSync(top, { recursive: true, force: true }));
const options = (more: Partial<IssueOptions> = {}): IssueOptions => ({
  key: 'p256',
  days: 825,
  force: false,
  now: new Date(),
  ...more,
});

function opensslVerify(...args: readonly string[]): string {
  try {
    return openssl('verify', '-x509_strict', ...args).toString();
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr);
  }
}

const text = (file: string) => openssl('x509', '-in', file, '-noout', '-text').toString();
const mode = (file: string) => statSync(file).mode & 0o777;
const HASH = new Uint8Array(32).fill(9);

for (const key of ['rsa', 'p256'] as readonly NewKey[]) {
  describe(`an authority with keys of kind ${key}`, () => {
    const folder = join(top, key, 'ca');
    const given = options({ key });
    const authority = createAuthority(folder, `Tëst CA ${key}`, { ...given, days: 3650 });
    const gateway = authority.issueGateway(['vpn.example.org', '192.0.2.1', '2001:db8::1'], given);
    const client = authority.issueClient('alice', given);

    it('makes certificates that openssl and the verifier believe, each for its purpose', () => {
      const verify = (file: string, ...more: readonly string[]) =>
        opensslVerify('-CAfile', authority.certificateFile, ...more, file);
      const name = ['-verify_hostname', 'vpn.example.org', '-verify_ip', '192.0.2.1'];
      assert.match(verify(gateway.certificateFile, '-purpose', 'sslserver', ...name), /: OK/);
      assert.match(verify(client.certificateFile, '-purpose', 'sslclient'), /: OK/);
      assert.match(verify(client.certificateFile, '-purpose', 'sslserver'), /unsuitable certificate purpose/);
      const verifier = certificateVerifier({
        authorities: [authority.certificateFile],
        crls: [authority.crlFile],
        now: () => new Date(),
      });
      for (const [files, purpose, other] of [
        [gateway, 'gateway', 'client'],
        [client, 'client', 'gateway'],
      ] as const) {
        const own = openCertificate({ certificate: [files.certificateFile], key: files.keyFile }, new Date());
        if (purpose === 'client') assert.ok('refused' in verifier.verify(own.chain, other));
        const verified = verifier.verify(own.chain, purpose);
        assert.ok('names' in verified, JSON.stringify(verified));
        assert.deepEqual(verified.names, own.names);
        assert.ok(verified.verifies(HASH, own.sign(HASH)));
      }
    });

    it('writes into them what clients look for', () => {
      const shown = text(gateway.certificateFile);
      assert.match(shown, /TLS Web Server Authentication, ipsec Internet Key Exchange, 1\.3\.6\.1\.5\.5\.8\.2\.2/);
      assert.match(shown, /DNS:vpn\.example\.org, IP Address:192\.0\.2\.1, IP Address:2001:DB8:0:0:0:0:0:1/);
      assert.match(shown, /Key Usage: critical\s+Digital Signature/);
      assert.match(text(client.certificateFile), /Extended Key Usage:\s+TLS Web Client Authentication\n/);
      assert.match(text(authority.certificateFile), /CA:TRUE, pathlen:0/);
      assert.match(text(authority.certificateFile), key === 'rsa' ? /\(3072 bit\)/ : /P-256/);
      for (const file of [gateway.keyFile, client.keyFile, authority.keyFile]) assert.equal(mode(file), 0o600);
      for (const file of [gateway.certificateFile, authority.crlFile]) assert.equal(mode(file), 0o644);
      assert.equal(mode(folder), 0o700);
    });

    it('revokes by name and by serial number, and its list only grows', () => {
      const [, bob] = [authority.issueClient('bob', given), authority.issueClient('bob', { ...given, force: true })];
      const carol = authority.issueClient('carol', given);
      assert.equal(authority.revoke('bob', new Date()).length, 2);
      assert.equal(authority.revoke('bob', new Date()).length, 0);
      assert.equal(authority.revoke(carol.certificate.serial.toUpperCase(), new Date()).length, 1);
      const check = ['-crl_check', '-CRLfile', authority.crlFile, '-CAfile', authority.certificateFile];
      assert.match(opensslVerify(...check, bob.certificateFile), /certificate revoked/);
      assert.match(opensslVerify(...check, carol.certificateFile), /certificate revoked/);
      assert.match(opensslVerify(...check, client.certificateFile), /: OK/);
      const list = openssl('crl', '-in', authority.crlFile, '-noout', '-text').toString();
      assert.equal(list.match(/Serial Number/g)?.length, 3);
      assert.match(list, /CRL Number:\s+3\n/);
      const states = authority.list().map(({ name, kind, revoked }) => [name, kind, revoked !== undefined]);
      assert.deepEqual(states, [
        ['alice', 'client', false],
        ['bob', 'client', true],
        ['bob', 'client', true],
        ['carol', 'client', true],
        ['vpn.example.org', 'gateway', false],
      ]);
      assert.throws(() => authority.revoke('nobody', new Date()), { code: 'NOT_ISSUED' });
    });

    it('makes PKCS#12 files that openssl and we can open', () => {
      const file = join(top, `${key}.p12`);
      const certificate = authority.issueClientPkcs12('dave', file, 'pässwörd', given);
      assert.equal(mode(file), 0o600);
      const opened = openssl('pkcs12', '-in', file, '-passin', 'pass:pässwörd', '-nodes').toString();
      assert.match(
        opened,
        /friendlyName: dave[\s\S]*BEGIN CERTIFICATE[\s\S]*BEGIN CERTIFICATE[\s\S]*BEGIN PRIVATE KEY/,
      );
      const own = openCertificate({ pkcs12: file, password: 'pässwörd' }, new Date());
      assert.deepEqual(own.chain, [certificate.der]);
      assert.throws(() => authority.issueClientPkcs12('dave', file, 'x', given), { code: 'FILE_EXISTS' });
    });
  });
}

describe('an authority', () => {
  const folder = join(top, 'other');

  it('is made once, unless it is to be replaced; what the old one issued is no longer listed', () => {
    assert.throws(() => openAuthority(folder), { code: 'NO_AUTHORITY', message: /'sallyport ca init' makes one/ });
    createAuthority(folder, 'One', options()).issueClient('alice', options());
    assert.throws(() => createAuthority(folder, 'One', options()), { code: 'FILE_EXISTS' });
    assert.equal(openAuthority(folder).list().length, 1);
    const again = createAuthority(folder, 'One', options({ force: true }));
    assert.deepEqual(again.list(), []);
  });

  it('writes over nothing unasked, and issues nothing then', () => {
    const authority = openAuthority(folder);
    const { certificateFile, keyFile } = authority.issueClient('erin', options());
    const before = readFileSync(keyFile, 'utf8');
    const issued = authority.list().length;
    assert.throws(() => authority.issueClient('erin', options()), {
      code: 'FILE_EXISTS',
      message: /erin\.crt exists; --force/,
    });
    assert.deepEqual([readFileSync(keyFile, 'utf8'), authority.list().length], [before, issued]);
    authority.issueClient('erin', options({ force: true }));
    assert.notEqual(readFileSync(keyFile, 'utf8'), before);
    assert.ok(statSync(certificateFile).isFile());
  });

  it('takes no names that lead elsewhere or that nobody can dial', () => {
    const authority = openAuthority(folder);
    for (const name of ['', '..', '../x', '.x', 'a/b', 'a b', 'a\0', 'x'.repeat(64), '-x'])
      assert.throws(() => authority.issueClient(name, options()), { code: 'NAME' }, name);
    for (const name of ['', '../x', 'a b', 'a_b', '-a', 'a..b', '192.0.2.999/1', `${'x'.repeat(64)}.org`, '*.x'])
      assert.throws(() => authority.issueGateway([name], options()), { code: 'NAME' }, name);
    for (const name of ['', 'x'.repeat(65), 'a\nb'])
      assert.throws(() => createAuthority(join(top, 'unnamed'), name, options()), { code: 'NAME' }, name);
    authority.issueGateway(['2001:db8::1'], options());
  });

  it('lets no certificate outlive itself', () => {
    const authority = openAuthority(folder);
    const { certificate } = authority.issueClient('late', options({ days: 36_500 }));
    assert.equal(certificate.notAfter, authority.certificate.notAfter);
  });

  it('says times after 2049 as they have to be said', () => {
    const far = createAuthority(join(top, 'far'), 'Far', options({ days: 36_500 }));
    assert.match(text(far.certificateFile), /Not After : .* 21\d\d GMT/);
    const { certificateFile } = far.issueClient('far', options({ days: 36_500 }));
    assert.match(opensslVerify('-CAfile', far.certificateFile, certificateFile), /: OK/);
  });

  it('signs with no key but its own', () => {
    const authority = openAuthority(folder);
    writeFileSync(authority.keyFile, readFileSync(join(top, 'far/authority.key')));
    assert.throws(() => authority.issueClient('x', options()), { code: 'CERTIFICATE', message: /is not the key of/ });
  });

  it('makes lists of any length', () => {
    const authority = createAuthority(join(top, 'many'), 'Many', options());
    const issuer = { certificate: authority.certificate, key: createPrivateKey(readFileSync(authority.keyFile)) };
    const now = Math.floor(Date.now() / 1000) * 1000;
    const revoked = new Map(Array.from({ length: 5000 }, (_, i) => [(i + 0x7000_0000).toString(16), now]));
    const der = makeCrl(revoked, issuer, { thisUpdate: now, nextUpdate: now }, undefined);
    assert.ok(der.length > 65_536);
    assert.deepEqual(parseCrl(der).revoked, revoked);
  });
});
