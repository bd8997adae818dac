/**
 * The LAC that a client is to itself: it dials the LNS of a gateway and makes one incoming call there.
 *
 *     LAC                          LNS                    what is awaited
 *     SCCRQ                ->                             SCCRP
 *                          <-      SCCRP
 *     SCCCN, ICRQ          ->                             ICRP
 *                          <-      ICRP
 *     ICCN                 ->                             nothing: PPP frames both ways
 */
import type { Bytes } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Instant } from '../net/time.ts';
import { AvpType, type CallIds, L2TP_PORT, MessageType } from '../wire/l2tp.ts';
import {
  CallResult,
  type ControlMessage,
  ErrorCode,
  encodeCdn,
  encodeIccn,
  encodeIcrq,
  encodeScccn,
  encodeSccrq,
  numberIn,
  StopResult,
  speaksOurVersion,
} from './messages.ts';
import { CALL_SETUP, type Call, type Connection, TunnelEnd, type TunnelEvent } from './tunnel-end.ts';

export type LacEvent = TunnelEvent;

type LacState =
  /** `challenge`: what its answer has to prove the tunnel's secret by. */
  { readonly awaits: 'SCCRP'; readonly challenge: Bytes | undefined } | { readonly awaits: 'call' };

type LacConnection = Connection<LacState>;

export class Lac extends TunnelEnd<LacState> {
  /**
   * @param lastTraffic when the gateway was last heard at all, 0 for never
   * @param secret of the tunnel: the gateway has to prove that it knows it; undefined: there is none
   */
  constructor(crypto: CryptoProvider, lastTraffic: () => Instant, secret?: Bytes) {
    super(crypto, lastTraffic, secret, 'the gateway');
  }

  /** What is awaited, for who asks why nothing came. */
  get awaits(): string {
    const { state } = this.connection ?? {};
    if (state?.awaits !== 'call') return state?.awaits ?? 'begin';
    return this.call ? 'nothing' : 'ICRP';
  }

  /** Undefined while the call isn't up. */
  get call(): CallIds | undefined {
    const [call] = this.connection?.calls ?? [];
    return call && this.idsOf(call.localSession);
  }

  /** A PPP frame to the gateway; without a call it goes nowhere. */
  sendPpp(frame: Bytes): void {
    const { call } = this;
    if (call) this.sendFrame(call.localSession, frame);
  }

  /** Dials; what there was before is forgotten without a word. */
  begin(now: Instant): void {
    const challenge = this.secret?.newChallenge();
    const { channel, localTunnel } = this.connect(0, { awaits: 'SCCRP', challenge }, L2TP_PORT, now);
    channel.send(0, encodeSccrq(localTunnel, { challenge }));
    this.flush(now);
  }

  /** Takes what an authentic UDP datagram from the gateway's port 1701 carried. Nothing that it can send makes it throw. */
  handleInput(bytes: Bytes, now: Instant): void {
    this.take(bytes, L2TP_PORT, now);
  }

  /** There is no other. */
  protected override handleHangUp(_call: Call, reason: string): void {
    this.end(reason);
  }

  protected override act(connection: LacConnection, message: ControlMessage, sessionId: number): boolean {
    switch (message.type) {
      case MessageType.SCCRP:
        this.#finishTunnel(connection, message);
        return true;
      case MessageType.ICRP:
        this.#finishCall(connection, message, sessionId);
        return true;
      default:
        return false;
    }
  }

  #finishTunnel(connection: LacConnection, message: ControlMessage): void {
    const { channel, state } = connection;
    if (state.awaits !== 'SCCRP') return this.drop('l2tp_unexpected');
    connection.peerTunnel = numberIn(message, AvpType.ASSIGNED_TUNNEL_ID) ?? 0;
    if (message.unknown) return this.refuseUnknown(connection, message);
    if (!speaksOurVersion(message)) {
      return this.refuse(connection, "the gateway's L2TP is of another version", StopResult.VERSION);
    }
    if (connection.peerTunnel === 0) {
      return this.refuse(connection, 'the gateway gives its tunnel no number', StopResult.GENERAL_ERROR);
    }
    const response = message.values.get(AvpType.CHALLENGE_RESPONSE);
    if (state.challenge && !this.secret!.proves(MessageType.SCCRP, state.challenge, response)) {
      return this.refuse(connection, "the gateway doesn't know the tunnel secret", StopResult.NOT_AUTHORIZED);
    }
    const asked = message.values.get(AvpType.CHALLENGE);
    if (asked && !this.secret) {
      return this.refuse(connection, 'the gateway asks for a tunnel secret; there is none', StopResult.NOT_AUTHORIZED);
    }
    const window = numberIn(message, AvpType.RECEIVE_WINDOW_SIZE);
    if (window !== undefined) channel.window = window;
    const call = { localSession: this.newId(), peerSession: 0, upBy: connection.heardAt + CALL_SETUP };
    connection.calls = [call];
    connection.state = { awaits: 'call' };
    channel.send(0, encodeScccn({ response: asked && this.secret!.respond(MessageType.SCCCN, asked) }));
    channel.send(0, encodeIcrq(call.localSession));
  }

  #finishCall(connection: LacConnection, message: ControlMessage, sessionId: number): void {
    const { channel } = connection;
    const call = this.callOf(sessionId);
    if (call?.upBy === undefined) return this.drop('l2tp_unexpected');
    const { localSession } = call;
    const peerSession = numberIn(message, AvpType.ASSIGNED_SESSION_ID) ?? 0;
    if (message.unknown || peerSession === 0) {
      const error = message.unknown ? ErrorCode.UNKNOWN_MANDATORY_AVP : ErrorCode.BAD_VALUE;
      channel.send(peerSession, encodeCdn(localSession, CallResult.GENERAL_ERROR, error));
      return this.end(message.unknown ? this.unknownText(message) : 'the gateway gives its call no number');
    }
    call.peerSession = peerSession;
    call.upBy = undefined;
    channel.send(peerSession, encodeIccn());
    this.tell({ type: 'call-up', session: localSession });
  }
}
