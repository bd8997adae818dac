/** It stands, and carries not all, or not for long. Each rule with what looks like it and isn't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat, u32 } from '../../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../../src/core/bytes/text.ts';
import { rekeyFailure } from '../../../../src/core/diagnosis/rules/rekey-failure.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { healthy } from '../healthy.ts';
import { CLIENT, esp, GATEWAY, INFORMATIONAL, ike, REPLY, Stage, sa, sealed, udp } from '../stage.ts';

describe('path-mtu and fragments-lost', () => {
  let sequence = 10;

  function ask(stage: Stage, length: number, isAnswered: boolean, fragments = 1): void {
    const payload = concat(u32(0x1000), u32(++sequence), new Uint8Array(length));
    stage.wait(500).see({ ...esp(CLIENT, GATEWAY, 0x1000, 1), payload, fragments });
    if (isAnswered)
      stage
        .wait(20)
        .see({ ...esp(GATEWAY, CLIENT, 0x2000, 1), payload: concat(u32(0x2000), u32(sequence), new Uint8Array(80)) });
  }

  function mixed(isLargeAnswered: boolean, fragments = 1, afterwards = true): string[] {
    const stage = healthy();
    sequence = 1;
    for (let i = 0; i < 4; i++) ask(stage, 80 + i, true);
    for (let i = 0; i < 4; i++) ask(stage, 1400 + i, isLargeAnswered, fragments);
    if (afterwards) for (let i = 0; i < 4; i++) ask(stage, 90 + i, true);
    return stage.troubles;
  }

  test('large packets are never answered, small ones are', () => {
    assert.deepEqual(mixed(false), ['path-mtu cause']);
    assert.deepEqual(mixed(false, 2), ['fragments-lost cause']);
  });

  test('near misses: they are answered; the other side is gone', () => {
    assert.deepEqual(mixed(true, 2), []);
    assert.deepEqual(mixed(false, 1, false), []);
  });

  test('ICMP told the size, and larger packets go on', () => {
    const told = (after: number) => {
      const stage = healthy();
      sequence = 1;
      const quoted = fromHex('4500 05dc 0000 4000 4032 0000 c0000207 c6336401 00001000 00000002');
      stage.wait(100).see({
        protocol: 'icmp',
        source: GATEWAY,
        destination: CLIENT,
        sourcePort: 0,
        destinationPort: 0,
        payload: concat(fromHex('03040000 00000514'), quoted),
      });
      for (let i = 0; i < 4; i++) ask(stage, 80 + i, true);
      for (let i = 0; i < 6; i++) ask(stage, after, i === 5);
      return stage.troubles;
    };
    assert.deepEqual(told(1400), ['path-mtu cause']);
    assert.deepEqual(told(1200), []);
  });
});

describe('nat-mapping-timeout', () => {
  const packet = (spi: number, sequence: number) => concat(u32(spi), u32(sequence), new Uint8Array(60));

  function moved(followed: boolean): string[] {
    const stage = healthy();
    const up = (port: number, i: number) => stage.wait(100).see(udp(CLIENT, port, GATEWAY, 4500, packet(0x3000, i)));
    const down = (port: number, i: number) => stage.wait(100).see(udp(GATEWAY, 4500, CLIENT, port, packet(0x4000, i)));
    for (let i = 1; i < 5; i++) {
      up(20_000, i);
      down(20_000, i);
    }
    stage.wait(60_000);
    for (let i = 5; i < 10; i++) {
      up(30_000, i);
      down(followed ? 30_000 : 20_000, i);
    }
    return stage.troubles;
  }

  test('the client comes from another port, and the gateway goes on sending to the old one; near miss: it follows', () => {
    assert.deepEqual(moved(false), ['nat-mapping-timeout cause']);
    assert.deepEqual(moved(true), []);
  });
});

describe('rekey-failure', () => {
  const quick = { ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId: 99 };

  test('eight minutes after the login, a quick mode that nobody answers', () => {
    const stage = healthy()
      .wait(8 * 60_000)
      .up(sealed(160, 20, quick))
      .wait(4000)
      .up(sealed(160, 20, quick))
      .silence(9000);
    assert.deepEqual(stage.troubles, ['rekey-failure cause']);
    assert.match(stage.diagnosis.findings[0]!.cause, /iPhones and Macs renew after 8 minutes/);
  });

  test('or one that is refused', () => {
    const stage = healthy()
      .wait(3_600_000)
      .up(sealed(160, 20, quick))
      .down(sealed(64, 21, { ...INFORMATIONAL }));
    assert.deepEqual(stage.troubles, ['rekey-failure cause']);
  });

  test('near miss: it is answered', () => {
    const stage = healthy()
      .wait(8 * 60_000)
      .up(sealed(160, 20, quick))
      .down(sealed(160, 21, quick))
      .up(sealed(48, 22, quick))
      .silence(9000);
    assert.deepEqual(stage.troubles, []);
  });

  test('very many that stood and that fail: what is in use is asked once for each', () => {
    const stage = new Stage().see(esp(CLIENT, GATEWAY, 0x1000, 1));
    const cookie = (i: number) => (i + 1).toString(16).padStart(16, '0');
    for (let i = 0; i < 20; i++) {
      const of = { initiator: cookie(i), responder: cookie(i), exchange: ExchangeType.QUICK_MODE, messageId: 9 };
      stage.up(ike([sa()], { initiator: cookie(i) })).up(sealed(64, 1, of));
      stage.down(sealed(64, 2, of)).up(sealed(64, 3, of));
    }
    stage.wait(3_600_000);
    for (let i = 20; i < 40; i++) stage.up(ike([sa()], { initiator: cookie(i) }));
    const { conversations } = stage.diagnosis;
    const conversation = conversations[0]!;
    const { flows } = conversation;
    let asked = 0;
    assert.ok(rekeyFailure.of === 'pair');
    Object.defineProperty(conversation, 'flows', {
      get: () => {
        asked++;
        return flows;
      },
    });
    assert.equal(rekeyFailure.judge(conversation, { conversations, lastAt: stage.now, crypto: undefined }), undefined);
    assert.equal(asked, 20);
  });
});
