/** Deletes and notifications: unprotected, repeated, lying, about others, and one behind the other in one message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat, u32 } from '../../src/core/bytes/bytes.ts';
import {
  encodeDeletion,
  encodeNotification,
  IPSEC_DOI,
  type Notification,
  NotifyType,
  Protocol,
} from '../../src/core/wire/ikev1.ts';
import { ExchangeType, Flag, type IsakmpHeader, type Payload, PayloadType } from '../../src/core/wire/isakmp.ts';
import type { Peer } from './peer.ts';
import { ATTACKER, clear, cookiesOf, Siege, saPayload } from './siege.ts';

const { INFORMATIONAL } = ExchangeType;
const NOBODY = { initiatorCookie: new Uint8Array(8).fill(1), responderCookie: new Uint8Array(8).fill(2) };

const notify = (type: number, changed: Partial<Notification> = {}) =>
  encodeNotification({ protocol: Protocol.ISAKMP, spi: new Uint8Array(16), type, data: u32(1), ...changed });

const nameOf = ({ sa }: Peer) => concat(sa.initiatorCookie, sa.responderCookie);
const deletePhase1 = (of: Peer) => encodeDeletion({ protocol: Protocol.ISAKMP, spis: [nameOf(of)] });
const deleteEsp = (...spis: number[]) => encodeDeletion({ protocol: Protocol.ESP, spis: spis.map(u32) });

const clearInformational = (payloads: Payload[], cookies: Partial<IsakmpHeader> = {}) =>
  clear(payloads, { exchangeType: INFORMATIONAL, messageId: 5, ...cookies });

function ended(siege: Siege): number {
  return siege.all('session-down').length;
}

test('R_U_THERE and its acknowledgement where there is no state for them', () => {
  const siege = new Siege();
  siege.send(clear([saPayload()]));
  const halfOpen = cookiesOf(siege.answers[0]!.message);
  const insider = siege.addPeer({ ...ATTACKER, port: 667 }, { until: 'phase 1' }).connect();
  for (const type of [NotifyType.R_U_THERE, NotifyType.R_U_THERE_ACK]) {
    const payloads = [notify(type)];
    siege.expectDrop('ike_unexpected_exchange', 'no responder cookie', () =>
      siege.send(clearInformational(payloads, { initiatorCookie: NOBODY.initiatorCookie })),
    );
    siege.expectDrop('ike_unknown_cookies', "nobody's cookies", () => siege.send(clearInformational(payloads, NOBODY)));
    siege.expectDrop('ike_unauthenticated_notify', 'a half-open SA', () =>
      siege.send(clearInformational(payloads, halfOpen)),
    );
    siege.expectDrop('ike_unauthenticated_notify', 'a half-open SA, as if encrypted', () =>
      siege.send(clearInformational(payloads, { ...halfOpen, flags: Flag.ENCRYPTION })),
    );
    const { initiatorCookie, responderCookie } = siege.honest.sa;
    const honest = { initiatorCookie, responderCookie };
    siege.expectDrop('ike_not_encrypted', "the honest client's SA", () =>
      siege.send(clearInformational(payloads, honest)),
    );
    siege.expectDrop('ike_malformed', "the honest client's SA, as if encrypted", () =>
      siege.send(clearInformational(payloads, { ...honest, flags: Flag.ENCRYPTION })),
    );
    // authentic, but no phase 2 yet, and of every length
    for (let length = 0; length < 10; length++)
      insider.send(insider.seal(INFORMATIONAL, [notify(type, { data: new Uint8Array(length) })]));
  }
  assert.ok(!insider.sa.ended);
  siege.checkHonest();
});

test('a question of dead peer detection that comes after the end', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const question = insider.seal(INFORMATIONAL, [notify(NotifyType.R_U_THERE)]);
  insider.send(insider.seal(INFORMATIONAL, [deletePhase1(insider)]));
  siege.expectDrop('ike_unknown_cookies', 'late', () => siege.send(question));
  siege.checkHonest();
});

test('a delete followed by more that acts on what is deleted, in one message', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const own = siege.outboundSpi(insider.sessionId);
  const payloads = [
    deletePhase1(insider),
    notify(NotifyType.R_U_THERE),
    deletePhase1(insider),
    deleteEsp(own),
    notify(NotifyType.INITIAL_CONTACT),
    deleteEsp(own, own),
    notify(NotifyType.NO_PROPOSAL_CHOSEN),
    deletePhase1(insider),
  ];
  const message = insider.seal(INFORMATIONAL, payloads);
  insider.listens = false;
  insider.send(message);
  assert.equal(ended(siege), 1);
  for (let i = 0; i < 10; i++) siege.expectDrop('ike_unknown_cookies', 'again', () => siege.send(message));
  assert.equal(ended(siege), 1);
  siege.checkHonest();
});

test('deletes of phase 1, each alone and each repeated', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const deletes = Array.from({ length: 5 }, () => insider.seal(INFORMATIONAL, [deletePhase1(insider)]));
  insider.listens = false;
  insider.send(deletes[0]!);
  for (const message of deletes) {
    siege.expectDrop('ike_unknown_cookies', 'one more', () => siege.send(message));
  }
  assert.equal(ended(siege), 1);
  siege.checkHonest();
});

test('deletes of ESP, repeated, of nothing and of everything', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  insider.renewTunnel();
  const session = insider.sessionId;
  const own = siege.installed(session, 'out').map(({ spi }) => spi);
  const message = insider.seal(INFORMATIONAL, [deleteEsp(...own, ...own)]);
  for (let i = 0; i < 5; i++) insider.send(message);
  insider.send(insider.seal(INFORMATIONAL, [deleteEsp(...own)]));
  insider.send(insider.seal(INFORMATIONAL, [deleteEsp()]));
  insider.send(insider.seal(INFORMATIONAL, [deleteEsp(...Array.from({ length: 64 }, (_, i) => 0x5000 + i))]));
  const removed = siege.all('remove-sa').filter(({ sessionId }) => sessionId === session);
  assert.equal(new Set(removed.map(({ direction, spi }) => `${direction} ${spi}`)).size, removed.length);
  assert.equal(removed.length, 4, 'two pairs, each once');
  insider.renewTunnel();
  siege.checkHonest();
});

test("an insider's deletes and notifications about somebody else's SAs", () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const session = siege.honest.sessionId;
  const spis = [...siege.installed(session, 'in'), ...siege.installed(session, 'out')].map(({ spi }) => spi);
  const spi = nameOf(siege.honest);
  insider.send(insider.seal(INFORMATIONAL, [deletePhase1(siege.honest)]));
  insider.send(insider.seal(INFORMATIONAL, [deleteEsp(...spis)]));
  for (const type of [
    NotifyType.INVALID_SPI,
    NotifyType.INVALID_COOKIE,
    NotifyType.INITIAL_CONTACT,
    NotifyType.R_U_THERE,
  ]) {
    insider.send(insider.seal(INFORMATIONAL, [notify(type, { spi })]));
    insider.send(
      insider.seal(INFORMATIONAL, [notify(type, { protocol: Protocol.ESP, spi: u32(spis[0]!), data: u32(spis[0]!) })]),
    );
  }
  assert.equal(ended(siege), 0);
  assert.ok(!insider.sa.ended);
  siege.checkHonest();
});

test('deletes and notifications in clear under the cookies of a session', () => {
  const siege = new Siege();
  const { initiatorCookie, responderCookie } = siege.honest.sa;
  const cookies = { initiatorCookie, responderCookie };
  const payloads: Payload[] = [
    deletePhase1(siege.honest),
    deleteEsp(...siege.installed(siege.honest.sessionId, 'out').map(({ spi }) => spi)),
    ...[1, 4, 11, 14, 16, 24, 16_384, 24_576, 24_578, 65_535].map((type) => notify(type)),
  ];
  for (const payload of payloads) {
    siege.expectDrop('ike_not_encrypted', `payload ${payload.type}`, () =>
      siege.send(clearInformational([payload], cookies)),
    );
    siege.expectDrop('ike_unexpected_exchange', 'without the responder cookie', () =>
      siege.send(clearInformational([payload], { initiatorCookie })),
    );
  }
  siege.checkHonest();
});

test('counts and lengths that lie', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const deletion = (protocol: number, spiLength: number, count: number, spis: Bytes): Payload => ({
    type: PayloadType.D,
    body: concat(u32(IPSEC_DOI), Uint8Array.of(protocol, spiLength, count >> 8, count & 255), spis),
  });
  const notification = (spiLength: number, rest: Bytes): Payload => ({
    type: PayloadType.N,
    body: concat(u32(IPSEC_DOI), Uint8Array.of(1, spiLength, 0x8d, 0x28), rest),
  });
  const four = new Uint8Array(4).fill(7);
  const malformed: [string, Payload][] = [
    ['two SPIs, one there', deletion(3, 4, 2, four)],
    ['one SPI, two there', deletion(3, 4, 1, concat(four, four))],
    ['65 SPIs', deletion(3, 4, 65, new Uint8Array(260).fill(7))],
    ['65535 SPIs of nothing', deletion(3, 0, 65_535, new Uint8Array(0))],
    ['SPIs of 255 bytes', deletion(3, 255, 1, four)],
    ['an empty delete', { type: PayloadType.D, body: new Uint8Array(0) }],
    ['a delete of seven bytes', { type: PayloadType.D, body: new Uint8Array(7) }],
    ['an empty notification', { type: PayloadType.N, body: new Uint8Array(0) }],
    ['a notification of seven bytes', { type: PayloadType.N, body: new Uint8Array(7) }],
    ['a notification whose SPI is longer than it', notification(255, four)],
  ];
  for (const [what, payload] of malformed) {
    siege.expectDrop('ike_malformed', what, () => insider.send(insider.seal(INFORMATIONAL, [payload])));
  }
  // the right length, but no names of anything
  for (const spiLength of [0, 1, 3, 5, 8, 15, 16, 17, 255]) {
    insider.send(insider.seal(INFORMATIONAL, [deletion(3, spiLength, 1, new Uint8Array(spiLength))]));
    insider.send(insider.seal(INFORMATIONAL, [deletion(1, spiLength, 1, new Uint8Array(spiLength))]));
    insider.send(insider.seal(INFORMATIONAL, [deletion(spiLength, spiLength, 1, new Uint8Array(spiLength))]));
  }
  assert.equal(ended(siege), 0);
  insider.renewTunnel();
  siege.checkHonest();
});

test('informational messages forged under the cookies of a session', () => {
  const siege = new Siege();
  const { initiatorCookie, responderCookie } = siege.honest.sa;
  for (let i = 0; i < 2000; i++) {
    const fields = {
      exchangeType: INFORMATIONAL,
      initiatorCookie,
      responderCookie,
      flags: Flag.ENCRYPTION,
      messageId: i + 1,
    };
    siege.send(clear([{ type: PayloadType.HASH, body: siege.random.bytes(12 + 16 * (i % 9)) }], fields));
  }
  const { ike_not_authentic: forged = 0, ike_malformed: malformed = 0, ...others } = siege.drops();
  assert.equal(forged + malformed, 2000);
  assert.deepEqual(others, {});
  assert.equal(siege.answers.length, 0);
  siege.checkHonest();
});

test('an authentic error that is repeated over and over is told at a bounded rate, and that of others still is', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const error = insider.seal(INFORMATIONAL, [notify(NotifyType.INVALID_ID_INFORMATION)]);
  for (let i = 0; i < 5000; i++) siege.send(error, { ...ATTACKER, port: 1024 + i });
  assert.ok(siege.all('failure').length <= 100, `${siege.all('failure').length} lines`);
  const told = siege.all('failure').length;
  siege.addPeer({ ...ATTACKER, port: 900 }, { mode: 'main', psk: new Uint8Array(20) }).begin();
  assert.equal(siege.all('failure').length, told + 1);
  siege.checkHonest();
});
