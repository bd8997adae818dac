/** Healthy connections that look bad for a while: a phone on a train, a laptop that sleeps, a user who hangs up at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat, u32 } from '../../../../src/core/bytes/bytes.ts';
import { ExchangeType } from '../../../../src/core/wire/isakmp.ts';
import { healthy } from '../healthy.ts';
import { CLIENT, esp, GATEWAY, INFORMATIONAL, ike, ke, nonce, REPLY, Stage, sa, sealed, udp } from '../stage.ts';

const quick = (messageId: number) => ({ ...REPLY, exchange: ExchangeType.QUICK_MODE, messageId });
const ask = (i: number) => sealed(64, i, { ...INFORMATIONAL, messageId: 1000 + i });

/** Traffic both ways, one packet and its answer each time. */
function traffic(stage: Stage, from: number, to: number, pause = 100): Stage {
  for (let i = from; i <= to; i++)
    stage
      .wait(pause)
      .see(esp(CLIENT, GATEWAY, 0x1000, i))
      .wait(20)
      .see(esp(GATEWAY, CLIENT, 0x2000, i));
  return stage;
}

describe('a phone in a tunnel of the railway', () => {
  test('two questions without an answer so far: the third is still to come', () => {
    const stage = healthy().wait(30_000).down(ask(1)).wait(30_000).down(ask(2));
    assert.deepEqual(stage.silence(20_000).troubles, []);
    assert.deepEqual(stage.silence(20_000).troubles, ['dpd-death cause'], 'the gateway asks no more');
    assert.deepEqual(stage.evidenceOf('dpd-death').slice(-2), [12, 13]);
  });

  test('the same question again, slower each time', () => {
    const stage = healthy().wait(30_000).down(ask(1)).wait(4000).down(ask(1)).wait(7200).down(ask(1));
    assert.deepEqual(stage.silence(10_000).troubles, []);
    assert.deepEqual(stage.silence(10_000).troubles, ['dpd-death cause']);
  });

  test('it answers the third', () => {
    const stage = healthy().wait(30_000).down(ask(1)).wait(30_000).down(ask(2)).wait(30_000).down(ask(3));
    assert.deepEqual(stage.up(ask(4)).silence(90_000).troubles, []);
  });

  test('a handful of packets is lost at once, as the cell changes; here and there is loss', () => {
    const numbers = (isLost: (i: number) => boolean) => {
      const stage = healthy();
      for (let i = 2; i <= 100; i++) {
        if (!isLost(i)) stage.wait(100).see(esp(CLIENT, GATEWAY, 0x1000, i));
        stage.wait(20).see(esp(GATEWAY, CLIENT, 0x2000, i));
      }
      return stage;
    };
    assert.deepEqual(numbers((i) => i >= 50 && i < 60).troubles, []);
    const lossy = numbers((i) => i % 10 === 0);
    assert.deepEqual(lossy.troubles, ['loss warning']);
    assert.equal(lossy.evidenceOf('loss')[0], 10);
  });

  test('a few of a long day of questions are repeated', () => {
    const stage = healthy();
    for (let i = 1; i <= 60; i++) {
      stage.wait(30_000).up(ask(i));
      if (i % 20 === 0) stage.wait(4000).up(ask(i));
      stage.down(ask(i + 100));
    }
    assert.deepEqual(stage.troubles, []);
  });

  test('it moves twice, and the gateway follows; the last packets before it knows do not count', () => {
    const packet = (spi: number, i: number) => concat(u32(spi), u32(i), new Uint8Array(60));
    const up = (stage: Stage, port: number, i: number) =>
      stage.wait(100).see(udp(CLIENT, port, GATEWAY, 4500, packet(0x3000, i)));
    const down = (stage: Stage, port: number, i: number) =>
      stage.wait(100).see(udp(GATEWAY, 4500, CLIENT, port, packet(0x4000, i)));
    const stage = new Stage();
    for (const [i, port] of [20_000, 20_000, 30_000, 30_000, 31_000, 31_000].entries()) {
      up(stage, port, i + 1);
      down(stage, port, i + 1);
      stage.wait(1000);
    }
    assert.deepEqual(stage.troubles, []);
    up(stage, 32_000, 7);
    for (let i = 7; i < 11; i++) down(stage, 31_000, i);
    assert.deepEqual(stage.troubles, [], 'a round trip of half a second');
    for (let i = 11; i < 21; i++) down(stage, 31_000, i);
    assert.deepEqual(stage.troubles, ['nat-mapping-timeout cause']);
    assert.deepEqual(stage.evidenceOf('nat-mapping-timeout'), [1, 13]);
  });
});

