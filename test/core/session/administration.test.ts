/**
 * What the administrator does to sessions: reload, the end of a user; and what is told to those whom the gateway can't serve: who
 * outlived its restart, and who speaks IKEv2.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readU32 } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import type { IkePath } from '../../../src/core/carrier/ike-path.ts';
import type { EspPath } from '../../../src/core/esp/sa.ts';
import type { Transmit } from '../../../src/core/ikev1/types.ts';
import { type Endpoint, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import type { GroupPolicy } from '../../../src/core/session/policy.ts';
import { NotifyType, Protocol, parseNotification } from '../../../src/core/wire/ikev1.ts';
import {
  IKEV2_VERSION,
  Ikev2Exchange,
  Ikev2Flag,
  Ikev2Notify,
  Ikev2Payload,
  parseIkev2Notification,
  parseIkev2Payloads,
} from '../../../src/core/wire/ikev2.ts';
import {
  ExchangeType,
  encodeMessage,
  type IsakmpHeader,
  PayloadType,
  parseMessage,
  parseWholeChain,
} from '../../../src/core/wire/isakmp.ts';
import { GATEWAY, Scene, type SceneOptions } from './scene.ts';

const NEW_PSK = utf8('another secret of some length');

/** Reloads with every group changed like that; undefined takes the groups away. */
function reload(scene: Scene, change: Partial<GroupPolicy> | undefined): void {
  const { settings } = scene;
  const groups = change ? settings.policy.groups.map((group) => ({ ...group, ...change })) : [];
  scene.gateway.reload({ ...settings, policy: { ...settings.policy, groups } }, scene.now);
  scene.run();
}

describe('a reload', () => {
  test('leaves who is on, and lets nobody in by the old secret', () => {
    const scene = new Scene();
    const ann = scene.dial({ user: 'ann' });
    reload(scene, { psk: NEW_PSK });
    assert.equal(scene.gateway.sessions().length, 1);
    ann.askTunnel();
    assert.equal(ann.events.filter(({ type }) => type === 'esp-established').length, 2, 'its tunnel can be renewed');
    assert.ok(!scene.dial({ user: 'bob' }).has('established'));
    assert.ok(scene.dial({ user: 'bob', psk: NEW_PSK }).address);
    assert.deepEqual(scene.all('session-down'), []);
  });

  test('that takes the group away leaves who came by it under the rules that were', () => {
    const scene = new Scene();
    const ann = scene.dial({ user: 'ann', mode: 'aggressive' });
    reload(scene, undefined);
    ann.askTunnel();
    assert.equal(ann.events.filter(({ type }) => type === 'esp-established').length, 2);
    assert.equal(scene.gateway.sessions().length, 1);
    scene.dial({ user: 'bob', mode: 'aggressive' });
    assert.match(scene.failures.at(-1)!, /no group is named labgroup/);
    assert.equal(scene.gateway.sessions().length, 1);
  });

  test('shortens the time of who is on', () => {
    const scene = new Scene();
    scene.dial({ user: 'ann' });
    scene.advance(MINUTE);
    reload(scene, { sessionTimeout: 120 });
    assert.equal(scene.advance(MINUTE - SECOND).gateway.sessions().length, 1);
    assert.equal(scene.advance(2 * SECOND).gateway.sessions().length, 0);
    assert.match(scene.all('session-down')[0]!.reason, /session_timeout/);
  });

  test('takes a user off the list for the next login', () => {
    const scene = new Scene();
    scene.dial({ user: 'ann' });
    reload(scene, { users: ['bob'] });
    assert.equal(scene.gateway.sessions().length, 1);
    assert.ok(!scene.dial({ user: 'ann' }).address);
    assert.ok(scene.dial({ user: 'bob' }).address);
  });

  test('gives the next login an address of the new pool, and leaves the others theirs', () => {
    const scene = new Scene();
    const ann = scene.dial({ user: 'ann' });
    reload(scene, { pool: parsePrefix('10.78.0.0/24')! });
    assert.match(scene.dial({ user: 'bob' }).address!, /^10\.78\.0\./);
    assert.deepEqual(scene.addresses[0], ann.address);
  });
});

