/** Packets in TCP segments: all that are whole, and nothing of what is cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { ciscoPackets, hasCiscoTrailer, streamPackets } from '../../../src/core/diagnosis/tcp-payload.ts';
import {
  CTCP_TRAILER,
  CTCP_UDP_HEADER,
  CtcpProtocol,
  writeTrailer,
  writeUdpHeader,
} from '../../../src/core/wire/ctcp.ts';

const IKE = new Uint8Array(28).fill(1);
const ESP = new Uint8Array(40).fill(2);

function cisco(packet: Bytes, protocol: number): Bytes {
  const header = new Uint8Array(protocol === CtcpProtocol.IKE ? CTCP_UDP_HEADER : 0);
  if (header.length > 0) writeUdpHeader(header, 0, packet.length);
  const trailer = new Uint8Array(CTCP_TRAILER);
  writeTrailer(trailer, 0, protocol, 1, 0);
  return concat(header, packet, trailer);
}

function framed(message: Bytes): Bytes {
  return concat(Uint8Array.of(0, message.length + 2), message);
}

test("Cisco's: each ends in a trailer", () => {
  const payload = concat(cisco(IKE, CtcpProtocol.IKE), cisco(ESP, CtcpProtocol.ESP));
  const both = [
    { kind: 'ike', bytes: IKE },
    { kind: 'esp', bytes: ESP },
  ];
  assert.deepEqual([...ciscoPackets(payload)], both);
  const first = CTCP_UDP_HEADER + IKE.length + CTCP_TRAILER;
  for (let length = 0; length < payload.length; length++) {
    const cut = payload.subarray(0, length);
    assert.deepEqual([...ciscoPackets(cut)], both.slice(0, length < first ? 0 : 1), `${length}`);
    assert.equal(hasCiscoTrailer(cut), length === first, `${length}`);
  }
});

test('RFC 9329: each has its length in front, and IKE a marker', () => {
  const messages = concat(framed(concat(new Uint8Array(4), IKE)), framed(ESP));
  const both = [
    { kind: 'ike', bytes: IKE },
    { kind: 'esp', bytes: ESP },
  ];
  assert.deepEqual([...streamPackets(messages)], both);
  const payload = concat(utf8('IKETCP'), messages);
  const first = 6 + 2 + 4 + IKE.length;
  for (let length = 6; length <= payload.length; length++) {
    const whole = length === payload.length ? 2 : length < first ? 0 : 1;
    assert.deepEqual([...streamPackets(payload.subarray(0, length))], both.slice(0, whole), `${length}`);
  }
  assert.deepEqual([...streamPackets(new Uint8Array(64))], []);
});
