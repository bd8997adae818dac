/** A PPP client for tests, joined to a link without delay: honest unless told otherwise. */
import { createHash } from 'node:crypto';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { type PppEvent, PppLink, type PppVerdict } from '../../../src/core/ppp/link.ts';
import type { PppMethod } from '../../../src/core/ppp/methods.ts';
import { ntPasswordHash, ntResponse } from '../../../src/core/ppp/ms-chap-v2.ts';
import {
  ChapCode,
  Code,
  type ControlPacket,
  encodeChapValue,
  encodeControlPacket,
  encodeMsChapV2Response,
  encodeOptions,
  encodePapRequest,
  encodePppFrame,
  IpcpOption,
  LcpOption,
  type Option,
  PapCode,
  PppProtocol,
  parseChapValue,
  parseControlPacket,
  parseOptions,
  parsePppFrame,
} from '../../../src/core/wire/ppp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';

export const GIVEN = {
  address: parseIp('10.77.0.9')!,
  ownAddress: parseIp('10.77.0.1')!,
  dns: [parseIp('10.1.0.53')!, parseIp('10.1.0.54')!],
  nbns: [parseIp('10.1.0.60')!],
};
const NOTHING = new Uint8Array(0);
const ZERO = new Uint8Array(4);
/** What pppd asks for. */
const LCP_OPTIONS: readonly Option[] = [
  { type: LcpOption.MRU, data: Uint8Array.of(5, 100) },
  { type: LcpOption.ACCM, data: ZERO },
  { type: LcpOption.MAGIC, data: Uint8Array.of(1, 2, 3, 4) },
  { type: LcpOption.PFC, data: NOTHING },
  { type: LcpOption.ACFC, data: NOTHING },
];

export interface PeerOptions {
  readonly offered?: readonly PppMethod[];
  /** What it can; the first is what it would rather have. */
  readonly can?: readonly PppMethod[];
  readonly name?: string;
  readonly password?: string;
  readonly lcp?: readonly Option[];
  readonly ipcp?: readonly number[];
  /** It only listens. */
  readonly mute?: boolean;
}

/** The client's own side, whatever carries its frames. */
export class PppPeer {
  readonly #options: PeerOptions;
  readonly #send: (frame: Bytes) => void;
  readonly heard: { readonly protocol: number; readonly packet: ControlPacket }[] = [];
  readonly sent: { readonly protocol: number; readonly code: number; readonly data: Bytes }[] = [];
  /** Its IPCP options as they stand. */
  readonly ipcp: Map<number, Bytes>;
  lcp: Option[];
  opened = false;
  /** Its address, once IPCP is agreed on. */
  address: string | undefined;
  /** What the gateway said to MS-CHAPv2. */
  success: string | undefined;
  refused = false;
  mute: boolean;
  #oursAcked = false;
  #identifier = 0;

  constructor(options: PeerOptions, send: (frame: Bytes) => void) {
    this.#options = options;
    this.#send = send;
    this.mute = options.mute ?? false;
    this.lcp = [...(options.lcp ?? LCP_OPTIONS)];
    this.ipcp = new Map((options.ipcp ?? [IpcpOption.ADDRESS, IpcpOption.PRIMARY_DNS]).map((type) => [type, ZERO]));
  }

  send(protocol: number, code: number, data: Bytes, identifier = ++this.#identifier & 0xff): void {
    this.sent.push({ protocol, code, data });
    this.sendFrame(encodePppFrame({ protocol, information: encodeControlPacket({ code, identifier, data }) }));
  }

  sendFrame(frame: Bytes): void {
    this.#send(frame);
  }

  requestLcp(): void {
    this.send(PppProtocol.LCP, Code.CONFIGURE_REQUEST, encodeOptions(this.lcp));
  }

  requestIpcp(): void {
    const options = [...this.ipcp].map(([type, data]) => ({ type, data }));
    this.send(PppProtocol.IPCP, Code.CONFIGURE_REQUEST, encodeOptions(options));
  }

