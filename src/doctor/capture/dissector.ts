/** From frames to what a diagnosis sees: link layer, IP, fragments, then the header of UDP or TCP. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { SightedProtocol, Sighting, TcpHead } from '../../core/diagnosis/sighting.ts';
import type { IpAddress } from '../../core/net/address.ts';
import { emptyIpHead, type IpHead, IpProtocol, MAX_DATAGRAM, passExtensions, readIp } from '../../core/wire/ip.ts';
import { findIp, UNKNOWN_LINK_TYPE } from '../../core/wire/link.ts';
import { emptySegment, readSegment } from '../../core/wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../../core/wire/udp.ts';
import { Addresses } from './addresses.ts';
import type { FrameHandler } from './format.ts';
import { type Assembled, type Fragment, type FragmentCounts, Fragments } from './fragments.ts';
import { Interest, type LearntPort } from './interest.ts';

/** Kinds of link layer that are counted one by one. */
export const MAX_LINK_TYPES = 64;

const PROTOCOLS: Readonly<Record<number, SightedProtocol>> = {
  [IpProtocol.UDP]: 'udp',
  [IpProtocol.TCP]: 'tcp',
  [IpProtocol.ESP]: 'esp',
  [IpProtocol.AH]: 'ah',
  [IpProtocol.ICMP]: 'icmp',
  [IpProtocol.ICMP6]: 'icmp6',
};

/** What a sighting has beside its payload. */
interface Envelope {
  readonly packet: number;
  readonly at: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly fragments: number;
  readonly isLost: boolean;
}

export class Dissector implements FrameHandler {
  packets = 0;
  sighted = 0;
  /** Milliseconds since the epoch; undefined as long as no packet had a time. */
  firstAt: number | undefined;
  lastAt: number | undefined;
  /** Packets by their link type, of those that aren't read. */
  readonly unknownLinkTypes = new Map<number, number>();
  readonly #see: (sighting: Sighting) => void;
  readonly #addresses = new Addresses();
  readonly #interest = new Interest();
  readonly #fragments = new Fragments((first) => this.#isWanted(first));
  readonly #head = emptyIpHead();
  readonly #inner = emptyIpHead();
  readonly #segment = emptySegment();

  constructor(see: (sighting: Sighting) => void) {
    this.#see = see;
  }

  /** Ports of their own that IPsec turned out to be on. */
  get learntPorts(): readonly LearntPort[] {
    return this.#interest.learnt;
  }

  get fragmentCounts(): FragmentCounts {
    return this.#fragments.counts;
  }

  /**
   * Takes the frame from `at` to `end`.
   * @param length of the frame on the wire
   * @param time milliseconds since the epoch; undefined where the capture doesn't tell
   */
  handleFrame(bytes: Bytes, at: number, end: number, length: number, linkType: number, time: number | undefined): void {
    this.packets++;
    if (time !== undefined) {
      this.firstAt ??= time;
      this.lastAt = time;
    }
    const ip = findIp(linkType, bytes, at, end);
    if (ip < 0) {
      if (ip === UNKNOWN_LINK_TYPE) this.#countUnknown(linkType);
      return;
    }
    const head = this.#head;
    if (!readIp(bytes, ip, end, at + length, head)) return;
    if (head.isFragment) this.#handleFragment(bytes, head, end);
    else if (this.#interest.includes(bytes, head, end, this.packets))
      this.#sight(bytes, head, end, this.#envelope(bytes, head));
  }

  handleOther(): void {
    this.packets++;
  }

  /** The capture is over: fragments that should have been there by now are lost. */
  finish(): void {
    this.#giveUp();
  }

  #envelope(bytes: Bytes, { addresses, addressLength }: IpHead): Envelope {
    return {
      packet: this.packets,
      at: this.lastAt ?? 0,
      source: this.#addresses.read(bytes, addresses, addressLength),
      destination: this.#addresses.read(bytes, addresses + addressLength, addressLength),
      fragments: 1,
      isLost: false,
    };
  }

