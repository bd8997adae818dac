/**
 * One PPP link from the gateway's side: LCP, then the user's proof, then IPCP; and no other protocol.
 *
 *     awaits 'LCP' -> 'credentials' -> 'verdict' -> 'IPCP' -> 'nothing': packets may flow
 *
 * CCP, IPv6CP and whatever else there is are refused by Protocol-Reject: IPsec encrypts, and there is IPv4 inside.
 */
import { type Bytes, concat } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { fromUtf8, utf8 } from '../bytes/text.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Instant, MINUTE, SECOND } from '../net/time.ts';
import {
  ChapCode,
  Code,
  type ControlPacket,
  encodeChapValue,
  encodeControlPacket,
  encodePapMessage,
  encodePppFrame,
  PapCode,
  PppProtocol,
  parseChapValue,
  parseControlPacket,
  parseMsChapV2Response,
  parsePapRequest,
  parsePppFrame,
} from '../wire/ppp.ts';
import { IpcpRules, type PppGiven } from './ipcp.ts';
import { LcpRules, MRU, type PeerLink, type PppMethod } from './lcp.ts';
import type { MsChapV2Exchange } from './ms-chap-v2.ts';
import { Negotiation, type Outcome } from './negotiation.ts';

/** What a user shows; the name is without a Windows domain. */
export type PppProof =
  | { readonly method: 'pap'; readonly name: string; readonly password: string }
  | { readonly method: 'ms-chap-v2'; readonly name: string; readonly exchange: MsChapV2Exchange };

export type PppVerdict =
  /** `response`: what MS-CHAPv2 proves to the peer, "S=...". */
  | { readonly ok: true; readonly given: PppGiven; readonly response: string | undefined }
  | { readonly ok: false; readonly reason: string };

export type PppEvent =
  /** Check it, then call `answer`. */
  | { readonly type: 'authenticate'; readonly proof: PppProof }
  /** Packets may flow, framed as the peer takes them. */
  | { readonly type: 'up'; readonly peer: PeerLink }
  /** All is over. */
  | { readonly type: 'down'; readonly reason: string }
  | { readonly type: 'dropped'; readonly reason: PppDrop };

export type PppDrop = 'ppp_malformed' | 'ppp_unexpected';

type LinkState =
  | { readonly awaits: 'LCP' }
  | {
      readonly awaits: 'credentials';
      readonly challenge: Bytes | undefined;
      readonly sendings: number;
      readonly at: Instant;
    }
  | { readonly awaits: 'verdict'; readonly protocol: number; readonly identifier: number }
  | { readonly awaits: 'IPCP' | 'nothing' }
  /** Refused: it hangs up, or is hung up on. */
  | { readonly awaits: 'goodbye'; readonly until: Instant; readonly reason: string }
  | { readonly awaits: 'end' };

/** A link on which nothing came for so long is asked whether it is there, then again in haste. */
export const ECHO_INTERVAL = 2 * MINUTE;
const ECHO_WAIT = 10 * SECOND;
export const MAX_ECHOES = 5;
/** MS-CHAPv2's challenge, RFC 2759 section 3, and how often it is sent. */
const CHALLENGE_LENGTH = 16;
const CHALLENGE_WAIT = 3 * SECOND;
export const MAX_CHALLENGES = 10;
const GOODBYE = 3 * SECOND;
const OUR_NAME = utf8('sallyport');

export class PppLink {
  readonly #crypto: CryptoProvider;
  readonly #lastTraffic: () => Instant;
  readonly #lcpRules: LcpRules;
  readonly #lcp: Negotiation;
  readonly #frames: Bytes[] = [];
  readonly #events: PppEvent[] = [];
  #state: LinkState = { awaits: 'LCP' };
  #ipcp: Negotiation | undefined;
  /** What was said to the user's proof, for when that was lost. */
  #lastVerdict: { readonly protocol: number; readonly packet: ControlPacket } | undefined;
  #identifier = 0;
  #echoes = 0;
  #echoAt: Instant | undefined;

  /**
   * @param methods how the user may prove the password, the best first
   * @param lastTraffic when anything last came through the tunnel, 0 for never
   */
  constructor(crypto: CryptoProvider, methods: readonly PppMethod[], lastTraffic: () => Instant, now: Instant) {
    this.#crypto = crypto;
    this.#lastTraffic = lastTraffic;
    this.#lcpRules = new LcpRules(crypto, methods);
    this.#lcp = new Negotiation(this.#lcpRules, (packet) => this.#send(PppProtocol.LCP, packet));
    this.#lcp.begin(now);
  }

