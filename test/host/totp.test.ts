/** Passcodes: vectors of RFC 4226 appendix D and RFC 6238 appendix B, the window, replays, the sealed secret. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Passcodes } from '../../src/host/passcodes.ts';
import { SealedSecrets } from '../../src/host/sealed-secrets.ts';
import { openStore } from '../../src/host/store/store.ts';
import { base32, matchPasscode, otpauthUri, passcodeAt, stepAt } from '../../src/host/totp.ts';
import { temporaryFolder } from './temporary.ts';

const secret = Buffer.from('12345678901234567890');

describe('passcodes', () => {
  it('RFC 4226 appendix D', () => {
    const codes = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489'.split(' ');
    assert.deepEqual(
      codes.map((_, counter) => passcodeAt(secret, counter)),
      codes,
    );
  });

  it('RFC 6238 appendix B', () => {
    const times = [59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000];
    const vectors = {
      sha1: [20, '94287082 07081804 14050471 89005924 69279037 65353130'],
      sha256: [32, '46119246 68084774 67062674 91819424 90698825 77737706'],
      sha512: [64, '90693936 25091201 99943326 93441116 38618901 47863826'],
    } as const;
    for (const [hash, [length, codes]] of Object.entries(vectors)) {
      const key = Buffer.from('1234567890'.repeat(7).slice(0, length));
      assert.equal(times.map((time) => passcodeAt(key, stepAt(time * 1000), hash, 8)).join(' '), codes, hash);
    }
  });

  it('count one step before and after, and only after the last that was used', () => {
    const time = 1_000_000 * 30_000 + 15_000;
    const code = (step: number) => passcodeAt(secret, step);
    const match = (step: number, last = 0) => matchPasscode(secret, code(step), time, last);
    assert.deepEqual(
      [-2, -1, 0, 1, 2].map((offset) => match(1_000_000 + offset)),
      [undefined, 999_999, 1_000_000, 1_000_001, undefined],
    );
    assert.equal(match(1_000_000, 1_000_000), undefined, 'used');
    assert.equal(match(999_999, 1_000_000), undefined, 'older than the one that was used');
    assert.equal(match(1_000_001, 1_000_000), 1_000_001);
    assert.equal(
      matchPasscode(secret, `${code(1_000_000).slice(0, 3)} ${code(1_000_000).slice(3)}`, time, 0),
      1_000_000,
    );
    for (const typed of ['', '12345', '1234567', 'abcdef', '\u0661\u0662\u0663\u0664\u0665\u0666'])
      assert.equal(matchPasscode(secret, typed, time, 0), undefined, typed);
  });

  it('reach an app as a URI with base32, RFC 4648 section 10', () => {
    const vectors = {
      '': '',
      f: 'MY',
      fo: 'MZXQ',
      foo: 'MZXW6',
      foob: 'MZXW6YQ',
      fooba: 'MZXW6YTB',
      foobar: 'MZXW6YTBOI',
    };
    for (const [text, encoded] of Object.entries(vectors)) assert.equal(base32(Buffer.from(text)), encoded);
    assert.equal(
      otpauthUri('a b&c', secret),
      'otpauth://totp/Sallyport:a%20b%26c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sallyport',
    );
  });
});

describe('a user with a second factor', () => {
  it('has each passcode once, and none when it is turned off', (test) => {
    const folder = temporaryFolder(test);
    const store = openStore(folder);
    test.after(() => store.close());
    store.users.add('alice', 'hash');
    const time = 1_700_000_000_000;
    const passcodes = new Passcodes(store, () => time);
    const uri = passcodes.enroll('alice');
    const shown = /secret=([A-Z2-7]{32})&/.exec(uri)![1]!;
    const bits = [...shown]
      .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
      .join('');
    const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
    const alice = () => store.users.find('alice')!;
    assert.ok(!Buffer.from(alice().totp!).includes(key), 'sealed in the database');
    const accepts = (step: number) => passcodes.accepts(alice(), passcodeAt(key, stepAt(time) + step));
    assert.deepEqual([accepts(0), accepts(0), accepts(-1), accepts(1), accepts(1)], [true, false, false, true, false]);
    const stale = { ...alice(), totpStep: 0 };
    assert.equal(passcodes.accepts(stale, passcodeAt(key, stepAt(time) + 1)), false, 'nor from two sessions at once');

    assert.notEqual(passcodes.enroll('alice'), uri);
    assert.equal(accepts(0), false, 'the old secret is gone');
    passcodes.remove('alice');
    assert.equal(alice().totp, undefined);
    assert.equal(accepts(0), false);
    assert.throws(() => passcodes.enroll('nobody'), { code: 'USER_NOT_FOUND' });
  });

  it('is sealed by a private key file, for that user alone', (test) => {
    const folder = temporaryFolder(test);
    const file = join(folder, 'keys', 'totp.key');
    const sealed = new SealedSecrets(folder).seal(secret, 'alice');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'keys')).mode & 0o777, 0o700);
    assert.deepEqual(new SealedSecrets(folder).unseal(sealed, 'alice'), secret);
    assert.throws(() => new SealedSecrets(folder).unseal(sealed, 'bob'), { code: 'KEY_FILE' });
    assert.throws(() => new SealedSecrets(folder).unseal(sealed.subarray(0, 20), 'alice'), { code: 'KEY_FILE' });
    const key = readFileSync(file);
    writeFileSync(file, key.subarray(1));
    assert.throws(() => new SealedSecrets(folder).unseal(sealed, 'alice'), /holds no key of 32 bytes/);
    rmSync(file);
    assert.throws(() => new SealedSecrets(folder).unseal(sealed, 'alice'), /can't read .*totp\.key: no such file/);
  });
});
