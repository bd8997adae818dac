/** The command line from outside: output, errors and exit status. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { controlPath, serveControl } from '../../src/control/gateway.ts';
import type { ControlHandlers, SessionRow } from '../../src/control/gateway-types.ts';
import { matchesHash } from '../../src/host/argon2.ts';
import { openStore } from '../../src/host/store/store.ts';
import { missing } from '../lab/requirements.ts';
import { type Outcome, run, SALLYPORT, temporaryFolder } from './cli.ts';

/** Ended with `status`, one line of words on standard error, and no stack. */
function fails(outcome: Outcome, status: number, words: RegExp): void {
  assert.equal(outcome.status, status, outcome.stderr);
  assert.match(outcome.stderr, words);
  assert.match(outcome.stderr, /^sallyport: .*\n$/);
  assert.equal(outcome.stdout, '');
}

function succeeds(outcome: Outcome, output: string | RegExp): void {
  assert.equal(outcome.status, 0, outcome.stderr);
  assert.equal(outcome.stderr, '');
  if (typeof output === 'string') assert.equal(outcome.stdout, output);
  else assert.match(outcome.stdout, output);
}

describe('sallyport', () => {
  it('tells its version and its commands', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    succeeds(await run(['--version']), `sallyport ${version}\n`);
    for (const args of [['help'], ['--help'], ['-h']])
      succeeds(await run(args), /serve[\s\S]*user add[\s\S]*sessions[\s\S]*kick[\s\S]*check/);
    for (const command of ['serve', 'user', 'sessions', 'kick', 'check', 'openings']) {
      succeeds(await run([command, '--help']), new RegExp(`^sallyport ${command}`));
    }
  });

  it('names --config and --state in the help of those commands that take them', async () => {
    for (const command of ['serve', 'user', 'sessions', 'reload', 'metrics', 'kick', 'ca'])
      succeeds(await run([command, '--help']), /--config FILE[\s\S]*--state DIR/);
    for (const command of ['connect', 'status', 'disconnect', 'doctor', 'cleanup', 'openings']) {
      const help = await run([command, '--help']);
      assert.ok(!help.stdout.includes('--state'), help.stdout);
      fails(await run([command, '--state', '/tmp']), 2, /Unknown option '--state'; 'sallyport help' shows how\n$/);
    }
  });

  it('keeps its status through signals that it takes, up to the very end', async () => {
    const taker = "--import=data:text/javascript,process.on('SIGTERM',()=>{})";
    const child = spawn(SALLYPORT, ['kick', 'x'], { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: taker } });
    const ended = once(child, 'close');
    await once(child.stderr, 'data');
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await setImmediate();
    }
    assert.deepEqual(await ended, [2, null]);
  });

  it('refuses what it does not know, with status 2', async () => {
    fails(await run([]), 2, /which command/);
    fails(await run(['toString']), 2, /there is no command "toString"/);
    fails(await run(['sessions', '--jsn']), 2, /--jsn/);
    fails(await run(['sessions', 'extra']), 2, /"extra"/);
    fails(await run(['user']), 2, /user add/);
    fails(await run(['user', 'add']), 2, /the user name is missing/);
    fails(await run(['user', 'list', '--address', '10.77.0.9']), 2, /--address goes with user add/);
    fails(await run(['user', 'add', 'alice', 'password']), 2, /what is "password" for/);
    fails(await run(['kick', 'x']), 2, /"x" is no session ID/);
    fails(await run(['check']), 2, /the configuration's path is missing/);
  });
});

