/** The race of the ways: who sets out when, who wins, and what is said of the others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkePath } from '../../../../src/core/carrier/ike-path.ts';
import type { Ikev1Sa } from '../../../../src/core/ikev1/sa.ts';
import { parseIp } from '../../../../src/core/net/address.ts';
import { HEAD_START, Race, WAY_PATIENCE } from '../../../../src/core/session/client/race.ts';
import type { Way } from '../../../../src/core/session/client/ways.ts';

const PATH: IkePath = {
  carrier: 'udp',
  local: { address: parseIp('192.0.2.2')!, port: 500 },
  remote: { address: parseIp('192.0.2.1')!, port: 500 },
};

/** A race of `ways`, begun at 0. What it knows of an SA is whether the gateway has answered it. */
function start(...ways: readonly Way[]) {
  const begun = new Map<Way, Ikev1Sa>();
  const abandoned: Ikev1Sa[] = [];
  const race = new Race(
    {
      began: () => undefined,
      initiate: (way) => {
        const sa = { responderCookie: Uint8Array.of(1) } as Ikev1Sa;
        begun.set(way, sa);
        return sa;
      },
      openFlow: () => 1,
      closeFlow: () => {},
      abandon: (sa) => abandoned.push(sa),
    },
    ways.map((way) => ({ way, path: PATH })),
    0,
  );
  race.handleTimeout(0);
  return { race, begun, abandoned };
}

describe('the race of the ways', () => {
  it('each has a head start before the next', () => {
    const { race, begun } = start('nat-t', 'nat-t-from-500', 'udp', 'cisco-tcp');
    assert.deepEqual([...begun.keys()], ['nat-t']);
    assert.equal(race.pollTimeout(), HEAD_START);
    race.handleTimeout(HEAD_START);
    assert.deepEqual([...begun.keys()], ['nat-t', 'nat-t-from-500']);
    assert.equal(race.pollTimeout(), 2 * HEAD_START);
  });

  it('who set out before the winner and heard nothing is told, and is not lost for that', () => {
    const { race, begun, abandoned } = start('nat-t', 'nat-t-from-500', 'udp', 'cisco-tcp');
    for (const i of [1, 2, 3]) race.handleTimeout(i * HEAD_START);
    race.heard(begun.get('nat-t-from-500')!, 700);
    race.handleEvent(begun.get('udp')!, { type: 'configuration-received', attributes: [] }, 950);
    assert.equal(race.result?.winner?.way, 'udp');
    assert.deepEqual(race.result?.unanswered, ['nat-t'], 'not the one that was heard, nor the one that came later');
    assert.deepEqual(race.result?.lost, []);
    assert.deepEqual(abandoned, [begun.get('nat-t'), begun.get('nat-t-from-500')]);
  });

  it('all silent: all lost', () => {
    const { race } = start('nat-t', 'udp');
    race.handleTimeout(HEAD_START);
    race.handleTimeout(WAY_PATIENCE);
    assert.equal(race.pollTimeout(), HEAD_START + WAY_PATIENCE, 'one may still answer');
    race.handleTimeout(HEAD_START + WAY_PATIENCE);
    assert.equal(race.result?.winner, undefined);
    assert.deepEqual(
      race.result?.lost.map(({ way, sight, refused }) => ({ way, sight, refused })),
      [
        { way: 'nat-t', sight: 'silent', refused: false },
        { way: 'udp', sight: 'silent', refused: false },
      ],
    );
    assert.deepEqual(race.result?.unanswered, []);
  });
});
