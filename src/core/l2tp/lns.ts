/**
 * The LNS of one client.
 *
 *     LAC                          LNS                    what is awaited
 *     SCCRQ                ->
 *                          <-      SCCRP                  SCCCN
 *     SCCCN                ->                             ICRQ
 *     ICRQ                 ->
 *                          <-      ICRP                   ICCN
 *     ICCN                 ->                             nothing: PPP frames both ways
 *
 * A client that begins anew under the same SA takes its own old connection's place.
 */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Instant, SECOND } from '../net/time.ts';
import { AvpType, MessageType } from '../wire/l2tp.ts';
import {
  CallResult,
  type ControlMessage,
  ErrorCode,
  encodeCdn,
  encodeIcrp,
  encodeSccrp,
  numberIn,
  type Proving,
  StopResult,
  speaksOurVersion,
} from './messages.ts';
import { type Call, type Connection, TunnelEnd, type TunnelEvent } from './tunnel-end.ts';
import type { TunnelSecret } from './tunnel-secret.ts';

type LnsOwnEvent =
  /** The client began anew: its call, if there was one, is no more. */
  | { readonly type: 'restarted' }
  /** It doesn't get what it asked for; all else goes on. */
  | { readonly type: 'refused'; readonly reason: string };

export type LnsEvent = TunnelEvent | LnsOwnEvent;

type LnsState =
  /** `challenge`: what its answer has to prove the tunnel's secret by. */
  | { readonly awaits: 'SCCCN'; readonly challenge?: Bytes; readonly call?: never }
  | { readonly awaits: 'ICRQ'; readonly call?: never }
  | { readonly awaits: 'ICCN' | 'nothing'; readonly call: Call };

/**
 * A repeat of the SCCRQ may come late, behind the SCCCN: one so soon after is passed over. Who does begin anew under the number
 * of its old tunnel has no answer then, and repeats it for longer than that.
 */
const LATE = 3 * SECOND;

type LnsConnection = Connection<LnsState>;

export class Lns extends TunnelEnd<LnsState, LnsOwnEvent> {
  /**
   * @param lastTraffic when the client was last heard at all, 0 for never
   * @param secret of tunnels, for clients that ask for one; undefined: there is none
   */
  constructor(crypto: CryptoProvider, lastTraffic: () => Instant, secret?: Bytes) {
    super(crypto, lastTraffic, secret, 'the client');
  }

  /** What is awaited, for who asks why nothing came. */
  get awaits(): string {
    return this.connection?.state.awaits ?? 'SCCRQ';
  }

  /** Takes what an authentic UDP datagram from `port` to 1701 carried. Nothing that a peer can send makes it throw. */
  handleInput(bytes: Bytes, port: number, now: Instant): void {
    this.take(bytes, port, now);
  }

  /** Only an SCCRQ comes without our tunnel's number. A repeat of the one that we answered begins nothing. */
  protected override handleFirst(message: ControlMessage, port: number, now: Instant): boolean {
    if (message.type !== MessageType.SCCRQ) return true;
    const peerTunnel = numberIn(message, AvpType.ASSIGNED_TUNNEL_ID);
    if (!peerTunnel) throw new MalformedError('SCCRQ without an Assigned Tunnel ID');
    const old = this.connection;
    if (old?.peerTunnel === peerTunnel) {
      if (old.state.awaits === 'SCCCN') return true;
      if (now < old.begunAt + LATE) return false;
    }
    if (old) this.tell({ type: 'restarted' });
    this.connect(peerTunnel, { awaits: 'SCCCN' }, port, now);
    return true;
  }

  protected override act(connection: LnsConnection, message: ControlMessage, sessionId: number): boolean {
    switch (message.type) {
      case MessageType.SCCRQ:
        this.#answerSccrq(connection, message);
        return true;
      case MessageType.SCCCN:
        this.#finishTunnel(connection, message);
        return true;
      case MessageType.ICRQ:
        this.#answerIcrq(connection, message);
        return true;
      case MessageType.ICCN:
        this.#finishCall(connection, message, sessionId);
        return true;
      default:
        return false;
    }
  }

