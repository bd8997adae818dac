/**
 * One PPP link from the gateway's side: LCP, then the user's proof, then IPCP; and no other protocol.
 *
 *     awaits 'LCP' -> 'credentials' -> 'verdict' -> 'IPCP' -> 'nothing': packets may flow
 *
 * CCP, IPv6CP and whatever else there is are refused by Protocol-Reject: IPsec encrypts, and there is IPv4 inside.
 */
import { type Bytes, concat } from '../bytes/bytes.ts';
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
import { IpcpRules, type PppGiven } from './ipcp.ts';
import { LcpRules, MRU, type PeerLink, type PppMethod } from './lcp.ts';
import { Login, type PppProof } from './login.ts';
import { Negotiation, type Outcome } from './negotiation.ts';

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
  | { readonly awaits: 'credentials' | 'verdict'; readonly login: Login }
  | { readonly awaits: 'IPCP' | 'nothing' }
  /** Refused: it hangs up, or is hung up on. */
  | { readonly awaits: 'goodbye'; readonly until: Instant; readonly reason: string }
  | { readonly awaits: 'end' };

/** A link on which nothing came for so long is asked whether it is there, then again in haste. */
export const ECHO_INTERVAL = 2 * MINUTE;
const ECHO_WAIT = 10 * SECOND;
export const MAX_ECHOES = 5;
const GOODBYE = 3 * SECOND;

export class PppLink {
  readonly #crypto: CryptoProvider;
  readonly #lastTraffic: () => Instant;
  readonly #lcpRules: LcpRules;
  readonly #lcp: Negotiation;
  readonly #frames: Bytes[] = [];
  readonly #events: PppEvent[] = [];
  #state: LinkState = { awaits: 'LCP' };
  #ipcp: Negotiation | undefined;
  /** Kept for the verdict that may have to be said again. */
  #login: Login | undefined;
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
    if (this.#echoAt !== undefined) this.#awaitEcho(now);
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
    if (state.awaits === 'credentials' && due(state.login.pollTimeout()) && !state.login.handleTimeout(now)) {
      this.#hangUp('no name and password came');
    }
    if (state.awaits === 'goodbye' && due(state.until)) this.#end(state.reason);
    if (due(this.#echoAt)) this.#echo(now);
  }

  pollTimeout(): Instant | undefined {
    const state = this.#state;
    if (state.awaits === 'end') return undefined;
    const goodbye = state.awaits === 'goodbye' ? state.until : undefined;
    const login = state.awaits === 'credentials' ? state.login.pollTimeout() : undefined;
    return earliest(goodbye, login, this.#lcp.pollTimeout(), this.#ipcp?.pollTimeout(), this.#echoAt);
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
    state.login.answer(verdict.ok, verdict.ok ? verdict.response : undefined);
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
    this.#identifier = (this.#identifier + 1) & 0xff;
    const send = (protocol: number, packet: ControlPacket) => this.#send(protocol, packet);
    const login = new Login(this.#crypto, this.#lcpRules.method, this.#identifier, send, now);
    this.#login = login;
    this.#state = { awaits: 'credentials', login };
  }

  /** What isn't asked for, or no longer, changes nothing: a Success that the peer says is none. */
  #handleProof(protocol: number, packet: ControlPacket): void {
    const state = this.#state;
    const login = this.#login;
    if (state.awaits !== 'credentials') {
      if (!login?.repeatVerdict(protocol, packet)) this.#drop('ppp_unexpected');
      return;
    }
    const proof = state.login.handle(protocol, packet);
    if (!proof) return this.#drop('ppp_unexpected');
    this.#state = { awaits: 'verdict', login: state.login };
    this.#events.push({ type: 'authenticate', proof });
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

/** What is sent back to say that it isn't known: cut to what the peer surely takes (section 5.7). */
function rejected(bytes: Bytes): Bytes {
  return bytes.subarray(0, MRU - 100);
}
