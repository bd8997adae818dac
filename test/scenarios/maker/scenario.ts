/** A scenario: what is wrong, which rule has to say so, and how it is played. */
import type { RuleName } from '../rules.ts';
import type { Stage } from './stage.ts';

/** What stands in `NAME.json`; README.md says what each field means. */
export interface Description {
  readonly name: string;
  readonly made: 'real' | 'synthetic';
  readonly peers: readonly string[];
  readonly fault: string;
  readonly seenFrom: string;
  readonly cause: RuleName | null;
  readonly asGood: readonly RuleName[];
  readonly alsoFine: readonly RuleName[];
  readonly nearMissOf: readonly RuleName[];
  readonly keys?: string;
}

type Optional = 'made' | 'asGood' | 'alsoFine' | 'nearMissOf' | 'keys';

export interface Scenario extends Omit<Description, Optional>, Partial<Pick<Description, Exclude<Optional, 'keys'>>> {
  /** Watches the wire (`stage.watch`), puts the fault in, and lets the peers try. */
  readonly play: (stage: Stage) => Promise<void>;
  /** More packets than this are cut off. */
  readonly packets?: number;
  /** Bytes of each packet that are kept; default all. */
  readonly snap?: number;
  /** Done to the packets afterwards; such a scenario is synthetic. */
  readonly edit?: (packets: readonly Packet[]) => readonly Packet[];
}

/** A packet of a capture; `at` in microseconds since the epoch. */
export interface Packet {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export const STRONGSWAN_INITIATOR = 'strongSwan 5.9.8 (initiator)';
export const STRONGSWAN_RESPONDER = 'strongSwan 5.9.8 (responder)';
export const VPNC = 'vpnc 0.5.3r550 (initiator)';
export const OUR_GATEWAY = 'Sallyport (responder)';
export const OUR_CLIENT = 'Sallyport (initiator)';
export const IKE_SCAN = 'ike-scan 1.9.5';
export const SOFTETHER = 'SoftEther 5.01 (responder)';
export const LIBRESWAN = 'Libreswan 4.10 (responder)';
export const L2TP_CLIENT = 'Linux kernel with strongSwan 5.9.8, xl2tpd, pppd (initiator)';
export const KERNEL_GATEWAY = 'Linux kernel with strongSwan 5.9.8 (responder)';

/** Those of strongSwan's that are on both sides of most. */
export const swans = [STRONGSWAN_INITIATOR, STRONGSWAN_RESPONDER];

export const AT_CLIENT = "the client's own device";
export const AT_GATEWAY = "the gateway's device";
export const BEYOND_NAT = "the NAT's outside";
export const BEFORE_NAT = "the client's own device, behind a NAT";

/** What is true of each login by a group's secret. */
export const CISCO_NOTES = ['aggressive-psk-hash', 'group-secret-impersonation'] as const;
