/**
 * The tunnel of a client that is in: the carrier that its ESP goes by and the proof that it carries, signs of life, and the way round
 * when the carrier dies. Its pairs are in `pairs.ts`.
 */
import { suiteName } from '../../crypto/algorithms.ts';
import type { EspCarrier, EspPath } from '../../esp/sa.ts';
import { phase1SuiteName } from '../../ikev1/phase1-proposal.ts';
import type { Ikev1Sa } from '../../ikev1/sa.ts';
import { hostSelector, type Selector } from '../../ikev1/selector.ts';
import type { Ikev1Event, Phase2Grant, Phase2Request } from '../../ikev1/types.ts';
import { type Endpoint, type Prefix, parsePrefix } from '../../net/address.ts';
import { earliest, type Instant, SECOND } from '../../net/time.ts';
import type { CarrierFailure, Trial } from '../../openings/missing.ts';
import { CISCO_UDP_PORT, openingsOf, sameOpening } from '../../openings/openings.ts';
import type { GivenConfiguration } from '../client-configuration.ts';
import { checkRoutes } from '../offered-network.ts';
import { Detour, type DetourHost } from './detour.ts';
import type { Entered } from './entry.ts';
import { CLIENT_SESSION, type ClientOptions, type Location, samePlace, type TunnelUp } from './events.ts';
import { Liveness } from './liveness.ts';
import { Mending } from './mending.ts';
import { Pairs, type PairsHost } from './pairs.ts';
import { answersEcho, echoRequests, innerNeighbours, PROOF_EVERY, PROOF_PATIENCE } from './proof.ts';
import type { FlowOutcome } from './race.ts';
import { carriersOf, openingOf, pathOf, type Way, waysTo } from './ways.ts';

/** How long the gateway may take to answer a quick mode that there is no tunnel without: two repeats fit in. */
const QUICK_MODE_PATIENCE = 12 * SECOND;
/** A gateway that takes no tunnel to everything gets one for each of its networks, as long as they are few. */
export const MAX_SELECTORS = 16;

export interface TunnelHost extends DetourHost, PairsHost {
  /** What stood in the way of the other carriers. */
  failures(): readonly CarrierFailure[];
}

type Stage =
  | { readonly awaits: 'quick mode'; readonly until: Instant }
  /** An answer through the carrier in use; if none comes, one of `rest` is tried. */
  | {
      readonly awaits: 'proof';
      readonly rest: readonly EspCarrier[];
      readonly since: Instant;
      readonly until: Instant;
      readonly askAt: Instant;
      readonly round: number;
    }
  | { readonly awaits: 'way'; readonly detour: Detour }
  /** We are nowhere; the gateway may still know us when we are back. */
  | { readonly awaits: 'network' }
  | { readonly awaits: 'nothing' }
  | { readonly awaits: 'end'; readonly ending: TunnelEnding };

/**
 * `lost`: it worked, and the gateway is gone. `blocked`: no carrier that this phase 1 leads to carries. `refused`: the gateway
 * wants no such tunnel. `silent`: it says nothing about it.
 */
export interface TunnelEnding {
  readonly kind: 'lost' | 'blocked' | 'refused' | 'silent';
  readonly reason: string;
}

export class Tunnel {
  readonly #host: TunnelHost;
  readonly #options: ClientOptions;
  readonly #gateway: string;
  readonly #pairs: Pairs;
  readonly #liveness: Liveness;
  /** What was seen of openings. */
  readonly trials: Trial[] = [];
  #location: Location;
  #sa: Ikev1Sa;
  /** Renewed, and kept with its flow until a pair stands under its successor. */
  #old: { readonly sa: Ikev1Sa; readonly flowId: number | undefined } | undefined;
  #way: Way;
  /** By which the login under `#sa` was made. */
  #entrance: Way;
  #flowId: number | undefined;
  #given: GivenConfiguration;
  #remotes: readonly Selector[];
  #stage: Stage;
  /** An answer came through at least once. */
  #proven = false;
  /** Why another way was sought the last time. */
  #why = '';
  readonly #mending = new Mending();
  /** The carrier when it was told last; undefined: it never was up. */
  #announced: EspCarrier | undefined;

  /** Begins the first quick mode. */
  constructor(
    host: TunnelHost,
    options: ClientOptions,
    gateway: string,
    location: Location,
    entered: Entered,
    now: Instant,
  ) {
    this.#host = host;
    this.#options = options;
    this.#gateway = gateway;
    this.#pairs = new Pairs(host, options);
    this.#liveness = new Liveness(options.idle, now);
    this.#location = location;
    this.#sa = entered.winner.sa;
    this.#way = entered.winner.way;
    this.#entrance = entered.winner.way;
    this.#flowId = entered.winner.flowId;
    this.#given = entered.given;
    this.#remotes = [{ prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 }];
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
    return this.#way;
  }

