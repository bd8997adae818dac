/** A capture of a busy gateway's uplink, made from a seed: many negotiations, their ESP, and far more of everything else. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { type Bytes, concat, u32 } from '../../src/core/bytes/bytes.ts';
import { fromHex } from '../../src/core/bytes/text.ts';
import { Blocks, ethernet, ip4, ip6, tcp, udp } from '../../test/doctor/capture/files.ts';
import { Seeded } from '../../test/seeded.ts';
import { type EspWay, negotiate, type Said } from './negotiations.ts';

export interface Wish {
  readonly seed: number;
  /** Of the file. */
  readonly bytes: number;
  readonly negotiations: number;
}

export interface Mixed {
  readonly bytes: number;
  readonly packets: number;
  readonly ike: number;
  readonly esp: number;
}

/** Negotiations that go on at a time. */
const SIDE_BY_SIDE = 64;
const GATEWAY = '198.51.100.1';
const MTU_PAYLOAD = 1480;
const WRITE_AT = 1 << 20;
const MARKER = new Uint8Array(4);
/** Frames of other traffic; the file has them again and again. */
const OTHERS = 4000;
/** Application data of 1443 bytes. */
const TLS_RECORD = fromHex('17030305a3');
/** A short header. */
const QUIC_HEAD = fromHex('40 0102030405060708');
/** www.example.org has 192.0.2.80 */
const DNS_ANSWER = fromHex(
  '1234818000010001000000000377777707657861 6d706c65036f72670000010001 c00c000100010000003c0004c0000250',
);

interface Dialogue {
  readonly client: string;
  readonly said: Said[];
  readonly esp: EspWay;
  readonly spis: readonly [Bytes, Bytes];
  sequence: number;
}

export function writeMixedCapture(path: string, { seed, bytes, negotiations }: Wish): Mixed {
  const random = new Seeded(seed);
  const file = new CaptureFile(path);
  const traffic = new Traffic(random, file);
  let begun = 0;
  while (begun < negotiations || traffic.isNegotiating) {
    while (begun < negotiations && traffic.negotiating < SIDE_BY_SIDE) traffic.begin(begun++);
    traffic.goOn();
    // what else there is keeps step, so that the file has its length when the last negotiation is over
    while (file.bytes < bytes * ((begun - traffic.negotiating) / negotiations)) traffic.somethingElse();
  }
  while (file.bytes < bytes) traffic.somethingElse();
  file.close();
  return { bytes: file.bytes, packets: file.packets, ike: traffic.ike, esp: traffic.espPackets };
}

class Traffic {
  ike = 0;
  espPackets = 0;
  readonly #random: Seeded;
  readonly #file: CaptureFile;
  readonly #noise: Bytes;
  readonly #others: readonly Bytes[];
  readonly #negotiating: Dialogue[] = [];
  readonly #up: Dialogue[] = [];
  #identification = 0;

  constructor(random: Seeded, file: CaptureFile) {
    this.#random = random;
    this.#file = file;
    this.#noise = random.bytes(1400);
    this.#others = otherFrames(random);
  }

  get negotiating(): number {
    return this.#negotiating.length;
  }

  get isNegotiating(): boolean {
    return this.#negotiating.length > 0;
  }

