/** The calls of a tunnel by L2TP: one is dialled by each carrier until one is answered. What they send leaves through the tunnel. */
import type { Bytes } from '../../bytes/bytes.ts';
import type { IpAddress } from '../../net/address.ts';
import { type Instant, SECOND } from '../../net/time.ts';
import { type CallEnding, type CallUp, ClientCall } from './call.ts';
import type { GivenConfiguration } from './configuration.ts';
import { CLIENT_SESSION, type ClientEvent, type ClientOptions } from './events.ts';
import type { Login } from './login.ts';
import { ANYBODY } from './pairs.ts';

/** How long the first answer may take where IKE passes on the same flow, and where nobody knows yet; and the whole call. */
const ANSWER_PATIENCE = 12 * SECOND;
const CARRIER_PATIENCE = 3.5 * SECOND;
const CALL_PATIENCE = 60 * SECOND;

export class TunnelCalls {
  readonly #options: ClientOptions;
  readonly #login: Login;
  readonly #emit: (event: ClientEvent) => void;
  #call: ClientCall | undefined;
  /** Until the gateway has answered the call at all, and until it is to be up. */
  #patience: { readonly answer: Instant; readonly call: Instant } | undefined;
  /** What the dataplane knows. */
  #bound: CallUp | undefined;

  constructor(options: ClientOptions, login: Login, emit: (event: ClientEvent) => void) {
    this.#options = options;
    this.#login = login;
    this.#emit = emit;
  }

  /** What the call brought; undefined while it isn't up. */
  get given(): GivenConfiguration | undefined {
    return this.#call?.up?.given;
  }

  get isHeard(): boolean {
    return this.#call?.isHeard ?? false;
  }

  get ending(): CallEnding | undefined {
    return this.#call?.ending;
  }

  /** When the call will have taken too long: see `isHeard` for what. Undefined: none was dialled. */
  get deadline(): Instant | undefined {
    return this.isHeard ? this.#patience?.call : this.#patience?.answer;
  }

  /** In place of the one before. @param passes IKE passes where the call goes */
  dial(gateway: IpAddress, passes: boolean, now: Instant): void {
    this.hangUp();
    this.#patience = { answer: now + (passes ? ANSWER_PATIENCE : CARRIER_PATIENCE), call: now + CALL_PATIENCE };
    const { crypto, lastTraffic, pppMethods: methods, tunnelSecret: secret } = this.#options;
    const { user = '', password = '', domain } = this.#login.current;
    const name = domain === undefined ? user : `${domain}\\${user}`;
    const common = { crypto, lastTraffic, methods, secret, gateway: [gateway], emit: this.#emit };
    this.#call = new ClientCall({ ...common, user: name, password }, now);
    this.#flush(this.#call);
  }

  handleInput(message: Bytes, now: Instant): void {
    this.#call?.handleInput(message, now);
    this.#flush(this.#call);
  }

  handleTimeout(now: Instant): void {
    if ((this.pollTimeout() ?? Number.POSITIVE_INFINITY) > now) return;
    this.#call?.handleTimeout(now);
    this.#flush(this.#call);
  }

  pollTimeout(): Instant | undefined {
    return this.#call?.pollTimeout();
  }

  /** Who has never answered knows nothing of it, and might take a good-bye for that of the next. */
  hangUp(): void {
    const call = this.#call;
    this.#call = undefined;
    if (!call?.isHeard) return;
    call.close();
    this.#flush(call);
  }

  #flush(call: ClientCall | undefined): void {
    for (let sent = call?.pollTransmit(); sent; sent = call?.pollTransmit()) {
      this.#emit({ type: 'send-l2tp', id: CLIENT_SESSION, ...sent });
    }
    if (!call?.up || call.up === this.#bound) return;
    this.#bound = call.up;
    this.#login.keep();
    this.#emit({ type: 'bind-call', id: CLIENT_SESSION, inner: ANYBODY, call: call.up.call });
  }
}
