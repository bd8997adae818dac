/** From datagrams to conversations and negotiations, and what an observer keeps of what never ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { exchangesOf, MAX_FIRST_MESSAGES, MAX_LAST_MESSAGES } from '../../../src/core/diagnosis/negotiation.ts';
import { PayloadType } from '../../../src/core/wire/isakmp.ts';
import { Seeded } from '../../seeded.ts';
import { healthy } from './healthy.ts';
import { CLIENT, GATEWAY, INFORMATIONAL, ike, ke, nonce, REPLY, Stage, sa, sealed, udp, vid } from './stage.ts';

const MARKER = fromHex('00000000');

test('a negotiation is named by its cookies, its messages have directions and words', () => {
  const { conversations, findings } = healthy().silence(20_000).diagnosis;
  assert.equal(conversations.length, 1);
  const [negotiation, ...others] = conversations[0]!.negotiations;
  assert.equal(others.length, 0);
  assert.deepEqual(
    negotiation!.messages.map(({ packet, from }) => [packet, from]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((packet) => [packet, packet % 2 === 1 ? 'initiator' : 'responder']),
  );
  assert.equal(negotiation!.messages[0]!.summary, 'main mode: SA aes256-sha1-modp2048 (psk), VID');
  assert.equal(negotiation!.messages[2]!.summary, 'main mode: KE modp2048, NONCE');
  assert.equal(negotiation!.messages[8]!.summary, 'quick mode: encrypted, 76 bytes');
  assert.equal(conversations[0]!.client.text, CLIENT.text);
  assert.deepEqual(
    findings.filter(({ severity }) => severity !== 'note'),
    [],
  );
});

test('what comes again after a while is a retransmission, at once a copy', () => {
  const first = ike([sa()]);
  const stage = new Stage().up(first).up(first).wait(2000).up(first);
  const [negotiation] = stage.diagnosis.conversations[0]!.negotiations;
  assert.deepEqual(
    negotiation!.messages.map(({ packet, repeats }) => [packet, repeats]),
    [
      [1, undefined],
      [3, 1],
    ],
  );
  assert.equal(negotiation!.copies, 1);
});

test('what rules ask of a negotiation is found out once, and anew when more has been seen', () => {
  const stage = new Stage().up(ike([sa()]));
  const negotiation = stage.diagnosis.conversations[0]!.negotiations[0]!;
  const before = exchangesOf(negotiation);
  assert.equal(before[0]!.messages.length, 1);
  assert.equal(exchangesOf(negotiation), before);
  stage.down(ike([sa()], REPLY));
  assert.equal(exchangesOf(negotiation)[0]!.messages.length, 2);
});

test('IKE floats to 4500 behind the marker, and ESP there is a flow of its own', () => {
  const packet = concat(fromHex('00001000 00000001'), new Uint8Array(60));
  const stage = new Stage()
    .up(ike([sa()]))
    .down(ike([sa()], REPLY))
    .up(concat(MARKER, sealed(64, 5, REPLY)), 4500)
    .up(packet, 4500)
    .up(fromHex('ff'), 4500);
  const [conversation] = stage.diagnosis.conversations;
  assert.deepEqual(
    conversation!.negotiations[0]!.messages.map(({ way }) => way),
    ['udp', 'udp', 'nat-t'],
  );
  assert.deepEqual(
    conversation!.flows.map(({ spi, carrier, packets }) => [spi, carrier, packets]),
    [[0x1000, 'nat-t', 1]],
  );
  assert.equal(conversation!.keepalives.get(CLIENT.text), 1);
});

test('IKE is known on any port, also behind the marker', () => {
  const stage = new Stage()
    .wait(1)
    .see(udp(CLIENT, 40_000, GATEWAY, 15_500, ike([sa()])))
    .see(udp(CLIENT, 40_001, GATEWAY, 15_501, concat(MARKER, sealed(64, 1, INFORMATIONAL))));
  assert.equal(stage.diagnosis.conversations[0]!.negotiations.length, 1);
  assert.equal(stage.diagnosis.ipsec, 2);
});

test('of a long negotiation the beginning and the end are kept, and how much is between', () => {
  const stage = new Stage().up(ike([sa()]));
  const total = MAX_FIRST_MESSAGES + MAX_LAST_MESSAGES + 50;
  for (let i = 1; i < total; i++) stage.up(sealed(64, i & 255, { ...INFORMATIONAL, messageId: i }));
  const [negotiation] = stage.diagnosis.conversations[0]!.negotiations;
  assert.equal(negotiation!.messages.length, MAX_FIRST_MESSAGES + MAX_LAST_MESSAGES);
  assert.equal(negotiation!.skipped, 50);
  assert.equal(negotiation!.messages.at(-1)!.packet, total);
  assert.deepEqual(stage.diagnosis.dropped, [{ what: 'messages in the middle of long negotiations', count: 50 }]);
});

test('noise and mutated messages on every port and protocol throw nothing', () => {
  const random = new Seeded(7);
  const stage = new Stage();
  const messages = [
    ike([sa(), ke(), nonce(), vid('afcad71368a1f1c96b8696fc77570100')]),
    ike([{ type: PayloadType.N, body: fromHex('00000001 01 00 000e') }], INFORMATIONAL),
    fromHex('11223344556677880000000000000000 22 20 22 08 00000000 00000024 00000008 00000000'),
    fromHex('0300000000000000 4500001c000000000011000000000000000000000 1f401f400080000'.padEnd(80, '0')),
  ];
  for (let round = 0; round < 4000; round++) {
    const bytes = random.pick([...messages, random.bytes(random.below(200))]).slice();
    for (let hits = random.below(6); hits > 0 && bytes.length > 0; hits--)
      bytes[random.below(bytes.length)] = random.u32() & 255;
    const protocol = random.pick(['udp', 'tcp', 'esp', 'icmp', 'icmp6', 'ah'] as const);
    const [sourcePort, destinationPort] = [0, 1].map(() => random.pick([0, 500, 4500, 10000, 1701, 9999]));
    const payload = bytes.subarray(0, random.below(bytes.length + 1));
    stage.see({ ...udp(CLIENT, sourcePort!, GATEWAY, destinationPort!, payload), protocol, length: bytes.length });
  }
  assert.equal(stage.diagnosis.sightings, 4000);
});
