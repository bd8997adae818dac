/** What the probe finds out of gateways in virtual time, with how little it does so, and what it makes of silence. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { findingsOf } from '../../../src/doctor/probe/findings.ts';
import { ALL, mainModeQuestion, ONLY_AGED, ONLY_MODERN } from '../../../src/doctor/probe/ikev1-questions.ts';
import { EVERYTHING_AND_UNWANTED, initQuestion } from '../../../src/doctor/probe/ikev2-questions.ts';
import { MAX_UNANSWERED } from '../../../src/doctor/probe/interview.ts';
import { ProbeError, probe } from '../../../src/doctor/probe/probe.ts';
import type { Survey } from '../../../src/doctor/probe/survey.ts';
import { CTCP, IKE_OVER_TCP } from '../../../src/doctor/probe/tcp.ts';
import { askedText, verdictText } from '../../../src/doctor/probe/text.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { type GatewayOptions, isMarked, SimulatedGateway } from './simulated-gateway.ts';
import { HERE, type NetworkOptions, type SimulatedHost, SimulatedNetwork } from './simulated-network.ts';

const GATEWAY = '192.0.2.1';
const GATEWAY6 = '2001:db8::1';
const own = { address: parseIp(GATEWAY)!, port: 500 };
/** The brief for a verdict, in virtual time. */
const LIMIT = 20_000;

interface Seen {
  readonly survey: Survey;
  readonly rules: readonly string[];
  readonly network: SimulatedNetwork;
  readonly took: number;
}

async function look(options: NetworkOptions, host = GATEWAY): Promise<Seen> {
  const network = new SimulatedNetwork(options);
  const survey = await network.run(probe(host, { network, crypto: nodeCrypto, progress: () => {} }));
  return { survey, rules: findingsOf(survey).map(({ rule }) => rule), network, took: network.now() };
}

function at(host: SimulatedHost, more: NetworkOptions = {}): NetworkOptions {
  return { hosts: { [GATEWAY]: host }, ...more };
}

function gatewayHost(options: Omit<GatewayOptions, 'own'> & Partial<GatewayOptions>) {
  const gateway = new SimulatedGateway({ own, ...options });
  return { gateway, host: { udp: { 500: gateway.plain, 4500: gateway.marked } } };
}

const IKEV2 = { groups: [20, 14], ciphers: ['20/256', '12/256'], integrities: [12] };
const modern = ({ group, encryption }: { group: readonly string[]; encryption: readonly string[] }) =>
  group[0] === 'modp2048' && encryption[0]!.startsWith('aes');

describe('IKEv2', () => {
  it('groups, ciphers and integrity to the last, of one negotiation that is begun', async () => {
    const { gateway, host } = gatewayHost({ ikev2: IKEV2 });
    const { survey, rules, network, took } = await look(at(host));
    const { ikev2, nat, large, ikev1 } = survey.gateway!;
    assert.deepEqual(ikev2!.groups, ['ecp384', 'modp2048']);
    assert.deepEqual(ikev2!.ciphers, ['aes256gcm16', 'aes256']);
    assert.deepEqual(ikev2!.integrities, ['sha256']);
    assert.deepEqual(ikev2!.broken, []);
    assert.equal(ikev2!.fragmentation, true);
    assert.equal(ikev1, undefined);
    assert.deepEqual([nat.ours, nat.theirs], ['none', 'none']);
    assert.equal(large!.passes, true);
    assert.deepEqual(rules, ['ikev2-only']);
    assert.equal(gateway.begun, 1);
    assert.ok(network.sent < 50, `${network.sent} packets`);
    assert.ok(took < LIMIT, `${took} ms`);
    assert.match(
      verdictText(survey, findingsOf(survey)),
      /^Healthy: 192\.0\.2\.1 answers on UDP 500 and 4500; IKEv2; no NAT/,
    );
  });

  it('a gateway that always asks for a cookie gets it', async () => {
    const { host } = gatewayHost({ ikev2: IKEV2, cookie: fromHex('00112233445566778899') });
    const { survey, rules } = await look(at(host));
    assert.deepEqual(survey.gateway!.ikev2!.groups, ['ecp384', 'modp2048']);
    assert.ok(survey.gateway!.limits.cookies > 0);
    assert.ok(rules.includes('asks-for-cookies'));
  });

  it('single DES and modp768 are found', async () => {
    const { host } = gatewayHost({ ikev2: { groups: [14], ciphers: ['12/128', '2/'], integrities: [1, 2] } });
    assert.deepEqual((await look(at(host))).survey.gateway!.ikev2!.broken, ['des']);
    const other = gatewayHost({ ikev2: { groups: [14, 1], ciphers: ['12/128'], integrities: [2] } });
    const { survey, rules } = await look(at(other.host));
    assert.deepEqual(survey.gateway!.ikev2!.broken, ['modp768']);
    assert.equal(rules[0], 'broken-algorithms-taken');
  });
});

