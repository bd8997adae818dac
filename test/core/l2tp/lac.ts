/** A LAC for tests: speaks to an LNS step by step, honestly unless told otherwise. */
import { type Bytes, u16 } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { Lns, type LnsEvent } from '../../../src/core/l2tp/lns.ts';
import { avp, encodeMessage, readMessage } from '../../../src/core/l2tp/messages.ts';
import {
  type Avp,
  AvpType,
  type CallIds,
  encodeL2tpControl,
  encodeL2tpData,
  type L2tpControl,
  type L2tpData,
  MessageType,
  parseL2tp,
} from '../../../src/core/wire/l2tp.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';

export const PEER_TUNNEL = 77;
export const PEER_SESSION = 88;

/** The client's own side, whatever carries its messages. */
export abstract class LacSide {
  /** What the LNS sent, the acknowledgments too. */
  readonly heard: (L2tpControl | L2tpData)[] = [];
  tunnel = 0;
  session = 0;
  ns = 0;
  nr = 0;

  abstract send(bytes: Bytes): this;

  /** Sends a control message under the next number, or under `ns`. */
  say(type: number, avps: readonly Avp[] = [], session = 0, ns = this.ns++): this {
    return this.sayBody(encodeMessage(type, avps), session, ns);
  }

  sayBody(body: Bytes, session = 0, ns = this.ns++, tunnelId = this.tunnel): this {
    return this.send(encodeL2tpControl({ tunnelId, sessionId: session, ns: ns & 0xffff, nr: this.nr, body }));
  }

  acknowledge(): this {
    return this.sayBody(new Uint8Array(0), 0, this.ns);
  }

  sayPpp(frame: Bytes, tunnelId = this.tunnel, sessionId = this.session): this {
    return this.send(encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload: frame }));
  }

  hear(bytes: Bytes): void {
    const message = parseL2tp(bytes);
    this.heard.push(message);
    if (message.kind !== 'control' || message.body.length === 0) return;
    if (message.ns === this.nr) this.nr = (this.nr + 1) & 0xffff;
    const { type, values } = readMessage(message.body);
    const number = (value: Bytes | undefined) => (value ? (value[0]! << 8) | value[1]! : 0);
    if (type === MessageType.SCCRP) this.tunnel = number(values.get(AvpType.ASSIGNED_TUNNEL_ID));
    if (type === MessageType.ICRP) this.session = number(values.get(AvpType.ASSIGNED_SESSION_ID));
  }

  sccrq(more: readonly Avp[] = [], peerTunnel = PEER_TUNNEL): this {
    return this.say(MessageType.SCCRQ, [...sccrqAvps(peerTunnel), ...more]);
  }

  scccn(more: readonly Avp[] = []): this {
    return this.say(MessageType.SCCCN, more);
  }

  /** `session`: our number of the call. */
  icrq(more: readonly Avp[] = [], session = PEER_SESSION): this {
    return this.say(MessageType.ICRQ, [avp(AvpType.ASSIGNED_SESSION_ID, u16(session)), ...more]);
  }

  iccn(more: readonly Avp[] = []): this {
    return this.say(MessageType.ICCN, more, this.session);
  }

  /** All of it: a call is up. */
  dial(): this {
    return this.sccrq().scccn().icrq().iccn();
  }

  /** Types of the control messages heard since the last call; 0: an acknowledgment. */
  takeTypes(): number[] {
    return this.heard
      .splice(0)
      .map((message) => (message.kind === 'control' && message.body.length > 0 ? readMessage(message.body).type : 0));
  }
}

/** A LAC joined to an LNS of ours without delay, in simulated time. */
export class Lac extends LacSide {
  readonly lns: Lns;
  readonly events: LnsEvent[] = [];
  now = 1_000_000;
  traffic = 0;
  port = 1701;

  /** @param secret of the tunnel, as the LNS has it */
  constructor(seed = 5, secret?: string) {
    super();
    const known = secret === undefined ? undefined : utf8(secret);
    this.lns = new Lns(seededCrypto(new Seeded(seed)), () => this.traffic, known);
  }

  override send(bytes: Bytes): this {
    this.lns.handleInput(bytes, this.port, this.now);
    return this.listen();
  }

  listen(): this {
    for (let event = this.lns.pollEvent(); event; event = this.lns.pollEvent()) this.events.push(event);
    for (let sent = this.lns.pollTransmit(); sent; sent = this.lns.pollTransmit()) this.hear(sent.message);
    return this;
  }

  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (let at = this.lns.pollTimeout(); at !== undefined && at <= until; at = this.lns.pollTimeout()) {
      this.now = Math.max(this.now, at);
      this.lns.handleTimeout(this.now);
      this.listen();
    }
    this.now = until;
    return this;
  }

  get told(): string[] {
    return this.events.map((event) => (event.type === 'dropped' ? event.reason : event.type));
  }

  /** The newest one, while it is up. */
  get call(): CallIds | undefined {
    return newestCall(this.lns, this.events);
  }

  get closed(): string | undefined {
    return this.events.flatMap((event) => (event.type === 'closed' ? [event.reason] : []))[0];
  }
}

export function newestCall(lns: Lns, events: readonly LnsEvent[]): CallIds | undefined {
  const [newest] = events.flatMap((event) => (event.type === 'call-up' ? [event.session] : [])).slice(-1);
  return newest === undefined ? undefined : lns.idsOf(newest);
}

export function sccrqAvps(peerTunnel: number): Avp[] {
  return [
    avp(AvpType.PROTOCOL_VERSION, u16(0x0100)),
    avp(AvpType.FRAMING_CAPABILITIES, Uint8Array.of(0, 0, 0, 3)),
    avp(AvpType.HOST_NAME, Uint8Array.of(97)),
    avp(AvpType.ASSIGNED_TUNNEL_ID, u16(peerTunnel)),
  ];
}
