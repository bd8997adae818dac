/** INVALID_SPI to who sends on by an SA that is gone, beside what is on its way, what was renewed, and what is about another SA. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EMPTY, u32 } from '../../../../src/core/bytes/bytes.ts';
import { encodeNotification, NotifyType, Protocol } from '../../../../src/core/wire/ikev1.ts';
import { encodeIkev2Notification, Ikev2Exchange, Ikev2Flag, Ikev2Notify } from '../../../../src/core/wire/ikev2.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { healthy } from '../healthy.ts';
import { CLIENT, esp, GATEWAY, ike, Stage, sa } from '../stage.ts';

/** As `healthy` has it, of the client. */
const SPI = 0x1000;

const alone = { initiator: 'abababababababab', exchange: ExchangeType.INFORMATIONAL, messageId: 0x4321 };

function invalidSpi(spi = SPI) {
  return ike(
    [encodeNotification({ protocol: Protocol.ESP, spi: u32(spi), type: NotifyType.INVALID_SPI, data: EMPTY })],
    alone,
  );
}

function invalidSpiOfIkev2() {
  const notification = { protocol: 0, spi: EMPTY, type: Ikev2Notify.INVALID_SPI, data: u32(SPI) };
  const flags = Ikev2Flag.INITIATOR;
  return ike([encodeIkev2Notification(notification)], {
    ...{ initiator: alone.initiator, exchange: Ikev2Exchange.INFORMATIONAL },
    ...{ version: 0x20, flags },
  });
}

/** The client sends on, each half second, `seconds` long. */
function sendsOn(stage: Stage, seconds: number, spi = SPI): Stage {
  for (let i = 2; i < 2 + 2 * seconds; i++) stage.wait(500).see(esp(CLIENT, GATEWAY, spi, i));
  return stage;
}

describe('sa-forgotten', () => {
  test('the gateway says so, by either version, and the client goes on', () => {
    for (const word of [invalidSpi(), invalidSpiOfIkev2()]) {
      const stage = sendsOn(sendsOn(healthy(), 1).down(word), 4);
      assert.deepEqual(stage.troubles, ['sa-forgotten cause']);
      assert.deepEqual(stage.evidenceOf('sa-forgotten'), [10, 14, 22]);
    }
  });

  test('the client says so to the gateway', () => {
    const stage = healthy().up(invalidSpi(0x2000));
    for (let i = 2; i < 10; i++) stage.wait(500).see(esp(GATEWAY, CLIENT, 0x2000, i));
    assert.deepEqual(stage.troubles, ['sa-forgotten cause']);
  });

  test('seen from the middle on', () => {
    const stage = sendsOn(sendsOn(new Stage(), 1).down(invalidSpi()), 4);
    assert.deepEqual(stage.troubles, ['sa-forgotten cause']);
  });

  test('near misses: what was on its way, another SA, the same number the other way', () => {
    assert.deepEqual(sendsOn(healthy().down(invalidSpi()), 2).troubles, []);
    assert.deepEqual(
      sendsOn(healthy().down(invalidSpi(0x3000)), 4).found.filter((line) => line.startsWith('sa-')),
      [],
    );
    assert.deepEqual(
      sendsOn(healthy().up(invalidSpi()), 4).found.filter((line) => line.startsWith('sa-')),
      [],
    );
  });

  test('near misses: the gateway goes on too, or somebody begins anew', () => {
    const both = sendsOn(healthy().down(invalidSpi()), 4).see(esp(GATEWAY, CLIENT, 0x2000, 2));
    assert.ok(!both.found.includes('sa-forgotten cause'));
    const again = sendsOn(
      sendsOn(healthy().down(invalidSpi()), 1).up(ike([sa()], { initiator: '3333333333333333' })),
      4,
    );
    assert.ok(!again.found.includes('sa-forgotten cause'));
  });
});
