/** The ESP side of sessions: who may have which tunnel, where it runs, when it is renewed, how it ends. */
import type { IkePath } from '../carrier/ike-path.ts';
import { suiteName } from '../crypto/algorithms.ts';
import { type EspCarrier, type EspPath, goesWithIke, mayMove } from '../esp/sa.ts';
import { phase1SuiteName } from '../ikev1/phase1-proposal.ts';
import { udpTransportMode, udpTunnelMode } from '../ikev1/phase2-proposal.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import { formatSelector, type Selector } from '../ikev1/selector.ts';
import type { EspAbandoned, EspPair, Phase2Grant, Phase2Request } from '../ikev1/types.ts';
import { formatPrefix, prefixCovers } from '../net/address.ts';
import { samePath } from '../net/path.ts';
import type { Instant } from '../net/time.ts';
import { EncapsulationMode } from '../wire/ikev1.ts';
import { IpProtocol } from '../wire/ip.ts';
import { L2TP_PORT } from '../wire/l2tp.ts';
import { type Child, espSa, MAX_CHILDREN } from './children.ts';
import type { GatewayEvent } from './events.ts';
import type { GatewaySettings } from './policy.ts';
import type { Session } from './session.ts';

export interface TunnelsOptions {
  readonly settings: () => GatewaySettings;
  readonly emit: (event: GatewayEvent) => void;
  /** An inbound SPI for which `isTaken` is false. */
  readonly newSpi: (isTaken: (spi: number) => boolean) => number;
  /** Its phase 1 has something to send, or its deadline may have changed. */
  readonly touch: (session: Session) => void;
}

export class Tunnels {
  readonly #options: TunnelsOptions;
  /** Inbound SPIs in use, of all sessions. */
  readonly #spis = new Set<number>();

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  /** The dataplane saw the session's peer elsewhere; where IKE shares ESP's flow, it follows. */
  handlePathChange(session: Session, { carrier, local, remote }: EspPath): void {
    session.espPath = { carrier, local, remote };
    if (!goesWithIke(carrier)) return;
    for (const sa of session.phase1s) sa.followPath({ carrier, local, remote });
  }

  handleTimeout(session: Session, now: Instant): void {
    for (let duty = session.children.takeDue(now); duty; duty = session.children.takeDue(now)) {
      if ('rekey' in duty) this.rekey(session, duty.rekey, now);
      else if ('expired' in duty) this.#expire(session, duty.expired, now);
      else if (session.phase1) this.#switchTo(session, session.phase1, duty.switchTo, now);
    }
  }

