/** Gateways that answer with noise, with lies, or without end: the probe ends in time, and nothing grows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { encodeIkev2Notification, IKEV2_VERSION, Ikev2Flag, Ikev2Notify } from '../../../src/core/wire/ikev2.ts';
import { encodeMessage, encodePayloads, firstPayload, parseMessage } from '../../../src/core/wire/isakmp.ts';
import { readAnswer } from '../../../src/doctor/probe/answer.ts';
import { findingsOf } from '../../../src/doctor/probe/findings.ts';
import { MAX_RESENDS } from '../../../src/doctor/probe/ike-flow.ts';
import { MAX_PACKETS } from '../../../src/doctor/probe/packet-log.ts';
import { MAX_VENDOR_IDS, probe } from '../../../src/doctor/probe/probe.ts';
import { surveyPage } from '../../../src/doctor/probe/survey-page.ts';
import { CTCP, IKE_OVER_TCP, MAX_HELD } from '../../../src/doctor/probe/tcp.ts';
import { textOf } from '../../../src/doctor/report/text.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { isMarked, SimulatedGateway } from './simulated-gateway.ts';
import { SimulatedNetwork, type UdpPort } from './simulated-network.ts';

const GATEWAY = '192.0.2.1';
const own = { address: parseIp(GATEWAY)!, port: 500 };
const IKEV2 = { groups: [19, 14], ciphers: ['12/128'], integrities: [12] };
const LIMIT = 20_000;

async function look(port: UdpPort, crypto = nodeCrypto) {
  const network = new SimulatedNetwork({ hosts: { [GATEWAY]: { udp: { 500: port, 4500: port } } } });
  const survey = await network.run(probe(GATEWAY, { network, crypto, progress: () => {} }));
  assert.ok(network.now() < LIMIT, `${network.now()} ms`);
  // whatever it was, it can be judged and told
  textOf(surveyPage(survey, findingsOf(survey), 0));
  return { survey, network };
}

/** An IKEv2 notification to whatever is asked. */
function notifying(type: number, data: (round: number) => Bytes): UdpPort {
  let round = 0;
  return (datagram) => {
    const message = isMarked(datagram) ? datagram.slice(4) : datagram;
    const { header } = parseMessage(message);
    if (header.version !== IKEV2_VERSION) return [];
    const payloads = [encodeIkev2Notification({ protocol: 0, spi: new Uint8Array(0), type, data: data(round++) })];
    const answer = { ...header, flags: Ikev2Flag.RESPONSE, nextPayload: firstPayload(payloads) };
    return [encodeMessage(answer, encodePayloads(payloads))];
  };
}

describe('a gateway that', () => {
  it('answers with noise, or with true answers that are cut or flipped', async () => {
    const random = new Seeded(Number(process.env.SEED ?? 20_263));
    const gateway = new SimulatedGateway({ own, ikev1: () => true, aggressive: 'hash', ikev2: IKEV2 });
    for (let round = 0; round < 100; round++) {
      await look((datagram, from) => {
        if (random.chance(0.1)) return [random.bytes(random.below(200))];
        const answers = (isMarked(datagram) ? gateway.marked : gateway.plain)(datagram, from) as Bytes[];
        return answers.map((answer) => {
          const bytes = answer.slice(0, random.chance(0.3) ? random.below(answer.length + 1) : answer.length);
          for (let hits = random.below(4); hits > 0 && bytes.length > 0; hits--)
            bytes[random.below(bytes.length)] = random.u32() & 255;
          return bytes;
        });
      }, seededCrypto(random));
    }
  });

  it('sends back what it got: that is nobody', async () => {
    const { survey } = await look((datagram) => [datagram]);
    assert.equal(survey.gateway, undefined);
  });

  it('wants another group each time, or one that was not offered', async () => {
    const cycle = await look(
      notifying(Ikev2Notify.INVALID_KE_PAYLOAD, (round) => Uint8Array.of(0, [14, 19, 20][round % 3]!)),
    );
    assert.ok(cycle.network.sent < 80, `${cycle.network.sent}`);
    const foreign = await look(notifying(Ikev2Notify.INVALID_KE_PAYLOAD, () => Uint8Array.of(0xff, 0xff)));
    assert.deepEqual(foreign.survey.gateway!.ikev2!.groups, []);
  });

  it('asks for another cookie each time', async () => {
    const { network } = await look(notifying(Ikev2Notify.COOKIE, (round) => Uint8Array.of(round)));
    assert.ok(network.sent < 80, `${network.sent}`);
  });

  it(`sends without end: ${MAX_PACKETS} packets and ${MAX_RESENDS} repetitions are remembered`, async () => {
    const gateway = new SimulatedGateway({ own, ikev1: () => true });
    const { survey } = await look((datagram, from) => {
      const [answer] = (isMarked(datagram) ? [] : gateway.plain(datagram, from)) as Bytes[];
      return answer ? new Array(MAX_PACKETS).fill(answer) : [];
    });
    assert.equal(survey.packets.length, MAX_PACKETS);
    assert.equal(survey.gateway!.resends.length, MAX_RESENDS);
  });

  it(`sends more than ${MAX_VENDOR_IDS} vendor IDs`, async () => {
    const vendorIds = Array.from({ length: 60 }, (_, i) => Uint8Array.of(1, 2, 3, 4, i));
    const gateway = new SimulatedGateway({ own, ikev1: () => true, vendorIds });
    const { survey } = await look((datagram, from) => (isMarked(datagram) ? [] : gateway.plain(datagram, from)));
    assert.equal(survey.gateway!.vendorIds.length, MAX_VENDOR_IDS);
  });
});

describe('a TCP stream that', () => {
  it(`never ends its message is forgotten beyond ${MAX_HELD} bytes, and noise never throws`, () => {
    const found: Bytes[] = [];
    const decode = IKE_OVER_TCP.decoder((message) => found.push(message));
    // a length that is none: nothing can follow
    for (let i = 0; i < 100; i++) decode(new Uint8Array(1000));
    assert.deepEqual(found, []);
    const random = new Seeded(7);
    for (const framing of [CTCP, IKE_OVER_TCP]) {
      const noisy = framing.decoder((message) => void readAnswer(message));
      for (let i = 0; i < 2000; i++) noisy(random.bytes(random.below(200)));
    }
  });
});
