/** Revocation lists that openssl made. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { parseCrl, type StaleCrls } from '../../../src/host/pki/crl.ts';
import { certificateVerifier } from '../../../src/host/pki/verifier.ts';
import { type Issued, openssl, Workshop } from './openssl.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-crl-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const workshop = new Workshop(folder);
const root = workshop.authority('root', { key: 'rsa2048' });
const between = workshop.authority('between', { by: root });
const good = workshop.issue('good', { by: root });
const bad = workshop.issue('bad', { by: root });
const badBelow = workshop.issue('bad-below', { by: between });
workshop.revoke(root, bad);
workshop.revoke(between, badBelow);
const list = workshop.list(root);

function verdict(chain: readonly Issued[], crls: readonly string[], staleCrls?: StaleCrls, now = new Date()): string {
  const verifier = certificateVerifier({
    authorities: [root.certificate],
    crls,
    now: () => now,
    ...(staleCrls ? { staleCrls } : {}),
  });
  const verified = verifier.verify(
    chain.map(({ der }) => der),
    'client',
  );
  return 'refused' in verified ? verified.refused : 'good';
}

it('a revoked certificate is refused, and no other', () => {
  assert.match(verdict([bad], [list]), /^the certificate of CN=bad was revoked on 20\d\d-/);
  assert.equal(verdict([good], [list]), 'good');
  assert.equal(verdict([bad], []), 'good');
});

it('a list is read in DER, and with reasons in its entries', () => {
  const der = workshop.path('list.der');
  openssl('crl', '-in', list, '-outform', 'DER', '-out', der);
  assert.match(verdict([bad], [der]), /was revoked/);
  const reason = workshop.issue('reason', { by: root });
  openssl(
    'ca',
    '-config',
    workshop.path('ca-root/config'),
    '-revoke',
    reason.certificate,
    '-crl_reason',
    'keyCompromise',
  );
  assert.match(verdict([reason], [workshop.list(root)]), /was revoked/);
});

it('lists of authorities between count, and so does the revocation of one of those', () => {
  assert.match(verdict([badBelow, between], [list, workshop.list(between)]), /CN=bad-below was revoked/);
  assert.equal(verdict([badBelow, between], [list]), 'good');
  const fallen = workshop.authority('fallen', { by: root });
  const below = workshop.issue('below-fallen', { by: fallen });
  workshop.revoke(root, fallen);
  assert.match(verdict([below, fallen], [workshop.list(root)]), /CN=fallen was revoked/);
});

it('a list that is out of date refuses everybody, unless it is to be believed on', () => {
  const later = new Date(Date.now() + 60 * 86_400_000);
  assert.match(
    verdict([good], [list], undefined, later),
    /the revocation list of CN=root is out of date since 20\d\d-/,
  );
  assert.equal(verdict([good], [list], 'accept', later), 'good');
  assert.match(verdict([bad], [list], 'accept', later), /was revoked/);
});

it('the newest of several lists decides', () => {
  const late = workshop.issue('late', { by: root });
  const early = workshop.path('early.crl');
  writeFileSync(
    early,
    readFileSync(workshop.list(root, '-crl_lastupdate', '20260101000000Z', '-crl_nextupdate', '20480101000000Z')),
  );
  workshop.revoke(root, late);
  const newest = workshop.list(root, '-crl_lastupdate', '20260601000000Z', '-crl_nextupdate', '20480101000000Z');
  for (const crls of [
    [early, newest],
    [newest, early],
  ])
    assert.match(verdict([late], crls), /was revoked/);
  assert.equal(verdict([late], [early]), 'good');
});

it('a list by somebody else under the same name is not believed, nor is one signed by an unfit key', () => {
  const impostor = new Workshop(workshop.path('elsewhere'));
  const forged = impostor.list(impostor.authority('root'));
  assert.match(verdict([good], [forged]), /the revocation list of CN=root isn't signed by it/);
  assert.equal(verdict([good], [forged, list]), 'good');
  const noLists = workshop.authority('no-lists', {
    by: root,
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'],
  });
  const own = workshop.issue('below-no-lists', { by: noLists });
  assert.match(verdict([own, noLists], [workshop.list(noLists)]), /isn't signed by it/);
});

it('lists of a part of the certificates, and what is no list at all, are refused at the start', () => {
  const config = workshop.path('ca-root/config');
  const partial = workshop.path('partial.conf');
  const lines = ['issuingDistributionPoint = critical, @part', '[part]', 'onlyuser = TRUE', '[crl_extensions]'];
  writeFileSync(
    partial,
    readFileSync(config, 'utf8').replace('[crl_extensions]', `[crl_extensions]\n${lines.join('\n')}`),
  );
  openssl('ca', '-config', partial, '-gencrl', '-out', workshop.path('partial.crl'));
  const refuses = (file: string, message: RegExp) =>
    assert.throws(() => verdict([good], [file]), { code: 'CERTIFICATE', message });
  refuses(
    workshop.path('partial.crl'),
    /partial\.crl holds a revocation list that can't be read: .*only complete lists/,
  );
  refuses(root.certificate, /root\.pem holds no revocation list: neither PEM \("BEGIN X509 CRL"\) nor DER/);
  refuses(workshop.path('nothing'), /can't read .*nothing: no such file/);
  writeFileSync(workshop.path('cut.crl'), Uint8Array.of(0x30, 0x82, 1));
  refuses(workshop.path('cut.crl'), /can't be read/);
});

it('a list cut at any length is refused, and one with any byte changed believed by nobody', () => {
  const file = workshop.path('whole.crl');
  openssl('crl', '-in', list, '-outform', 'DER', '-out', file);
  const whole = Uint8Array.from(readFileSync(file));
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => parseCrl(whole.subarray(0, length)), MalformedError);
  const damaged = workshop.path('damaged.crl');
  for (let at = 0; at < whole.length; at++) {
    writeFileSync(damaged, whole.with(at, whole[at]! ^ 0x11));
    try {
      // Where the issuer's name changed the list is nobody's: that there was one for this authority isn't known.
      assert.match(verdict([good], [damaged]), /isn't signed by it|is signed by|good/);
      assert.notEqual(verdict([good], [damaged, list]), verdict([bad], [damaged, list]));
    } catch (error) {
      assert.equal((error as { code: string }).code, 'CERTIFICATE', String(error));
    }
  }
});
