/** sallyport ca from outside: what it prints, and that openssl believes what it made. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { type Outcome, run, temporaryFolder } from './cli.ts';

function succeeds({ status, stdout, stderr }: Outcome): string {
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

function fails({ status, stdout, stderr }: Outcome, expected: number, words: RegExp): void {
  assert.equal(status, expected, stderr);
  assert.match(stderr, words);
  assert.match(stderr, /^sallyport: .*\n$/);
  assert.equal(stdout, '');
}

it('makes an authority, issues, lists, shows and revokes', async (test) => {
  const state = temporaryFolder(test);
  const folder = join(state, 'ca');
  const ca = (...args: readonly string[]) => run(['ca', ...args, '--state', state]);
  fails(await ca('list'), 1, /there is no authority in .*; 'sallyport ca init' makes one/);
  const made = succeeds(await ca('init', '--name', 'Example CA', '--key', 'p256'));
  assert.match(made, /^authority Example CA, good until 20\d\d-/);
  assert.match(made, new RegExp(`authorities: \\[${folder}/authority.crt\\]\n  crls: \\[${folder}/authority.crl\\]`));
  fails(await ca('init'), 1, /there is an authority in .*; --force makes another/);
  assert.match(succeeds(await ca('list')), /^nothing was issued/);

  const gateway = succeeds(await ca('gateway', 'vpn.example.org', '192.0.2.1', '--key', 'p256', '--days', '30'));
  const [crt, key] = ['crt', 'key'].map((ending) => join(folder, `gateways/vpn.example.org.${ending}`)) as [
    string,
    string,
  ];
  assert.ok(gateway.includes(`certificate: { file: ${crt}, key: ${key} }`), gateway);
  assert.match(
    succeeds(await ca('client', 'alice', '--key', 'p256')),
    /Give alice these files[\s\S]*clients\/alice\.key/,
  );
  fails(await ca('client', 'alice'), 1, /alice\.crt exists; --force/);
  assert.match(execFileSync('openssl', ['verify', '-CAfile', join(folder, 'authority.crt'), crt]).toString(), /: OK/);

  const listed = succeeds(await ca('list')).split('\n');
  assert.match(listed[0]!, /^NAME +FOR +SERIAL +UNTIL +STATE$/);
  assert.match(listed[1]!, /^alice +client +[0-9a-f]{32} +20\d\d-\d\d-\d\d +good$/);
  assert.match(listed[2]!, /^vpn\.example\.org +gateway .* good$/);
  assert.match(succeeds(await ca('show', 'alice')), /certificate of the client alice\n {2}serial +[0-9a-f]{32}/);
  assert.equal(succeeds(await ca('show')), made.split("'sallyport ca gateway")[0]);

  assert.match(
    succeeds(await ca('revoke', 'alice')),
    /^revoked the certificate of alice, [0-9a-f]{32}\n[\s\S]*crls: \[/,
  );
  assert.equal(succeeds(await ca('revoke', 'alice')), 'alice was revoked before\n');
  fails(await ca('revoke', 'nobody'), 1, /there is no certificate of nobody/);
  const rows = JSON.parse(succeeds(await ca('list', '--json'))) as { name: string; revoked?: string }[];
  assert.deepEqual(
    rows.map(({ name, revoked }) => [name, revoked !== undefined]),
    [
      ['alice', true],
      ['vpn.example.org', false],
    ],
  );
});

it('makes a PKCS#12 file under a password from standard input', async (test) => {
  const state = temporaryFolder(test);
  const config = join(state, 'gateway.yaml');
  writeFileSync(config, `state: ${state}\n`);
  succeeds(await run(['ca', 'init', '--config', config, '--key', 'p256']));
  const file = join(state, 'alice.p12');
  const args = ['ca', 'client', 'alice', '--p12', file, '--key', 'p256', '--config', config];
  fails(await run(args), 2, /the password is missing/);
  assert.ok(!existsSync(file));
  assert.match(succeeds(await run(args, 'secret\n')), /Give alice this file/);
  const opened = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:secret', '-nodes']);
  assert.match(opened.toString(), /BEGIN PRIVATE KEY/);
  assert.ok(!existsSync(join(state, 'ca/clients/alice.key')));
  fails(await run(args, 'secret\n'), 1, /alice\.p12 exists/);
});

it('refuses a wrong command line', async () => {
  const refuses = async (words: RegExp, ...args: readonly string[]) => fails(await run(['ca', ...args]), 2, words);
  await refuses(/ca init, ca gateway/);
  await refuses(/ca init, ca gateway/, 'toString');
  await refuses(/--p12 doesn't go with ca list/, 'list', '--p12', 'x');
  await refuses(/the name or address that clients dial is missing/, 'gateway');
  await refuses(/the client's name is missing/, 'client');
  await refuses(/--key takes rsa or p256/, 'init', '--key', 'dsa', '--state', '/nonexistent');
  await refuses(/--days takes a number of days/, 'init', '--days', '0', '--state', '/nonexistent');
});

it('an authority that may not be looked at is not said to be missing', async (test) => {
  const state = temporaryFolder(test);
  symlinkSync('ca', join(state, 'ca'));
  fails(
    await run(['ca', 'list', '--state', state]),
    1,
    /can't read .*authority\.crt: it is a symbolic link; the authority is for root/,
  );
});
