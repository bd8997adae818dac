/** What silence means, and where: secrets, ports, ESP, message IDs, peers that are gone. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat, u32 } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { parseIp } from '../../../../src/core/net/address.ts';
import { CtcpProtocol } from '../../../../src/core/wire/ctcp.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { TcpFlag } from '../../../../src/core/wire/tcp.ts';
import { healthy } from '../healthy.ts';
import {
  CLIENT,
  ciscoTcp,
  esp,
  GATEWAY,
  INFORMATIONAL,
  ike,
  ke,
  nonce,
  REPLY,
  Stage,
  sa,
  sealed,
  udp,
  vid,
} from '../stage.ts';

const MARKER = fromHex('00000000');
const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId: 77 };
const NAT_T_RFC3947 = vid('4a131c81070358455c5728f20e95452f');

/** Up to message 4; `port`: what the client's own was made by a NAT, or 500. */
function fourMessages(stage = new Stage()): Stage {
  return stage
    .up(ike([sa(), NAT_T_RFC3947]))
    .down(ike([sa(), NAT_T_RFC3947], REPLY))
    .up(ike([ke(), nonce()], REPLY))
    .down(ike([ke(256, 2), nonce(4)], REPLY));
}

describe('psk-mismatch', () => {
  const fifth = sealed(64, 5, REPLY);

  test('main mode: message 5 again and again', () => {
    assert.deepEqual(fourMessages().up(fifth).wait(4000).up(fifth).wait(8000).up(fifth).troubles, [
      'psk-mismatch cause',
    ]);
  });

  test('main mode: message 5 is answered by a notification', () => {
    assert.deepEqual(
      fourMessages()
        .up(fifth)
        .down(sealed(64, 6, INFORMATIONAL)).troubles,
      ['psk-mismatch cause'],
    );
  });

  test('near misses: message 6 came; the capture ends at once; signatures', () => {
    assert.deepEqual(
      fourMessages()
        .up(fifth)
        .down(sealed(64, 6, REPLY))
        .silence(20_000).troubles,
      [],
    );
    assert.deepEqual(fourMessages().up(fifth).troubles, []);
    const rsa = sa({ authentication: 3 });
    const signed = new Stage()
      .up(ike([rsa]))
      .down(ike([rsa], REPLY))
      .up(ike([ke(), nonce()], REPLY))
      .down(ike([ke(256, 2), nonce(4)], REPLY));
    assert.ok(
      !signed
        .up(fifth)
        .wait(4000)
        .up(fifth)
        .found.some((line) => line.startsWith('psk')),
    );
  });
});

describe('silence-on-4500', () => {
  const client = parseIp('10.0.0.5')!;
  const floated = concat(MARKER, sealed(64, 5, REPLY));
  const send = (stage: Stage, payload: Uint8Array, port = 500) =>
    stage.wait(10).see(udp(client, port, GATEWAY, port, payload));
  const answer = (stage: Stage, payload: Uint8Array, port = 500) =>
    stage.wait(10).see(udp(GATEWAY, port, client, port, payload));

  function begun(): Stage {
    const stage = new Stage();
    send(stage, ike([sa()]));
    answer(stage, ike([sa()], REPLY));
    send(stage, ike([ke(), nonce()], REPLY));
    return answer(stage, ike([ke(256, 2), nonce(4)], REPLY));
  }

  test('answers on 500, none on 4500', () => {
    const stage = send(begun(), floated, 4500).wait(4000);
    assert.deepEqual(send(stage, floated, 4500).silence(8000).troubles, ['silence-on-4500 cause']);
  });

  test('near miss: 4500 answers somebody else', () => {
    const stage = send(begun(), floated, 4500).wait(4000);
    send(stage, floated, 4500).see(udp(GATEWAY, 4500, CLIENT, 4500, concat(u32(0x1000), u32(1), new Uint8Array(40))));
    assert.deepEqual(stage.silence(8000).troubles, ['psk-mismatch cause']);
  });
});

