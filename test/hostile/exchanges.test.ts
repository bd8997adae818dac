/**
 * Messages out of their state, out of their version, out of all measure, forged, squatting and repeated.
 *
 * Long because it is a list: an attack, the counter that it raises, and who goes on as before.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat, readU32, u32 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import { keyIdentity } from '../../src/core/ikev1/identity.ts';
import { SECOND } from '../../src/core/net/time.ts';
import {
  type Attribute,
  ConfigurationAttribute,
  ConfigurationType,
  encodeAttributes,
  encodeId,
  encodeSa,
  IdType,
  numericAttribute,
} from '../../src/core/wire/ikev1.ts';
import {
  ExchangeType,
  encodeMessage,
  Flag,
  type IsakmpHeader,
  MAX_PAYLOADS,
  type Payload,
  PayloadType,
  parseMessage,
} from '../../src/core/wire/isakmp.ts';
import { GROUP, type Peer, type PeerOptions } from './peer.ts';
import { ATTACKER, clear, configuration, cookiesOf, header, phase1Transform, Siege, saPayload } from './siege.ts';

const { QUICK_MODE, TRANSACTION, AGGRESSIVE, IDENTITY_PROTECTION, INFORMATIONAL } = ExchangeType;
const { XAUTH_USER_NAME, XAUTH_USER_PASSWORD, XAUTH_STATUS, XAUTH_TYPE } = ConfigurationAttribute;
const IKEV2_VERSION = 0x20;
/** RFC 7296 section 3.2 and RFC 7383: SA to the encrypted fragment. */
const IKEV2_PAYLOADS = Array.from({ length: 53 - 33 + 1 }, (_, i) => 33 + i);
const nonce = (length: number): Payload => ({ type: PayloadType.NONCE, body: new Uint8Array(length).fill(3) });
const goodKe: Payload = { type: PayloadType.KE, body: Uint8Array.of(...new Uint8Array(255), 5) };
const group = encodeId(keyIdentity(GROUP));
let counter = 0;
const fresh = () => ({ initiatorCookie: Uint8Array.of(0xb0, 0, 0, 0, ...u32(++counter)) });
const elsewhere = () => ({ ...ATTACKER, port: 1024 + ++counter });
const cookiesOfPeer = ({ sa: { initiatorCookie, responderCookie } }: Peer) => ({ initiatorCookie, responderCookie });

function insiderAt(siege: Siege, options: PeerOptions = {}): Peer {
  return siege.addPeer(ATTACKER, options).connect();
}

/** As if encrypted: whole blocks of noise. */
function forged(siege: Siege, fields: Partial<IsakmpHeader>): Bytes {
  const noise = siege.random.bytes(16 * (1 + siege.random.below(8)));
  return encodeMessage(header({ nextPayload: PayloadType.HASH, flags: Flag.ENCRYPTION, ...fields }), noise);
}

// Out of state

test('messages of every exchange for which no state exists', () => {
  const siege = new Siege();
  const responderCookie = new Uint8Array(8).fill(9);
  for (let exchangeType = 0; exchangeType < 256; exchangeType++) {
    for (const messageId of [0, 1, 0xffff_ffff]) {
      for (const payloads of [[], [saPayload()], [nonce(20)]]) {
        const what = `exchange ${exchangeType}, message ${messageId}`;
        const fields = { exchangeType, messageId };
        siege.expectDrop('ike_unknown_cookies', what, () =>
          siege.send(clear(payloads, { ...fields, responderCookie })),
        );
        const zero = { ...fields, responderCookie, initiatorCookie: new Uint8Array(8) };
        siege.expectDrop('ike_unknown_cookies', what, () => siege.send(clear(payloads, zero)));
        if (exchangeType === IDENTITY_PROTECTION || exchangeType === AGGRESSIVE) continue;
        siege.expectDrop('ike_unexpected_exchange', what, () => siege.send(clear(payloads, fields)));
      }
    }
  }
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});

