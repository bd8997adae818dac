/** All that a probe learnt of a gateway: what findings and words are made of, and what `--json` prints. */
import type { Suite } from '../../core/diagnosis/offer.ts';
import type { ProbePacket } from './packet-log.ts';

export type Port = 'udp/500' | 'udp/4500' | 'tcp/4500' | 'tcp/10000';

export interface PortSight {
  readonly port: Port;
  /**
   * `answers`: what was asked for; `open`: TCP connects, and nothing more came; `refused`: ICMP or RST, so nobody listens;
   * `failed`: another error, see `code`; `silent`: nothing came.
   */
  readonly state: 'answers' | 'open' | 'refused' | 'failed' | 'silent';
  /** "IKEv1 main mode", "IKEv2", "Cisco IPsec over TCP" */
  readonly speaks: readonly string[];
  /** Milliseconds to the first answer. */
  readonly after: number | undefined;
  readonly code: string | undefined;
  /** The packet that shows it. */
  readonly packet: number;
}

export interface AddressSight {
  readonly address: string;
  readonly ports: readonly PortSight[];
  /** What UDP 4500 said to IKE without the non-ESP marker; undefined: not asked, as it answers with it. */
  readonly unmarked: PortSight | undefined;
}

/** One offer and what came of it. */
export interface Taken {
  readonly offer: string;
  /** Undefined: refused. */
  readonly suite: Suite | undefined;
  readonly packet: number;
}

export interface Ikev1Sight {
  readonly taken: readonly Taken[];
  readonly aggressive: AggressiveSight;
  readonly fragmentation: boolean;
  readonly natTraversal: boolean;
  readonly xauth: boolean;
  /** It serves main mode. */
  readonly main: boolean;
}

export interface AggressiveSight {
  /** `hash`: it proved itself by the secret to an invented group; `answers`: it answered without such a proof. */
  readonly state: 'hash' | 'answers' | 'refused' | 'silent';
  readonly suite: Suite | undefined;
  readonly packet: number;
}

export interface Ikev2Sight {
  /** What it chose of everything; undefined: it refused, or the time was up. */
  readonly suite: Suite | undefined;
  readonly refusal: string | undefined;
  readonly groups: readonly string[];
  readonly ciphers: readonly string[];
  readonly integrities: readonly string[];
  /** Of what nobody should take: des, modp768. */
  readonly broken: readonly string[];
  readonly fragmentation: boolean;
  readonly packet: number;
}

export type NatState = 'none' | 'present' | 'unknown';

export interface NatSight {
  /** Between us and the gateway's sight of us. */
  readonly ours: NatState;
  /** The gateway's own; `present` also when it pretends, to have ESP in UDP. */
  readonly theirs: NatState;
  readonly packet: number;
}

export interface LargeSight {
  /** Of the UDP payload that was tried. */
  readonly bytes: number;
  readonly passes: boolean;
  readonly packet: number;
}

export interface LimitSight {
  readonly asked: number;
  readonly unanswered: number;
  /** How often it asked for a cookie first. */
  readonly cookies: number;
  /** The first question that stayed without answer. */
  readonly packet: number | undefined;
}

export interface GatewaySight {
  /** Of the addresses the one that was asked further, and by which port. */
  readonly address: string;
  readonly port: Port;
  readonly name: GatewayName | undefined;
  readonly vendorIds: readonly string[];
  readonly ikev1: Ikev1Sight | undefined;
  readonly ikev2: Ikev2Sight | undefined;
  readonly nat: NatSight;
  readonly large: LargeSight | undefined;
  readonly limits: LimitSight;
  /** Milliseconds from its first answer to each time that it sent the same by itself. */
  readonly resends: readonly number[];
}

export interface GatewayName {
  readonly name: string;
  /** It says so itself; else it is guessed from what it can do and in which order it says it. */
  readonly isCertain: boolean;
}

export interface Survey {
  readonly host: string;
  readonly addresses: readonly AddressSight[];
  /** Undefined: nobody answered. */
  readonly gateway: GatewaySight | undefined;
  /** False: the time was up before all was asked. */
  readonly isComplete: boolean;
  readonly packets: readonly ProbePacket[];
}
