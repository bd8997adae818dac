/** Groups can't be counted out: one that there isn't answers as one that there is, with a secret that nobody has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, bytesEqual, u32 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import { keyIdentity } from '../../src/core/ikev1/identity.ts';
import { MINUTE } from '../../src/core/net/time.ts';
import { encodeId, type Identification, IdType } from '../../src/core/wire/ikev1.ts';
import { ExchangeType, PayloadType, parseMessage, parseWholeChain } from '../../src/core/wire/isakmp.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { GROUP } from './peer.ts';
import { ATTACKER, clear, Siege, saPayload } from './siege.ts';

/** As long as the true one's name. */
const UNKNOWN = 'labgr0up';

const probe = (identity: Identification, i = 0) =>
  clear(
    [
      saPayload(),
      { type: PayloadType.KE, body: Uint8Array.of(...new Uint8Array(255), 5) },
      { type: PayloadType.NONCE, body: new Uint8Array(20).fill(3) },
      encodeId(identity),
    ],
    { exchangeType: ExchangeType.AGGRESSIVE, initiatorCookie: Uint8Array.of(0xe0, 0, 0, 0, ...u32(i + 1)) },
  );

/** Types and lengths of an answer's payloads. */
function shape(message: Bytes): string[] {
  const { header, body } = parseMessage(message);
  return parseWholeChain(header.nextPayload, body).map((payload) => `${payload.type}: ${payload.body.length}`);
}

/** The secret that the gateway makes up, by its key: the first 32 bytes that it drew. */
function decoy(siege: Siege, identity: Identification): Bytes {
  const [key] = siege.drawn.filter(({ length }) => length === 32);
  return nodeCrypto.hmac('sha256', key!, encodeId(identity).body);
}

test('an unknown group is answered in the same shape and by the same work', () => {
  const siege = new Siege();
  const seen = [GROUP, UNKNOWN, GROUP, UNKNOWN].map((name, i) => {
    siege.forgetWork();
    siege.send(probe(keyIdentity(name), i), { ...ATTACKER, port: 1000 + i });
    return { shape: shape(siege.answers.at(-1)!.message), work: { ...siege.work } };
  });
  for (const one of seen.slice(1)) assert.deepEqual(one, seen[0]);
  assert.deepEqual(siege.drops(), {});
  assert.equal(siege.all('failure').length, 2, 'a person learns of the two');
  siege.checkHonest();
});

test('a wrong proof in the third message is passed over in silence, by the same work, known group or not', () => {
  const siege = new Siege();
  const seen = [GROUP, UNKNOWN].map((name, i) => {
    const from = { ...ATTACKER, port: 1000 + i };
    siege.send(probe(keyIdentity(name), i), from);
    const { header } = parseMessage(siege.answers.at(-1)!.message);
    const { initiatorCookie, responderCookie } = header;
    const answers = siege.answers.length;
    siege.forgetWork();
    const hash = { type: PayloadType.HASH, body: new Uint8Array(20) };
    siege.send(clear([hash], { exchangeType: ExchangeType.AGGRESSIVE, initiatorCookie, responderCookie }), from);
    assert.equal(siege.answers.length, answers, 'no answer');
    return { ...siege.work };
  });
  assert.deepEqual(seen[1], seen[0]);
  assert.equal(siege.all('failure').length, 2);
  siege.checkHonest();
});

test('the made-up secret is the same at each try, each name has its own, and it opens nothing', () => {
  const siege = new Siege();
  const identity = keyIdentity(UNKNOWN);
  const psk = decoy(siege, identity);
  for (let i = 0; i < 3; i++) {
    const insider = siege.addPeer({ ...ATTACKER, port: 2000 + i }, { identity, psk }).begin();
    assert.ok(
      insider.events.some(({ type }) => type === 'established'),
      'HASH_R is what the made-up secret gives',
    );
    assert.equal(insider.received.length, 1, 'and that is all there is to learn');
  }
  const other = siege.addPeer({ ...ATTACKER, port: 2100 }, { identity: keyIdentity('another'), psk }).begin();
  assert.ok(!other.sa.established);
  assert.ok(!bytesEqual(psk, decoy(siege, keyIdentity('another'))));
  assert.equal(siege.all('authenticate').length, 0);
  assert.equal(siege.all('phase1-key').length, 0);
  siege.advance(MINUTE);
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});

test("the made-up secret is not the group's, and a wrong one looks to its owner the same for both", () => {
  const siege = new Siege();
  const wrong = utf8('not the secret');
  const [known, unknown] = [GROUP, UNKNOWN].map((name, i) =>
    siege.addPeer({ ...ATTACKER, port: 3000 + i }, { identity: keyIdentity(name), psk: wrong }).begin(),
  );
  const told = (peer: typeof known) => peer!.events.filter(({ type }) => type === 'failed');
  assert.deepEqual(told(known), told(unknown));
  assert.equal(known!.received.length, unknown!.received.length);
  siege.checkHonest();
});

test('crafted distinguished names are identities like any other', () => {
  const siege = new Siege();
  const crafted = [
    [],
    [0x30],
    [0x30, 0x80],
    [0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    [0x30, 0x0b, 0x31, 0x09, 0x30, 0x07, 0x06, 0x03, 0x55],
    [0x30, 0x82, 0x00, 0x01, 0x31],
    [0x31, 0x00],
    Array.from({ length: 200 }, () => 0x30),
  ];
  for (const type of [IdType.DER_ASN1_DN, IdType.DER_ASN1_GN, IdType.KEY_ID, IdType.IPV4_ADDR, 0, 255]) {
    for (const [i, data] of crafted.entries()) {
      const before = siege.answers.length;
      const identity = { type, protocol: 0, port: 0, data: Uint8Array.from(data) };
      siege.send(probe(identity, type * 16 + i), { ...ATTACKER, port: 4000 + type * 16 + i });
      assert.equal(siege.answers.length, before + 1, `type ${type}, case ${i}`);
    }
  }
  assert.equal(siege.all('phase1-key').length, 0);
  assert.deepEqual(siege.drops(), {});
  assert.ok(siege.all('failure').length > 40, 'each is told as an unknown group');
  siege.checkHonest();
});
