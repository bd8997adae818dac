/** What of IKEv2 is read without keys: RFC 7296 sections 3.2, 3.3, 3.4 and 3.10. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import {
  encodeIkev2Ke,
  encodeIkev2Notification,
  encodeIkev2Sa,
  Ikev2Notify,
  Ikev2Payload,
  parseIkev2KeGroup,
  parseIkev2Notification,
  parseIkev2Payloads,
  parseIkev2Sa,
} from '../../../src/core/wire/ikev2.ts';

/** One proposal for IKE: AES-CBC with 256 bits, PRF and HMAC with SHA-256, modp2048. */
const SA = fromHex(`
  00 00 002c 01 01 00 04
  03 00 000c 01 00 000c 800e 0100
  03 00 0008 02 00 0005
  03 00 0008 03 00 000c
  00 00 0008 04 00 000e`);

test('a proposal with its transforms', () => {
  const [proposal, ...others] = parseIkev2Sa(SA);
  assert.equal(others.length, 0);
  assert.deepEqual(
    proposal!.transforms.map(({ type, id, keyBits }) => [type, id, keyBits]),
    [
      [1, 12, 256],
      [2, 5, undefined],
      [3, 12, undefined],
      [4, 14, undefined],
    ],
  );
});

test('a proposal goes out as it came, to the byte', () => {
  assert.equal(toHex(encodeIkev2Sa(parseIkev2Sa(SA)).body), toHex(SA));
});

test('an SA payload cut at any length is malformed', () => {
  for (let length = 0; length < SA.length; length++)
    assert.throws(() => parseIkev2Sa(SA.subarray(0, length)), MalformedError, `${length} bytes`);
});

test('an SA payload with any bit flipped is malformed or another', () => {
  for (let bit = 0; bit < SA.length * 8; bit++) {
    const bytes = SA.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    try {
      parseIkev2Sa(bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedError, `bit ${bit}: ${error}`);
    }
  }
});

test('a chain ends with SK, whose next payload is of what is inside; critical bits are let pass', () => {
  const chain = fromHex('2e 80 0008 00000011 23 00 0006 abcd');
  const payloads = parseIkev2Payloads(Ikev2Payload.N, chain);
  assert.deepEqual(
    payloads.map(({ type, body }) => [type, toHex(body)]),
    [
      [Ikev2Payload.N, '00000011'],
      [Ikev2Payload.SK, 'abcd'],
    ],
  );
  for (const length of ['0000', '0003', '0009'])
    assert.throws(() => parseIkev2Payloads(Ikev2Payload.N, fromHex(`00 00 ${length} 00000011`)), MalformedError);
});

test('INVALID_KE_PAYLOAD names the group that is wanted', () => {
  const notification = parseIkev2Notification(fromHex('00 00 0011 0013'));
  assert.equal(notification.type, Ikev2Notify.INVALID_KE_PAYLOAD);
  assert.equal(toHex(notification.data), '0013');
  assert.equal(parseIkev2KeGroup(fromHex('0013 0000 ab')), 19);
  assert.equal(toHex(encodeIkev2Notification(notification).body), '000000110013');
  assert.equal(toHex(encodeIkev2Ke(19, fromHex('ab')).body), '00130000ab');
});
