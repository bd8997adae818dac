/** Captures that show one side alone, packets that were cut, and what is seen at the gateway of a client that goes on elsewhere. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { parseIp } from '../../../../src/core/net/address.ts';
import { IKEV2_VERSION, Ikev2Exchange, Ikev2Flag, Ikev2Payload } from '../../../../src/core/wire/ikev2.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { TcpFlag } from '../../../../src/core/wire/tcp.ts';
import { healthy } from '../healthy.ts';
import {
  CLIENT,
  COOKIE_R,
  esp,
  GATEWAY,
  groupId,
  INFORMATIONAL,
  ike,
  ke,
  nonce,
  REPLY,
  Stage,
  sa,
  sealed,
  udp,
} from '../stage.ts';

const RSA = { authentication: 3 };
const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId: 77 };

describe('one-side-seen', () => {
  /** Main mode and quick mode, of which one side was captured. */
  function half(seen: 'up' | 'down'): Stage {
    const stage = new Stage();
    const up = (payload: Bytes) => (seen === 'up' ? stage.up(payload) : stage.wait(10));
    const down = (payload: Bytes) => (seen === 'down' ? stage.down(payload) : stage.wait(10));
    up(ike([sa()]));
    down(ike([sa()], REPLY));
    up(ike([ke(), nonce()], REPLY));
    down(ike([ke(256, 2), nonce(4)], REPLY));
    up(sealed(64, 5, REPLY));
    down(sealed(64, 6, REPLY));
    up(sealed(160, 7, quick));
    down(sealed(160, 8, quick));
    const [from, to] = seen === 'up' ? [CLIENT, GATEWAY] : [GATEWAY, CLIENT];
    for (let i = 1; i <= 9; i++) stage.wait(1000).see(esp(from, to, 0x1000, i));
    return stage.silence(20_000);
  }

  test('the side that is seen goes on from answers that are not there: silence means nothing', () => {
    assert.deepEqual(half('up').found, ['one-side-seen note']);
    assert.deepEqual(half('up').evidenceOf('one-side-seen'), [2]);
    assert.deepEqual(half('down').found, ['one-side-seen note']);
    assert.deepEqual(half('down').evidenceOf('one-side-seen'), [2]);
  });

  test('near misses: nobody answers; both are seen', () => {
    const silent = new Stage()
      .up(ike([sa()]))
      .wait(4000)
      .up(ike([sa()]))
      .silence(6000);
    assert.deepEqual(silent.troubles, ['no-answer-500 cause']);
    assert.ok(!healthy().found.includes('one-side-seen note'));
  });
});

describe('silence-on-4500, at the gateway', () => {
  const NAT_PORT = 41_500;
  const fromNat = (payload: Bytes) => udp(CLIENT, NAT_PORT, GATEWAY, 500, payload);
  const toNat = (payload: Bytes) => udp(GATEWAY, 500, CLIENT, NAT_PORT, payload);
  const fourth = ike([ke(256, 2), nonce(4)], REPLY);
  /** Up to message 4 of a client behind a NAT. */
  const four = () =>
    new Stage()
      .see(fromNat(ike([sa()])))
      .see(toNat(ike([sa()], REPLY)))
      .see(fromNat(ike([ke(), nonce()], REPLY)))
      .see(toNat(fourth));

  test('the client has message 4, and neither goes on nor asks again', () => {
    assert.deepEqual(four().silence(6000).troubles, ['silence-on-4500 cause']);
    assert.deepEqual(four().wait(4000).see(toNat(fourth)).silence(6000).evidenceOf('silence-on-4500'), [4, 0]);
  });

  test('near misses: the capture ends at once; it asks again; no NAT; another client is served on 4500', () => {
    assert.deepEqual(four().silence(1000).troubles, []);
    const again = four()
      .wait(4000)
      .see(fromNat(ike([ke(), nonce()], REPLY)))
      .see(toNat(fourth))
      .silence(1000);
    assert.deepEqual(again.troubles, []);
    const plain = new Stage()
      .up(ike([sa()]))
      .down(ike([sa()], REPLY))
      .up(ike([ke(), nonce()], REPLY))
      .down(fourth);
    assert.deepEqual(plain.silence(6000).troubles, []);
    const served = four().see({
      ...udp(GATEWAY, 4500, CLIENT, 4500, concat(fromHex('0000100000000001'), new Uint8Array(80))),
    });
    assert.ok(!served.silence(6000).found.includes('silence-on-4500 cause'));
  });
});

