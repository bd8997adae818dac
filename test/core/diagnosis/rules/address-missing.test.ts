/** A client of IKEv2 that gets no address and no error. What keys would open is given in clear. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { ConfigurationAttribute, ConfigurationType, encodeConfiguration } from '../../../../src/core/wire/ikev1.ts';
import {
  EapCode,
  encodeIkev2Notification,
  IKEV2_VERSION,
  Ikev2Exchange,
  Ikev2Flag,
  Ikev2Notify,
  Ikev2Payload,
} from '../../../../src/core/wire/ikev2.ts';
import type { Payload } from '../../../../src/core/wire/isakmp.ts';
import { CLIENT, COOKIE_R, esp, GATEWAY, ike, Stage } from '../stage.ts';

const IP4 = ConfigurationAttribute.INTERNAL_IP4_ADDRESS;
const IP6 = 8;

function configuration(type: number, address: number, length: number): Payload {
  const attributes = [{ type: address, value: new Uint8Array(length) }];
  return { ...encodeConfiguration({ type, identifier: 0, attributes }), type: Ikev2Payload.CP };
}

const ASKED = configuration(ConfigurationType.REQUEST, IP4, 0);
const PROOF: Payload = { type: Ikev2Payload.AUTH, body: fromHex('02000000 0011223344556677') };
const QUESTION: Payload = { type: Ikev2Payload.EAP, body: Uint8Array.of(EapCode.REQUEST, 1, 0, 5, 1) };
const SUCCESS: Payload = { type: Ikev2Payload.EAP, body: Uint8Array.of(EapCode.SUCCESS, 1, 0, 4) };

/** IKE_SA_INIT, then what is asked, and the answers to it and its next rounds. */
function authenticated(asked: readonly Payload[], ...answers: readonly (readonly Payload[])[]): Stage {
  const head = (exchange: number, flags: number, messageId: number) => ({
    version: IKEV2_VERSION,
    exchange,
    flags,
    messageId,
  });
  const nonce: Payload = { type: Ikev2Payload.NONCE, body: new Uint8Array(32) };
  const stage = new Stage()
    .up(ike([nonce], head(Ikev2Exchange.IKE_SA_INIT, Ikev2Flag.INITIATOR, 0)))
    .down(ike([nonce], { ...head(Ikev2Exchange.IKE_SA_INIT, Ikev2Flag.RESPONSE, 0), responder: COOKIE_R }));
  answers.forEach((answer, i) => {
    const [up, down] = [Ikev2Flag.INITIATOR, Ikev2Flag.RESPONSE].map((flags) => ({
      ...head(Ikev2Exchange.IKE_AUTH, flags, i + 1),
      responder: COOKIE_R,
    }));
    stage.up(ike(i === 0 ? asked : [PROOF], up!)).down(ike(answer, down!));
  });
  return stage;
}

describe('pool-empty', () => {
  test('the answer has no configuration, or one without an address', () => {
    const other = configuration(ConfigurationType.REPLY, ConfigurationAttribute.INTERNAL_IP4_DNS, 4);
    const empty = configuration(ConfigurationType.REPLY, IP4, 0);
    for (const answer of [[PROOF], [PROOF, other], [PROOF, empty]]) {
      const stage = authenticated([PROOF, ASKED], answer).silence(6000);
      assert.equal(stage.troubles[0], 'pool-empty cause');
      assert.deepEqual(stage.evidenceOf('pool-empty'), [3, 4]);
    }
  });

  test('behind EAP: what comes with the last proof counts', () => {
    const stage = authenticated([ASKED], [PROOF, QUESTION], [SUCCESS], [PROOF]).silence(6000);
    assert.equal(stage.troubles[0], 'pool-empty cause');
    assert.deepEqual(stage.evidenceOf('pool-empty'), [3, 8]);
  });

  test('near misses: it gives one, or the other kind; nobody asked; an error says why; something comes through', () => {
    const isTold = (stage: Stage) => stage.silence(6000).found.includes('pool-empty cause');
    const error = encodeIkev2Notification({
      ...{ protocol: 0, spi: new Uint8Array(0), type: Ikev2Notify.TS_UNACCEPTABLE, data: new Uint8Array(0) },
    });
    const both = [PROOF, ASKED, configuration(ConfigurationType.REQUEST, IP6, 0)];
    assert.ok(!isTold(authenticated([PROOF, ASKED], [PROOF, configuration(ConfigurationType.REPLY, IP4, 4)])));
    assert.ok(!isTold(authenticated(both, [PROOF, configuration(ConfigurationType.REPLY, IP6, 17)])));
    assert.ok(!isTold(authenticated([PROOF], [PROOF])));
    assert.ok(!isTold(authenticated([PROOF, ASKED], [PROOF, error])));
    const flowing = authenticated([PROOF, ASKED], [PROOF]).see(esp(CLIENT, GATEWAY, 0x1000, 1));
    assert.ok(!isTold(flowing.wait(20).see(esp(GATEWAY, CLIENT, 0x2000, 1))));
  });
});
