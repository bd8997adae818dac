/** What is remembered of IKE is bounded: negotiations, fragments that wait, and what keys need to open the next message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat, EMPTY } from '../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { Conversation, MAX_PAIR_NEGOTIATIONS } from '../../../src/core/diagnosis/conversation.ts';
import { readHead } from '../../../src/core/diagnosis/ike-datagram.ts';
import { IkeTable, MAX_BUFFERS, MAX_NEGOTIATIONS, MAX_WHOLE } from '../../../src/core/diagnosis/ike-table.ts';
import { Ikev1Opener, MAX_CHAINS } from '../../../src/core/diagnosis/ikev1-opener.ts';
import { Ikev2Opener, MAX_PIECES } from '../../../src/core/diagnosis/ikev2-opener.ts';
import { MAX_KEYS, parseIkev1Table } from '../../../src/core/diagnosis/keys.ts';
import { type Arrival, MAX_ADDRESSES } from '../../../src/core/diagnosis/negotiation.ts';
import { PLAIN_READING } from '../../../src/core/diagnosis/reading.ts';
import { splitMessage } from '../../../src/core/ikev1/fragments.ts';
import { type Endpoint, ipFromBytes } from '../../../src/core/net/address.ts';
import { encryptBody, phase2Iv } from '../../../src/core/protection/ikev1-cipher.ts';
import { IKEV2_VERSION, Ikev2Exchange, Ikev2Flag, Ikev2Payload } from '../../../src/core/wire/ikev2.ts';
import { ExchangeType, encodeMessage, encodePayloads, Flag, PayloadType } from '../../../src/core/wire/isakmp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { CLIENT, COOKIE_I, COOKIE_R, GATEWAY, INFORMATIONAL, ike, ke, nonce, REPLY, raw, sa, sealed } from './stage.ts';

const PLACE = { packet: 1, at: 0 };
const ARRIVAL: Arrival = {
  ...PLACE,
  source: { address: CLIENT, port: 500 },
  destination: { address: GATEWAY, port: 500 },
  way: 'udp',
  fragments: 1,
  isLost: false,
};

const cookie = (i: number) => (i + 1).toString(16).padStart(16, '0');

function take(table: IkeTable, message: Bytes, conversation: Conversation, arrival = ARRIVAL): void {
  table.take(readHead(message, message.length)!, message, arrival, conversation);
}

test('negotiations of all pairs', () => {
  const dropped: string[] = [];
  const table = new IkeTable(PLAIN_READING, (what) => dropped.push(what));
  const first = ike([sa()]);
  const conversations: Conversation[] = [];
  for (let i = 0; i <= MAX_NEGOTIATIONS; i++) {
    if (i % MAX_PAIR_NEGOTIATIONS === 0) conversations.push(new Conversation(1, CLIENT, GATEWAY));
    first.set(fromHex(cookie(i)));
    take(table, first, conversations.at(-1)!);
  }
  const kept = conversations.reduce((sum, { negotiations }) => sum + negotiations.length, 0);
  assert.equal(kept, MAX_NEGOTIATIONS);
  assert.deepEqual(dropped, ['IKE messages of further negotiations']);
});

test('keys of one table', () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `${cookie(i)},00ff`).join('\n');
  assert.equal(parseIkev1Table(rows(MAX_KEYS)).size, MAX_KEYS);
  assert.equal(parseIkev1Table(rows(MAX_KEYS + 1)).size, MAX_KEYS);
});

test('addresses of one side: the oldest is forgotten', () => {
  const from = (i: number) => ({ address: ipFromBytes(Uint8Array.of(10, 0, 0, i)), port: 40_000 });
  const stranger = { address: ipFromBytes(Uint8Array.of(10, 0, 1, 0)), port: 40_000 };
  /** Who speaks from an unknown address to the first of so many that the initiator had. */
  const speaker = (addresses: number) => {
    const conversation = new Conversation(1, from(0).address, GATEWAY);
    const table = new IkeTable(PLAIN_READING, () => {});
    const see = (message: Bytes, source: Endpoint, destination: Endpoint) =>
      take(table, message, conversation, { ...ARRIVAL, source, destination });
    see(ike([sa()]), from(0), ARRIVAL.destination);
    see(ike([sa()], REPLY), ARRIVAL.destination, from(0));
    for (let i = 1; i < addresses; i++) see(sealed(64, i, INFORMATIONAL), from(i), ARRIVAL.destination);
    see(sealed(64, 0, INFORMATIONAL), stranger, from(0));
    return conversation.negotiations[0]!.messages.at(-1)!.from;
  };
  assert.equal(speaker(MAX_ADDRESSES), 'responder');
  assert.equal(speaker(MAX_ADDRESSES + 1), 'initiator');
});

/** A first message of `length` bytes in fragments. */
function inFragments(length: number, initiator: string): Bytes[] {
  const filled = (bytes: number) => ike([sa(), { type: PayloadType.VID, body: new Uint8Array(bytes) }], { initiator });
  return splitMessage(filled(length - filled(0).length), 1);
}

/** What was read of the whole. */
function kindsIn({ negotiations }: Conversation, i: number): string[] {
  return negotiations[i]!.messages.flatMap(({ payloads }) => payloads.map(({ kind }) => kind));
}

