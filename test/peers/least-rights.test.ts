/** Started as root, the gateway keeps three capabilities and nothing else, in every thread; and still does all it must. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('vpnc', 'setpriv');

/** CAP_NET_BIND_SERVICE 10, CAP_NET_ADMIN 12, CAP_NET_RAW 13. */
const allowed = '0000000000003400';

function fields(file: string): Record<string, string> {
  return Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s+/, 2) as [string, string]),
  );
}

describe('least rights', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { nat: true } });
  const pid = () => readFileSync(join(stage.gateway.state, 'gateway.pid'), 'utf8').trim();

  it('every thread has a user of its own, three capabilities and no way to more', async () => {
    const { net, gateway } = stage;
    const client = await Vpnc.connect(net.cl);
    assert.ok(await reaches(net.cl));
    const { uid, gid } = statSync(gateway.state);
    assert.notEqual(uid, 0);
    const tasks = readdirSync(`/proc/${pid()}/task`);
    assert.ok(tasks.length > 2, 'the worker is there');
    for (const task of tasks) {
      const status = fields(`/proc/${pid()}/task/${task}/status`);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.equal(status[set], allowed, set);
      assert.equal(status.NoNewPrivs, '1');
      assert.equal(status.Uid, Array(4).fill(uid).join('\t'));
      assert.equal(status.Gid, Array(4).fill(gid).join('\t'));
      assert.equal(status.Groups?.trim(), '');
    }
    await client.stop();
    await gateway.holds(0);
  });

  it('leaves no core file, and SIGUSR1 opens no inspector', async () => {
    const limits = readFileSync(`/proc/${pid()}/limits`, 'utf8');
    assert.match(limits, /^Max core file size +0 +0 /m);
    const open = () => stage.net.gw.must(['ss', '-Htln']);
    const before = await open();
    process.kill(Number(pid()), 'SIGUSR1');
    assert.equal((await stage.gateway.command('sessions')).status, 0, 'it goes on');
    assert.equal(await open(), before);
  });

  it('the configuration stays closed to it, and no copy is left behind', () => {
    const { gateway } = stage;
    assert.equal(statSync(gateway.configFile).mode & 0o777, 0o600);
    assert.equal(statSync(gateway.configFile).uid, 0);
    assert.deepEqual(
      readdirSync(gateway.state).filter((name) => /^(start|reload|files)-/.test(name)),
      [],
    );
  });

  it('takes its firewall table and forwarding back at the end', async () => {
    const { net, gateway } = stage;
    assert.match(await net.gw.must(['nft', 'list', 'tables']), /sallyport_sp0/);
    assert.deepEqual(await gateway.stop(), []);
    await net.gw.sysctl('net.ipv4.ip_forward=0');
    const authority = join(gateway.state, 'ca');
    mkdirSync(authority, { mode: 0o700 });
    writeFileSync(join(authority, 'authority.key'), 'key', { mode: 0o600 });
    writeFileSync(join(gateway.state, 'other'), 'of root', { mode: 0o600 });
    await gateway.serve();
    assert.notEqual(statSync(join(gateway.state, 'other')).uid, 0);
    assert.equal(statSync(authority).uid, 0, "the authority's folder stays root's");
    assert.equal(statSync(join(authority, 'authority.key')).uid, 0);
    const forwarding = () => net.gw.must(['cat', '/proc/sys/net/ipv4/ip_forward']);
    assert.equal((await forwarding()).trim(), '1');
    assert.deepEqual(await gateway.stop(), []);
    assert.equal((await forwarding()).trim(), '0');
    assert.doesNotMatch(await net.gw.must(['nft', 'list', 'tables']), /sallyport/);
    await net.gw.sysctl('net.ipv4.ip_forward=1');
    await gateway.serve();
  });

  it('says so when its rights cannot be given up, and goes on', async () => {
    const { gateway } = stage;
    await gateway.stop();
    chmodSync(gateway.directory, 0o700);
    await gateway.serve();
    await gateway.logs(/keeps the rights of root: its user could not reach what is in .*chmod o\+x/, stage.mark);
    const said = gateway.said(stage.mark);
    assert.ok(said.indexOf('keeps the rights of root') < said.lastIndexOf('gateway is up'), 'before it is up');
    await gateway.stop();
    chmodSync(gateway.directory, 0o711);
    await gateway.serve();
  });
});
