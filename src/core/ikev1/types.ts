/** What an ISAKMP SA is given and what it tells: its environment, its events, the values that cross its border. */
import type { Bytes } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { CertificateVerifier, OwnCertificate } from '../crypto/certificates.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspKeys } from '../esp/sa.ts';
import type { PeerTraits } from '../ike/vendor-ids.ts';
import type { Endpoint } from '../net/address.ts';
import type { Instant } from '../net/time.ts';
import type { Attribute, Identification } from '../wire/ikev1.ts';
import type { Phase2Lifetime } from './lifetimes.ts';
import type { Phase1Suite } from './phase1-proposal.ts';
import type { Phase2Suite } from './phase2-proposal.ts';
import type { Selector } from './selector.ts';

export type Role = 'initiator' | 'responder';

/** The kinds of phase 1 authentication, whatever the number and with or without XAUTH behind it. */
export type AuthenticationKind = 'psk' | 'signatures' | 'hybrid';

/** How a known client speaks where the protocol leaves it free. */
export interface Habits {
  /** In order; those of NAT traversal go out only when it is done. */
  readonly vendorIds: readonly Bytes[];
  readonly nonceLength: number;
  /** Message IDs of quick modes that we begin: random, or a first one and then counting up. */
  readonly quickModeIds: 'random' | { readonly first: number };
}

/** What may prove the peer, and whose it is if it does. */
export interface Credential {
  /** Of no account with signatures and hybrid. */
  readonly psk: Bytes;
  /** Whether it may prove that identity. */
  accepts(identity: Identification): boolean;
  /** The owner's own object, handed back with the `established` event. */
  readonly subject: unknown;
  /** False: made up for an unknown identity, so that it is refused exactly as a wrong secret is. */
  readonly known: boolean;
  /** For the log, why it isn't known; absent: nobody has that name. */
  readonly unknownBecause?: string | undefined;
}

/** What a quick mode asks for; selectors from the gateway's view. */
export interface Phase2Request {
  readonly local: Selector;
  readonly remote: Selector;
  /** Over which it asks: the SA follows when the exchange is over, and not before. */
  readonly path: IkePath;
}

export interface Phase2Grant {
  /** Our inbound SPI. */
  readonly spi: number;
  /** Encapsulation modes that the path allows. */
  readonly modes: readonly number[];
  readonly lifetime: Phase2Lifetime;
}

/** Decisions that are made at once, from what is in memory. */
export interface Ikev1Policy {
  /** Which side of XAUTH and Mode-Config we are, whoever began phase 1. */
  readonly side: 'gateway' | 'client';
  readonly legacy: boolean;
  readonly natTraversal: boolean;
  /** `force` claims a NAT where NAT traversal is agreed on, so that ESP goes in UDP in any case; absent: `detect`. */
  readonly encapsulation?: 'detect' | 'force';
  /** Seconds. */
  readonly phase1Lifetime: number;
  /** Milliseconds of silence after which a peer is asked, and after which it is dead; undefined: never. */
  readonly dpd: { readonly idle: number; readonly timeout: number } | undefined;
  /** The UDP port that NAT traversal floats to: 4500. */
  readonly natTPort: number;
  /** Our own port then, when it isn't the same. */
  readonly ownNatTPort?: number;
  /** Authentication methods served. */
  readonly authentications: readonly number[];
  /** Secrets to try, the likeliest first; never empty in aggressive mode. `identity` is absent in main mode. */
  credentials(kind: AuthenticationKind, identity: Identification | undefined, remote: Endpoint): readonly Credential[];
  /** Our own certificate, for the methods that sign. */
  readonly certificate: OwnCertificate | undefined;
  /** Whom we trust to vouch for peers. */
  readonly verifier: CertificateVerifier | undefined;
  /** What we call ourselves towards a peer on this path. */
  ownIdentity(kind: AuthenticationKind, path: IkePath): Identification;
  /** A refusal is a sentence for the log. */
  authorizePhase2(saId: number, request: Phase2Request): Phase2Grant | { readonly refused: string };
  /** When the peer was last heard inside its tunnels, so that DPD asks only the silent. */
  readonly lastTraffic: (saId: number) => Instant;
}

export interface Ikev1Environment {
  readonly crypto: CryptoProvider;
  readonly policy: Ikev1Policy;
  /** A copy of an initiator's offer to keep, perhaps one that others keep too; absent: each has its own. */
  readonly shareOffer?: (body: Bytes) => Bytes;
}

