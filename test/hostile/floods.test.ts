/** Floods: what an attacker who proves nothing makes the gateway hold, work out, say and tell is bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { u32 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import { type Endpoint, ipFromBytes, parseIp } from '../../src/core/net/address.ts';
import { SECOND } from '../../src/core/net/time.ts';
import { MAX_HALF_OPEN, MAX_HALF_OPEN_BYTES } from '../../src/core/session/sa-table.ts';
import { encodeId, IdType } from '../../src/core/wire/ikev1.ts';
import { ExchangeType, type Payload, PayloadType } from '../../src/core/wire/isakmp.ts';
import { GROUP } from './peer.ts';
import { ATTACKER, clear, cookiesOf, fragment, header, phase1Transform, Siege, saPayload } from './siege.ts';

const cookie = (i: number) => Uint8Array.of(0xa1, 0, 0, 0, ...u32(i + 1));
const source = (i: number): Endpoint => ({ address: ipFromBytes(u32(0x64000000 + i)), port: 500 });

const main1 = (i: number, sa = saPayload()) => clear([sa], { initiatorCookie: cookie(i) });

const shares = (nonceLength = 20): Payload[] => [
  { type: PayloadType.KE, body: Uint8Array.of(...new Uint8Array(255), 5) },
  { type: PayloadType.NONCE, body: new Uint8Array(nonceLength).fill(3) },
];

const aggressive1 = (i: number) => {
  const id = encodeId({ type: IdType.KEY_ID, protocol: 0, port: 0, data: utf8(GROUP) });
  return clear([saPayload(), ...shares(), id], {
    initiatorCookie: cookie(i),
    exchangeType: ExchangeType.AGGRESSIVE,
  });
};

/** As long as a first message may be: as many transforms as fit, the last of which will do. Each `i` has its own. */
function longestSa(i = 0): Payload {
  const unknown = Array.from({ length: 250 }, () => phase1Transform({ 1: 99 }));
  return saPayload([...unknown, phase1Transform({ 1: 99, 12: i }), phase1Transform()]);
}

test('first messages of main mode cost no key, and only so many are held', () => {
  const siege = new Siege();
  const flood = 3 * MAX_HALF_OPEN;
  for (let i = 0; i < flood; i++) siege.send(main1(i), source(i));
  assert.equal(siege.work.generateDh, 0);
  assert.equal(siege.work.hmac, 0);
  assert.equal(siege.gateway.halfOpen, MAX_HALF_OPEN);
  assert.deepEqual(siege.drops(), { ike_half_open_full: flood - MAX_HALF_OPEN });
  siege.addPeer({ address: parseIp('198.51.100.11')!, port: 500 }, { mode: 'main' }).connect();
  siege.checkHonest();
  assert.equal(siege.gateway.halfOpen, 0, 'all have timed out');
  assert.equal(siege.gateway.halfOpenBytes, 0);
});

test('first messages that all repeat one another are one', () => {
  const siege = new Siege();
  for (let i = 0; i < 1000; i++) siege.send(main1(0));
  assert.equal(siege.gateway.halfOpen, 1);
  assert.ok(siege.answers.length <= 9, `${siege.answers.length} answers`);
  siege.checkHonest();
});

test('an offer that all make is kept once, for as long as one of them needs it', async () => {
  const siege = new Siege();
  const { length } = longestSa().body;
  const before = await heldMemory();
  for (let i = 0; i < MAX_HALF_OPEN; i++) {
    siege.send(main1(i, longestSa()), source(i));
    siege.answers.length = 0;
    siege.drawn.length = 0;
  }
  assert.deepEqual(siege.drops(), {});
  assert.equal(siege.gateway.halfOpen, MAX_HALF_OPEN);
  const own = siege.gateway.halfOpenBytes - length;
  assert.ok(own < 300 * MAX_HALF_OPEN, `${own} bytes beside the offer`);
  const held = (await heldMemory()) - before;
  assert.ok(held < 6000 * MAX_HALF_OPEN, `${held} bytes held, offers of ${length}`);
  siege.send(main1(MAX_HALF_OPEN, longestSa(1)), source(MAX_HALF_OPEN));
  assert.deepEqual(siege.drops(), { ike_half_open_full: 1 });
  assert.ok(siege.gateway.halfOpenBytes >= own + 2 * length, 'one that differs is counted');
  siege.checkHonest();
  assert.equal(siege.gateway.halfOpenBytes, 0, 'the offer went with the last that needed it');
});

