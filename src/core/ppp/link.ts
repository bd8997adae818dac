/**
 * The gateway's end of a PPP link: it asks for the user's proof, and gives an address.
 *
 *     awaits 'LCP' -> 'credentials' -> 'verdict' -> 'IPCP' -> 'nothing'
 */
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Instant, SECOND } from '../net/time.ts';
import type { ControlPacket } from '../wire/ppp.ts';
import { IpcpGiver, type PppGiven } from './ipcp.ts';
import type { PeerLink } from './lcp.ts';
import { LinkEnd, type LinkEvent, type PppCause } from './link-end.ts';
import { Login, type PppProof } from './login.ts';
import { AskedMethods, type PppMethod } from './methods.ts';

export type PppVerdict =
  /** `response`: what MS-CHAPv2 proves to the peer, "S=...". */
  | { readonly ok: true; readonly given: PppGiven; readonly response: string | undefined }
  | { readonly ok: false; readonly reason: string };

type GatewayLinkEvent =
  /** Check it, then call `answer`. */
  | { readonly type: 'authenticate'; readonly proof: PppProof }
  /** Packets may flow, framed as the peer takes them. */
  | { readonly type: 'up'; readonly peer: PeerLink };

export type PppEvent = LinkEvent | GatewayLinkEvent;

type LoginState =
  | { readonly awaits: 'credentials' | 'verdict'; readonly login: Login }
  /** Refused: it hangs up, or is hung up on. */
  | { readonly awaits: 'goodbye'; readonly until: Instant; readonly reason: string };

const GOODBYE = 3 * SECOND;

export class PppLink extends LinkEnd<LoginState, GatewayLinkEvent> {
  readonly #methods: AskedMethods;
  /** Kept for the verdict that may have to be said again. */
  #login: Login | undefined;

  /**
   * @param methods how the user may prove the password, the best first
   * @param lastTraffic when anything last came through the tunnel, 0 for never
   */
  constructor(crypto: CryptoProvider, methods: readonly PppMethod[], lastTraffic: () => Instant, now: Instant) {
    const asked = new AskedMethods(methods);
    super(crypto, 'the client', asked, lastTraffic, now);
    this.#methods = asked;
  }

  /** The verdict on the proof; nothing happens when none is awaited any more. */
  answer(verdict: PppVerdict, now: Instant): void {
    const { state } = this;
    if (state.awaits !== 'verdict') return;
    state.login.answer(verdict.ok, verdict.ok ? verdict.response : undefined);
    if (verdict.ok) this.beginIpcp(new IpcpGiver(verdict.given), now);
    else this.state = { awaits: 'goodbye', until: now + GOODBYE, reason: verdict.reason };
  }

  protected override beginProof(now: Instant): void {
    const send = (protocol: number, packet: ControlPacket) => this.send(protocol, packet);
    const login = new Login(this.crypto, this.#methods.method, this.nextIdentifier(), send, now);
    this.#login = login;
    this.state = { awaits: 'credentials', login };
  }

  /** What isn't asked for, or no longer, changes nothing: a Success that the peer says is none. */
  protected override handleProof(protocol: number, packet: ControlPacket): void {
    const { state } = this;
    if (state.awaits !== 'credentials') {
      if (!this.#login?.repeatVerdict(protocol, packet)) this.drop('ppp_unexpected');
      return;
    }
    const proof = state.login.handle(protocol, packet);
    if (!proof) return this.drop('ppp_unexpected');
    this.state = { awaits: 'verdict', login: state.login };
    this.tell({ type: 'authenticate', proof });
  }

  protected override proofDueAt(): Instant | undefined {
    const { state } = this;
    if (state.awaits === 'goodbye') return state.until;
    return state.awaits === 'credentials' ? state.login.pollTimeout() : undefined;
  }

  protected override handleProofTimeout(now: Instant): void {
    const { state } = this;
    if (state.awaits === 'goodbye') this.end('login', state.reason);
    else if (state.awaits === 'credentials' && !state.login.handleTimeout(now)) {
      this.hangUp('lost', 'no name and password came');
    }
  }

  protected override mayBeginAnew(): boolean {
    return this.state.awaits === 'credentials';
  }

  protected override handleAgreement(peer: PeerLink, isAnew: boolean): void {
    if (!isAnew) this.tell({ type: 'up', peer });
  }

  protected override hungUp(): readonly [PppCause, string] {
    return this.state.awaits === 'goodbye' ? ['login', this.state.reason] : super.hungUp();
  }
}
