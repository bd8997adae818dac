/**
 * The dialling end of a PPP link: it proves the password, has the gateway prove it where the method lets it, and asks for an address.
 *
 *     awaits 'LCP' -> 'challenge' (CHAP) -> 'verdict' -> 'IPCP' -> 'nothing'
 */
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Instant } from '../net/time.ts';
import type { ControlPacket } from '../wire/ppp.ts';
import { IpcpTaker, type PppTaken } from './ipcp.ts';
import type { PeerLink } from './lcp.ts';
import { LinkEnd, type LinkEvent, type PppCause } from './link-end.ts';
import { KnownMethods, type PppMethod } from './methods.ts';
import { type Credentials, Proof } from './proof.ts';

/** Packets may flow, framed as the peer takes them. */
interface PppUp extends PppTaken {
  readonly type: 'up';
  readonly peer: PeerLink;
}

export type PppClientEvent = LinkEvent | PppUp;

interface ProofState {
  readonly awaits: 'challenge' | 'verdict';
}

export interface PppClientOptions extends Credentials {
  /** How the password may be proven, the best first. */
  readonly methods: readonly PppMethod[];
}

export class PppClient extends LinkEnd<ProofState, PppUp> {
  readonly #options: PppClientOptions;
  readonly #methods: KnownMethods;
  readonly #ipcp = new IpcpTaker();
  /** Kept: the gateway may ask again at any time (RFC 1994 section 2). */
  #proof: Proof | undefined;
  #up: PppTaken | undefined;

  /** @param lastTraffic when anything last came through the tunnel, 0 for never */
  constructor(crypto: CryptoProvider, options: PppClientOptions, lastTraffic: () => Instant, now: Instant) {
    const methods = new KnownMethods(options.methods);
    super(crypto, 'the gateway', methods, lastTraffic, now);
    this.#options = options;
    this.#methods = methods;
  }

  /** What login the gateway asked for in vain, in a sentence; undefined: none, or both came to agree. */
  get refusal(): string | undefined {
    const { refused } = this.#methods;
    if (this.state.awaits !== 'LCP' || !refused) return undefined;
    return `the gateway wants a login by ${refused}; what may be used is ${this.#options.methods.join(', ')}`;
  }

  /** Who doesn't ask who we are doesn't show, either, that it is the gateway that knows us. */
  protected override beginProof(now: Instant): void {
    const { method } = this.#methods;
    if (!method) return this.hangUp('refused', 'the gateway asks for no login; a gateway that knows its users does');
    const send = (protocol: number, packet: ControlPacket) => this.send(protocol, packet);
    this.#proof = new Proof(this.crypto, method, this.#options, send, now);
    this.state = { awaits: method === 'pap' ? 'verdict' : 'challenge' };
  }

  protected override handleProof(protocol: number, packet: ControlPacket, now: Instant): void {
    const outcome = this.#proof?.handle(protocol, packet, now);
    if (outcome === undefined) return this.drop('ppp_unexpected');
    if (typeof outcome === 'object') return this.hangUp(outcome.cause, outcome.reason);
    const isOn = this.state.awaits === 'IPCP' || this.state.awaits === 'nothing';
    if (isOn) return;
    if (outcome === 'accepted') this.beginIpcp(this.#ipcp, now);
    else this.state = { awaits: 'verdict' };
  }

  /** While LCP begins anew nothing is to be proven: what was agreed on is void. */
  protected override proofDueAt(): Instant | undefined {
    const { awaits } = this.state;
    return awaits === 'LCP' || awaits === 'end' ? undefined : this.#proof?.pollTimeout();
  }

  protected override handleProofTimeout(now: Instant): void {
    if (this.#proof!.handleTimeout(now)) return;
    this.hangUp('lost', `the gateway left the login unanswered (${this.awaits} was awaited)`);
  }

  /** The proof is given anew then, to the same peer. */
  protected override mayBeginAnew(): boolean {
    return this.state.awaits === 'challenge' || this.state.awaits === 'verdict';
  }

  protected override handleAgreement(peer: PeerLink): void {
    const { taken } = this.#ipcp;
    if (!taken) return this.hangUp('refused', 'IPCP: it gives no address');
    if (this.#up && this.#up.address.text !== taken.address.text) {
      return this.hangUp('lost', 'IPCP: it gave another address than before');
    }
    if (!this.#up) this.tell({ type: 'up', peer, ...taken });
    this.#up = taken;
  }

  /** Some gateways hang up instead of saying that the password is wrong, or that they know no common method. */
  protected override hungUp(): readonly [PppCause, string] {
    if (this.state.awaits === 'verdict') return ['login', 'the gateway hung up on the login without a word'];
    return this.refusal === undefined ? super.hungUp() : ['refused', this.refusal];
  }
}