describe('IKEv1', () => {
  it('what it chooses and what it refuses, of few negotiations that are begun', async () => {
    const { gateway, host } = gatewayHost({ ikev1: modern });
    const { survey, rules } = await look(at(host));
    const { ikev1, nat } = survey.gateway!;
    assert.deepEqual(
      ikev1!.taken.map(({ offer, suite }) => [offer, suite?.group[0]]),
      [
        ['all', 'modp2048'],
        ['broken', undefined],
        ['aged', undefined],
      ],
    );
    assert.equal(ikev1!.aggressive.state, 'refused');
    // main mode's third message made it tell
    assert.deepEqual([nat.ours, nat.theirs], ['none', 'none']);
    assert.deepEqual(rules, ['ikev1-only']);
    assert.ok(gateway.begun <= 2, `${gateway.begun} begun`);
  });

  it('a gateway that takes everything: at most five, as many as strongSwan keeps of one address', async () => {
    const { gateway, host } = gatewayHost({ ikev1: () => true, aggressive: 'hash', ikev2: IKEV2 });
    const { rules } = await look(at(host));
    assert.deepEqual(rules.slice(0, 2), ['aggressive-psk-hash', 'broken-algorithms-taken']);
    assert.ok(gateway.begun <= 5, `${gateway.begun} begun`);
  });

  it(`one that begins two negotiations and no more: said, and after ${MAX_UNANSWERED} silences it is left alone`, async () => {
    const { gateway, host } = gatewayHost({ ikev1: () => true, most: 2 });
    const { survey, rules, took } = await look(at(host));
    assert.ok(rules.includes('rate-limited'), rules.join(' '));
    assert.ok(survey.gateway!.limits.unanswered <= MAX_UNANSWERED);
    assert.ok(gateway.asked < 20, `${gateway.asked} asked`);
    assert.ok(took < LIMIT);
  });

  it('one that refuses by silence: that is no limit of how often it may be asked', async () => {
    const { host } = gatewayHost({ ikev1: modern, mute: true });
    const { survey, rules, took } = await look(at(host));
    assert.deepEqual(rules, ['ikev1-only']);
    assert.deepEqual([survey.gateway!.large!.passes, survey.gateway!.limits.unanswered], [true, 0]);
    assert.ok(took < LIMIT, `${took} ms`);
  });

  it('aggressive mode without XAUTH, and with it alone: found, though the other kind is passed over', async () => {
    for (const method of ['psk', 'xauth-psk']) {
      const ikev1 = ({ authentication }: { authentication: readonly string[] }) => authentication[0] === method;
      const { host } = gatewayHost({ ikev1, aggressive: 'hash', mute: true });
      assert.equal((await look(at(host))).survey.gateway!.ikev1!.aggressive.state, 'hash', method);
    }
  });

  it('one that refuses everything', async () => {
    const { host } = gatewayHost({ ikev1: () => false });
    const { rules } = await look(at(host));
    assert.equal(rules[0], 'serves-nobody-here');
  });
});

