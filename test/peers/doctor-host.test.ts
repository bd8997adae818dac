/**
 * `sallyport doctor HOST` before real gateways and real firewalls: as a user without root, without UDP 500 of its own, and by
 * nothing but what `--json` says.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostReport } from '../../src/doctor/probe/doctor-host.ts';
import * as lab from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { lacking } from '../lab/requirements.ts';
import { SoftEther } from '../lab/softether.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { type GatewayKind, type ResponderOptions, responderConfiguration } from '../lab/swanctl.ts';
import { gatewayAddress, gatewayAddress6, gatewayPublicAddress, Topology } from '../lab/topology.ts';

const NOBODY = 65_534;

describe('the doctor from outside', { skip: lacking('charon-systemd', 'swanctl', 'setpriv'), timeout: 900_000 }, () => {
  let net: Topology;

  before(async () => {
    net = await Topology.create('dh');
  });
  after(() => net?.remove());

  /** Without root and without capabilities. */
  async function ask(from: Netns = net.cl, host = gatewayAddress): Promise<HostReport> {
    const setpriv = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--inh-caps=-all'];
    const { status, stdout, stderr } = await from.run([...setpriv, '--', lab.sallyport, 'doctor', host, '--json']);
    assert.notEqual(stdout, '', stderr);
    const report = JSON.parse(stdout) as HostReport;
    const severity = report.findings[0]?.severity;
    assert.equal(status, severity === 'cause' ? 3 : severity === 'warning' ? 4 : 0, stderr);
    return report;
  }

  const rulesOf = ({ findings }: HostReport) => findings.map(({ rule }) => rule);
  const statesOf = ({ addresses }: HostReport) => addresses[0]!.ports.map(({ port, state }) => `${port} ${state}`);

  async function withStrongSwan(kind: GatewayKind, options: Partial<ResponderOptions>, during: () => Promise<void>) {
    const addresses = [gatewayAddress, gatewayPublicAddress, gatewayAddress6];
    const daemon = await StrongSwan.start(
      net.gw,
      responderConfiguration(kind, addresses, { name: 'gate', ...options }),
    );
    try {
      await during();
    } finally {
      await daemon.stop();
    }
  }

  async function withRules(rules: string, during: () => Promise<void>) {
    await net.gw.nft(`table inet doctor { ${rules}; }`);
    try {
      await during();
    } finally {
      await net.gw.nft('delete table inet doctor');
    }
  }

  it('a closed port, and silence', async () => {
    const closed = await ask();
    assert.deepEqual(rulesOf(closed), ['icmp-unreachable']);
    await withRules(
      'chain in { type filter hook input priority 0; policy drop; icmpv6 type nd-neighbor-solicit accept; }',
      async () => {
        const silent = await ask();
        assert.deepEqual(rulesOf(silent), ['no-answer-500']);
        assert.deepEqual(new Set(statesOf(silent).map((state) => state.split(' ')[1])), new Set(['silent']));
      },
    );
  });

  it('our gateway: every port, what it takes, and that it proves itself to strangers', async () => {
    const carriers = { 'nat-t': true, esp: true, 'cisco-tcp': [10000] };
    const gateway = await lab.Gateway.start(net.gw, { config: { carriers, legacy: false } });
    try {
      // one after the other: each has its time and its patience, and should find the machine idle
      const report = await ask();
      const behindNat = await ask(net.c1, gatewayPublicAddress);
      const onIpv6 = await ask(net.cl, gatewayAddress6);
      assert.deepEqual(statesOf(report), [
        'udp/500 answers',
        'udp/4500 answers',
        'tcp/10000 answers',
        'tcp/4500 refused',
      ]);
      const { ikev1, ikev2, nat, large, name, limits } = report.gateway!;
      assert.equal(name!.name, 'Sallyport');
      assert.deepEqual([ikev1!.taken[0]!.suite!.group, ikev2!.refusal], [['ecp256'], 'INVALID_MAJOR_VERSION']);
      assert.deepEqual([nat.ours, nat.theirs, large!.passes, limits.unanswered], ['none', 'none', true, 0]);
      assert.deepEqual(rulesOf(report), ['aggressive-psk-hash', 'ikev1-only']);
      assert.deepEqual([report.healthy, report.isComplete], [true, true]);
      // nobody was let in, and nothing is left that could count against those who come
      assert.deepEqual(await gateway.sessions(), []);
      // behind a NAT the same gateway sees another address
      assert.deepEqual([behindNat.gateway!.nat.ours, onIpv6.gateway!.nat.ours], ['present', 'none']);
    } finally {
      await gateway.remove();
    }
  });

  it('strongSwan with IKEv1 alone, as it comes: nothing of its own protection is set off', async () => {
    const daemon = { dos_protection: 'yes', block_threshold: '5', cookie_threshold: '30' };
    const addresses = [gatewayAddress];
    const peer = await StrongSwan.start(net.gw, responderConfiguration('main', addresses, { name: 'gate' }), daemon);
    try {
      const report = await ask();
      const { ikev1, ikev2, name, limits } = report.gateway!;
      assert.equal(name!.name, 'strongSwan');
      assert.deepEqual(ikev1!.taken[0]!.suite!.authentication, ['psk']);
      assert.equal(ikev2!.refusal, 'NO_PROPOSAL_CHOSEN');
      assert.equal(ikev1!.aggressive.state, 'refused');
      assert.equal(limits.unanswered, 0);
      assert.equal(report.healthy, true);
      assert.doesNotMatch(peer.log, /ignoring IKE_SA setup|parsing|invalid/);
    } finally {
      await peer.stop();
    }
  });

  it('strongSwan whose aggressive mode is for anybody: it gives the hash of its secret away', async () => {
    await withStrongSwan('main', { connection: { aggressive: 'yes' } }, async () => {
      const report = await ask();
      const { rule, severity } = report.findings[0]!;
      assert.deepEqual([rule, severity], ['aggressive-psk-hash', 'warning']);
    });
  });

  it('strongSwan with IKEv2 alone: each group and cipher that its configuration names, and no other', async () => {
    const ike = ['aes256gcm16-prfsha384-ecp384', 'aes128-sha256-modp2048', 'aes128-sha1-modp1024'];
    const connection = { version: '2' };
    await withStrongSwan('secret', { ike, connection }, async () => {
      const report = await ask();
      const { ikev1, ikev2, limits } = report.gateway!;
      assert.deepEqual(ikev2!.groups.toSorted(), ['ecp384', 'modp1024', 'modp2048']);
      assert.deepEqual(ikev2!.ciphers, ['aes256gcm16', 'aes128']);
      assert.deepEqual(ikev2!.integrities, ['sha256', 'sha1']);
      assert.deepEqual([ikev1!.main, ikev2!.fragmentation, limits.unanswered], [false, true, 0]);
      assert.ok(rulesOf(report).includes('ikev2-only'));
      assert.ok(report.packets.filter(({ direction }) => direction === 'out').length < 50);
    });
  });

  it('UDP 4500 dropped, and fragments: both are named, the cause first', async () => {
    const rules = [
      'chain in { type filter hook input priority 0; udp dport 4500 drop; }',
      // before the kernel has put them together
      'chain pieces { type filter hook prerouting priority -450; ip frag-off & 0x3fff != 0 drop; }',
    ];
    await withStrongSwan('secret', { connection: { version: '2' } }, async () => {
      await withRules(rules.join('; '), async () => {
        const report = await ask();
        assert.deepEqual(rulesOf(report).slice(0, 2), ['silence-on-4500', 'fragments-lost']);
        assert.equal(report.gateway!.large!.passes, false);
      });
    });
  });

  const softEther = lacking('vpnserver', 'vpncmd');
  it('SoftEther as an L2TP/IPsec server: aggressive mode for anybody, and DES', { skip: softEther }, async () => {
    const peer = await SoftEther.start(net.gw);
    try {
      const report = await ask();
      assert.equal(report.gateway!.name!.name, 'SoftEther');
      assert.equal(report.gateway!.ikev1!.aggressive.state, 'hash');
      assert.deepEqual(rulesOf(report).slice(0, 2), ['aggressive-psk-hash', 'broken-algorithms-taken']);
    } finally {
      await peer.stop();
    }
  });
});
