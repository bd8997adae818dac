/** A changed configuration while a client is on: by command and by signal, right and wrong. */
import assert from 'node:assert/strict';
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { FailureReport } from '../../src/control/gateway-types.ts';
import { group, groupSecret, mainSecret } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('vpnc');
const secondSecret = 'second-lab-secret';
const second = { group: 'second', groupSecret: secondSecret };

describe('reload', { skip, timeout: 900_000 }, () => {
  const stage = scene();

  it('takes a new group and a secret from a file of its own; who is on stays on', async () => {
    const { net, gateway } = stage;
    const first = await Vpnc.connect(net.cl);
    const [before] = await gateway.sessions();
    writeFileSync(join(gateway.directory, 'second.secret'), `${secondSecret}\n`, { mode: 0o600 });
    const groups = { [group]: { psk: groupSecret }, second: { psk_file: 'second.secret' } };
    gateway.configure({ groups, mtu: 1300 });
    const { status, stdout, stderr } = await gateway.command('reload');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /is taken; no session was dropped\na restart is needed for: mtu\n$/);
    assert.match(stderr, /^warning: psk: the secret is shorter/m);

    assert.ok(await reaches(net.cl));
    const [after] = await gateway.sessions();
    assert.deepEqual([after?.id, after?.since], [before?.id, before?.since]);
    await first.stop();
    const other = await Vpnc.connect(net.cl, second);
    assert.equal((await gateway.sessions())[0]?.group, 'second');
    await other.stop();
    await gateway.holds(0);
  });

  it('refuses a group that is gone; its session stays, and the refusal is listed', async () => {
    const { net, gateway } = stage;
    const first = await Vpnc.connect(net.cl);
    gateway.configure({ groups: { second: { psk: secondSecret } } });
    assert.equal((await gateway.command('reload')).status, 0);
    assert.ok(await reaches(net.cl), 'the session outlives its group');
    const refused = await Vpnc.start(net.c1, { gateway: '198.51.100.1' });
    assert.ok(!refused.up);
    await refused.stop();
    await first.stop();
    await gateway.holds(0);
    const failed = await gateway.command('sessions', '--failed', '--json');
    const rows = JSON.parse(failed.stdout) as FailureReport[];
    assert.ok(rows.length > 0 && rows[0]!.remote.startsWith('198.51.100.2:'), failed.stdout);
    assert.match(
      (await gateway.command('sessions', '--failed')).stdout,
      /^TIME \(UTC\) +USER +GROUP +REMOTE +RULE +REASON\n/,
    );
    assert.match((await gateway.command('sessions', '--history')).stdout, /alice +labgroup +10\.77\.0\.\d+/);
  });

  it('changes nothing by a wrong file, and says why to the caller and in the log', async () => {
    const { net, gateway, mark } = stage;
    for (const wrong of [
      { groups: { second: { pks: secondSecret } } },
      { certificate: { file: 'none', key: 'none' } },
    ]) {
      gateway.configure(wrong);
      const { status, stderr } = await gateway.command('reload');
      assert.equal(status, 1);
      assert.match(stderr, /unknown key 'pks'|can't read .*none: no such file/);
      await gateway.logs(/is not taken, all stays as it was: .*(unknown key 'pks'|can't read .*none)/, mark);
    }
    writeFileSync(gateway.configFile, 'groups: [', { mode: 0o600 });
    const { status, stderr } = await gateway.command('reload', '--state', gateway.state);
    assert.equal(status, 1);
    assert.match(stderr, /sallyport.yaml:1:\d+: /);
    gateway.configure({ groups: { second: { psk: secondSecret } } });
    const client = await Vpnc.connect(net.cl, second);
    await client.stop();
    await gateway.holds(0);
  });

  it('the same by SIGHUP', async () => {
    const { net, gateway, mark } = stage;
    const hangUp = () => net.gw.must(['sh', '-c', `kill -HUP $(cat ${gateway.state}/gateway.pid)`]);
    writeFileSync(gateway.configFile, 'groups: [', { mode: 0o600 });
    await hangUp();
    await gateway.logs(/is not taken/, mark);
    gateway.configure({ groups: { [group]: { psk: groupSecret } }, psk: mainSecret });
    await hangUp();
    await gateway.logs(/'sallyport reload' as root hands over/, mark);
    const { uid, gid } = statSync(gateway.state);
    chownSync(gateway.configFile, uid, gid);
    await hangUp();
    await gateway.logs(/configuration is taken/, mark);
    const client = await Vpnc.connect(net.cl);
    await client.stop();
    await gateway.holds(0);
  });
});
