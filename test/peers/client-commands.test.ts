/** The client's commands as a user types them, with each way to give a password, and what two commands say of one client. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import type { ClientReport } from '../../src/client/report.ts';
import type { ClientStatus } from '../../src/control/client-types.ts';
import { hideSecret } from '../config/profile/hide-secret.ts';
import { Authenticator } from '../lab/authenticator.ts';
import * as lab from '../lab/gateway.ts';
import { clientFolders, inOwnFolders, type OwnFolders } from '../lab/own-folders.ts';
import { until } from '../lab/poll.ts';
import { lacking, missing } from '../lab/requirements.ts';
import type { Finished, Program, RunOptions } from '../lab/run.ts';
import { scene } from '../lab/scene.ts';
import { discard, scratch } from '../lab/scratch.ts';
import { gatewayAddress } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';

const skip = lacking();

describe("the client's commands", { skip, timeout: 900_000 }, () => {
  const stage = scene();
  let folder = '';
  let own: OwnFolders = {};

  before(() => {
    folder = scratch('commands');
    own = clientFolders(folder);
    writeFileSync(join(folder, 'lab.pcf'), pcf, { mode: 0o600 });
    writeFileSync(join(folder, 'password'), `${lab.password}\n`, { mode: 0o600 });
  });
  after(() => discard(folder));

  const pcf = [
    '[main]',
    `Host=${gatewayAddress}`,
    `GroupName=${lab.group}`,
    `enc_GroupPwd=${hideSecret(lab.groupSecret)}`,
    `Username=${lab.user}`,
    'DHGroup=14',
    '',
  ].join('\r\n');

  /** In the client's namespace, with a state folder of the test's. */
  function inside(command: string, ...args: readonly string[]): string[] {
    return inOwnFolders(own, ['sh', '-c', `cd ${folder} && ${command}`, lab.sallyport, ...args]);
  }

  function command(...args: readonly string[]): Promise<Finished> {
    return stage.net.cl.run(inside('exec "$0" "$@"', ...args));
  }

  function start(args: readonly string[], options: RunOptions = {}, shell = 'exec "$0" "$@"'): Program {
    return stage.net.cl.start(inside(shell, ...args), options);
  }

  async function status(): Promise<ClientStatus[]> {
    return JSON.parse((await command('status', '--json')).stdout) as ClientStatus[];
  }

  it('connect with the password over a descriptor; status and disconnect from elsewhere; one client a profile', async () => {
    const client = start(['connect', 'lab.pcf', '--password-fd', '3'], {}, 'exec "$0" "$@" 3<password');
    await client.prints(
      /^connected by \S+ to 192\.0\.2\.1\S* as 10\.77\.0\.\d+, 10\.1\.0\.0\/24 goes through it/m,
      60_000,
    );
    assert.match(client.stdout, /^\| Welcome to the lab$/m);
    assert.ok(await reaches(stage.net.cl));

    const [shown] = await until(
      async () => {
        const all = await status();
        return (all[0]?.bytesIn ?? 0) > 0 ? all : undefined;
      },
      60_000,
      () => 'traffic in the status',
    );
    assert.equal(shown!.profile, 'lab');
    assert.equal(shown!.state, 'up');
    assert.equal(shown!.tunnel!.domain, lab.domain);
    assert.match((await command('status', 'lab')).stdout, /^lab: up by \S+ for \d+[sm]\n {2}gateway +192\.0\.2\.1/);

    const second = await command('connect', './lab.pcf', '--password-stdin');
    assert.equal(second.status, 1);
    assert.match(
      second.stderr,
      /^sallyport: lab is connected already, or about to be \(pid \d+\); 'sallyport disconnect lab' ends it\n$/,
    );

    const { status: done, stdout } = await command('disconnect');
    assert.equal(done, 0);
    assert.equal(stdout, 'lab is disconnected\n');
    assert.equal(await client.ended, 0);
    assert.match(client.stdout, /\ndisconnected\n$/);
    assert.ok(!existsSync(join(folder, 'run', 'client-lab.sock')));
    assert.equal((await command('status', 'lab')).stderr, 'sallyport: lab is not connected\n');
    assert.equal((await command('disconnect')).stderr, 'sallyport: nothing is connected\n');
    await stage.gateway.holds(0);
  });

  it('connect with the password on standard input, as events for a program', async () => {
    const client = start(['connect', 'lab.pcf', '--password-stdin', '--json', '--carrier', 'nat-t'], {
      input: `${lab.password}\n`,
    });
    await client.prints(/"type":"up"/, 60_000);
    await command('disconnect', 'lab');
    assert.equal(await client.ended, 0);
    const events = client.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ClientReport & { at: string });
    for (const { at } of events) assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const up = events.find((event) => event.type === 'up');
    assert.equal(up!.carrier, 'nat-t');
    assert.deepEqual(
      events.filter((event) => event.type === 'question').map(({ kind }) => kind),
      ['password'],
    );
    const { at: _, ...last } = events.at(-1)!;
    assert.deepEqual(last, { type: 'down', ending: 'user', reason: 'ended by the user', blocked: [] });
    assert.ok(!client.output.includes(lab.password) && !client.output.includes(lab.groupSecret));
    await stage.gateway.holds(0);
  });

  it('put the network back when nobody reads what they write any more', async () => {
    const { net, gateway } = stage;
    const before = await net.cl.ip('rule', 'show');
    const piped = start(
      ['connect', 'lab.pcf', '--password-stdin', '--json'],
      {},
      '"$0" "$@" <password | grep -m 1 \'"up"\'',
    );
    await piped.prints(/"type":"up"/, 60_000);
    await piped.ended;
    await until(
      async () => ((await net.cl.ip('rule', 'show')) === before ? true : undefined),
      60_000,
      () => 'the rules of before',
    );
    await gateway.holds(0);
    assert.deepEqual(await status(), []);
  });

  it('say that a password is wrong', async () => {
    const wrong = start(['connect', 'lab.pcf', '--password-stdin'], { input: 'wrong\nwrong\nwrong\nwrong\n' });
    assert.equal(await wrong.ended, 3, wrong.output);
    assert.match(wrong.stdout, /\nthe gateway refused the login: name, password or passcode is wrong\n$/);
  });

  it('say that a secret is wrong where main mode leaves it to silence, rather than blame a firewall', async () => {
    const profile = { gateway: gatewayAddress, psk: 'not-the-secret', user: lab.user, exchange: 'main' };
    writeFileSync(join(folder, 'main.yaml'), stringify(profile), { mode: 0o600 });
    const client = start(['connect', 'main.yaml', '--password-stdin'], { input: `${lab.password}\n` });
    assert.equal(await client.ended, 3, client.output);
    assert.match(
      client.stdout,
      /\nthe gateway answers, but leaves the negotiation unfinished: the secrets differ, .*\n$/,
    );
  });

  it('say so too when no other password was given', async () => {
    const wrong = start(['connect', 'lab.pcf', '--password-stdin'], { input: 'wrong\n' });
    assert.equal(await wrong.ended, 3, wrong.output);
    assert.match(wrong.stdout, /\nthe gateway refused name or password\n$/);
  });

  it('go on to the next gateway where one is dead, and take 0.0.0.0/0 for everything', async () => {
    const profile = { gateway: ['192.0.2.77', gatewayAddress], group: lab.group, psk: lab.groupSecret, user: lab.user };
    const text = stringify({ ...profile, routes: ['0.0.0.0/0'] });
    writeFileSync(join(folder, 'backups.yaml'), text, { mode: 0o600 });
    const client = start(['connect', 'backups.yaml', '--password-stdin'], { input: `${lab.password}\n` });
    await client.prints(/^connected by \S+ to 192\.0\.2\.1\S* as \S+, everything goes through it/m, 60_000);
    assert.match(client.stdout, /^note: 192\.0\.2\.77: no carrier gets through \(no answer.*\); now 192\.0\.2\.1$/m);
    assert.equal((await command('disconnect')).status, 0);
    await stage.gateway.holds(0);
  });

  it('tell which of the routes that a profile names are not taken', async () => {
    const profile = { gateway: gatewayAddress, group: lab.group, psk: lab.groupSecret, user: lab.user };
    const text = stringify({ ...profile, routes: ['192.0.2.0/24', '10.1.0.0/24', '127.0.0.0/8'] });
    writeFileSync(join(folder, 'routes.yaml'), text, { mode: 0o600 });
    const client = start(['connect', 'routes.yaml', '--password-stdin'], { input: `${lab.password}\n` });
    await client.prints(/^connected by \S+ to \S+ as \S+, 10\.1\.0\.0\/24 goes through it/m, 60_000);
    assert.match(client.stdout, /^note: not taken: 192\.0\.2\.0\/24: it holds the gateway's own address/m);
    assert.match(client.stdout, /^note: not taken: 127\.0\.0\.0\/8: /m);
    assert.equal((await command('disconnect')).status, 0);
    await stage.gateway.holds(0);
  });

  it('say once, in one sentence, why nothing could begin, and leave nothing', async () => {
    const before = await stage.net.cl.ip('rule', 'show');
    const powerless = start(['connect', 'lab.pcf'], {}, 'exec setpriv --bounding-set -all --inh-caps -all "$0" "$@"');
    assert.equal(await powerless.ended, 1);
    assert.match(powerless.output, /^sallyport: connecting needs the rights of root, .*: run it with sudo.*\n$/);
    const noTun = 'mount -t tmpfs none /dev/net && exec "$0" "$@" <password';
    const deviceless = start(
      ['connect', 'lab.pcf', '--password-stdin'],
      {},
      `exec unshare -m sh -c '${noTun}' "$0" "$@"`,
    );
    assert.equal(await deviceless.ended, 1);
    assert.match(deviceless.output, /^there is no \/dev\/net\/tun: .*\n$/);
    assert.equal(await stage.net.cl.ip('rule', 'show'), before);
    assert.ok(!existsSync(join(folder, 'run', 'client-lab.sock')));
  });

  it('answer what is asked after the password with the next line', async () => {
    const { gateway } = stage;
    const app = new Authenticator((await gateway.command('user', 'totp', lab.user)).stdout);
    const client = start(['connect', 'lab.pcf', '--password-stdin', '--json'], {
      input: `${lab.password}\n${app.passcode}\n`,
    });
    await client.prints(/"type":"up"/, 60_000);
    const asked = [...client.stdout.matchAll(/"type":"question","kind":"(\w+)"/g)].map(([, kind]) => kind);
    assert.deepEqual(asked, ['password', 'passcode']);
    assert.equal((await command('disconnect', 'lab')).status, 0);
    await gateway.holds(0);
    assert.equal((await gateway.command('user', 'totp', lab.user, '--off')).status, 0);
  });

  it('connect from a terminal: the name shown, the password not, a live line, and Ctrl-C', {
    skip: missing('script') ?? false,
  }, async () => {
    writeFileSync(join(folder, 'nameless.pcf'), pcf.replace(/Username=.*\r\n/, ''), { mode: 0o600 });
    // What is typed comes when it is asked for.
    const typed = `(${[
      waitFor('User name: '),
      `printf '${lab.user}\\r'`,
      waitFor('Password: '),
      `printf '${lab.password}\\r'`,
      waitFor('  10[.]77[.]0[.][0-9]*  in '),
      `printf '\\003'`,
      'sleep 5',
    ].join('; ')})`;
    const shell = `${typed} | PROGRAM="$0" SHELL=/bin/sh script -qefc 'exec "$PROGRAM" connect nameless.pcf' typescript >/dev/null`;
    const program = start([], {}, shell);
    assert.equal(await program.ended, 0, program.output);
    const seen = await stage.net.cl.must(['cat', join(folder, 'typescript')]);
    assert.match(seen, new RegExp(`User name: ${lab.user}`));
    assert.ok(!seen.includes(lab.password), seen);
    assert.match(
      seen.replaceAll('\u001b[K', ''),
      /\r\S+ {2}10\.77\.0\.\d+ {2}in .*\/s {2}out .*\/s {2}0 rekeys {2}\d+s/,
    );
    assert.match(seen, /disconnected/);
    await stage.gateway.holds(0);
  });

  function waitFor(pattern: string): string {
    return `i=0; until grep -q '${pattern}' typescript 2>/dev/null || [ $i -ge 900 ]; do sleep 0.2; i=$((i+1)); done`;
  }
});