  #expire(session: Session, child: Child, now: Instant): void {
    this.retire(session, child);
    if (!session.children.current) this.switchWaiting(session, now);
  }

  /** All of a session's tunnels are gone, and the peer knows. */
  close(session: Session): void {
    for (const { pair } of session.children.all) this.#spis.delete(pair.inbound.spi);
    if (session.espPath) this.#options.emit({ type: 'close-session', id: session.id });
    session.espPath = undefined;
  }

  /** Whether `session` may have the tunnel it asks for under `sa`. */
  authorize(
    session: Session,
    sa: Ikev1Sa,
    { local, remote, path }: Phase2Request,
  ): Phase2Grant | { readonly refused: string } {
    if (isL2tp(local, remote)) return this.#authorizeL2tp(session, sa, path);
    const refused = whyNot(session);
    if (refused) return { refused };
    const asked = `${formatSelector(remote)} to ${formatSelector(local)}`;
    const whole = [local, remote].every(({ protocol, port }) => protocol === 0 && port === 0);
    const v4 = [local, remote].every(({ prefix }) => prefix.address.bytes.length === 4);
    if (!whole || !v4) return { refused: `it asks for ${asked}; a tunnel here is for IPv4 and all its protocols` };
    if (!session.inner || !prefixCovers(session.inner, remote.prefix)) {
      const own = session.inner ? formatPrefix(session.inner) : 'nothing';
      return { refused: `it asks for ${asked}, but may send from ${own} only` };
    }
    if (session.children.isFull && !this.#makeRoom(session)) {
      return { refused: `it has ${MAX_CHILDREN} tunnels already; give the client fewer routes` };
    }
    const bare = session.ciscoUdp || this.#options.settings().policy.nativeEsp;
    return this.#grant(modesOn(path, sa, EncapsulationMode.TUNNEL, udpTunnelMode, bare));
  }

  /** Transport mode is for L2TP, and L2TP for clients that logged in by no other way: PPP asks for their user. */
  #authorizeL2tp(session: Session, sa: Ikev1Sa, path: IkePath): Phase2Grant | { readonly refused: string } {
    if (!this.#options.settings().policy.l2tp)
      return { refused: "it asks for L2TP (UDP 1701), which is off; set 'l2tp'" };
    if (!session.l2tp && session.stage.awaits !== 'nobody') {
      return {
        refused: 'it asks for L2TP (UDP 1701), but it is one that has a tunnel by XAUTH or by an entry of peers',
      };
    }
    if (session.children.isFull && !this.#makeRoom(session)) return { refused: `it has ${MAX_CHILDREN} pairs already` };
    const bare = this.#options.settings().policy.nativeEsp;
    return this.#grant(modesOn(path, sa, EncapsulationMode.TRANSPORT, udpTransportMode, bare));
  }

  #grant(modes: readonly number[]): Phase2Grant {
    return { spi: this.#newSpi(), modes, lifetime: this.#options.settings().phase2Lifetime };
  }

  /** Gives up a pair that no packet is sent on. */
  #makeRoom(session: Session): boolean {
    const idle = session.children.all.find((child) => child.stage !== 'established');
    if (idle) this.retire(session, idle);
    return idle !== undefined;
  }

  prepare(session: Session, sa: Ikev1Sa, pair: EspPair, now: Instant): void {
    const path = this.#espPathFor(session, sa, pair);
    this.#openInDataplane(session, path);
    session.children.prepare(pair, now);
    this.#spis.add(pair.inbound.spi);
    this.#options.emit({ type: 'install-sa', sa: espSa(session.id, 'in', pair), path: session.espPath ?? path });
  }

  /**
   * The quick mode is over. A rekey of ours waits, since the peer may get our message 3 later than our first packet; one under a
   * phase 1 that is yet unproven for as long as it takes.
   */
  establish(session: Session, sa: Ikev1Sa, pair: EspPair, now: Instant): void {
    const child = session.children.find(pair.inbound.spi);
    const replaces = child !== undefined && session.children.replacedBy(child).length > 0;
    if (child && replaces && isUnproven(session, sa)) {
      child.switchAt = Number.POSITIVE_INFINITY;
    } else if (child && replaces && pair.initiatedBy === 'us') {
      session.children.deferSwitch(child, now);
    } else if (child) {
      this.#switchTo(session, sa, child, now);
    }
  }

  /** The first authentic packet on an inbound SA. */
  handleFirstPacket(session: Session, inboundSpi: number, now: Instant): void {
    const child = session.children.find(inboundSpi);
    if (child?.switchAt !== undefined && session.phase1) this.#switchTo(session, session.phase1, child, now);
  }

  #switchTo(session: Session, sa: Ikev1Sa, child: Child, now: Instant): void {
    const { pair } = child;
    const path = this.#espPathFor(session, sa, pair);
    this.#follow(session, path);
    this.#options.emit({ type: 'install-sa', sa: espSa(session.id, 'out', pair), path: session.espPath ?? path });
    if (session.l2tp) session.l2tp.provenUnder = sa;
    const { replaced, surplus } = session.children.establish(child, now);
    // a peer may give its new SA the old one's SPI: then the dataplane has taken the keys over already
    const gone = replaced.filter((old) => old.pair.outbound.spi !== pair.outbound.spi);
    for (const old of gone) this.#removeFromDataplane(session, 'out', old.pair.outbound.spi);
    for (const old of surplus) this.retire(session, old);
    // with L2TP there is nobody to announce before the login
    if (!session.announced && !session.l2tp) this.announce(session, sa);
  }

  /** Traffic can flow. */
  announce(session: Session, sa: Ikev1Sa): void {
    const { id, number, who, line } = session;
    const pair = line.children.current?.pair;
    if (!pair || !line.espPath) return;
    session.announced = true;
    const address = session.address?.text ?? (session.inner ? formatPrefix(session.inner) : '');
    const phase1 = sa.established ? phase1SuiteName(sa.established.suite) : '';
    const carrier = `${line.l2tp ? 'l2tp over ' : ''}${line.espPath.carrier}`;
    const summary = `${carrier}, ${phase1}, ESP ${suiteName(pair.suite.esp)}`;
    this.#options.emit({ type: 'session-up', id, number, who, address, summary });
  }

  #espPathFor(session: Session, sa: Ikev1Sa, pair: EspPair): EspPath {
    const { local, remote } = sa.path;
    const udp = isInUdp(pair.suite.mode);
    const inFlow = sa.path.carrier === 'cisco-tcp';
    const carrier: EspCarrier = udp ? 'nat-t' : inFlow ? 'cisco-tcp' : session.ciscoUdp ? 'cisco-udp' : 'esp';
    if (goesWithIke(carrier)) return { carrier, local, remote };
    const localPort = carrier === 'cisco-udp' ? (this.#options.settings().policy.ciscoUdpPort ?? 0) : 0;
    // with Cisco's UDP the client's port is learned from its first authentic packet
    return { carrier, local: { ...local, port: localPort }, remote: { ...remote, port: 0 } };
  }

  #openInDataplane(session: Session, path: EspPath): void {
    if (!session.espPath) {
      session.espPath = path;
      session.pathAgreedOn = path;
      this.#options.emit({ type: 'open-session', id: session.id, inner: session.inner, path });
    } else if (!mayMove(session.espPath.carrier, path.carrier)) {
      // the new pair's mode doesn't fit where the session is
      session.pathAgreedOn = path;
      this.#movePath(session, path);
    }
  }

  /**
   * Where a fresh pair was made, ESP goes too; but a client that found its way by another carrier than the one that IKE
   * speaks of isn't called back from it: only what IKE says anew counts.
   */
  #follow(session: Session, path: EspPath): void {
    const known = session.pathAgreedOn;
    session.pathAgreedOn = path;
    if (known && samePath(known, path)) return;
    if (session.espPath && leadsElsewhere(session.espPath, path)) this.#movePath(session, path);
  }

  /** NAT-T and cTCP carry IKE and ESP in one flow: where the one went, the other goes, if its mode fits. */
  followIke(session: Session, { carrier, local, remote }: IkePath): void {
    if (carrier === 'udp' || !session.espPath || !mayMove(session.espPath.carrier, carrier)) return;
    this.#movePath(session, { carrier, local, remote });
  }

  #movePath(session: Session, path: EspPath): void {
    if (!session.espPath || samePath(session.espPath, path)) return;
    session.espPath = path;
    this.#options.emit({ type: 'move-path', id: session.id, path });
  }

  abandon(session: Session, { inboundSpi, replaces, reason }: EspAbandoned, now: Instant): void {
    const child = session.children.find(inboundSpi);
    // the peer may use it already: only its message 3 was lost
    if (child) this.retire(session, child);
    this.#options.emit({ type: 'failure', who: session.who, step: 'quick mode', reason });
    const renewed = replaces === undefined ? undefined : session.children.find(replaces);
    if (renewed) session.children.postponeRekey(renewed, now);
  }

  deleted(session: Session, outboundSpis: readonly number[], now: Instant): void {
    for (const spi of outboundSpis) {
      const child = session.children.findOutbound(spi);
      if (child) this.#forgetChild(session, child);
    }
    this.switchWaiting(session, now);
  }

  /** Pairs that wait for the peer to use them are used now: the older ones are of no use any more. */
  switchWaiting(session: Session, now: Instant): void {
    const waiting = session.children.all.filter((child) => child.switchAt !== undefined);
    for (const child of waiting) if (session.phase1) this.#switchTo(session, session.phase1, child, now);
  }

  rekey(session: Session, child: Child, now: Instant): void {
    const sa = session.phase1;
    if (!sa?.established) return;
    // strongSwan drops with the old phase 1 what was made under it while the new one came
    if (session.renewal.awaits === 'phase 1') return session.children.postponeRekey(child, now);
    const { suite, local, remote } = child.pair;
    const lifetime = this.#options.settings().phase2Lifetime;
    const replaces = child.pair.inbound.spi;
    const intent = { spi: this.#newSpi(), replaces, suites: [suite], local, remote, lifetime };
    if (!sa.beginQuickMode(intent, now)) session.children.postponeRekey(child, now);
    this.#options.touch(session);
  }

  /** Ends a pair from our side: no longer received, and the peer is told. */
  retire(session: Session, child: Child): void {
    session.phase1?.deleteEsp([child.pair.inbound.spi]);
    this.#forgetChild(session, child);
    this.#options.touch(session);
  }

  #forgetChild(session: Session, child: Child): void {
    session.children.remove(child);
    this.#spis.delete(child.pair.inbound.spi);
    this.#removeFromDataplane(session, 'in', child.pair.inbound.spi);
    if (child.stage === 'established') this.#removeFromDataplane(session, 'out', child.pair.outbound.spi);
  }

  #removeFromDataplane(session: Session, direction: 'in' | 'out', spi: number): void {
    this.#options.emit({ type: 'remove-sa', sessionId: session.id, direction, spi });
  }

  #newSpi(): number {
    return this.#options.newSpi((spi) => this.#spis.has(spi));
  }
}

