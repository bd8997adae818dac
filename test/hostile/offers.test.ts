/** Offers and choices: nothing weak, unknown, unoffered or lying about its length is ever agreed on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, u32 } from '../../src/core/bytes/bytes.ts';
import { sealExchange } from '../../src/core/ikev1/exchange.ts';
import { decryptBody, phase2Iv } from '../../src/core/protection/ikev1-cipher.ts';
import { hash2 } from '../../src/core/protection/ikev1-hashes.ts';
import {
  type Attribute,
  encodeId,
  encodeSa,
  IdType,
  NotifyType,
  numericAttribute,
  Phase1Attribute,
  parseNotification,
  type Transform,
} from '../../src/core/wire/ikev1.ts';
import {
  ExchangeType,
  type Payload,
  PayloadType,
  parseMessage,
  parsePayloads,
  parseWholeChain,
} from '../../src/core/wire/isakmp.ts';
import type { Peer } from './peer.ts';
import { ATTACKER, clear, phase1Transform, Siege, saPayload } from './siege.ts';

const { ENCRYPTION, KEY_LENGTH, HASH, GROUP, AUTHENTICATION } = Phase1Attribute;
const nonce: Payload = { type: PayloadType.NONCE, body: new Uint8Array(20).fill(3) };
let cookies = 0;
const fresh = () => ({ initiatorCookie: Uint8Array.of(0xc0, 0, 0, 0, ...u32(++cookies)) });

const without = (transform: Transform, type: number): Transform => ({
  ...transform,
  attributes: transform.attributes.filter((one) => one.type !== type),
});
const withAlso = (transform: Transform, ...more: Attribute[]): Transform => ({
  ...transform,
  attributes: [...transform.attributes, ...more],
});

const REFUSED_IN_PHASE_1: readonly (readonly [string, Transform])[] = [
  ['no encryption', phase1Transform({ [ENCRYPTION]: 0 })],
  ['DES', without(phase1Transform({ [ENCRYPTION]: 1 }), KEY_LENGTH)],
  ['IDEA', phase1Transform({ [ENCRYPTION]: 2 })],
  ['null, by its ESP number', phase1Transform({ [ENCRYPTION]: 11 })],
  ['an unknown cipher', phase1Transform({ [ENCRYPTION]: 65_535 })],
  ['AES of 0 bits', phase1Transform({ [KEY_LENGTH]: 0 })],
  ['AES of 40 bits', phase1Transform({ [KEY_LENGTH]: 40 })],
  ['AES of 65535 bits', phase1Transform({ [KEY_LENGTH]: 65_535 })],
  ['no hash', without(phase1Transform(), HASH)],
  ['TIGER', phase1Transform({ [HASH]: 3 })],
  ['an unknown hash', phase1Transform({ [HASH]: 60_000 })],
  ['no group', without(phase1Transform(), GROUP)],
  ['modp768', phase1Transform({ [GROUP]: 1 })],
  ['modp1024, which legacy alone lets in', phase1Transform({ [GROUP]: 2 })],
  ['MD5, which legacy alone lets in', phase1Transform({ [HASH]: 1 })],
  ['3DES, which legacy alone lets in', without(phase1Transform({ [ENCRYPTION]: 5 }), KEY_LENGTH)],
  ['no authentication', without(phase1Transform(), AUTHENTICATION)],
  ['signatures, which no group here has', phase1Transform({ [AUTHENTICATION]: 3 })],
  ['the role of the gateway', phase1Transform({ [AUTHENTICATION]: 65_002 })],
  ['a prf of its own', withAlso(phase1Transform(), numericAttribute(13, 1))],
  ['an attribute nobody knows', withAlso(phase1Transform(), numericAttribute(99, 1))],
  ['an attribute twice', withAlso(phase1Transform(), numericAttribute(ENCRYPTION, 7))],
  [
    'a cipher of seven bytes',
    withAlso(without(phase1Transform(), ENCRYPTION), { type: ENCRYPTION, value: new Uint8Array(7).fill(7) }),
  ],
  ['no attributes', { number: 1, id: 1, attributes: [] }],
  ['another transform than KEY_IKE', { ...phase1Transform(), id: 2 }],
];

test('phase 1 refuses each transform that is weak, unknown or incomplete', () => {
  const siege = new Siege();
  for (const [what, transform] of REFUSED_IN_PHASE_1) {
    const [told, answered] = [siege.all('failure').length, siege.answers.length];
    siege.send(clear([saPayload([transform])], fresh()));
    assert.equal(siege.all('failure').length, told + 1, what);
    assert.deepEqual(
      siege.answers.slice(answered).map(({ message }) => notifyOf(message)),
      [NotifyType.NO_PROPOSAL_CHOSEN],
      what,
    );
  }
  assert.equal(siege.gateway.halfOpen, 0);
  assert.equal(siege.work.generateDh, 0);
  siege.checkHonest();
});

test('an offer of ESP, AH or nothing in phase 1', () => {
  const siege = new Siege();
  for (const protocol of [0, 2, 3, 4, 255]) {
    const told = siege.all('failure').length;
    const sa = encodeSa([{ number: 1, protocol, spi: new Uint8Array(0), transforms: [phase1Transform()] }]);
    siege.send(clear([sa], fresh()));
    assert.equal(siege.all('failure').length, told + 1, `protocol ${protocol}`);
  }
  siege.checkHonest();
});

test('lengths and counts in an SA payload that lie', () => {
  const siege = new Siege();
  const good = saPayload([phase1Transform({ [KEY_LENGTH]: 256 }), phase1Transform()]).body;
  // DOI 4 | situation 4 | next, reserved, length(2) | number, protocol, SPI size, transforms | next, reserved, length(2) | ...
  const [PROPOSAL_LENGTH, SPI_SIZE, COUNT, TRANSFORM_LENGTH] = [10, 14, 15, 18];
  const lies: [string, Bytes][] = [];
  const lie = (what: string, at: number, ...bytes: number[]) => {
    const body = good.slice();
    body.set(bytes, at);
    lies.push([`${what}: ${bytes}`, body]);
  };
  for (const length of [0, 1, 3, 4, 7, 8, 9, 200, 0x7fff, 0xffff]) {
    lie('proposal length', PROPOSAL_LENGTH, length >> 8, length & 255);
    lie('transform length', TRANSFORM_LENGTH, length >> 8, length & 255);
  }
  for (const size of [1, 3, 4, 16, 255]) lie('SPI size', SPI_SIZE, size);
  for (const count of [0, 1, 3, 255]) lie('number of transforms', COUNT, count);
  lie('a proposal that never ends', 8, PayloadType.PROPOSAL);
  lie('a payload where a proposal stands', 8, PayloadType.NONCE);
  lie('unknown DOI', 0, 0, 0, 0, 2);
  lie('unknown situation', 4, 0, 0, 0, 4);
  for (let cut = 0; cut < good.length; cut++) lies.push([`cut to ${cut}`, good.slice(0, cut)]);
  for (const [what, body] of lies) {
    siege.expectDrop('ike_malformed', what, () => siege.send(clear([{ type: PayloadType.SA, body }], fresh())));
  }
  assert.equal(siege.answers.length, 0);
  siege.checkHonest();
});

test('attributes with lying lengths', () => {
  const siege = new Siege();
  const attributeAt = 24;
  for (const length of [1, 2, 3, 40, 41, 255, 0x0fff, 0x7fff, 0xffff]) {
    // a variable attribute that claims so many bytes, where a basic one stood
    const { body } = saPayload();
    const changed = body.slice();
    changed.set([0, 99, length >> 8, length & 255], attributeAt);
    const told = [siege.dropped('ike_malformed'), siege.all('failure').length];
    siege.send(clear([{ type: PayloadType.SA, body: changed }], fresh()));
    const now = [siege.dropped('ike_malformed'), siege.all('failure').length];
    assert.notDeepEqual(now, told, `${length} bytes`);
    // what swallows whole attributes is an offer without them, and refused as one
    if (length > body.length - attributeAt - 4) assert.equal(now[0], told[0]! + 1, `${length} bytes`);
  }
  assert.equal(siege.gateway.halfOpen, siege.dropped('ike_malformed'));
  assert.equal(siege.work.generateDh, 0);
  siege.checkHonest();
});

test('each byte of an offer changed to each of the dangerous values', () => {
  const siege = new Siege();
  const { body } = saPayload([phase1Transform({ [KEY_LENGTH]: 256 }), phase1Transform()]);
  for (let at = 0; at < body.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const changed = body.slice();
      changed[at] = value;
      const before = siege.answers.length + siege.dropped('ike_malformed');
      siege.send(clear([{ type: PayloadType.SA, body: changed }], fresh()));
      assert.equal(siege.answers.length + siege.dropped('ike_malformed'), before + 1, `byte ${at} = ${value}`);
    }
  }
  assert.equal(siege.work.generateDh, 0);
  siege.checkHonest();
});

const TUNNEL = numericAttribute(4, 1);
const bits = (n: number) => numericAttribute(6, n);
const hmac = (n: number) => numericAttribute(5, n);

const REFUSED_IN_PHASE_2: readonly (readonly [string, Partial<Parameters<typeof encodeSa>[0][number]>])[] = [
  ['null encryption', { transforms: [{ number: 1, id: 11, attributes: [TUNNEL, hmac(2)] }] }],
  ['null encryption and no authentication', { transforms: [{ number: 1, id: 11, attributes: [TUNNEL] }] }],
  ['DES', { transforms: [{ number: 1, id: 2, attributes: [TUNNEL, hmac(2)] }] }],
  ['DES with a 64-bit IV', { transforms: [{ number: 1, id: 1, attributes: [TUNNEL, hmac(2)] }] }],
  ['AES without authentication', { transforms: [{ number: 1, id: 12, attributes: [TUNNEL, bits(128)] }] }],
  ['AES with an unknown one', { transforms: [{ number: 1, id: 12, attributes: [TUNNEL, bits(128), hmac(99)] }] }],
  ['AES of 0 bits', { transforms: [{ number: 1, id: 12, attributes: [TUNNEL, bits(0), hmac(2)] }] }],
  ['AES-GMAC, which encrypts nothing', { transforms: [{ number: 1, id: 23, attributes: [TUNNEL, bits(128)] }] }],
  ['AES-GMAC without a key length', { transforms: [{ number: 1, id: 23, attributes: [TUNNEL] }] }],
  ['GCM with an 8-byte ICV', { transforms: [{ number: 1, id: 18, attributes: [TUNNEL, bits(128)] }] }],
  ['GCM of 64 bits', { transforms: [{ number: 1, id: 20, attributes: [TUNNEL, bits(64)] }] }],
  ['an unknown cipher', { transforms: [{ number: 1, id: 249, attributes: [TUNNEL, bits(128)] }] }],
  ['AH', { protocol: 2 }],
  ['IPCOMP', { protocol: 4 }],
  ['ISAKMP', { protocol: 1 }],
  ['a reserved SPI', { spi: u32(255) }],
  ['SPI 0', { spi: u32(0) }],
  ['an SPI of three bytes', { spi: new Uint8Array(3).fill(9) }],
  ['no SPI', { spi: new Uint8Array(0) }],
  ['an SPI of 255 bytes', { spi: new Uint8Array(255).fill(9) }],
  ['transport mode', { transforms: [{ number: 1, id: 20, attributes: [numericAttribute(4, 2), bits(128)] }] }],
  [
    'a group without its KE payload',
    { transforms: [{ number: 1, id: 20, attributes: [TUNNEL, bits(128), numericAttribute(3, 14)] }] },
  ],
  ['group 1025', { transforms: [{ number: 1, id: 20, attributes: [TUNNEL, bits(128), numericAttribute(3, 1025)] }] }],
];

test('phase 2 refuses each transform that is weak, unknown or incomplete', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const installed = siege.all('install-sa').length;
  for (const [what, changed] of REFUSED_IN_PHASE_2) {
    const told = siege.all('failure').length;
    insider.send(insider.seal(ExchangeType.QUICK_MODE, [esp(changed), nonce, ...selectors(insider)]));
    assert.equal(siege.all('failure').length, told + 1, what);
  }
  assert.equal(siege.all('install-sa').length, installed);
  insider.renewTunnel();
  siege.checkHonest();
});

test('AES-GMAC in phase 2 ends nothing but the offer', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const gmac = esp({ transforms: [{ number: 1, id: 23, attributes: [TUNNEL, bits(128)] }] });
  for (let i = 0; i < 20; i++)
    insider.send(insider.seal(ExchangeType.QUICK_MODE, [gmac, nonce, ...selectors(insider)]));
  assert.equal(siege.all('failure').length, 20);
  assert.ok(siege.all('failure').every(({ reason }) => reason.includes('no such algorithms here')));
  insider.renewTunnel();
  siege.checkHonest();
});

test('ESP bundled with another protocol is refused whole', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const transforms = [{ number: 1, id: 20, attributes: [TUNNEL, bits(128)] }];
  const bundle = encodeSa([3, 2].map((protocol) => ({ number: 1, protocol, spi: u32(0x3000), transforms })));
  insider.send(insider.seal(ExchangeType.QUICK_MODE, [bundle, nonce, ...selectors(insider)]));
  assert.match(siege.all('failure')[0]!.reason, /together with another protocol/);
  siege.checkHonest();
});

test('selectors of somebody else, of a protocol, of IPv6, or none that are', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  const installed = siege.all('install-sa').length;
  const own = Uint8Array.from(insider.address!.split('.'), Number);
  const honest = Uint8Array.from(siege.honest.address!.split('.'), Number);
  const everything = encodeId({ type: IdType.IPV4_ADDR_SUBNET, protocol: 0, port: 0, data: new Uint8Array(8) });
  const ids: [string, Payload][] = [
    ["the honest client's address", encodeId({ type: IdType.IPV4_ADDR, protocol: 0, port: 0, data: honest })],
    ['everything', everything],
    [
      'its own /31',
      encodeId({
        type: IdType.IPV4_ADDR_SUBNET,
        protocol: 0,
        port: 0,
        data: Uint8Array.of(...own, 255, 255, 255, 254),
      }),
    ],
    ['one port', encodeId({ type: IdType.IPV4_ADDR, protocol: 17, port: 53, data: own })],
    ['IPv6', encodeId({ type: IdType.IPV6_ADDR, protocol: 0, port: 0, data: new Uint8Array(16) })],
    [
      'a mask with holes',
      encodeId({ type: IdType.IPV4_ADDR_SUBNET, protocol: 0, port: 0, data: Uint8Array.of(...own, 255, 0, 255, 0) }),
    ],
    [
      'an address of five bytes',
      encodeId({ type: IdType.IPV4_ADDR, protocol: 0, port: 0, data: Uint8Array.of(...own, 1) }),
    ],
    ['a name', encodeId({ type: IdType.FQDN, protocol: 0, port: 0, data: own })],
  ];
  for (const [what, id] of ids) {
    const told = siege.all('failure').length;
    insider.send(insider.seal(ExchangeType.QUICK_MODE, [esp(), nonce, id, everything]));
    assert.equal(siege.all('failure').length, told + 1, what);
  }
  for (const count of [1, 3]) {
    const several = Array.from({ length: count }, () => everything);
    siege.expectDrop('ike_malformed', `${count} of them`, () =>
      insider.send(insider.seal(ExchangeType.QUICK_MODE, [esp(), nonce, ...several])),
    );
  }
  assert.equal(siege.all('install-sa').length, installed);
  insider.renewTunnel();
  siege.checkHonest();
});

test('a rekey of ours that is answered with a transform never offered, or with our own SPI', () => {
  const siege = new Siege();
  const insider = siege.addPeer(ATTACKER).connect();
  insider.listens = false;
  const weak = { number: 1, id: 12, attributes: [TUNNEL, bits(128), hmac(2)] };
  const answers: [string, (ours: Bytes) => Payload, RegExp][] = [
    ['never offered', () => esp({ transforms: [weak] }), /not offered/],
    ['null', () => esp({ transforms: [{ ...weak, id: 11 }] }), /not offered/],
    ['two', () => esp({ transforms: [{ number: 1, id: 20, attributes: [TUNNEL, bits(128)] }, weak] }), /not offered/],
    ['our own SPI', (ours) => ours && answerWith(ours), /our own SPI/],
  ];
  for (const [what, choose, told] of answers) {
    const installed = siege.all('install-sa').length;
    siege.gateway.handleRekeyNeeded(insider.sessionId, siege.outboundSpi(insider.sessionId), siege.now);
    siege.drain();
    const request = openQuick1(insider, insider.received.at(-1)!);
    siege.send(sealQuick2(insider, request, choose(request.sa)), ATTACKER);
    assert.match(siege.all('failure').at(-1)!.reason, told, what);
    assert.equal(siege.all('install-sa').length, installed, what);
    // a rekey that failed is tried again a little later
    siege.advance(10_000);
    insider.received.length = 0;
  }
  siege.checkHonest();
});

function notifyOf(message: Bytes): number {
  const { header, body } = parseMessage(message);
  const [payload] = parseWholeChain(header.nextPayload, body);
  return payload?.type === PayloadType.N ? parseNotification(payload.body).type : 0;
}

function esp(changed: Partial<Parameters<typeof encodeSa>[0][number]> = {}): Payload {
  const transforms = [{ number: 1, id: 20, attributes: [TUNNEL, bits(128)] }];
  return encodeSa([{ number: 1, protocol: 3, spi: u32(0x3000), transforms, ...changed }]);
}

function selectors(insider: Peer): Payload[] {
  const data = Uint8Array.from(insider.address!.split('.'), Number);
  return [
    encodeId({ type: IdType.IPV4_ADDR, protocol: 0, port: 0, data }),
    encodeId({ type: IdType.IPV4_ADDR_SUBNET, protocol: 0, port: 0, data: new Uint8Array(8) }),
  ];
}

interface Quick1 {
  readonly messageId: number;
  readonly iv: Bytes;
  readonly sa: Bytes;
  readonly nonce: Bytes;
  readonly ids: readonly Payload[];
}

/** The offer as it came: our SPI in it. */
const answerWith = (sa: Bytes): Payload => ({ type: PayloadType.SA, body: sa });

function openQuick1(insider: Peer, message: Bytes): Quick1 {
  const { header, body } = parseMessage(message);
  const { keys, phase1Iv } = insider.context.established!;
  const iv = phase2Iv(insider.crypto, keys, phase1Iv, header.messageId);
  const opened = decryptBody(insider.crypto, keys, iv, body)!;
  const { payloads } = parsePayloads(header.nextPayload, opened.payloads);
  const one = (type: number) => payloads.find((payload) => payload.type === type)!.body;
  const ids = payloads.filter(({ type }) => type === PayloadType.ID);
  return {
    messageId: header.messageId,
    iv: opened.nextIv,
    sa: one(PayloadType.SA),
    nonce: one(PayloadType.NONCE),
    ids,
  };
}

function sealQuick2(insider: Peer, { messageId, iv, nonce: theirs, ids }: Quick1, sa: Payload): Bytes {
  const { context, crypto } = insider;
  const exchange = { messageId, exchangeType: ExchangeType.QUICK_MODE, iv };
  return sealExchange(context, exchange, [sa, nonce, ...ids], (rest) =>
    hash2(crypto, context.established!.keys, messageId, theirs, rest),
  );
}
