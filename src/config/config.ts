/** The checked configuration of a gateway, every default filled in. */
import type { Endpoint, IpAddress } from '../core/net/address.ts';
import type { GatewayPolicy, GroupPolicy } from '../core/session/policy.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'pretty' | 'json';

export interface GatewayConfig {
  /** The file it came from; undefined: the embedded default. */
  readonly file: string | undefined;
  /** Folder of everything that outlives the process. */
  readonly state: string;
  /** Undefined: all addresses, IPv4 and IPv6. */
  readonly listen: readonly IpAddress[] | undefined;
  readonly ports: { readonly ike: number; readonly natT: number };
  readonly tun: string;
  /** Of the TUN, bytes. */
  readonly mtu: number;
  /** What a group is given that doesn't say otherwise. The gateway's own address inside is the first of this pool. */
  readonly given: Given;
  readonly policy: GatewayPolicy;
  /** The gateway's certificate with its key; undefined: it proves itself by pre-shared keys alone. */
  readonly certificate: CertificateFiles | undefined;
  /** What the gateway calls itself with its certificate; undefined: the first name in it. */
  readonly identity: string | undefined;
  /** Files of the authorities that vouch for clients and peers, and of their revocation lists. */
  readonly authorities: readonly string[];
  readonly crls: readonly string[];
  readonly lifetimes: Lifetimes;
  /** Undefined: dead peers are not looked for. */
  readonly dpd: DeadPeerDetection | undefined;
  readonly nat: NatMode;
  readonly clientToClient: boolean;
  /** Folder for Wireshark's decryption tables; undefined: keys are written nowhere. */
  readonly keylog: string | undefined;
  /** Where Prometheus may fetch metrics, a loopback address; undefined: nowhere but at the control socket. */
  readonly metrics: Endpoint | undefined;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/** PEM files, or one PKCS#12 file with the file that holds its password. */
export type CertificateFiles =
  | { readonly chain: string; readonly key: string }
  | { readonly pkcs12: string; readonly passwordFile: string };

export type Given = Pick<
  GroupPolicy,
  'pool' | 'dns' | 'domain' | 'routes' | 'banner' | 'idleTimeout' | 'sessionTimeout'
>;

/** The longest that we agree to; a client may ask for less. */
interface Lifetimes {
  readonly phase1Seconds: number;
  readonly phase2Seconds: number;
  /** Undefined: no limit by volume of our own. */
  readonly phase2Kilobytes: number | undefined;
}

export interface DeadPeerDetection {
  /** Silence after which the peer is asked. */
  readonly idleSeconds: number;
  /** Silence after which the session ends. */
  readonly timeoutSeconds: number;
}

/** `if-possible`: without nft the gateway warns and goes on. */
type NatMode = 'off' | 'required' | 'if-possible';

export const DEFAULTS = {
  state: '/var/lib/sallyport',
  ikePort: 500,
  natTPort: 4500,
  ciscoUdpPort: 10000,
  tun: 'sp0',
  /** Fits 1500 bytes with NAT-T and any suite over IPv4, and with all but SHA2-384 and SHA2-512 over IPv6. */
  mtu: 1400,
  pool: '10.77.0.0/24',
  phase1Seconds: 86400,
  phase2Seconds: 28800,
  dpdIdleSeconds: 30,
  dpdTimeoutSeconds: 120,
  l2tpMethods: ['pap', 'ms-chap-v2'],
  logLevel: 'info',
  logFormat: 'pretty',
} as const;

/** Whether nobody can log in yet: then the gateway makes a first group and user of its own. */
export function namesNobody(config: GatewayConfig): boolean {
  return config.policy.groups.length === 0 && config.policy.peers.length === 0;
}

/** The configuration with one more group, given what the top level gives. */
export function withGroup(config: GatewayConfig, name: string, psk: Uint8Array): GatewayConfig {
  const group = {
    ...config.given,
    name,
    psk,
    hybrid: false,
    certificates: false,
    users: undefined,
    maxSessions: undefined,
  };
  return { ...config, policy: { ...config.policy, groups: [...config.policy.groups, group] } };
}
