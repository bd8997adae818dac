/** What is known of a gateway is found out once, however many clients it has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../../src/core/diagnosis/conversation.ts';
import { ofGateway } from '../../../src/core/diagnosis/gateways.ts';
import { distinctSuites, MAX_DISTINCT, readIkev1Offer } from '../../../src/core/diagnosis/offer.ts';
import type { Scene } from '../../../src/core/diagnosis/rule.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { sa } from './stage.ts';

function sceneOf(...pairs: readonly (readonly [string, string])[]): Scene {
  const conversations = pairs.map(([a, b], i) => new Conversation(i + 1, parseIp(a)!, parseIp(b)!));
  return { conversations, lastAt: 0, crypto: undefined };
}

test('asked once for each gateway of a scene, with the conversations that it is one of', () => {
  const asked: string[] = [];
  const count = ofGateway((gateway, conversations) => {
    asked.push(gateway);
    return conversations.length;
  });
  const scene = sceneOf(['192.0.2.1', '198.51.100.1'], ['192.0.2.2', '198.51.100.1'], ['198.51.100.1', '198.51.100.1']);
  for (let i = 0; i < 3; i++)
    assert.deepEqual(
      ['198.51.100.1', '192.0.2.1', '192.0.2.9'].map((gateway) => count(gateway, scene)),
      [3, 1, 0],
    );
  assert.equal(count('198.51.100.1', sceneOf(['198.51.100.1', '192.0.2.7'])), 1);
  assert.deepEqual(asked, ['198.51.100.1', '192.0.2.1', '192.0.2.9', '198.51.100.1']);
});

test('what it takes of thousands is held against an offer once each, and not without end', () => {
  const suites = Array.from(
    { length: 3 * MAX_DISTINCT },
    (_, i) => readIkev1Offer(sa({ group: 100 + (i >> 1) }).body)[0]!,
  );
  const distinct = distinctSuites(suites);
  assert.equal(distinct.length, MAX_DISTINCT);
  assert.deepEqual(distinct.slice(0, 2), [suites[0], suites[2]]);
});