describe('what is on the way', () => {
  it('nobody there: few packets, a verdict in time, and both sides of the firewall to open', async () => {
    const { survey, rules, network, took } = await look({});
    assert.deepEqual(rules, ['no-answer-500']);
    assert.equal(survey.gateway, undefined);
    assert.ok(network.sent <= 16, `${network.sent} packets`);
    assert.ok(took < LIMIT, `${took} ms`);
  });

  it('a closed port', async () => {
    const closed = { udp: { 500: () => 'refused' as const, 4500: () => 'refused' as const } };
    const { rules, network } = await look(at(closed));
    assert.deepEqual(rules, ['icmp-unreachable']);
    assert.ok(network.sent <= 4, `${network.sent} packets`);
  });

  it('a host that can send nothing', async () => {
    const { survey, rules } = await look({ broken: { [GATEWAY]: 'EPERM' } });
    assert.deepEqual(rules, ['not-sent']);
    assert.equal(survey.addresses[0]!.ports[0]!.code, 'EPERM');
  });

  it('UDP 4500 is silent; or only reached without the marker, as when it is forwarded to UDP 500', async () => {
    const gateway = new SimulatedGateway({ own, ikev2: IKEV2 });
    const { rules } = await look(at({ udp: { 500: gateway.plain } }));
    assert.equal(rules[0], 'silence-on-4500');
    const forwarded = new SimulatedGateway({ own, ikev2: IKEV2 });
    const plain = (datagram: Uint8Array, from: Parameters<typeof forwarded.plain>[1]) =>
      isMarked(datagram) ? [] : forwarded.plain(datagram, from);
    assert.equal((await look(at({ udp: { 500: plain, 4500: plain } }))).rules[0], 'nat-t-port-without-marker');
  });

  it('UDP 500 is silent, and 4500 is not: it is asked there', async () => {
    const gateway = new SimulatedGateway({ own: { ...own, port: 4500 }, ikev1: modern });
    const { survey, rules } = await look(at({ udp: { 4500: gateway.marked } }));
    assert.equal(rules[0], 'ike-port-closed');
    assert.equal(survey.gateway!.port, 'udp/4500');
    assert.equal(survey.gateway!.nat.ours, 'none');
  });

  it('large datagrams are lost', async () => {
    for (const options of [{ ikev2: IKEV2 }, { ikev1: modern }]) {
      const { host } = gatewayHost(options);
      const { survey, rules } = await look(at(host, { longest: 1472 }));
      assert.equal(survey.gateway!.large!.passes, false);
      assert.equal(rules[0], 'fragments-lost');
      assert.ok(!rules.includes('rate-limited'));
    }
  });

  it('a NAT here, and one before the gateway', async () => {
    for (const options of [{ ikev2: IKEV2 }, { ikev1: modern }]) {
      const { host } = gatewayHost(options);
      const { survey } = await look(at(host, { nat: { address: '198.51.100.2', lifetime: 60_000 } }));
      assert.deepEqual([survey.gateway!.nat.ours, survey.gateway!.nat.theirs], ['present', 'none']);
      const other = gatewayHost({ ...options, own: { address: parseIp('10.0.0.1')!, port: 500 } });
      const { survey: second, rules } = await look(at(other.host));
      assert.deepEqual([second.gateway!.nat.ours, second.gateway!.nat.theirs], ['none', 'present']);
      assert.ok(rules.includes('gateway-behind-nat'));
    }
  });

  it('a gateway far away, and a way that loses every fifth: a true verdict in time, and "incomplete" if need be', async () => {
    const random = new Seeded(Number(process.env.SEED ?? 20_264));
    for (const way of [{ delay: 700 }, { loses: () => random.chance(0.2) }]) {
      const { host } = gatewayHost({ ikev2: IKEV2, ikev1: modern });
      const { survey, took } = await look(at(host, way));
      assert.ok(took < LIMIT, `${took} ms`);
      assert.ok(survey.gateway?.ikev2 ?? survey.gateway?.ikev1, 'somebody answers');
      if (!survey.isComplete) assert.match(askedText(survey), /time was up/);
    }
  });

  it('without the right to UDP 500 of its own it asks from another port', async () => {
    const { host } = gatewayHost({ ikev2: IKEV2 });
    const { survey } = await look(at(host, { unprivileged: true }));
    assert.equal(survey.gateway!.nat.ours, 'none');
    assert.deepEqual(survey.gateway!.ikev2!.groups, ['ecp384', 'modp2048']);
  });
});

