/** Our whole client, from profile to routes, with strongSwan as the gateway. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { hideSecret } from '../config/profile/hide-secret.ts';
import type { Issued } from '../host/pki/openssl.ts';
import { Client, type ClientOptions } from '../lab/client.ts';
import * as lab from '../lab/gateway.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { gatewayAddress, gatewayPublicAddress, lanPrefix } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';
import { GATE, strongSwanGate } from './strongswan-gate.ts';

const skip = lacking('charon-systemd', 'swanctl', 'openssl');

describe('our client and strongSwan as the gateway', { skip, timeout: 900_000 }, () => {
  let running: Client | undefined;
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });
  const stage = strongSwanGate('cls');
  const { raise } = stage;

  /** Comes up, carries a ping, and takes its leave so that strongSwan knows. */
  async function getsIn(options: ClientOptions, from: 'cl' | 'c1' = 'cl'): Promise<void> {
    const netns = stage.net[from];
    const { client, up } = await Client.connect(netns, options);
    running = client;
    assert.match(up.address, lab.poolPattern);
    assert.equal(up.carrier, 'nat-t');
    assert.ok(await reaches(netns), client.log);
    assert.match(await stage.gateway.associations(), /ESTABLISHED, IKEv1[\s\S]*INSTALLED, TUNNEL-in-UDP/);
    running = undefined;
    assert.equal(await client.stop(), 0, client.log);
    await stage.gateway.logs(/deleting IKE_SA/);
  }

  const pcf = (...more: readonly string[]) => ({
    file: {
      extension: 'pcf',
      text: [
        '[main]',
        `Host=${gatewayAddress}`,
        `GroupName=${lab.group}`,
        `enc_GroupPwd=${hideSecret(lab.groupSecret)}`,
        `Username=${lab.user}`,
        `UserPassword=${lab.password}`,
        ...more,
      ].join('\r\n'),
    },
  });

  it('by a .pcf: aggressive mode, a group and a login', async () => {
    await raise('aggressive');
    await getsIn(pcf('DHGroup=14'));
  });

  it("by a file of vpnc's", async () => {
    await raise('aggressive');
    const lines = [
      `IPSec gateway ${gatewayAddress}`,
      `IPSec ID ${lab.group}`,
      `IPSec secret ${lab.groupSecret}`,
      `Xauth username ${lab.user}`,
      `Xauth password ${lab.password}`,
      'IKE DH Group dh14',
    ];
    await getsIn({ file: { extension: 'conf', text: lines.join('\n') } });
  });

  for (const persona of ['cisco-4.0', 'macos']) {
    it(`by YAML: speaking as ${persona}`, async () => {
      await raise('aggressive', { ike: ['aes256-sha1-modp1024', 'aes256-sha1-modp2048', 'aes256-sha256-modp2048'] });
      await getsIn({ profile: { persona, legacy: true } });
    });
  }

  it('by YAML: from behind a NAT', async () => {
    await raise('aggressive');
    await getsIn({ profile: { gateway: gatewayPublicAddress } }, 'c1');
  });

  it('by YAML: main mode, a secret and a login', async () => {
    await raise('main');
    await getsIn({ profile: { exchange: 'main', group: undefined } });
  });

  const trusting = (by: Issued) => ({ psk: undefined, authorities: [by.certificate], gateway_id: GATE });

  for (const exchange of ['aggressive', 'main'] as const) {
    it(`by YAML: hybrid, ${exchange} mode`, async () => {
      await raise('hybrid', { connection: { aggressive: exchange === 'aggressive' ? 'yes' : 'no' } });
      await getsIn({ profile: { ...trusting(stage.authority), authentication: 'hybrid', exchange } });
    });
  }

  it('by YAML: certificates on both sides and a login', async () => {
    await raise('certificates');
    const certificate = { file: stage.alice.certificate, key: stage.alice.key };
    await getsIn({
      profile: { ...trusting(stage.authority), authentication: 'certificate', certificate, group: undefined },
    });
  });

  it('by YAML: stays up while the gateway renews both phases', async () => {
    const gateway = await raise('aggressive');
    const { client } = await Client.connect(stage.net.cl, {});
    running = client;
    const renewals = (phase: 1 | 2) => client.reports.filter((one) => one.type === 'rekeyed' && one.phase === phase);
    for (const [phase, what] of [
      [2, ['--child', 'lan']],
      [1, ['--ike', 'users']],
      [2, ['--child', 'lan']],
    ] as const) {
      const before = renewals(phase).length;
      assert.equal((await gateway.control('--rekey', ...what)).status, 0);
      await until(
        () => renewals(phase).length > before || undefined,
        60_000,
        () => `a new phase ${phase}; the client said:\n${client.log}\n${gateway.log.split('\n').slice(-60).join('\n')}`,
      );
      assert.ok(await reaches(stage.net.cl), client.log);
    }
    assert.equal(client.reports.filter(({ type }) => type === 'reconnecting' || type === 'up').length, 1, client.log);
  });

  it('by YAML: a gateway that has less than everything to offer', async () => {
    await raise('aggressive', { child: { local_ts: lanPrefix } });
    await getsIn({});
    await getsIn({ profile: { routes: [lanPrefix] } });
  });

  it('by YAML: a gateway that ends everything and takes the client back', async () => {
    const gateway = await raise('aggressive');
    const { client } = await Client.connect(stage.net.cl, {});
    running = client;
    assert.equal((await gateway.control('--terminate', '--ike', 'users')).status, 0);
    await until(
      () => client.reports.filter(({ type }) => type === 'up').length === 2 || undefined,
      60_000,
      () => `a second tunnel; the client said:\n${client.log}`,
    );
    assert.ok(await reaches(stage.net.cl), client.log);
  });

  it('turns away from a gateway whose authority it does not trust, and from a wrong password', async () => {
    await raise('hybrid', { connection: { aggressive: 'yes' } });
    const stranger = Client.start(stage.net.cl, { profile: { ...trusting(stage.other), authentication: 'hybrid' } });
    const last = await stranger.decided();
    assert.equal(last.type, 'down', stranger.log);
    assert.notEqual(await stranger.left(), 0);

    await raise('aggressive');
    const wrong = Client.start(stage.net.cl, wrongPassword());
    const refused = await wrong.decided();
    assert.deepEqual([refused.type, (refused as { ending?: string }).ending], ['down', 'refused'], wrong.log);
    assert.equal(await wrong.left(), 3);
  });

  function wrongPassword(): ClientOptions {
    const { file } = pcf('DHGroup=14');
    return { file: { ...file, text: file.text.replace(`UserPassword=${lab.password}`, 'UserPassword=wrong') } };
  }
});