describe('rekey-failure', () => {
  /** A tunnel of its own for each network, one after the other, on a slow line. */
  function networks(stage: Stage, messageId: number): Stage {
    return stage
      .wait(600)
      .up(sealed(160, messageId, quick(messageId)))
      .wait(600)
      .down(sealed(160, messageId + 50, quick(messageId)))
      .up(sealed(48, messageId, quick(messageId)));
  }

  test('near miss: of several networks asked for in a row one is refused', () => {
    const stage = healthy();
    for (let id = 81; id < 84; id++) networks(stage, id);
    stage
      .up(sealed(160, 84, quick(84)))
      .wait(600)
      .down(sealed(64, 90, INFORMATIONAL));
    assert.deepEqual(traffic(stage, 2, 20).troubles, []);
  });

  test('near miss: another network is refused later, and what stood goes on', () => {
    const stage = traffic(healthy(), 2, 30, 1000);
    stage.up(sealed(160, 84, quick(84))).down(sealed(64, 90, INFORMATIONAL));
    assert.deepEqual(stage.troubles, ['rekey-failure cause'], 'as long as nothing more is seen');
    assert.equal(stage.evidenceOf('rekey-failure')[0], 70);
    assert.deepEqual(traffic(stage, 31, 120, 1000).troubles, []);
  });

  test('near miss: somebody else behind the same NAT fails to come in', () => {
    const stage = traffic(healthy(), 2, 40, 1000);
    const first = ike([sa()], { initiator: '7777777777777777' });
    for (let i = 0; i < 3; i++) stage.wait(4000).see(udp(CLIENT, 40_123, GATEWAY, 500, first));
    assert.ok(!stage.found.includes('rekey-failure cause'));
    const own = traffic(healthy(), 2, 40, 1000);
    for (let i = 0; i < 3; i++) own.wait(4000).up(first);
    assert.ok(own.found.includes('rekey-failure cause'));
  });
});

describe('a laptop that sleeps', () => {
  test('the gateway asks in vain, and the laptop dials anew when it wakes', () => {
    const stage = healthy().wait(30_000);
    for (let i = 1; i <= 5; i++) stage.down(ask(i)).wait(30_000);
    assert.deepEqual(stage.troubles, ['dpd-death cause']);
    const anew = { initiator: '8888888888888888', responder: '9999999999999999' };
    const again = { ...anew, exchange: ExchangeType.QUICK_MODE, messageId: 5 };
    stage
      .wait(3_600_000)
      .up(ike([sa()], { initiator: anew.initiator }))
      .down(ike([sa()], anew));
    for (let i = 0; i < 3; i++) i % 2 === 0 ? stage.up(sealed(160, i, again)) : stage.down(sealed(160, i, again));
    assert.deepEqual(stage.troubles, []);
  });
});

describe('a line that loses one message', () => {
  const first = ike([sa()]);
  const fifth = sealed(64, 5, REPLY);

  test('what was sent again a moment before the capture ends may still be answered', () => {
    const stage = new Stage().up(first).wait(1000).up(first);
    assert.deepEqual(stage.silence(500).troubles, []);
    assert.deepEqual(stage.silence(500).troubles, ['no-answer-500 cause']);
    assert.deepEqual(new Stage().up(first).wait(1000).up(first).wait(2000).up(first).troubles, ['no-answer-500 cause']);
  });

  test('so with main mode, of which message 5 is sent again', () => {
    const stage = new Stage()
      .up(first)
      .down(ike([sa()], REPLY))
      .up(ike([ke(), nonce()], REPLY))
      .down(ike([ke(256, 2), nonce(4)], REPLY))
      .up(fifth)
      .wait(1000)
      .up(fifth);
    assert.deepEqual(stage.silence(500).troubles, []);
    assert.deepEqual(stage.silence(500).troubles, ['psk-mismatch cause']);
    assert.deepEqual(stage.evidenceOf('psk-mismatch'), [1, 5, 6, 0]);
  });
});

describe('a user who hangs up at once', () => {
  /** A new tunnel whose ESP comes from the client alone. */
  function unanswered(packets: number, pause: number): Stage {
    const stage = new Stage().up(ike([sa()])).down(ike([sa()], REPLY));
    for (let i = 1; i <= packets; i++) stage.wait(pause).see(esp(CLIENT, GATEWAY, 0x1000, i));
    return stage;
  }

  const goodbye = sealed(64, 70, INFORMATIONAL);

  test('a few packets to nobody, and a goodbye: no time for an answer', () => {
    assert.deepEqual(unanswered(4, 100).up(goodbye).silence(60_000).troubles, []);
    assert.deepEqual(unanswered(20, 20).up(goodbye).silence(60_000).troubles, []);
  });

  test('who waited for an answer, or had no goodbye, was cut off', () => {
    assert.deepEqual(unanswered(4, 700).up(goodbye).troubles, ['esp-one-way cause']);
    assert.deepEqual(unanswered(4, 100).silence(60_000).troubles, ['esp-one-way cause']);
    const given = unanswered(20, 60).up(goodbye);
    assert.deepEqual(given.troubles, ['esp-one-way cause']);
    assert.deepEqual(given.evidenceOf('esp-one-way').slice(0, 2), [3, 22]);
  });
});
