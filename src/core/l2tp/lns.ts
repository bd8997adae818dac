/**
 * The LNS, RFC 2661 sections 5 to 7, of one client: the one control connection and the one call that it needs.
 *
 *     LAC                          LNS                    what is awaited
 *     SCCRQ                ->
 *                          <-      SCCRP                  SCCCN
 *     SCCCN                ->                             ICRQ
 *     ICRQ                 ->
 *                          <-      ICRP                   ICCN
 *     ICCN                 ->                             nothing: PPP frames both ways
 *
 * It belongs to one IPsec SA and so to one client: numbers of another's tunnel mean nothing here. A client that begins anew
 * under the same SA takes its own old connection's place.
 */
import { type Bytes, readU32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Instant, MINUTE } from '../net/time.ts';
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
  encodeIcrp,
  encodeSccrp,
  encodeStopCcn,
  numberIn,
  readMessage,
  resultText,
  StopResult,
  speaksOurVersion,
} from './messages.ts';

export type L2tpDrop =
  | 'l2tp_malformed'
  | 'l2tp_unknown_tunnel'
  | 'l2tp_unknown_session'
  | 'l2tp_out_of_order'
  | 'l2tp_unexpected';

export type LnsEvent =
  /** PPP may begin. */
  | { readonly type: 'call-up' }
  | { readonly type: 'ppp'; readonly frame: Bytes }
  /** The client began anew: its call, if there was one, is no more. */
  | { readonly type: 'restarted' }
  /** All is over; what there is still to send is only said once. */
  | { readonly type: 'closed'; readonly reason: string }
  | { readonly type: 'dropped'; readonly reason: L2tpDrop };

export interface L2tpTransmit {
  /** UDP port of the client. */
  readonly port: number;
  readonly message: Bytes;
}

/** After so much silence the peer is asked whether it is there (section 6.5); the channel's repeats then decide. */
export const HELLO_INTERVAL = MINUTE;

interface Call {
  readonly localSession: number;
  readonly peerSession: number;
}

type ConnectionState =
  | { readonly awaits: 'SCCCN' }
  | { readonly awaits: 'ICRQ' }
  | { readonly awaits: 'ICCN'; readonly call: Call }
  | { readonly awaits: 'nothing'; readonly call: Call };

interface Connection {
  readonly channel: ControlChannel;
  readonly localTunnel: number;
  readonly peerTunnel: number;
  state: ConnectionState;
  /** Where the client sends from: answers go there (section 8.1). */
  port: number;
  heardAt: Instant;
}

export class Lns {
  readonly #crypto: CryptoProvider;
  readonly #lastTraffic: () => Instant;
  readonly #transmits: L2tpTransmit[] = [];
  readonly #events: LnsEvent[] = [];
  #connection: Connection | undefined;

  /** @param lastTraffic when the client was last heard at all, 0 for never */
  constructor(crypto: CryptoProvider, lastTraffic: () => Instant) {
    this.#crypto = crypto;
    this.#lastTraffic = lastTraffic;
  }

  /** Undefined while no call is up. */
  get call(): CallIds | undefined {
    const { state, port, localTunnel, peerTunnel } = this.#connection ?? {};
    if (state?.awaits !== 'nothing') return undefined;
    return { port: port!, localTunnel: localTunnel!, peerTunnel: peerTunnel!, ...state.call };
  }

  /** What is awaited, for who asks why nothing came. */
  get awaits(): string {
    return this.#connection?.state.awaits ?? 'SCCRQ';
  }

  /** Takes what an authentic UDP datagram from `port` to 1701 carried. Nothing that a peer can send makes it throw. */
  handleInput(bytes: Bytes, port: number, now: Instant): void {
    try {
      const message = parseL2tp(bytes);
      if (message.kind === 'control') this.#handleControl(message, port, now);
      else this.#handleData(message.tunnelId, message.sessionId, message.payload, now);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#drop('l2tp_malformed');
    }
    this.#flush(now);
  }

