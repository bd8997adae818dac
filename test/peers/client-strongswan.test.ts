/** Our whole client, from profile to routes, with strongSwan as the gateway. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { hideSecret } from '../config/profile/hide-secret.ts';
import { type Issued, Workshop } from '../host/pki/openssl.ts';
import { Client, type ClientOptions } from '../lab/client.ts';
import * as lab from '../lab/gateway.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scratch } from '../lab/scratch.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { type GatewayKind, type ResponderOptions, responderConfiguration } from '../lab/swanctl.ts';
import { gatewayAddress, gatewayPublicAddress, lanPrefix, Topology } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';

const skip = lacking('charon-systemd', 'swanctl', 'openssl');
const name = 'gate.lab.example';

describe('our client and strongSwan as the gateway', { skip, timeout: 300_000 }, () => {
  const workshop = new Workshop(scratch('client-strongswan'));
  const stage: { net?: Topology; gateway?: StrongSwan | undefined; client?: Client | undefined } = {};
  let authority: Issued;
  let other: Issued;
  let gate: Issued;
  let alice: Issued;

  before(async () => {
    stage.net = await Topology.create('cls');
    const named = (host: string) => ({ subject: `/CN=${host}`, extensions: [`subjectAltName=DNS:${host}`] });
    authority = workshop.authority('authority', { key: 'rsa2048' });
    other = workshop.authority('other', { key: 'rsa2048' });
    gate = workshop.issue('gate', { key: 'rsa2048', by: authority, ...named(name) });
    alice = workshop.issue('alice', { key: 'rsa2048', by: authority, ...named('alice.lab.example') });
  });

  afterEach(async () => {
    await stage.client?.stop();
    await stage.gateway?.stop();
    stage.client = undefined;
    stage.gateway = undefined;
  });

  after(() => stage.net?.remove());

  async function raise(kind: GatewayKind, settings: Partial<ResponderOptions> = {}): Promise<StrongSwan> {
    const files = {
      'x509ca/authority.pem': authority.certificate,
      'x509/gate.pem': gate.certificate,
      'private/gate.pem': gate.key,
    };
    const configuration = responderConfiguration(kind, [gatewayAddress, gatewayPublicAddress], { name, ...settings });
    stage.gateway = await StrongSwan.start(stage.net!.gw, configuration, settings.daemon ?? {}, files);
    return stage.gateway;
  }

  /** Comes up, carries a ping, and takes its leave so that strongSwan knows. */
  async function getsIn(options: ClientOptions, from: 'cl' | 'c1' = 'cl'): Promise<void> {
    const netns = stage.net![from];
    const { client, up } = await Client.connect(netns, options);
    stage.client = client;
    assert.match(up.address, lab.poolPattern);
    assert.equal(up.carrier, 'nat-t');
    assert.ok(await reaches(netns), client.log);
    assert.match(await stage.gateway!.associations(), /ESTABLISHED, IKEv1[\s\S]*INSTALLED, TUNNEL-in-UDP/);
    stage.client = undefined;
    assert.equal(await client.stop(), 0, client.log);
    await stage.gateway!.logs(/deleting IKE_SA/);
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

  const trusting = (by: Issued) => ({ psk: undefined, authorities: [by.certificate], gateway_id: name });

  for (const exchange of ['aggressive', 'main'] as const) {
    it(`by YAML: hybrid, ${exchange} mode`, async () => {
      await raise('hybrid', { connection: { aggressive: exchange === 'aggressive' ? 'yes' : 'no' } });
      await getsIn({ profile: { ...trusting(authority), authentication: 'hybrid', exchange } });
    });
  }

  it('by YAML: certificates on both sides and a login', async () => {
    await raise('certificates');
    const certificate = { file: alice.certificate, key: alice.key };
    await getsIn({ profile: { ...trusting(authority), authentication: 'certificate', certificate, group: undefined } });
  });

  it('by YAML: stays up while the gateway renews both phases', async () => {
    const gateway = await raise('aggressive');
    const { client } = await Client.connect(stage.net!.cl, {});
    stage.client = client;
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
        30_000,
        () => `a new phase ${phase}; the client said:\n${client.log}\n${gateway.log.split('\n').slice(-60).join('\n')}`,
      );
      assert.ok(await reaches(stage.net!.cl), client.log);
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
    const { client } = await Client.connect(stage.net!.cl, {});
    stage.client = client;
    assert.equal((await gateway.control('--terminate', '--ike', 'users')).status, 0);
    await until(
      () => client.reports.filter(({ type }) => type === 'up').length === 2 || undefined,
      30_000,
      () => `a second tunnel; the client said:\n${client.log}`,
    );
    assert.ok(await reaches(stage.net!.cl), client.log);
  });

  it('turns away from a gateway whose authority it does not trust, and from a wrong password', async () => {
    await raise('hybrid', { connection: { aggressive: 'yes' } });
    const stranger = Client.start(stage.net!.cl, { profile: { ...trusting(other), authentication: 'hybrid' } });
    const last = await stranger.decided();
    assert.equal(last.type, 'down', stranger.log);
    await stranger.stop();
    await stage.gateway!.stop();

    await raise('aggressive');
    const wrong = Client.start(stage.net!.cl, wrongPassword());
    const refused = await wrong.decided();
    assert.deepEqual([refused.type, (refused as { ending?: string }).ending], ['down', 'refused'], wrong.log);
    assert.equal(await wrong.stop(), 3);
  });

  function wrongPassword(): ClientOptions {
    const { file } = pcf('DHGroup=14');
    return { file: { ...file, text: file.text.replace(`UserPassword=${lab.password}`, 'UserPassword=wrong') } };
  }
});
