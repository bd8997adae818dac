/** What is known of a gateway is found out once, however many clients it has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../../src/core/diagnosis/conversation.ts';
import { ofGateway } from '../../../src/core/diagnosis/gateways.ts';
import type { Scene } from '../../../src/core/diagnosis/rule.ts';
import { parseIp } from '../../../src/core/net/address.ts';

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