  handleTimeout(now: Instant): void {
    const connection = this.#connection;
    if (!connection) return;
    const { channel } = connection;
    if ((channel.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) {
      const again = channel.repeat(now);
      if (!again) return this.#close('the client left L2TP messages unanswered');
      this.#transmit(connection, again);
    } else if (this.#silentUntil(connection) <= now && channel.pollTimeout() === undefined) {
      connection.heardAt = now;
      channel.send(0, encodeHello());
    }
    this.#flush(now);
  }

  pollTimeout(): Instant | undefined {
    if (!this.#connection) return undefined;
    return this.#connection.channel.pollTimeout() ?? this.#silentUntil(this.#connection);
  }

  pollTransmit(): L2tpTransmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): LnsEvent | undefined {
    return this.#events.shift();
  }

  /** A PPP frame to the client; without a call it goes nowhere. */
  sendPpp(frame: Bytes): void {
    const { call } = this;
    if (!call) return;
    const { port, peerTunnel: tunnelId, peerSession: sessionId } = call;
    this.#transmits.push({ port, message: encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload: frame }) });
  }

  /** Says good-bye, once: the SA is about to go. */
  close(): void {
    const connection = this.#connection;
    if (!connection) return;
    connection.channel.send(0, encodeStopCcn(connection.localTunnel, StopResult.SHUTTING_DOWN));
    this.#sayLast(connection);
  }

  #handleControl(message: L2tpControl, port: number, now: Instant): void {
    const isAcknowledgment = message.body.length === 0;
    if (message.tunnelId === 0 && !isAcknowledgment) this.#beginIfAnew(readMessage(message.body), port, now);
    const connection = this.#connection;
    if (!connection || (message.tunnelId !== 0 && message.tunnelId !== connection.localTunnel)) {
      return this.#drop('l2tp_unknown_tunnel');
    }
    // read before it counts: what can't be read isn't acknowledged
    const content = isAcknowledgment ? undefined : readMessage(message.body);
    connection.heardAt = now;
    connection.port = port;
    const isNext = connection.channel.receive(message.ns, message.nr, isAcknowledgment);
    if (content && isNext) this.#act(connection, content, message.sessionId);
    else if (content) this.#drop('l2tp_out_of_order');
  }