test('the longest offers are held up to a number of bytes', async () => {
  const siege = new Siege();
  const message = main1(0, longestSa(0));
  assert.ok(message.length > 7000 && message.length <= 16_384, `${message.length} bytes`);
  const before = await heldMemory();
  for (let i = 0; i < MAX_HALF_OPEN; i++) {
    siege.send(main1(i, longestSa(i)), source(i));
    siege.answers.length = 0;
    siege.drawn.length = 0;
    assert.ok(siege.gateway.halfOpenBytes <= MAX_HALF_OPEN_BYTES);
  }
  assert.ok(siege.dropped('ike_half_open_full') > 1000, `${siege.dropped('ike_half_open_full')} gave way`);
  const held = (await heldMemory()) - before;
  assert.ok(held < 3 * MAX_HALF_OPEN_BYTES, `${held >> 20} MiB held`);
  assert.equal(siege.work.generateDh, 0);
  siege.checkHonest();
  assert.equal(siege.gateway.halfOpenBytes, 0);
});

test('the fragments of first messages count among the bytes', () => {
  const siege = new Siege();
  const data = new Uint8Array(4000).fill(9);
  for (let i = 0; i < MAX_HALF_OPEN; i++) {
    for (let number = 1; number <= 4; number++)
      siege.send(fragment({ number, data }, { initiatorCookie: cookie(i) }), source(i));
    assert.ok(siege.gateway.halfOpenBytes <= MAX_HALF_OPEN_BYTES);
  }
  assert.ok(siege.dropped('ike_half_open_full') > 10);
  siege.checkHonest();
});

test('third messages of main mode cost one key each, and g^xy only with the fifth', () => {
  const siege = new Siege();
  for (let i = 0; i < 100; i++) {
    siege.send(main1(i), source(i));
    const cookies = cookiesOf(siege.answers.at(-1)!.message);
    for (let again = 0; again < 20; again++) siege.send(clear(shares(), cookies), source(i));
  }
  assert.equal(siege.work.generateDh, 100);
  assert.equal(siege.work.sharedSecret, 0);
  siege.checkHonest();
});

test('aggressive mode from one endpoint is held to its rate, and the neighbour behind the same NAT gets in', () => {
  const siege = new Siege();
  for (let i = 0; i < 1000; i++) siege.send(aggressive1(i));
  assert.equal(siege.work.generateDh, 8);
  assert.deepEqual(siege.drops(), { ike_rate_limit: 992 });
  siege.addPeer({ ...ATTACKER, port: 4501 }, { mode: 'aggressive' }).connect();
  siege.checkHonest();
});

test('aggressive mode from all ports of one address is held to its rate, and other addresses get in', () => {
  const siege = new Siege();
  for (let i = 0; i < 5000; i++) siege.send(aggressive1(i), { ...ATTACKER, port: 1024 + i });
  // its own share, and what others leave down to half of all
  assert.equal(siege.work.generateDh, 100 + 200);
  assert.deepEqual(siege.drops(), { ike_rate_limit: 4700 });
  siege.addPeer({ address: parseIp('192.0.2.67')!, port: 500 }, { mode: 'aggressive' }).connect();
  siege.checkHonest();
});

