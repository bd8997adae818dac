/** What a gateway tells its client by notifications: refusals that name nothing, lifetimes, another gateway to go to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import type { Established } from '../../../src/core/ikev1/context.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import { decryptBody, encryptBody, phase2Iv } from '../../../src/core/protection/ikev1-cipher.ts';
import { hash1, hash2 } from '../../../src/core/protection/ikev1-hashes.ts';
import {
  encodeAttributes,
  encodeNotification,
  LifeType,
  type Notification,
  NotifyType,
  numericAttribute,
  Phase1Attribute,
  Phase2Attribute,
  Protocol,
} from '../../../src/core/wire/ikev1.ts';
import {
  ExchangeType,
  encodeMessage,
  encodePayloads,
  Flag,
  IKEV1_VERSION,
  type Payload,
  PayloadType,
  parseMessage,
  parsePayloads,
} from '../../../src/core/wire/isakmp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { connectedPair, keysMatch, type Letter, type Pair, quickModeIntent } from './pair.ts';

const NO_SPI = new Uint8Array(0);

const phase1Of = (pair: Pair) => pair.gateway.last('established') as unknown as Established;

/** A protected informational message of the gateway's, as it would never send it itself. */
function informational(pair: Pair, notification: Partial<Notification> & { readonly type: number }): Uint8Array {
  const { keys, phase1Iv } = phase1Of(pair);
  const messageId = pair.random.u32() >>> 1;
  const payload = encodeNotification({ protocol: Protocol.ESP, spi: NO_SPI, data: NO_SPI, ...notification });
  const hash = { type: PayloadType.HASH, body: hash1(nodeCrypto, keys, messageId, encodePayloads([payload])) };
  const iv = phase2Iv(nodeCrypto, keys, phase1Iv, messageId);
  return seal(pair, ExchangeType.INFORMATIONAL, messageId, iv, [hash, payload]);
}

function seal(
  pair: Pair,
  exchangeType: number,
  messageId: number,
  iv: Bytes,
  payloads: readonly Payload[],
): Uint8Array {
  const { body } = encryptBody(nodeCrypto, phase1Of(pair).keys, iv, encodePayloads(payloads));
  const { initiatorCookie, responderCookie } = pair.client.sa!;
  const [version, flags, nextPayload] = [IKEV1_VERSION, Flag.ENCRYPTION, PayloadType.HASH];
  const header = { initiatorCookie, responderCookie, nextPayload, version, exchangeType, flags, messageId };
  return encodeMessage(header, body);
}

/** Quick mode's message 2, with a notification added behind what the gateway said. */
function withNotification(pair: Pair, first: Letter, second: Letter, notification: Notification): Uint8Array {
  const { keys, phase1Iv } = phase1Of(pair);
  const [asked, answered] = [parseMessage(first.message), parseMessage(second.message)];
  const { messageId } = asked.header;
  const question = decryptBody(nodeCrypto, keys, phase2Iv(nodeCrypto, keys, phase1Iv, messageId), asked.body)!;
  const answer = decryptBody(nodeCrypto, keys, question.nextIv, answered.body)!;
  const nonce = parsePayloads(PayloadType.HASH, question.payloads).payloads.find(
    ({ type }) => type === PayloadType.NONCE,
  )!;
  const [, ...rest] = parsePayloads(PayloadType.HASH, answer.payloads).payloads;
  const payloads = [...rest, encodeNotification(notification)];
  const body = hash2(nodeCrypto, keys, messageId, nonce.body.slice(), encodePayloads(payloads));
  return seal(pair, ExchangeType.QUICK_MODE, messageId, question.nextIv, [
    { type: PayloadType.HASH, body },
    ...payloads,
  ]);
}

function lifetime(typeAttribute: number, durationAttribute: number, type: number, value: number): Uint8Array {
  return encodeAttributes([numericAttribute(typeAttribute, type), numericAttribute(durationAttribute, value)]);
}

const phase1Lifetime = (seconds: number) =>
  lifetime(Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION, LifeType.SECONDS, seconds);