test('later messages of phase 1 before the earlier ones, and of the other mode', () => {
  const siege = new Siege();
  siege.send(clear([saPayload()], fresh()));
  const cookies = cookiesOf(siege.answers[0]!.message);
  const sealed = forged(siege, cookies);
  siege.expectDrop('ike_malformed', 'message 5 for 3', () => siege.send(sealed));
  siege.expectDrop('ike_malformed', 'message 1 for 3', () => siege.send(clear([saPayload()], cookies)));
  siege.expectDrop('ike_unexpected_exchange', 'aggressive 3', () =>
    siege.send(clear([{ type: PayloadType.HASH, body: new Uint8Array(20) }], { ...cookies, exchangeType: AGGRESSIVE })),
  );
  for (const exchangeType of [QUICK_MODE, TRANSACTION]) {
    siege.expectDrop('ike_unexpected_exchange', 'phase 2 before phase 1', () =>
      siege.send(forged(siege, { ...cookies, exchangeType, messageId: 7 })),
    );
  }
  siege.expectDrop('ike_malformed', 'a message ID in phase 1', () =>
    siege.send(clear([goodKe, nonce(20)], { ...cookies, messageId: 7 })),
  );
  assert.equal(siege.work.generateDh, 0);
  siege.send(clear([goodKe, nonce(20)], cookies));
  assert.equal(siege.work.generateDh, 1, 'the true message 3 still counts');
  siege.expectDrop('ike_not_encrypted', 'another message 3', () => siege.send(clear([goodKe, nonce(21)], cookies)));
  siege.checkHonest();
});

test('phase 1 again, and exchanges that are none, under the cookies of a session', () => {
  const siege = new Siege();
  const cookies = cookiesOfPeer(siege.honest);
  for (let exchangeType = 0; exchangeType < 256; exchangeType++) {
    if (exchangeType === INFORMATIONAL || exchangeType === QUICK_MODE || exchangeType === TRANSACTION) continue;
    siege.expectDrop('ike_unexpected_exchange', `exchange ${exchangeType}`, () =>
      siege.send(clear([saPayload(), goodKe, nonce(20), group], { ...cookies, exchangeType })),
    );
  }
  for (const exchangeType of [QUICK_MODE, TRANSACTION]) {
    siege.expectDrop('ike_unexpected_exchange', 'message ID 0', () =>
      siege.send(forged(siege, { ...cookies, exchangeType })),
    );
    siege.expectDrop('ike_not_encrypted', 'in clear', () =>
      siege.send(
        clear([{ type: PayloadType.HASH, body: new Uint8Array(20) }], { ...cookies, exchangeType, messageId: 3 }),
      ),
    );
  }
  siege.checkHonest();
});

test('a tunnel or a configuration before the login, and a login that the client grants itself', () => {
  const siege = new Siege();
  const insider = insiderAt(siege, { until: 'phase 1' });
  const ask = configuration(ConfigurationType.REQUEST, [{ type: 1, value: new Uint8Array(0) }]);
  insider.send(insider.seal(TRANSACTION, [ask]));
  const ids = [
    encodeId({ type: IdType.IPV4_ADDR, protocol: 0, port: 0, data: Uint8Array.of(10, 77, 0, 9) }),
    encodeId({ type: IdType.IPV4_ADDR_SUBNET, protocol: 0, port: 0, data: new Uint8Array(8) }),
  ];
  const transforms = [{ number: 1, id: 20, attributes: [numericAttribute(4, 1), numericAttribute(6, 128)] }];
  const esp = encodeSa([{ number: 1, protocol: 3, spi: u32(0x3000), transforms }]);
  insider.send(insider.seal(QUICK_MODE, [esp, nonce(20), ...ids]));
  assert.deepEqual(
    siege.all('failure').map(({ reason }) => /before its (login|address)/.test(reason)),
    [true, true],
  );
  for (const type of [ConfigurationType.SET, ConfigurationType.REPLY, ConfigurationType.ACK, 0, 255]) {
    siege.expectDrop('ike_unexpected_payload', `type ${type}`, () =>
      insider.send(insider.seal(TRANSACTION, [configuration(type, [numericAttribute(XAUTH_STATUS, 1)])])),
    );
  }
  const asks = configuration(ConfigurationType.REQUEST, [numericAttribute(XAUTH_TYPE, 0)]);
  siege.expectDrop('ike_unexpected_payload', 'asks the gateway to log in', () =>
    insider.send(insider.seal(TRANSACTION, [asks])),
  );
  assert.deepEqual([siege.all('install-sa'), siege.all('leased'), siege.all('authenticate')], [[], [], []]);
  siege.checkHonest();
});

