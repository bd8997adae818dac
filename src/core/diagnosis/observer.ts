/** Watches datagrams go by, sorts them into conversations and negotiations, and says what is wrong. Nothing that it is shown throws. */
import { type Bytes, readU32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { EspCarrier } from '../esp/sa.ts';
import type { Endpoint } from '../net/address.ts';
import { CISCO_UDP_PORT, STANDARD_PORTS } from '../openings/openings.ts';
import { IpProtocol } from '../wire/ip.ts';
import { MAX_MESSAGE_LENGTH } from '../wire/isakmp.ts';
import { L2TP_PORT } from '../wire/l2tp.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { type Conversation, CUT_INSIDE, MAX_SYNS, type TcpFlow } from './conversation.ts';
import { ConversationTable } from './conversation-table.ts';
import type { Diagnosis, Dropped } from './diagnosis.ts';
import { readIcmpError } from './icmp-error.ts';
import { readHead } from './ike-datagram.ts';
import { IkeTable } from './ike-table.ts';
import { wordInside } from './inside-esp.ts';
import { espKeyName } from './keys.ts';
import { l2tpWord } from './l2tp-word.ts';
import type { IkeWay } from './negotiation.ts';
import { IPSEC_PORTS } from './ports.ts';
import { PLAIN_READING, type Reading } from './reading.ts';
import { judge } from './rules.ts';
import type { Sighting } from './sighting.ts';
import { TcpStreams } from './tcp-streams.ts';

const { ike: IKE_PORT, natT: NAT_T_PORT, ciscoTcp: CISCO_TCP_PORT } = STANDARD_PORTS;
const KEEPALIVE = 0xff;
const MARKER_LENGTH = 4;
/** SPI and sequence number. */
const ESP_HEAD = 8;
/** Lower SPIs are reserved (RFC 4303 section 2.1). */
const FIRST_SPI = 256;

export class Observer {
  readonly #reading: Reading;
  readonly #ike: IkeTable;
  readonly #conversations = new ConversationTable();
  readonly #dropped = new Map<string, number>();
  readonly #streams = new TcpStreams();
  /** Spares the search for most traffic. */
  #hasMarkedPorts = false;
  #sightings = 0;
  #ipsec = 0;
  #firstAt: number | undefined;
  #lastAt: number | undefined;

  constructor(reading: Reading = PLAIN_READING) {
    this.#reading = reading;
    this.#ike = new IkeTable(reading, (what) => this.#drop(what));
  }

  see(sighting: Sighting): void {
    this.#sightings++;
    this.#firstAt ??= sighting.at;
    this.#lastAt = Math.max(this.#lastAt ?? sighting.at, sighting.at);
    try {
      if (this.#take(sighting)) this.#ipsec++;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#drop('malformed datagrams');
    }
  }

  /**
   * What it comes to up to here; more may be seen afterwards. `until`: how long the capture went on, also with packets that
   * were not shown: what silence means depends on it.
   */
  finish(until?: number): Diagnosis {
    const conversations = this.#conversations.all;
    const lastAt = Math.max(this.#lastAt ?? 0, until ?? 0);
    return {
      conversations,
      findings: judge({ conversations, lastAt, crypto: this.#reading.crypto }),
      sightings: this.#sightings,
      ipsec: this.#ipsec,
      firstAt: this.#firstAt,
      lastAt: this.#lastAt,
      dropped: this.#droppedInAll(conversations),
    };
  }

  #droppedInAll(conversations: readonly Conversation[]): Dropped[] {
    const ofPairs = conversations.reduce((sum, { dropped }) => sum + dropped, 0);
    const { skipped } = this.#ike;
    return [
      ...[...this.#dropped].map(([what, count]) => ({ what, count })),
      ...(ofPairs > 0 ? [{ what: 'flows, errors and negotiations of pairs that have very many', count: ofPairs }] : []),
      ...(skipped > 0 ? [{ what: 'messages in the middle of long negotiations', count: skipped }] : []),
    ];
  }

  /** True: it has to do with IPsec. */
  #take(sighting: Sighting): boolean {
    switch (sighting.protocol) {
      case 'udp':
        return this.#takeUdp(sighting);
      case 'esp':
        return this.#takeEsp(sighting, 'esp', sighting.payload, sighting.length);
      case 'tcp':
        return this.#takeTcp(sighting);
      case 'icmp':
      case 'icmp6':
        return this.#takeIcmp(sighting, sighting.protocol);
      case 'ah':
        return this.#conversationOf(sighting) !== undefined;
    }
  }

  #takeUdp(sighting: Sighting): boolean {
    const { sourcePort, destinationPort, payload, length } = sighting;
    const has = (port: number) => sourcePort === port || destinationPort === port;
    if (has(NAT_T_PORT)) return this.#takeNatT(sighting);
    if (has(IKE_PORT))
      return this.#takeIke(sighting, 'udp', payload, length) || this.#conversationOf(sighting) !== undefined;
    if (has(L2TP_PORT)) return this.#takeL2tp(sighting);
    if (has(CISCO_UDP_PORT)) return this.#takeCiscoUdp(sighting);
    const marked = this.#hasMarkedPorts
      ? this.#conversations.find(sighting.source, sighting.destination)?.markedPorts
      : undefined;
    if (marked?.has(sourcePort) || marked?.has(destinationPort)) return this.#takeNatT(sighting);
    return this.#takeOnOtherPort(sighting);
  }

  /** IKE is known by its header on any port, if its length is the datagram's. */
  #takeOnOtherPort(sighting: Sighting): boolean {
    const { payload, length } = sighting;
    if (readHead(payload, length)?.length === length) return this.#takeIke(sighting, 'udp', payload, length);
    if (payload.length < MARKER_LENGTH || readU32(payload) !== 0) return false;
    const head = readHead(payload.subarray(MARKER_LENGTH), length - MARKER_LENGTH);
    if (head?.length !== length - MARKER_LENGTH) return false;
    this.#conversationOf(sighting)?.addMarkedPort(sighting.destinationPort);
    this.#hasMarkedPorts = true;
    return this.#takeNatT(sighting);
  }

  #takeNatT(sighting: Sighting): boolean {
    const { payload, length, source } = sighting;
    if (payload.length === 1 && payload[0] === KEEPALIVE) {
      this.#conversationOf(sighting)?.addKeepalive(source);
      return true;
    }
    if (payload.length >= MARKER_LENGTH && readU32(payload) === 0)
      return this.#takeIke(sighting, 'nat-t', payload.subarray(MARKER_LENGTH), length - MARKER_LENGTH);
    const head = readHead(payload, length);
    if (head?.length === length) return this.#takeIke(sighting, 'udp', payload, length);
    return this.#takeEsp(sighting, 'nat-t', payload, length);
  }

  #takeCiscoUdp(sighting: Sighting): boolean {
    const { payload, length } = sighting;
    if (readHead(payload, length)?.length === length) return this.#takeIke(sighting, 'udp', payload, length);
    if (length < 2 * ESP_HEAD) return false;
    return this.#takeEsp(sighting, 'cisco-udp', payload, length);
  }

  #takeEsp(sighting: Sighting, carrier: EspCarrier, bytes: Bytes, length: number): boolean {
    if (bytes.length < ESP_HEAD || readU32(bytes) < FIRST_SPI) return false;
    const conversation = this.#conversationOf(sighting);
    if (!conversation) return true;
    const { packet, at, source, destination, sourcePort, destinationPort, fragments } = sighting;
    if (sighting.isLost) {
      conversation.addLost({ packet, at });
      return true;
    }
    this.#lookInside(sighting, bytes, conversation);
    const [spi, sequence] = [readU32(bytes), readU32(bytes, 4)];
    const way = { source, destination, sourcePort, destinationPort, fragments };
    conversation.addEsp({ packet, at, carrier, spi, sequence, length, ...way });
    return true;
  }

  /** L2TP and PPP, if a key opens the packet; once IP flows there is nothing more to learn. */
  #lookInside(sighting: Sighting, bytes: Bytes, conversation: Conversation): void {
    const { crypto, keys } = this.#reading;
    if (!crypto || keys.esp.size === 0) return;
    const context = keys.esp.get(espKeyName(sighting.destination, readU32(bytes)));
    const what = context && (bytes.length < sighting.length ? CUT_INSIDE : wordInside(crypto, context, bytes));
    const last = conversation.l2tp.at(-1)?.what;
    if (what === undefined || last === 'IPv4' || (last === CUT_INSIDE && what === CUT_INSIDE)) return;
    const [source, destination] = endpointsOf(sighting);
    const { packet, at } = sighting;
    conversation.addL2tp({ packet, at, source, destination, what, isInside: true });
  }

  #takeIke(sighting: Sighting, way: IkeWay, bytes: Bytes, length: number): boolean {
    const head = readHead(bytes, sighting.isLost ? MAX_MESSAGE_LENGTH : length);
    if (!head) return false;
    const conversation = this.#conversationOf(sighting);
    if (!conversation) return true;
    const [source, destination] = endpointsOf(sighting);
    const { packet, at, fragments, isLost = false } = sighting;
    const message = bytes.subarray(0, head.length);
    const arrival = { packet, at, source, destination, way, fragments, isLost };
    this.#ike.take(head, message, arrival, conversation);
    return true;
  }

  #takeL2tp(sighting: Sighting): boolean {
    const what = l2tpWord(sighting.payload);
    if (what === undefined) return false;
    const [source, destination] = endpointsOf(sighting);
    const { packet, at } = sighting;
    this.#conversationOf(sighting)?.addL2tp({ packet, at, source, destination, what, isInside: false });
    return true;
  }

  #takeIcmp(sighting: Sighting, protocol: 'icmp' | 'icmp6'): boolean {
    const error = readIcmpError(protocol, sighting.payload);
    if (!error || !isAboutIpsec(error)) return false;
    const { packet, at, source: from } = sighting;
    const about = this.#conversationOf(error);
    about?.addError({ ...error, packet, at, from });
    return about !== undefined;
  }

  #takeTcp(sighting: Sighting): boolean {
    const { sourcePort, destinationPort, tcp } = sighting;
    const has = (port: number) => sourcePort === port || destinationPort === port;
    const taken = this.#streams.take(sighting, has(CISCO_TCP_PORT) ? 'cisco' : has(NAT_T_PORT) ? 'stream' : undefined);
    if (!taken) return false;
    const [source, destination] = endpointsOf(sighting);
    const fromClient =
      destinationPort === CISCO_TCP_PORT || destinationPort === NAT_T_PORT || sourcePort > destinationPort;
    const [client, server] = fromClient ? [source, destination] : [destination, source];
    const flow = this.#conversationOf(sighting)?.tcpFlow(client, server, taken.kind);
    if (!flow) return true;
    noteFlags(flow, tcp?.flags ?? 0, fromClient, sighting);
    for (const { kind, bytes } of taken.packets) {
      if (kind === 'ike') this.#takeIke(sighting, taken.kind === 'cisco' ? 'cisco-tcp' : 'tcp', bytes, bytes.length);
      // ESP in RFC 9329's goes by none of the carriers that flows are told by
      else if (taken.kind === 'cisco') this.#takeEsp(sighting, 'cisco-tcp', bytes, bytes.length);
    }
    if (fromClient) flow.fromClient += taken.packets.length;
    else flow.fromServer += taken.packets.length;
    return true;
  }

  #conversationOf({ source, destination }: Pick<Sighting, 'source' | 'destination'>): Conversation | undefined {
    const conversation = this.#conversations.of(source, destination);
    if (!conversation) this.#drop('packets of further pairs of addresses');
    return conversation;
  }

  #drop(what: string): void {
    this.#dropped.set(what, (this.#dropped.get(what) ?? 0) + 1);
  }
}

function endpointsOf({ source, destination, sourcePort, destinationPort }: Sighting): readonly [Endpoint, Endpoint] {
  return [
    { address: source, port: sourcePort },
    { address: destination, port: destinationPort },
  ];
}

function isAboutIpsec(error: {
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}): boolean {
  if (error.protocol === IpProtocol.ESP || error.protocol === IpProtocol.AH) return true;
  const ports =
    error.protocol === IpProtocol.UDP ? IPSEC_PORTS.udp : error.protocol === IpProtocol.TCP ? IPSEC_PORTS.tcp : [];
  return ports.includes(error.sourcePort) || ports.includes(error.destinationPort);
}

function noteFlags(flow: TcpFlow, flags: number, fromClient: boolean, { packet, at }: Sighting): void {
  const place = { packet, at };
  if ((flags & TcpFlag.RST) !== 0 && !fromClient) flow.reset ??= place;
  if ((flags & TcpFlag.SYN) === 0) return;
  if (!fromClient) flow.opened ??= place;
  else if (flow.syns.length < MAX_SYNS) flow.syns.push(place);
}
