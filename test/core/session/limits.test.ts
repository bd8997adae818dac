/** A group's limits: how long its sessions last, and how long they may be silent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR, MINUTE, SECOND } from '../../../src/core/net/time.ts';
import { expectEmpty, Scene } from './scene.ts';

for (const [group, after, words] of [
  [{ sessionTimeout: 3600 }, HOUR, /session_timeout/],
  [{ idleTimeout: 600 }, 10 * MINUTE, /idle_timeout/],
] as const) {
  test(`a session ends by ${words.source}`, () => {
    const scene = new Scene({ group });
    scene.dial();
    scene.advance(after - SECOND);
    assert.equal(scene.gateway.sessions().length, 1);
    scene.advance(2 * SECOND);
    assert.match(scene.all('session-down')[0]!.reason, words);
    expectEmpty(scene);
  });
}

test('silence counts from when the user is in, however long it took to type', () => {
  const scene = new Scene({ group: { idleTimeout: 60 } });
  const client = scene.dial({ until: 'phase 1' });
  scene.advance(80 * SECOND);
  const [messageId] = client.events.flatMap((event) => (event.type === 'xauth-requested' ? [event.messageId] : []));
  client.sa.answerRequest(messageId!, client.login(), scene.now);
  scene.run();
  client.askConfiguration();
  scene.advance(59 * SECOND);
  assert.equal(scene.gateway.sessions().length, 1);
  scene.advance(2 * SECOND);
  expectEmpty(scene);
});