/** What L2TP is for a quick mode: UDP, our port 1701, and any port of the client's (macOS takes an ephemeral one). */
function isL2tp(local: Selector, remote: Selector): boolean {
  return local.protocol === IpProtocol.UDP && local.port === L2TP_PORT && remote.protocol === IpProtocol.UDP;
}

/**
 * Encapsulation follows the way over which it is asked for: on the NAT-T port, and in a cTCP flow, ESP goes there too.
 * `bare`: what IKE on its own port may have.
 */
function modesOn(
  { carrier }: IkePath,
  { established }: Ikev1Sa,
  mode: number,
  inUdp: typeof udpTunnelMode,
  bare: boolean,
): number[] {
  if (carrier === 'nat-t') return [inUdp(established?.traits.natTraversal ?? 'rfc3947')];
  return carrier === 'cisco-tcp' || bare ? [mode] : [];
}

function isInUdp(mode: number): boolean {
  return mode !== EncapsulationMode.TUNNEL && mode !== EncapsulationMode.TRANSPORT;
}

/**
 * A phase 1 took L2TP calls over because it comes from the same address and port with the same identity, which a neighbour
 * behind the same NAT may come to have, too. So what is for the users goes out on its pair only once a packet of a call itself
 * came in on it: its numbers are known to the true client alone.
 */
function isUnproven({ l2tp }: Session, sa: Ikev1Sa): boolean {
  return l2tp !== undefined && l2tp.calls.length > 0 && l2tp.provenUnder !== sa;
}

/** Why a session may have no tunnel yet; undefined: it may. */
function whyNot({ stage, l2tp }: Session): string | undefined {
  if (l2tp) return 'it comes by L2TP, so it has transport mode for UDP 1701 and no tunnel besides';
  switch (stage.awaits) {
    case 'nothing':
      return undefined;
    case 'nobody':
      return "a tunnel is for users who logged in (XAUTH) and for those that 'peers' names";
    case 'configuration':
      return 'it asked for a tunnel before its address (Mode-Config)';
    default:
      return 'it asked for a tunnel before its login (XAUTH) succeeded';
  }
}

/** Whether a fresh pair was made elsewhere than the session's packets go; a port that was learned from them stays. */
function leadsElsewhere(current: EspPath, fresh: EspPath): boolean {
  const moved =
    current.local.address.text !== fresh.local.address.text ||
    current.remote.address.text !== fresh.remote.address.text;
  return moved || current.carrier !== fresh.carrier || (goesWithIke(fresh.carrier) && !samePath(current, fresh));
}