test('a neighbour with thousands of ports uses them up: who is new behind the same NAT gets in, trying as vpnc does', () => {
  const siege = new Siege();
  const client = siege.addPeer({ ...ATTACKER, port: 1023 }, { mode: 'aggressive' });
  const flooder = new Flooder(siege, 2000);
  flooder.flood(500);
  client.begin();
  assert.equal(client.events.length, 0, 'its first try is lost');
  flooder.flood(1000);
  // vpnc 0.5.3 sends its first message again after 1, 3 and 7 seconds
  for (const wait of [1, 2, 4]) {
    if (client.events.length === 0) client.send(client.sent[0]!);
    flooder.flood(wait * 1000);
  }
  if (client.events.length === 0) client.send(client.sent[0]!);
  assert.equal(client.tunnels, 1, 'it got in');
  assert.ok(siege.dropped('ike_rate_limit') > 10_000);
  flooder.flood(3000);
  siege.addPeer({ ...ATTACKER, port: 1022 }, { mode: 'aggressive' }).connect();
  siege.checkHonest();
});

test('who logged in lately comes back at once, though a neighbour floods from all ports of the NAT', () => {
  const siege = new Siege();
  const user = siege.addPeer({ ...ATTACKER, port: 30_000 }, { mode: 'aggressive' }).connect();
  const flooder = new Flooder(siege, 60_000);
  flooder.flood(10_000);
  assert.ok(siege.dropped('ike_rate_limit') > 15_000, `${siege.dropped('ike_rate_limit')}`);
  const before = user.tunnels;
  user.connect();
  assert.equal(user.tunnels, before + 1);
  siege.checkHonest();
});

test('who knows the group secret but nobody who may log in has no share of those who did', () => {
  const siege = new Siege();
  siege.addPeer({ ...ATTACKER, port: 30_000 }, { mode: 'aggressive', until: 'phase 1' }).connect();
  new Flooder(siege, 60_000).flood(5000);
  const before = siege.dropped('ike_rate_limit');
  siege.send(aggressive1(0xfffff), { ...ATTACKER, port: 30_000 });
  assert.equal(siege.dropped('ike_rate_limit'), before + 1);
  siege.checkHonest();
});

test('a flood from everywhere leaves room for a user who comes by another port than last time', () => {
  const siege = new Siege();
  const address = parseIp('198.51.100.77')!;
  siege.addPeer({ address, port: 500 }, { mode: 'aggressive' }).connect();
  for (let i = 0; i < 10_000; i++) siege.send(aggressive1(i), source(i));
  const stranger = siege.addPeer({ address: parseIp('198.51.100.78')!, port: 500 }, { mode: 'aggressive' }).begin();
  assert.equal(stranger.events.length, 0);
  siege.addPeer({ address, port: 40_000 }, { mode: 'aggressive' }).connect();
  siege.checkHonest();
});

test('the share of those who logged in has an end of its own: an address that is forged does not use it up', () => {
  const siege = new Siege();
  const address = parseIp('198.51.100.77')!;
  const user = siege.addPeer({ address, port: 500 }, { mode: 'aggressive' }).connect();
  for (let i = 0; i < 10_000; i++) siege.send(aggressive1(i), source(i));
  siege.forgetWork();
  for (let i = 0; i < 20_000; i++) siege.send(aggressive1(i), { address, port: 1024 + i });
  assert.equal(siege.work.generateDh, 8, 'as much as an address has of it');
  const before = user.tunnels;
  user.connect();
  assert.equal(user.tunnels, before + 1);
  siege.checkHonest();
});

test('an identity as long as a message allows counts among the bytes held', () => {
  const siege = new Siege();
  const id = encodeId({ type: IdType.KEY_ID, protocol: 0, port: 0, data: new Uint8Array(12_000) });
  const fields = { initiatorCookie: cookie(0), exchangeType: ExchangeType.AGGRESSIVE };
  siege.send(clear([saPayload(), ...shares(), id], fields));
  assert.ok(siege.gateway.halfOpenBytes > 12_000, `${siege.gateway.halfOpenBytes}`);
  siege.checkHonest();
});

