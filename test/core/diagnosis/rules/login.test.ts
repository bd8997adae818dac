/** Between phase 1 and the tunnel of a user: XAUTH and Mode-Config. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Authentication,
  ConfigurationAttribute,
  ConfigurationType,
  encodeConfiguration,
} from '../../../../src/core/wire/ikev1.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { INFORMATIONAL, ike, ke, nonce, REPLY, Stage, sa, sealed } from '../stage.ts';

const transaction = (messageId: number) => ({ ...REPLY, exchange: ExchangeType.TRANSACTION, messageId });
const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId: 77 };

/** Main mode, six messages; by default XAUTH is to follow. */
function proven(authentication: number = Authentication.XAUTH_INIT_PSK): Stage {
  return new Stage()
    .up(ike([sa({ authentication })]))
    .down(ike([sa({ authentication })], REPLY))
    .up(ike([ke(), nonce()], REPLY))
    .down(ike([ke(256, 2), nonce(4)], REPLY))
    .up(sealed(64, 5, REPLY))
    .down(sealed(64, 6, REPLY));
}

/** The gateway asks, the client answers. */
function round(stage: Stage, id: number): Stage {
  return stage.down(sealed(80, id, transaction(id))).up(sealed(80, id + 100, transaction(id)));
}

/** The client asks for its address. */
const wish = (stage: Stage) => stage.up(sealed(80, 60, transaction(60)));

/** The client gets its address, and the tunnel stands. */
function configured(stage: Stage): Stage {
  return wish(stage)
    .down(sealed(96, 61, transaction(60)))
    .up(sealed(160, 7, quick))
    .down(sealed(160, 8, quick))
    .up(sealed(48, 9, quick));
}

describe('xauth-refused', () => {
  test('after the second round it ends', () => {
    const stage = round(round(proven(), 1), 2).down(sealed(64, 90, INFORMATIONAL));
    assert.deepEqual(stage.troubles, ['xauth-refused cause']);
    assert.deepEqual(stage.evidenceOf('xauth-refused'), [7, 11]);
  });

  test('the gateway says so, where it can be read', () => {
    const attributes = [{ type: ConfigurationAttribute.XAUTH_STATUS, value: 0 }];
    const status = encodeConfiguration({ type: ConfigurationType.SET, identifier: 1, attributes });
    const stage = round(proven(), 1).down(ike([status], transaction(2)));
    assert.deepEqual(stage.troubles, ['xauth-refused cause']);
    assert.deepEqual(stage.evidenceOf('xauth-refused'), [9]);
  });

  test('near misses: a second try gets in; the client goes on without an address; it is no login', () => {
    assert.deepEqual(configured(round(round(round(proven(), 1), 2), 3)).silence(20_000).troubles, []);
    const without = round(round(proven(), 1), 2)
      .up(sealed(160, 7, quick))
      .down(sealed(160, 8, quick));
    assert.deepEqual(without.up(sealed(48, 9, quick)).silence(20_000).troubles, []);
    const plain = round(round(proven(Authentication.PSK), 1), 2).down(sealed(64, 90, INFORMATIONAL));
    assert.ok(!plain.found.includes('xauth-refused cause'));
  });
});

describe('login-without-end', () => {
  const rounds = (count: number) => {
    const stage = proven();
    for (let id = 1; id <= count; id++) round(stage, id).wait(2000);
    return stage;
  };

  test('the gateway asks again and again', () => {
    const stage = rounds(6);
    assert.deepEqual(stage.troubles, ['login-without-end cause']);
    assert.deepEqual(stage.evidenceOf('login-without-end'), [7, 17]);
    assert.match(stage.diagnosis.findings[0]!.cause, /6 times/);
  });

  test('near misses: a token wants many rounds, and the user gets in; four rounds', () => {
    assert.deepEqual(configured(rounds(6)).silence(20_000).troubles, []);
    assert.ok(!rounds(4).found.includes('login-without-end cause'));
  });
});

describe('login-never-asked', () => {
  test('nobody asks for the login that was agreed on', () => {
    const stage = proven().silence(6000);
    assert.deepEqual(stage.troubles, ['login-never-asked cause']);
    assert.deepEqual(stage.evidenceOf('login-never-asked'), [6]);
  });

  test('the gateway asks, and the client never answers', () => {
    const question = sealed(80, 1, transaction(1));
    const stage = proven().down(question).wait(4000).down(question).wait(4000).down(question);
    assert.deepEqual(stage.troubles, ['login-never-asked cause']);
    assert.deepEqual(stage.evidenceOf('login-never-asked'), [7]);
  });

  test('near misses: the capture ends at once; a user who types slowly; no login was agreed on', () => {
    assert.deepEqual(proven().silence(1000).troubles, []);
    const question = sealed(80, 1, transaction(1));
    const slow = proven()
      .down(question)
      .wait(4000)
      .down(question)
      .wait(20_000)
      .up(sealed(80, 101, transaction(1)));
    assert.deepEqual(configured(round(slow, 2)).silence(20_000).troubles, []);
    assert.ok(!proven(Authentication.PSK).silence(6000).found.includes('login-never-asked cause'));
  });
});

describe('mode-config-refused', () => {
  const asking = () => wish(round(round(proven(), 1), 2));

  test('instead of an address a notification comes, or nothing', () => {
    const stage = asking().down(sealed(64, 90, INFORMATIONAL));
    assert.deepEqual(stage.troubles, ['mode-config-refused cause']);
    assert.deepEqual(stage.evidenceOf('mode-config-refused'), [11, 12]);
    const silent = wish(asking().wait(4000)).silence(6000);
    assert.deepEqual(silent.troubles, ['mode-config-refused cause']);
    assert.deepEqual(silent.evidenceOf('mode-config-refused'), [11, 12]);
  });

  test('near misses: the answer comes late; the capture ends at once', () => {
    const late = wish(asking().wait(4000))
      .wait(3000)
      .down(sealed(96, 61, transaction(60)));
    late
      .up(sealed(160, 7, quick))
      .down(sealed(160, 8, quick))
      .up(sealed(48, 9, quick));
    assert.deepEqual(late.silence(20_000).troubles, []);
    assert.deepEqual(asking().silence(1000).troubles, []);
  });
});

describe('pool-empty', () => {
  /** In clear, as keys would show it. */
  const configuration = (type: number, address: number) =>
    encodeConfiguration({
      type,
      identifier: 1,
      attributes: [{ type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value: new Uint8Array(address) }],
    });
  const given = (length: number) =>
    round(round(proven(), 1), 2)
      .up(ike([configuration(ConfigurationType.REQUEST, 0)], transaction(60)))
      .down(ike([configuration(ConfigurationType.REPLY, length)], transaction(60)));

  test('the answer has no address', () => {
    const stage = given(0);
    assert.deepEqual(stage.troubles, ['pool-empty cause']);
    assert.deepEqual(stage.evidenceOf('pool-empty'), [11, 12]);
  });

  test('near miss: it has one', () => {
    assert.deepEqual(given(4).troubles, []);
  });
});