export interface Phase1Established {
  readonly suite: Phase1Suite;
  readonly exchange: 'main mode' | 'aggressive mode';
  readonly peerIdentity: Identification;
  readonly credential: Credential;
  readonly traits: PeerTraits;
  readonly nat: NatDetected;
}

export interface NatDetected {
  /** The peer is behind a NAT: its NAT-D doesn't match the address we see. */
  readonly remote: boolean;
  readonly local: boolean;
  /** Where we only claim that we are behind one: whether the peer sees us at another address than ours. */
  readonly isTrue?: boolean;
}

/** Both directions of an SA pair that a quick mode made. */
export interface EspPair {
  readonly messageId: number;
  readonly suite: Phase2Suite;
  readonly inbound: { readonly spi: number; readonly keys: EspKeys };
  readonly outbound: { readonly spi: number; readonly keys: EspKeys };
  readonly local: Selector;
  readonly remote: Selector;
  /** The shorter of what both sides want. */
  readonly lifetime: Phase2Lifetime;
  readonly initiatedBy: 'us' | 'peer';
}

export interface EspAbandoned {
  readonly inboundSpi: number;
  /** Inbound SPI of the pair that our own quick mode was to renew. */
  readonly replaces: number | undefined;
  readonly reason: string;
}

export type Ikev1Event =
  | ({ readonly type: 'established' } & Phase1Established)
  /** The gateway's side of XAUTH: the user's answer. Call `finishXauth` or `requestXauth` again. */
  | { readonly type: 'xauth-answered'; readonly userName: string; readonly password: string }
  /** The peer knows that it is in. */
  | { readonly type: 'xauth-finished' }
  /** The client's side: call `answerRequest` with the values asked for. */
  | { readonly type: 'xauth-requested'; readonly messageId: number; readonly attributes: readonly Attribute[] }
  | { readonly type: 'xauth-result'; readonly succeeded: boolean }
  /** The peer asks for its configuration. Call `answerRequest` with the same message ID. */
  | { readonly type: 'configuration-requested'; readonly messageId: number; readonly attributes: readonly Attribute[] }
  /** What the gateway gave, by pull or push. */
  | { readonly type: 'configuration-received'; readonly attributes: readonly Attribute[] }
  | { readonly type: 'configuration-acknowledged' }
  /** The inbound half works from now on; the outbound half only from `esp-established` on. */
  | { readonly type: 'esp-prepared'; readonly pair: EspPair }
  | { readonly type: 'esp-established'; readonly pair: EspPair }
  /** A quick mode that was prepared didn't end. */
  | ({ readonly type: 'esp-abandoned' } & EspAbandoned)
  | { readonly type: 'esp-refused'; readonly reason: string }
  | { readonly type: 'esp-deleted'; readonly spis: readonly number[] }
  | { readonly type: 'initial-contact' }
  | { readonly type: 'path-changed'; readonly path: IkePath }
  /** The peer answered a `probePath`, and over that path. */
  | { readonly type: 'path-answered'; readonly path: IkePath }
  /** The peer asked whether we are there (DPD), and was answered. */
  | { readonly type: 'peer-asked' }
  /** Only `legacy: true` let this in. */
  | { readonly type: 'legacy-used'; readonly what: string }
  | { readonly type: 'rekey-due' }
  /** Something failed and a person should know; the SA may live on. */
  | { readonly type: 'failed'; readonly step: string; readonly reason: string }
  | { readonly type: 'dropped'; readonly reason: DropReason }
  | { readonly type: 'ended'; readonly reason: EndReason; readonly detail: string };

export type EndReason =
  | 'refused'
  | 'timeout'
  | 'deleted by the peer'
  | 'peer is dead'
  | 'lifetime'
  | 'login failed'
  | 'closed';

/** Each has a counter. */
export type DropReason =
  | 'ike_malformed'
  | 'ike_version'
  | 'ike_unexpected_exchange'
  | 'ike_unexpected_payload'
  | 'ike_not_encrypted'
  | 'ike_not_authentic'
  | 'ike_message_id_reused'
  | 'ike_message_id_floor'
  | 'ike_too_many_exchanges'
  | 'ike_late'
  | 'ike_fragment'
  | 'ike_unauthenticated_notify';

export interface Transmit {
  readonly path: IkePath;
  readonly message: Bytes;
}
