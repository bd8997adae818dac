/**
 * One end of a PPP link, as gateway and client have it alike: LCP, then the user's proof, then IPCP; and no other protocol.
 *
 *     awaits 'LCP' -> what the proof needs -> 'IPCP' -> 'nothing': packets may flow
 *
 * CCP, IPv6CP and whatever else there is are refused by Protocol-Reject: IPsec encrypts, and there is IPv4 inside. Who asks for
 * the proof is in `link.ts`, who gives it in `client.ts`.
 */
import { type Bytes, concat, EMPTY, readU16, u16 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../net/time.ts';
import {
  Code,
  type ControlPacket,
  encodeControlPacket,
  encodePppFrame,
  PppProtocol,
  parseControlPacket,
  parsePppFrame,
} from '../wire/ppp.ts';
import { LcpRules, MRU, type PeerLink } from './lcp.ts';
import type { MethodRules } from './methods.ts';
import { Negotiation, type Outcome, type Rules } from './negotiation.ts';

/** What ended a link. */
export type PppCause =
  /** The user isn't let in with this name and password. */
  | 'login'
  /** The two ends can't agree: the same again would end the same. */
  | 'refused'
  /** Silence, or the peer hung up. */
  | 'lost';

export type LinkEvent =
  /** All is over. */
  | { readonly type: 'down'; readonly cause: PppCause; readonly reason: string }
  | { readonly type: 'dropped'; readonly reason: PppDrop };

export type PppDrop = 'ppp_malformed' | 'ppp_unexpected';

interface CommonState {
  readonly awaits: 'LCP' | 'IPCP' | 'nothing' | 'end';
}

/** A link on which nothing came for so long is asked whether it is there, then again in haste. */
export const ECHO_INTERVAL = 2 * MINUTE;
const ECHO_WAIT = 10 * SECOND;
export const MAX_ECHOES = 5;

/** `Own`: states between LCP and IPCP; `More`: what it tells besides. */
export abstract class LinkEnd<Own extends { readonly awaits: string }, More> {
  protected readonly crypto: CryptoProvider;
  protected state: Own | CommonState = { awaits: 'LCP' };
  readonly #lastTraffic: () => Instant;
  /** What the peer is called in reasons. */
  readonly #peer: string;
  readonly #lcpRules: LcpRules;
  readonly #lcp: Negotiation;
  readonly #frames: Bytes[] = [];
  readonly #events: (LinkEvent | More)[] = [];
  #ipcp: Negotiation | undefined;
  #identifier = 0;
  #echoes = 0;
  #echoAt: Instant | undefined;

  /** @param lastTraffic when anything last came through the tunnel, 0 for never */
  constructor(crypto: CryptoProvider, peer: string, methods: MethodRules, lastTraffic: () => Instant, now: Instant) {
    this.crypto = crypto;
    this.#peer = peer;
    this.#lastTraffic = lastTraffic;
    this.#lcpRules = new LcpRules(crypto, methods);
    this.#lcp = new Negotiation(this.#lcpRules, (packet) => this.send(PppProtocol.LCP, packet));
    this.#lcp.begin(now);
  }

  get awaits(): string {
    return this.state.awaits;
  }

  /** Takes a frame. Nothing that a peer can send makes it throw. */
  handleInput(frame: Bytes, now: Instant): void {
    if (this.state.awaits === 'end') return;
    if (this.#echoAt !== undefined) this.#awaitEcho(now);
    try {
      this.#handleFrame(frame, now);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.drop('ppp_malformed');
    }
  }

  handleTimeout(now: Instant): void {
    const due = (at: Instant | undefined) => at !== undefined && at <= now;
    if (due(this.#lcp.pollTimeout())) this.#conclude(this.#lcp.handleTimeout(now), 'LCP', 'lost', now);
    if (due(this.#ipcp?.pollTimeout())) this.#conclude(this.#ipcp!.handleTimeout(now), 'IPCP', 'lost', now);
    if (due(this.proofDueAt())) this.handleProofTimeout(now);
    if (due(this.#echoAt)) this.#echo(now);
  }

  pollTimeout(): Instant | undefined {
    if (this.state.awaits === 'end') return undefined;
    return earliest(this.proofDueAt(), this.#lcp.pollTimeout(), this.#ipcp?.pollTimeout(), this.#echoAt);
  }

  /** The next frame for the peer. */
  pollTransmit(): Bytes | undefined {
    return this.#frames.shift();
  }

  pollEvent(): LinkEvent | More | undefined {
    return this.#events.shift();
  }

  /** Says good-bye, once. */
  close(): void {
    if (this.state.awaits === 'end') return;
    this.#sendLcp(Code.TERMINATE_REQUEST, this.nextIdentifier(), EMPTY);
    this.#stop();
  }

  /** LCP is agreed on: the proof begins. */
  protected abstract beginProof(now: Instant): void;
  protected abstract handleProof(protocol: number, packet: ControlPacket, now: Instant): void;
  protected abstract proofDueAt(): Instant | undefined;
  protected abstract handleProofTimeout(now: Instant): void;
  /** Whether LCP may begin anew without leaving a user behind whom somebody else could pass for. */
  protected abstract mayBeginAnew(): boolean;
  /** IPCP is agreed on; `isAnew`: once more. */
  protected abstract handleAgreement(peer: PeerLink, isAnew: boolean): void;

  /** What it means that the peer hangs up now. */
  protected hungUp(): readonly [PppCause, string] {
    const { awaits } = this.state;
    return ['lost', `${this.#peer} hung up${awaits === 'nothing' ? '' : ` while ${awaits} was awaited`}`];
  }

  protected beginIpcp(rules: Rules, now: Instant): void {
    this.state = { awaits: 'IPCP' };
    this.#ipcp = new Negotiation(rules, (packet) => this.send(PppProtocol.IPCP, packet));
    this.#ipcp.begin(now);
  }

  protected hangUp(cause: PppCause, reason: string): void {
    this.close();
    this.tell({ type: 'down', cause, reason });
  }

  protected end(cause: PppCause, reason: string): void {
    this.#stop();
    this.tell({ type: 'down', cause, reason });
  }

  protected tell(event: LinkEvent | More): void {
    this.#events.push(event);
  }

  protected drop(reason: PppDrop): void {
    this.tell({ type: 'dropped', reason });
  }

  protected nextIdentifier(): number {
    this.#identifier = (this.#identifier + 1) & 0xff;
    return this.#identifier;
  }

  protected send(protocol: number, packet: ControlPacket): void {
    this.#frames.push(encodePppFrame({ protocol, information: encodeControlPacket(packet) }));
  }

  #handleFrame(bytes: Bytes, now: Instant): void {
    const frame = parsePppFrame(bytes);
    if (frame.protocol === PppProtocol.LCP) return this.#handleLcp(parseControlPacket(frame.information), now);
    // section 3.4: before the link is established all else is discarded without a word
    if (!this.#lcp.opened) return this.drop('ppp_unexpected');
    switch (frame.protocol) {
      case PppProtocol.PAP:
      case PppProtocol.CHAP:
        return this.handleProof(frame.protocol, parseControlPacket(frame.information), now);
      case PppProtocol.IPCP:
        return this.#handleIpcp(parseControlPacket(frame.information), now);
      case PppProtocol.IPV4:
        return this.drop('ppp_unexpected');
      default:
        if (!this.#hasNetwork()) return this.drop('ppp_unexpected');
        return this.#rejectProtocol(frame.protocol, frame.information);
    }
  }

  #handleLcp(packet: ControlPacket, now: Instant): void {
    const { code, identifier, data } = packet;
    switch (code) {
      case Code.CONFIGURE_REQUEST:
      case Code.CONFIGURE_ACK:
      case Code.CONFIGURE_NAK:
      case Code.CONFIGURE_REJECT:
        return this.#conclude(this.#lcp.handle(packet, now), 'LCP', 'refused', now);
      case Code.TERMINATE_REQUEST:
        this.#sendLcp(Code.TERMINATE_ACK, identifier, EMPTY);
        return this.end(...this.hungUp());
      case Code.ECHO_REQUEST:
        if (this.#lcp.opened)
          this.#sendLcp(Code.ECHO_REPLY, identifier, concat(this.#lcpRules.magic, data.subarray(4)));
        return;
      case Code.PROTOCOL_REJECT:
        return this.#handleProtocolReject(data);
      case Code.CODE_REJECT:
        return this.end('refused', 'it refuses what every PPP has (Code-Reject)');
      case Code.TERMINATE_ACK:
      case Code.ECHO_REPLY:
      case Code.DISCARD_REQUEST:
      case Code.IDENTIFICATION:
      case Code.TIME_REMAINING:
        return;
      default:
        return this.#sendLcp(Code.CODE_REJECT, this.nextIdentifier(), rejected(encodeControlPacket(packet)));
    }
  }

  #handleProtocolReject(data: Bytes): void {
    const protocol = readU16(data);
    const needed: readonly number[] = [PppProtocol.LCP, PppProtocol.IPCP, PppProtocol.PAP, PppProtocol.CHAP];
    if (!needed.includes(protocol)) return;
    this.end('refused', `it doesn't know protocol ${protocol.toString(16)}, which is needed`);
  }

  #handleIpcp(packet: ControlPacket, now: Instant): void {
    const ipcp = this.#ipcp;
    if (!ipcp || !this.#hasNetwork()) return this.drop('ppp_unexpected');
    if (packet.code >= Code.CONFIGURE_REQUEST && packet.code <= Code.CONFIGURE_REJECT) {
      this.#conclude(ipcp.handle(packet, now), 'IPCP', 'refused', now);
    } else if (packet.code === Code.TERMINATE_REQUEST) {
      this.send(PppProtocol.IPCP, { ...packet, code: Code.TERMINATE_ACK, data: EMPTY });
      this.end('lost', `${this.#peer} gave the address up (IPCP)`);
    }
  }

  /** What a negotiation came to; `cause`: if it failed. */
  #conclude(outcome: Outcome | undefined, protocol: 'LCP' | 'IPCP', cause: PppCause, now: Instant): void {
    if (outcome === undefined || outcome === 'nothing') return;
    if (typeof outcome === 'object') return this.hangUp(cause, `${protocol}: ${outcome.failed}`);
    if (protocol === 'IPCP') {
      if (outcome === 'opened') this.#handleAgreement(now);
      return;
    }
    // whoever begins LCP anew is somebody else until the proof comes again; one proof is enough for one call
    if (this.state.awaits !== 'LCP' && !this.mayBeginAnew()) {
      return this.hangUp('lost', 'it began LCP anew after its login; let it dial again');
    }
    this.state = { awaits: 'LCP' };
    if (this.#lcp.opened) this.beginProof(now);
  }

  #handleAgreement(now: Instant): void {
    const isAnew = this.state.awaits === 'nothing';
    this.state = { awaits: 'nothing' };
    this.#awaitEcho(now);
    this.handleAgreement(this.#lcpRules.peer, isAnew);
  }

  #hasNetwork(): boolean {
    return this.state.awaits === 'IPCP' || this.state.awaits === 'nothing';
  }

  #rejectProtocol(protocol: number, information: Bytes): void {
    const data = rejected(concat(u16(protocol), information));
    this.#sendLcp(Code.PROTOCOL_REJECT, this.nextIdentifier(), data);
  }

  /** Anything that comes is a sign of life. */
  #awaitEcho(now: Instant): void {
    this.#echoes = 0;
    this.#echoAt = now + ECHO_INTERVAL;
  }

  #echo(now: Instant): void {
    const silentUntil = this.#lastTraffic() + ECHO_INTERVAL;
    if (this.#echoes === 0 && silentUntil > now) {
      this.#echoAt = silentUntil;
      return;
    }
    if (this.#echoes >= MAX_ECHOES) return this.hangUp('lost', 'it answers no more (LCP echo)');
    this.#echoes++;
    this.#echoAt = now + ECHO_WAIT;
    this.#sendLcp(Code.ECHO_REQUEST, this.nextIdentifier(), this.#lcpRules.magic);
  }

  #stop(): void {
    this.state = { awaits: 'end' };
    this.#lcp.stop();
    this.#ipcp?.stop();
    this.#echoAt = undefined;
  }

  #sendLcp(code: number, identifier: number, data: Bytes): void {
    this.send(PppProtocol.LCP, { code, identifier, data });
  }
}

/** What is sent back to say that it isn't known: cut to what the peer surely takes (section 5.7). */
function rejected(bytes: Bytes): Bytes {
  return bytes.subarray(0, MRU - 100);
}
