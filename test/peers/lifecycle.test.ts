/** The gateway in use: who is on, kick, leave, crash, restart, users that change while it runs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { user } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayPublicAddress } from '../lab/topology.ts';
import { isOutOfReach, reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('vpnc');

describe('the gateway in use', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { dpd: { idle: 5, timeout: 10 } } });
  const connect = (more = {}) => Vpnc.connect(stage.net.cl, { mode: 'force-natt', ...more });

  it('lists who is on, and ends a session when told to', async () => {
    const { net, gateway } = stage;
    const vpnc = await connect();
    assert.ok(await reaches(net.cl));
    const [row] = await gateway.holds(1);
    const { stdout } = await gateway.command('sessions');
    assert.match(stdout, new RegExp(`${row?.id}.*${user}.*${vpnc.address.replaceAll('.', '\\.')}`));

    const unknown = await gateway.command('kick', '999999');
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /999999/);
    assert.equal((await gateway.command('kick', String(row?.id))).status, 0);
    await vpnc.ended;
    await gateway.holds(0);
    assert.ok(await isOutOfReach(net.cl));
    await vpnc.stop();
  });

  it('gives a user the same address again', async () => {
    const first = await connect();
    const { address } = first;
    await first.stop();
    await stage.gateway.holds(0);
    const second = await connect();
    assert.equal(second.address, address);
    await second.stop();
    await stage.gateway.holds(0);
  });

  it('frees the session of a client that vanished', async () => {
    const vpnc = await connect();
    assert.ok(await reaches(stage.net.cl));
    await stage.gateway.holds(1);
    await vpnc.crash();
    await stage.gateway.holds(0);
    await stage.gateway.logs(new RegExp(user), stage.mark);
  });

  it('lets a client that vanished in again at once', async () => {
    const first = await connect();
    const { address } = first;
    await first.crash();
    const second = await connect();
    assert.equal(second.address, address);
    assert.ok(await reaches(stage.net.cl));
    await second.stop();
    await stage.gateway.holds(0);
  });

  it('takes leave when it stops, and starts again', async () => {
    const { net, gateway } = stage;
    const vpnc = await connect();
    const { address } = vpnc;
    assert.ok(await reaches(net.cl));
    assert.deepEqual(await gateway.stop(), []);
    await vpnc.ended;
    await vpnc.stop();
    const stopped = await gateway.command('sessions');
    assert.equal(stopped.status, 1);
    assert.match(stopped.stderr, /not running|no gateway/i);

    await gateway.serve();
    const again = await connect();
    assert.equal(again.address, address);
    await again.stop();
    await gateway.holds(0);
  });

  it('starts again after a crash, and a client whose gateway forgot it gets in anew', async () => {
    const { net, gateway } = stage;
    const vpnc = await connect();
    assert.ok(await reaches(net.cl));
    await gateway.crash();
    await gateway.serve();
    await gateway.holds(0);
    await vpnc.stop();
    const again = await connect();
    assert.ok(await reaches(net.cl));
    await again.stop();
    await gateway.holds(0);
  });

  it('knows users that are added, changed and removed while it runs', async () => {
    const { net, gateway } = stage;
    await gateway.addUser('carol', 'carolpass', '--address', '10.77.0.77');
    const carol = { user: 'carol', password: 'carolpass' };
    const first = await connect(carol);
    assert.equal(first.address, '10.77.0.77');
    await first.stop();
    await gateway.holds(0);

    await gateway.changePassword('carol', 'anotherpass');
    const old = await Vpnc.start(net.cl, { mode: 'force-natt', ...carol });
    assert.ok(!old.up);
    await old.stop();
    const second = await connect({ ...carol, password: 'anotherpass' });
    assert.match((await gateway.command('user', 'list')).stdout, /carol\s+10\.77\.0\.77/);
    assert.equal((await gateway.command('user', 'remove', 'carol')).status, 0);
    await second.ended;
    await second.stop();
    await gateway.holds(0);
  });

  it('leaves nothing behind in the namespace', async () => {
    const { gateway, net } = stage;
    const vpnc = await Vpnc.connect(net.c1, { gateway: gatewayPublicAddress });
    await vpnc.stop();
    assert.deepEqual(await gateway.stop(), []);
    assert.doesNotMatch(await net.gw.must(['nft', 'list', 'tables']), /sallyport/);
    assert.doesNotMatch(await net.gw.ip('route'), /10\.77\./);
    await gateway.serve();
  });
});
