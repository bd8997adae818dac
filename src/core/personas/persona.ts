/**
 * A persona: what a known client says in IKEv1, so that a gateway that listens for it hears it. It is data, as numbers of the
 * registries; what Sallyport can't do is offered in phase 1 where the client does so (it shapes the message that
 * gateways look at, and choosing it is refused), but never in phase 2, where a gateway might choose it.
 */
import type { Bytes } from '../bytes/bytes.ts';

export type PersonaName = 'sallyport' | 'cisco-4.0' | 'windows-xp' | 'windows-vista' | 'windows-11' | 'macos';

export interface Persona {
  readonly name: PersonaName;
  /** In the order of message 1; those of NAT traversal go out only when it is done. */
  readonly vendorIds: readonly Bytes[];
  readonly phase1: {
    /** In the client's order, without the authentication method. */
    readonly offers: readonly Phase1OfferItem[];
    /** With XAUTH: whether each offer is followed by itself without XAUTH, for a gateway that asks for none. */
    readonly alsoWithoutXauth?: boolean;
    /** Number of the first transform. */
    readonly firstTransform: number;
    /** `Phase1Attribute` numbers in the order in which a transform has them. */
    readonly attributes: readonly number[];
    /** Seconds. */
    readonly lifetime: number;
    /** Bytes of a number that a basic attribute could hold: some send four all the same. */
    readonly lifetimeLength?: 4;
  };
  readonly phase2: {
    readonly mode: 'tunnel' | 'transport';
    readonly offers: readonly Phase2OfferItem[];
    /** Whether each offer is a proposal of its own, or all are transforms of one. */
    readonly separateProposals: boolean;
    /** `Phase2Attribute` numbers in order; life type and duration once for each kind of lifetime. */
    readonly attributes: readonly number[];
    readonly lifetime: { readonly seconds: number; readonly kilobytes: number | undefined };
    readonly lifetimeLength?: 4;
  };
  readonly nonceLength: number;
  /** Of quick modes: random, or a first one and then counting up. */
  readonly quickModeIds: 'random' | { readonly first: number };
  /** Of clients that speak Mode-Config. */
  readonly configuration?: {
    /** Attributes asked for, in order. */
    readonly attributes: readonly number[];
    readonly applicationVersion: string | undefined;
  };
}

export interface Phase1OfferItem {
  /** `Phase1Encryption` */
  readonly encryption: number;
  /** With AES. */
  readonly keyBits?: number;
  /** `Phase1Hash` */
  readonly hash: number;
  readonly group: number;
}

export interface Phase2OfferItem {
  /** `EspTransform` */
  readonly transform: number;
  readonly keyBits?: number;
  /** `EspAuthentication`; absent with GCM. */
  readonly authentication?: number;
}
