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
 * ICRQ and what follows come once for each call; each has its own PPP link, and they end one by one or all with the tunnel.
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
import {
  CALL_SETUP,
  type Call,
  type Connection,
  type FirstMessage,
  TunnelEnd,
  type TunnelEvent,
} from './tunnel-end.ts';
import type { TunnelSecret } from './tunnel-secret.ts';

type LnsOwnEvent =
  /** The client began anew: the calls that there were are no more. */
  | { readonly type: 'restarted' }
  /** It doesn't get what it asked for; all else goes on. */
  | { readonly type: 'refused'; readonly reason: string }
  /** A call is over, also one that hadn't come up yet. */
  | { readonly type: 'call-down'; readonly session: number; readonly reason: string };

export type LnsEvent = TunnelEvent | LnsOwnEvent;

/** Calls of one tunnel: a client has one, a LAC that others dial a few. */
export const MAX_CALLS = 16;

type LnsState =
  /** `challenge`: what its answer has to prove the tunnel's secret by. */
  { readonly awaits: 'SCCCN'; readonly challenge?: Bytes } | { readonly awaits: 'calls'; readonly since: Instant };

/**
 * A repeat of the SCCRQ may come late, behind the SCCCN: one so soon after that is passed over. Who does begin anew under the
 * number of its old tunnel has no answer then, and repeats it for longer than that.
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
    const { state, calls = [] } = this.connection ?? {};
    if (state?.awaits !== 'calls') return state?.awaits ?? 'SCCRQ';
    if (calls.length === 0) return 'ICRQ';
    return calls.some(({ upBy }) => upBy === undefined) ? 'nothing' : 'ICCN';
  }

  /** No call is up or on its way. */
  get isIdle(): boolean {
    return (this.connection?.calls.length ?? 0) === 0;
  }

  /** Takes what an authentic UDP datagram from `port` to 1701 carried. Nothing that a peer can send makes it throw. */
  handleInput(bytes: Bytes, port: number, now: Instant): void {
    this.take(bytes, port, now);
  }

  /** A PPP frame to the client; without the call it goes nowhere. */
  sendPpp(session: number, frame: Bytes): void {
    this.sendFrame(session, frame);
  }

  /** Ends one call; what there is to say about it is to be sent next: see `pollTimeout`. */
  hangUp(session: number): void {
    const { connection } = this;
    const call = this.callOf(session);
    if (!connection || !call) return;
    this.forgetCall(connection, call);
    connection.channel.send(call.peerSession, encodeCdn(session, CallResult.ADMINISTRATIVE));
  }

  /** Only an SCCRQ comes without our tunnel's number. A repeat of the one that we answered begins nothing. */
  protected override handleFirst(message: ControlMessage, port: number, now: Instant): FirstMessage {
    if (message.type !== MessageType.SCCRQ) return 'stray';
    const peerTunnel = numberIn(message, AvpType.ASSIGNED_TUNNEL_ID);
    if (!peerTunnel) throw new MalformedError('SCCRQ without an Assigned Tunnel ID');
    const old = this.connection;
    if (old?.peerTunnel === peerTunnel) {
      if (old.state.awaits === 'SCCCN') return 'first';
      if (now < old.state.since + LATE) return 'late';
    }
    if (old) this.tell({ type: 'restarted' });
    this.connect(peerTunnel, { awaits: 'SCCCN' }, port, now);
    return 'first';
  }

  protected override handleHangUp({ localSession: session }: Call, reason: string): void {
    this.tell({ type: 'call-down', session, reason });
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
    connection.state = { awaits: 'calls', since: connection.heardAt };
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
    // to refuse it would end the call that has the number
    if (connection.calls.some((call) => call.peerSession === peerSession)) return this.drop('l2tp_unexpected');
    if (connection.calls.length === MAX_CALLS) {
      channel.send(peerSession, encodeCdn(0, CallResult.NO_FACILITIES));
      return this.tell({
        type: 'refused',
        reason: `the client has ${MAX_CALLS} calls in its tunnel; it may have no more`,
      });
    }
    const localSession = this.#newSession();
    // who leaves so many of our messages unacknowledged isn't served
    if (!channel.send(peerSession, encodeIcrp(localSession))) return this.drop('l2tp_unexpected');
    const upBy = connection.heardAt + CALL_SETUP;
    connection.calls = connection.calls.concat({ localSession, peerSession, upBy });
  }

  #newSession(): number {
    for (;;) {
      const id = this.newId();
      if (!this.callOf(id)) return id;
    }
  }

  #finishCall(connection: LnsConnection, message: ControlMessage, sessionId: number): void {
    const call = this.callOf(sessionId);
    if (call?.upBy === undefined) return this.drop('l2tp_unexpected');
    // numbers in data messages are read over; to have to send them is another matter
    const sequencing = message.values.has(AvpType.SEQUENCING_REQUIRED);
    if (message.unknown || sequencing) {
      const error = message.unknown ? ErrorCode.UNKNOWN_MANDATORY_AVP : ErrorCode.BAD_VALUE;
      connection.channel.send(call.peerSession, encodeCdn(sessionId, CallResult.GENERAL_ERROR, error));
      this.forgetCall(connection, call);
      return this.handleHangUp(
        call,
        message.unknown ? this.unknownText(message) : 'the client requires sequence numbers in data messages',
      );
    }
    call.upBy = undefined;
    this.tell({ type: 'call-up', session: sessionId });
  }
}
