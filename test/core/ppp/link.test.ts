/** PPP from LCP to IPCP, and everything that a peer may do wrong on the way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { fromUtf8, utf8 } from '../../../src/core/bytes/text.ts';
import { checkChapMd5 } from '../../../src/core/ppp/chap-md5.ts';
import { ECHO_INTERVAL, MAX_ECHOES } from '../../../src/core/ppp/link-end.ts';
import { MAX_CHALLENGES } from '../../../src/core/ppp/login.ts';
import { checkMsChapV2, ntPasswordHash } from '../../../src/core/ppp/ms-chap-v2.ts';
import { MAX_NAKS, MAX_REQUESTS, MAX_ROUNDS } from '../../../src/core/ppp/negotiation.ts';
import {
  ChapCode,
  Code,
  encodeControlPacket,
  encodeOptions,
  encodePapRequest,
  encodePppFrame,
  IpcpOption,
  LcpOption,
  MAX_OPTIONS,
  PapCode,
  PppProtocol,
  parseOptions,
} from '../../../src/core/wire/ppp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { GIVEN, Pair } from './peer.ts';

const { LCP, IPCP, PAP, CHAP } = PppProtocol;
const EMPTY = new Uint8Array(0);

describe('a PPP link', () => {
  it('comes up by PAP, and gives what it is told to', () => {
    const ipcp = [IpcpOption.ADDRESS, IpcpOption.PRIMARY_DNS, IpcpOption.SECONDARY_DNS, IpcpOption.PRIMARY_NBNS];
    const pair = new Pair({ ipcp: [...ipcp, IpcpOption.SECONDARY_NBNS] }).dial();
    assert.deepEqual(pair.all('authenticate')[0]?.proof, { method: 'pap', name: 'ann', password: 'secret' });
    assert.deepEqual(pair.all('up'), [{ type: 'up', peer: { mru: 1380, acfc: true, pfc: true } }]);
    const values = Object.fromEntries([...pair.peer.ipcp].map(([type, value]) => [type, value.join('.')]));
    assert.deepEqual(values, { 3: '10.77.0.9', 129: '10.1.0.53', 131: '10.1.0.54', 130: '10.1.0.60' });
    assert.deepEqual(parseOptions(pair.heard(IPCP, Code.CONFIGURE_REQUEST)[0]!.data), [
      { type: IpcpOption.ADDRESS, data: GIVEN.ownAddress.bytes },
    ]);
  });

  it('comes up by MS-CHAPv2 with a peer that can nothing else', () => {
    const pair = new Pair({ can: ['ms-chap-v2'], name: 'DOMAIN\\ann' });
    pair.verdict = () => undefined;
    pair.dial();
    const { proof } = pair.all('authenticate')[0]!;
    assert.equal(proof.method, 'ms-chap-v2');
    assert.equal(proof.name, 'ann', 'the domain is no part of the name');
    if (proof.method !== 'ms-chap-v2') return;
    const response = checkMsChapV2(nodeCrypto, ntPasswordHash('secret'), proof.exchange);
    assert.match(response!, /^S=[0-9A-F]{40}$/);
    assert.equal(checkMsChapV2(nodeCrypto, ntPasswordHash('other'), proof.exchange), undefined);
    pair.link.answer({ ok: true, given: GIVEN, response }, pair.now);
    pair.run();
    assert.equal(pair.peer.success, `${response} M=Welcome`);
    assert.equal(pair.peer.address, '10.77.0.9');
  });

  it('comes up by CHAP with MD5, and leaves the check to who knows the password', () => {
    const pair = new Pair({ offered: ['chap-md5'], can: ['chap-md5'] });
    pair.verdict = () => undefined;
    pair.dial();
    const { proof } = pair.all('authenticate')[0]!;
    assert.ok(proof.method === 'chap-md5' && proof.name === 'ann');
    assert.ok(checkChapMd5(nodeCrypto, utf8('secret'), proof.exchange));
    assert.ok(!checkChapMd5(nodeCrypto, utf8('other'), proof.exchange));
    const { exchange } = proof;
    assert.ok(!checkChapMd5(nodeCrypto, utf8('secret'), { ...exchange, identifier: exchange.identifier ^ 1 }));
    assert.ok(!checkChapMd5(nodeCrypto, utf8('secret'), { ...exchange, response: EMPTY }));
    pair.link.answer({ ok: true, given: GIVEN, response: undefined }, pair.now);
    pair.run();
    assert.equal(pair.peer.address, '10.77.0.9');
  });

  it('gives up on a peer that knows none of the methods, or none at all', () => {
    const pair = new Pair({ offered: ['ms-chap-v2'], can: ['pap'] }).dial();
    assert.match(pair.down!, /no way to log in that is offered here; the last was ms-chap-v2/);
    const none = new Pair({ mute: true }).dial();
    const [request] = none.heard(LCP, Code.CONFIGURE_REQUEST);
    const option = parseOptions(request!.data).filter(({ type }) => type === LcpOption.AUTHENTICATION);
    none.peer.send(LCP, Code.CONFIGURE_REJECT, encodeOptions(option), request!.identifier);
    assert.match(none.run().down!, /refuses to prove who it is/);
  });

  it('says no, waits for the peer to hang up, and repeats the no that was lost', () => {
    for (const can of ['pap', 'ms-chap-v2'] as const) {
      const pair = new Pair({ can: [can] });
      pair.verdict = () => ({ ok: false, reason: 'wrong password' });
      pair.dial();
      assert.ok(pair.peer.refused);
      assert.equal(pair.down, undefined);
      const protocol = can === 'pap' ? PAP : CHAP;
      const code = can === 'pap' ? PapCode.NAK : ChapCode.FAILURE;
      const [no] = pair.heard(protocol, code);
      if (can !== 'pap') assert.match(fromUtf8(no!.data), /^E=691 R=0 /);
      pair.peer.send(protocol, can === 'pap' ? PapCode.REQUEST : ChapCode.RESPONSE, EMPTY, no!.identifier);
      assert.equal(pair.run().heard(protocol, code).length, 2);
      assert.equal(pair.advance(10_000).down, 'wrong password');
      assert.equal(pair.all('authenticate').length, 1);
      assert.equal(pair.link.pollTimeout(), undefined);
    }
  });

  it('lets nobody in whose verdict comes after the link has ended', () => {
    const pair = new Pair();
    pair.verdict = () => undefined;
    pair.dial();
    pair.peer.send(LCP, Code.TERMINATE_REQUEST, EMPTY);
    assert.match(pair.run().down!, /hung up while verdict was awaited/);
    pair.link.answer({ ok: true, given: GIVEN, response: undefined }, pair.now);
    pair.run();
    assert.equal(pair.heard(PAP, PapCode.ACK).length, 0);
    assert.equal(pair.all('up').length, 0);
  });

  it('ends with Terminate-Request, and says one itself when it is closed', () => {
    const pair = new Pair().dial();
    pair.peer.send(LCP, Code.TERMINATE_REQUEST, EMPTY);
    assert.equal(pair.run().down, 'the client hung up');
    assert.equal(pair.heard(LCP, Code.TERMINATE_ACK).length, 1);
    const other = new Pair().dial();
    other.link.close();
    assert.equal(other.run().heard(LCP, Code.TERMINATE_REQUEST).length, 1);
    assert.equal(other.link.pollTimeout(), undefined);
  });

  it('refuses CCP, IPv6CP and all it does not know, and goes on', () => {
    const pair = new Pair().dial();
    for (const protocol of [PppProtocol.CCP, PppProtocol.IPV6CP, 0x8235, 0x57, 0xc227]) {
      pair.peer.send(protocol, Code.CONFIGURE_REQUEST, EMPTY);
      const rejected = pair.run().heard(LCP, Code.PROTOCOL_REJECT).at(-1)!;
      assert.deepEqual([...rejected.data.subarray(0, 2)], [protocol >> 8, protocol & 255]);
    }
    assert.equal(pair.down, undefined);
    pair.peer.sendFrame(encodePppFrame({ protocol: PppProtocol.CCP, information: new Uint8Array(3000) }));
    assert.ok(pair.run().heard(LCP, Code.PROTOCOL_REJECT).at(-1)!.data.length <= 1400);
  });

  it('takes frames with and without both compressions', () => {
    for (const [cut, byte] of [
      [2, 0],
      [2, 1],
    ] as const) {
      const pair = new Pair().dial();
      const packet = encodeControlPacket({ code: Code.ECHO_REQUEST, identifier: 9, data: new Uint8Array(4) });
      pair.peer.sendFrame(encodePppFrame({ protocol: LCP, information: packet }).subarray(cut));
      pair.peer.sendFrame(concat(Uint8Array.of(0x21), new Uint8Array(byte)));
      assert.equal(pair.run().heard(LCP, Code.ECHO_REPLY).length, 1);
    }
  });

  it('asks a silent peer, and hangs up when nothing comes back', () => {
    const pair = new Pair().dial();
    pair.advance(ECHO_INTERVAL * 3);
    const asked = pair.heard(LCP, Code.ECHO_REQUEST).length;
    assert.ok(asked >= 2 && asked <= 4, `${asked}`);
    assert.equal(pair.down, undefined);
    pair.traffic = pair.now;
    const before = pair.heard(LCP, Code.ECHO_REQUEST).length;
    pair.advance(ECHO_INTERVAL - 1);
    assert.equal(pair.heard(LCP, Code.ECHO_REQUEST).length, before, 'packets are life enough');
    pair.cut = true;
    pair.advance(ECHO_INTERVAL * 2);
    assert.match(pair.down!, /answers no more/);
    assert.equal(pair.heard(LCP, Code.ECHO_REQUEST).length, before + MAX_ECHOES);
  });

  it('repeats what was lost: requests, challenges; and has enough of it', () => {
    const mute = new Pair({ mute: true }).advance(200_000);
    assert.equal(mute.heard(LCP, Code.CONFIGURE_REQUEST).length, MAX_REQUESTS);
    assert.match(mute.down!, /LCP: it left our options unanswered/);
    const pair = new Pair({ can: ['ms-chap-v2'] });
    pair.verdict = () => undefined;
    pair.dial();
    const silent = new Pair({ offered: ['ms-chap-v2'], mute: true });
    silent.peer.requestLcp();
    const [request] = silent.run().heard(LCP, Code.CONFIGURE_REQUEST);
    silent.peer.send(LCP, Code.CONFIGURE_ACK, request!.data, request!.identifier);
    silent.advance(200_000);
    assert.equal(silent.heard(CHAP, ChapCode.CHALLENGE).length, MAX_CHALLENGES);
    assert.match(silent.down!, /no name and password came/);
  });
});

describe('a PPP link, against a peer that is wrong', () => {
  it('gives the address that it was told to and no other, and does not argue for ever', () => {
    const pair = new Pair({ mute: false });
    pair.dial();
    assert.equal(pair.peer.address, '10.77.0.9');
    const greedy = new Pair({ mute: true });
    login(greedy);
    const other = encodeOptions([{ type: IpcpOption.ADDRESS, data: Uint8Array.of(10, 77, 0, 8) }]);
    for (let i = 0; i <= MAX_NAKS; i++) {
      assert.equal(greedy.down, undefined);
      greedy.peer.send(IPCP, Code.CONFIGURE_REQUEST, other);
      greedy.run();
    }
    for (const { data } of greedy.heard(IPCP, Code.CONFIGURE_NAK))
      assert.deepEqual(parseOptions(data), [{ type: IpcpOption.ADDRESS, data: GIVEN.address.bytes }]);
    assert.match(greedy.down!, /IPCP: it insists on options that it can't have/);
    assert.equal(greedy.all('up').length, 0);
  });

  it('wants it to take an address', () => {
    const pair = new Pair({ ipcp: [] }).dial();
    assert.equal(pair.peer.address, '10.77.0.9');
  });

  it('bounds what is asked, naked and offered in turns', () => {
    const asking = new Pair({ mute: true });
    for (let i = 0; i < MAX_ROUNDS + 1; i++) {
      asking.peer.send(LCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: 13, data: Uint8Array.of(6) }]));
      asking.run();
    }
    assert.match(asking.down!, /requests without agreeing/);
    assert.equal(asking.heard(LCP, Code.CONFIGURE_REJECT).length, MAX_ROUNDS);
    const naking = new Pair({ mute: true }).run();
    for (let i = 0; i < 50; i++) {
      const last = naking.heard(LCP, Code.CONFIGURE_REQUEST).at(-1)!;
      const nak = encodeOptions([{ type: LcpOption.MAGIC, data: new Uint8Array(4) }]);
      naking.peer.send(LCP, Code.CONFIGURE_NAK, nak, last.identifier);
      naking.run();
    }
    assert.match(naking.down!, /agrees to none/);
    assert.equal(naking.heard(LCP, Code.CONFIGURE_REQUEST).length, MAX_REQUESTS);
  });

  it('takes as many options as there may be, and none with more', () => {
    for (const [count, answered] of [
      [MAX_OPTIONS, 1],
      [MAX_OPTIONS + 1, 0],
    ] as const) {
      const pair = new Pair({ mute: true });
      pair.peer.send(LCP, Code.CONFIGURE_REQUEST, encodeOptions(new Array(count).fill({ type: 200, data: EMPTY })));
      assert.equal(pair.run().heard(LCP, Code.CONFIGURE_REJECT).length, answered);
    }
  });

  it('lets nobody in who only says so: Success, Ack or IPCP out of turn', () => {
    for (const can of ['pap', 'ms-chap-v2'] as const) {
      const pair = new Pair({ can: [can] });
      pair.verdict = () => undefined;
      pair.peer.requestIpcp();
      pair.peer.send(CHAP, ChapCode.SUCCESS, utf8('S=0'));
      pair.dial();
      const seen = pair.peer.heard.length;
      pair.peer.send(CHAP, ChapCode.SUCCESS, utf8('S=0'));
      pair.peer.send(CHAP, ChapCode.CHALLENGE, concat(Uint8Array.of(16), new Uint8Array(16)));
      pair.peer.send(PAP, PapCode.ACK, EMPTY);
      pair.peer.requestIpcp();
      pair.peer.send(PppProtocol.CCP, Code.CONFIGURE_REQUEST, EMPTY);
      pair.peer.sendFrame(encodePppFrame({ protocol: PppProtocol.IPV4, information: new Uint8Array(40) }));
      pair.run();
      assert.equal(pair.peer.heard.length, seen, 'none of it is answered');
      assert.equal(pair.all('authenticate').length, 1);
      assert.equal(pair.all('up').length, 0);
    }
  });

  it('takes no proof that was not asked for', () => {
    const pair = new Pair({ offered: ['ms-chap-v2'] });
    pair.verdict = () => undefined;
    pair.dial();
    assert.equal(pair.all('authenticate').length, 1);
    const other = new Pair({ offered: ['ms-chap-v2'], mute: true });
    other.peer.requestLcp();
    const [request] = other.run().heard(LCP, Code.CONFIGURE_REQUEST);
    other.peer.send(LCP, Code.CONFIGURE_ACK, request!.data, request!.identifier);
    const pap = encodePapRequest({ name: utf8('ann'), password: utf8('secret') });
    other.peer.send(PAP, PapCode.REQUEST, pap);
    other.peer.send(CHAP, ChapCode.RESPONSE, concat(Uint8Array.of(49), new Uint8Array(60)), 200);
    assert.equal(other.run().all('authenticate').length, 0, 'PAP was not asked for, and the identifier is another');
  });

  it('answers each repeat of a PAP request under its own identifier', () => {
    const pair = new Pair({ can: ['pap'] }).dial();
    const request = encodePapRequest({ name: utf8('ann'), password: utf8('secret') });
    pair.peer.send(PAP, PapCode.REQUEST, request, 200);
    pair.peer.send(PAP, PapCode.REQUEST, request, 201);
    const answered = pair
      .run()
      .heard(PAP, PapCode.ACK)
      .map(({ identifier }) => identifier);
    assert.deepEqual(answered.slice(1), [200, 201]);
    assert.equal(pair.all('authenticate').length, 1, 'what they hold is not looked at');
  });

  it('ends when LCP begins anew after the login: that might be anybody', () => {
    const pair = new Pair().dial();
    pair.peer.send(
      LCP,
      Code.CONFIGURE_REQUEST,
      encodeOptions([{ type: LcpOption.MAGIC, data: Uint8Array.of(9, 9, 9, 9) }]),
    );
    assert.match(pair.run().down!, /began LCP anew/);
  });

  it('sees through its own voice coming back', () => {
    const pair = new Pair({ mute: true }).run();
    const [request] = pair.heard(LCP, Code.CONFIGURE_REQUEST);
    const magic = parseOptions(request!.data).filter(({ type }) => type === LcpOption.MAGIC);
    pair.peer.send(LCP, Code.CONFIGURE_REQUEST, encodeOptions(magic));
    const [nak] = pair.run().heard(LCP, Code.CONFIGURE_NAK);
    assert.notDeepEqual(parseOptions(nak!.data), magic);
  });

  it('survives lengths that lie, cuts and noise, and never throws', () => {
    const random = new Seeded(17);
    const frames = [
      encodePppFrame({
        protocol: LCP,
        information: encodeControlPacket({
          code: 1,
          identifier: 1,
          data: encodeOptions([{ type: 5, data: new Uint8Array(4) }]),
        }),
      }),
      encodePppFrame({
        protocol: PAP,
        information: encodeControlPacket({
          code: 1,
          identifier: 1,
          data: encodePapRequest({ name: utf8('a'), password: utf8('b') }),
        }),
      }),
      encodePppFrame({
        protocol: CHAP,
        information: encodeControlPacket({
          code: 2,
          identifier: 1,
          data: concat(Uint8Array.of(49), new Uint8Array(52)),
        }),
      }),
      encodePppFrame({
        protocol: IPCP,
        information: encodeControlPacket({
          code: 1,
          identifier: 1,
          data: encodeOptions([{ type: 3, data: new Uint8Array(4) }]),
        }),
      }),
    ];
    for (let round = 0; round < 4000; round++) {
      const pair = round % 2 ? new Pair({ mute: true }) : new Pair().dial();
      for (let i = 0; i < 5; i++) {
        const frame = random.chance(0.2) ? random.bytes(random.below(60)) : random.pick(frames).slice();
        for (let hits = random.below(4); hits > 0 && frame.length > 0; hits--)
          frame[random.below(frame.length)] = random.u32();
        pair.peer.sendFrame(random.chance(0.3) ? frame.slice(0, random.below(frame.length + 1)) : frame);
        pair.run();
      }
    }
  });
});

/** By PAP, with a peer that does nothing by itself. */
function login(pair: Pair): void {
  pair.peer.requestLcp();
  const [request] = pair.run().heard(LCP, Code.CONFIGURE_REQUEST);
  pair.peer.send(LCP, Code.CONFIGURE_ACK, request!.data, request!.identifier);
  pair.peer.send(PAP, PapCode.REQUEST, encodePapRequest({ name: utf8('ann'), password: utf8('secret') }));
  pair.run();
}
