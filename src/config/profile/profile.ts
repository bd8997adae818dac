/** What a client needs to know to dial a gateway, from whichever format it was read, every default filled in. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { DhGroup } from '../../core/crypto/algorithms.ts';
import type { Prefix } from '../../core/net/address.ts';
import { CARRIERS, type Carrier, type CarrierPorts } from '../../core/openings/openings.ts';
import type { PersonaName } from '../../core/personas/persona.ts';
import type { PppMethod } from '../../core/ppp/methods.ts';
import type { CertificateFiles, DeadPeerDetection } from '../config.ts';

const PROFILE_FORMATS = ['pcf', 'vpnc', 'yaml'] as const;
export type ProfileFormat = (typeof PROFILE_FORMATS)[number];

export type CarrierChoice = 'auto' | Carrier;
export const CARRIER_CHOICES: readonly CarrierChoice[] = ['auto', ...CARRIERS];

export const ON_LOSS = ['block', 'open'] as const;
export type OnLoss = (typeof ON_LOSS)[number];

export interface Profile {
  /** The file's name without its extension: letters, digits, dots, dashes and underscores, at most 64. */
  readonly name: string;
  readonly file: string;
  readonly format: ProfileFormat;
  /** Host names and addresses in the order of trial; at least one. */
  readonly gateways: readonly string[];
  readonly exchange: 'aggressive' | 'main';
  readonly authentication: 'psk' | 'hybrid' | 'certificate';
  /** Whether the user logs in after phase 1. */
  readonly xauth: boolean;
  /** Whether packets go through L2TP in transport mode, where PPP asks for the user: never with `xauth`. */
  readonly l2tp: boolean;
  /** How PPP may prove the password; undefined: as the gateway asks. Never empty. */
  readonly pppMethods: readonly PppMethod[] | undefined;
  /** Of L2TP's tunnel: the gateway has to know it, too. */
  readonly tunnelSecret: Bytes | undefined;
  /** The group's name, or the ID that we prove; undefined: the certificate's subject, or our address. */
  readonly identity: string | undefined;
  /** With `psk` always there; with `hybrid` some formats have one, which proves nothing. */
  readonly psk: Bytes | undefined;
  /** Ours; with `certificate` always there. */
  readonly certificate: CertificateFiles | undefined;
  /** Files of the authorities that vouch for the gateway; with `hybrid` and `certificate` at least one. */
  readonly authorities: readonly string[];
  /** One of them the gateway's certificate must name: as the file says, else what is dialled. */
  readonly gatewayIdentities: readonly string[];
  /** Saved in the profile; undefined: asked for. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** XAUTH's domain (attribute 16526). */
  readonly domain: string | undefined;
  /** False: what isn't given is an error, not a question. */
  readonly mayAsk: boolean;
  readonly carrier: CarrierChoice;
  /** The gateway's. `ciscoUdp` undefined: as it says in Mode-Config. */
  readonly ports: CarrierPorts;
  /** What goes through the tunnel; undefined: what the gateway says, and everything if it says nothing. */
  readonly routes: readonly Prefix[] | undefined;
  /** What quick mode asks for as the remote network; undefined: everything. */
  readonly target: Prefix | undefined;
  /** Whether the gateway's DNS servers are taken; split: only for the domains that it names for them. */
  readonly dns: boolean;
  readonly splitDns: boolean;
  /** In a full tunnel: whether the networks that we sit in stay reachable. */
  readonly localLan: boolean;
  /** What happens to tunnelled networks while there is no tunnel. */
  readonly onLoss: OnLoss;
  /** Undefined: ourselves. */
  readonly persona: PersonaName | undefined;
  /** What we call ourselves in Mode-Config; undefined: as the persona does. */
  readonly applicationVersion: string | undefined;
  /** Whether modp1024, modp1536, 3DES and MD5 may be offered. */
  readonly legacy: boolean;
  /** Of phase 1; undefined: as the persona offers. */
  readonly dhGroup: DhGroup | undefined;
  /** Of phase 2; `gateway`: whether there is one is what it says in Mode-Config. */
  readonly pfs: DhGroup | 'off' | 'gateway';
  /** Undefined: dead gateways are not looked for. */
  readonly dpd: DeadPeerDetection | undefined;
  /** Undefined: a free one is taken. */
  readonly tun: string | undefined;
  /** Of the TUN, bytes; undefined: what fits the carrier. */
  readonly mtu: number | undefined;
}

export const PROFILE_DEFAULTS = {
  carrier: 'auto',
  ikePort: 500,
  natTPort: 4500,
  ciscoTcpPort: 10000,
  onLoss: 'block',
  /** A laptop loses its network often, and the user waits. */
  dpdIdleSeconds: 20,
  dpdTimeoutSeconds: 60,
} as const;