test('more exchanges than one client may have open', () => {
  const siege = new Siege();
  const insider = insiderAt(siege, { until: 'phase 1' });
  // each stays open, for it is too early to be answered
  const ask = configuration(ConfigurationType.REQUEST, [{ type: 1, value: new Uint8Array(0) }]);
  for (let i = 0; i < 200; i++) insider.send(insider.seal(TRANSACTION, [ask]));
  assert.ok(siege.dropped('ike_too_many_exchanges') > 100, JSON.stringify(siege.drops()));
  siege.checkHonest();
});

// Forged and squatting

test('forged messages leave nothing in the table of exchanges', () => {
  const siege = new Siege();
  const cookies = cookiesOfPeer(siege.honest);
  for (let i = 0; i < 5000; i++) {
    const exchangeType = i & 1 ? QUICK_MODE : TRANSACTION;
    siege.send(forged(siege, { ...cookies, exchangeType, messageId: i + 1 }));
  }
  const { ike_not_authentic: forgeries = 0, ike_malformed: malformed = 0, ...others } = siege.drops();
  assert.equal(forgeries + malformed, 5000);
  assert.deepEqual(others, {});
  assert.equal(siege.answers.length, 0);
  siege.checkHonest();
});

test('a message ID that a forger used first still serves its true owner', () => {
  const siege = new Siege();
  const { honest } = siege;
  const held: Bytes[] = [];
  honest.onSend = (message) => {
    held.push(message);
    return false;
  };
  honest.beginTunnel();
  honest.onSend = () => true;
  const messageId = readU32(held[0]!.subarray(20));
  for (const exchangeType of [QUICK_MODE, TRANSACTION, INFORMATIONAL]) {
    for (let i = 0; i < 20; i++) siege.send(forged(siege, { ...cookiesOfPeer(honest), exchangeType, messageId }));
  }
  // the true message with one bit changed, and cut
  const changed = held[0]!.slice();
  changed[changed.length - 1]! ^= 1;
  siege.send(changed);
  siege.send(encodeMessage(parseMessage(held[0]!).header, held[0]!.subarray(28, 28 + 64)));
  assert.ok(siege.dropped('ike_not_authentic') + siege.dropped('ike_malformed') >= 62);
  const tunnels = honest.tunnels;
  honest.send(held[0]!);
  assert.equal(honest.tunnels, tunnels + 1);
  siege.checkHonest();
});

test('forged answers within an exchange that waits for one', () => {
  const siege = new Siege();
  const { honest } = siege;
  honest.listens = false;
  siege.gateway.handleRekeyNeeded(honest.sessionId, siege.outboundSpi(honest.sessionId), siege.now);
  siege.drain();
  const request = honest.received.at(-1)!;
  const messageId = readU32(request.subarray(20));
  for (let i = 0; i < 200; i++)
    siege.send(forged(siege, { ...cookiesOfPeer(honest), exchangeType: QUICK_MODE, messageId }));
  siege.send(request);
  const { ike_malformed: malformed = 0, ike_not_authentic: forgeries = 0 } = siege.drops();
  assert.equal(malformed + forgeries, 201, 'and the request sent back is none either');
  const tunnels = honest.tunnels;
  honest.listens = true;
  honest.receive(request);
  assert.equal(honest.tunnels, tunnels + 1);
  siege.checkHonest();
});

test('forged third messages of aggressive mode do not shut the true client out', () => {
  const siege = new Siege();
  const at = { ...ATTACKER, port: 500 };
  const client = siege.addPeer(at, { mode: 'aggressive' });
  const held: Bytes[] = [];
  client.onSend = (message) => {
    if (client.sent.length === 2) held.push(message);
    return client.sent.length !== 2;
  };
  client.begin();
  client.onSend = () => true;
  for (let i = 0; i < 50; i++)
    siege.send(forged(siege, { ...cookiesOfPeer(client), exchangeType: AGGRESSIVE }), elsewhere());
  assert.equal(client.tunnels, 0);
  client.send(held[0]!);
  assert.equal(client.tunnels, 1);
  siege.checkHonest();
});

