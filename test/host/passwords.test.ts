/** Password hashes and the login check. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashPassword, MAX_PASSWORD_BYTES, MAX_QUEUED, matchesHash, passwordQueue } from '../../src/host/argon2.ts';
import { type Clock, MAX_OF_SOURCE, PasswordVerifier } from '../../src/host/passwords.ts';
import type { User } from '../../src/host/store/users.ts';

describe('argon2id', () => {
  it('writes PHC strings with a salt of their own', async () => {
    const [one, two] = await Promise.all([hashPassword('secret'), hashPassword('secret')]);
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.notEqual(one, two);
    assert.ok(await matchesHash('secret', one));
    assert.ok(!(await matchesHash('Secret', one)));
  });

  // The reference implementation's `argon2` command: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
  it('agrees with the reference implementation', async () => {
    const phc = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    assert.ok(await matchesHash('password', phc));
    assert.ok(!(await matchesHash('passwort', phc)));
  });

  it('normalises nothing: composed and decomposed letters are different passwords', async () => {
    assert.ok(!(await matchesHash('\u00e9', await hashPassword('e\u0301'))));
  });

  it('refuses an empty and a very long password, and a string that is no hash', async () => {
    await assert.rejects(hashPassword(''), { code: 'BAD_PASSWORD' });
    await assert.rejects(hashPassword('x'.repeat(MAX_PASSWORD_BYTES + 1)), { code: 'BAD_PASSWORD' });
    await hashPassword('x'.repeat(MAX_PASSWORD_BYTES));
    await assert.rejects(matchesHash('x', 'plain text'), { code: 'BAD_HASH' });
  });

  it('lets a bounded number wait', async () => {
    const cheap = '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    const results = await Promise.allSettled(Array.from({ length: MAX_QUEUED + 10 }, () => matchesHash('x', cheap)));
    const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    assert.equal(refused.length, 8);
    assert.deepEqual(passwordQueue(), { waiting: 0, highest: MAX_QUEUED });
    assert.ok(refused.every(({ reason }) => reason.code === 'BUSY'));
    await matchesHash('x', cheap);
  });
});

/** Time that passes when somebody sleeps. */
class FakeClock implements Clock {
  time = 0;
  readonly slept: number[] = [];
  now(): number {
    return this.time;
  }
  async sleep(milliseconds: number): Promise<void> {
    this.slept.push(milliseconds);
    this.time += milliseconds;
  }
}

const noPasscodes = { accepts: () => false };
const noSecrets = { find: () => undefined };

