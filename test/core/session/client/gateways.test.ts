/** Whose turn it is among a client's gateways. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Gateways } from '../../../../src/core/session/client/gateways.ts';

/** Those of one round in which all fail. */
function round(gateways: Gateways): string[] {
  gateways.beginRound();
  const tried = [gateways.current];
  while (gateways.next()) tried.push(gateways.current);
  return tried;
}

describe("a client's gateways", () => {
  it('each has its turn in a round, and the next round goes on in a circle', () => {
    const gateways = new Gateways(['a', 'b']);
    assert.deepEqual(round(gateways), ['a', 'b']);
    assert.deepEqual(round(gateways), ['a', 'b']);
    gateways.next();
    assert.deepEqual(round(gateways), ['b', 'a']);
  });

  it('those that a gateway names come after those of the profile, once each', () => {
    const gateways = new Gateways(['a', 'b']);
    gateways.next();
    gateways.learn(['c', 'a', 'c']);
    assert.equal(gateways.current, 'b');
    assert.deepEqual(round(gateways), ['b', 'c', 'a']);
  });

  it('a backup that let us in stays, whatever it names itself', () => {
    const gateways = new Gateways(['a']);
    gateways.learn(['c']);
    gateways.next();
    assert.equal(gateways.current, 'c');
    gateways.learn(['d']);
    assert.equal(gateways.current, 'c');
    assert.deepEqual(round(gateways).toSorted(), ['a', 'c', 'd']);
    gateways.learn([]);
    assert.deepEqual(round(gateways).toSorted(), ['a', 'c']);
  });
});