describe('certificate-missing', () => {
  const signed = (authentication: number) =>
    new Stage()
      .up(ike([sa({ authentication })]))
      .down(ike([sa({ authentication })], REPLY))
      .up(ike([ke(), nonce()], REPLY))
      .down(ike([ke(256, 2), nonce(4)], REPLY));

  test('main mode by signatures: the client ends it, or says nothing more, where its own is due', () => {
    const ended = signed(RSA.authentication).up(sealed(64, 9, INFORMATIONAL));
    assert.deepEqual(ended.troubles, ['certificate-missing cause']);
    assert.deepEqual(ended.evidenceOf('certificate-missing'), [4, 5]);
    assert.deepEqual(signed(RSA.authentication).silence(6000).evidenceOf('certificate-missing'), [4, 0]);
  });

  test('near misses: a secret; message 5 comes; the capture ends at once', () => {
    const isTold = (stage: Stage) => stage.found.includes('certificate-missing cause');
    assert.ok(!isTold(signed(1).up(sealed(64, 9, INFORMATIONAL))));
    assert.ok(
      !isTold(
        signed(RSA.authentication)
          .up(sealed(256, 5, REPLY))
          .silence(6000),
      ),
    );
    assert.ok(!isTold(signed(RSA.authentication)));
  });

  const SA2 = fromHex(
    '0000002c010100040300000c0100000c800e0100030000080200000503000008030000 0c000000080400000e'.replaceAll(' ', ''),
  );
  const NAT_D = [0x4004, 0x4005].map((type) => ({
    type: Ikev2Payload.N,
    body: concat(Uint8Array.of(0, 0, type >> 8, type), new Uint8Array(20)),
  }));
  const CERTREQ = { type: Ikev2Payload.CERTREQ, body: concat(Uint8Array.of(4), new Uint8Array(20)) };
  const head = { version: IKEV2_VERSION, exchange: Ikev2Exchange.IKE_SA_INIT };
  const key = { type: Ikev2Payload.KE, body: concat(fromHex('000e0000'), new Uint8Array(256)) };

  test('IKEv2: the gateway asks for a certificate with its first answer, and no IKE_AUTH comes', () => {
    const begun = (asks: boolean) =>
      new Stage()
        .up(ike([{ type: Ikev2Payload.SA, body: SA2 }, key, ...NAT_D], { ...head, flags: Ikev2Flag.INITIATOR }))
        .down(
          ike([{ type: Ikev2Payload.SA, body: SA2 }, key, ...(asks ? [CERTREQ] : [])], {
            ...head,
            flags: Ikev2Flag.RESPONSE,
            responder: COOKIE_R,
          }),
        );
    assert.deepEqual(begun(true).silence(6000).troubles, ['certificate-missing cause']);
    assert.deepEqual(begun(true).silence(1000).troubles, []);
    assert.deepEqual(begun(false).silence(6000).troubles, []);
  });
});

