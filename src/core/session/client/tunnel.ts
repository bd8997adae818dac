/**
 * The tunnel of a client that is in: the carrier that its ESP goes by and the proof that it carries, signs of life, and the way round
 * when the carrier dies. What each stage does is in files of their own (`pairs.ts`, `proof.ts`, `tunnel-calls.ts`, `detour.ts`,
 * `liveness.ts`, `mending.ts`); here is which follows which.
 *
 * Long because almost any stage may follow any other: apart, each would have to know all others.
 */
import type { Bytes } from '../../bytes/bytes.ts';
import { suiteName } from '../../crypto/algorithms.ts';
import { type EspCarrier, type EspPath, goesWithIke } from '../../esp/sa.ts';
import { phase1SuiteName } from '../../ikev1/phase1-proposal.ts';
import type { Ikev1Sa } from '../../ikev1/sa.ts';
import { hostSelector, type Selector } from '../../ikev1/selector.ts';
import type { Ikev1Event, Phase2Grant, Phase2Request } from '../../ikev1/types.ts';
import type { Endpoint, IpAddress } from '../../net/address.ts';
import { earliest, type Instant, SECOND } from '../../net/time.ts';
import type { CarrierFailure, Trial } from '../../openings/missing.ts';
import type { Carrier } from '../../openings/openings.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { L2TP_PORT } from '../../wire/l2tp.ts';
import type { CallEnding } from './call.ts';
import type { GivenConfiguration } from './configuration.ts';
import { Detour, type DetourHost } from './detour.ts';
import type { Entered, EntryFailure } from './entry.ts';
import {
  CLIENT_SESSION,
  type ClientOptions,
  type Location,
  samePlace,
  type TunnelUp,
  type TunnelVitals,
} from './events.ts';
import { Liveness } from './liveness.ts';
import type { Login } from './login.ts';
import { Mending } from './mending.ts';
import { Pairs, type PairsHost } from './pairs.ts';
import { Passage } from './passage.ts';
import { answersEcho, echoRequests, Proof } from './proof.ts';
import type { FlowOutcome } from './race.ts';
import { MAX_SELECTORS, Reach } from './reach.ts';
import { TunnelCalls } from './tunnel-calls.ts';
import type { Way } from './ways.ts';

/** How long the gateway may take to answer a quick mode that there is no tunnel without: two repeats fit in. */
const QUICK_MODE_PATIENCE = 12 * SECOND;

export interface TunnelHost extends DetourHost, PairsHost {
  /** What stood in the way of the other carriers. */
  failures(): readonly CarrierFailure[];
}

type Stage =
  | { readonly awaits: 'quick mode'; readonly until: Instant }
  /** An answer through the carrier in use; if none comes, one of `rest` is tried. */
  | { readonly awaits: 'proof'; readonly proof: Proof; readonly rest: readonly EspCarrier[] }
  /** L2TP: the gateway's first answer to the call through the carrier in use, or the end of one that it has answered. */
  | { readonly awaits: 'call'; readonly rest: readonly EspCarrier[] }
  | { readonly awaits: 'way'; readonly detour: Detour }
  /** We are nowhere; the gateway may still know us when we are back. */
  | { readonly awaits: 'network' }
  | { readonly awaits: 'nothing' }
  | { readonly awaits: 'end'; readonly ending: TunnelEnding };

/**
 * `lost`: it worked, and the gateway is gone. `blocked`: no carrier that this phase 1 leads to carries. `refused`: the gateway
 * wants no such tunnel. `login`: nor this user. `silent`: it says nothing about it.
 */
export interface TunnelEnding extends Pick<EntryFailure, 'askNext'> {
  readonly kind: 'lost' | EntryFailure['kind'];
  readonly reason: string;
}

export interface TunnelOptions {
  readonly host: TunnelHost;
  readonly options: ClientOptions;
  /** As the profile names it. */
  readonly gateway: string;
  readonly location: Location;
  readonly entered: Entered;
  readonly login: Login;
}

