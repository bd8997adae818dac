/** Certificates with real clients: the gateway's alone with a login (hybrid), and on both sides with a login. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { type Issued, openssl, Workshop } from '../host/pki/openssl.ts';
import { type Config, poolPattern } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { scratch } from '../lab/scratch.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration, type Section } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress } from '../lab/topology.ts';
import { Vpnc } from '../lab/vpnc.ts';
import { carriesTraffic, isListed } from './proof.ts';

const skip = lacking('vpnc', 'charon-systemd', 'swanctl', 'openssl');
const name = 'gate.lab.example';

describe('certificates', { skip, timeout: 900_000 }, () => {
  const workshop = new Workshop(scratch('certificates'));
  const stage = scene();
  let authority: Issued;
  let other: Issued;
  let own: Issued;
  let alice: Issued;
  let stranger: Issued;

  before(async () => {
    authority = workshop.authority('authority', { key: 'rsa2048' });
    own = workshop.issue('gate', {
      key: 'rsa2048',
      by: authority,
      subject: `/CN=${name}`,
      extensions: [`subjectAltName=DNS:${name}`],
    });
    alice = workshop.issue('alice', {
      key: 'rsa2048',
      by: authority,
      subject: '/CN=alice.lab.example',
      extensions: ['subjectAltName=DNS:alice.lab.example'],
    });
    other = workshop.authority('other', { key: 'rsa2048' });
    stranger = workshop.issue('stranger', {
      key: 'rsa2048',
      by: other,
      subject: '/CN=alice.lab.example',
      extensions: ['subjectAltName=DNS:alice.lab.example'],
    });
    const { gateway } = stage;
    gateway.configure(certificates());
    const { status, stderr } = await gateway.command('reload');
    assert.equal(status, 0, stderr);
  });

  function certificates(): Config {
    return {
      groups: { labgroup: { authentication: ['hybrid', 'certificate'] } },
      psk: undefined,
      authentication: ['hybrid', 'certificate'],
      certificate: { file: own.certificate, key: own.key },
      authorities: [authority.certificate],
    };
  }

  /** strongSwan's files of certificates lie in its own folders. */
  async function strongSwan(own: Issued | undefined, trusted = authority): Promise<StrongSwan> {
    const base = clientConfiguration({
      local: clientAddress,
      remote: gatewayAddress,
      mode: 'main',
      ike: 'aes128-sha256-modp2048',
    });
    const { home } = base.connections as { home: Section };
    const local = own
      ? { auth: 'pubkey', certs: own.certificate, id: 'alice.lab.example' }
      : { auth: 'xauth', xauth_id: 'alice' };
    const { 'local-xauth': login, ...rest } = home;
    const connection = {
      ...rest,
      local,
      ...(own && { 'local-xauth': login }),
      remote: { auth: 'pubkey', id: name, cacerts: trusted.certificate },
    };
    const { 'ike-any': _, ...secrets } = base.secrets as Section;
    const configuration: Section = { connections: { home: connection }, secrets };
    return StrongSwan.start(
      stage.net.cl,
      configuration,
      {},
      {
        'x509ca/authority.pem': trusted.certificate,
        ...(own && { 'private/own.pem': own.key, 'x509/own.pem': own.certificate }),
      },
    );
  }

  it('vpnc, hybrid, aggressive mode', async () => {
    const { net, gateway } = stage;
    const extra = ['IKE Authmode hybrid', `CA-File ${authority.certificate}`];
    const client = await Vpnc.connect(net.cl, { extra });
    await carriesTraffic(net.cl, gateway);
    await isListed(gateway, { group: 'labgroup', address: client.address });
    await client.stop();
    await gateway.holds(0);
  });

  // not what one would wish: docs/clients/vpnc.md says so, and goes by this
  it('vpnc, hybrid, takes the gateway for true whatever authority its CA-File holds', async () => {
    const { net, gateway } = stage;
    const extra = ['IKE Authmode hybrid', `CA-File ${other.certificate}`];
    const client = await Vpnc.connect(net.cl, { extra });
    await isListed(gateway, { group: 'labgroup', address: client.address });
    await client.stop();
    await gateway.holds(0);
  });

  it('strongSwan, certificates on both sides and a login, main mode', async () => {
    const { net, gateway } = stage;
    const client = await strongSwan(alice);
    await client.connect();
    assert.match(await client.address(), poolPattern);
    await carriesTraffic(net.cl, gateway);
    await isListed(gateway, { user: 'alice' });
    await client.stop();
    await gateway.holds(0);
  });

  it('strongSwan, hybrid, main mode', async () => {
    const { net, gateway } = stage;
    const client = await strongSwan(undefined);
    await client.connect();
    await carriesTraffic(net.cl, gateway);
    await client.stop();
    await gateway.holds(0);
  });

  it('strongSwan, hybrid, turns away where the gateway shows a certificate of an authority it does not trust', async () => {
    const client = await strongSwan(undefined, other);
    assert.notEqual((await client.initiate(10)).status, 0);
    await client.logs(/no trusted RSA public key|no issuer certificate/);
    await client.stop();
    await stage.gateway.holds(0);
  });

  it("a client whose certificate is another authority's stays out", async () => {
    const { gateway } = stage;
    const client = await strongSwan(stranger);
    assert.notEqual((await client.initiate(10)).status, 0);
    await gateway.logs(/connection failed .*isn't among the authorities/, stage.mark);
    await client.stop();
    await gateway.holds(0);
  });

  it('a certificate that is wrong at a reload changes nothing', async () => {
    const { net, gateway } = stage;
    gateway.configure({ ...certificates(), certificate: { file: own.certificate, key: alice.key } });
    const { status, stderr } = await gateway.command('reload');
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`${alice.key} holds a key that belongs to none of the certificates`));
    const client = await Vpnc.connect(net.cl, { extra: ['IKE Authmode hybrid', `CA-File ${authority.certificate}`] });
    await client.stop();
    await gateway.holds(0);
  });

  it('certificate and key may come in one PKCS#12 file', async () => {
    const { net, gateway } = stage;
    const [pkcs12, password] = [workshop.path('gate.p12'), workshop.path('password')];
    writeFileSync(password, 'the password\n', { mode: 0o600 });
    const files = ['-in', own.certificate, '-inkey', own.key, '-out', pkcs12];
    openssl('pkcs12', '-export', ...files, '-passout', `file:${password}`);
    chmodSync(pkcs12, 0o600);
    gateway.configure({ ...certificates(), certificate: { pkcs12, password_file: password } });
    const { status, stderr } = await gateway.command('reload');
    assert.equal(status, 0, stderr);
    const client = await Vpnc.connect(net.cl, { extra: ['IKE Authmode hybrid', `CA-File ${authority.certificate}`] });
    await client.stop();
    await gateway.holds(0);
  });

  it('one that expires within a month is told', async () => {
    const { gateway, mark } = stage;
    const to = new Date(Date.now() + 10.5 * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
    const soon = workshop.issue('soon', { key: 'rsa2048', by: authority, to, subject: `/CN=${name}` });
    gateway.configure({ ...certificates(), certificate: { file: soon.certificate, key: soon.key } });
    assert.equal((await gateway.command('reload')).status, 0);
    await gateway.logs(/warn .*the gateway's certificate expires on \d{4}-\d\d-\d\d, in 10 days/, mark);
  });
});