describe('a group that is open to other proofs', () => {
  test('is told from a group that there is not, in the log alone', () => {
    const scene = new Scene();
    const answer = (group: string) => {
      const dialer = scene.dial({ mode: 'aggressive', group });
      scene.advance(MINUTE);
      return dialer.events.map(({ type }) => type);
    };
    reload(scene, { psk: undefined, certificates: true });
    const there = answer('labgroup');
    assert.match(scene.failures.at(-1)!, /group labgroup isn't open to secrets \(psk\); see its 'authentication'/);
    assert.deepEqual(answer('nobody'), there);
    assert.match(scene.failures.at(-1)!, /no group is named nobody; see 'groups'/);
  });
});

describe('the end of a user', () => {
  test('ends all sessions of his, and nobody else', () => {
    const scene = new Scene();
    const [one, two, bob] = [scene.dial({ user: 'ann' }), scene.dial({ user: 'ann' }), scene.dial({ user: 'bob' })];
    scene.gateway.endUser('ann', 'the user was removed', scene.now);
    scene.run();
    assert.deepEqual(scene.addresses, [bob.address]);
    assert.ok(one.has('ended') && two.has('ended'), 'their clients are told');
    assert.ok(!bob.has('ended'));
    assert.deepEqual(
      scene.all('session-down').map(({ reason }) => reason),
      ['the user was removed', 'the user was removed'],
    );
    assert.deepEqual([...scene.dataplane.sessions.keys()], [scene.gateway.sessions()[0]!.id]);
  });

  test('keeps out one whose password is being checked, though it is right', () => {
    const asked: SceneOptions = { verdict: () => undefined };
    const scene = new Scene(asked);
    const ann = scene.dial({ user: 'ann' });
    const { requestId } = scene.all('authenticate')[0]!;
    scene.gateway.endUser('ann', 'the user was removed', scene.now);
    scene.gateway.answerLogin(requestId, { ok: true, address: undefined, lastAddress: undefined }, scene.now);
    scene.run();
    assert.ok(ann.has('ended'));
    assert.deepEqual(ann.loginResults, []);
    assert.deepEqual(scene.gateway.sessions(), []);
  });

  test('of nobody ends nothing', () => {
    const scene = new Scene();
    scene.dial({ user: 'ann' });
    scene.gateway.endUser('an', 'the user was removed', scene.now);
    scene.gateway.endUser('', 'the user was removed', scene.now);
    assert.equal(scene.run().gateway.sessions().length, 1);
  });
});

describe('ESP for an SPI that is not there', () => {
  const SPI = 0xcafe0001;
  const STRANGER: Endpoint = { address: parseIp('192.0.2.9')!, port: 4711 };

  function sentFor(scene: Scene, path: EspPath): Transmit[] {
    scene.gateway.handleUnknownSpi(path, SPI, scene.now);
    const sent: Transmit[] = [];
    for (let out = scene.gateway.pollTransmit(); out; out = scene.gateway.pollTransmit()) sent.push(out);
    return sent;
  }

  test('from where a session has its tunnel is answered by a delete under its phase 1', () => {
    const scene = new Scene();
    const ann = scene.dial({ user: 'ann', nat: true });
    scene.dial({ user: 'bob' });
    const remote = { ...ann.from, port: ann.from.port + 1 };
    scene.gateway.handleUnknownSpi({ carrier: 'nat-t', local: { ...GATEWAY, port: 4500 }, remote }, SPI, scene.now);
    scene.run();
    const deleted = ann.events.flatMap((event) => (event.type === 'esp-deleted' ? event.spis : []));
    assert.deepEqual(deleted, [SPI]);
    assert.equal(scene.gateway.sessions().length, 2);
    assert.deepEqual(scene.all('session-down'), []);
  });

  test('from a stranger is answered unprotected, at its IKE port', () => {
    const scene = new Scene();
    const [out, ...rest] = sentFor(scene, { carrier: 'esp', local: GATEWAY, remote: { ...STRANGER, port: 0 } });
    assert.deepEqual(rest, []);
    assert.deepEqual(out!.path, { carrier: 'udp', local: GATEWAY, remote: { ...STRANGER, port: 500 } });
    const { header, body } = parseMessage(out!.message);
    assert.equal(header.exchangeType, ExchangeType.INFORMATIONAL);
    assert.equal(header.flags, 0);
    const [payload] = parseWholeChain(header.nextPayload, body);
    assert.equal(payload!.type, PayloadType.N);
    const { protocol, type, spi } = parseNotification(payload!.body);
    assert.deepEqual([protocol, type, readU32(spi)], [Protocol.ESP, NotifyType.INVALID_SPI, SPI]);
  });

  test('from a stranger behind a NAT is answered where it came from', () => {
    const local = { ...GATEWAY, port: 4500 };
    const [out] = sentFor(new Scene(), { carrier: 'nat-t', local, remote: STRANGER });
    assert.deepEqual(out!.path, { carrier: 'nat-t', local, remote: STRANGER });
  });

  test('is answered twenty times at once, then ten times a second', () => {
    const scene = new Scene();
    const path: EspPath = { carrier: 'nat-t', local: { ...GATEWAY, port: 4500 }, remote: STRANGER };
    const answers = () => Array.from({ length: 100 }, () => sentFor(scene, path)).flat().length;
    assert.equal(answers(), 20);
    scene.now += SECOND;
    assert.equal(answers(), 10);
  });
});

describe('who begins IKEv2', () => {
  const FROM: IkePath = {
    carrier: 'udp',
    local: GATEWAY,
    remote: { address: parseIp('192.0.2.9')!, port: 4711 },
  };
  const INIT = {
    initiatorCookie: new Uint8Array(8).fill(7),
    responderCookie: new Uint8Array(8),
    nextPayload: Ikev2Payload.SA,
    version: IKEV2_VERSION,
    exchangeType: Ikev2Exchange.IKE_SA_INIT,
    flags: Ikev2Flag.INITIATOR,
    messageId: 0,
  };

  /** @param bytes of what follows the header */
  function answersTo(scene: Scene, change: Partial<IsakmpHeader>, bytes = 200): Transmit[] {
    scene.gateway.handleDatagram(FROM, encodeMessage({ ...INIT, ...change }, new Uint8Array(bytes)), scene.now);
    const sent: Transmit[] = [];
    for (let out = scene.gateway.pollTransmit(); out; out = scene.gateway.pollTransmit()) sent.push(out);
    return sent;
  }

  test('is told that there is none, in a response to what it sent, and so is the administrator', () => {
    const scene = new Scene();
    const [out, ...rest] = answersTo(scene, {});
    assert.deepEqual([out!.path, rest], [FROM, []]);
    const { header, body } = parseMessage(out!.message);
    assert.deepEqual(header, { ...INIT, nextPayload: Ikev2Payload.N, flags: Ikev2Flag.RESPONSE });
    const [payload] = parseIkev2Payloads(header.nextPayload, body);
    const { type, data } = parseIkev2Notification(payload!.body);
    assert.deepEqual([type, data.length], [Ikev2Notify.INVALID_MAJOR_VERSION, 0]);
    scene.run();
    assert.match(scene.failures.at(-1)!, /speaks IKEv2/);
    assert.equal(scene.gateway.halfOpen, 0);
  });

  test('is not told by more bytes than it sent, nor in answer to an answer, or to what begins nothing', () => {
    const scene = new Scene();
    for (const [change, bytes] of [
      [{}, 7],
      [{ flags: Ikev2Flag.RESPONSE }, 200],
      [{ flags: Ikev2Flag.INITIATOR | Ikev2Flag.RESPONSE }, 200],
      [{ messageId: 1 }, 200],
      [{ exchangeType: Ikev2Exchange.IKE_AUTH }, 200],
      [{ responderCookie: new Uint8Array(8).fill(9) }, 200],
      [{ version: 0x30 }, 200],
    ] as const) {
      const sent = answersTo(scene, change, bytes).filter(({ message }) => message[17] === IKEV2_VERSION);
      assert.deepEqual(sent, [], JSON.stringify(change));
    }
    assert.equal(answersTo(scene, {}, 8).length, 1);
  });

  test('is answered twenty times at once, then ten times a second', () => {
    const scene = new Scene();
    const answers = () => Array.from({ length: 100 }, () => answersTo(scene, {})).flat().length;
    assert.equal(answers(), 20);
    scene.now += SECOND;
    assert.equal(answers(), 10);
  });
});