  hear(bytes: Bytes): void {
    const { protocol, information } = parsePppFrame(bytes);
    const packet = parseControlPacket(information);
    this.heard.push({ protocol, packet });
    if (this.mute) return;
    if (protocol === PppProtocol.LCP) this.#hearLcp(packet);
    else if (protocol === PppProtocol.CHAP) this.#hearChap(packet);
    else if (protocol === PppProtocol.PAP) this.#hearPap(packet);
    else if (protocol === PppProtocol.IPCP) this.#hearIpcp(packet);
  }

  #hearLcp({ code, identifier, data }: ControlPacket): void {
    if (code === Code.CONFIGURE_REQUEST) {
      const wanted = this.#wanted(parseOptions(data));
      if (wanted) this.send(PppProtocol.LCP, Code.CONFIGURE_NAK, encodeOptions([wanted]), identifier);
      else this.#ackLcp(identifier, data);
    } else if (code === Code.CONFIGURE_ACK) {
      this.#oursAcked = true;
      this.#prove();
    } else if (code === Code.CONFIGURE_REJECT) {
      const rejected = parseOptions(data).map(({ type }) => type);
      this.lcp = this.lcp.filter(({ type }) => !rejected.includes(type));
      this.requestLcp();
    } else if (code === Code.ECHO_REQUEST) {
      this.send(PppProtocol.LCP, Code.ECHO_REPLY, concat(Uint8Array.of(1, 2, 3, 4), data.subarray(4)), identifier);
    } else if (code === Code.TERMINATE_REQUEST) {
      this.send(PppProtocol.LCP, Code.TERMINATE_ACK, NOTHING, identifier);
    }
  }

  /** The method that it would rather have, if another is asked for. */
  #wanted(options: readonly Option[]): Option | undefined {
    const can = this.#options.can ?? ['pap', 'ms-chap-v2'];
    const asked = options.find(({ type }) => type === LcpOption.AUTHENTICATION)!;
    if (can.includes(methodOf(asked.data))) return undefined;
    const data = { pap: [0xc0, 0x23], 'chap-md5': [0xc2, 0x23, 5], 'ms-chap-v2': [0xc2, 0x23, 0x81] }[can[0]!];
    return { type: LcpOption.AUTHENTICATION, data: Uint8Array.from(data) };
  }

  #ackLcp(identifier: number, data: Bytes): void {
    const asked = parseOptions(data).find(({ type }) => type === LcpOption.AUTHENTICATION);
    this.#method = asked && methodOf(asked.data);
    this.opened = true;
    this.send(PppProtocol.LCP, Code.CONFIGURE_ACK, data, identifier);
    this.#prove();
  }

  #method: PppMethod | undefined;

  #prove(): void {
    if (!this.opened || !this.#oursAcked || this.#method !== 'pap') return;
    const { name = 'ann', password = 'secret' } = this.#options;
    const data = encodePapRequest({ name: utf8(name), password: utf8(password) });
    this.send(PppProtocol.PAP, PapCode.REQUEST, data);
  }

  #hearPap({ code }: ControlPacket): void {
    if (code === PapCode.ACK) this.requestIpcp();
    else this.refused = true;
  }

  #hearChap({ code, identifier, data }: ControlPacket): void {
    const { name = 'ann', password = 'secret' } = this.#options;
    if (code === ChapCode.CHALLENGE && this.#method === 'chap-md5') {
      const hash = createHash('md5').update(Uint8Array.of(identifier)).update(password);
      const value = Uint8Array.from(hash.update(parseChapValue(data).value).digest());
      this.send(PppProtocol.CHAP, ChapCode.RESPONSE, encodeChapValue({ value, name: utf8(name) }), identifier);
    } else if (code === ChapCode.CHALLENGE) {
      const peerChallenge = new Uint8Array(16).fill(7);
      const bare = name.slice(name.lastIndexOf('\\') + 1);
      const exchange = { authenticatorChallenge: parseChapValue(data).value, peerChallenge, name: bare };
      const response = ntResponse(nodeCrypto, ntPasswordHash(password), exchange);
      const value = encodeMsChapV2Response({ peerChallenge, ntResponse: response });
      this.send(PppProtocol.CHAP, ChapCode.RESPONSE, encodeChapValue({ value, name: utf8(name) }), identifier);
    } else if (code === ChapCode.SUCCESS) {
      this.success = Buffer.from(data).toString();
      this.requestIpcp();
    } else {
      this.refused = true;
    }
  }

  #hearIpcp({ code, identifier, data }: ControlPacket): void {
    if (code === Code.CONFIGURE_REQUEST) {
      this.send(PppProtocol.IPCP, Code.CONFIGURE_ACK, data, identifier);
    } else if (code === Code.CONFIGURE_NAK) {
      for (const { type, data: value } of parseOptions(data)) this.ipcp.set(type, value.slice());
      this.requestIpcp();
    } else if (code === Code.CONFIGURE_REJECT) {
      for (const { type } of parseOptions(data)) this.ipcp.delete(type);
      this.requestIpcp();
    } else if (code === Code.CONFIGURE_ACK) {
      this.address = this.ipcp.get(IpcpOption.ADDRESS)?.join('.');
    }
  }
}