  /** Only an SCCRQ comes without our tunnel's number. A repeat of the one that we answered begins nothing. */
  #beginIfAnew(message: ControlMessage, port: number, now: Instant): void {
    if (message.type !== MessageType.SCCRQ) return;
    const peerTunnel = numberIn(message, AvpType.ASSIGNED_TUNNEL_ID);
    if (!peerTunnel) throw new MalformedError('SCCRQ without an Assigned Tunnel ID');
    const old = this.#connection;
    if (old?.peerTunnel === peerTunnel && old.state.awaits === 'SCCCN') return;
    if (old) this.#events.push({ type: 'restarted' });
    const localTunnel = this.#newId();
    const channel = new ControlChannel();
    this.#connection = { channel, localTunnel, peerTunnel, state: { awaits: 'SCCCN' }, port, heardAt: now };
  }

  #act(connection: Connection, message: ControlMessage, sessionId: number): void {
    const { channel, localTunnel, state } = connection;
    switch (message.type) {
      case MessageType.SCCRQ:
        return this.#answerSccrq(connection, message);
      case MessageType.SCCCN:
        if (state.awaits !== 'SCCCN') return this.#drop('l2tp_unexpected');
        if (message.unknown) return this.#refuseConnection(connection, message);
        connection.state = { awaits: 'ICRQ' };
        return;
      case MessageType.StopCCN:
        return this.#close(`the client closed its tunnel (StopCCN, ${resultText(message) ?? 'without a result'})`);
      case MessageType.ICRQ:
        return this.#answerIcrq(connection, message);
      case MessageType.ICCN:
        return this.#finishCall(connection, message, sessionId);
      case MessageType.CDN:
        if (!('call' in state) || (sessionId !== 0 && sessionId !== state.call.localSession)) {
          return this.#drop('l2tp_unknown_session');
        }
        return this.#close(`the client hung up (CDN, ${resultText(message) ?? 'without a result'})`);
      case MessageType.HELLO:
      case MessageType.WEN:
      case MessageType.SLI:
        return;
      default:
        if (!message.mandatory) return this.#drop('l2tp_unexpected');
        channel.send(0, encodeStopCcn(localTunnel, StopResult.GENERAL_ERROR, ErrorCode.BAD_VALUE));
        return this.#close(`the client sent a message that isn't served (L2TP type ${message.type})`);
    }
  }

  #answerSccrq(connection: Connection, message: ControlMessage): void {
    const { channel, localTunnel } = connection;
    if (message.unknown) return this.#refuseConnection(connection, message);
    if (!speaksOurVersion(message)) {
      channel.send(0, encodeStopCcn(localTunnel, StopResult.VERSION));
      return this.#close("the client's L2TP is of another version");
    }
    if (message.values.has(AvpType.CHALLENGE)) {
      channel.send(0, encodeStopCcn(localTunnel, StopResult.NOT_AUTHORIZED));
      return this.#close(
        'the client asks for a tunnel secret; there is none: IPsec proves both sides. Turn it off there',
      );
    }
    const window = numberIn(message, AvpType.RECEIVE_WINDOW_SIZE);
    if (window !== undefined) channel.window = window;
    channel.send(0, encodeSccrp(localTunnel));
  }

  /** Section 4.1: an unknown AVP that is mandatory ends the connection. */
  #refuseConnection({ channel, localTunnel }: Connection, message: ControlMessage): void {
    channel.send(0, encodeStopCcn(localTunnel, StopResult.GENERAL_ERROR, ErrorCode.UNKNOWN_MANDATORY_AVP));
    this.#close(unknownText(message));
  }

  #answerIcrq(connection: Connection, message: ControlMessage): void {
    const { channel, state } = connection;
    const peerSession = numberIn(message, AvpType.ASSIGNED_SESSION_ID);
    if (!peerSession || state.awaits === 'SCCCN') return this.#drop('l2tp_unexpected');
    if (message.unknown) {
      channel.send(peerSession, encodeCdn(0, CallResult.GENERAL_ERROR, ErrorCode.UNKNOWN_MANDATORY_AVP));
      return this.#drop('l2tp_unexpected');
    }
    if (state.awaits !== 'ICRQ') {
      channel.send(peerSession, encodeCdn(0, CallResult.NO_FACILITIES));
      return this.#drop('l2tp_unexpected');
    }
    const call = { localSession: this.#newId(), peerSession };
    connection.state = { awaits: 'ICCN', call };
    channel.send(peerSession, encodeIcrp(call.localSession));
  }

  #finishCall(connection: Connection, message: ControlMessage, sessionId: number): void {
    const { channel, state } = connection;
    if (state.awaits !== 'ICCN' || sessionId !== state.call.localSession) return this.#drop('l2tp_unexpected');
    const { peerSession, localSession } = state.call;
    // numbers in data messages are read over; to have to send them is another matter
    const sequencing = message.values.has(AvpType.SEQUENCING_REQUIRED);
    if (message.unknown || sequencing) {
      const error = message.unknown ? ErrorCode.UNKNOWN_MANDATORY_AVP : ErrorCode.BAD_VALUE;
      channel.send(peerSession, encodeCdn(localSession, CallResult.GENERAL_ERROR, error));
      return this.#close(
        message.unknown ? unknownText(message) : 'the client requires sequence numbers in data messages',
      );
    }
    connection.state = { awaits: 'nothing', call: state.call };
    this.#events.push({ type: 'call-up' });
  }

  #handleData(tunnelId: number, sessionId: number, frame: Bytes, now: Instant): void {
    const { call } = this;
    if (tunnelId !== this.#connection?.localTunnel) return this.#drop('l2tp_unknown_tunnel');
    if (!call || sessionId !== call.localSession) return this.#drop('l2tp_unknown_session');
    this.#connection.heardAt = now;
    this.#events.push({ type: 'ppp', frame });
  }

  #close(reason: string): void {
    this.#sayLast(this.#connection!);
    this.#events.push({ type: 'closed', reason });
  }

  /** Nobody waits for the acknowledgment: the SA goes with the connection. */
  #sayLast(connection: Connection): void {
    for (const message of connection.channel.flush(0)) this.#transmit(connection, message);
    this.#connection = undefined;
  }

  #silentUntil({ heardAt }: Connection): Instant {
    return Math.max(heardAt, this.#lastTraffic()) + HELLO_INTERVAL;
  }

  #flush(now: Instant): void {
    const connection = this.#connection;
    if (connection) for (const message of connection.channel.flush(now)) this.#transmit(connection, message);
  }

  #transmit({ port, peerTunnel: tunnelId }: Connection, message: Numbered): void {
    this.#transmits.push({ port, message: encodeL2tpControl({ tunnelId, ...message }) });
  }

  #drop(reason: L2tpDrop): void {
    this.#events.push({ type: 'dropped', reason });
  }

  /** Random, so that who doesn't see the traffic can't name it; never 0. */
  #newId(): number {
    for (;;) {
      const id = readU32(this.#crypto.random(4)) & 0xffff;
      if (id !== 0) return id;
    }
  }
}

function unknownText({ unknown }: ControlMessage): string {
  const { vendor, type, hidden } = unknown!;
  return `the client sent ${hidden ? 'a hidden' : 'an unknown'} AVP that may not be passed over (vendor ${vendor}, type ${type})`;
}
