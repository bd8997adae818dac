/** The secret of a tunnel: who proves it to whom, and what is hidden with it. The bytes of xl2tpd 1.3.18 are from a run against us. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { u16 } from '../../../src/core/bytes/bytes.ts';
import { fromHex, toHex, utf8 } from '../../../src/core/bytes/text.ts';
import { avp, MAX_HIDDEN, readMessage } from '../../../src/core/l2tp/messages.ts';
import { TunnelSecret } from '../../../src/core/l2tp/tunnel-secret.ts';
import { type Avp, AvpType, encodeAvps, MessageType as M } from '../../../src/core/wire/l2tp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { hide } from './hide.ts';
import { Lac, PEER_SESSION, PEER_TUNNEL, sccrqAvps } from './lac.ts';
import { closedBy, TunnelPair, told } from './pair.ts';

const SECRET = 'tunnelsecret';
const known = new TunnelSecret(nodeCrypto, utf8(SECRET));

describe("a tunnel's secret", () => {
  it('is proven as xl2tpd takes it and gives it', () => {
    const asked = fromHex('dac6b63dc30a3dbb090617b96d800b87');
    assert.equal(toHex(known.respond(M.SCCRP, asked)), '24cb748d9395a2540823851897e34b67');
    const ours = fromHex('160b01907ccaeacd25a8ea1c754df009');
    assert.ok(known.proves(M.SCCCN, ours, fromHex('4772ee367a556c75576e05fe29ec08c7')));
    assert.ok(!known.proves(M.SCCRP, ours, fromHex('4772ee367a556c75576e05fe29ec08c7')), 'the message counts');
    assert.ok(!known.proves(M.SCCCN, ours, undefined));
    assert.ok(!known.proves(M.SCCCN, ours, new Uint8Array(0)));
  });

  it('joins who has it on both ends, and parts who has another or none', () => {
    const dial = (lac: string | undefined, lns: string | undefined) => new TunnelPair({ lac, lns }).dial();
    assert.ok(dial(SECRET, SECRET).lac.call);
    const other = dial(SECRET, 'other');
    assert.match(closedBy(other.lacEvents)!, /the gateway doesn't know the tunnel secret/);
    assert.match(closedBy(other.lnsEvents)!, /closed its tunnel \(StopCCN, result 4\)/);
    const none = dial(SECRET, undefined);
    assert.match(closedBy(none.lnsEvents)!, /asks for a tunnel secret; there is none.*'l2tp.secret'/);
    assert.equal(none.lac.call, undefined);
    assert.ok(dial(undefined, SECRET).lac.call, 'who asks for no secret is asked for none');
  });

  it('has who asks for it prove it too', () => {
    const challenge = avp(AvpType.CHALLENGE, new Uint8Array(16).fill(5));
    for (const response of [undefined, new Uint8Array(16), new Uint8Array(0)]) {
      const lac = new Lac(5, SECRET).sccrq([challenge]);
      lac.scccn(response && [avp(AvpType.CHALLENGE_RESPONSE, response)]);
      assert.match(lac.closed!, /the client doesn't know the tunnel secret that it asked for/);
      assert.equal(lac.takeTypes().at(-1), M.StopCCN);
    }
    const early = new Lac(5, SECRET).sccrq([challenge]).icrq().iccn();
    assert.deepEqual(early.told, ['l2tp_unexpected', 'l2tp_unexpected']);
  });

  it('opens what is hidden with it, by the last Random Vector before', () => {
    const random = new Seeded(9);
    for (const length of [0, 1, 13, 14, 15, 30, 31, 1000]) {
      const value = random.bytes(length);
      const padding = length === 1000 ? 0 : random.below(20);
      const hidden = hide(avp(AvpType.HOST_NAME, value), SECRET, random.bytes(1 + random.below(40)), padding);
      const stale = avp(AvpType.RANDOM_VECTOR, random.bytes(16));
      const body = encodeAvps([avp(AvpType.MESSAGE_TYPE, u16(M.SCCRQ)), stale, ...hidden]);
      const message = readMessage(body, known);
      assert.equal(message.unknown, undefined);
      assert.deepEqual(message.values.get(AvpType.HOST_NAME), value);
      assert.ok(readMessage(body).unknown?.hidden, 'without a secret it is closed');
    }
  });

  it('opens so much of one message and no more', () => {
    const [vector, hidden] = hide(avp(AvpType.HOST_NAME, new Uint8Array(510)), SECRET, new Uint8Array(16)) as [
      Avp,
      Avp,
    ];
    const message = (...more: readonly Avp[]) =>
      readMessage(encodeAvps([avp(AvpType.MESSAGE_TYPE, u16(M.SCCRQ)), vector, ...more]), known);
    const most = new Array(MAX_HIDDEN / hidden.value.length).fill(hidden);
    assert.equal(most.length, 8);
    assert.equal(message(...most).unknown, undefined);
    assert.ok(message(...most, hidden).unknown?.hidden);
  });

  it('makes a whole call of hidden numbers', () => {
    const vector = new Uint8Array(16).fill(3);
    const lac = new Lac(5, SECRET);
    const [version, framing, host, tunnel] = sccrqAvps(PEER_TUNNEL);
    lac.say(M.SCCRQ, [version!, framing!, ...hide(host!, SECRET, vector), ...hide(tunnel!, SECRET, vector, 3)]);
    lac.scccn();
    lac.say(M.ICRQ, hide(avp(AvpType.ASSIGNED_SESSION_ID, u16(PEER_SESSION)), SECRET, vector));
    lac.iccn();
    assert.deepEqual([lac.call?.peerTunnel, lac.call?.peerSession], [PEER_TUNNEL, PEER_SESSION]);
  });

  it('opens nothing that was hidden with another, lies about its length, or has no vector', () => {
    const vector = new Uint8Array(16).fill(3);
    const host = avp(AvpType.HOST_NAME, utf8('ann'));
    const [first, hidden] = hide(host, SECRET, vector);
    const [, others] = hide(host, 'another', vector);
    const lying = hide({ ...host, value: new Uint8Array(3) }, SECRET, vector)[1]!;
    const cases: readonly (readonly Avp[])[] = [
      [hidden!],
      [first!, others!],
      [first!, { ...lying, value: lying.value.slice(0, 4) }],
      [first!, { ...hidden!, value: new Uint8Array(0) }],
      [first!, { ...hidden!, value: new Uint8Array(1) }],
      [{ ...first!, hidden: true }, hidden!],
      [{ ...first!, vendor: 9 }, hidden!],
      [first!, { ...hidden!, vendor: 9 }],
    ];
    for (const [i, avps] of cases.entries()) {
      const lac = new Lac(5, SECRET).sccrq(avps);
      assert.match(lac.closed ?? '', /AVP that may not be passed over/, `${i}`);
      const passed = new Lac(5, SECRET).sccrq(avps.map((one) => ({ ...one, mandatory: false })));
      assert.deepEqual(passed.takeTypes(), [M.SCCRP], `${i}`);
    }
    const type = { ...hide(avp(AvpType.MESSAGE_TYPE, u16(M.SCCRQ)), SECRET, vector)[1]! };
    const lac = new Lac(5, SECRET).sayBody(encodeAvps([type]));
    assert.deepEqual(lac.told, ['l2tp_malformed'], "a message's type is never hidden");
  });

  it('is worth one tunnel at a time over lines that lose and reorder', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const both = new TunnelPair({ seed, loss: 0.1, jitter: 1500, lac: SECRET, lns: SECRET }).dial(60_000);
      assert.ok(both.lac.call && both.lnsCall, `seed ${seed}: ${told(both.lacEvents)}`);
    }
  });
});
