/** No way leads round the user: without a finished login there is no configuration and no tunnel. Each way is a test. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { parsePrefix } from '../../../src/core/net/address.ts';
import { MINUTE } from '../../../src/core/net/time.ts';
import type { LoginVerdict } from '../../../src/core/session/events.ts';
import { Authentication, ConfigurationAttribute, numericAttribute } from '../../../src/core/wire/ikev1.ts';
import { ADDRESS_REQUEST } from '../ikev1/pair.ts';
import { type Dialer, type DialerOptions, Scene, type SceneOptions } from './scene.ts';

const STATUS_OK = numericAttribute(ConfigurationAttribute.XAUTH_STATUS, 1);

const INTENT = {
  spi: 0x4242,
  suites: [{ esp: { cipher: 'aes-gcm', keyBits: 128 }, group: undefined, mode: 1 }],
  remote: { prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 },
  lifetime: { seconds: 3600, kilobytes: undefined },
} as const;

/** Tries all that only a user may, and checks that nothing comes of it. */
function tryEverything(scene: Scene, dialer: Dialer): void {
  dialer.askConfiguration();
  dialer.askTunnel();
  dialer.askTunnel('10.77.0.5');
  // the client sets its own status, alone and beside a request for an address
  dialer.sa.pushConfiguration([STATUS_OK], scene.now);
  dialer.sa.pushConfiguration([STATUS_OK, ...ADDRESS_REQUEST], scene.now);
  dialer.sa.finishXauth(true, scene.now);
  // it asks the gateway to log in
  dialer.sa.requestXauth({ asks: 'password', message: undefined }, scene.now);
  dialer.sa.requestConfiguration([STATUS_OK, ...ADDRESS_REQUEST], scene.now);
  scene.run();
  dialer.askConfiguration();
  dialer.askTunnel();
  expectNobody(scene, dialer);
}

function expectNobody(scene: Scene, dialer: Dialer): void {
  assert.ok(!dialer.has('configuration-received'), 'it got a configuration');
  assert.ok(!dialer.has('esp-established'), 'it got a tunnel');
  for (const type of ['open-session', 'install-sa', 'session-up', 'leased'] as const)
    assert.deepEqual(scene.all(type), [], type);
  assert.deepEqual(scene.gateway.sessions(), []);
}

function sceneWith(options: DialerOptions, rules: SceneOptions = {}): { scene: Scene; dialer: Dialer } {
  const scene = new Scene(rules);
  return { scene, dialer: scene.dial(options) };
}

for (const mode of ['main', 'aggressive'] as const) {
  describe(`${mode} mode`, () => {
    test('before the login nothing is to be had, and it still can be done', () => {
      const { scene, dialer } = sceneWith({ mode, until: 'phase 1' });
      tryEverything(scene, dialer);
      assert.ok(scene.failures.some((line) => /Mode-Config: .* before its login succeeded/.test(line)));
      assert.ok(scene.failures.some((line) => /quick mode: it asked for a tunnel before its login/.test(line)));
      const asked = dialer.events.find((event) => event.type === 'xauth-requested');
      dialer.sa.answerRequest(asked!.messageId, dialer.login(), scene.now);
      scene.run();
      assert.deepEqual(dialer.loginResults, [true]);
    });

    test('while the password is being checked nothing is to be had', () => {
      const { scene, dialer } = sceneWith({ mode, until: 'login' }, { verdict: () => undefined });
      assert.equal(scene.all('authenticate').length, 1);
      tryEverything(scene, dialer);
      const { requestId } = scene.all('authenticate')[0]!;
      scene.gateway.answerLogin(requestId, { ok: false, reason: 'wrong password' }, scene.now);
      tryEverything(scene.run(), dialer);
    });

    test('after a failed login nothing is to be had, and the session ends', () => {
      const { scene, dialer } = sceneWith({ mode, password: 'wrong' });
      assert.deepEqual(dialer.loginResults, [false]);
      assert.equal(scene.all('authenticate').length, 3);
      tryEverything(scene, dialer);
      scene.advance(MINUTE);
      assert.ok(dialer.has('ended'));
      tryEverythingLate(scene, dialer);
    });

    test('a passcode that is still due lets nobody in', () => {
      let asked = 0;
      const verdict = (): LoginVerdict | undefined =>
        asked++ === 0 ? { ok: 'passcode', message: 'Code?' } : undefined;
      const { scene, dialer } = sceneWith({ mode, until: 'login' }, { verdict });
      assert.deepEqual(
        scene.all('authenticate').map(({ step }) => step),
        ['password', 'passcode'],
      );
      tryEverything(scene, dialer);
    });

    test('plain pre-shared keys without XAUTH are nobody, and go', () => {
      const { scene, dialer } = sceneWith({ mode, until: 'phase 1', authentication: Authentication.PSK });
      tryEverything(scene, dialer);
      scene.advance(3 * MINUTE);
      assert.ok(dialer.has('ended'));
    });
  });
}