describe('what ICMP tells besides', () => {
  const errorAbout = (quoted: Bytes, type = 3, code = 3): Bytes =>
    concat(Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0), quoted);
  /** An IPv4 header from the client to the gateway, and ports. */
  const quote = (protocol: number, port: number): Bytes => {
    const header = new Uint8Array(28);
    header.set([0x45, 0, 0, 200, 0, 0, 0, 0, 64, protocol]);
    header.set(CLIENT.bytes, 12);
    header.set(GATEWAY.bytes, 16);
    header.set([0xc0, 0, port >> 8, port], 20);
    return header;
  };
  const icmp = (payload: Bytes) =>
    ({ protocol: 'icmp', source: GATEWAY, sourcePort: 0, destination: CLIENT, destinationPort: 0, payload }) as const;

  test('the TCP port and the UDP port of Cisco are refused', () => {
    const syn = { ...udp(CLIENT, 49_152, GATEWAY, 10_000, new Uint8Array(0)), protocol: 'tcp' as const };
    const closed = new Stage().see({ ...syn, tcp: { flags: TcpFlag.SYN, sequence: 1, acknowledgment: 0 } });
    assert.deepEqual(closed.see(icmp(errorAbout(quote(6, 10_000)))).troubles, ['cisco-tcp-closed cause']);
    const carried = healthy().see(
      udp(CLIENT, 49_152, GATEWAY, 10_000, concat(fromHex('0000100000000001'), new Uint8Array(80))),
    );
    assert.ok(!carried.found.includes('cisco-udp-closed cause'));
  });

  test('fragments never came, twice; once is chance', () => {
    const told = errorAbout(quote(17, 4500), 11, 1);
    assert.deepEqual(healthy().see(icmp(told)).troubles, []);
    assert.deepEqual(healthy().see(icmp(told)).wait(1000).see(icmp(told)).troubles, ['fragments-lost cause']);
  });
});

describe('esp-one-way', () => {
  test('without IKE in the capture it is a warning: what comes back may pass elsewhere', () => {
    const stage = new Stage();
    for (let i = 1; i <= 6; i++) stage.wait(1000).see(esp(CLIENT, GATEWAY, 0x1000, i));
    assert.deepEqual(stage.silence(3000).troubles, ['esp-one-way warning']);
  });
});

describe('no-answer-500', () => {
  test('a gateway that answers others is told from one that is silent', () => {
    const stranger = parseIp('203.0.113.77')!;
    const stage = healthy();
    stage.see(udp(stranger, 500, GATEWAY, 500, ike([sa()], { initiator: '9999999999999999' }))).silence(9000);
    assert.deepEqual(stage.troubles, ['no-answer-500 cause']);
    assert.match(stage.diagnosis.findings[0]!.cause, /answers others/);
  });
});

describe('packets that were cut', () => {
  test('payloads before the cut are read', () => {
    const aggressive = { exchange: ExchangeType.AGGRESSIVE };
    const first = ike([sa(), ke(), nonce(), groupId('sales')], aggressive);
    const stage = new Stage().up(first.subarray(0, 100), 500, { length: first.length });
    const [message] = stage.diagnosis.conversations[0]!.negotiations[0]!.messages;
    assert.deepEqual(
      message?.payloads.map(({ kind }) => kind),
      ['SA'],
    );
    assert.equal(message?.trouble, 'the capture holds only its beginning');
  });

  test('at every length without a fault', () => {
    const first = ike([sa(), ke(), nonce()]);
    for (let length = 0; length <= first.length; length++)
      assert.deepEqual(new Stage().up(first.subarray(0, length), 500, { length: first.length }).troubles, []);
  });
});

describe('psk-mismatch', () => {
  test('near miss: the gateway greets before it asks for the login', () => {
    const aggressive = { exchange: ExchangeType.AGGRESSIVE };
    const stage = new Stage()
      .up(ike([sa(), ke(), nonce(), groupId('x')], aggressive))
      .down(ike([sa(), ke(), nonce()], { ...REPLY, ...aggressive }))
      .up(sealed(64, 1, { ...REPLY, ...aggressive }))
      .down(sealed(64, 2, INFORMATIONAL));
    assert.deepEqual(stage.troubles, []);
    const asked = stage.down(sealed(64, 3, { ...REPLY, exchange: ExchangeType.TRANSACTION, messageId: 5 }));
    assert.ok(!asked.silence(2000).found.includes('psk-mismatch cause'));
  });
});