describe('sallyport user, while no gateway runs', () => {
  it('adds, lists, changes and removes', async (test) => {
    const state = join(temporaryFolder(test), 'state');
    succeeds(await run(['user', 'add', 'alice', '--state', state], 'first password\nnot this\n'), 'user alice added\n');
    succeeds(await run(['user', 'add', 'bob', '--state', state, '--address', '10.77.0.9'], 'x'), 'user bob added\n');
    succeeds(
      await run(['user', 'list', '--state', state]),
      /^NAME +ADDRESS +TOTP +MS-CHAPV2 +CHAP-MD5 +CREATED \(UTC\)\nalice +- +- +- +- +\d{4}-.*\nbob +10\.77\.0\.9 +- +- +- +\d{4}-.*\n$/,
    );
    const { stdout } = await run(['user', 'list', '--json', '--state', state]);
    assert.deepEqual(
      JSON.parse(stdout).map(({ name, address }: { name: string; address: string }) => [name, address]),
      [
        ['alice', null],
        ['bob', '10.77.0.9'],
      ],
    );
    assert.ok(!stdout.includes('argon2'), 'no hash is shown');
    succeeds(
      await run(['user', 'passwd', 'alice', '--state', state], 'second password\r\n'),
      'password of alice changed\n',
    );
    succeeds(await run(['user', 'remove', 'bob', '--state', state]), 'user bob removed\n');
    const store = openStore(state);
    test.after(() => store.close());
    assert.deepEqual(
      store.users.list().map(({ name }) => name),
      ['alice'],
    );
    assert.ok(await matchesHash('second password', store.users.find('alice')!.passwordHash));
  });

  it('says what is wrong', async (test) => {
    const state = join(temporaryFolder(test), 'state');
    fails(await run(['user', 'list', '--state', state]), 1, /no users in .* yet/);
    assert.ok(!existsSync(state), 'looking makes nothing');
    await run(['user', 'add', 'alice', '--state', state, '--address', '10.77.0.9'], 'x');
    // without a password: whoever is told of it would have typed it for nothing
    const add = (...args: string[]) => run(['user', 'add', ...args, '--state', state]);
    fails(await add('alice'), 1, /user alice exists already/);
    fails(await add('bob', '--address', '10.77.0.9'), 1, /10\.77\.0\.9 is the static address of alice/);
    fails(await add('bob', '--address', '10.78.0.9'), 1, /outside the pool 10\.77\.0\.0\/24/);
    fails(await add('bob', '--address', 'ten'), 1, /"ten" is not an IP address/);
    for (const reserved of ['10.77.0.0', '10.77.0.1', '10.77.0.255']) {
      fails(await add('bob', '--address', reserved), 1, /is kept by the network/);
    }
    for (const name of ['two words', 'new\nline', 'x'.repeat(65), 'turned\u202e'])
      fails(await add(name), 1, /a user name has/);
    fails(await run(['user', 'add', 'bob', '--state', state], ''), 2, /the password is missing/);
    fails(await run(['user', 'add', 'bob', '--state', state], '\nx'), 2, /the password is missing/);
    fails(await run(['user', 'remove', 'bob', '--state', state]), 1, /there is no user bob/);
    fails(await run(['user', 'passwd', 'bob', '--state', state]), 1, /there is no user bob/);
    fails(await run(['user', 'list', '--state', '/proc/nowhere']), 1, /no users in/);
    fails(
      await run(['user', 'add', 'x', '--state', '/proc/nowhere'], 'x'),
      1,
      /can't use the state folder \/proc\/nowhere/,
    );
  });

  it('knows the pools of the configuration', async (test) => {
    const folder = temporaryFolder(test);
    const config = join(folder, 'gateway.yaml');
    writeFileSync(config, 'state: state\ngroups: { a: { psk: a-long-secret, pool: 10.78.0.0/24 } }\n', { mode: 0o600 });
    succeeds(await run(['user', 'add', 'bob', '--config', config, '--address', '10.78.0.9'], 'x'), 'user bob added\n');
    assert.ok(existsSync(join(folder, 'state/sallyport.db')));
    fails(
      await run(['user', 'add', 'carol', '--config', config, '--address', '10.79.0.9'], 'x'),
      1,
      /10\.77\.0\.0\/24, 10\.78\.0\.0\/24/,
    );
  });

  it('takes the password from a terminal, twice and unseen', {
    skip: missing('script') ?? false,
  }, async (test) => {
    const state = join(temporaryFolder(test), 'state');
    const typed = (first: string, second: string) =>
      new Promise<string>((resolve) => {
        const child = spawn('script', ['-qec', 'exec "$PROGRAM" user add alice --state "$STATE"', '/dev/null'], {
          stdio: 'pipe',
          env: { ...process.env, SHELL: '/bin/sh', PROGRAM: SALLYPORT, STATE: state },
        });
        let seen = '';
        child.stdout.on('data', (chunk) => {
          const before = seen;
          seen += chunk;
          if (!before.includes('alice:') && seen.includes('alice:')) child.stdin.write(first);
          if (!before.includes('Again:') && seen.includes('Again:')) child.stdin.write(second);
        });
        child.on('close', () => resolve(seen));
      });
    assert.match(await typed('one\r', 'two\r'), /the two are not the same/);
    assert.match(await typed('\u0003', ''), /not changed/);
    const seen = await typed('wrong\u0015hunterX\u007f2\r', 'hunter2\r');
    assert.match(seen, /user alice added/);
    assert.ok(!seen.includes('hunter'), seen);
    const store = openStore(state);
    test.after(() => store.close());
    assert.ok(await matchesHash('hunter2', store.users.find('alice')!.passwordHash));
  });
});