  get given(): GivenConfiguration {
    return this.#given;
  }

  owns(sa: Ikev1Sa): boolean {
    return sa === this.#sa || sa === this.#old?.sa;
  }

  describe(): TunnelUp {
    const { path, current } = this.#pairs;
    return {
      carrier: this.#carrier,
      gateway: this.#gateway,
      remote: path?.remote ?? this.#sa.path.remote,
      given: this.#given,
      routes: this.#carried,
      phase1: this.#sa.established ? phase1SuiteName(this.#sa.established.suite) : '',
      esp: current ? suiteName(current.suite.esp) : '',
    };
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'esp-prepared':
        return this.#pairs.prepare(event.pair, this.#pathBy(this.#carriers[0] ?? 'esp'), now);
      case 'esp-established':
        if (this.#pairs.establish(event.pair, now) && this.isUp) {
          this.#host.emit({ type: 'rekeyed', phase: 2, suite: suiteName(event.pair.suite.esp) });
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
      case 'path-answered':
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
    } else if (flowId === this.#flowId && 'failed' in outcome && this.#stage.awaits !== 'network') {
      this.#seekWay(`the cTCP connection ended (${outcome.failed})`, now);
    }
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
    return this.#pairs.authorize(this.#sa, request);
  }

  /** A renewed phase 1 takes over, and gets pairs of its own. */
  renew({ winner, given }: Entered, now: Instant): void {
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#closeOld();
    this.#old = { sa: this.#sa, flowId: this.#flowId };
    this.#sa = winner.sa;
    this.#way = winner.way;
    this.#entrance = winner.way;
    this.#flowId = winner.flowId;
    this.#given = given;
    this.#beginPairs(now);
    this.#host.emit({ type: 'rekeyed', phase: 1, suite: this.describe().phase1 });
  }

