/** IKEv2 that ends at IKE_AUTH, large messages, and gateways that have another version. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { IKEV2_VERSION, Ikev2Exchange, Ikev2Flag, Ikev2Payload } from '../../../../src/core/wire/ikev2.ts';
import { healthy } from '../healthy.ts';
import { CLIENT, COOKIE_R, esp, GATEWAY, ike, REPLY, raw, Stage, sa } from '../stage.ts';

const { INITIATOR, RESPONSE } = Ikev2Flag;
const SA = fromHex(
  '00 00 002c 01 01 00 04 03 00 000c 01 00 000c 800e 0100 03 00 0008 02 00 0005 03 00 0008 03 00 000c 00 00 0008 04 00 000e',
);
const KE = concat(fromHex('000e0000'), new Uint8Array(256));
const TAKES_FRAGMENTS = { type: Ikev2Payload.N, body: fromHex('00 00 402e') };

/** Of exchange `messageId`, as the client asks it; its header says `length` bytes behind it, in SK or SKF. */
function sealed(
  length: number,
  messageId: number,
  fill: number,
  more: { exchange?: number; flags?: number; piece?: boolean } = {},
): Bytes {
  const { exchange = Ikev2Exchange.IKE_AUTH, flags = INITIATOR, piece = false } = more;
  const body = concat(Uint8Array.of(0, 0, length >> 8, length), new Uint8Array(length - 4).fill(fill));
  return raw(body, piece ? Ikev2Payload.SKF : Ikev2Payload.SK, {
    responder: COOKIE_R,
    version: IKEV2_VERSION,
    exchange,
    flags,
    messageId,
  });
}

const answer = (length: number, messageId: number, fill: number, more: { exchange?: number; piece?: boolean } = {}) =>
  sealed(length, messageId, fill, { ...more, flags: RESPONSE });

/** IKE_SA_INIT, both messages. */
function begun(stage = new Stage(), initiator = '1111111111111111', extra = [TAKES_FRAGMENTS]): Stage {
  const payloads = [{ type: Ikev2Payload.SA, body: SA }, { type: Ikev2Payload.KE, body: KE }, ...extra];
  const head = { version: IKEV2_VERSION, exchange: Ikev2Exchange.IKE_SA_INIT, initiator };
  return stage
    .up(ike(payloads, { ...head, flags: INITIATOR }))
    .down(ike(payloads, { ...head, flags: RESPONSE, responder: COOKIE_R }));
}

const informational = (fill: number) => sealed(52, 2, fill, { exchange: Ikev2Exchange.INFORMATIONAL });

describe('ike-auth-refused', () => {
  test('the answer has room for a notification, not for a proof', () => {
    const stage = begun()
      .up(sealed(200, 1, 5))
      .down(answer(52, 1, 6))
      .silence(6000);
    assert.deepEqual(stage.troubles, ['ike-auth-refused cause']);
    assert.deepEqual(stage.evidenceOf('ike-auth-refused'), [3, 4]);
  });

  test('near misses: a proof; no answer; a second try gets through; ESP flows', () => {
    assert.deepEqual(
      begun()
        .up(sealed(200, 1, 5))
        .down(answer(200, 1, 6))
        .silence(6000).troubles,
      [],
    );
    assert.ok(
      !begun()
        .up(sealed(200, 1, 5))
        .silence(9000)
        .found.includes('ike-auth-refused cause'),
    );
    const flowing = begun()
      .up(sealed(200, 1, 5))
      .down(answer(52, 1, 6));
    flowing
      .wait(50)
      .see(esp(CLIENT, GATEWAY, 0x1000, 1))
      .wait(50)
      .see(esp(GATEWAY, CLIENT, 0x2000, 1));
    assert.deepEqual(flowing.silence(6000).troubles, []);
  });

  test('the client hangs up as soon as the gateway has proven itself', () => {
    const stage = begun()
      .up(sealed(200, 1, 5))
      .down(answer(400, 1, 6))
      .up(informational(7))
      .down(answer(52, 2, 8, { exchange: Ikev2Exchange.INFORMATIONAL }));
    assert.deepEqual(stage.troubles, ['ike-auth-refused cause']);
    assert.deepEqual(stage.evidenceOf('ike-auth-refused'), [3, 4, 5]);
    assert.match(stage.diagnosis.findings[0]!.cause, /hangs up as soon as/);
  });

  test('near misses: a person hangs up a second later; it goes on; ESP flows', () => {
    const proven = () =>
      begun()
        .up(sealed(200, 1, 5))
        .down(answer(400, 1, 6));
    assert.deepEqual(proven().wait(1000).up(informational(7)).silence(6000).troubles, []);
    const going = proven().up(informational(7)).wait(9000);
    going.up(sealed(52, 3, 9, { exchange: Ikev2Exchange.INFORMATIONAL }));
    assert.deepEqual(going.down(answer(52, 3, 9, { exchange: Ikev2Exchange.INFORMATIONAL })).troubles, []);
    const flowing = proven().up(informational(7));
    flowing
      .wait(50)
      .see(esp(CLIENT, GATEWAY, 0x1000, 1))
      .wait(50)
      .see(esp(GATEWAY, CLIENT, 0x2000, 1));
    assert.deepEqual(flowing.silence(6000).troubles, []);
  });
});