  begin(number: number): void {
    const { said, esp } = negotiate(this.#random, number);
    const client = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    const spis = [u32(0x10000000 + number), u32(0x20000000 + number)] as const;
    this.#negotiating.push({ client, said: [...said], esp, spis, sequence: 0 });
  }

  /** One message of one negotiation. */
  goOn(): void {
    const index = this.#random.below(this.#negotiating.length);
    const dialogue = this.#negotiating[index]!;
    const said = dialogue.said.shift();
    if (said) this.#say(dialogue.client, said);
    if (dialogue.said.length > 0) return;
    this.#negotiating.splice(index, 1);
    if (dialogue.esp !== 'none') this.#up.push(dialogue);
    if (this.#up.length > 500) this.#up.shift();
  }

  /** By packets: half of it full TCP segments, then acknowledgements, QUIC, DNS and ESP. */
  somethingElse(): void {
    if (this.#random.chance(0.1) && this.#up.length > 0) this.#sendEsp(this.#random.pick(this.#up));
    else this.#file.add(this.#random.pick(this.#others));
  }

  #say(client: string, { fromClient, port, message }: Said): void {
    const payload = port === 4500 ? concat(MARKER, message) : message;
    this.#send(17, udp(port, port, payload), client, fromClient);
    this.ike++;
  }

  #sendEsp(dialogue: Dialogue): void {
    const { client, esp, spis } = dialogue;
    const fromClient = this.#random.chance(0.3);
    const packet = concat(
      spis[fromClient ? 0 : 1],
      u32(++dialogue.sequence),
      this.#noise.subarray(0, fromClient ? 88 : 1400),
    );
    if (esp === 'esp') this.#send(50, packet, client, fromClient);
    else this.#send(17, udp(4500, 4500, packet), client, fromClient);
    this.espPackets++;
  }

  #send(protocol: number, payload: Bytes, client: string, fromClient: boolean): void {
    const [source, destination] = fromClient ? [client, GATEWAY] : [GATEWAY, client];
    const identification = this.#identification++ & 0xffff;
    for (let offset = 0; offset < payload.length; offset += MTU_PAYLOAD) {
      const more = offset + MTU_PAYLOAD < payload.length;
      const part = payload.subarray(offset, offset + MTU_PAYLOAD);
      this.#file.add(ethernet(ip4(protocol, part, { source, destination, identification, offset, more })));
    }
  }
}

/** Frames of TLS in TCP, acknowledgements, QUIC and DNS, of many hosts. */
function otherFrames(random: Seeded): Bytes[] {
  const ack = new Uint8Array(0);
  return Array.from({ length: OTHERS }, (_, i) => {
    const port = 20_000 + random.below(20_000);
    const kind = random.below(90);
    const [protocol, packet] =
      kind < 50
        ? [6, tcp(443, port, 0x18, concat(TLS_RECORD, random.bytes(1443)))]
        : kind < 72
          ? [6, tcp(443, port, 0x10, ack)]
          : kind < 82
            ? [17, udp(443, port, concat(QUIC_HEAD, random.bytes(1241)))]
            : [17, udp(53, port, DNS_ANSWER)];
    if (i % 10 === 0) return ethernet(ip6(protocol!, packet!, { source: `2001:db8:5::${i.toString(16)}` }));
    return ethernet(ip4(protocol!, packet!, { source: `203.0.113.${i & 255}`, destination: GATEWAY }));
  });
}

/** pcapng, a packet each 20 microseconds. */
class CaptureFile {
  bytes = 0;
  packets = 0;
  readonly #file: number;
  readonly #pending = new Uint8Array(WRITE_AT);
  readonly #view = new DataView(this.#pending.buffer);
  #length = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o600);
    const blocks = new Blocks();
    const begin = concat(blocks.section(), blocks.interface(1));
    this.#pending.set(begin);
    this.#passed(begin.length);
  }

  /** An enhanced packet block: type, length, interface, time in two halves, bytes captured and on the wire, packet, length. */
  add(frame: Bytes): void {
    const padded = (frame.length + 3) & ~3;
    const length = 32 + padded;
    if (this.#length + length > WRITE_AT) this.#flush();
    const at = this.#length;
    const units = 1_795_250_000_000_000 + 20 * this.packets++;
    const fields = [6, length, 0, Math.floor(units / 2 ** 32), units >>> 0, frame.length, frame.length];
    for (const [i, field] of fields.entries()) this.#view.setUint32(at + 4 * i, field, true);
    this.#pending.set(frame, at + 28);
    this.#pending.fill(0, at + 28 + frame.length, at + 28 + padded);
    this.#view.setUint32(at + 28 + padded, length, true);
    this.#passed(length);
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #passed(length: number): void {
    this.#length += length;
    this.bytes += length;
  }

  #flush(): void {
    writeSync(this.#file, this.#pending, 0, this.#length);
    this.#length = 0;
  }
}