test('bytes of one message in fragments', () => {
  const read = (length: number) => {
    const conversation = new Conversation(1, CLIENT, GATEWAY);
    const table = new IkeTable(PLAIN_READING, () => {});
    for (const fragment of inFragments(length, COOKIE_I)) take(table, fragment, conversation);
    return kindsIn(conversation, 0).includes('SA');
  };
  assert.ok(read(MAX_WHOLE));
  assert.ok(!read(MAX_WHOLE + 1));
});

test('messages that wait for fragments at one time', () => {
  const firstIsRead = (waiting: number) => {
    const conversation = new Conversation(1, CLIENT, GATEWAY);
    const table = new IkeTable(PLAIN_READING, () => {});
    for (let i = 0; i < waiting; i++) take(table, inFragments(2000, cookie(i))[0]!, conversation);
    take(table, inFragments(2000, cookie(0))[1]!, conversation);
    return kindsIn(conversation, 0).includes('SA');
  };
  assert.ok(firstIsRead(MAX_BUFFERS));
  assert.ok(!firstIsRead(MAX_BUFFERS + 1));
});

test('exchanges of IKEv1 whose IV is kept: the oldest goes', () => {
  const cipherKey = new Uint8Array(32).fill(9);
  const publics = [ike([ke(), nonce()], REPLY), ike([ke(256, 2), nonce(4)], REPLY)];
  const keys = { hash: 'sha1', cipher: 'aes-cbc', cipherKey, skeyidD: EMPTY, skeyidA: EMPTY } as const;
  const phase1Iv = nodeCrypto.hash('sha1', new Uint8Array(256).fill(1), new Uint8Array(256).fill(2)).slice(0, 16);
  const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, flags: Flag.ENCRYPTION };
  const body = encodePayloads([nonce()]);
  const opens = (opener: Ikev1Opener, messageId: number, iv: Bytes) => {
    const sealed = encryptBody(nodeCrypto, keys, iv, body);
    const message = raw(sealed.body, PayloadType.NONCE, { ...quick, messageId });
    const payloads = opener.open(readHead(message, message.length)!, message);
    return { isRead: payloads?.[0]?.body.every((byte) => byte === 3) ?? false, nextIv: sealed.nextIv };
  };
  const secondIsRead = (others: number) => {
    const opener = new Ikev1Opener(nodeCrypto, cipherKey);
    for (const message of [ike([sa()], REPLY), ...publics]) opener.note(readHead(message, message.length)!, message);
    const first = opens(opener, 1, phase2Iv(nodeCrypto, keys, phase1Iv, 1));
    assert.ok(first.isRead);
    for (let id = 2; id < 2 + others; id++)
      assert.ok(opens(opener, id, phase2Iv(nodeCrypto, keys, phase1Iv, id)).isRead);
    return opens(opener, 1, first.nextIv).isRead;
  };
  assert.ok(secondIsRead(MAX_CHAINS - 1));
  assert.ok(!secondIsRead(MAX_CHAINS));
});

test('fragments of one message of IKEv2', () => {
  const key = new Uint8Array(36).fill(7);
  const keys = {
    encryption: [key, key],
    integrity: [EMPTY, EMPTY],
    cipher: 'AES-GCM-256 with 16 octet ICV [RFC5282]',
    mac: 'NONE [RFC4306]',
  } as const;
  /** Each holds one byte of a notification, the rest of it in the last. */
  const pieces = (total: number) => {
    const chain = encodePayloads([{ type: Ikev2Payload.N, body: concat(fromHex('00004000'), new Uint8Array(total)) }]);
    return Array.from({ length: total }, (_, i) =>
      piece(chain.subarray(i, i + 1 === total ? chain.length : i + 1), i + 1, total),
    );
  };
  const piece = (part: Bytes, number: number, total: number) => {
    const iv = new Uint8Array(8).fill(number);
    const plain = concat(part, Uint8Array.of(0));
    const head = Uint8Array.of(number === 1 ? Ikev2Payload.N : 0, 0, 0, 8 + 8 + plain.length + 16, 0, number, 0, total);
    const message = (sealed: Bytes) =>
      encodeMessage(
        {
          initiatorCookie: fromHex(COOKIE_I),
          responderCookie: fromHex(COOKIE_R),
          nextPayload: Ikev2Payload.SKF,
          version: IKEV2_VERSION,
          exchangeType: Ikev2Exchange.IKE_AUTH,
          flags: Ikev2Flag.INITIATOR,
          messageId: 1,
        },
        concat(head, iv, sealed),
      );
    const aad = message(new Uint8Array(plain.length + 16)).subarray(0, 28 + head.length);
    return message(nodeCrypto.gcmSeal(key.subarray(0, 32), concat(key.subarray(-4), iv), aad, plain));
  };
  const isRead = (total: number) => {
    const opener = new Ikev2Opener(nodeCrypto, keys);
    const opened = pieces(total).map((message) => opener.open(readHead(message, message.length)!, message));
    assert.ok(opened.slice(0, -1).every((payloads) => payloads === undefined));
    return opened.at(-1)?.[0]?.type === Ikev2Payload.N;
  };
  assert.ok(isRead(MAX_PIECES));
  assert.ok(!isRead(MAX_PIECES + 1));
});