describe('eap-refused', () => {
  /** Rounds of EAP up to an answer of `length` bytes. */
  function rounds(length: number): Stage {
    const stage = begun();
    for (let id = 1; id <= 3; id++) stage.up(sealed(100, id, id)).down(answer(120, id, id));
    return stage
      .up(sealed(60, 4, 4))
      .down(answer(length, 4, 4))
      .silence(6000);
  }

  test('after rounds of a login the last answer is short', () => {
    const stage = rounds(52);
    assert.deepEqual(stage.troubles, ['eap-refused cause']);
    assert.deepEqual(stage.evidenceOf('eap-refused'), [3, 10, 10]);
  });

  test('near misses: the last answer has address and selectors; one round only', () => {
    assert.deepEqual(rounds(240).troubles, []);
    const one = begun()
      .up(sealed(200, 1, 5))
      .down(answer(52, 1, 6))
      .silence(6000);
    assert.ok(!one.found.includes('eap-refused cause'));
  });
});

describe('certificate-too-large', () => {
  const large = sealed(2400, 1, 5);
  const fragmented = { fragments: 2 };

  test('the request goes out in IP fragments, again and again', () => {
    const stage = begun().up(large, 500, fragmented).wait(4000).up(large, 500, fragmented).wait(8000);
    assert.deepEqual(stage.up(large, 500, fragmented).troubles, ['certificate-too-large cause']);
    assert.deepEqual(stage.evidenceOf('certificate-too-large'), [3, 5, 0]);
  });

  test('of the answer only the first IP fragment comes, and the client asks again', () => {
    const lost = answer(2400, 1, 6);
    const part = (stage: Stage) =>
      stage.down(lost.subarray(0, 1400), 500, { fragments: 1, isLost: true, length: 1472 });
    const stage = part(begun().up(sealed(200, 1, 5))).wait(4000);
    part(stage.up(sealed(200, 1, 5))).wait(7000);
    assert.deepEqual(stage.up(sealed(200, 1, 5)).troubles, ['certificate-too-large cause']);
    assert.deepEqual(stage.evidenceOf('certificate-too-large').slice(0, 1), [4]);
  });

  test('near misses: it is answered; the fragment was lost by the capture alone, or once', () => {
    assert.deepEqual(
      begun()
        .up(large, 500, fragmented)
        .down(answer(300, 1, 6))
        .silence(9000).troubles,
      [],
    );
    const lost = answer(2400, 1, 6);
    const part = (stage: Stage) => stage.down(lost.subarray(0, 1400), 500, { isLost: true, length: 1472 });
    const flowing = part(begun().up(sealed(200, 1, 5)));
    flowing
      .wait(50)
      .see(esp(CLIENT, GATEWAY, 0x1000, 1))
      .wait(50)
      .see(esp(GATEWAY, CLIENT, 0x2000, 1));
    assert.deepEqual(flowing.silence(9000).troubles, []);
    const once = part(begun().up(sealed(200, 1, 5)))
      .wait(4000)
      .up(sealed(200, 1, 5))
      .down(lost, 500, fragmented);
    assert.deepEqual(once.silence(9000).troubles, []);
  });
});

describe('ike-fragments-refused', () => {
  const pieces = (stage: Stage) => stage.up(sealed(1200, 1, 5, { piece: true })).up(sealed(700, 1, 6, { piece: true }));

  test('both take fragments, and those get no answer', () => {
    const stage = pieces(pieces(begun()).wait(4000)).silence(9000);
    assert.deepEqual(stage.found[0], 'ike-fragments-refused cause');
    assert.deepEqual(stage.evidenceOf('ike-fragments-refused'), [3, 6]);
  });

  test('near misses: they are answered; the capture ends at once; the other side never said that it takes them', () => {
    assert.deepEqual(
      pieces(begun())
        .down(answer(300, 1, 6))
        .silence(9000).troubles,
      [],
    );
    assert.deepEqual(pieces(begun()).silence(1000).troubles, []);
    const head = { version: IKEV2_VERSION, exchange: Ikev2Exchange.IKE_SA_INIT };
    const payloads = [
      { type: Ikev2Payload.SA, body: SA },
      { type: Ikev2Payload.KE, body: KE },
    ];
    const silent = new Stage()
      .up(ike([...payloads, TAKES_FRAGMENTS], { ...head, flags: INITIATOR }))
      .down(ike(payloads, { ...head, flags: RESPONSE, responder: COOKIE_R }));
    assert.ok(!pieces(pieces(silent).wait(4000)).silence(9000).found.includes('ike-fragments-refused cause'));
  });
});

describe('ikev2-to-ikev1', () => {
  const head = { version: IKEV2_VERSION, exchange: Ikev2Exchange.IKE_SA_INIT, initiator: '5555555555555555' };
  const asked = ike([{ type: Ikev2Payload.SA, body: SA }], { ...head, flags: INITIATOR });
  const refused = ike([{ type: Ikev2Payload.N, body: fromHex('00 00 000e') }], { ...head, flags: RESPONSE });

  /** The same gateway takes part in IKEv1. */
  const withIkev1 = () => new Stage().up(ike([sa()])).down(ike([sa()], REPLY));

  test('a gateway that serves IKEv1 says no to all of IKEv2, or nothing', () => {
    const stage = withIkev1().up(asked).down(refused);
    assert.equal(stage.troubles[0], 'ikev2-to-ikev1 cause');
    assert.deepEqual(stage.evidenceOf('ikev2-to-ikev1'), [3, 4, 2]);
    const silent = withIkev1().up(asked).wait(4000).up(asked).silence(9000);
    assert.equal(silent.troubles[0], 'ikev2-to-ikev1 cause');
    assert.deepEqual(silent.evidenceOf('ikev2-to-ikev1'), [3, 4, 2]);
  });

  test('near misses: it is not known to serve IKEv1; it serves both, and refuses the algorithms', () => {
    assert.ok(!new Stage().up(asked).down(refused).found.includes('ikev2-to-ikev1 cause'));
    const both = begun(healthy(), '6666666666666666').up(asked).down(refused);
    assert.ok(!both.found.includes('ikev2-to-ikev1 cause'));
    assert.ok(both.found.includes('phase1-no-proposal cause'));
  });
});