// Repeated

test('every message of a whole session repeated from elsewhere: nothing moves, nothing begins', () => {
  const siege = new Siege();
  const { honest } = siege;
  honest.renewTunnel();
  const record = honest.sent.slice();
  const [installed, moved] = [siege.all('install-sa').length, siege.all('move-path').length];
  for (let round = 0; round < 12; round++) {
    for (const message of record) siege.send(message, ATTACKER);
  }
  assert.equal(siege.all('install-sa').length, installed);
  assert.equal(siege.all('move-path').length, moved);
  assert.equal(siege.all('authenticate').length, 0);
  assert.ok(siege.dropped('ike_message_id_reused') > 0, JSON.stringify(siege.drops()));
  assert.ok(siege.answers.length <= record.length * 9, `${siege.answers.length} answers`);
  siege.checkHonest();
});

test('every message of the gateway sent back to it', () => {
  const siege = new Siege();
  const { honest } = siege;
  honest.renewTunnel();
  const installed = siege.all('install-sa').length;
  for (const message of honest.received.slice()) siege.send(message, ATTACKER);
  assert.equal(siege.all('install-sa').length, installed);
  assert.ok(Object.values(siege.drops()).reduce((a, b) => a + b, 0) > 3, JSON.stringify(siege.drops()));
  siege.checkHonest();
});

test('thousands of changed messages of a whole session: nobody gets in, nothing is installed', () => {
  const siege = new Siege();
  const { honest, random } = siege;
  honest.renewTunnel();
  const record = [...honest.sent, ...honest.received];
  const installed = siege.all('install-sa').length;
  const guest = { ...ATTACKER, port: 500 };
  for (let i = 0; i < 10_000; i++) {
    const message = random.pick(record).slice();
    for (let changes = 1 + random.below(3); changes > 0; changes--)
      message[random.below(message.length)] = random.u32();
    const cut = random.chance(0.2) ? message.subarray(0, random.below(message.length)) : message;
    if (cut.length >= 28) new DataView(cut.buffer).setUint32(24, cut.length);
    siege.send(cut, random.chance(0.5) ? guest : { ...ATTACKER, port: 1 + random.below(65_535) });
    if (i % 1000 === 0) siege.advance(5 * SECOND);
  }
  assert.equal(siege.all('install-sa').length, installed);
  assert.equal(siege.all('authenticate').length, 0);
  assert.equal(siege.all('phase1-key').length, 0);
  assert.ok(Object.values(siege.drops()).reduce((a, b) => a + b, 0) > 5000, JSON.stringify(siege.drops()));
  siege.checkHonest();
});

// Another version

test('messages of IKEv2, its fragments among them', () => {
  const siege = new Siege();
  const cookies = cookiesOfPeer(siege.honest);
  for (let exchangeType = 34; exchangeType <= 43; exchangeType++) {
    for (const type of IKEV2_PAYLOADS) {
      for (const length of [0, 4, 100]) {
        const what = `exchange ${exchangeType}, payload ${type}`;
        const payloads = [{ type, body: new Uint8Array(length).fill(1) }];
        const fields = { version: IKEV2_VERSION, exchangeType, flags: 8 };
        siege.expectDrop('ike_version', what, () => siege.send(clear(payloads, fields)));
        siege.expectDrop('ike_version', what, () => siege.send(clear(payloads, { ...fields, ...cookies })));
      }
    }
  }
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});

