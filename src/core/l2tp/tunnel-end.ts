/**
 * One end of a tunnel, RFC 2661 sections 5 to 7, as LNS and LAC have it alike: the one control connection and its calls.
 * Which messages the one and the other wait for is in `lns.ts` and `lac.ts`.
 *
 * It belongs to one IPsec SA and so to one peer: numbers of another's tunnel mean nothing here.
 */
import { type Bytes, readU32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { earliest, type Instant, MINUTE } from '../net/time.ts';
import {
  AvpType,
  type CallIds,
  encodeL2tpControl,
  encodeL2tpData,
  type L2tpControl,
  MessageType,
  parseL2tp,
} from '../wire/l2tp.ts';
import { ControlChannel, type Numbered } from './control-channel.ts';
import {
  CallResult,
  type ControlMessage,
  ErrorCode,
  encodeCdn,
  encodeHello,
  encodeStopCcn,
  numberIn,
  readMessage,
  resultText,
  StopResult,
} from './messages.ts';
import { TunnelSecret } from './tunnel-secret.ts';

export type L2tpDrop =
  | 'l2tp_malformed'
  | 'l2tp_unknown_tunnel'
  | 'l2tp_unknown_session'
  | 'l2tp_out_of_order'
  | 'l2tp_unexpected';

export type TunnelEvent =
  /** PPP may begin. A call is named by our number of it. */
  | { readonly type: 'call-up'; readonly session: number }
  | { readonly type: 'ppp'; readonly session: number; readonly frame: Bytes }
  /** All is over; what there is still to send is only said once. */
  | { readonly type: 'closed'; readonly reason: string }
  | { readonly type: 'dropped'; readonly reason: L2tpDrop };

export interface L2tpTransmit {
  /** UDP port of the peer. */
  readonly port: number;
  readonly message: Bytes;
}

/** After so much silence the peer is asked whether it is there (section 6.5); the channel's repeats then decide. */
export const HELLO_INTERVAL = MINUTE;
/** A call that was asked for is up by then, or given up: acknowledged, but not gone on with, it would keep its place for ever. */
export const CALL_SETUP = MINUTE;

/** A call on its way, or up. */
export interface Call {
  readonly localSession: number;
  /** 0: the peer hasn't named it yet. */
  peerSession: number;
  /** When it has to be up; undefined: it is. */
  upBy: Instant | undefined;
}

export interface Connection<State> {
  readonly channel: ControlChannel;
  readonly localTunnel: number;
  /** 0: the peer hasn't named it yet. */
  peerTunnel: number;
  state: State;
  calls: readonly Call[];
  /** Where the peer sends from: answers go there (section 8.1). */
  port: number;
  heardAt: Instant;
}

/** What a control message is that names no tunnel of ours: the first of the connection, behind its time, or nobody's. */
export type FirstMessage = 'first' | 'late' | 'stray';

/** `State`: what an end waits for; `More`: what it tells besides. */
export abstract class TunnelEnd<State, More = never> {
  protected readonly secret: TunnelSecret | undefined;
  readonly #crypto: CryptoProvider;
  readonly #lastTraffic: () => Instant;
  /** What the peer is called in reasons. */
  readonly #peer: string;
  readonly #transmits: L2tpTransmit[] = [];
  readonly #events: (TunnelEvent | More)[] = [];
  protected connection: Connection<State> | undefined;

  /** @param lastTraffic when the peer was last heard at all, 0 for never */
  constructor(crypto: CryptoProvider, lastTraffic: () => Instant, secret: Bytes | undefined, peer: string) {
    this.secret = secret && new TunnelSecret(crypto, secret);
    this.#crypto = crypto;
    this.#lastTraffic = lastTraffic;
    this.#peer = peer;
  }

  /** What data messages of the call name it by; undefined while it isn't up. */
  idsOf(session: number): CallIds | undefined {
    const call = this.callOf(session);
    if (!this.connection || !call || call.upBy !== undefined) return undefined;
    const { port, localTunnel, peerTunnel } = this.connection;
    return { port, localTunnel, peerTunnel, localSession: session, peerSession: call.peerSession };
  }

  handleTimeout(now: Instant): void {
    const { connection } = this;
    if (!connection) return;
    const { channel } = connection;
    if ((channel.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) {
      const again = channel.repeat(now);
      if (!again) return this.end(`${this.#peer} left L2TP messages unanswered`);
      this.#transmit(connection, again);
    } else if (this.#silentUntil(connection) <= now && channel.pollTimeout() === undefined) {
      connection.heardAt = now;
      channel.send(0, encodeHello());
    }
    for (const call of connection.calls)
      if ((call.upBy ?? Number.POSITIVE_INFINITY) <= now) this.#giveUp(connection, call);
    this.flush(now);
  }

  pollTimeout(): Instant | undefined {
    if (!this.connection) return undefined;
    const { channel, calls } = this.connection;
    if (channel.hasFresh) return 0;
    return earliest(channel.pollTimeout() ?? this.#silentUntil(this.connection), ...calls.map(({ upBy }) => upBy));
  }

  pollTransmit(): L2tpTransmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): TunnelEvent | More | undefined {
    return this.#events.shift();
  }

  /** Says good-bye, once: the SA is about to go. */
  close(): void {
    const { connection } = this;
    if (!connection) return;
    connection.channel.send(0, encodeStopCcn(connection.localTunnel, StopResult.SHUTTING_DOWN));
    this.#sayLast(connection);
  }

  /** A PPP frame to the peer; without the call it goes nowhere. */
  protected sendFrame(session: number, frame: Bytes): void {
    const ids = this.idsOf(session);
    if (!ids) return;
    const { port, peerTunnel: tunnelId, peerSession: sessionId } = ids;
    this.#transmits.push({ port, message: encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload: frame }) });
  }

  /** A message that came in its turn and isn't of those that both ends take alike; false: it isn't served. */
  protected abstract act(connection: Connection<State>, message: ControlMessage, sessionId: number): boolean;

  /** A control message that names no tunnel of ours. */
  protected handleFirst(_message: ControlMessage, _port: number, _now: Instant): FirstMessage {
    return 'stray';
  }

  /** The peer has ended a call, which is no more. */
  protected abstract handleHangUp(call: Call, reason: string): void;

  protected callOf(session: number): Call | undefined {
    return this.connection?.calls.find(({ localSession }) => localSession === session);
  }

  protected forgetCall(connection: Connection<State>, call: Call): void {
    connection.calls = connection.calls.filter((one) => one !== call);
  }

  /** Takes what an authentic UDP datagram from `port` carried. Nothing that a peer can send makes it throw. */
  protected take(bytes: Bytes, port: number, now: Instant): void {
    try {
      const message = parseL2tp(bytes);
      if (message.kind === 'control') this.#handleControl(message, port, now);
      else this.#handleData(message.tunnelId, message.sessionId, message.payload, now);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.drop('l2tp_malformed');
    }
    this.flush(now);
  }

  protected connect(peerTunnel: number, state: State, port: number, now: Instant): Connection<State> {
    const channel = new ControlChannel();
    this.connection = { channel, localTunnel: this.newId(), peerTunnel, state, calls: [], port, heardAt: now };
    return this.connection;
  }

  /** Section 4.1: an unknown AVP that is mandatory ends the connection. */
  protected refuseUnknown(connection: Connection<State>, message: ControlMessage): void {
    const reason = this.unknownText(message);
    this.refuse(connection, reason, StopResult.GENERAL_ERROR, ErrorCode.UNKNOWN_MANDATORY_AVP);
  }

  protected unknownText({ unknown }: ControlMessage): string {
    const { vendor, type, hidden } = unknown!;
    const what = hidden ? 'a hidden' : 'an unknown';
    return `${this.#peer} sent ${what} AVP that may not be passed over (vendor ${vendor}, type ${type})`;
  }

  protected refuse(connection: Connection<State>, reason: string, result: number, error?: number): void {
    connection.channel.send(0, encodeStopCcn(connection.localTunnel, result, error));
    this.end(reason);
  }

  protected end(reason: string): void {
    this.#sayLast(this.connection!);
    this.tell({ type: 'closed', reason });
  }

  protected tell(event: TunnelEvent | More): void {
    this.#events.push(event);
  }

  protected drop(reason: L2tpDrop): void {
    this.tell({ type: 'dropped', reason });
  }

  protected flush(now: Instant): void {
    const { connection } = this;
    if (connection) for (const message of connection.channel.flush(now)) this.#transmit(connection, message);
  }

  /** Random, so that who doesn't see the traffic can't name it; never 0. */
  protected newId(): number {
    for (;;) {
      const id = readU32(this.#crypto.random(4)) & 0xffff;
      if (id !== 0) return id;
    }
  }

  #handleControl(message: L2tpControl, port: number, now: Instant): void {
    const isAcknowledgment = message.body.length === 0;
    if (message.tunnelId !== 0 && message.tunnelId !== this.connection?.localTunnel) {
      return this.drop('l2tp_unknown_tunnel');
    }
    // read before it counts: what can't be read isn't acknowledged
    const content = isAcknowledgment ? undefined : readMessage(message.body, this.secret);
    const named = message.tunnelId !== 0 || this.#namedWithin(content, port, now);
    const { connection } = this;
    if (named === 'late') return this.drop('l2tp_out_of_order');
    if (!named || !connection) return this.drop('l2tp_unknown_tunnel');
    connection.heardAt = now;
    connection.port = port;
    const isNext = connection.channel.receive(message.ns, message.nr, isAcknowledgment);
    if (content && isNext) this.#act(connection, content, message.sessionId);
    else if (content) this.drop('l2tp_out_of_order');
  }

  /**
   * Who hasn't heard our tunnel's number sends 0. By section 4.4.3 a StopCCN then says which tunnel it means by the number that its
   * sender gave it; of one that has given none yet there is but the one that we dialled.
   */
  #namedWithin(content: ControlMessage | undefined, port: number, now: Instant): boolean | 'late' {
    if (content?.type === MessageType.StopCCN) {
      const { peerTunnel } = this.connection ?? {};
      return peerTunnel === 0 || numberIn(content, AvpType.ASSIGNED_TUNNEL_ID) === peerTunnel;
    }
    const first = content ? this.handleFirst(content, port, now) : 'stray';
    return first === 'late' ? first : first === 'first';
  }

  #act(connection: Connection<State>, message: ControlMessage, sessionId: number): void {
    switch (message.type) {
      case MessageType.StopCCN:
        return this.end(`${this.#peer} closed its tunnel (StopCCN, ${resultText(message) ?? 'without a result'})`);
      case MessageType.CDN:
        return this.#handleCdn(connection, message, sessionId);
      case MessageType.HELLO:
      case MessageType.WEN:
      case MessageType.SLI:
        return;
    }
    if (this.act(connection, message, sessionId)) return;
    if (!message.mandatory) return this.drop('l2tp_unexpected');
    const reason = `${this.#peer} sent a message that isn't served (L2TP type ${message.type})`;
    this.refuse(connection, reason, StopResult.GENERAL_ERROR, ErrorCode.BAD_VALUE);
  }

  /** Who hasn't heard our number of the call sends 0, and says by its own which it means (section 4.4.4). */
  #handleCdn(connection: Connection<State>, message: ControlMessage, sessionId: number): void {
    const theirs = numberIn(message, AvpType.ASSIGNED_SESSION_ID);
    const call = connection.calls.find(({ localSession, peerSession }) =>
      sessionId === 0 ? peerSession === theirs : localSession === sessionId,
    );
    if (!call) return this.drop('l2tp_unknown_session');
    this.forgetCall(connection, call);
    this.handleHangUp(call, `${this.#peer} hung up (CDN, ${resultText(message) ?? 'without a result'})`);
  }

  #giveUp(connection: Connection<State>, call: Call): void {
    connection.channel.send(call.peerSession, encodeCdn(call.localSession, CallResult.ADMINISTRATIVE));
    this.forgetCall(connection, call);
    this.handleHangUp(call, `${this.#peer} left its call half made`);
  }

  #handleData(tunnelId: number, session: number, frame: Bytes, now: Instant): void {
    const { connection } = this;
    if (tunnelId !== connection?.localTunnel) return this.drop('l2tp_unknown_tunnel');
    if (!this.idsOf(session)) return this.drop('l2tp_unknown_session');
    connection.heardAt = now;
    this.tell({ type: 'ppp', session, frame });
  }

  /** Nobody waits for the acknowledgment: the SA goes with the connection. */
  #sayLast(connection: Connection<State>): void {
    for (const message of connection.channel.flush(0)) this.#transmit(connection, message);
    this.connection = undefined;
  }

  #silentUntil({ heardAt }: Connection<State>): Instant {
    return Math.max(heardAt, this.#lastTraffic()) + HELLO_INTERVAL;
  }

  #transmit({ port, peerTunnel: tunnelId }: Connection<State>, message: Numbered): void {
    this.#transmits.push({ port, message: encodeL2tpControl({ tunnelId, ...message }) });
  }
}
