/** Our own client by each format of profile and each way to prove oneself, at our own gateway. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { hideSecret } from '../config/profile/hide-secret.ts';
import { type Issued, Workshop } from '../host/pki/openssl.ts';
import { Client, type ClientOptions } from '../lab/client.ts';
import * as lab from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { scratch } from '../lab/scratch.ts';
import { gatewayAddress, gatewayPublicAddress } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';

const skip = lacking('openssl');
const name = 'gate.lab.example';

describe("our client's profiles", { skip, timeout: 900_000 }, () => {
  const stage = scene();
  const workshop = new Workshop(scratch('profiles'));
  let authority: Issued;
  let other: Issued;
  let alice: Issued;
  let configureWithRsa: () => void;

  before(async () => {
    authority = workshop.authority('authority', { key: 'rsa2048' });
    other = workshop.authority('other', { key: 'rsa2048' });
    const own = workshop.issue('gate', {
      key: 'rsa2048',
      by: authority,
      subject: `/CN=${name}`,
      extensions: [`subjectAltName=DNS:${name},IP:${gatewayAddress}`],
    });
    alice = workshop.issue('alice', {
      key: 'rsa2048',
      by: authority,
      subject: '/CN=alice.lab.example',
      extensions: ['subjectAltName=DNS:alice.lab.example'],
    });
    const { gateway } = stage;
    configureWithRsa = () =>
      gateway.configure({
        groups: { [lab.group]: { psk: lab.groupSecret }, mutual: { authentication: ['hybrid'] } },
        authentication: ['hybrid', 'certificate'],
        psk: undefined,
        certificate: { file: own.certificate, key: own.key },
        authorities: [authority.certificate],
        carriers: { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000, 443] },
      });
    configureWithRsa();
    assert.deepEqual(await gateway.stop(), []);
    await gateway.serve();
  });

  async function getsIn(options: ClientOptions, carrier?: string): Promise<void> {
    const { client, up } = await Client.connect(stage.net.cl, options);
    assert.match(up.address, lab.poolPattern);
    if (carrier) assert.equal(up.carrier, carrier);
    assert.ok(await reaches(stage.net.cl));
    assert.equal(await client.stop(), 0);
    await stage.gateway.holds(0);
  }

  const login = {
    pcf: ['Username=alice', `enc_UserPassword=${hideSecret(lab.password)}`],
    vpnc: ['Xauth username alice', `Xauth password ${lab.password}`],
  };

  function pcf(...more: readonly string[]): ClientOptions {
    const lines = ['[main]', `Host=${gatewayAddress}`, ...login.pcf, 'DHGroup=14', ...more];
    return { file: { extension: 'pcf', text: lines.join('\r\n') } };
  }

  function vpnc(...more: readonly string[]): ClientOptions {
    const lines = [`IPSec gateway ${gatewayAddress}`, ...login.vpnc, 'IKE DH Group dh14', ...more, ''];
    return { file: { extension: 'conf', text: lines.join('\n') } };
  }

  const group = [`GroupName=${lab.group}`, `GroupPwd=${lab.groupSecret}`];

  it('a .pcf with the transport that it names', async () => {
    await getsIn(pcf(...group, 'EnableNat=1', 'TunnelingMode=0'));
    await getsIn(pcf(...group, 'EnableNat=1', 'TunnelingMode=1', 'TcpTunnelingPort=443'), 'cisco-tcp');
    await getsIn(pcf(...group, 'EnableNat=0'), 'esp');
  });

  it('a .pcf goes on to its backup server', async () => {
    const lines = [...group, 'EnableBackup=1', `BackupServer=${gatewayAddress}`];
    const { file } = pcf(...lines);
    // The lab's gateway answers at this address, and nobody at the one before it.
    await getsIn({ file: { ...file!, text: file!.text.replace(`Host=${gatewayAddress}`, 'Host=192.0.2.99') } });
  });

  it('a .pcf with mutual group authentication', async () => {
    await getsIn(pcf('AuthType=5', 'GroupName=mutual', `X-NM-CA-File=${authority.certificate}`));
  });

  it("a file of vpnc's in each mode for NATs", async () => {
    const secret = [`IPSec ID ${lab.group}`, `IPSec obfuscated secret ${hideSecret(lab.groupSecret)}`];
    await getsIn(vpnc(...secret));
    await getsIn(vpnc(...secret, 'NAT Traversal Mode force-natt'), 'nat-t');
    await getsIn(vpnc(...secret, 'NAT Traversal Mode cisco-udp'), 'cisco-udp');
  });

  it("a file of vpnc's with hybrid authentication", async () => {
    await getsIn(vpnc('IPSec ID mutual', 'IKE Authmode hybrid', `CA-File ${authority.certificate}`));
  });

  const hybrid = { psk: undefined, group: 'mutual', authentication: 'hybrid' };

  it('YAML with hybrid authentication', async () => {
    await getsIn({ profile: { ...hybrid, authorities: [authority.certificate] } });
    await getsIn({
      profile: {
        ...hybrid,
        authorities: [authority.certificate],
        exchange: 'main',
        group: undefined,
        gateway_id: name,
      },
    });
  });

  it('YAML with certificates on both sides', async () => {
    const own = { authentication: 'certificate', certificate: { file: alice.certificate, key: alice.key } };
    await getsIn({ profile: { psk: undefined, group: undefined, ...own, authorities: [authority.certificate] } });
  });

  async function staysOut(profile: lab.Config, reason: RegExp): Promise<void> {
    const client = Client.start(stage.net.cl, { profile });
    const last = await client.decided();
    assert.equal(last.type, 'down', client.log);
    assert.match((last as { reason: string }).reason, reason);
    assert.ok(!client.log.includes(lab.password));
    await client.stop();
    await stage.gateway.holds(0);
  }

  it('hybrid with an ECDSA certificate, which ours alone takes', async () => {
    const { gateway } = stage;
    const own = workshop.issue('gate-p256', {
      key: 'P-256',
      by: authority,
      subject: `/CN=${name}`,
      extensions: [`subjectAltName=DNS:${name},IP:${gatewayAddress}`],
    });
    gateway.configure({
      groups: { mutual: { authentication: ['hybrid'] } },
      psk: undefined,
      certificate: { file: own.certificate, key: own.key },
    });
    await gateway.stop();
    await gateway.serve();
    await getsIn({ profile: { ...hybrid, authorities: [authority.certificate] } });
    configureWithRsa();
    await gateway.stop();
    await gateway.serve();
  });

  it("an impostor doesn't get the password: another authority, or a name that isn't the one dialled", async () => {
    await staysOut({ ...hybrid, authorities: [other.certificate] }, /authorit/);
    await staysOut(
      { ...hybrid, authorities: [authority.certificate], gateway_id: 'other.lab.example' },
      /its certificate is for gate\.lab\.example, 192\.0\.2\.1 and not for other\.lab\.example/,
    );
    await staysOut(
      { ...hybrid, authorities: [authority.certificate], gateway: gatewayPublicAddress },
      /and not for 198\.51\.100\.1; see gateway_id/,
    );
    await stage.gateway.logs(/connection failed/, stage.mark, 60_000);
    assert.doesNotMatch(stage.gateway.said(stage.mark), /session is up|password is wrong/);
  });
});
