/**
 * The client without its sockets: datagrams, timeouts and answers go in; datagrams and events come out.
 *
 * An entry (`entry.ts`) finds a way in and logs in, a tunnel (`tunnel.ts`) carries and looks after itself; here they follow each other:
 * gateway after gateway, and again with growing patience when a tunnel that stood is lost. After each call drain `pollTransmit` and
 * `pollEvent`, then arm one timer for `pollTimeout`.
 */
import { type Bytes, isZero } from '../../bytes/bytes.ts';
import { MalformedError } from '../../bytes/reader.ts';
import { toHex } from '../../bytes/text.ts';
import type { IkePath } from '../../carrier/ike-path.ts';
import type { EspPath } from '../../esp/sa.ts';
import { Ikev1Sa } from '../../ikev1/sa.ts';
import type { Ikev1Environment, Transmit } from '../../ikev1/types.ts';
import type { IpAddress } from '../../net/address.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../../net/time.ts';
import type { CarrierFailure } from '../../openings/missing.ts';
import { type IsakmpHeader, isPhase1, parseMessage } from '../../wire/isakmp.ts';
import { L2TP_PORT } from '../../wire/l2tp.ts';
import { newSpi } from '../spi.ts';
import { Attempt } from './attempt.ts';
import { type Entered, Entry, type EntryFailure, type EntryHost } from './entry.ts';
import {
  type ClientEvent,
  type ClientFailure,
  type ClientOptions,
  type Location,
  samePlace,
  type TunnelVitals,
} from './events.ts';
import { Gateways } from './gateways.ts';
import { clientEnvironments } from './ike-policy.ts';
import { Login } from './login.ts';
import type { FlowOutcome } from './race.ts';
import { Renewal } from './renewal.ts';
import { Tunnel } from './tunnel.ts';
import { carriersOf, type Way, waysTo } from './ways.ts';

/** Waits between attempts to come back: they double up to the longest. A change of network begins anew. */
const FIRST_RETRY = SECOND;
const LONGEST_RETRY = MINUTE;

type Stage =
  | { readonly awaits: 'nothing' }
  | { readonly awaits: 'location'; readonly requestId: number; readonly ways: readonly Way[] | undefined }
  | { readonly awaits: 'entry'; readonly entry: Entry; readonly location: Location }
  /** The tunnel stands, or seeks its way. */
  | { readonly awaits: 'loss'; readonly location: Location }
  | { readonly awaits: 'retry'; readonly at: Instant }
  | { readonly awaits: 'end' };