test("payload numbers of IKEv2 in IKEv1, in clear: none is taken for the SA's or the key's", () => {
  const siege = new Siege();
  for (const type of IKEV2_PAYLOADS) {
    const body = saPayload().body;
    siege.expectDrop('ike_malformed', `main mode, payload ${type}`, () => siege.send(clear([{ type, body }], fresh())));
    const aggressive = [saPayload(), { type, body: goodKe.body }, nonce(20), group];
    siege.expectDrop('ike_malformed', `aggressive mode, payload ${type}`, () =>
      siege.send(clear(aggressive, { ...fresh(), exchangeType: AGGRESSIVE }), elsewhere()),
    );
    const before = siege.answers.length;
    siege.send(clear([saPayload(), { type, body: new Uint8Array(30) }], fresh()), elsewhere());
    assert.equal(siege.answers.length, before + 1, `payload ${type} behind the SA is passed over`);
  }
  assert.equal(siege.work.generateDh, 0);
  siege.checkHonest();
});

test('payload numbers of IKEv2 in IKEv1, by an insider, under its keys', () => {
  const siege = new Siege();
  const insider = insiderAt(siege);
  const installed = siege.all('install-sa').length;
  for (const type of IKEV2_PAYLOADS) {
    for (const length of [0, 1, 8, 200]) {
      const payloads = [{ type, body: new Uint8Array(length).fill(0x21) }];
      for (const exchangeType of [QUICK_MODE, TRANSACTION]) {
        // in quick mode the selectors are asked about first, and those of the path are not the insider's
        const before = siege.all('failure').length + siege.dropped('ike_malformed');
        insider.send(insider.seal(exchangeType, payloads));
        assert.equal(siege.all('failure').length + siege.dropped('ike_malformed'), before + 1, `payload ${type}`);
      }
      insider.send(insider.seal(INFORMATIONAL, payloads));
    }
  }
  assert.ok(siege.dropped('ike_malformed') >= IKEV2_PAYLOADS.length * 4);
  assert.equal(siege.all('install-sa').length, installed);
  insider.renewTunnel();
  siege.checkHonest();
});

// XAUTH

const login = (name: Bytes, password: Bytes): Attribute[] => [
  { type: XAUTH_USER_NAME, value: name },
  { type: XAUTH_USER_PASSWORD, value: password },
];

