/** vpnc with a wrong secret, name or password: it ends by itself, learns nothing, and the gateway's log tells all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayPublicAddress } from '../lab/topology.ts';
import { isOutOfReach } from '../lab/traffic.ts';
import { Vpnc, type VpncOptions } from '../lab/vpnc.ts';

const skip = lacking('vpnc');

describe('vpnc that must not get in', { skip, timeout: 900_000 }, () => {
  const stage = scene({
    users: { alice: 'alicepass', bob: 'bobpass' },
    config: { groups: { labgroup: { psk: 'labsecretpsk', users: ['alice'], max_sessions: 1 } } },
  });

  /** Tries; gives what the client saw. */
  async function attempt(wrong: VpncOptions, logged: RegExp): Promise<string> {
    const { net, gateway, mark } = stage;
    const vpnc = await Vpnc.start(net.cl, { mode: 'force-natt', ...wrong });
    assert.ok(!vpnc.up, `it got in\n${gateway.said(mark)}`);
    assert.notEqual(await vpnc.ended, undefined, 'it had to be killed');
    await vpnc.stop();
    assert.ok(await isOutOfReach(net.cl));
    const line = await gateway.logs(logged, mark);
    assert.doesNotMatch(
      gateway.said(mark),
      /labsecretpsk|not-the-secret|alicepass|not-the-password/,
      'a secret in the log',
    );
    assert.match(line, /192\.0\.2\.2/, 'the line says who');
    await gateway.holds(0);
    return withoutTimes(vpnc.log);
  }

  it('wrong group secret and unknown group look alike', async () => {
    const wrongSecret = await attempt({ groupSecret: 'not-the-secret' }, /labgroup.*secret|secret.*labgroup/i);
    const unknownGroup = await attempt({ group: 'nosuchgroup' }, /nosuchgroup/);
    assert.equal(unknownGroup, wrongSecret);
  });

  it('wrong password, unknown user and user of another group look alike', async () => {
    const wrongPassword = await attempt({ password: 'not-the-password' }, /alice.*password|password.*alice/i);
    const unknownUser = await attempt({ user: 'nobody' }, /nobody/);
    const otherGroup = await attempt({ user: 'bob', password: 'bobpass' }, /bob.*group|group.*bob/);
    assert.equal(unknownUser, wrongPassword);
    assert.equal(otherGroup, wrongPassword);
  });

  it('a right password for which there is no room does not look like a wrong one', async () => {
    const { net, gateway } = stage;
    const first = await Vpnc.connect(net.c1, { mode: 'force-natt', gateway: gatewayPublicAddress });
    const second = await Vpnc.start(net.cl, { mode: 'force-natt' });
    assert.notEqual(await second.ended, undefined, 'it had to be killed');
    assert.match(second.log, /configuration response rejected/);
    assert.doesNotMatch(second.log, /authentication unsuccessful/);
    await second.stop();
    await first.stop();
    await gateway.holds(0);
  });

  it('a group that is refused all the same lets the right one in afterwards', async () => {
    const { net, gateway } = stage;
    const vpnc = await Vpnc.connect(net.cl, { mode: 'force-natt' });
    await vpnc.stop();
    await gateway.holds(0);
  });
});

function withoutTimes(log: string): string {
  return log.replace(/\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]/g, '[time]').replace(/0x[0-9a-f]+/g, '0x');
}