describe('the login check', async () => {
  const passwordHash = await hashPassword('right');
  const alice: User = {
    name: 'alice',
    passwordHash,
    address: undefined,
    created: 0,
    totp: undefined,
    totpStep: 0,
    ntHash: undefined,
    chapPassword: undefined,
  };
  const users = { find: (name: string) => (name === 'alice' ? alice : undefined) };
  const source = '192.0.2.7';

  it('lets the right password in', async () => {
    const verifier = new PasswordVerifier(users, noPasscodes, noSecrets, new FakeClock());
    assert.deepEqual(await verifier.verify({ user: 'alice', source, password: 'right' }), { ok: true, user: alice });
  });

  it('tells a wrong password from an unknown user, to the log alone, and takes as long for both', async () => {
    const verifier = new PasswordVerifier(users, noPasscodes, noSecrets, new FakeClock());
    const least = { alice: Number.POSITIVE_INFINITY, bob: Number.POSITIVE_INFINITY };
    for (let round = 0; round < 5; round++) {
      for (const user of ['alice', 'bob'] as const) {
        // argon2's threads count as well; what runs beside the test doesn't, unless it holds the processor itself up
        const start = process.cpuUsage();
        const verdict = await verifier.verify({ user, source, password: 'wrong' });
        const { user: own, system } = process.cpuUsage(start);
        assert.deepEqual(verdict, { ok: false, reason: user === 'alice' ? 'wrong-password' : 'unknown-user' });
        least[user] = Math.min(least[user], own + system);
      }
    }
    assert.ok(least.bob > least.alice / 4, `${least.bob} µs for an unknown user, ${least.alice} for a wrong password`);
  });

  it('refuses an empty and a very long password, even where it would match', async () => {
    const verifier = new PasswordVerifier(users, noPasscodes, noSecrets, new FakeClock());
    assert.equal((await verifier.verify({ user: 'alice', source, password: '' })).ok, false);
    const longest = 'x'.repeat(MAX_PASSWORD_BYTES);
    const long = { ...alice, passwordHash: await hashPassword(longest) };
    const ofLong = new PasswordVerifier({ find: () => long }, noPasscodes, noSecrets, new FakeClock());
    assert.equal((await ofLong.verify({ user: 'alice', source, password: longest })).ok, true);
    assert.equal((await ofLong.verify({ user: 'alice', source, password: `${longest}x` })).ok, false);
  });

  it('holds a guesser back, longer each time, and lets the right password in afterwards', async () => {
    const clock = new FakeClock();
    const verifier = new PasswordVerifier(users, noPasscodes, noSecrets, clock);
    for (let i = 0; i < 6; i++) await verifier.verify({ user: 'alice', source, password: 'wrong' });
    assert.deepEqual(clock.slept, [1000, 2000, 4000]);
    assert.equal((await verifier.verify({ user: 'alice', source, password: 'right' })).ok, true);
    assert.deepEqual(clock.slept, [1000, 2000, 4000, 8000]);
    assert.equal((await verifier.verify({ user: 'alice', source, password: 'right' })).ok, true);
    assert.equal(clock.slept.length, 4, 'no wait after a success');
  });

  it('holds one attempt a user, and refuses those beside it', async () => {
    const wakes: (() => void)[] = [];
    const clock: Clock = { now: () => 0, sleep: () => new Promise((resolve) => wakes.push(resolve)) };
    const verifier = new PasswordVerifier(users, noPasscodes, noSecrets, clock);
    for (let i = 0; i < 3; i++) await verifier.verify({ user: 'alice', source, password: 'wrong' });
    const held = verifier.verify({ user: 'alice', source, password: 'right' });
    assert.deepEqual(await verifier.verify({ user: 'alice', source, password: 'right' }), {
      ok: false,
      reason: 'throttled',
    });
    wakes[0]!();
    assert.equal((await held).ok, true);
  });

  it('leaves room in the queue to others, however much one source sends', async () => {
    const verifier = new PasswordVerifier(users, noPasscodes, noSecrets, new FakeClock());
    const flood = Array.from({ length: MAX_OF_SOURCE + 30 }, (_, i) =>
      verifier.verify({ user: `u${i}`, source: '198.51.100.66', password: 'x' }),
    );
    const alices = verifier.verify({ user: 'alice', source, password: 'right' });
    const verdicts = await Promise.all(flood);
    const throttled = verdicts.filter((verdict) => !verdict.ok && verdict.reason === 'throttled');
    assert.equal(throttled.length, 30);
    assert.equal((await alices).ok, true);
    assert.equal((await verifier.verify({ user: 'bob', source: '198.51.100.66', password: 'x' })).ok, false);
  });

  it('asks for the passcode after the right password, and slows who guesses at it down', async () => {
    const clock = new FakeClock();
    const careful = { ...alice, totp: new Uint8Array(48) };
    const passcodes = { accepts: (_: User, typed: string) => typed === '123456' };
    const verifier = new PasswordVerifier({ find: () => careful }, passcodes, noSecrets, clock);
    const password = () => verifier.verify({ user: 'alice', source, password: 'right' });
    const passcode = (typed: string) => verifier.verifyPasscode({ user: 'alice', source, password: typed });
    assert.deepEqual(await password(), { ok: 'passcode' });
    assert.deepEqual(await passcode('123456'), { ok: true, user: careful });
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(await password(), { ok: 'passcode' });
      assert.deepEqual(await passcode('000000'), { ok: false, reason: 'wrong-passcode' });
    }
    assert.deepEqual(clock.slept, [1000, 2000, 4000, 8000, 16000], 'the password between them cleans no slate');
    assert.equal((await passcode('right')).ok, false, 'a password is no passcode');
  });

  for (const [secret, missing] of [
    ['ntHash', 'no-nt-hash'],
    ['chapPassword', 'no-chap-password'],
  ] as const)
    it(`lets in by a challenge who has the secret for it (${secret}) and proves it, and slows down who guesses`, async () => {
      const hash = new Uint8Array(16).fill(7);
      const known = {
        find: ({ name }: User, kind: string) => (name === 'alice' && kind === secret ? hash : undefined),
      };
      const bob = { ...alice, name: 'bob' };
      const both = { find: (name: string) => [alice, bob].find((user) => user.name === name) };
      const clock = new FakeClock();
      const verifier = new PasswordVerifier(both, noPasscodes, known, clock);
      const right = (ntHash: Uint8Array) => ntHash === hash;
      assert.deepEqual(await verifier.verifyChallenged({ user: 'alice', source }, secret, right), {
        ok: true,
        user: alice,
      });
      const refused = async (user: string, proves: (ntHash: Uint8Array) => boolean) => {
        const verdict = await verifier.verifyChallenged({ user, source }, secret, proves);
        return verdict.ok === false && verdict.reason;
      };
      assert.equal(await refused('bob', right), missing);
      assert.equal(await refused('carol', right), 'unknown-user');
      for (let i = 0; i < 8; i++) assert.equal(await refused('alice', () => false), 'wrong-password');
      assert.ok(clock.slept.length > 0, 'it waits');
    });

  it('asks for the passcode also after MS-CHAPv2', async () => {
    const careful = { ...alice, totp: new Uint8Array(1) };
    const verifier = new PasswordVerifier({ find: () => careful }, noPasscodes, { find: () => new Uint8Array(16) });
    assert.deepEqual(await verifier.verifyChallenged({ user: 'alice', source }, 'ntHash', () => true), {
      ok: 'passcode',
    });
  });
});