function methodOf(data: Bytes): PppMethod {
  return data.length === 2 ? 'pap' : data[2] === 5 ? 'chap-md5' : 'ms-chap-v2';
}

/** A link of ours with its peer, in simulated time. */
export class Pair {
  readonly link: PppLink;
  readonly peer: PppPeer;
  readonly events: PppEvent[] = [];
  readonly #inbox: Bytes[] = [];
  /** Nothing of the peer's gets through. */
  cut = false;
  now = 1_000_000;
  traffic = 0;
  verdict: (name: string) => PppVerdict | undefined = () => ({ ok: true, given: GIVEN, response: 'S=0' });

  constructor(options: PeerOptions = {}, seed = 4) {
    const crypto = seededCrypto(new Seeded(seed));
    this.link = new PppLink(crypto, options.offered ?? ['pap', 'ms-chap-v2'], () => this.traffic, this.now);
    this.peer = new PppPeer(options, (frame) => this.#inbox.push(frame));
  }

  dial(): this {
    this.peer.requestLcp();
    return this.run();
  }

  run(): this {
    for (let quiet = false, turns = 0; !quiet; turns++) {
      if (turns > 500) throw new Error('they talk for ever');
      quiet = true;
      for (let frame = this.#inbox.shift(); frame; frame = this.#inbox.shift()) {
        quiet = false;
        if (!this.cut) this.link.handleInput(frame, this.now);
      }
      for (let event = this.link.pollEvent(); event; event = this.link.pollEvent()) {
        this.events.push(event);
        const verdict = event.type === 'authenticate' ? this.verdict(event.proof.name) : undefined;
        if (verdict) this.link.answer(verdict, this.now);
      }
      for (let frame = this.link.pollTransmit(); frame; frame = this.link.pollTransmit()) {
        quiet = false;
        this.peer.hear(frame);
      }
    }
    return this;
  }

  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    this.run();
    for (let at = this.link.pollTimeout(); at !== undefined && at <= until; at = this.link.pollTimeout()) {
      this.now = Math.max(this.now, at);
      this.link.handleTimeout(this.now);
      this.run();
    }
    this.now = until;
    return this;
  }

  all<Type extends PppEvent['type']>(type: Type): Extract<PppEvent, { type: Type }>[] {
    return this.events.filter((event): event is Extract<PppEvent, { type: Type }> => event.type === type);
  }

  get down(): string | undefined {
    return this.all('down')[0]?.reason;
  }

  /** Packets of one protocol that the peer heard, by code. */
  heard(protocol: number, code: number): ControlPacket[] {
    return this.peer.heard
      .filter((one) => one.protocol === protocol && one.packet.code === code)
      .map(({ packet }) => packet);
  }
}
