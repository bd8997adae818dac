/** A session whose client changes its carrier: what moves it, and what doesn't call it back. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { parseIp } from '../../../src/core/net/address.ts';
import { WINDOWS_VISTA } from '../../../src/core/personas/windows.ts';
import { phase2Intent } from '../../../src/core/session/client/offer.ts';
import { EncapsulationMode } from '../../../src/core/wire/ikev1.ts';
import { quickModeIntent } from '../ikev1/pair.ts';
import { Caller } from './caller.ts';
import { type Dialer, GATEWAY, Scene } from './scene.ts';

let scene: Scene;
let client: Dialer;
let id: number;
beforeEach(() => {
  scene = new Scene();
  client = scene.dial();
  id = scene.all('open-session')[0]!.id;
  assert.equal(scene.all('open-session')[0]!.path.carrier, 'esp');
});

const inFlow = (port: number) => ({
  carrier: 'cisco-tcp' as const,
  local: { ...GATEWAY, port: 10_000 },
  remote: { ...client.from, port },
});

function carrier(): string | undefined {
  return scene.gateway.sessions()[0]?.carrier;
}

test('a rekey on the old way to IKE leaves ESP where its packets led it', () => {
  const elsewhere = { ...inFlow(50_001), remote: { address: parseIp('203.0.113.200')!, port: 50_001 } };
  scene.gateway.handlePathChange(id, elsewhere);
  for (let i = 0; i < 3; i++) client.askTunnel();
  assert.deepEqual(scene.all('move-path'), []);
  assert.equal(scene.all('install-sa').at(-1)!.path.remote.port, 50_001);
  assert.equal(carrier(), 'cisco-tcp');
});

test('a pair that is made in a flow is for that flow, a later one in another flow for that', () => {
  for (const port of [50_002, 50_003]) {
    const messages: Uint8Array[] = [];
    // what the client sends comes by the flow
    client.send = (message) => {
      messages.push(message);
      scene.gateway.handleDatagram(inFlow(port), message, scene.now);
    };
    client.hears = () => true;
    client.askTunnel();
    assert.ok(messages.length >= 2);
    assert.deepEqual(scene.all('move-path').at(-1)!.path, inFlow(port));
    assert.deepEqual(scene.all('install-sa').at(-1)!.path, inFlow(port));
  }
  assert.equal(carrier(), 'cisco-tcp');
});

test("IKE goes on where the flow's ESP goes, and ESP where the flow's IKE goes", () => {
  scene.gateway.handlePathChange(id, inFlow(50_004));
  scene.gateway.kick(id, 'for the test', scene.now);
  const farewell = scene.gateway.pollTransmit();
  assert.deepEqual(farewell?.path, inFlow(50_004));
});

test('transport mode, too, is made for the way over which it is asked for', () => {
  const stage = new Scene({ l2tp: { methods: ['pap'], nbns: [] } });
  const caller = new Caller(stage);
  assert.ok(caller.address);
  const [{ local, remote } = assert.fail()] = caller.dialer.events.flatMap((event) =>
    event.type === 'esp-established' ? [event.pair] : [],
  );
  caller.dialer.send = (message) => stage.gateway.handleDatagram(inFlow(50_005), message, stage.now);
  caller.dialer.hears = () => true;
  const offer = phase2Intent(WINDOWS_VISTA, { mode: EncapsulationMode.TRANSPORT, group: undefined, legacy: true })!;
  caller.dialer.sa.beginQuickMode(quickModeIntent({ ...offer, local, remote }), stage.now);
  stage.run();
  assert.deepEqual(stage.failures, []);
  assert.equal(stage.all('install-sa').at(-1)?.path.carrier, 'cisco-tcp');
});