export class Tunnel {
  readonly #host: TunnelHost;
  readonly #options: ClientOptions;
  readonly #gateway: string;
  readonly #pairs: Pairs;
  readonly #liveness: Liveness;
  readonly #passage: Passage;
  #sa: Ikev1Sa;
  /** Renewed, and kept with its flow until a pair stands under its successor. */
  #old: { readonly sa: Ikev1Sa; readonly flowId: number | undefined } | undefined;
  readonly #login: Login;
  /** By Mode-Config; undefined: the call brings it. */
  #configured: GivenConfiguration | undefined;
  /** With L2TP, once a pair can carry them. */
  readonly #calls: TunnelCalls;
  /** Our end of the pairs. */
  readonly #local: Selector;
  readonly #reach: Reach;
  #stage: Stage;
  /** An answer came through at least once. */
  #proven = false;
  /** Why another way was sought the last time. */
  #why = '';
  readonly #mending = new Mending();
  /** The carrier when it was told last; undefined: it never was up. */
  #announced: EspCarrier | undefined;

  /** Begins the first quick mode. */
  constructor({ host, options, gateway, location, entered, login }: TunnelOptions, now: Instant) {
    this.#host = host;
    this.#options = options;
    this.#gateway = gateway;
    this.#pairs = new Pairs(host, options);
    this.#liveness = new Liveness(options.idle, now);
    this.#passage = new Passage(options, location, entered.winner);
    this.#sa = entered.winner.sa;
    this.#login = login;
    this.#calls = new TunnelCalls(options, login, host.emit);
    this.#configured = entered.given;
    this.#local = entered.given ? hostSelector(entered.given.address) : callSelector(location.local);
    this.#reach = new Reach(options, entered.given ? undefined : callSelector(location.gateway));
    this.#stage = { awaits: 'quick mode', until: now + QUICK_MODE_PATIENCE };
    this.#beginPairs(now);
  }

  get ending(): TunnelEnding | undefined {
    return this.#stage.awaits === 'end' ? this.#stage.ending : undefined;
  }

  get isUp(): boolean {
    return this.#stage.awaits === 'nothing';
  }

  get sa(): Ikev1Sa {
    return this.#sa;
  }

  get way(): Way {
    return this.#passage.way;
  }

  /** What was seen of openings. */
  get trials(): readonly Trial[] {
    return this.#passage.trials;
  }

  get notOffered(): readonly Carrier[] {
    return this.#passage.notOffered(this.#configured?.ciscoUdpPort);
  }

  /** Undefined until L2TP's call has brought it. */
  get given(): GivenConfiguration | undefined {
    return this.#configured ?? this.#calls.given;
  }

  owns(sa: Ikev1Sa): boolean {
    return sa === this.#sa || sa === this.#old?.sa;
  }

