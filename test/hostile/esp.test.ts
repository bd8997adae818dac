/** ESP that is forged, repeated, scanned for, or authentic and lying: each is counted, and the other client's packets pass. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type EspSuite, suiteName } from '../../src/core/crypto/algorithms.ts';
import { REPLAY_WINDOW } from '../../src/dataplane/replay.ts';
import { spiOf } from '../dataplane/lab/keys.ts';
import { checksum, ip4, SYN, setU16, tcp4 } from '../dataplane/packets.ts';
import { Seeded } from '../seeded.ts';
import { INNER, Tunnels, US } from './tunnels.ts';

const SUITES: readonly EspSuite[] = [
  { cipher: 'aes-gcm', keyBits: 128 },
  { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha256' },
];

const data = new Uint8Array(60).fill(7);
const own = (payload = data) => ip4({ source: INNER[1], destination: US }, payload);

/** A packet with header fields changed and its checksum right. */
function changed(packet: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = packet.slice();
  copy.set(bytes, at);
  setU16(copy, 10, 0);
  setU16(copy, 10, checksum(copy.subarray(0, 20)));
  return copy;
}

for (const suite of SUITES) {
  describe(suiteName(suite), () => {
    let tunnels: Tunnels;
    before(() => {
      tunnels = new Tunnels(suite);
    });
    after(() => tunnels.close());

    test('packets of every length that is none', () => {
      const whole = tunnels.seal(1, own());
      for (let length = 0; length < whole.length; length++) {
        const what = `${length} bytes`;
        const counters = tunnels.counted();
        tunnels.receive(whole.subarray(0, length), 1);
        const { drop_malformed: m = 0, drop_authentication: a = 0, ...others } = tunnels.counted();
        const { drop_malformed: m0 = 0, drop_authentication: a0 = 0, ...others0 } = counters;
        assert.equal(m + a, m0 + a0 + 1, what);
        assert.deepEqual(others, others0, what);
      }
      assert.ok(tunnels.counted().drop_malformed! >= 8 + 16);
      tunnels.receive(whole, 1);
      tunnels.checkOther();
    });

    test('padding that lies, though it is authentic', () => {
      for (let claimed = 1; claimed < 256; claimed++) {
        const plaintext = new Uint8Array(64);
        plaintext.set(own(new Uint8Array(20)));
        plaintext.set([claimed, 4], 62);
        // zeros before it are the padding of none but 0
        tunnels.expectDrop('drop_padding', `${claimed} bytes`, tunnels.sealRaw(1, plaintext), 1);
      }
      const swallowed = new Uint8Array(48);
      for (let i = 0; i < 46; i++) swallowed[i] = i + 1;
      swallowed.set([47, 4], 46);
      tunnels.expectDrop('drop_padding', 'more than the packet has', tunnels.sealRaw(1, swallowed), 1);
      swallowed.set([46, 4], 46);
      tunnels.expectDrop('drop_inner_header', 'all of it', tunnels.sealRaw(1, swallowed), 1);
      tunnels.checkOther();
    });

    test('every next header that is not IPv4', () => {
      for (let next = 0; next < 256; next++) {
        if (next === 4) continue;
        const counter = next === 59 ? 'drop_dummy' : next === 41 ? 'drop_inner_ipv6' : 'drop_next_header';
        tunnels.expectDrop(counter, `next header ${next}`, tunnels.seal(1, own(), next), 1);
      }
      tunnels.checkOther();
    });

    test("inner sources that are somebody else's, and destinations outside", () => {
      const sources = [INNER[2], US, '0.0.0.0', '127.0.0.1', '255.255.255.255', '224.0.0.1', '8.8.8.8', '10.8.0.0'];
      for (const source of sources) {
        const packet = tunnels.seal(1, ip4({ source, destination: US }, data));
        tunnels.expectDrop('drop_inner_source', source, packet, 1);
      }
      for (const destination of ['10.9.0.1', '127.0.0.1', '0.0.0.0', '255.255.255.255', '8.8.8.8']) {
        const packet = tunnels.seal(1, ip4({ source: INNER[1], destination }, data));
        tunnels.expectDrop('drop_inner_destination', destination, packet, 1);
      }
      const across = tunnels.seal(1, ip4({ source: INNER[1], destination: INNER[2] }, data));
      tunnels.expectDrop('drop_client_to_client', 'to the other client', across, 1);
      tunnels.checkOther();
    });

    test('inner packets cut, of another version, or with lengths that lie', () => {
      const whole = own();
      for (let length = 0; length < whole.length; length++) {
        tunnels.expectDrop('drop_inner_header', `cut to ${length}`, tunnels.seal(1, whole.subarray(0, length)), 1);
      }
      for (let version = 0; version < 16; version++) {
        if (version === 4) continue;
        const packet = changed(whole, 0, (version << 4) | 5);
        tunnels.expectDrop('drop_inner_header', `version ${version}`, tunnels.seal(1, packet), 1);
      }
      for (let words = 0; words < 5; words++) {
        const packet = changed(whole, 0, 0x40 | words);
        tunnels.expectDrop('drop_inner_header', `header of ${words} words`, tunnels.seal(1, packet), 1);
      }
      for (const total of [0, 1, 19, whole.length + 1, 0x7fff, 0xffff]) {
        const packet = changed(whole, 2, total >> 8, total & 255);
        tunnels.expectDrop('drop_inner_header', `total length ${total}`, tunnels.seal(1, packet), 1);
      }
      const options = changed(own(new Uint8Array(4)), 0, 0x4f);
      tunnels.expectDrop('drop_inner_header', 'options longer than the packet', tunnels.seal(1, options), 1);
      tunnels.checkOther();
    });

    test('inner fragments pass as they are: none is read as a TCP header', () => {
      const options = Uint8Array.of(2, 4, 0xff, 0xff);
      const syn = tcp4({ source: INNER[1], destination: US }, { flags: SYN, options }, new Uint8Array(0));
      for (const offset of [1, 185, 0x1fff, 0x2001, 0x3fff]) {
        const piece = changed(syn, 6, offset >> 8, offset & 255);
        tunnels.receive(tunnels.seal(1, piece), 1);
        assert.deepEqual(tunnels.delivered().at(-1), piece, `offset ${offset}`);
      }
      const counters = tunnels.counted();
      for (const length of [20, 21, 24, 33, 39]) {
        const tiny = changed(syn.slice(0, length), 2, 0, length);
        tunnels.receive(tunnels.seal(1, tiny), 1);
        assert.deepEqual(tunnels.delivered().at(-1), tiny, 'a TCP header that is cut is not read either');
      }
      assert.deepEqual(tunnels.counted(), counters);
      tunnels.checkOther();
    });

    test('each byte of a packet changed', () => {
      const packet = tunnels.seal(1, own());
      for (let at = 4; at < packet.length; at++) {
        const flipped = packet.slice();
        flipped[at]! ^= 1 << (at & 7);
        const { drop_authentication: a = 0, drop_replay: r = 0 } = tunnels.counted();
        tunnels.receive(flipped, 1);
        const { drop_authentication: a1 = 0, drop_replay: r1 = 0 } = tunnels.counted();
        assert.equal(a1 + r1, a + r + 1, `byte ${at}`);
      }
      const delivered = tunnels.delivered().length;
      tunnels.receive(packet, 1);
      assert.equal(tunnels.delivered().length, delivered + 1, 'the true one still counts');
      tunnels.checkOther();
    });

    test('repeats, from the client and from elsewhere, at once, later and too late', () => {
      const packets = Array.from({ length: 50 }, () => tunnels.seal(1, own()));
      for (const packet of packets) tunnels.receive(packet, 1);
      for (const [i, packet] of packets.entries())
        tunnels.expectDrop('drop_replay', `packet ${i}`, packet, i & 1 ? 1 : 'attacker');
      const kept = tunnels.seal(1, own());
      for (let i = 0; i < REPLAY_WINDOW; i++) tunnels.receive(tunnels.seal(1, own(new Uint8Array(0))), 1);
      tunnels.expectDrop('drop_replay', 'held back until it left the window', kept, 1);
      const zero = tunnels.seal(1, own());
      zero.fill(0, 4, 8);
      tunnels.expectDrop('drop_replay', 'number 0', zero, 1);
      tunnels.checkOther();
    });

    test('forged packets do not move the window, the path or the time', () => {
      const random = new Seeded(3);
      tunnels.reports();
      for (let i = 0; i < 500; i++) {
        const forged = random.bytes(8 + 16 + 16 * (1 + random.below(8)) + 16);
        const view = new DataView(forged.buffer);
        view.setUint32(0, spiOf(1, 1));
        view.setUint32(4, 0xffff_0000 + i);
        const size = suite.cipher === 'aes-gcm' ? 8 + 8 + 16 + 16 * (1 + (i & 7)) : forged.length;
        tunnels.expectDrop('drop_authentication', `${i}`, forged.subarray(0, Math.min(size, forged.length)));
      }
      assert.deepEqual(tunnels.reports(), []);
      const delivered = tunnels.delivered().length;
      tunnels.receive(tunnels.seal(1, own()), 1);
      assert.equal(tunnels.delivered().length, delivered + 1);
      tunnels.checkOther();
    });

    test('a scan for SPIs is counted, and told of at a bounded rate', () => {
      tunnels.reports();
      const taken = [spiOf(1, 1), spiOf(2, 1)];
      for (let i = 0; i < 5000; i++) {
        const packet = tunnels.seal(1, own(), 4, 1);
        const spi = i < 256 ? i : taken[0]! - 2500 + i;
        if (taken.includes(spi)) continue;
        new DataView(packet.buffer, packet.byteOffset).setUint32(0, spi);
        tunnels.receive(packet);
      }
      assert.ok(tunnels.counted().drop_unknown_spi! >= 4998);
      const told = tunnels.reports().filter(({ type }) => type === 'unknown-spi');
      assert.ok(told.length > 0 && told.length <= 10, `${told.length} reports`);
      tunnels.checkOther();
    });

    test("one client's packet under the other's SPI", () => {
      const packet = tunnels.seal(1, own());
      new DataView(packet.buffer, packet.byteOffset).setUint32(0, spiOf(2, 1));
      new DataView(packet.buffer, packet.byteOffset).setUint32(4, 0x7000_0000);
      tunnels.expectDrop('drop_authentication', 'its keys are others', packet, 1);
      tunnels.checkOther();
    });

    test('packets as large as a datagram can be', () => {
      const random = new Seeded(4);
      const forged = random.bytes(65_496);
      new DataView(forged.buffer).setUint32(0, spiOf(1, 1));
      new DataView(forged.buffer).setUint32(4, 0xfff0_0000);
      const body = suite.cipher === 'aes-gcm' ? 8 + 8 + 16 : 8 + 16 + 16;
      tunnels.expectDrop('drop_authentication', 'forged', forged.subarray(0, body + 16 * 4000));
      const large = ip4({ source: INNER[2], destination: US }, new Uint8Array(60_000));
      tunnels.expectDrop('drop_inner_source', 'authentic', tunnels.seal(1, large), 1);
      tunnels.checkOther();
    });
  });
}

test('a flood of IKE that the main thread can not keep up with is counted, and what must be heard still is', () => {
  const tunnels = new Tunnels(SUITES[0]!);
  const flood = 4000;
  for (let i = 0; i < flood; i++) tunnels.receiveIke(1000);
  const dropped = tunnels.counted().drop_ike_ring_full!;
  assert.ok(dropped > 1000, `${dropped} dropped`);
  tunnels.receive(tunnels.seal(1, own()), 1);
  tunnels.checkOther();
  const types = tunnels.reports().map(({ type }) => type);
  assert.equal(types.filter((type) => type === 'ike').length, flood - dropped);
  assert.equal(types.filter((type) => type === 'first-packet').length, 2);
  tunnels.receiveIke(1000);
  assert.equal(tunnels.counted().drop_ike_ring_full, dropped, 'there is room again');
  tunnels.close();
});