test('user names that look like ASN.1, are binary, empty, too long or missing let nobody in', () => {
  const siege = new Siege();
  const names = [0x04, 0x30, 0x31].flatMap((first) => [
    Uint8Array.of(first),
    Uint8Array.of(first, 0x80),
    Uint8Array.of(first, 0x84, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(first, 0x84, 0xff, 0xff, 0xff, 0xfa, 1, 2),
    Uint8Array.of(first, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  ]);
  const others = [
    new Uint8Array(0),
    new Uint8Array(64),
    new Uint8Array(65).fill(97),
    new Uint8Array(6000).fill(97),
    utf8('a\n\u001b[2J\u0000b'),
    siege.random.bytes(64),
  ];
  const logins = [...names, ...others].map((name) => login(name, utf8('wrong')));
  logins.push(
    login(utf8('ann'), new Uint8Array(0)),
    login(utf8('ann'), new Uint8Array(6000).fill(97)),
    login(utf8('ann'), siege.random.bytes(1000)),
  );
  logins.push(
    [],
    [numericAttribute(XAUTH_USER_NAME, 0x616e)],
    [...login(utf8('ann'), utf8('wrong')), ...login(utf8('ann'), utf8('secret'))],
  );
  for (const [i, wrong] of logins.entries()) {
    const at = { ...ATTACKER, port: 5000 + i };
    const told = siege.all('failure').length;
    const guest = siege.addPeer(at, { mode: 'main', login: wrong }).begin();
    assert.equal(guest.tunnels, 0, `login ${i}`);
    assert.equal(siege.all('failure').length, told + 3, `login ${i}: three attempts, each told`);
  }
  for (const { user, password } of siege.all('authenticate')) {
    assert.ok(user.length <= 64 && password.length <= 1024, 'what is too long is asked of nobody');
  }
  assert.deepEqual(siege.all('install-sa'), []);
  siege.checkHonest();
});

test('answers to XAUTH with lying lengths, of another type, or with nothing in them', () => {
  const siege = new Siege();
  const insider = insiderAt(siege, { until: 'phase 1' });
  const attribute = (claims: number, ...bytes: number[]) =>
    Uint8Array.of(XAUTH_USER_NAME >> 8, XAUTH_USER_NAME & 255, claims >> 8, claims & 255, ...bytes);
  const bodies: [string, Bytes][] = [
    ['nothing', new Uint8Array(0)],
    ['no header', Uint8Array.of(2, 0, 0)],
    ['half an attribute', Uint8Array.of(2, 0, 0, 0, 0x40)],
    ['an attribute longer than the payload', concat(Uint8Array.of(2, 0, 0, 0), attribute(0xffff, 97))],
    ['one longer by one', concat(Uint8Array.of(2, 0, 0, 0), attribute(2, 97))],
    [
      'one that ends in the header of the next',
      concat(Uint8Array.of(2, 0, 0, 0), attribute(1, 97), attribute(0).subarray(0, 3)),
    ],
    [
      '65 attributes',
      concat(
        Uint8Array.of(2, 0, 0, 0),
        encodeAttributes(Array.from({ length: 65 }, () => numericAttribute(XAUTH_TYPE, 0))),
      ),
    ],
  ];
  for (const [what, body] of bodies) {
    siege.expectDrop('ike_malformed', what, () =>
      insider.send(insider.seal(TRANSACTION, [{ type: PayloadType.ATTR, body }])),
    );
  }
  siege.expectDrop('ike_malformed', 'no ATTR payload', () => insider.send(insider.seal(TRANSACTION, [nonce(20)])));
  const two = configuration(ConfigurationType.REPLY, login(utf8('ann'), utf8('secret')));
  siege.expectDrop('ike_malformed', 'two ATTR payloads', () => insider.send(insider.seal(TRANSACTION, [two, two])));
  siege.expectDrop('ike_unexpected_payload', 'unasked', () => insider.send(insider.seal(TRANSACTION, [two])));
  assert.equal(siege.all('authenticate').length, 0);
  siege.advance(SECOND);
  siege.checkHonest();
});

// Out of all measure

test('phase 1 messages above their bound, and the longest datagram of all', () => {
  const siege = new Siege();
  for (const length of [16_385 - 28 - 4 - 300, 30_000, 65_000]) {
    const payloads = [saPayload(), { type: PayloadType.VID, body: new Uint8Array(length) }];
    const message = clear(payloads, fresh());
    if (message.length <= 16_384) continue;
    siege.expectDrop('ike_malformed', `${message.length} bytes`, () => siege.send(message));
  }
  const cookies = cookiesOfPeer(siege.honest);
  const longest = siege.random.bytes(65_507 - 28 - 15);
  const fields = {
    ...cookies,
    exchangeType: INFORMATIONAL,
    messageId: 9,
    flags: Flag.ENCRYPTION,
    nextPayload: PayloadType.HASH,
  };
  const before = siege.dropped('ike_malformed') + siege.dropped('ike_not_authentic');
  siege.send(encodeMessage(header(fields), longest.subarray(0, longest.length - (longest.length % 16))));
  assert.equal(siege.dropped('ike_malformed') + siege.dropped('ike_not_authentic'), before + 1);
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});

test('too many payloads, nonces too short and too long, too many proposals, transforms and attributes', () => {
  const siege = new Siege();
  const many = Array.from({ length: MAX_PAYLOADS }, () => ({ type: PayloadType.VID, body: new Uint8Array(0) }));
  siege.expectDrop('ike_malformed', 'payloads', () => siege.send(clear([saPayload(), ...many], fresh())));
  siege.send(clear([saPayload(), ...many.slice(1)], fresh()));
  assert.equal(siege.answers.length, 1, 'one less is taken');
  for (const length of [0, 7, 257, 5000]) {
    const payloads = [saPayload(), goodKe, nonce(length), group];
    siege.expectDrop('ike_malformed', `a nonce of ${length}`, () =>
      siege.send(clear(payloads, { ...fresh(), exchangeType: AGGRESSIVE }), elsewhere()),
    );
  }
  const proposals = (count: number) =>
    encodeSa(
      Array.from({ length: count }, (_, i) => ({
        number: i,
        protocol: 1,
        spi: new Uint8Array(0),
        transforms: [phase1Transform()],
      })),
    );
  siege.expectDrop('ike_malformed', '65 proposals', () => siege.send(clear([proposals(65)], fresh())));
  const attributes = Array.from({ length: 65 }, () => numericAttribute(12, 1));
  siege.expectDrop('ike_malformed', '65 attributes', () =>
    siege.send(clear([saPayload([{ number: 1, id: 1, attributes }])], fresh())),
  );
  siege.expectDrop('ike_malformed', 'two SA payloads', () => siege.send(clear([saPayload(), saPayload()], fresh())));
  assert.equal(siege.work.generateDh, 0);
  siege.checkHonest();
});

test('identities as long as a message allows are told in short', () => {
  const siege = new Siege();
  for (const type of [IdType.KEY_ID, IdType.FQDN, IdType.USER_FQDN, IdType.DER_ASN1_DN]) {
    const id = encodeId({ type, protocol: 255, port: 65_535, data: new Uint8Array(12_000).fill(97) });
    siege.send(clear([saPayload(), goodKe, nonce(20), id], { ...fresh(), exchangeType: AGGRESSIVE }), elsewhere());
  }
  assert.equal(siege.answers.length, 4);
  assert.equal(siege.all('failure').length, 4);
  for (const { reason, who } of siege.all('failure')) {
    assert.ok(reason.length < 300, reason.slice(0, 400));
    assert.ok((who.identity ?? '').length < 200);
  }
  siege.checkHonest();
});

test('a chain of payloads that lies about its lengths', () => {
  const siege = new Siege();
  const body = clear([saPayload(), nonce(20)]).slice(28);
  const at = saPayload().body.length + 4;
  for (const length of [0, 1, 3, 4, 5, 23, 25, 255, 0x7fff, 0xffff]) {
    for (const offset of [0, at]) {
      const lying = body.slice();
      lying.set([length >> 8, length & 255], offset + 2);
      siege.expectDrop('ike_malformed', `${length} at ${offset}`, () =>
        siege.send(encodeMessage(header({ nextPayload: PayloadType.SA, ...fresh() }), lying)),
      );
    }
  }
  const reserved = body.slice();
  reserved[1] = 1;
  siege.expectDrop('ike_malformed', 'a reserved byte', () =>
    siege.send(encodeMessage(header({ nextPayload: PayloadType.SA, ...fresh() }), reserved)),
  );
  siege.expectDrop('ike_malformed', 'bytes left over', () =>
    siege.send(encodeMessage(header({ nextPayload: PayloadType.SA, ...fresh() }), concat(body, Uint8Array.of(0)))),
  );
  siege.checkHonest();
});

test('an aggressive mode that was refused leaves no cookie to take up again', () => {
  const siege = new Siege();
  const refused = [saPayload([phase1Transform({ 1: 1 })]), goodKe, nonce(20), group];
  siege.send(clear(refused, { ...fresh(), exchangeType: AGGRESSIVE }));
  const { initiatorCookie, responderCookie } = cookiesOf(siege.answers[0]!.message);
  const aggressive = { exchangeType: AGGRESSIVE };
  for (const payloads of [refused, [], [{ type: PayloadType.HASH, body: new Uint8Array(20) }]]) {
    const both = clear(payloads, { ...aggressive, initiatorCookie, responderCookie });
    siege.expectDrop('ike_unknown_cookies', 'both cookies', () => siege.send(both));
    const swapped = { ...aggressive, initiatorCookie: responderCookie, responderCookie: initiatorCookie };
    siege.expectDrop('ike_unknown_cookies', 'swapped', () => siege.send(clear(payloads, swapped)));
    const doubled = { ...aggressive, initiatorCookie: responderCookie, responderCookie };
    siege.expectDrop('ike_unknown_cookies', 'the same for both', () => siege.send(clear(payloads, doubled)));
  }
  // as an initiator's own cookie it is one like any other
  const reused = clear([saPayload(), goodKe, nonce(20), group], { ...aggressive, initiatorCookie: responderCookie });
  const before = siege.answers.length;
  siege.send(reused);
  assert.equal(siege.answers.length, before + 1);
  siege.advance(40 * SECOND);
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});