test('aggressive mode from everywhere is held to its rate, and main mode still gets in', () => {
  const siege = new Siege();
  // the honest client took one of the 600
  for (let i = 0; i < 10_000; i++) siege.send(aggressive1(i), source(i));
  assert.equal(siege.work.generateDh, 599);
  assert.equal(siege.dropped('ike_rate_limit'), 10_000 - 599);
  siege.addPeer({ address: parseIp('198.51.100.11')!, port: 500 }, { mode: 'main' }).connect();
  siege.advance(2 * SECOND);
  siege.addPeer({ address: parseIp('198.51.100.12')!, port: 500 }, { mode: 'aggressive' }).connect();
  siege.checkHonest();
});

test('messages under cookies that nobody has are counted, and answered at a bounded rate', () => {
  const siege = new Siege();
  for (let i = 0; i < 5000; i++) {
    const fields = { initiatorCookie: cookie(i), responderCookie: cookie(i), exchangeType: ExchangeType.QUICK_MODE };
    siege.send(clear([{ type: PayloadType.HASH, body: new Uint8Array(20) }], fields), source(i));
  }
  assert.deepEqual(siege.drops(), { ike_unknown_cookies: 5000 });
  assert.ok(siege.answers.length <= 20, `${siege.answers.length} answers`);
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});

test('notifications under cookies that nobody has are never answered: two gateways would not stop', () => {
  const siege = new Siege();
  for (let i = 0; i < 100; i++) {
    const fields = { responderCookie: cookie(i), exchangeType: ExchangeType.INFORMATIONAL };
    siege.expectDrop('ike_unknown_cookies', `${i}`, () => siege.send(clear([], fields)));
  }
  assert.equal(siege.answers.length, 0);
  siege.checkHonest();
});

test('a person is told of a flood at a bounded rate', () => {
  const siege = new Siege();
  const refused = saPayload([phase1Transform({ 1: 1 })]);
  for (let i = 0; i < 5000; i++) siege.send(main1(i, refused), source(i));
  assert.ok(siege.all('failure').length <= 100, `${siege.all('failure').length} lines`);
  assert.equal(siege.gateway.halfOpen, 0, 'what is refused is not held');
  siege.checkHonest();
});

test('noise of every length is counted', () => {
  const siege = new Siege();
  let sent = 0;
  for (let length = 0; length < 2000; length++) {
    siege.send(siege.random.bytes(length));
    sent++;
  }
  assert.deepEqual(siege.drops(), { ike_malformed: sent });
  siege.checkHonest();
});

test('a header alone, of every version and exchange type, is counted', () => {
  const siege = new Siege();
  for (let version = 0; version < 256; version++) {
    for (let exchangeType = 0; exchangeType < 256; exchangeType += version >> 4 === 1 ? 1 : 51) {
      const before = Object.values(siege.drops()).reduce((a, b) => a + b, 0);
      if (exchangeType === ExchangeType.AGGRESSIVE) continue;
      siege.send(clear([], { ...header(), version, exchangeType }));
      const after = Object.values(siege.drops()).reduce((a, b) => a + b, 0);
      assert.equal(after, before + 1, `version ${version}, exchange ${exchangeType}`);
    }
  }
  siege.checkHonest();
});

/** A neighbour behind one NAT who begins an aggressive mode every half a millisecond, each time from the next of its ports. */
class Flooder {
  readonly #siege: Siege;
  readonly #ports: number;
  #sent = 0;

  constructor(siege: Siege, ports: number) {
    this.#siege = siege;
    this.#ports = ports;
  }

  flood(milliseconds: number): void {
    for (let i = 0; i < 2 * milliseconds; i++) {
      if (i % 2 === 0) this.#siege.advance(1);
      const port = 1024 + (this.#sent % this.#ports);
      // port 30000 is mapped to another
      if (port !== 30_000) this.#siege.send(aggressive1(this.#sent), { ...ATTACKER, port });
      this.#sent++;
      if (this.#sent % 1000 === 0) this.#siege.answers.length = 0;
    }
  }
}

/** Bytes that are still reachable. */
async function heldMemory(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // memory outside the heap goes a little later than what held it
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