  describe(): TunnelUp {
    const { path, current } = this.#pairs;
    const given = this.given!;
    return {
      carrier: this.#carrier,
      gateway: this.#gateway,
      remote: path?.remote ?? this.#sa.path.remote,
      given,
      routes: this.#reach.carried(given, this.#gatewayAddress),
      phase1: phase1Of(this.#sa),
      esp: current ? suiteName(current.suite.esp) : '',
    };
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'esp-prepared':
        return this.#pairs.prepare(event.pair, this.#pathBy(this.#carriers[0] ?? 'esp'), now);
      case 'esp-established':
        if (this.#pairs.establish(event.pair, now) && this.isUp) {
          const { suite, initiatedBy: begunBy } = event.pair;
          this.#host.emit({ type: 'rekeyed', phase: 2, suite: suiteName(suite.esp), begunBy });
        }
        return this.#pairStands(now);
      case 'esp-abandoned':
        this.#pairs.abandon(event.inboundSpi, event.replaces, now);
        if (event.replaces === undefined) this.#pairRefused('refused', event.reason, now);
        return;
      case 'esp-refused':
        return this.#host.emit({ type: 'notice', text: `quick mode: ${event.reason}` });
      case 'esp-deleted':
        this.#pairs.deleted(event.spis, now);
        return this.#checkCover(now);
      case 'peer-asked':
        if (sa === this.#sa) this.#host.emit({ type: 'liveness', what: 'was asked' });
        return;
      case 'path-answered':
        this.#host.emit({ type: 'liveness', what: 'answered' });
        return this.#pathAnswered(event.path, now);
      case 'ended':
        // before it stood, the same again would end the same
        if (sa === this.#sa) this.#end(this.#announced ? 'lost' : 'refused', `${event.reason}: ${event.detail}`);
        return;
      case 'failed':
        return this.#host.emit({ type: 'notice', text: `${event.step}: ${event.reason}` });
      default:
        return;
    }
  }

  handleFlow(flowId: number, outcome: FlowOutcome, now: Instant): void {
    if (this.#stage.awaits === 'way') {
      this.#stage.detour.handleFlow(flowId, outcome, now);
      this.#followDetour(now);
    } else if (flowId === this.#passage.flowId && 'failed' in outcome && this.#stage.awaits !== 'network') {
      this.#seekWay(`the cTCP connection ended (${outcome.failed})`, now);
    }
  }

  /** An L2TP message from the gateway that is no packet. */
  handleL2tp(message: Bytes, now: Instant): void {
    this.#calls.handleInput(message, now);
    this.#followCall(now);
  }

  /** The gateway sends on a pair for the first time. */
  handleFirstPacket(inboundSpi: number, now: Instant): void {
    this.#pairs.handleFirstPacket(inboundSpi, now);
    if (this.#stage.awaits === 'proof') this.#settle();
  }

  /** The gateway's packets come by another path, and ours go there. */
  handlePathChange(path: EspPath): void {
    this.#pairs.moved(path);
  }

  handleRekeyNeeded(outboundSpi: number, now: Instant): void {
    this.#pairs.handleRekeyNeeded(this.#sa, outboundSpi, now);
  }

  authorize(request: Phase2Request): Phase2Grant | { readonly refused: string } {
    return this.#pairs.authorize(this.#sa, request, { local: this.#local, remotes: this.#reach.selectors });
  }

  /** A renewed phase 1 takes over, and gets pairs of its own. */
  renew({ winner, given }: Entered, now: Instant): void {
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#closeOld();
    this.#old = { sa: this.#sa, flowId: this.#passage.flowId };
    this.#sa = winner.sa;
    this.#passage.enter(winner);
    this.#configured = given;
    this.#beginPairs(now);
    this.#host.emit({ type: 'rekeyed', phase: 1, suite: phase1Of(winner.sa), begunBy: 'us' });
  }

  /**
   * The gateway's address sent something under no SA of ours: after its restart that is how it says that it knows our ESP no more.
   * Anybody can send that, so it is a reason to ask and no more.
   */
  hint(from: Endpoint, now: Instant): void {
    if (this.isUp && from.address.text === this.#gatewayAddress.text) this.#liveness.doubt(now);
  }

  /** For who watches the tunnel: asks the gateway whether it is there, at the next timeout. */
  ask(now: Instant): void {
    if (this.isUp && this.#canAsk) this.#liveness.demand(now);
  }

  /** For who watches the tunnel: a gateway that answers echo requests shows that data passes. */
  sendEcho(round: number): void {
    if (this.isUp && this.given) this.#sendEchoes(this.#reach.neighbours(this.given, this.#gatewayAddress), round);
  }

  get vitals(): TunnelVitals {
    const { nat } = this.#sa.established ?? {};
    return {
      phase1EndsAt: this.#sa.expiresAt,
      espLifetime: this.#pairs.current?.lifetime,
      answersDpd: this.#canAsk,
      isBehindNat: nat?.isTrue ?? nat?.local === true,
    };
  }

  /** We are in another network, or the same after sleep: whatever way leads to the gateway from here. */
  relocate(location: Location, now: Instant): void {
    const same = samePlace(this.#passage.location, location);
    this.#passage.location = location;
    if (same && this.isUp) this.#liveness.doubt(now);
    else if (same && this.#stage.awaits === 'quick mode') return;
    else this.#seekWay('the network changed', now, true);
  }

  /** No way leads anywhere from here. */
  loseNetwork(): void {
    if (this.#stage.awaits === 'end') return;
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#stage = { awaits: 'network' };
  }

  handleTimeout(now: Instant): void {
    this.#pairs.handleTimeout(this.#sa, now);
    // in no network nobody could answer
    if (this.#stage.awaits !== 'network') {
      this.#calls.handleTimeout(now);
      this.#followCall(now);
    }
    const stage = this.#stage;
    if (stage.awaits === 'proof') this.#prove(stage, now);
    else if (stage.awaits === 'call') this.#checkCall(stage.rest, now);
    else if (stage.awaits === 'quick mode') this.#checkQuickMode(stage.until, now);
    else if (stage.awaits === 'nothing') {
      this.#checkCover(now);
      this.#checkLife(now);
    } else if (stage.awaits === 'way') {
      stage.detour.handleTimeout(now);
      this.#host.touch(this.#sa);
      this.#followDetour(now);
    }
  }

  pollTimeout(): Instant | undefined {
    const stage = this.#stage;
    if (stage.awaits === 'end') return undefined;
    const call = stage.awaits === 'network' ? undefined : this.#calls.pollTimeout();
    return earliest(this.#stageTimeout(stage), call, this.#pairs.pollTimeout());
  }

  #stageTimeout(stage: Stage): Instant | undefined {
    switch (stage.awaits) {
      case 'proof':
        return stage.proof.pollTimeout();
      case 'call':
        return this.#calls.deadline;
      case 'way':
        return stage.detour.pollTimeout();
      case 'nothing':
        return earliest(this.#canAsk ? this.#liveness.pollTimeout() : undefined, this.#mending.pollTimeout());
      case 'quick mode':
        return stage.until;
      default:
        return undefined;
    }
  }

  /** Tells the gateway, and takes all down. */
  close(reason: string): void {
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#calls.hangUp();
    this.#pairs.close();
    this.#closeOld();
    this.#sa.close(reason);
    this.#host.touch(this.#sa);
    this.#closeFlow();
  }

  get #gatewayAddress(): IpAddress {
    return this.#passage.location.gateway;
  }

  get #carriers(): readonly EspCarrier[] {
    return this.#passage.carriers(this.#configured?.ciscoUdpPort);
  }

  get #carrier(): EspCarrier {
    return this.#pairs.path?.carrier ?? this.#carriers[0] ?? 'esp';
  }

  get #canAsk(): boolean {
    return this.#sa.established?.traits.dpd === true;
  }

  #pathBy(carrier: EspCarrier): EspPath {
    return this.#passage.pathBy(carrier, this.#sa.path, this.#configured?.ciscoUdpPort);
  }

  #beginPairs(now: Instant, remotes: readonly Selector[] = this.#reach.selectors): void {
    // a pair would have no way to go
    if (this.#carriers.length === 0) return this.#seekWay('the gateway offers no carrier that is allowed', now);
    // it names no group: that of phase 1 is the one that both are known to have
    this.#pairs.pfs = this.#configured?.pfs === true;
    for (const remote of remotes) this.#pairs.begin(this.#sa, this.#local, remote, now);
    if (!this.isUp) this.#stage = { awaits: 'quick mode', until: now + QUICK_MODE_PATIENCE };
  }

  #checkQuickMode(until: Instant, now: Instant): void {
    if (until > now) return;
    this.#pairRefused(this.#announced ? 'lost' : 'silent', 'the gateway left quick mode unanswered', now);
  }

  /** A pair may end without a successor: deleted, or because its lifetime ran out while no rekey came through. */
  #checkCover(now: Instant): void {
    const bare = this.isUp ? this.#reach.selectors.filter((remote) => !this.#pairs.cover([remote])) : [];
    if (bare.length === 0) return this.#mending.done();
    const verdict = this.#mending.check(now);
    if (verdict === 'mend') this.#beginPairs(now, bare);
    else if (verdict === 'give up') this.#end('lost', 'the gateway ends what it agrees to, or agrees to no more');
  }

  #closeOld(): void {
    if (!this.#old) return;
    const { sa, flowId } = this.#old;
    sa.close('renewed');
    this.#host.touch(sa);
    if (flowId !== undefined && flowId !== this.#passage.flowId) this.#host.closeFlow(flowId);
    this.#old = undefined;
  }

  #pairStands(now: Instant): void {
    if (!this.#pairs.cover(this.#reach.selectors)) return;
    this.#mending.done();
    this.#closeOld();
    if (this.isUp) return this.#pairs.moveTo(this.#pathBy(this.#carrier));
    if (this.#stage.awaits !== 'quick mode') return;
    const [first, ...rest] = this.#carriers;
    if (first === undefined) return this.#seekWay('the gateway offers no carrier that is allowed', now);
    this.#takeUp(first, rest, now);
  }

  /** Packets go by `carrier` from now on; one of `rest` is tried if it carries none. */
  #takeUp(carrier: EspCarrier, rest: readonly EspCarrier[], now: Instant): void {
    this.#pairs.moveTo(this.#pathBy(carrier));
    if (!this.given) return this.#dial(rest, now);
    // what shares IKE's own ports passes where IKE passes
    if (goesWithIke(carrier)) return this.#settle();
    this.#startProof(rest, now);
  }

  /** A call is the proof of its carrier. */
  #dial(rest: readonly EspCarrier[], now: Instant): void {
    this.#stage = { awaits: 'call', rest };
    this.#calls.dial(this.#gatewayAddress, goesWithIke(this.#carrier), now);
  }

  #checkCall(rest: readonly EspCarrier[], now: Instant): void {
    const { isHeard, deadline } = this.#calls;
    if (deadline === undefined || deadline > now) return;
    if (isHeard) return this.#end('silent', 'the gateway answers the call, but does not bring it to an end');
    if (!goesWithIke(this.#carrier)) return this.#unproven(rest, now);
    this.#end('silent', 'the gateway agrees to IPsec and leaves L2TP in it unanswered: is its L2TP server running?');
  }

  /** What the call has come to. */
  #followCall(now: Instant): void {
    const { given, ending } = this.#calls;
    if (ending) return this.#callEnded(ending);
    if (!given || this.#stage.awaits !== 'call') return;
    this.#proven = true;
    this.#liveness.heard(now);
    this.#settle();
  }

  #callEnded({ cause, reason }: CallEnding): void {
    if (this.#stage.awaits === 'end') return;
    if (this.#announced) this.#end('lost', reason);
    else if (cause === 'login') this.#end('login', reason, this.#login.forget());
    else this.#end('refused', reason);
  }

  /** The gateway may take no tunnel to everything, but one to each of the networks that it named. */
  #pairRefused(kind: TunnelEnding['kind'], reason: string, now: Instant): void {
    if (this.#stage.awaits !== 'quick mode') return;
    const left = this.#configured && this.#reach.narrow(this.#configured, this.#gatewayAddress);
    if (left === undefined) return this.#end(kind, reason);
    if (left > 0) this.#host.emit({ type: 'notice', text: tooManyNetworks(left) });
    this.#beginPairs(now);
  }

  #startProof(rest: readonly EspCarrier[], now: Instant): void {
    this.#stage = { awaits: 'proof', proof: new Proof(now), rest };
    this.#prove(this.#stage, now);
  }

  #prove({ proof, rest }: Extract<Stage, { awaits: 'proof' }>, now: Instant): void {
    if (this.#options.lastTraffic() > proof.since) return this.#settle();
    if (proof.isOver(now)) return this.#unproven(rest, now);
    const round = proof.takeRound(now);
    if (round === undefined) return;
    this.#sendEchoes(this.#reach.neighbours(this.given!, this.#gatewayAddress), round);
  }

  #sendEchoes(neighbours: readonly IpAddress[], round: number): void {
    for (const packet of echoRequests(this.given!.address, neighbours, round)) {
      this.#host.emit({ type: 'send-inner', id: CLIENT_SESSION, packet });
    }
  }

  #unproven(rest: readonly EspCarrier[], now: Instant): void {
    const carrier = this.#carrier;
    this.#passage.noteMute(carrier);
    this.#why = `nothing comes through ${carrier}`;
    const [next, ...others] = rest;
    if (next === undefined) return this.#seekWay(this.#why, now);
    this.#takeUp(next, others, now);
  }

  #settle(): void {
    if (this.#stage.awaits === 'proof') this.#proven = true;
    this.#stage = { awaits: 'nothing' };
    const before = this.#announced;
    this.#announced = this.#carrier;
    if (before === undefined) this.#host.emit({ type: 'up', tunnel: this.describe(), failures: this.#host.failures() });
    else if (before !== this.#carrier) {
      this.#host.emit({ type: 'carrier-changed', from: before, tunnel: this.describe(), reason: this.#why });
    }
  }

  #checkLife(now: Instant): void {
    if (!this.#canAsk) return;
    this.#liveness.heard(this.#options.lastTraffic());
    const verdict = this.#liveness.check(now);
    if (verdict === 'gone') return this.#seekWay('the gateway went silent', now, true);
    if (verdict === 'well') return;
    this.#host.emit({ type: 'liveness', what: 'asked' });
    this.#sa.probePath(this.#sa.path);
    this.#host.touch(this.#sa);
  }

  #pathAnswered(path: Ikev1Sa['path'], now: Instant): void {
    this.#liveness.heard(now);
    // IKE lives: does ESP, where it goes another way?
    const silent = now - this.#options.lastTraffic() > this.#options.idle;
    if (this.#stage.awaits === 'nothing' && silent && this.#proven && !goesWithIke(this.#carrier)) {
      return this.#startProof(
        this.#carriers.filter((carrier) => carrier !== this.#carrier),
        now,
      );
    }
    if (this.#stage.awaits !== 'way') return;
    this.#stage.detour.handleAnswer(path);
    this.#followDetour(now);
  }

