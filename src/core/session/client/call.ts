/**
 * L2TP's part of a tunnel: the call through transport mode, the user's login by PPP, and the address that comes of it. L2TP's
 * messages leave by the tunnel's session alone, and so in ESP or not at all.
 */
import type { Bytes } from '../../bytes/bytes.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { Lac, type LacEvent } from '../../l2tp/lac.ts';
import type { L2tpTransmit } from '../../l2tp/tunnel-end.ts';
import type { IpAddress } from '../../net/address.ts';
import { earliest, type Instant } from '../../net/time.ts';
import { PppClient, type PppClientEvent } from '../../ppp/client.ts';
import type { PppCause } from '../../ppp/link-end.ts';
import type { PppMethod } from '../../ppp/methods.ts';
import type { PppCall } from '../../wire/l2tp.ts';
import { type GivenConfiguration, takenByPpp } from './configuration.ts';
import type { ClientEvent } from './events.ts';

export interface CallOptions {
  readonly crypto: CryptoProvider;
  readonly user: string;
  readonly password: string;
  /** How the password may be proven; undefined: as the gateway asks. */
  readonly methods?: readonly PppMethod[] | undefined;
  /** Of the tunnel; undefined: there is none. */
  readonly secret: Bytes | undefined;
  /** At which addresses the gateway is dialled. */
  readonly gateway: readonly IpAddress[];
  readonly lastTraffic: () => Instant;
  readonly emit: (event: ClientEvent) => void;
}

/** What all is for. */
export interface CallUp {
  readonly given: GivenConfiguration;
  readonly call: PppCall;
  /** The gateway's address inside, if it told one. */
  readonly neighbour: IpAddress | undefined;
}

export interface CallEnding {
  readonly cause: PppCause;
  readonly reason: string;
}

/** The best first. The gateway asks for one, and what IPsec hides hides a password too. */
const METHODS: readonly PppMethod[] = ['ms-chap-v2', 'chap-md5', 'pap'];

type State =
  | { readonly awaits: 'call' }
  | { readonly awaits: 'address'; readonly link: PppClient }
  | { readonly awaits: 'nothing'; readonly link: PppClient; readonly up: CallUp }
  | { readonly awaits: 'end'; readonly ending: CallEnding };

export class ClientCall {
  readonly #options: CallOptions;
  readonly #lac: Lac;
  readonly #transmits: L2tpTransmit[] = [];
  #state: State = { awaits: 'call' };
  #isHeard = false;

  /** Dials. */
  constructor(options: CallOptions, now: Instant) {
    this.#options = options;
    this.#lac = new Lac(options.crypto, options.lastTraffic, options.secret);
    this.#lac.begin(now);
  }

  /** The gateway has answered through the pair that carries it. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  get up(): CallUp | undefined {
    return this.#state.awaits === 'nothing' ? this.#state.up : undefined;
  }

  get ending(): CallEnding | undefined {
    return this.#state.awaits === 'end' ? this.#state.ending : undefined;
  }

  /** An L2TP message that came through the tunnel. */
  handleInput(message: Bytes, now: Instant): void {
    this.#isHeard = true;
    this.#lac.handleInput(message, now);
    this.#settle(now);
  }

  handleTimeout(now: Instant): void {
    if ((this.#lac.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) this.#lac.handleTimeout(now);
    if ((this.#link?.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) this.#link!.handleTimeout(now);
    this.#settle(now);
  }

  pollTimeout(): Instant | undefined {
    if (this.#state.awaits === 'end') return undefined;
    return earliest(this.#lac.pollTimeout(), this.#link?.pollTimeout());
  }

  pollTransmit(): L2tpTransmit | undefined {
    return this.#transmits.shift() ?? this.#lac.pollTransmit();
  }

  /** Says good-bye, once. */
  close(): void {
    this.#end({ cause: 'lost', reason: 'ended by us' });
  }

  get #link(): PppClient | undefined {
    return 'link' in this.#state ? this.#state.link : undefined;
  }

  /** Carries what the engines have to say from the one to the other. */
  #settle(now: Instant): void {
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (let event = this.#lac.pollEvent(); event; event = this.#lac.pollEvent()) {
        quiet = false;
        this.#applyLac(event, now);
      }
      for (let event = this.#link?.pollEvent(); event; event = this.#link?.pollEvent()) {
        quiet = false;
        this.#applyLink(event);
      }
    }
    this.#passFrames(this.#link);
  }

  #passFrames(link: PppClient | undefined): void {
    for (let frame = link?.pollTransmit(); frame; frame = link?.pollTransmit()) this.#lac.sendPpp(frame);
    for (let sent = this.#lac.pollTransmit(); sent; sent = this.#lac.pollTransmit()) this.#transmits.push(sent);
  }

  #applyLac(event: LacEvent, now: Instant): void {
    switch (event.type) {
      case 'call-up': {
        const { crypto, user, password, methods: allowed, lastTraffic } = this.#options;
        const methods = METHODS.filter((method) => allowed?.includes(method) ?? true);
        const link = new PppClient(crypto, { user, password, methods }, lastTraffic, now);
        this.#state = { awaits: 'address', link };
        return;
      }
      case 'ppp':
        return this.#link?.handleInput(event.frame, now);
      case 'closed': {
        // some gateways end all of it instead of saying what they don't like, or that word comes later
        const cause = this.#state.awaits === 'nothing' ? 'lost' : 'refused';
        return this.#end({ cause, reason: this.#link?.refusal ?? event.reason });
      }
      case 'dropped':
        return this.#options.emit(event);
    }
  }

  #applyLink(event: PppClientEvent): void {
    switch (event.type) {
      case 'up':
        return this.#raise(event);
      case 'down':
        return this.#end({ cause: event.cause, reason: event.reason });
      case 'dropped':
        return this.#options.emit(event);
    }
  }

  #raise(taken: Extract<PppClientEvent, { type: 'up' }>): void {
    const link = this.#link;
    const ids = this.#lac.call;
    if (!link || !ids) return;
    const read = takenByPpp(taken, this.#options.gateway);
    if ('refused' in read) return this.#end({ cause: 'refused', reason: read.refused });
    for (const text of read.notices) this.#options.emit({ type: 'notice', text });
    const up = { given: read.given, call: { ...ids, ...taken.peer }, neighbour: taken.gateway };
    this.#state = { awaits: 'nothing', link, up };
  }

  #end(ending: CallEnding): void {
    const link = this.#link;
    if (this.#state.awaits === 'end') return;
    this.#state = { awaits: 'end', ending };
    link?.close();
    this.#passFrames(link);
    this.#lac.close();
    this.#passFrames(undefined);
  }
}
