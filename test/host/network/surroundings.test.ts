/** What a client sees of the network around it: its address there, its name, and that it changed. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { SleepDetector } from '../../../src/host/network/watch.ts';
import { Netns } from '../../lab/netns.ts';
import { sleep, until } from '../../lab/poll.ts';
import { lacking } from '../../lab/requirements.ts';
import { LabHost } from './lab-host.ts';

const skip = lacking('unshare') ?? false;
let routers = 0;

async function connected(test: TestContext): Promise<{ host: LabHost; router: Netns }> {
  const router = await Netns.create(`router${++routers}`);
  test.after(() => router.remove());
  const host = await LabHost.create(test);
  await host.connect(router);
  return { host, router };
}

/** Waits until a watch hears what the kernel tells of addresses and routes: a netlink socket of groups. */
async function listens(host: LabHost): Promise<void> {
  await until(async () => {
    const sockets = await host.netns.must(['cat', '/proc/net/netlink']);
    return /^\S+ +0 +\d+ +(?!0+ )[0-9a-f]{8} /m.test(sockets);
  });
}

describe('our address towards a gateway', { skip }, () => {
  it('is the one outside, also with a full tunnel up, and none where no way leads', async (test) => {
    const { host } = await connected(test);
    const lines = await host.lines(`
      const ask = async (text) => console.log((await localAddressFor({ address: parseIp(text), port: 500 }, 0x53))?.text);
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ routes: 'all' }));
      await ask('198.51.100.7');
      await ask('2001:db8:5::7');
      const { execFileSync } = await import('node:child_process');
      execFileSync('ip', ['route', 'delete', 'default']);
      await ask('198.51.100.7');
      await network.restore();
    `);
    assert.deepEqual(lines, ['192.0.2.5', '2001:db8::5', 'undefined']);
  });
});

describe('the name of a network', { skip }, () => {
  const name = 'console.log(await networkName());';

  it('is the same at every look, with a tunnel too, and another behind another router', async (test) => {
    const { host, router } = await connected(test);
    const [first] = await host.lines(name);
    assert.match(first!, /^[0-9a-f]{32}$/);
    const again = await host.lines(`
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ routes: 'all' }));
      ${name}
      await network.restore();
      ${name}
    `);
    assert.deepEqual(again, [first, first]);
    await router.ip('link', 'set', 'eth0', 'address', '02:00:00:00:00:99');
    await host.netns.ip('neighbour', 'flush', 'dev', 'eth0');
    const [other] = await host.lines(name);
    assert.match(other!, /^[0-9a-f]{32}$/);
    assert.notEqual(other, first);
  });

  it('is none without a default route', async (test) => {
    const host = await LabHost.create(test);
    assert.deepEqual(await host.lines(name), ['undefined']);
  });
});

describe('the watch', { skip }, () => {
  it('tells of changes around us once, and not of our own', async (test) => {
    const { host } = await connected(test);
    const client = host.start(`
      const watch = watchNetwork((event) => console.log(event), 'sp0');
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ routes: 'all' }));
      console.log('applied');
    `);
    await client.prints(/applied/);
    await listens(host);
    // Longer than the watch lets things settle: were our own changes told, they would be by now.
    await sleep(2000);
    assert.equal(client.stdout, 'applied\n');
    // In one go: what comes later than the watch lets things settle is told on its own.
    const both = 'address add 192.0.2.6/24 dev eth0\naddress delete 192.0.2.5/24 dev eth0\n';
    assert.equal((await host.run(['ip', '-batch', '-'], both)).status, 0);
    await client.prints(/changed/);
    await sleep(2000);
    assert.equal(client.stdout, 'applied\nchanged\n');
    await host.netns.ip('link', 'set', 'eth0', 'down');
    await client.prints(/changed\nchanged/);
    await client.stop('SIGKILL');
  });
});

describe('a meddler', { skip }, () => {
  it('is noticed when it removes our rules or takes resolv.conf, and all is made whole', async (test) => {
    const { host } = await connected(test);
    const client = host.start(`
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ routes: 'all', dns: dns() }));
      watchNetwork(async (event) => {
        if (event !== 'undone') return;
        await network.refresh();
        console.log('mended');
      }, 'sp0');
      console.log('watching');
    `);
    await client.prints(/watching/);
    const look = async () => (await host.snapshot()).replace(/100644 \d+ /, '');
    const mended = () => client.stdout.split('mended').length - 1;
    const whole = await look();
    await listens(host);
    const takeover = 'echo nameserver 198.51.100.53 >/etc/dhcp && mv /etc/dhcp /etc/resolv.conf';
    for (const meddle of [
      () => host.netns.ip('rule', 'flush', 'protocol', '83'),
      () => host.netns.ip('-6', 'rule', 'flush', 'protocol', '83'),
      () => host.run(['sh', '-c', takeover]),
    ]) {
      const before = mended();
      await meddle();
      await until(async () => mended() > before && (await look()) === whole);
    }
    // What it mends itself is no reason to mend again.
    await sleep(2000);
    const last = mended();
    await sleep(2000);
    assert.equal(mended(), last);
    await client.stop('SIGKILL');
  });
});

describe('sleep', () => {
  it('is a wall clock that went on while the other stood still', () => {
    const detector = new SleepDetector(1_000_000, 0);
    assert.equal(detector.hasSlept(1_005_000, 5000), false);
    assert.equal(detector.hasSlept(1_010_900, 10_100), false, 'a busy machine');
    assert.equal(detector.hasSlept(4_610_900, 15_100), true, 'an hour');
    assert.equal(detector.hasSlept(4_615_900, 20_100), false, 'told once');
    assert.equal(detector.hasSlept(4_000_000, 25_100), false, 'the clock was set back');
  });
});