  /** `again`: also by the way in use. */
  #seekWay(reason: string, now: Instant, again = false): void {
    if (this.#stage.awaits === 'end') return;
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#why = reason;
    const detour = new Detour(this.#host, this.#sa, this.#canAsk ? this.#passage.detours(again) : [], now);
    this.#stage = { awaits: 'way', detour };
    detour.handleTimeout(now);
    this.#host.touch(this.#sa);
    this.#followDetour(now);
  }

  #followDetour(now: Instant): void {
    if (this.#stage.awaits !== 'way') return;
    const { detour } = this.#stage;
    if (!detour.result) return;
    const { found } = detour.result;
    for (const way of detour.result.silent) this.#passage.noteSilent(way);
    if (!found) return this.#noWay();
    const sameWay = this.#passage.isSame(found.way);
    this.#sa.followPath(found.path);
    if (this.#passage.flowId !== found.flowId) this.#closeFlow();
    this.#passage.turn(found.way, found.flowId);
    if (sameWay && found.way === 'nat-t' && this.#announced) {
      this.#pairs.moveTo(this.#pathBy('nat-t'));
      this.#stage = { awaits: 'nothing' };
      this.#checkCover(now);
      // a packet from the new place tells the gateway's ESP
      return this.#sendSignOfLife();
    }
    this.#beginPairs(now);
  }

  #noWay(): void {
    if (this.#announced) return this.#end('lost', this.#why);
    // a gateway that is not ours may leave the question unanswered though packets pass
    const { given } = this;
    const unanswered = given && !answersEcho(given) && this.#carriers.length > 0 && !this.#proven;
    if (!unanswered) return this.#end('blocked', this.#why);
    this.#host.emit({
      type: 'notice',
      text: `no answer came through the tunnel yet (${this.#carrier}); if nothing works, its opening is blocked`,
    });
    this.#settle();
  }

  #sendSignOfLife(): void {
    if (this.#gatewayAddress.bytes.length === 4) this.#sendEchoes([this.#gatewayAddress], 0);
  }

  #closeFlow(): void {
    const { way, flowId } = this.#passage;
    if (flowId !== undefined) this.#host.closeFlow(flowId);
    this.#passage.turn(way, undefined);
  }

  #end(kind: TunnelEnding['kind'], reason: string, askNext = false): void {
    if (this.#stage.awaits === 'end') return;
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#stage = { awaits: 'end', ending: { kind, reason, ...(askNext && { askNext }) } };
  }
}

/** UDP port 1701 of one of the two ends: what transport mode carries. */
function callSelector(address: IpAddress): Selector {
  return { ...hostSelector(address), protocol: IpProtocol.UDP, port: L2TP_PORT };
}

function phase1Of({ established }: Ikev1Sa): string {
  return established ? phase1SuiteName(established.suite) : '';
}

function tooManyNetworks(left: number): string {
  return `the gateway wants a pair for each network and has more than ${MAX_SELECTORS}: ${left} are not reached`;
}
