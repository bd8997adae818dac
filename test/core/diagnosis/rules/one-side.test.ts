/** Captures that show one side alone, packets that were cut, and what is seen at the gateway of a client that goes on elsewhere. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { IKEV2_VERSION, Ikev2Exchange, Ikev2Flag, Ikev2Payload } from '../../../../src/core/wire/ikev2.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
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