describe('names and families', () => {
  const names = { gate: [GATEWAY6, GATEWAY], nowhere: [] };

  it('both addresses are asked, and one that serves nobody is told', async () => {
    const { host } = gatewayHost({ ikev2: IKEV2 });
    const { survey, rules } = await look({ names, ...at(host) }, 'gate');
    assert.deepEqual(
      survey.addresses.map(({ address }) => address),
      [GATEWAY, GATEWAY6],
    );
    assert.equal(rules[0], 'address-without-vpn');
    assert.match(
      verdictText(survey, findingsOf(survey)),
      /^gate \(192\.0\.2\.1, 2001:db8::1\) answers .* But: gate also has/,
    );
  });

  it('a network without IPv6: what is said is of IPv4', async () => {
    const broken = { [GATEWAY6]: 'ENETUNREACH' };
    assert.deepEqual((await look({ names, broken }, 'gate')).rules, ['no-answer-500']);
    const { host } = gatewayHost({ ikev2: IKEV2 });
    assert.deepEqual((await look({ names, broken, ...at(host) }, 'gate')).rules, ['ikev2-only']);
  });

  it('IPv6 alone', async () => {
    const gateway = new SimulatedGateway({ own: { address: parseIp(GATEWAY6)!, port: 500 }, ikev2: IKEV2 });
    const { survey } = await look(
      { hosts: { [GATEWAY6]: { udp: { 500: gateway.plain, 4500: gateway.marked } } } },
      GATEWAY6,
    );
    assert.equal(survey.gateway!.address, GATEWAY6);
    assert.equal(survey.gateway!.nat.ours, 'none');
  });

  it('a name that nobody knows, and name servers that are silent', async () => {
    await assert.rejects(
      look({ names }, 'unknown'),
      (error) => error instanceof ProbeError && /nobody knows/.test(error.message),
    );
    await assert.rejects(
      look({ names }, 'nowhere'),
      (error) => error instanceof ProbeError && /don't answer/.test(error.message),
    );
  });
});

describe('TCP', () => {
  it("speaks Cisco's framing, and RFC 9329's", async () => {
    const v1 = new SimulatedGateway({ own, ikev1: modern });
    const v2 = new SimulatedGateway({ own, ikev2: IKEV2 });
    const from = { address: HERE, port: 1 };
    const through = (framing: typeof CTCP, gateway: SimulatedGateway) => {
      const messages: Uint8Array[] = [];
      const prefix = framing.port === 4500 ? 6 : 0;
      return (bytes: Uint8Array) => {
        framing.decoder((message) => messages.push(message))(bytes.subarray(prefix));
        const [answer] = gateway.plain(messages[0]!, from) as Uint8Array[];
        // RFC 9329: the prefix is of the initiator's stream alone; and answers come in pieces
        const whole = framing.encode(answer!).subarray(prefix);
        return [whole.subarray(0, 9), whole.subarray(9)];
      };
    };
    const tcp = { 10000: through(CTCP, v1), 4500: through(IKE_OVER_TCP, v2) };
    const { survey } = await look(at({ udp: {}, tcp }));
    const speaks = survey.addresses[0]!.ports.filter(({ port }) => port.startsWith('tcp'));
    assert.deepEqual(
      speaks.map((sight) => [sight.port, sight.state, sight.speaks[0]]),
      [
        ['tcp/10000', 'answers', 'Cisco IPsec over TCP'],
        ['tcp/4500', 'answers', 'IKEv2 over TCP'],
      ],
    );
  });

  it('a port that connects and says nothing, and one that is closed', async () => {
    const { survey } = await look(at({ udp: {}, tcp: { 10000: () => [], 4500: 'refused' } }));
    const [, , ...tcp] = survey.addresses[0]!.ports;
    assert.deepEqual(
      tcp.map(({ state }) => state),
      ['open', 'refused'],
    );
  });
});

it('no question is so long that IP would cut it, but the one that is to be', () => {
  const endpoint = { address: HERE, port: 500 };
  const longest = [
    ...[ALL, ONLY_AGED, ONLY_MODERN].map((offer) => mainModeQuestion(nodeCrypto, offer)),
    initQuestion(nodeCrypto, EVERYTHING_AND_UNWANTED, { group: 14, local: endpoint, remote: endpoint }),
  ].map(({ bytes }) => bytes.length);
  // the least MTU of IPv6 without the headers of IPv6 and UDP, and the marker
  assert.ok(Math.max(...longest) <= 1280 - 40 - 8 - 4, longest.join(' '));
});
