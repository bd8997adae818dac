import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IpAddress, parseIp } from '../../src/core/net/address.ts';
import { readCrossing } from '../../src/dataplane/wire-tap.ts';

const [here, there, other] = ['192.0.2.2', '192.0.2.1', '192.0.2.9'].map((text) => parseIp(text)!) as [
  IpAddress,
  IpAddress,
  IpAddress,
];
const [here6, there6] = ['2001:db8::2', '2001:db8::1'].map((text) => parseIp(text)!) as [IpAddress, IpAddress];

interface Packet {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly ports: readonly [number, number];
  /** Of IPv4: words of options. */
  readonly options?: number;
  readonly fragmentOffset?: number;
}

function packet({ source, destination, protocol, ports, options = 0, fragmentOffset = 0 }: Packet): Uint8Array {
  const isV4 = source.bytes.length === 4;
  const header = isV4 ? 20 + options * 4 : 40;
  const bytes = new Uint8Array(header + 8);
  const view = new DataView(bytes.buffer);
  bytes[0] = isV4 ? 0x45 + options : 0x60;
  bytes[isV4 ? 9 : 6] = protocol;
  if (isV4) view.setUint16(6, fragmentOffset);
  bytes.set(source.bytes, isV4 ? 12 : 8);
  bytes.set(destination.bytes, isV4 ? 16 : 24);
  view.setUint16(header, ports[0]);
  view.setUint16(header + 2, ports[1]);
  return bytes;
}

const [udp, tcp, esp] = [17, 6, 50];

test('which way, which protocol, which of their ports', () => {
  const out = packet({ source: here, destination: there, protocol: udp, ports: [40000, 4500] });
  assert.deepEqual(readCrossing(out, there, true), { isOutgoing: true, protocol: udp, remotePort: 4500 });
  const back = packet({ source: there, destination: here, protocol: tcp, ports: [10000, 40000], options: 2 });
  assert.deepEqual(readCrossing(back, there, false), { isOutgoing: false, protocol: tcp, remotePort: 10000 });
  const native = packet({ source: there, destination: here, protocol: esp, ports: [1, 2] });
  assert.deepEqual(readCrossing(native, there, false), { isOutgoing: false, protocol: esp, remotePort: 0 });
  const six = packet({ source: here6, destination: there6, protocol: udp, ports: [500, 500] });
  assert.deepEqual(readCrossing(six, there6, true), { isOutgoing: true, protocol: udp, remotePort: 500 });
});

test("another's packets, the rest of a fragmented one, and pieces are nothing", () => {
  const of = (change: Partial<Packet>) =>
    packet({ source: there, destination: here, protocol: udp, ports: [500, 500], ...change });
  assert.equal(readCrossing(of({ source: other }), there, false), undefined);
  assert.equal(readCrossing(of({}), there, true), undefined, 'it comes from there');
  assert.equal(readCrossing(of({ fragmentOffset: 100 }), there, false), undefined);
  assert.equal(readCrossing(of({ source: here6, destination: there6 }), there, false), undefined);
  const whole = of({});
  for (let length = 0; length < 24; length++) {
    assert.equal(readCrossing(whole.subarray(0, length), there, false), undefined, `${length} bytes`);
  }
});
