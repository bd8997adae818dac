/** The ESP pairs of a client's tunnel: begun, renewed and ended; what the dataplane is told of them. */
import type { EspPath } from '../../esp/sa.ts';
import { udpTransportMode, udpTunnelMode } from '../../ikev1/phase2-proposal.ts';
import type { Ikev1Sa } from '../../ikev1/sa.ts';
import { formatSelector, type Selector } from '../../ikev1/selector.ts';
import type { EspPair, Phase2Grant, Phase2Request } from '../../ikev1/types.ts';
import { parsePrefix } from '../../net/address.ts';
import { samePath } from '../../net/path.ts';
import type { Instant } from '../../net/time.ts';
import { EncapsulationMode } from '../../wire/ikev1.ts';
import { type Child, Children, espSa } from '../children.ts';
import { CLIENT_SESSION, type ClientEvent, type ClientOptions } from './events.ts';

export interface PairsHost {
  emit(event: ClientEvent): void;
  /** The SA has something to send. */
  touch(sa: Ikev1Sa): void;
  newSpi(isTaken: (spi: number) => boolean): number;
}

/** The gateway may pass on to us what anybody sends from behind it. */
export const ANYBODY = parsePrefix('0.0.0.0/0')!;

export class Pairs {
  readonly #host: PairsHost;
  readonly #options: ClientOptions;
  readonly #children = new Children();
  #path: EspPath | undefined;
  /** The gateway asks for a Diffie-Hellman in each quick mode. */
  pfs = false;