  #handleFragment(bytes: Bytes, head: IpHead, end: number): void {
    if (PROTOCOLS[head.protocol] === undefined && head.addressLength === 4) return;
    const { packet, at, source, destination } = this.#envelope(bytes, head);
    const { protocol, identification, payload, payloadLength } = head;
    const captured = bytes.subarray(payload, Math.min(end, payload + payloadLength));
    const fragment: Fragment = {
      ...{ source, destination, protocol, identification, packet, at },
      offset: head.fragmentOffset,
      more: head.moreFragments,
      bytes: captured,
      length: payloadLength,
    };
    this.#giveUp();
    const assembled = this.#fragments.add(fragment);
    if (assembled) this.#handleAssembled(assembled);
  }

  #giveUp(): void {
    if (this.lastAt === undefined || this.#fragments.waiting === 0) return;
    for (const lost of this.#fragments.takeLost(this.lastAt)) this.#handleAssembled(lost);
  }

  #handleAssembled({ bytes, length, protocol, source, destination, pieces, packet, at, isLost }: Assembled): void {
    const head = this.#inner;
    if (!this.#findTransport(bytes, length, protocol, source, head)) return;
    if (!this.#interest.includes(bytes, head, bytes.length, packet)) return;
    this.#sight(bytes, head, bytes.length, { packet, at, source, destination, fragments: pieces, isLost });
  }

  #isWanted({ bytes, protocol, source }: Fragment): boolean {
    const head = this.#inner;
    // how long the whole is nobody knows yet: that alone can't make it unwanted
    if (!this.#findTransport(bytes, MAX_DATAGRAM, protocol, source, head)) return false;
    if (head.protocol === IpProtocol.UDP && head.payload + UDP_HEADER_LENGTH <= bytes.length) {
      head.payloadLength = u16(bytes, head.payload + 4);
    }
    return this.#interest.includes(bytes, head, bytes.length, this.packets);
  }

  /** What is behind IP's header, with the extension headers of IPv6 passed; false when that is none of what we see. */
  #findTransport(bytes: Bytes, length: number, protocol: number, source: IpAddress, head: IpHead): boolean {
    head.protocol = protocol;
    head.payload = 0;
    head.payloadLength = length;
    head.isFragment = false;
    // they aren't in these bytes
    head.addresses = -1;
    if (source.bytes.length === 16 && !passExtensions(bytes, bytes.length, head)) return false;
    return !head.isFragment && PROTOCOLS[head.protocol] !== undefined;
  }

  #sight(bytes: Bytes, { protocol, payload: at, payloadLength }: IpHead, end: number, envelope: Envelope): void {
    const till = Math.min(end, at + payloadLength);
    switch (protocol) {
      case IpProtocol.UDP:
        return this.#sightUdp(bytes, at, till, payloadLength, envelope);
      case IpProtocol.TCP:
        return this.#sightTcp(bytes, at, till, payloadLength, envelope);
      default:
        return this.#tell(envelope, PROTOCOLS[protocol]!, 0, 0, bytes.subarray(at, till), payloadLength, undefined);
    }
  }

  #sightUdp(bytes: Bytes, at: number, till: number, ipLength: number, envelope: Envelope): void {
    const says = u16(bytes, at + 4);
    if (ipLength < UDP_HEADER_LENGTH || (says !== 0 && says < UDP_HEADER_LENGTH)) return;
    // zero: more than 16 bits hold, before the sender's network card cut it up
    const length = (says === 0 ? ipLength : envelope.isLost ? says : Math.min(says, ipLength)) - UDP_HEADER_LENGTH;
    const begin = at + UDP_HEADER_LENGTH;
    const payload = bytes.subarray(begin, Math.min(till, begin + length));
    this.#tell(envelope, 'udp', u16(bytes, at), u16(bytes, at + 2), payload, length, undefined);
  }

  #sightTcp(bytes: Bytes, at: number, till: number, ipLength: number, envelope: Envelope): void {
    const segment = this.#segment;
    if (!readSegment(bytes, at, till - at, segment)) return;
    const { sourcePort, destinationPort, flags, sequence, acknowledgment, headerLength } = segment;
    const payload = bytes.subarray(at + headerLength, till);
    const tcp: TcpHead = { flags, sequence, acknowledgment };
    this.#tell(envelope, 'tcp', sourcePort, destinationPort, payload, ipLength - headerLength, tcp);
  }

  #tell(
    { packet, at, source, destination, fragments, isLost }: Envelope,
    protocol: SightedProtocol,
    sourcePort: number,
    destinationPort: number,
    payload: Bytes,
    length: number,
    tcp: TcpHead | undefined,
  ): void {
    if (!isLost) this.#giveUp();
    this.sighted++;
    const seen = { packet, at, source, destination, protocol, sourcePort, destinationPort, payload, length, fragments };
    this.#see(tcp || isLost ? { ...seen, ...(tcp && { tcp }), ...(isLost && { isLost }) } : seen);
  }

  #countUnknown(linkType: number): void {
    const counted = this.unknownLinkTypes.get(linkType);
    if (counted === undefined && this.unknownLinkTypes.size >= MAX_LINK_TYPES) return;
    this.unknownLinkTypes.set(linkType, (counted ?? 0) + 1);
  }
}

function u16(bytes: Bytes, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
