/** What a gateway is, by what itself says; a client's vendor IDs are not its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { gatewayPlace } from '../../../src/core/diagnosis/gateway-place.ts';
import { placeOf, productOf } from '../../../src/core/diagnosis/products.ts';
import { ike, REPLY, Stage, sa, vid } from './stage.ts';

const WINDOWS_7 = '1e2b516905991c7d7c96fcbfb587e46100000007';
const CISCO = '1f07f70eaa6514d3b0fa96542a500100';
const FORTIGATE = '1d6e178f6c2c0be284985465450fe9d4';

function placeIn(client: string, gateway: string) {
  const stage = new Stage().up(ike([sa(), vid(client)])).down(ike([sa(), vid(gateway)], REPLY));
  return gatewayPlace(stage.diagnosis.conversations[0]!);
}

test('the gateway of a conversation, by its own vendor IDs', () => {
  assert.equal(placeIn(WINDOWS_7, CISCO), 'cisco-asa');
  assert.equal(placeIn(CISCO, WINDOWS_7), 'windows');
});

test('a gateway that says nothing, or is what nobody has lines for', () => {
  assert.equal(placeIn(WINDOWS_7, 'afcad71368a1f1c96b8696fc77570100'), undefined);
  assert.equal(placeIn(WINDOWS_7, FORTIGATE), undefined);
  assert.equal(productOf(fromHex(FORTIGATE)), 'FortiGate');
});

test('each name leads to its place, certain or guessed', () => {
  const names = ['Sallyport', 'strongSwan', 'Openswan or FreeS/WAN', 'Windows Vista', 'Cisco', 'SoftEther'];
  assert.deepEqual(names.map(placeOf), ['sallyport', 'strongswan', 'libreswan', 'windows', 'cisco-asa', undefined]);
});