describe('a refusal that names no exchange', () => {
  /** The gateway's own answers to quick modes are lost. */
  function silent(count: number): Pair {
    const pair = connectedPair();
    pair.onWay = ({ from }) => from === 'client';
    for (let i = 0; i < count; i++) pair.client.sa!.beginQuickMode(quickModeIntent(), pair.now);
    pair.drain();
    pair.run();
    return pair;
  }

  test('ends the only quick mode of a client', () => {
    const pair = silent(1);
    pair.deliverTo(pair.client, informational(pair, { type: NotifyType.NO_PROPOSAL_CHOSEN }));
    assert.match(pair.client.last('esp-abandoned').reason, /NO_PROPOSAL_CHOSEN \(it takes none/);
  });

  test('is only told when there are two, or when it is no refusal of an offer', () => {
    const two = silent(2);
    two.deliverTo(two.client, informational(two, { type: NotifyType.NO_PROPOSAL_CHOSEN }));
    const other = silent(1);
    other.deliverTo(other.client, informational(other, { type: NotifyType.INVALID_COOKIE }));
    for (const { client } of [two, other]) {
      assert.ok(!client.has('esp-abandoned'));
      assert.equal(client.all('failed').length, 1);
    }
  });

  test('ends none of a gateway', () => {
    const pair = connectedPair();
    pair.onWay = ({ from }) => from === 'gateway';
    pair.gateway.sa!.beginQuickMode(quickModeIntent(), pair.now);
    pair.drain();
    pair.run();
    pair.deliverTo(pair.gateway, informational(pair, { type: NotifyType.NO_PROPOSAL_CHOSEN }));
    assert.ok(!pair.gateway.has('esp-abandoned'));
  });
});

describe('RESPONDER-LIFETIME', () => {
  const told = (pair: Pair, seconds: number, protocol: number = Protocol.ISAKMP) =>
    pair.deliverTo(
      pair.client,
      informational(pair, { protocol, type: NotifyType.RESPONDER_LIFETIME, data: phase1Lifetime(seconds) }),
    );

  test('ends phase 1 sooner, and its rekey is due sooner', () => {
    const pair = connectedPair();
    told(pair, 1000);
    pair.advance(899 * SECOND);
    assert.ok(!pair.client.has('rekey-due'));
    pair.advance(2 * SECOND);
    assert.ok(pair.client.has('rekey-due'));
    pair.advance(100 * SECOND);
    assert.equal(pair.client.last('ended').reason, 'lifetime');
  });

  test('never later, and never within the first minute', () => {
    const pair = connectedPair({ lifetime: 3600 });
    told(pair, 100_000);
    pair.advance(3600 * SECOND);
    assert.equal(pair.client.last('ended').reason, 'lifetime');
    const hasty = connectedPair();
    told(hasty, 1);
    hasty.advance(50 * SECOND);
    assert.ok(!hasty.client.has('rekey-due'));
    hasty.advance(MINUTE);
    assert.ok(hasty.client.sa!.ended);
  });

  test('of another protocol, or malformed, says nothing of phase 1', () => {
    const pair = connectedPair();
    told(pair, 100, Protocol.ESP);
    const type = NotifyType.RESPONDER_LIFETIME;
    pair.deliverTo(pair.client, informational(pair, { protocol: Protocol.ISAKMP, type, data: Uint8Array.of(1) }));
    assert.deepEqual(pair.client.drops, ['ike_malformed']);
    pair.advance(3000 * SECOND);
    assert.ok(!pair.client.has('rekey-due'));
  });

  test('in quick mode shortens the pair', () => {
    for (const [type, value, expected] of [
      [LifeType.SECONDS, 1200, { seconds: 1200, kilobytes: undefined }],
      [LifeType.KILOBYTES, 5000, { seconds: 3600, kilobytes: 5000 }],
      [LifeType.SECONDS, 100_000, { seconds: 3600, kilobytes: undefined }],
    ] as const) {
      const pair = connectedPair();
      const data = lifetime(Phase2Attribute.LIFE_TYPE, Phase2Attribute.LIFE_DURATION, type, value);
      const notification = { protocol: Protocol.ESP, spi: NO_SPI, type: NotifyType.RESPONDER_LIFETIME, data };
      let first: Letter | undefined;
      pair.onWay = (letter) => {
        if (letter.message[18] !== ExchangeType.QUICK_MODE) return true;
        first ??= letter;
        if (letter.from === 'client') return true;
        pair.deliverTo(pair.client, withNotification(pair, first, letter, notification));
        return false;
      };
      pair.client.sa!.beginQuickMode(quickModeIntent(), pair.now);
      pair.drain();
      pair.run();
      assert.deepEqual(pair.client.last('esp-established').pair.lifetime, expected);
    }
  });
});

test("a cluster's word to go to another gateway is told to a person", () => {
  const pair = connectedPair();
  const data = parseIp('203.0.113.9')!.bytes;
  pair.deliverTo(pair.client, informational(pair, { type: NotifyType.CISCO_LOAD_BALANCE, data }));
  assert.match(pair.client.last('failed').reason, /sends us on to 203\.0\.113\.9/);
  pair.deliverTo(pair.gateway, informational(pair, { type: NotifyType.CISCO_LOAD_BALANCE, data }));
  assert.ok(!pair.gateway.has('failed'));
  assert.ok(
    keysMatch({ client: pair.client.last('esp-established').pair, gateway: pair.gateway.last('esp-established').pair }),
  );
});