  /**
   * The gateway's address sent something under no SA of ours: after its restart that is how it says that it knows our ESP no more.
   * Anybody can send that, so it is a reason to ask and no more.
   */
  hint(from: Endpoint, now: Instant): void {
    if (this.isUp && from.address.text === this.#location.gateway.text) this.#liveness.doubt(now);
  }

  /** We are in another network, or the same after sleep: whatever way leads to the gateway from here. */
  relocate(location: Location, now: Instant): void {
    const same = samePlace(this.#location, location);
    this.#location = location;
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
    const stage = this.#stage;
    if (stage.awaits === 'proof') this.#prove(stage, now);
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
    switch (stage.awaits) {
      case 'proof':
        return earliest(stage.until, stage.askAt, this.#pairs.pollTimeout());
      case 'way':
        return earliest(stage.detour.pollTimeout(), this.#pairs.pollTimeout());
      case 'nothing':
        return earliest(
          this.#canAsk ? this.#liveness.pollTimeout() : undefined,
          this.#mending.pollTimeout(),
          this.#pairs.pollTimeout(),
        );
      case 'quick mode':
        return earliest(stage.until, this.#pairs.pollTimeout());
      case 'network':
        return this.#pairs.pollTimeout();
      case 'end':
        return undefined;
    }
  }

  /** Tells the gateway, and takes all down. */
  close(reason: string): void {
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#pairs.close();
    this.#closeOld();
    this.#sa.close(reason);
    this.#host.touch(this.#sa);
    if (this.#flowId !== undefined) this.#host.closeFlow(this.#flowId);
    this.#flowId = undefined;
  }

  /** Those that ESP may go by on the way that IKE takes. */
  get #carriers(): readonly EspCarrier[] {
    const { carriers } = this.#options;
    const all = carriersOf(this.#way, carriers, this.#location.remembered);
    return all.filter((carrier) => carrier !== 'cisco-udp' || this.#ciscoUdpPort !== undefined);
  }

  /** As the gateway told. Where IKE floated or ran over TCP it wasn't asked: then the one that it has most likely. */
  get #ciscoUdpPort(): number | undefined {
    const { ciscoUdpPort } = this.#given;
    if (ciscoUdpPort !== undefined || this.#entrance === 'udp') return ciscoUdpPort;
    return this.#options.ports.remote.ciscoUdp ?? CISCO_UDP_PORT;
  }

  get #carrier(): EspCarrier {
    return this.#pairs.path?.carrier ?? this.#carriers[0] ?? 'esp';
  }

  /** What is wanted of it. */
  get #routes(): readonly Prefix[] | 'all' {
    const { routes = this.#given.routes } = this.#options;
    return routes === 'all' || routes.length === 0 ? routes : checkRoutes(routes, [this.#location.gateway]).kept;
  }

  /** What its pairs carry of that. */
  get #carried(): readonly Prefix[] | 'all' {
    const networks = this.#remotes.map(({ prefix }) => prefix);
    return networks.some(({ length }) => length === 0) ? this.#routes : networks;
  }

  get #canAsk(): boolean {
    return this.#sa.established?.traits.dpd === true;
  }

  #pathBy(carrier: EspCarrier): EspPath {
    const { local, remote } = this.#sa.path;
    const at = (own: number, theirs: number): EspPath => ({
      carrier,
      local: { ...local, port: own },
      remote: { ...remote, port: theirs },
    });
    switch (carrier) {
      case 'esp':
        return at(0, 0);
      case 'cisco-udp':
        return at(this.#options.ports.local.ciscoUdp, this.#ciscoUdpPort ?? 0);
      default:
        return { carrier, local, remote };
    }
  }

  #beginPairs(now: Instant, remotes: readonly Selector[] = this.#remotes): void {
    const local = hostSelector(this.#given.address);
    // it names no group: that of phase 1 is the one that both are known to have
    this.#pairs.pfs = this.#given.pfs === true;
    for (const remote of remotes) this.#pairs.begin(this.#sa, local, remote, now);
    if (!this.isUp) this.#stage = { awaits: 'quick mode', until: now + QUICK_MODE_PATIENCE };
  }

  #checkQuickMode(until: Instant, now: Instant): void {
    if (until > now) return;
    this.#pairRefused(this.#announced ? 'lost' : 'silent', 'the gateway left quick mode unanswered', now);
  }

  /** A pair may end without a successor: deleted, or because its lifetime ran out while no rekey came through. */
  #checkCover(now: Instant): void {
    const bare = this.isUp ? this.#remotes.filter((remote) => !this.#pairs.cover([remote])) : [];
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
    if (flowId !== undefined && flowId !== this.#flowId) this.#host.closeFlow(flowId);
    this.#old = undefined;
  }

  #pairStands(now: Instant): void {
    if (!this.#pairs.cover(this.#remotes)) return;
    this.#mending.done();
    this.#closeOld();
    if (this.isUp) return this.#pairs.moveTo(this.#pathBy(this.#carrier));
    if (this.#stage.awaits !== 'quick mode') return;
    const [first, ...rest] = this.#carriers;
    if (first === undefined) return this.#seekWay('the gateway offers no carrier that is allowed', now);
    this.#pairs.moveTo(this.#pathBy(first));
    // what shares IKE's own ports passes where IKE passes
    if (goesWithIke(first)) return this.#settle();
    this.#startProof(rest, now);
  }

  /** The gateway may take no tunnel to everything, but one to each of the networks that it named. */
  #pairRefused(kind: TunnelEnding['kind'], reason: string, now: Instant): void {
    const routes = this.#routes;
    if (this.#stage.awaits !== 'quick mode') return;
    if (this.#remotes.length === 1 && this.#remotes[0]!.prefix.length === 0 && routes !== 'all') {
      this.#remotes = routes.slice(0, MAX_SELECTORS).map((prefix) => ({ prefix, protocol: 0, port: 0 }));
      const left = routes.length - this.#remotes.length;
      if (left > 0) this.#host.emit({ type: 'notice', text: tooManyNetworks(left) });
      return this.#beginPairs(now);
    }
    this.#end(kind, reason);
  }

  #startProof(rest: readonly EspCarrier[], now: Instant): void {
    this.#stage = { awaits: 'proof', rest, since: now, until: now + PROOF_PATIENCE, askAt: now, round: 0 };
    this.#prove(this.#stage, now);
  }

  #prove(stage: Extract<Stage, { awaits: 'proof' }>, now: Instant): void {
    if (this.#options.lastTraffic() > stage.since) return this.#settle();
    if (stage.until <= now) return this.#unproven(stage.rest, now);
    if (stage.askAt > now) return;
    const selectors = this.#remotes.map(({ prefix }) => prefix);
    const neighbours = innerNeighbours(this.#location.gateway, this.#given, this.#routes, selectors);
    for (const packet of echoRequests(this.#given.address, neighbours, stage.round)) {
      this.#host.emit({ type: 'send-inner', id: CLIENT_SESSION, packet });
    }
    this.#stage = { ...stage, askAt: now + PROOF_EVERY, round: stage.round + 1 };
  }

  #unproven(rest: readonly EspCarrier[], now: Instant): void {
    const carrier = this.#carrier;
    const opening = openingsOf(carrier, this.#options.ports.remote).at(-1)!;
    this.trials.push({ opening, sight: 'silent' });
    this.#why = `nothing comes through ${carrier}`;
    const [next, ...others] = rest;
    if (next === undefined) return this.#seekWay(this.#why, now);
    this.#pairs.moveTo(this.#pathBy(next));
    this.#startProof(others, now);
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
    const ways = waysTo(this.#options.carriers, this.#location.remembered)
      // under a phase 1 that stands there is nothing to float
      .filter((way) => way !== 'nat-t-from-500' && (again || way !== this.#way) && !this.#isBlocked(way, again));
    // what carried until now may carry on
    const first = this.#way === 'nat-t-from-500' ? 'nat-t' : this.#way;
    ways.sort((a, b) => Number(b === first) - Number(a === first));
    const paths = ways.map((way) => ({ way, path: pathOf(way, this.#location, this.#options.ports) }));
    this.#why = reason;
    const detour = new Detour(this.#host, this.#sa, this.#canAsk ? paths : [], now);
    this.#stage = { awaits: 'way', detour };
    detour.handleTimeout(now);
    this.#host.touch(this.#sa);
    this.#followDetour(now);
  }

  /** Nothing came back by it a moment ago. After a while, or elsewhere, that may have changed. */
  #isBlocked(way: Way, again: boolean): boolean {
    if (again || way === 'udp') return false;
    const opening = openingOf(way, this.#options.ports.remote);
    return this.trials.some((trial) => sameOpening(trial.opening, opening) && trial.sight !== 'answered');
  }

  #followDetour(now: Instant): void {
    if (this.#stage.awaits !== 'way') return;
    const { detour } = this.#stage;
    if (!detour.result) return;
    const { found } = detour.result;
    for (const way of detour.result.silent) this.#noteSilent(way);
    if (!found) return this.#noWay();
    const sameWay = found.way === this.#way || (found.way === 'nat-t' && this.#way === 'nat-t-from-500');
    this.#sa.followPath(found.path);
    if (this.#flowId !== undefined && this.#flowId !== found.flowId) this.#host.closeFlow(this.#flowId);
    this.#flowId = found.flowId;
    this.#way = found.way;
    if (sameWay && found.way === 'nat-t' && this.#announced) {
      this.#pairs.moveTo(this.#pathBy('nat-t'));
      this.#stage = { awaits: 'nothing' };
      this.#checkCover(now);
      // a packet from the new place tells the gateway's ESP
      return this.#sendSignOfLife();
    }
    this.#beginPairs(now);
  }

  #noteSilent(way: Way): void {
    if (way !== 'udp') this.trials.push({ opening: openingOf(way, this.#options.ports.remote), sight: 'silent' });
  }

  #noWay(): void {
    if (this.#announced) return this.#end('lost', this.#why);
    // a gateway that is not ours may leave the question unanswered though packets pass
    const unanswered = !answersEcho(this.#given) && this.#carriers.length > 0 && !this.#proven;
    if (!unanswered) return this.#end('blocked', this.#why);
    this.#host.emit({
      type: 'notice',
      text: `no answer came through the tunnel yet (${this.#carrier}); if nothing works, its opening is blocked`,
    });
    this.#settle();
  }

  #sendSignOfLife(): void {
    const [packet] = echoRequests(this.#given.address, [this.#location.gateway], 0);
    if (packet && this.#location.gateway.bytes.length === 4) {
      this.#host.emit({ type: 'send-inner', id: CLIENT_SESSION, packet });
    }
  }

  #end(kind: TunnelEnding['kind'], reason: string): void {
    if (this.#stage.awaits === 'end') return;
    if (this.#stage.awaits === 'way') this.#stage.detour.stop();
    this.#stage = { awaits: 'end', ending: { kind, reason } };
  }
}

function tooManyNetworks(left: number): string {
  return `the gateway wants a pair for each network and has more than ${MAX_SELECTORS}: ${left} are not reached`;
}

/** Where IKE passes, it passes. */
function goesWithIke(carrier: EspCarrier): boolean {
  return carrier === 'nat-t' || carrier === 'cisco-tcp';
}
