/** What is said in clear: refusals, versions, groups, names, ICMP. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { NotifyType } from '../../../../src/core/wire/ikev1.ts';
import { IKEV2_VERSION, Ikev2Exchange, Ikev2Flag } from '../../../../src/core/wire/ikev2.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { healthy } from '../healthy.ts';
import {
  CLIENT,
  COOKIE_R,
  GATEWAY,
  groupId,
  INFORMATIONAL,
  ike,
  ke,
  nonce,
  notification,
  REPLY,
  raw,
  Stage,
  sa,
  sealed,
  vid,
} from '../stage.ts';

const NO_PROPOSAL = ike([notification(NotifyType.NO_PROPOSAL_CHOSEN)], INFORMATIONAL);

describe('phase1-no-proposal', () => {
  test('says what of the offer is weak', () => {
    const stage = new Stage().up(ike([sa({ encryption: 5, group: 2 })])).down(NO_PROPOSAL);
    assert.deepEqual(stage.troubles, ['phase1-no-proposal cause']);
    assert.match(stage.diagnosis.findings[0]!.cause, /3des or modp1024/);
  });

  test('names the nearest pair, if the gateway was seen to take something from somebody else', () => {
    const stage = new Stage().up(ike([sa({ hash: 1, encryption: 5 })])).down(NO_PROPOSAL);
    const other = { initiator: '3333333333333333', responder: '4444444444444444' };
    stage.up(ike([sa({ hash: 2 })], { initiator: other.initiator })).down(ike([sa({ hash: 2 })], other));
    const finding = stage.diagnosis.findings.find(({ rule }) => rule === 'phase1-no-proposal')!;
    assert.match(finding.cause, /encryption aes256, not 3des; integrity sha1, not md5/);
  });

  test('only the group differs: that is group-mismatch', () => {
    const stage = new Stage().up(ike([sa({ group: 2 })])).down(NO_PROPOSAL);
    const other = { initiator: '3333333333333333', responder: '4444444444444444' };
    stage.up(ike([sa()], { initiator: other.initiator })).down(ike([sa()], other));
    assert.equal(stage.found[0], 'group-mismatch cause');
  });

  test('near misses: it is refused first and taken later; it is about phase 2; the client says it', () => {
    const stage = healthy(
      new Stage()
        .up(ike([sa()], { initiator: '5555555555555555' }))
        .down(ike([notification(14)], { ...INFORMATIONAL, initiator: '5555555555555555' })),
    );
    assert.deepEqual(stage.troubles, []);
    assert.deepEqual(healthy().down(NO_PROPOSAL).silence(9000).troubles, []);
    assert.deepEqual(new Stage().up(ike([sa()])).up(NO_PROPOSAL).troubles, []);
  });
});

describe('group-mismatch', () => {
  const request = { version: IKEV2_VERSION, exchange: Ikev2Exchange.IKE_SA_INIT, flags: Ikev2Flag.INITIATOR };
  const response = { version: IKEV2_VERSION, exchange: Ikev2Exchange.IKE_SA_INIT, flags: Ikev2Flag.RESPONSE };
  const SA = fromHex(
    '00 00 002c 01 01 00 04 03 00 000c 01 00 000c 800e 0100 03 00 0008 02 00 0005 03 00 0008 03 00 000c 00 00 0008 04 00 000e',
  );
  const KE14 = concat(fromHex('000e0000'), new Uint8Array(256));
  const KE19 = concat(fromHex('00130000'), new Uint8Array(64));
  const init = (key: Uint8Array) =>
    ike(
      [
        { type: 33, body: SA },
        { type: 34, body: key },
      ],
      request,
    );
  const wrongKe = ike([{ type: 41, body: fromHex('00 00 0011 0013') }], response);
  const choice = ike(
    [
      { type: 33, body: SA },
      { type: 34, body: KE19 },
    ],
    { ...response, responder: COOKIE_R },
  );

  test('INVALID_KE_PAYLOAD names a group that the client does not go over to', () => {
    const stage = new Stage().up(init(KE14)).down(wrongKe);
    assert.deepEqual(stage.troubles, ['group-mismatch cause']);
    assert.match(stage.diagnosis.findings[0]!.cause, /wants the Diffie-Hellman group ecp256; the client uses modp2048/);
  });

  test('near miss: the client asks again with that group', () => {
    assert.deepEqual(new Stage().up(init(KE14)).down(wrongKe).up(init(KE19)).down(choice).troubles, []);
  });
});

describe('versions', () => {
  const invalidMajor = raw(fromHex('00 00 0008 00000005'), 41, {
    version: IKEV2_VERSION,
    exchange: Ikev2Exchange.INFORMATIONAL,
    flags: Ikev2Flag.RESPONSE,
  });

  test('INVALID_MAJOR_VERSION to IKEv1', () => {
    assert.deepEqual(new Stage().up(ike([sa()])).down(invalidMajor).troubles, ['ikev1-to-ikev2 cause']);
  });

  test('near miss: the same silence, and no sign of the other version', () => {
    assert.deepEqual(new Stage().up(ike([sa()])).silence(9000).troubles, ['no-answer-500 cause']);
  });
});

describe('identity-mismatch', () => {
  const first = (name: string, initiator?: string) =>
    ike([sa({ authentication: 65001 }), ke(), nonce(), groupId(name)], {
      exchange: ExchangeType.AGGRESSIVE,
      ...(initiator ? { initiator } : {}),
    });

  test('a group name that the gateway refuses at once', () => {
    const stage = new Stage()
      .up(first('sales'))
      .down(ike([notification(NotifyType.INVALID_ID_INFORMATION)], INFORMATIONAL));
    assert.deepEqual(stage.troubles, ['identity-mismatch cause']);
    assert.match(stage.diagnosis.findings[0]!.cause, /'sales'/);
  });

  test('near miss: the refusal comes to the proof, once the gateway has answered the name', () => {
    const answer = ike([sa({ authentication: 65001 }), ke(), nonce(), groupId('gateway')], {
      ...REPLY,
      exchange: ExchangeType.AGGRESSIVE,
    });
    const stage = new Stage()
      .up(first('sales'))
      .down(answer)
      .up(ike([notification(NotifyType.INVALID_HASH_INFORMATION)], INFORMATIONAL));
    assert.equal(stage.found[0], 'psk-mismatch cause');
    assert.ok(!stage.found.some((line) => line.startsWith('identity')));
  });
});

describe('icmp-unreachable', () => {
  const quoted = (port: string) => fromHex(`4500 001c 0000 0000 4011 0000 c0000207 c6336401 01f4 ${port} 0008 0000`);
  const unreachable = (code: string, port = '01f4') => concat(fromHex(`03${code}0000 00000000`), quoted(port));
  const icmp = (payload: Uint8Array) => ({
    protocol: 'icmp' as const,
    source: GATEWAY,
    destination: CLIENT,
    sourcePort: 0,
    destinationPort: 0,
    payload,
  });

  test('the gateway itself says that nobody listens', () => {
    const stage = new Stage().up(ike([sa()])).see(icmp(unreachable('03')));
    assert.deepEqual(stage.troubles, ['icmp-unreachable cause']);
    assert.match(stage.diagnosis.findings[0]!.cause, /UDP 500 .*nobody listens/);
  });

  test('near misses: one port is refused and the other serves; it is about the client; it is about a web server', () => {
    assert.deepEqual(
      healthy(new Stage().up(ike([sa()], { initiator: '9999999999999999' })).see(icmp(unreachable('03', '1194'))))
        .troubles,
      [],
    );
    const gone = concat(
      fromHex('03030000 00000000'),
      fromHex('4500 001c 0000 0000 4011 0000 c6336401 c0000207 01f4 01f4 0008 0000'),
    );
    assert.deepEqual(healthy().see({ ...icmp(gone), source: CLIENT, destination: GATEWAY }).troubles, []);
  });
});

describe('safety', () => {
  test('weak-algorithms: 3DES that was agreed on; near miss: it was only offered', () => {
    const offer = ike([sa({ encryption: 5 }), vid('afcad71368a1f1c96b8696fc77570100')]);
    const chosen = new Stage()
      .up(offer)
      .down(ike([sa({ encryption: 5 })], REPLY))
      .up(ike([ke(), nonce()], REPLY));
    assert.deepEqual(chosen.troubles, ['weak-algorithms warning']);
    const both = ike([sa({ encryption: 5 }, {})]);
    assert.deepEqual(
      new Stage()
        .up(both)
        .down(ike([sa()], REPLY))
        .up(ike([ke(), nonce()], REPLY)).troubles,
      [],
    );
  });

  test('aggressive-psk-hash: a warning when the asker goes away with it, a note when it goes on', () => {
    const options = { exchange: ExchangeType.AGGRESSIVE };
    const asked = new Stage()
      .up(ike([sa(), ke(), nonce(), groupId('x')], options))
      .down(ike([sa(), ke(), nonce()], { ...REPLY, ...options }));
    assert.deepEqual(asked.found, ['aggressive-psk-hash note'], 'the client may still go on');
    assert.deepEqual(asked.silence(3000).found, ['aggressive-psk-hash warning']);
    assert.deepEqual(asked.up(sealed(64, 1, { ...REPLY, ...options })).found, ['aggressive-psk-hash note']);
  });
});