/** What comes after the end finds nothing there. */
function tryEverythingLate(scene: Scene, dialer: Dialer): void {
  dialer.send(new Uint8Array(40));
  scene.run();
  expectNobody(scene, dialer);
  assert.equal(scene.gateway.pollTimeout(), undefined);
}

test('verdicts that come twice, late or for nobody let nobody in', () => {
  const { scene, dialer } = sceneWith({ until: 'login' }, { verdict: () => undefined });
  const { requestId } = scene.all('authenticate')[0]!;
  const yes: LoginVerdict = { ok: true, address: undefined, lastAddress: undefined };
  scene.gateway.answerLogin(requestId + 1, yes, scene.now);
  scene.gateway.answerLogin(requestId, { ok: false, reason: 'wrong' }, scene.now);
  scene.gateway.answerLogin(requestId, yes, scene.now);
  scene.run();
  assert.ok(!dialer.loginResults.includes(true));
  scene.gateway.kick(1, 'test', scene.now);
  scene.gateway.answerLogin(requestId, yes, scene.now);
  expectNobody(scene.run(), dialer);
});

test('a user has the own address alone: another, a wider net and IPv6 are refused', () => {
  const { scene, dialer } = sceneWith({ until: 'configuration' });
  assert.equal(dialer.address, '10.77.0.2');
  for (const prefix of ['10.77.0.3/32', '10.77.0.2/31', '0.0.0.0/0', '2001:db8::1/128']) {
    const local = { prefix: parsePrefix(prefix)!, protocol: 0, port: 0 };
    dialer.sa.beginQuickMode({ ...INTENT, local }, scene.now);
    scene.run();
    assert.deepEqual(scene.all('install-sa'), [], prefix);
  }
  dialer.askTunnel();
  assert.equal(scene.all('session-up').length, 1);
});

test('a user of another group does not get in by the password alone', () => {
  const { scene, dialer } = sceneWith({ mode: 'aggressive', user: 'eve' }, { group: { users: ['ann'] } });
  assert.ok(!dialer.loginResults.includes(true));
  assert.match(scene.failures[0]!, /eve may not use this group; see its 'users'/);
});

test('a peer of the list has a tunnel for its own network alone, and no configuration', () => {
  const psk = utf8('the secret of a peer');
  const inner = parsePrefix('10.88.0.0/24')!;
  const from = { address: parsePrefix('192.0.2.99')!.address, port: 500 };
  const peers = [{ id: '192.0.2.99', psk, inner }];
  const dialerOptions = { from, psk, until: 'phase 1', authentication: Authentication.PSK } as const;
  const { scene, dialer } = sceneWith(dialerOptions, { peers });
  dialer.askConfiguration();
  dialer.askTunnel('10.77.0.2');
  assert.deepEqual(scene.all('install-sa'), []);
  assert.ok(!dialer.has('configuration-received'));
  const local = { prefix: inner, protocol: 0, port: 0 };
  dialer.sa.beginQuickMode({ ...INTENT, local }, scene.now);
  scene.run();
  assert.equal(scene.all('session-up').length, 1);
  // the group's secret with the peer's address proves no peer
  const other = new Scene({ peers });
  const stranger = other.dial({ ...dialerOptions, psk: utf8('a group secret of some length') });
  tryEverything(other, stranger);
});
