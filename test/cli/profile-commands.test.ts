/** Commands around a profile from outside: what is wrong with it, and with the command line. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withOptions } from '../../src/cli/profile-argument.ts';
import { checkFile, FILES } from '../config/profile/profiles.ts';
import { run, temporaryFolder } from './cli.ts';

describe('sallyport check', () => {
  it('says what a profile says, and no secret', async (test) => {
    const file = join(temporaryFolder(test), 'every-key.pcf');
    copyFileSync(join(FILES, 'every-key.pcf'), file);
    chmodSync(file, 0o600);
    const { status, stdout, stderr } = await run(['check', file]);
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /every-key\.pcf:14:12: warning: ISPCommand: has no meaning here at line 14, column 12; a command in a profile is never run/,
    );
    assert.equal(
      stdout,
      [
        `${file}: ok`,
        '  profile   every-key',
        '  gateway   192.0.2.1, vpn2.example.com, 2001:db8::7, vpn3.example.com',
        '  group     Example Staff',
        '  proof     psk, aggressive mode',
        '  user      sally, password saved',
        '  carrier   cisco-tcp',
        '  networks  10.1.0.0/16, 10.2.3.0/24',
        '  on loss   block',
        '',
      ].join('\n'),
    );
    assert.ok(!`${stdout}${stderr}`.includes('secret'));
  });

  it('says what is wrong with a profile, in each format', async (test) => {
    const folder = temporaryFolder(test);
    for (const [name, text, expected] of [
      ['a.pcf', '[main]\nHost=a\n', /a\.pcf:1:1: GroupName: is missing/],
      ['a.conf', 'IPSec gateway a\nEnable no encryption\n', /a\.conf:2:1: Enable no encryption: is refused/],
      [
        'a.yaml',
        'gateway: a\ncarier: esp\n',
        /a\.yaml:2:1: unknown key 'carier' at line 2, column 1; did you mean 'carrier'\?/,
      ],
    ] as const) {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      const { status, stdout, stderr } = await run(['check', join(folder, name)]);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, expected);
    }
  });
});

describe('sallyport connect', () => {
  it('says what is wrong with its command line, with status 2', async (test) => {
    const file = join(temporaryFolder(test), 'work.yaml');
    writeFileSync(file, 'gateway: 192.0.2.1\ngroup: g\npsk: a-long-enough-secret\n', { mode: 0o600 });
    for (const [args, words] of [
      [[], /the profile is missing/],
      [[file, file], /what is ".*" for/],
      [[file, '--carrier', 'natt'], /--carrier is one of auto, nat-t, esp, cisco-udp, cisco-tcp, not "natt"/],
      [[file, '--on-loss', 'x'], /--on-loss is one of block, open, not "x"/],
      [[file, '--user', ''], /--user needs a name/],
      [[file, '--password', 'secret'], /--password/],
      [[file, '--password-fd', '3', '--password-stdin'], /--password-fd or --password-stdin\?/],
      [[file, '--password-fd', 'x'], /"x" is no open descriptor/],
    ] as const) {
      const { status, stdout, stderr } = await run(['connect', ...args]);
      assert.equal(status, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, words);
      assert.ok(!stderr.includes('secret'));
    }
  });

  it('says before it dials that there is nobody to ask', async (test) => {
    const folder = temporaryFolder(test);
    const text = '[main]\nHost=192.0.2.1\nGroupName=g\nGroupPwd=s\n';
    for (const [more, words] of [
      ['', "the user name is missing; give it with --user, or as 'user' in the profile"],
      ['Username=sally\n', 'the password is missing; give it with --password-fd or --password-stdin'],
    ] as const) {
      writeFileSync(join(folder, 'work.pcf'), `${text}${more}`, { mode: 0o600 });
      const { status, stdout, stderr } = await run(['connect', join(folder, 'work.pcf')]);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.equal(stderr, `sallyport: ${words}\n`);
    }
  });

  it('says that there is no such profile, or all that is wrong with it', async (test) => {
    const none = await run(['connect', 'no-such-profile']);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /^sallyport: no-such-profile: there is no such profile; searched /);
    const file = join(temporaryFolder(test), 'work.yaml');
    writeFileSync(file, 'gateway: a b\npsk: short', { mode: 0o600 });
    const wrong = await run(['connect', file]);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /work\.yaml:1:10: gateway: must be a host name or an IP address/);
  });
});

describe('options over a profile', () => {
  it('count instead of what it says; another user has another password', () => {
    const profile = checkFile('every-key.pcf').profile!;
    const changed = withOptions(profile, { carrier: 'auto', user: 'bob', 'on-loss': 'open' });
    const { carrier, user, password, onLoss } = changed;
    assert.deepEqual(
      { carrier, user, password, onLoss },
      { carrier: 'auto', user: 'bob', password: undefined, onLoss: 'open' },
    );
    assert.deepEqual(withOptions(profile, {}), profile);
    assert.equal(withOptions(profile, { user: 'sally' }).password, 'user secret');
  });
});
