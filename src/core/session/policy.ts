/** What the administrator allows: the checked configuration as the sessions need it. */
import type { Bytes } from '../bytes/bytes.ts';
import type { CertificateVerifier, OwnCertificate } from '../crypto/certificates.ts';
import type { Phase2Lifetime } from '../ikev1/lifetimes.ts';
import type { IpAddress, Prefix } from '../net/address.ts';
import type { PppMethod } from '../ppp/methods.ts';
import type { Identification } from '../wire/ikev1.ts';

/** A group of remote users who share a secret and what they are given. */
export interface GroupPolicy {
  /** As the client names it; undefined for clients that name none (the top-level `psk`). */
  readonly name: string | undefined;
  /** Undefined: its members prove nothing but themselves, by certificate or by login. */
  readonly psk: Bytes | undefined;
  /** Hybrid authentication: the gateway signs, the user logs in. */
  readonly hybrid: boolean;
  /** Certificates on both sides, then the login. */
  readonly certificates: boolean;
  readonly pool: Prefix;
  readonly dns: readonly IpAddress[];
  readonly domain: string | undefined;
  /** Split tunnel; undefined: everything goes through the tunnel. */
  readonly routes: readonly Prefix[] | undefined;
  readonly banner: string | undefined;
  /** Names that may log in through this group; undefined: every user. */
  readonly users: readonly string[] | undefined;
  readonly maxSessions: number | undefined;
  /** Seconds without a packet from the client, and seconds in all, after which a session ends; undefined: never. */
  readonly idleTimeout: number | undefined;
  readonly sessionTimeout: number | undefined;
}

/** A peer that may have a tunnel without a user, known by the identity it proves with its own secret. */
export interface PeerPolicy {
  /** An address or a name, as its ID payload carries it. */
  readonly id: string;
  /** Undefined: it proves its identity by a certificate that holds it. */
  readonly psk: Bytes | undefined;
  /** The network behind it. */
  readonly inner: Prefix;
}

/** L2TP for clients that know no XAUTH. */
export interface L2tpPolicy {
  /** How users prove their password, the one that is asked for first at the head. */
  readonly methods: readonly PppMethod[];
  /** Windows' name servers. */
  readonly nbns: readonly IpAddress[];
  /** Of tunnels, for clients that ask for one. */
  readonly secret?: Bytes | undefined;
}

export interface GatewayPolicy {
  readonly groups: readonly GroupPolicy[];
  readonly peers: readonly PeerPolicy[];
  /** UDP port of Cisco IPsec over UDP; undefined: off. */
  readonly ciscoUdpPort: number | undefined;
  /** Where flows of Cisco IPsec over TCP are accepted; empty: nowhere. */
  readonly ciscoTcpPorts: readonly number[];
  readonly natT: boolean;
  readonly nativeEsp: boolean;
  /** Undefined: off. */
  readonly l2tp?: L2tpPolicy | undefined;
  /** Lets modp1024, modp1536, 3DES and MD5 in. */
  readonly legacy: boolean;
}

/** All that a reload may change while sessions go on. */
export interface GatewaySettings {
  readonly policy: GatewayPolicy;
  /** For hybrid authentication and certificates; `identity` is what the certificate holds of us. */
  readonly certificate: OwnCertificate | undefined;
  readonly identity: Identification | undefined;
  /** For certificates on both sides. */
  readonly verifier: CertificateVerifier | undefined;
  /** Seconds. */
  readonly phase1Lifetime: number;
  readonly phase2Lifetime: Phase2Lifetime;
  /** Milliseconds; undefined: off. */
  readonly dpd: { readonly idle: number; readonly timeout: number } | undefined;
}