const row: SessionRow = {
  id: 7,
  user: 'alice',
  group: 'labgroup',
  peer: 'labgroup',
  remote: '192.0.2.7:4500',
  carrier: 'nat-t',
  protocol: 'ipsec',
  address: '10.77.0.2',
  phase1: 'aes256-sha256-modp2048',
  esp: 'aes256-sha1',
  since: new Date(Date.now() - 3 * 3600_000 - 60_000).toISOString(),
  lastSeen: new Date(Date.now() - 12_000).toISOString(),
  packetsIn: 1,
  bytesIn: 1_400,
  packetsOut: 3,
  bytesOut: 23_000_000,
  keylog: true,
};

const failure = { at: '2026-11-21T01:02:03.456Z', user: null, group: 'g\u0007', remote: '192.0.2.8:500', reason: 'no' };

/** A control socket as a running gateway has it; notes what it is asked. */
async function running(test: TestContext, rows: SessionRow[]): Promise<{ state: string; asked: unknown[] }> {
  const state = join(temporaryFolder(test), 'state');
  const asked: unknown[] = [];
  const note = (request: unknown) => {
    asked.push(request);
    return null;
  };
  const handlers: ControlHandlers = {
    status: () => ({ pid: 1, version: '', since: '2026-11-20T23:00:00.000Z', sessions: 0, clearL2tp: 3 }),
    sessions: () => rows,
    failures: () => [failure],
    history: () => [],
    metrics: () => 'up 1\n',
    reload: () => ({ needsRestart: ['mtu'], warnings: [] }),
    kick: note,
    stop: note,
    'user-check': note,
    'user-add': note,
    'user-passwd': note,
    'user-totp': ({ on }) => (on ? 'otpauth://totp/x' : null),
    'user-remove': note,
    'user-list': () => [],
  };
  openStore(state).close();
  const server = await serveControl(controlPath(state), handlers);
  test.after(() => server.close());
  return { state, asked };
}

describe('the second factor', () => {
  it('is shown once as a URI, listed, and turned off', async (test) => {
    const state = join(temporaryFolder(test), 'state');
    const uri = /otpauth:\/\/totp\/Sallyport:alice\?secret=[A-Z2-7]{32}&issuer=Sallyport\n/;
    succeeds(await run(['user', 'add', 'alice', '--totp', '--state', state], 'pw\n'), uri);
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +yes /m);
    succeeds(await run(['user', 'totp', 'alice', '--state', state]), uri);
    succeeds(await run(['user', 'totp', 'alice', '--off', '--state', state]), /by password alone/);
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- /m);
    fails(await run(['user', 'totp', 'bob', '--state', state]), 1, /there is no user bob/);
    fails(await run(['user', 'passwd', 'alice', '--totp', '--state', state]), 2, /--totp goes with user add/);
  });
});

describe('MS-CHAPv2', () => {
  it('is opted in to, with a word on what it means, and kept with the next password', async (test) => {
    const state = join(temporaryFolder(test), 'state');
    succeeds(
      await run(['user', 'add', 'alice', '--l2tp', '--state', state], 'pw\n'),
      /NT hash of the password is kept/,
    );
    succeeds(await run(['user', 'add', 'bob', '--state', state], 'pw\n'), /^user bob added\n$/);
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- +yes .*\nbob +- +- +- /m);
    succeeds(await run(['user', 'passwd', 'alice', '--state', state], 'other\n'), 'password of alice changed\n');
    succeeds(await run(['user', 'passwd', 'bob', '--l2tp', '--state', state], 'other\n'), /NT hash/);
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- +yes .*\nbob +- +- +yes /m);
    succeeds(
      await run(['user', 'passwd', 'alice', '--no-l2tp', '--state', state], 'third\n'),
      'password of alice changed\nMS-CHAPv2 is not possible: no NT hash of the password is kept\n',
    );
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- +- .*\nbob +- +- +yes /m);
    const contrary = ['user', 'passwd', 'bob', '--l2tp', '--no-l2tp', '--state', state];
    fails(await run(contrary), 2, /--l2tp or --no-l2tp\?/);
    fails(await run(['user', 'add', 'carol', '--no-l2tp', '--state', state]), 2, /--no-l2tp goes with user passwd/);
    fails(await run(['user', 'remove', 'bob', '--l2tp', '--state', state]), 2, /--l2tp goes with user add and passwd/);
  });
});