  get awaits(): string {
    return this.#state.awaits;
  }

  /** Takes a frame. Nothing that a peer can send makes it throw. */
  handleInput(frame: Bytes, now: Instant): void {
    if (this.#state.awaits === 'end') return;
    if (this.#echoes > 0 || this.#echoAt !== undefined) this.#awaitEcho(now);
    try {
      this.#handleFrame(frame, now);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#drop('ppp_malformed');
    }
  }

  handleTimeout(now: Instant): void {
    const due = (at: Instant | undefined) => at !== undefined && at <= now;
    const state = this.#state;
    if (due(this.#lcp.pollTimeout())) this.#conclude(this.#lcp.handleTimeout(now), 'LCP');
    if (due(this.#ipcp?.pollTimeout())) this.#conclude(this.#ipcp!.handleTimeout(now), 'IPCP');
    if (state.awaits === 'credentials' && due(state.at)) this.#challengeAgain(state, now);
    if (state.awaits === 'goodbye' && due(state.until)) this.#end(state.reason);
    if (due(this.#echoAt)) this.#echo(now);
  }

  pollTimeout(): Instant | undefined {
    const state = this.#state;
    if (state.awaits === 'end') return undefined;
    const own = state.awaits === 'credentials' ? state.at : state.awaits === 'goodbye' ? state.until : undefined;
    const all = [own, this.#lcp.pollTimeout(), this.#ipcp?.pollTimeout(), this.#echoAt];
    const set = all.filter((at) => at !== undefined);
    return set.length === 0 ? undefined : Math.min(...set);
  }

  /** The next frame for the peer. */
  pollTransmit(): Bytes | undefined {
    return this.#frames.shift();
  }

  pollEvent(): PppEvent | undefined {
    return this.#events.shift();
  }

  /** The verdict on the proof; nothing happens when none is awaited any more. */
  answer(verdict: PppVerdict, now: Instant): void {
    const state = this.#state;
    if (state.awaits !== 'verdict') return;
    this.#sayVerdict(state, verdict);
    if (!verdict.ok) {
      this.#state = { awaits: 'goodbye', until: now + GOODBYE, reason: verdict.reason };
      return;
    }
    this.#state = { awaits: 'IPCP' };
    this.#ipcp = new Negotiation(new IpcpRules(verdict.given), (packet) => this.#send(PppProtocol.IPCP, packet));
    this.#ipcp.begin(now);
  }

  /** Says good-bye, once. */
  close(): void {
    if (this.#state.awaits === 'end') return;
    this.#sendLcp(Code.TERMINATE_REQUEST, ++this.#identifier & 0xff, new Uint8Array(0));
    this.#stop();
  }

  #handleFrame(bytes: Bytes, now: Instant): void {
    const frame = parsePppFrame(bytes);
    if (frame.protocol === PppProtocol.LCP) return this.#handleLcp(parseControlPacket(frame.information), now);
    // section 3.4: before the link is established all else is discarded without a word
    if (!this.#lcp.opened) return this.#drop('ppp_unexpected');
    switch (frame.protocol) {
      case PppProtocol.PAP:
      case PppProtocol.CHAP:
        return this.#handleProof(frame.protocol, parseControlPacket(frame.information));
      case PppProtocol.IPCP:
        return this.#handleIpcp(parseControlPacket(frame.information), now);
      case PppProtocol.IPV4:
        return this.#drop('ppp_unexpected');
      default:
        if (this.#state.awaits !== 'IPCP' && this.#state.awaits !== 'nothing') return this.#drop('ppp_unexpected');
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
        return this.#conclude(this.#lcp.handle(packet, now), 'LCP', now);
      case Code.TERMINATE_REQUEST: {
        this.#sendLcp(Code.TERMINATE_ACK, identifier, new Uint8Array(0));
        const { awaits } = this.#state;
        return this.#end(this.#state.awaits === 'goodbye' ? this.#state.reason : hungUp(awaits));
      }
      case Code.ECHO_REQUEST:
        if (this.#lcp.opened)
          this.#sendLcp(Code.ECHO_REPLY, identifier, concat(this.#lcpRules.magic, data.subarray(4)));
        return;
      case Code.PROTOCOL_REJECT:
        return this.#handleProtocolReject(data);
      case Code.CODE_REJECT:
        return this.#end('it refuses what every PPP has (Code-Reject)');
      case Code.TERMINATE_ACK:
      case Code.ECHO_REPLY:
      case Code.DISCARD_REQUEST:
      case Code.IDENTIFICATION:
      case Code.TIME_REMAINING:
        return;
      default:
        return this.#sendLcp(Code.CODE_REJECT, ++this.#identifier & 0xff, rejected(encodeControlPacket(packet)));
    }
  }

  #handleProtocolReject(data: Bytes): void {
    const protocol = ((data[0] ?? 0) << 8) | (data[1] ?? 0);
    const needed: readonly number[] = [PppProtocol.LCP, PppProtocol.IPCP, PppProtocol.PAP, PppProtocol.CHAP];
    if (needed.includes(protocol)) this.#end(`it doesn't know protocol ${protocol.toString(16)}, which is needed`);
  }

  #handleIpcp(packet: ControlPacket, now: Instant): void {
    const ipcp = this.#ipcp;
    if (!ipcp || (this.#state.awaits !== 'IPCP' && this.#state.awaits !== 'nothing'))
      return this.#drop('ppp_unexpected');
    if (packet.code >= Code.CONFIGURE_REQUEST && packet.code <= Code.CONFIGURE_REJECT) {
      this.#conclude(ipcp.handle(packet, now), 'IPCP', now);
    } else if (packet.code === Code.TERMINATE_REQUEST) {
      this.#send(PppProtocol.IPCP, { ...packet, code: Code.TERMINATE_ACK, data: new Uint8Array(0) });
      this.#end('the client gave its address up (IPCP)');
    }
  }

  /** What a negotiation came to. */
  #conclude(outcome: Outcome | undefined, protocol: 'LCP' | 'IPCP', now: Instant = 0): void {
    if (outcome === undefined || outcome === 'nothing') return;
    if (typeof outcome === 'object') return this.#hangUp(`${protocol}: ${outcome.failed}`);
    if (protocol === 'LCP') {
      // whoever begins LCP anew is somebody else until the proof comes again; one proof is enough for one call
      if (outcome === 'reopened' || this.#state.awaits !== 'LCP') return this.#reopened(now);
      return this.#askProof(now);
    }
    if (outcome === 'opened' && this.#state.awaits === 'IPCP') {
      this.#state = { awaits: 'nothing' };
      this.#awaitEcho(now);
      this.#events.push({ type: 'up', peer: this.#lcpRules.peer });
    }
  }

  #reopened(now: Instant): void {
    const { awaits } = this.#state;
    if (awaits === 'LCP' || awaits === 'credentials') {
      this.#state = { awaits: 'LCP' };
      if (this.#lcp.opened) this.#askProof(now);
      return;
    }
    this.#hangUp('it began LCP anew after its login; let it dial again');
  }

  #askProof(now: Instant): void {
    const challenge = this.#lcpRules.method === 'pap' ? undefined : this.#crypto.random(CHALLENGE_LENGTH);
    this.#identifier = (this.#identifier + 1) & 0xff;
    this.#state = { awaits: 'credentials', challenge, sendings: 1, at: now + CHALLENGE_WAIT };
    if (challenge) this.#sendChallenge(challenge);
  }

  #challengeAgain(state: Extract<LinkState, { awaits: 'credentials' }>, now: Instant): void {
    if (state.sendings >= MAX_CHALLENGES) return this.#hangUp('no name and password came');
    this.#state = { ...state, sendings: state.sendings + 1, at: now + CHALLENGE_WAIT };
    if (state.challenge) this.#sendChallenge(state.challenge);
  }

  #sendChallenge(value: Bytes): void {
    const data = encodeChapValue({ value, name: OUR_NAME });
    this.#send(PppProtocol.CHAP, { code: ChapCode.CHALLENGE, identifier: this.#identifier, data });
  }

  /** What isn't asked for, or no longer, changes nothing: a Success that the peer says is none. */
  #handleProof(protocol: number, { code, identifier, data }: ControlPacket): void {
    const state = this.#state;
    const asks = protocol === PppProtocol.PAP ? PapCode.REQUEST : ChapCode.RESPONSE;
    if (code !== asks) return this.#drop('ppp_unexpected');
    if (state.awaits !== 'credentials') return this.#repeatVerdict(protocol, identifier);
    const { challenge } = state;
    const proof = protocol === PppProtocol.PAP ? this.#papProof(data) : this.#chapProof(identifier, data, challenge);
    if (!proof) return this.#drop('ppp_unexpected');
    this.#state = { awaits: 'verdict', protocol, identifier };
    this.#events.push({ type: 'authenticate', proof });
  }

  #papProof(data: Bytes): PppProof | undefined {
    if (this.#lcpRules.method !== 'pap') return undefined;
    const { name, password } = parsePapRequest(data);
    return { method: 'pap', name: withoutDomain(fromUtf8(name)), password: fromUtf8(password) };
  }

  #chapProof(identifier: number, data: Bytes, challenge: Bytes | undefined): PppProof | undefined {
    if (!challenge || identifier !== this.#identifier) return undefined;
    const { value, name: bytes } = parseChapValue(data);
    const { peerChallenge, ntResponse } = parseMsChapV2Response(value);
    const name = withoutDomain(fromUtf8(bytes));
    const exchange = {
      authenticatorChallenge: challenge,
      peerChallenge: peerChallenge.slice(),
      ntResponse: ntResponse.slice(),
      name,
    };
    return { method: 'ms-chap-v2', name, exchange };
  }

  #sayVerdict({ protocol, identifier }: Extract<LinkState, { awaits: 'verdict' }>, verdict: PppVerdict): void {
    const pap = protocol === PppProtocol.PAP;
    // section 6 of RFC 2759: error 691 is a wrong name or password, R=0 forbids another try under this link
    const said = verdict.ok
      ? `${verdict.response ?? ''} M=Welcome`
      : 'E=691 R=0 C=00000000000000000000000000000000 V=3 M=Wrong name or password';
    const packet = {
      code: pap ? (verdict.ok ? PapCode.ACK : PapCode.NAK) : verdict.ok ? ChapCode.SUCCESS : ChapCode.FAILURE,
      identifier,
      data: pap ? encodePapMessage(utf8(verdict.ok ? 'Welcome' : 'Wrong name or password')) : utf8(said),
    };
    this.#lastVerdict = { protocol, packet };
    this.#send(protocol, packet);
  }

  #repeatVerdict(protocol: number, identifier: number): void {
    const last = this.#lastVerdict;
    const wasLost = last?.protocol === protocol && last.packet.identifier === identifier;
    if (last && wasLost) this.#send(protocol, last.packet);
    else this.#drop('ppp_unexpected');
  }

  #rejectProtocol(protocol: number, information: Bytes): void {
    const data = rejected(concat(Uint8Array.of(protocol >> 8, protocol), information));
    this.#sendLcp(Code.PROTOCOL_REJECT, ++this.#identifier & 0xff, data);
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
    if (this.#echoes >= MAX_ECHOES) return this.#hangUp('it answers no more (LCP echo)');
    this.#echoes++;
    this.#echoAt = now + ECHO_WAIT;
    this.#sendLcp(Code.ECHO_REQUEST, ++this.#identifier & 0xff, this.#lcpRules.magic);
  }

  #hangUp(reason: string): void {
    this.close();
    this.#events.push({ type: 'down', reason });
  }

  #end(reason: string): void {
    this.#stop();
    this.#events.push({ type: 'down', reason });
  }

  #stop(): void {
    this.#state = { awaits: 'end' };
    this.#lcp.stop();
    this.#ipcp?.stop();
    this.#echoAt = undefined;
  }

  #sendLcp(code: number, identifier: number, data: Bytes): void {
    this.#send(PppProtocol.LCP, { code, identifier, data });
  }

  #send(protocol: number, packet: ControlPacket): void {
    this.#frames.push(encodePppFrame({ protocol, information: encodeControlPacket(packet) }));
  }

  #drop(reason: PppDrop): void {
    this.#events.push({ type: 'dropped', reason });
  }
}

function hungUp(awaits: string): string {
  return awaits === 'nothing' ? 'the client hung up' : `the client hung up while ${awaits} was awaited`;
}

/** "DOMAIN\name": the domain is Windows' own affair (RFC 2759 section 4). */
function withoutDomain(name: string): string {
  return name.slice(name.lastIndexOf('\\') + 1);
}

/** What is sent back to say that it isn't known: cut to what the peer surely takes (section 5.7). */
function rejected(bytes: Bytes): Bytes {
  return bytes.subarray(0, MRU - 100);
}
