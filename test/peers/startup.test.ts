/** Starting: the embedded default that a client can use at once, and clear words where it can't start. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sallyport } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import type { Finished } from '../lab/run.ts';
import { discard, scratch } from '../lab/scratch.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { Topology } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('vpnc', 'setpriv', 'charon-systemd', 'swanctl');

describe('starting', { skip, timeout: 900_000 }, () => {
  let net: Topology;
  let state: string;

  before(async () => {
    net = await Topology.create();
    state = scratch('state');
    // For the run as somebody else.
    chmodSync(state, 0o777);
  });
  after(() => {
    net?.remove();
    discard(state);
  });

  const serve = ['serve', '--state'];
  /** Runs what has to end by itself. */
  const run = (argv: readonly string[]): Promise<Finished> => net.gw.run(argv);

  /** One readable complaint, and no stack. */
  function complains({ status, stdout, stderr }: Finished, words: RegExp): void {
    assert.equal(status, 1, stdout + stderr);
    assert.match(stdout + stderr, words);
    assert.doesNotMatch(stdout + stderr, /\n\s+at |node:internal/, 'a stack trace');
  }

  it('without a configuration, it makes a group and a user, and a client gets in', async () => {
    const folder = join(state, 'fresh');
    const gateway = net.gw.start([sallyport, ...serve, folder]);
    await gateway.prints(/gateway is up/);
    const file = join(folder, 'first-login.txt');
    assert.ok(gateway.output.includes(file), 'the log names the file');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const lines = readFileSync(file, 'utf8');
    const value = (name: string) => new RegExp(`${name} (\\S+)`).exec(lines)?.[1] ?? '';
    const login = { group: value('IPSec ID'), groupSecret: value('IPSec secret') };
    assert.ok(!gateway.output.includes(login.groupSecret), 'the secret stays out of the log');
    const vpnc = await Vpnc.connect(net.cl, {
      ...login,
      user: value('Xauth username'),
      password: value('Xauth password'),
    });
    assert.ok(await reaches(net.cl));
    await vpnc.stop();
    assert.equal(await gateway.stop(), 0);
  });

  it('twice on one state folder: the second says that the first runs', async () => {
    const folder = join(state, 'fresh');
    const gateway = net.gw.start([sallyport, ...serve, folder]);
    await gateway.prints(/gateway is up/);
    complains(await run([sallyport, ...serve, folder]), /running|in use|locked/i);
    assert.equal(await gateway.stop(), 0);
  });

  it('a port that somebody else has', async () => {
    const other = await StrongSwan.start(net.gw, {});
    complains(
      await run([sallyport, ...serve, join(state, 'port')]),
      /\b500\b.*(in use|taken)|(in use|taken).*\b500\b/i,
    );
    await other.stop();
    assert.ok(!existsSync(join(state, 'port/first-login.txt')), 'nobody is told of a login that nobody can use');
  });

  it('no /dev/net/tun', async () => {
    const hidden = 'mount -t tmpfs tmpfs /dev/net && exec "$@"';
    complains(await run(['sh', '-c', hidden, 'sh', sallyport, ...serve, join(state, 'tun')]), /\/dev\/net\/tun/);
  });

  it('not as root', async () => {
    const repository = join(import.meta.dirname, '../..');
    // Bound elsewhere, because a checkout may be in a folder that only root enters.
    const asNobody =
      'mount --bind "$1" /mnt && shift && exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all -- "$@"';
    const argv = ['sh', '-c', asNobody, 'sh', repository, '/mnt/bin/sallyport', ...serve, join(state, 'nobody')];
    complains(await run(argv), /\broot\b/);
  });

  it('a configuration with a mistake', async () => {
    const file = join(state, 'wrong.yaml');
    writeFileSync(file, 'pol: 10.0.0.0/24\n', { mode: 0o600 });
    complains(await run([sallyport, 'serve', '--config', file]), /wrong\.yaml.*'pol'.*line 1, column 1.*'pool'/);
  });
});
