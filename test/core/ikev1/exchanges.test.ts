/** Exchanges under a phase 1: quick mode in both directions and in every suite, loss, refusal, DPD, deletes, bounds. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DH_GROUPS, type DhGroup, type EspSuite } from '../../../src/core/crypto/algorithms.ts';
import { phase2SuiteName } from '../../../src/core/ikev1/phase2-proposal.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import { EncapsulationMode } from '../../../src/core/wire/ikev1.ts';
import {
  connectByItself,
  connectedPair,
  establishedPair,
  keysMatch,
  type Name,
  Pair,
  quickMode,
  quickModeIntent,
} from './pair.ts';

const SUITES: readonly EspSuite[] = [
  ...([128, 192, 256] as const).map((keyBits) => ({ cipher: 'aes-gcm', keyBits }) as const),
  ...(['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const).flatMap((integrity) => [
    { cipher: '3des-cbc', keyBits: 192, integrity } as const,
    { cipher: 'aes-cbc', keyBits: 128, integrity } as const,
    { cipher: 'aes-cbc', keyBits: 256, integrity } as const,
  ]),
];
const GROUPS = Object.keys(DH_GROUPS).map(Number) as DhGroup[];
const MODE = EncapsulationMode.TUNNEL;
const QUICK_MODE = 32;

for (const name of ['client', 'gateway'] as const) {
  describe(`quick mode that the ${name} begins`, () => {
    const other: Name = name === 'client' ? 'gateway' : 'client';

    test('gives both sides the same keys, in every suite', () => {
      const pair = connectedPair();
      for (const esp of SUITES) {
        const pairs = quickMode(pair, name, { suites: [{ esp, group: undefined, mode: MODE }] });
        assert.ok(keysMatch(pairs), phase2SuiteName(pairs[name].suite));
        assert.equal(pairs[name].initiatedBy, 'us');
        assert.equal(pairs[other].initiatedBy, 'peer');
      }
    });

    test('gives both sides the same keys, with PFS in every group', () => {
      const pair = connectedPair();
      for (const group of GROUPS) {
        const pairs = quickMode(pair, name, { suites: [{ esp: SUITES[0]!, group, mode: MODE }] });
        assert.ok(keysMatch(pairs), DH_GROUPS[group].name);
      }
    });

    test('has fresh keys each time', () => {
      const pair = connectedPair();
      const keys = Array.from({ length: 10 }, () => quickMode(pair, name).client.inbound.keys.encryption.join());
      assert.equal(new Set(keys).size, 10);
    });

    test('bears the loss of each of its messages', () => {
      for (let index = 0; index < 3; index++) {
        for (let lost = 1; lost <= 4; lost++) {
          const pair = connectedPair();
          const seen: string[] = [];
          let left = lost;
          pair.onWay = ({ message }) => {
            if (message[18] !== QUICK_MODE) return true;
            const text = message.join();
            if (!seen.includes(text)) seen.push(text);
            return seen.indexOf(text) !== index || left-- <= 0;
          };
          pair.end(name).sa!.beginQuickMode(quickModeIntent(), pair.now);
          pair.drain();
          pair.advance(MINUTE);
          assert.equal(pair.end(other).all('esp-established').length, 2, `message ${index + 1}, ${lost} times`);
          const pairs = {
            client: pair.client.last('esp-established').pair,
            gateway: pair.gateway.last('esp-established').pair,
          };
          assert.ok(keysMatch(pairs));
        }
      }
    });

    test('is abandoned by both when nothing comes through any more', () => {
      const pair = connectedPair();
      pair.onWay = ({ from }) => from === name;
      const intent = quickModeIntent();
      pair.end(name).sa!.beginQuickMode(intent, pair.now);
      pair.drain();
      const at = pair.now;
      pair.advance(5 * MINUTE);
      assert.equal(pair.end(name).last('esp-abandoned').inboundSpi, intent.spi);
      assert.match(pair.end(name).last('esp-abandoned').reason, /no answer to message 1/);
      assert.match(pair.end(other).last('esp-abandoned').reason, /message 3 never came/);
      assert.equal(pair.end(other).all('esp-established').length, 1);
      assert.ok((pair.nextTimeout() ?? Number.POSITIVE_INFINITY) > at + 60 * MINUTE, 'only the lifetime is left');
    });

    test('takes the shorter lifetime', () => {
      const pair = connectedPair();
      const asked = { seconds: 600, kilobytes: 1000 };
      const pairs = quickMode(pair, name, { lifetime: asked });
      assert.deepEqual(pairs[other].lifetime, asked);
      assert.equal(
        quickMode(pair, name, { lifetime: { seconds: 99_999, kilobytes: undefined } })[other].lifetime.seconds,
        3600,
      );
    });

    test('that is refused by policy ends at once, with its reason, and is told once', () => {
      const pair = connectedPair();
      (pair.end(other).policy as { authorizePhase2: unknown }).authorizePhase2 = () => ({ refused: 'not today' });
      pair.end(name).sa!.beginQuickMode(quickModeIntent(), pair.now);
      pair.drain();
      const [request] = pair.wire;
      pair.run();
      assert.deepEqual(
        pair
          .end(other)
          .all('esp-refused')
          .map(({ reason }) => reason),
        ['not today'],
      );
      assert.match(pair.end(name).last('esp-abandoned').reason, /INVALID_ID_INFORMATION/);
      const sent = pair.end(other).sent.length;
      for (let i = 0; i < 20; i++) pair.deliver(request!);
      assert.equal(pair.end(other).all('esp-refused').length, 1);
      assert.equal(pair.end(other).sent.length, sent + 8, 'repeats are answered from cache, up to a bound');
    });

    test('that is over is forgotten after a minute, also when nothing comes that would give occasion to', () => {
      const pair = connectedPair();
      const end = pair.end(other);
      (end.policy as { authorizePhase2: unknown }).authorizePhase2 = () => ({ refused: 'not today' });
      pair.end(name).sa!.beginQuickMode(quickModeIntent(), pair.now);
      pair.drain();
      const [request] = pair.wire;
      pair.run();
      pair.advance(50_000).deliver(request!);
      assert.equal(end.all('esp-refused').length, 1, 'a repeat');
      pair.run().advance(11_000).deliver(request!);
      assert.equal(end.all('esp-refused').length, 2, 'nobody remembers it');
    });

    test('that offers what the other does not know is refused with the nearest', () => {
      const pair = connectedPair();
      (pair.end(other).policy as { legacy: boolean }).legacy = false;
      const esp = { cipher: '3des-cbc', keyBits: 192, integrity: 'sha1' } as const;
      pair.end(name).sa!.beginQuickMode(quickModeIntent({ suites: [{ esp, group: undefined, mode: MODE }] }), pair.now);
      pair.drain();
      pair.run();
      assert.match(pair.end(other).last('esp-refused').reason, /3des only with 'legacy: true'/);
      assert.match(pair.end(name).last('esp-abandoned').reason, /NO_PROPOSAL_CHOSEN/);
    });
  });
}

test('both may begin at the same moment, and both tunnels stand', () => {
  const pair = connectedPair();
  for (const end of [pair.client, pair.gateway]) end.sa!.beginQuickMode(quickModeIntent(), pair.now);
  pair.drain();
  pair.run();
  assert.equal(pair.client.all('esp-established').length, 3);
  assert.equal(pair.gateway.all('esp-established').length, 3);
});

test('the inbound half is prepared before the answer goes out, the outbound one waits for message 3', () => {
  const pair = connectedPair();
  pair.onWay = ({ from, message }) =>
    from === 'gateway' || message[18] !== QUICK_MODE || pair.gateway.all('esp-prepared').length < 2;
  pair.client.sa!.beginQuickMode(quickModeIntent(), pair.now);
  pair.drain();
  pair.run();
  assert.equal(pair.gateway.all('esp-prepared').length, 2);
  assert.equal(pair.gateway.all('esp-established').length, 1);
});

test('64 exchanges may be open at once, of ours and of the peer', () => {
  const pair = connectedPair();
  pair.advance(2 * MINUTE);
  pair.onWay = () => false;
  let begun = 0;
  while (begun < 200 && pair.gateway.sa!.beginQuickMode(quickModeIntent(), pair.now)) begun++;
  assert.ok(begun <= 64 && begun > 50, `${begun}`);
  pair.drain();
  pair.run();
  pair.onWay = ({ from }) => from === 'client';
  assert.ok(pair.client.sa!.beginQuickMode(quickModeIntent(), pair.now));
  pair.drain();
  pair.run();
  assert.deepEqual(pair.gateway.drops, ['ike_too_many_exchanges']);
  pair.onWay = () => true;
  pair.advance(2 * MINUTE);
  assert.ok(keysMatch(quickMode(pair, 'client')), 'and there is room again');
});

test('requests that are never answered are forgotten', () => {
  const pair = establishedPair();
  for (let i = 0; i < 64; i++) {
    pair.client.sa!.requestConfiguration([], pair.now);
    pair.drain();
    pair.run();
  }
  assert.equal(pair.gateway.all('configuration-requested').length, 64);
  assert.ok(!pair.gateway.sa!.beginQuickMode(quickModeIntent(), pair.now), 'there is no room');
  pair.onWay = ({ from }) => from === 'gateway';
  pair.advance(5 * MINUTE);
  assert.ok(pair.gateway.sa!.beginQuickMode(quickModeIntent(), pair.now), 'there is room again');
});

describe('login and configuration', () => {
  test('bear the loss of each of their messages', () => {
    const count = connectedPair().record.length;
    for (let index = 0; index < count; index++) {
      const pair = connectByItself(new Pair());
      const seen: string[] = [];
      pair.onWay = ({ message }) => {
        const text = message.join();
        if (seen.includes(text)) return true;
        seen.push(text);
        return seen.length - 1 !== index;
      };
      pair.advance(25 * SECOND);
      assert.ok(pair.gateway.has('esp-established') && pair.client.has('esp-established'), `message ${index + 1}`);
    }
  });

  test('bear each message twice, and all of it behind its back', () => {
    const pair = connectByItself(new Pair());
    pair.onWay = (letter) => {
      pair.deliver(letter);
      return true;
    };
    pair.advance(25 * SECOND);
    for (const type of ['established', 'esp-established'] as const)
      assert.equal(pair.gateway.all(type).length, 1, type);
    assert.equal(pair.gateway.all('xauth-answered').length, 1);
    assert.equal(pair.gateway.all('configuration-requested').length, 1);
  });

  test('a user may take two minutes to type, no longer', () => {
    const pair = establishedPair();
    pair.gateway.sa!.requestXauth({ asks: 'password', message: undefined }, pair.now);
    pair.drain();
    pair.advance(119 * SECOND);
    assert.ok(!pair.gateway.sa!.ended);
    pair.advance(2 * SECOND);
    assert.match(pair.gateway.last('ended').detail, /no name and password came/);
  });
});

describe('dead peer detection', () => {
  const dpd = { idle: 30 * SECOND, timeout: 90 * SECOND };

  test('asks the silent alone, and who answers lives', () => {
    const pair = connectedPair({ gateway: { dpd } });
    const before = pair.gateway.sent.length;
    pair.advance(29 * SECOND);
    assert.equal(pair.gateway.sent.length, before);
    pair.advance(10 * MINUTE);
    const asked = pair.gateway.sent.length - before;
    assert.ok(asked >= 18 && asked <= 21, `${asked} questions`);
    assert.ok(!pair.gateway.sa!.ended);
  });

  test('asks nobody whose packets come in', () => {
    const pair: Pair = connectedPair({ gateway: { dpd, lastTraffic: () => pair.now - SECOND } });
    const before = pair.gateway.sent.length;
    pair.advance(10 * MINUTE);
    assert.equal(pair.gateway.sent.length, before);
  });

  test('ends who does not answer, after the timeout and no earlier', () => {
    const pair = connectedPair({ gateway: { dpd } });
    const silentFrom = pair.now;
    pair.onWay = ({ from }) => from === 'gateway';
    pair.advance(89 * SECOND);
    assert.ok(!pair.gateway.sa!.ended);
    pair.advance(10 * SECOND);
    assert.equal(pair.gateway.last('ended').reason, 'peer is dead');
    assert.ok(pair.now <= silentFrom + 100 * SECOND);
  });

  test('goes both ways', () => {
    const pair = connectedPair({ gateway: { dpd }, client: { dpd } });
    pair.advance(10 * MINUTE);
    assert.ok(!pair.client.sa!.ended && !pair.gateway.sa!.ended);
    assert.deepEqual([pair.client.drops, pair.gateway.drops], [[], []]);
  });
});

describe('deletes', () => {
  test('of a tunnel name its SPI', () => {
    const pair = connectedPair();
    const { spi } = pair.client.last('esp-established').pair.inbound;
    pair.client.sa!.deleteEsp([spi]);
    pair.drain();
    pair.run();
    assert.deepEqual(pair.gateway.last('esp-deleted').spis, [spi]);
    assert.equal(pair.gateway.last('esp-established').pair.outbound.spi, spi);
  });

  test('of phase 1 end the other side, and nothing is sent after that', () => {
    const pair = connectedPair();
    pair.client.sa!.close('bye');
    pair.client.sa!.close('twice');
    pair.client.sa!.deleteEsp([1]);
    pair.drain();
    const sent = pair.client.sent.length;
    pair.run();
    const { reason, detail } = pair.gateway.last('ended');
    assert.deepEqual([reason, detail], ['deleted by the peer', 'the client hung up']);
    assert.equal(pair.client.all('ended').length, 1);
    pair.advance(60 * MINUTE);
    assert.equal(pair.client.sent.length, sent);
    assert.equal(pair.nextTimeout(), undefined);
  });

  test("of phase 1 by the gateway are not said to be the client's", () => {
    const pair = connectedPair();
    pair.gateway.sa!.close('bye');
    pair.drain();
    pair.run();
    const { reason, detail } = pair.client.last('ended');
    assert.deepEqual([reason, detail], ['deleted by the peer', 'the gateway hung up']);
  });
});

test('long messages cross in fragments when both know how', () => {
  const pair = connectedPair();
  const many = Array.from({ length: 40 }, () => ({ esp: SUITES[5]!, group: 16, mode: MODE }) as const);
  assert.ok(keysMatch(quickMode(pair, 'client', { suites: many })));
  assert.ok(pair.record.some(({ message }) => message[16] === 132));
  assert.ok(pair.record.every(({ message }) => message.length <= 1200));
});