  #answerSccrq(connection: LnsConnection, message: ControlMessage): void {
    const { channel, localTunnel } = connection;
    if (message.unknown) return this.refuseUnknown(connection, message);
    if (!speaksOurVersion(message)) {
      return this.refuse(connection, "the client's L2TP is of another version", StopResult.VERSION);
    }
    const asked = message.values.get(AvpType.CHALLENGE);
    if (asked && !this.secret) {
      const reason =
        "the client asks for a tunnel secret; there is none, since IPsec proves both sides: turn it off there, or set 'l2tp.secret'";
      return this.refuse(connection, reason, StopResult.NOT_AUTHORIZED);
    }
    const window = numberIn(message, AvpType.RECEIVE_WINDOW_SIZE);
    if (window !== undefined) channel.window = window;
    const proving = asked && this.#prove(connection, this.secret!, asked);
    channel.send(0, encodeSccrp(localTunnel, proving ?? {}));
  }

  #finishTunnel(connection: LnsConnection, message: ControlMessage): void {
    if (connection.state.awaits !== 'SCCCN') return this.drop('l2tp_unexpected');
    if (message.unknown) return this.refuseUnknown(connection, message);
    const { challenge } = connection.state;
    const response = message.values.get(AvpType.CHALLENGE_RESPONSE);
    if (challenge && !this.secret!.proves(MessageType.SCCCN, challenge, response)) {
      const reason = "the client doesn't know the tunnel secret that it asked for; compare it with 'l2tp.secret'";
      return this.refuse(connection, reason, StopResult.NOT_AUTHORIZED);
    }
    connection.state = { awaits: 'ICRQ' };
  }

  /** Who asks for the secret is asked for it in turn; who doesn't, as Windows, has proven itself to IPsec. */
  #prove(connection: LnsConnection, secret: TunnelSecret, asked: Bytes): Proving {
    const challenge = secret.newChallenge();
    connection.state = { awaits: 'SCCCN', challenge };
    return { response: secret.respond(MessageType.SCCRP, asked), challenge };
  }

  #answerIcrq(connection: LnsConnection, message: ControlMessage): void {
    const { channel, state } = connection;
    const peerSession = numberIn(message, AvpType.ASSIGNED_SESSION_ID);
    if (!peerSession || state.awaits === 'SCCCN') return this.drop('l2tp_unexpected');
    if (message.unknown) {
      channel.send(peerSession, encodeCdn(0, CallResult.GENERAL_ERROR, ErrorCode.UNKNOWN_MANDATORY_AVP));
      return this.tell({ type: 'refused', reason: this.unknownText(message) });
    }
    if (state.awaits !== 'ICRQ') {
      channel.send(peerSession, encodeCdn(0, CallResult.NO_FACILITIES));
      return this.tell({ type: 'refused', reason: 'the client makes a second call in its tunnel; it may have one' });
    }
    const call = { localSession: this.newId(), peerSession };
    connection.state = { awaits: 'ICCN', call };
    channel.send(peerSession, encodeIcrp(call.localSession));
  }

  #finishCall(connection: LnsConnection, message: ControlMessage, sessionId: number): void {
    const { channel, state } = connection;
    if (state.awaits !== 'ICCN' || sessionId !== state.call.localSession) return this.drop('l2tp_unexpected');
    const { peerSession, localSession } = state.call;
    // numbers in data messages are read over; to have to send them is another matter
    const sequencing = message.values.has(AvpType.SEQUENCING_REQUIRED);
    if (message.unknown || sequencing) {
      const error = message.unknown ? ErrorCode.UNKNOWN_MANDATORY_AVP : ErrorCode.BAD_VALUE;
      channel.send(peerSession, encodeCdn(localSession, CallResult.GENERAL_ERROR, error));
      return this.end(
        message.unknown ? this.unknownText(message) : 'the client requires sequence numbers in data messages',
      );
    }
    connection.state = { awaits: 'nothing', call: state.call };
    this.tell({ type: 'call-up' });
  }
}