describe('CHAP with MD5', () => {
  it('is opted in to, with a word on what it means, and kept with the next password', async (test) => {
    const state = join(temporaryFolder(test), 'state');
    succeeds(
      await run(['user', 'add', 'alice', '--chap-md5', '--state', state], 'pw\n'),
      /the password itself is kept beside its hash, sealed/,
    );
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- +- +yes /m);
    succeeds(await run(['user', 'passwd', 'alice', '--state', state], 'other\n'), 'password of alice changed\n');
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- +- +yes /m);
    succeeds(
      await run(['user', 'passwd', 'alice', '--no-chap-md5', '--state', state], 'third\n'),
      'password of alice changed\nCHAP with MD5 is not possible: the password itself is not kept\n',
    );
    succeeds(await run(['user', 'list', '--state', state]), /^alice +- +- +- +- /m);
    fails(await run(['user', 'list', '--chap-md5', '--state', state]), 2, /--chap-md5 goes with user add and passwd/);
  });
});

describe('sallyport with a running gateway', () => {
  it('shows the sessions as a table and as JSON', async (test) => {
    const evil = {
      ...row,
      id: 12,
      user: null,
      peer: 'x\u001b[2J',
      group: null,
      address: null,
      esp: null,
      lastSeen: null,
      keylog: false,
    };
    const call = { ...row, id: 13, protocol: 'l2tp' } as const;
    const { state } = await running(test, [row, evil, call]);
    const { stdout } = await run(['sessions', '--state', state]);
    const [head, first, second, third] = stdout.split('\n');
    assert.match(third!, /^13 +alice .* l2tp nat-t +aes256/, 'what is inside comes before the carrier');
    assert.match(head!, /^ID {2}USER +GROUP +ADDRESS +REMOTE +CARRIER +PHASE 1 +ESP +SINCE +SEEN +IN +OUT$/);
    assert.match(
      first!,
      /^7 +alice +labgroup +10\.77\.0\.2 +192\.0\.2\.7:4500 +nat-t +aes256-sha256-modp2048 +aes256-sha1 \(keys logged\) +3h\d+m +\d+[sm] +1\.4 kB +23 MB$/,
    );
    assert.match(second!, /^12 +\(x\\u001b\[2J\) +- +- /);
    assert.equal(head!.indexOf('REMOTE'), first!.indexOf('192.0.2.7'));
    const json = await run(['sessions', '--json', '--state', state]);
    assert.deepEqual(JSON.parse(json.stdout), [row, evil, call]);
  });

  it('shows nobody when nobody is on', async (test) => {
    const { state } = await running(test, []);
    succeeds(await run(['sessions', '--state', state]), 'nobody is on\n');
    succeeds(await run(['sessions', '--json', '--state', state]), '[]\n');
  });

  it('shows who was not let in, and who was on', async (test) => {
    const { state } = await running(test, []);
    succeeds(
      await run(['sessions', '--failed', '--state', state]),
      /^TIME \(UTC\) +USER +GROUP +REMOTE +RULE +REASON\n2026-11-21 01:02:03 +- +g\\u0007 +192\.0\.2\.8:500 +- +no\n3 packets of L2TP outside of IPsec were dropped since 2026-11-20 23:00:00\n$/,
    );
    assert.deepEqual(JSON.parse((await run(['sessions', '--failed', '--json', '--state', state])).stdout), [
      { ...failure, rule: null, remedies: [] },
    ]);
    succeeds(await run(['sessions', '--history', '--state', state]), 'nobody was on yet\n');
    fails(await run(['sessions', '--history', '--failed', '--state', state]), 2, /--failed or --history/);
  });

  it('shows the metrics as they are', async (test) => {
    const { state } = await running(test, []);
    succeeds(await run(['metrics', '--state', state]), 'up 1\n');
  });

  it('reloads, and tells what has to wait', async (test) => {
    const { state } = await running(test, []);
    succeeds(
      await run(['reload', '--state', state]),
      'the configuration is taken; no session was dropped\na restart is needed for: mtu\n',
    );
  });

  it('kicks, and changes users, through it', async (test) => {
    const { state, asked } = await running(test, []);
    succeeds(await run(['kick', '7', '--state', state]), 'session 7 ended\n');
    succeeds(await run(['user', 'add', 'bob', '--address', '10.77.0.9', '--state', state], 'pw\n'), 'user bob added\n');
    succeeds(await run(['user', 'passwd', 'bob', '--state', state], 'pw2\n'), 'password of bob changed\n');
    await run(['user', 'passwd', 'bob', '--no-l2tp', '--chap-md5', '--state', state], 'pw3\n');
    succeeds(await run(['user', 'remove', 'bob', '--state', state]), 'user bob removed\n');
    assert.deepEqual(asked, [
      { verb: 'kick', id: 7 },
      { verb: 'user-check', name: 'bob', isNew: true, address: '10.77.0.9' },
      { verb: 'user-add', name: 'bob', password: 'pw', address: '10.77.0.9', l2tp: false, chapMd5: false },
      { verb: 'user-check', name: 'bob', isNew: false, address: null },
      { verb: 'user-passwd', name: 'bob', password: 'pw2', l2tp: null, chapMd5: null },
      { verb: 'user-check', name: 'bob', isNew: false, address: null },
      { verb: 'user-passwd', name: 'bob', password: 'pw3', l2tp: false, chapMd5: true },
      { verb: 'user-remove', name: 'bob' },
    ]);
  });

  it('says when none runs', async (test) => {
    const state = temporaryFolder(test);
    fails(await run(['sessions', '--state', state]), 1, /no gateway is running \(nobody answers at .*control\.sock\)/);
    fails(await run(['kick', '7', '--state', state]), 1, /no gateway is running/);
  });
});

describe('sallyport check', () => {
  it('sums a right configuration up, without its secrets', async (test) => {
    const file = join(temporaryFolder(test), 'gateway.yaml');
    writeFileSync(file, 'groups: { labgroup: { psk: hunter2hunter2 } }\nlegacy: true\nstate: /srv/vpn\n', {
      mode: 0o600,
    });
    const outcome = await run(['check', file]);
    succeeds(
      outcome,
      /gateway\.yaml: ok\n {2}state +\/srv\/vpn\n {2}listen +all addresses\n {2}carriers +nat-t, esp, cisco-udp on 10000\n {2}group +labgroup +pool 10\.77\.0\.0\/24 {2}proven by psk\n {2}legacy/,
    );
    assert.ok(!outcome.stdout.includes('hunter2'));
    assert.deepEqual(await run(['check', '--config', file]), outcome);
  });

  it('shows every mistake with its place, and fails', async (test) => {
    const file = join(temporaryFolder(test), 'gateway.yaml');
    writeFileSync(file, 'groups:\n  labgroup: { pks: hunter2hunter2 }\npool: ten\npsk: short\n', { mode: 0o600 });
    const { status, stdout, stderr } = await run(['check', file]);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.deepEqual(stderr.trim().split('\n'), [
      `${file}:2:15: groups.labgroup: unknown key 'pks' at line 2, column 15; did you mean 'psk'?`,
      `${file}:3:7: pool: must be an IPv4 network such as 10.1.0.0/24 at line 3, column 7`,
      `${file}:4:6: warning: psk: the secret is shorter than 12 characters at line 4, column 6; who hears one login can guess it`,
    ]);
  });

  it('reads the certificates too', async (test) => {
    const file = join(temporaryFolder(test), 'gateway.yaml');
    writeFileSync(file, 'certificate: { file: gate.crt, key: gate.key }\n');
    const { status, stderr } = await run(['check', file]);
    assert.equal(status, 1);
    assert.match(stderr, /can't read .*\/gate\.crt: no such file/);
  });

  it('names a file that is not there, and one that others may read', async (test) => {
    const file = join(temporaryFolder(test), 'gateway.yaml');
    fails(await run(['check', file]), 1, /gateway\.yaml: can't be read \(no such file or folder\)/);
    writeFileSync(file, 'psk: hunter2hunter2\n', { mode: 0o644 });
    const { status, stderr } = await run(['check', file]);
    assert.equal(status, 1);
    assert.match(stderr, /other users may read it; run: chmod 600/);
  });
});

describe('sallyport serve', () => {
  it('refuses a wrong configuration with all that is wrong, before it touches anything', async (test) => {
    const folder = temporaryFolder(test);
    const file = join(folder, 'gateway.yaml');
    writeFileSync(file, `state: ${folder}/state\npol: 10.0.0.0/24\nmtu: 1\n`);
    const { status, stderr } = await run(['serve', '--config', file]);
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `sallyport: ${file}:2:1: unknown key 'pol' at line 2, column 1; did you mean 'pool'?\n${file}:3:6: mtu: must be a whole number from 576 to 9000 at line 3, column 6\n`,
    );
    assert.ok(!existsSync(join(folder, 'state')));
  });
});
