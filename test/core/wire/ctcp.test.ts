/** The trailer of cTCP, and finding it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/core/bytes/text.ts';
import {
  CTCP_TRAILER,
  CTCP_UDP_HEADER,
  CtcpProtocol,
  findTrailer,
  ikeLength,
  plainSearch,
  readTrailer,
  TO_SERVER,
  writeTrailer,
  writeUdpHeader,
} from '../../../src/core/wire/ctcp.ts';
import { Seeded } from '../../seeded.ts';

function trailer(protocol: number, number: number, direction: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CTCP_TRAILER);
  writeTrailer(bytes, 0, protocol, number, direction);
  return bytes;
}

test('the bytes are those that are known', () => {
  assert.equal(toHex(trailer(CtcpProtocol.IKE, 0x0102, TO_SERVER)), '0000000001024000' + '21456c6910110100');
  assert.equal(toHex(trailer(CtcpProtocol.ESP, 1, 0)), '0000000000010000' + '21456c6910320100');
});

test('a trailer is known by all of its fixed bits', () => {
  const right = trailer(CtcpProtocol.ESP, 0xffff, TO_SERVER);
  assert.equal(readTrailer(right, 0), CtcpProtocol.ESP);
  for (let bit = 0; bit < 8 * CTCP_TRAILER; bit++) {
    const changed = right.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    // the number and the high four bits of the direction are anybody's
    const free = (bit >= 32 && bit < 48) || (bit >= 52 && bit < 56);
    assert.equal(readTrailer(changed, 0) !== 0, free, `bit ${bit}`);
  }
  for (let length = 0; length < CTCP_TRAILER; length++) assert.equal(readTrailer(right.subarray(0, length), 0), 0);
});

test('the first trailer is found, and none that runs over the end', () => {
  const random = new Seeded(4);
  for (let i = 0; i < 300; i++) {
    const bytes = random.bytes(60 + random.below(400));
    // what may lead the search astray
    bytes[random.below(bytes.length)] = 0x21;
    const at = random.below(bytes.length - CTCP_TRAILER);
    bytes.set(trailer(CtcpProtocol.IKE, i, 0), at);
    assert.equal(findTrailer(bytes, 0, bytes.length, plainSearch), at);
    assert.equal(findTrailer(bytes, at, at + CTCP_TRAILER, plainSearch), at);
    assert.equal(findTrailer(bytes, 0, at + CTCP_TRAILER - 1, plainSearch), -1);
    assert.equal(findTrailer(bytes, at + 1, bytes.length, plainSearch), -1);
  }
});

test('an IKE message is as long as its UDP header says, if that is there', () => {
  const bytes = new Uint8Array(CTCP_UDP_HEADER + 28);
  writeUdpHeader(bytes, 0, 28);
  assert.equal(toHex(bytes.subarray(0, CTCP_UDP_HEADER)), '01f401f400240000');
  assert.equal(ikeLength(bytes, 0, bytes.length), 28);
  assert.equal(ikeLength(bytes, 0, bytes.length + 4), 28, 'padding behind it');
  for (let length = 0; length < bytes.length; length++) assert.equal(ikeLength(bytes, 0, length), 0);
  for (const claimed of [0, 7, 8]) assert.equal(ikeLength(bytes.with(5, claimed), 0, bytes.length), 0);
});