  constructor(host: PairsHost, options: ClientOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Of the pair that is in use. */
  get current(): EspPair | undefined {
    return this.#children.current?.pair;
  }

  get path(): EspPath | undefined {
    return this.#path;
  }

  /** Whether each of `selectors` has a pair in use. */
  cover(remotes: readonly Selector[]): boolean {
    const inUse = this.#children.all.filter(({ stage }) => stage === 'established');
    const texts = new Set(inUse.map(({ pair }) => formatSelector(pair.remote)));
    return remotes.every((remote) => texts.has(formatSelector(remote)));
  }

  /** False: too much is under way already. */
  begin(sa: Ikev1Sa, local: Selector, remote: Selector, now: Instant, renewed?: Child): boolean {
    const mode = this.#modeOn(sa);
    const offer = this.#options.phase2(mode, this.pfs ? sa.established?.suite.group : undefined);
    const { lifetime } = offer;
    const again = renewed && { suites: [{ ...renewed.pair.suite, mode }], lifetime };
    const replaces = renewed ? { replaces: renewed.pair.inbound.spi } : {};
    const begun = sa.beginQuickMode({ spi: this.#newSpi(), ...replaces, ...(again ?? offer), local, remote }, now);
    this.#host.touch(sa);
    return begun;
  }

  /** What a gateway that begins a quick mode itself may have: a pair for what one of ours carries, or is asked to. */
  authorize(
    sa: Ikev1Sa,
    { local, remote }: Phase2Request,
    wanted: { readonly local: Selector; readonly remotes: readonly Selector[] },
  ): Phase2Grant | { readonly refused: string } {
    const asked = `${formatSelector(remote)} to ${formatSelector(local)}`;
    const ours = [
      ...this.#children.all.map(({ pair }) => pair),
      ...wanted.remotes.map((one) => ({ local: wanted.local, remote: one })),
    ];
    const known = ours.some((one) => `${formatSelector(one.remote)} to ${formatSelector(one.local)}` === asked);
    if (!known || this.#children.isFull) return { refused: `it asks for ${asked}, which no tunnel of ours has` };
    const mode = this.#modeOn(sa);
    return { spi: this.#newSpi(), modes: [mode], lifetime: this.#options.phase2(mode, undefined).lifetime };
  }

  /** Receives on it from now on. `path`: where its packets go, if there is no tunnel yet. */
  prepare(pair: EspPair, path: EspPath, now: Instant): void {
    if (!this.#path) {
      this.#path = path;
      const inner = this.#options.login === 'l2tp' ? undefined : ANYBODY;
      this.#host.emit({ type: 'open-session', id: CLIENT_SESSION, inner, path });
    }
    this.#children.prepare(pair, now);
    this.#host.emit({ type: 'install-sa', sa: espSa(CLIENT_SESSION, 'in', pair) });
  }

  /** True if it renews a pair in use. */
  establish(pair: EspPair, now: Instant): boolean {
    const child = this.#children.find(pair.inbound.spi);
    if (!child) return false;
    const renews = this.#children.replacedBy(child).length > 0;
    if (renews && pair.initiatedBy === 'us') this.#children.deferSwitch(child, now);
    else this.#switchTo(child, now);
    return renews;
  }

  /** The gateway sends on a pair for the first time. */
  handleFirstPacket(inboundSpi: number, now: Instant): void {
    const child = this.#children.find(inboundSpi);
    if (child?.switchAt !== undefined) this.#switchTo(child, now);
  }

  handleRekeyNeeded(sa: Ikev1Sa, outboundSpi: number, now: Instant): void {
    const child = this.#children.findOutbound(outboundSpi);
    if (child?.stage === 'established') this.#renew(sa, child, now);
  }

  /** A quick mode of ours failed. */
  abandon(inboundSpi: number, replaces: number | undefined, now: Instant): void {
    const child = this.#children.find(inboundSpi);
    if (child) this.#forget(child);
    const renewed = replaces === undefined ? undefined : this.#children.find(replaces);
    if (renewed) this.#children.postponeRekey(renewed, now);
  }

  /** The gateway receives on these no more. */
  deleted(outboundSpis: readonly number[], now: Instant): void {
    for (const spi of outboundSpis) {
      const child = this.#children.findOutbound(spi);
      if (child) this.#forget(child);
    }
    for (const child of this.#children.all.filter(({ switchAt }) => switchAt !== undefined)) this.#switchTo(child, now);
  }

  /** Where packets go from now on. */
  moveTo(path: EspPath): void {
    if (!this.#path || samePath(this.#path, path)) return;
    this.#path = path;
    this.#host.emit({ type: 'move-path', id: CLIENT_SESSION, path });
  }

  /** The dataplane moved by itself. */
  moved(path: EspPath): void {
    this.#path = path;
  }

  handleTimeout(sa: Ikev1Sa, now: Instant): void {
    for (let duty = this.#children.takeDue(now); duty; duty = this.#children.takeDue(now)) {
      if ('rekey' in duty) this.#renew(sa, duty.rekey, now);
      else if ('switchTo' in duty) this.#switchTo(duty.switchTo, now);
      else this.#retire(sa, duty.expired);
    }
  }

  pollTimeout(): Instant | undefined {
    return this.#children.pollTimeout();
  }

  /** All of them, and the gateway knows or need not know. */
  close(): void {
    for (const child of [...this.#children.all]) this.#children.remove(child);
    if (this.#path) this.#host.emit({ type: 'close-session', id: CLIENT_SESSION });
    this.#path = undefined;
  }

  #renew(sa: Ikev1Sa, child: Child, now: Instant): void {
    const { local, remote } = child.pair;
    if (!this.begin(sa, local, remote, now, child)) this.#children.postponeRekey(child, now);
  }

  #switchTo(child: Child, now: Instant): void {
    const { pair } = child;
    this.#host.emit({ type: 'install-sa', sa: espSa(CLIENT_SESSION, 'out', pair) });
    const { replaced, surplus } = this.#children.establish(child, now);
    for (const old of replaced) {
      if (old.pair.outbound.spi !== pair.outbound.spi) this.#remove('out', old.pair.outbound.spi);
    }
    for (const old of surplus) this.#forget(old);
  }

  #retire(sa: Ikev1Sa, child: Child): void {
    sa.deleteEsp([child.pair.inbound.spi]);
    this.#host.touch(sa);
    this.#forget(child);
  }

  #forget(child: Child): void {
    this.#children.remove(child);
    this.#remove('in', child.pair.inbound.spi);
    if (child.stage === 'established') this.#remove('out', child.pair.outbound.spi);
  }

  #remove(direction: 'in' | 'out', spi: number): void {
    this.#host.emit({ type: 'remove-sa', sessionId: CLIENT_SESSION, direction, spi });
  }

  /** Encapsulation goes with the way that IKE takes: on the NAT-T port ESP goes there too, elsewhere it is bare. */
  #modeOn({ path, established }: Ikev1Sa): number {
    const transport = this.#options.login === 'l2tp';
    if (path.carrier !== 'nat-t') return transport ? EncapsulationMode.TRANSPORT : EncapsulationMode.TUNNEL;
    const dialect = established?.traits.natTraversal ?? 'rfc3947';
    return transport ? udpTransportMode(dialect) : udpTunnelMode(dialect);
  }

  #newSpi(): number {
    return this.#host.newSpi((spi) => this.#children.find(spi) !== undefined);
  }
}