describe('esp', () => {
  test('esp-one-way: only the client sends', () => {
    const stage = fourMessages()
      .up(sealed(64, 5, REPLY))
      .down(sealed(64, 6, REPLY))
      .up(sealed(160, 7, quick))
      .down(sealed(160, 8, quick))
      .up(sealed(48, 9, quick));
    for (let i = 1; i <= 5; i++) stage.wait(1000).see(esp(CLIENT, GATEWAY, 0x1000, i));
    assert.deepEqual(stage.troubles, ['esp-one-way cause']);
  });

  test("esp-one-way in Cisco's TCP: IKE goes the same way, so no opening is missing", () => {
    const stage = new Stage();
    const sent = new Map([CLIENT, GATEWAY].map((source) => [source, 1]));
    const say = (source: typeof CLIENT, packet: Bytes, protocol: number = CtcpProtocol.IKE) => {
      const payload = ciscoTcp(packet, protocol);
      const sequence = sent.get(source)!;
      sent.set(source, sequence + payload.length);
      stage
        .wait(10)
        .see({ ...tcp(source, TcpFlag.ACK), payload, tcp: { flags: TcpFlag.ACK, sequence, acknowledgment: 0 } });
    };
    say(CLIENT, ike([sa()]));
    say(GATEWAY, ike([sa()], REPLY));
    say(CLIENT, ike([ke(), nonce()], REPLY));
    say(GATEWAY, ike([ke(256, 2), nonce(4)], REPLY));
    say(CLIENT, sealed(64, 5, REPLY));
    say(GATEWAY, sealed(64, 6, REPLY));
    say(CLIENT, sealed(160, 7, quick));
    say(GATEWAY, sealed(160, 8, quick));
    say(CLIENT, sealed(48, 9, quick));
    for (let i = 1; i <= 5; i++) {
      stage.wait(1000);
      say(CLIENT, concat(u32(0x1000), u32(i), new Uint8Array(60)), CtcpProtocol.ESP);
    }
    assert.deepEqual(stage.troubles, ['esp-one-way cause']);
    const [finding] = stage.diagnosis.findings;
    assert.match(finding!.cause, /ESP in IKE's own TCP connection is dropped/);
    assert.ok(finding!.remedies.every(({ where }) => where !== 'firewall'));
  });

  test('nat-without-nat-t: a private client, a public gateway, plain ESP', () => {
    const stage = new Stage();
    for (let i = 1; i <= 5; i++) stage.wait(1000).see(esp(parseIp('192.168.1.20')!, GATEWAY, 0x1000, i));
    assert.deepEqual(stage.troubles, ['nat-without-nat-t cause']);
  });

  test('cisco-udp-closed: ESP to UDP 10000 and nothing back', () => {
    const stage = new Stage();
    for (let i = 1; i <= 5; i++)
      stage.wait(1000).see(udp(CLIENT, 10000, GATEWAY, 10000, concat(u32(0x1000), u32(i), new Uint8Array(60))));
    assert.deepEqual(stage.troubles, ['cisco-udp-closed cause']);
  });

  test('near misses: two packets; one answer among many', () => {
    assert.deepEqual(
      new Stage()
        .see(esp(CLIENT, GATEWAY, 0x1000, 1))
        .wait(3000)
        .see(esp(CLIENT, GATEWAY, 0x1000, 2)).troubles,
      [],
    );
    const stage = healthy();
    for (let i = 2; i <= 20; i++) stage.wait(1000).see(esp(CLIENT, GATEWAY, 0x1000, i));
    assert.deepEqual(stage.troubles, []);
  });

  test('replay-window: numbers more than 64 late; near miss: a few changed places', () => {
    const stage = healthy();
    for (let i = 200; i < 210; i++)
      stage
        .wait(5)
        .see(esp(CLIENT, GATEWAY, 0x1000, i))
        .wait(5)
        .see(esp(CLIENT, GATEWAY, 0x1000, i - 100));
    assert.ok(stage.troubles.includes('replay-window warning'));
    const near = healthy();
    for (const i of [3, 2, 5, 4, 7, 6, 9, 8]) near.wait(5).see(esp(CLIENT, GATEWAY, 0x1000, i));
    assert.deepEqual(near.troubles, []);
  });

  test('loss: each tenth number never comes; near miss: one in a hundred', () => {
    const lossy = (every: number) => {
      const stage = healthy();
      for (let i = 2; i < 600; i++) if (i % every !== 0) stage.wait(5).see(esp(CLIENT, GATEWAY, 0x1000, i));
      return stage.troubles;
    };
    assert.deepEqual(lossy(10), ['loss warning']);
    assert.deepEqual(lossy(100), []);
  });
});

/** A segment of Cisco's TCP; `port`: the gateway's. */
function tcp(source: typeof CLIENT, flags: number, port = 10_000) {
  return {
    protocol: 'tcp' as const,
    source,
    destination: source === CLIENT ? GATEWAY : CLIENT,
    sourcePort: source === CLIENT ? 50_000 : port,
    destinationPort: source === CLIENT ? port : 50_000,
    payload: new Uint8Array(0),
    tcp: { flags, sequence: 1, acknowledgment: 0 },
  };
}

describe('cisco-tcp-closed', () => {
  test('the answer to SYN is RST, or there is none', () => {
    const syn = () => new Stage().see(tcp(CLIENT, TcpFlag.SYN)).wait(5);
    assert.deepEqual(syn().see(tcp(GATEWAY, TcpFlag.RST | TcpFlag.ACK)).troubles, ['cisco-tcp-closed cause']);
    assert.deepEqual(syn().wait(1000).see(tcp(CLIENT, TcpFlag.SYN)).silence(9000).troubles, ['cisco-tcp-closed cause']);
  });

  test('on a port of its own: the rules open that one', () => {
    const payload = ciscoTcp(ike([sa()]), CtcpProtocol.IKE);
    const stage = new Stage();
    for (let i = 0; i < 2; i++) {
      const sequence = 1 + i * payload.length;
      stage
        .wait(4000)
        .see({ ...tcp(CLIENT, TcpFlag.ACK, 443), payload, tcp: { flags: 0, sequence, acknowledgment: 0 } });
      // the way back is known by what came, and seen to be open
      stage.see(tcp(GATEWAY, TcpFlag.SYN | TcpFlag.ACK, 443));
    }
    assert.deepEqual(stage.troubles, ['cisco-tcp-closed cause']);
    const lines = stage.diagnosis.findings[0]!.remedies.flatMap((remedy) => remedy.lines).join('\n');
    assert.match(lines, /cisco-tcp: \[443\]/);
    assert.match(lines, /tcp dport 443 accept/);
    assert.doesNotMatch(lines, /10000/);
  });

  test("RFC 9329's port is none of Cisco's: no gateway is told to serve cTCP there", () => {
    const stage = new Stage().see(tcp(CLIENT, TcpFlag.SYN, 4500)).wait(5);
    stage.see(tcp(GATEWAY, TcpFlag.RST | TcpFlag.ACK, 4500));
    assert.deepEqual(stage.troubles, ['cisco-tcp-closed cause']);
    const lines = stage.diagnosis.findings[0]!.remedies.flatMap((remedy) => remedy.lines).join('\n');
    assert.match(lines, /listen-tcp=yes/);
    assert.match(lines, /tcp dport 4500 accept/);
    assert.doesNotMatch(lines, /cisco-tcp|ipsec-over-tcp/);
  });

  test('near misses: it opens and the client hangs up', () => {
    const stage = new Stage()
      .see(tcp(CLIENT, TcpFlag.SYN))
      .wait(5)
      .see(tcp(GATEWAY, TcpFlag.SYN | TcpFlag.ACK))
      .wait(5)
      .see(tcp(CLIENT, TcpFlag.RST));
    assert.deepEqual(stage.silence(9000).troubles, []);
  });
});

describe('message-id-shared', () => {
  /** Main mode of a client of its own, and its quick mode. */
  function client(stage: Stage, number: number, messageId: number, isServed: boolean): Stage {
    const [initiator, responder] = [number, number + 100].map((value) =>
      value.toString(16).padStart(2, '0').repeat(8),
    ) as [string, string];
    const reply = { initiator, responder };
    const address = parseIp(`192.0.2.${number}`)!;
    const send = (payload: Uint8Array) => stage.wait(10).see(udp(address, 500, GATEWAY, 500, payload));
    const answer = (payload: Uint8Array) => stage.wait(10).see(udp(GATEWAY, 500, address, 500, payload));
    const asked = sealed(160, number, { ...reply, exchange: ExchangeType.QUICK_MODE, messageId });
    send(ike([sa()], { initiator }));
    answer(ike([sa()], reply));
    send(ike([ke(), nonce()], reply));
    answer(ike([ke(256, 2), nonce(4)], reply));
    send(sealed(64, 5, reply));
    answer(sealed(64, 6, reply));
    send(asked);
    if (isServed) {
      answer(sealed(160, number + 50, { ...reply, exchange: ExchangeType.QUICK_MODE, messageId }));
      return send(sealed(48, number, { ...reply, exchange: ExchangeType.QUICK_MODE, messageId }));
    }
    stage.wait(1000);
    send(asked).wait(2000);
    return send(asked);
  }

  test('the first is served, the second with the same ID is not', () => {
    const stage = client(client(new Stage(), 11, 1, true), 12, 1, false).silence(5000);
    assert.equal(stage.found[0], 'message-id-shared cause');
  });

  test('near misses: all are served; the unserved one has an ID of its own', () => {
    assert.deepEqual(client(client(new Stage(), 11, 1, true), 12, 1, true).silence(5000).troubles, []);
    assert.deepEqual(client(client(new Stage(), 11, 1, true), 12, 2, false).silence(5000).troubles, [
      'phase2-unanswered cause',
    ]);
  });
});

describe('dpd-death', () => {
  const ask = (i: number) => sealed(64, i, { ...INFORMATIONAL, messageId: 1000 + i });

  test('questions that nobody answers any more', () => {
    const stage = healthy().wait(30_000);
    for (let i = 0; i < 5; i++) stage.up(ask(i)).wait(5000);
    assert.deepEqual(stage.troubles, ['dpd-death cause']);
  });

  test('near misses: each is answered; two deletes at the end', () => {
    const stage = healthy().wait(30_000);
    for (let i = 0; i < 5; i++)
      stage
        .up(ask(i))
        .down(ask(i + 100))
        .wait(5000);
    assert.deepEqual(stage.troubles, []);
    assert.deepEqual(healthy().wait(30_000).up(ask(1)).up(ask(2)).silence(20_000).troubles, []);
  });
});

describe('strangers', () => {
  const cookie = (i: number) => (i + 1).toString(16).padStart(16, '0');

  test('half-open-flood: hundreds of first messages; near miss: as many that go on', () => {
    const stage = new Stage();
    for (let i = 0; i < 200; i++)
      stage.wait(20).see(udp(parseIp(`203.0.113.${i}`)!, 500, GATEWAY, 500, ike([sa()], { initiator: cookie(i) })));
    assert.ok(stage.found.includes('half-open-flood warning'));
    const near = new Stage();
    for (let i = 0; i < 200; i++) {
      const reply = { initiator: cookie(i), responder: cookie(i + 1000) };
      near
        .up(ike([sa()], { initiator: cookie(i) }))
        .down(ike([sa()], reply))
        .up(ike([ke(256, i), nonce()], reply));
    }
    assert.ok(!near.found.includes('half-open-flood warning'));
  });

  test('scanner: one transform after the other; near miss: a client that begins anew with the same', () => {
    const scan = (group: (i: number) => number) => {
      const stage = new Stage();
      for (let i = 0; i < 8; i++) {
        stage.up(ike([sa({ group: group(i) })], { initiator: cookie(i) }));
        stage.down(ike([sa({ group: group(i) })], { initiator: cookie(i), responder: cookie(i + 1000) })).wait(500);
      }
      return stage.found;
    };
    assert.ok(scan((i) => 14 + i).includes('scanner warning'));
    assert.ok(!scan(() => 14).includes('scanner warning'));
  });
});