export class ClientState {
  readonly #options: ClientOptions;
  readonly #environments: Readonly<Record<Way, Ikev1Environment>>;
  readonly #login: Login;
  readonly #gateways: Gateways;
  /** By the initiator's cookie, which is ours. */
  readonly #sas = new Map<string, Ikev1Sa>();
  readonly #touched = new Set<Ikev1Sa>();
  readonly #transmits: Transmit[] = [];
  readonly #events: ClientEvent[] = [];
  #stage: Stage = { awaits: 'nothing' };
  #tunnel: Tunnel | undefined;
  readonly #renewal = new Renewal((now) => this.#newRenewal(now));
  /** The question where the gateway is from the network that we are in now; a new attempt asks anew, maybe for another gateway. */
  #relocating: number | undefined;
  /** Since when the tunnel stands, or stood; undefined: none ever did. */
  #upSince: Instant | undefined;
  #retry = FIRST_RETRY;
  /** At the gateway whose turn it is. */
  #attempt: Attempt;
  /** Addresses of the gateway whose turn it is at which it couldn't be entered. */
  #tried: readonly string[] = [];
  #lastAddress: IpAddress | undefined;
  /** A tunnel stood once: from then on what fails may work again. */
  #stood = false;
  #lastId = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#login = new Login(options);
    this.#gateways = new Gateways(options.gateways);
    this.#attempt = new Attempt(options);
    this.#environments = clientEnvironments(options, (saId, request) => {
      const sa = [...this.#sas.values()].find(({ id }) => id === saId);
      const tunnel = sa && this.#tunnel?.owns(sa) ? this.#tunnel : undefined;
      return tunnel ? tunnel.authorize(request) : { refused: 'no tunnel stands under this phase 1' };
    });
  }

  /** Begins. */
  connect(): void {
    if (this.#stage.awaits === 'nothing') this.#begin();
  }

  /** The answer to `locate`; `reason`: why there is none. */
  located(requestId: number, location: Location | { readonly reason: string }, now: Instant): void {
    const stage = this.#stage;
    if (this.#relocating === requestId) {
      this.#relocating = undefined;
      if ('gateway' in location) this.#relocated(location, now);
      else if (stage.awaits === 'loss') this.#tunnel?.loseNetwork();
    } else if (stage.awaits === 'location' && stage.requestId === requestId) {
      if ('reason' in location) this.#giveUp({ kind: 'silent', reason: location.reason }, now);
      else this.#enter(location, stage.ways ?? waysTo(this.#options.carriers, location.remembered), now);
    }
    this.#settle(now);
  }

  /** The host's addresses or routes are others now, or it woke from sleep. */
  handleNetworkChange(now: Instant): void {
    const stage = this.#stage;
    if (stage.awaits === 'loss' || stage.awaits === 'entry') {
      this.#relocating = ++this.#lastId;
      this.#askLocation(this.#relocating);
    } else if (stage.awaits === 'retry') {
      this.#retry = FIRST_RETRY;
      this.#begin();
    } else if (stage.awaits === 'location') {
      this.#locate(stage.ways);
    }
    this.#settle(now);
  }

  /** Takes an IKE message without its non-ESP marker. Nothing that a peer can send makes it throw. */
  handleDatagram(path: IkePath, datagram: Uint8Array, now: Instant): void {
    const header = readHeader(datagram);
    const sa = header && this.#sas.get(toHex(header.initiatorCookie));
    if (!sa) {
      this.#events.push({ type: 'dropped', reason: 'ike_unknown_cookies' });
      this.#tunnel?.hint(path.remote, now);
      const begins = header && isPhase1(header) && isZero(header.responderCookie);
      if (begins && this.#isFromGateway(path)) this.#renewAsAsked(now);
      return;
    }
    sa.handleInput(datagram, path, now);
    this.#entry?.heard(sa, now);
    this.#renewal.entry?.heard(sa, now);
    this.#touched.add(sa);
    this.#settle(now);
  }

  /** How the opening of a flow went, or that it has ended. */
  handleFlow(flowId: number, outcome: FlowOutcome, now: Instant): void {
    this.#entry?.handleFlow(flowId, outcome, now);
    this.#renewal.entry?.handleFlow(flowId, outcome, now);
    this.#tunnel?.handleFlow(flowId, outcome, now);
    this.#settle(now);
  }

  /** What the user typed, a text for each question; undefined: nothing, on purpose. */
  answer(requestId: number, answers: readonly string[] | undefined, now: Instant): void {
    this.#entry?.answer(requestId, answers, now);
    this.#renewal.entry?.answer(requestId, answers, now);
    this.#settle(now);
  }

  /** The gateway uses an inbound SA for the first time. */
  handleFirstPacket(inboundSpi: number, now: Instant): void {
    this.#tunnel?.handleFirstPacket(inboundSpi, now);
    this.#settle(now);
  }

  /** An L2TP message that came through the tunnel, from that UDP port. */
  handleL2tp(port: number, message: Bytes, now: Instant): void {
    // who is called answers from where it was called
    if (port === L2TP_PORT) this.#tunnel?.handleL2tp(message, now);
    else this.#events.push({ type: 'dropped', reason: 'l2tp_unexpected' });
    this.#settle(now);
  }

  /** The dataplane saw authentic packets come by another path. */
  handlePathChange(path: EspPath): void {
    this.#tunnel?.handlePathChange(path);
  }

  /** An outbound SA nears the end of its volume or sequence numbers. */
  handleRekeyNeeded(outboundSpi: number, now: Instant): void {
    this.#tunnel?.handleRekeyNeeded(outboundSpi, now);
    this.#settle(now);
  }

  handleTimeout(now: Instant): void {
    for (const sa of this.#sas.values()) {
      if ((sa.pollTimeout() ?? Number.POSITIVE_INFINITY) > now) continue;
      sa.handleTimeout(now);
      this.#touched.add(sa);
    }
    if (this.#stage.awaits === 'retry' && this.#stage.at <= now) this.#begin();
    this.#entry?.handleTimeout(now);
    this.#renewal.handleTimeout(now);
    this.#tunnel?.handleTimeout(now);
    this.#settle(now);
  }

  pollTimeout(): Instant | undefined {
    const retry = this.#stage.awaits === 'retry' ? this.#stage.at : undefined;
    const parts = [this.#entry, this.#renewal, this.#tunnel].map((part) => part?.pollTimeout());
    return earliest(retry, ...parts, ...[...this.#sas.values()].map((sa) => sa.pollTimeout()));
  }

  pollTransmit(): Transmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): ClientEvent | undefined {
    return this.#events.shift();
  }

  /** Undefined: no tunnel stands. */
  get vitals(): TunnelVitals | undefined {
    return this.#tunnel?.isUp ? this.#tunnel.vitals : undefined;
  }

  /** Asks the gateway whether it is there, though nothing says that it isn't. */
  ask(now: Instant): void {
    this.#tunnel?.ask(now);
    this.#settle(now);
  }

  /** An echo request through the tunnel, to whoever may answer behind the gateway; `round` numbers it. */
  sendEcho(round: number): void {
    this.#tunnel?.sendEcho(round);
  }

  /** Ends it, as the user wishes. */
  close(now: Instant): void {
    if (this.#stage.awaits === 'end') return;
    this.#stop('the user ended it');
    this.#stage = { awaits: 'end' };
    this.#settle(now);
    this.#events.push({ type: 'down', failure: undefined });
  }

  get #entry(): Entry | undefined {
    return this.#stage.awaits === 'entry' ? this.#stage.entry : undefined;
  }

  /** A new attempt at the gateway whose turn it is. */
  #begin(): void {
    this.#attempt = new Attempt(this.#options);
    this.#locate(undefined);
  }

  #locate(ways: readonly Way[] | undefined): void {
    const requestId = ++this.#lastId;
    this.#relocating = undefined;
    this.#stage = { awaits: 'location', requestId, ways };
    this.#askLocation(requestId);
  }

  #askLocation(requestId: number): void {
    this.#events.push({ type: 'locate', requestId, gateway: this.#gateways.current, tried: [...this.#tried] });
  }

  #relocated(location: Location, now: Instant): void {
    const stage = this.#stage;
    if (stage.awaits === 'loss') {
      this.#stage = { ...stage, location };
      this.#tunnel?.relocate(location, now);
    } else if (stage.awaits === 'entry' && !samePlace(stage.location, location)) {
      stage.entry.stop();
      this.#begin();
    }
  }

  #enter(location: Location, ways: readonly Way[], now: Instant): void {
    const entry = this.#newEntry(this.#host, location, ways, now);
    this.#stage = { awaits: 'entry', entry, location };
    entry.handleTimeout(now);
  }

  #newEntry(host: Omit<EntryHost, 'newRequestId'>, location: Location, ways: readonly Way[], now: Instant): Entry {
    const parts = { options: this.#options, location, ways, login: this.#login, wish: this.#lastAddress };
    return new Entry({ ...parts, host: { ...host, newRequestId: () => ++this.#lastId } }, now);
  }

  /** What entry and tunnel have done for them. */
  readonly #host = {
    emit: (event: ClientEvent): void => {
      this.#events.push(event);
    },
    began: (way: Way): void => {
      const carriers = carriersOf(way, this.#options.carriers, undefined);
      this.#events.push({ type: 'trying', gateway: this.#gateways.current, carriers });
    },
    touch: (sa: Ikev1Sa): void => {
      this.#touched.add(sa);
    },
    initiate: (way: Way, path: IkePath, now: Instant): Ikev1Sa => {
      const { exchange, identity } = this.#options;
      const intent = { ...this.#options.intent, identity: identity(path.local.address) };
      const sa = Ikev1Sa.initiate(++this.#lastId, this.#environments[way], exchange, intent, path, now);
      this.#sas.set(toHex(sa.initiatorCookie), sa);
      this.#touched.add(sa);
      return sa;
    },
    abandon: (sa: Ikev1Sa): void => {
      sa.close('not needed');
      this.#touched.add(sa);
    },
    openFlow: ({ local, remote }: IkePath): number => {
      const flowId = ++this.#lastId;
      this.#events.push({ type: 'open-flow', flowId, local: local.address, remote });
      return flowId;
    },
    closeFlow: (flowId: number): void => {
      this.#events.push({ type: 'close-flow', flowId });
    },
    newSpi: (isTaken: (spi: number) => boolean): number => newSpi(this.#options.crypto, isTaken),
    failures: (): CarrierFailure[] => this.#attempt.told(this.#tunnel),
  };

  /** Takes over what the SAs have to say, and lets what has ended be followed by what comes next. */
  #settle(now: Instant): void {
    do {
      for (const sa of this.#touched) {
        this.#touched.delete(sa);
        this.#drain(sa, now);
      }
      this.#followEntry(now);
      this.#followRenewal(now);
      this.#followTunnel(now);
    } while (this.#touched.size > 0);
  }

  #drain(sa: Ikev1Sa, now: Instant): void {
    for (let event = sa.pollEvent(); event; event = sa.pollEvent()) {
      if (event.type === 'dropped') {
        this.#events.push(event);
        continue;
      }
      if (event.type === 'rekey-due' && sa === this.#tunnel?.sa) this.#renewal.begin(now);
      const owner = [this.#entry, this.#renewal.entry, this.#tunnel].find((part) => part?.owns(sa));
      owner?.handleEvent(sa, event, now);
    }
    for (let out = sa.pollTransmit(); out; out = sa.pollTransmit()) this.#transmits.push(out);
    if (sa.ended) this.#sas.delete(toHex(sa.initiatorCookie));
  }

  #followEntry(now: Instant): void {
    if (this.#stage.awaits !== 'entry' || !this.#stage.entry.result) return;
    const { entry, location } = this.#stage;
    const { result } = entry;
    this.#attempt.learn(entry);
    if (!result || 'kind' in result) return this.#giveUp(result!, now);
    this.#stage = { awaits: 'loss', location };
    this.#raise(result, location, now);
  }

  #raise(entered: Entered, location: Location, now: Instant): void {
    this.#lastAddress = entered.given?.address;
    if (entered.given) this.#gateways.learn(entered.given.backupServers);
    const gateway = this.#gateways.current;
    const all = { host: this.#host, options: this.#options, gateway, location, entered, login: this.#login };
    this.#tunnel = new Tunnel(all, now);
  }

  #followTunnel(now: Instant): void {
    const tunnel = this.#tunnel;
    if (!tunnel) return;
    if (tunnel.isUp) {
      this.#stood = true;
      this.#tried = [];
      this.#upSince ??= now;
    }
    // a gateway may end the old phase 1 as soon as its successor is known
    if (!tunnel.ending || (tunnel.ending.kind === 'lost' && this.#renewal.entry)) return;
    const { kind, reason } = tunnel.ending;
    this.#attempt.ruleOut(tunnel);
    this.#dropTunnel(reason);
    if (kind === 'lost') return this.#comeBack(reason, now);
    const rest = kind === 'blocked' ? this.#attempt.waysLeft() : [];
    if (rest.length > 0) this.#locate(rest);
    else this.#giveUp({ ...tunnel.ending, kind }, now);
  }

  /**
   * Some gateways begin a phase 1 themselves when theirs nears its end, to a client that alone can log in: so it renews, but only where
   * nobody would be asked.
   */
  #renewAsAsked(now: Instant): void {
    if (this.#login.known.password !== undefined) this.#renewal.handleWish(now);
  }

  #isFromGateway({ remote }: IkePath): boolean {
    return this.#stage.awaits === 'loss' && remote.address.text === this.#stage.location.gateway.text;
  }

  #newRenewal(now: Instant): Entry | undefined {
    if (!this.#tunnel || this.#stage.awaits !== 'loss') return undefined;
    // no way is sought: the tunnel stands
    const host = { ...this.#host, began: () => undefined };
    return this.#newEntry(host, this.#stage.location, [this.#tunnel.way], now);
  }

  #followRenewal(now: Instant): void {
    const result = this.#renewal.pollResult(now);
    if (!result || !this.#tunnel || this.#stage.awaits !== 'loss') return;
    if ('kind' in result) {
      this.#events.push({ type: 'notice', text: `phase 1 could not be renewed: ${result.reason}` });
    } else if (result.given?.address.text === this.#tunnel.given?.address.text || !result.given) {
      this.#tunnel.renew(result, now);
    } else {
      this.#dropTunnel('the gateway gave another address');
      this.#raise(result, this.#stage.location, now);
    }
  }

  /** A tunnel that stood is to stand again. */
  #comeBack(reason: string, now: Instant): void {
    const stood = this.#upSince === undefined ? 0 : now - this.#upSince;
    if (stood >= LONGEST_RETRY) this.#retry = FIRST_RETRY;
    this.#upSince = undefined;
    this.#wait(reason, now);
  }

  #wait(reason: string, now: Instant): void {
    const at = now + this.#retry;
    this.#retry = Math.min(LONGEST_RETRY, this.#retry * 2);
    this.#gateways.beginRound();
    this.#tried = [];
    this.#stage = { awaits: 'retry', at };
    this.#events.push({ type: 'reconnecting', reason, at });
  }

  /** The gateway can't be entered: another may be; one that could be once may be again; a login that is wrong stays wrong. */
  #giveUp({ kind, reason, askNext }: EntryFailure, now: Instant): void {
    const failures = this.#attempt.failures(this.#tunnel);
    const gateway = this.#gateways.current;
    if (askNext) {
      this.#events.push({ type: 'notice', text: reason });
      return this.#begin();
    }
    if (kind !== 'login' && 'location' in this.#stage && this.#stage.location.hasMore) {
      const { text } = this.#stage.location.gateway;
      this.#tried = [...this.#tried, text];
      this.#events.push({ type: 'notice', text: `${gateway} at ${text}: ${reason}; now its next address` });
      return this.#begin();
    }
    this.#tried = [];
    if (kind !== 'login' && this.#gateways.next()) {
      const why = reason.includes(gateway) ? reason : `${gateway}: ${reason}`;
      this.#events.push({ type: 'notice', text: `${why}; now ${this.#gateways.current}` });
      return this.#begin();
    }
    if (kind !== 'login' && this.#stood) return this.#wait(reason, now);
    this.#stop(reason);
    this.#stage = { awaits: 'end' };
    this.#events.push({ type: 'down', failure: this.#failureOf(kind, reason, gateway, failures) });
  }

  #failureOf(
    kind: EntryFailure['kind'],
    reason: string,
    gateway: string,
    failures: readonly CarrierFailure[],
  ): ClientFailure {
    if (kind === 'blocked') return { kind, gateway, reason, failures };
    return { kind: kind === 'login' && this.#stood ? 'ended' : kind, reason };
  }

  #dropTunnel(reason: string): void {
    this.#tunnel?.close(reason);
    this.#tunnel = undefined;
    this.#renewal.stop();
  }

  #stop(reason: string): void {
    this.#entry?.stop();
    this.#dropTunnel(reason);
  }
}

/** Undefined: it is malformed. */
function readHeader(datagram: Uint8Array): IsakmpHeader | undefined {
  try {
    return parseMessage(datagram).header;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return undefined;
  }
}
