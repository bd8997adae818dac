/** What the client without its sockets is given, and what it tells whoever has them. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { DhGroup } from '../../crypto/algorithms.ts';
import type { CertificateVerifier, OwnCertificate } from '../../crypto/certificates.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import type { EspCarrier, EspPath, EspSa } from '../../esp/sa.ts';
import type { Phase2Lifetime } from '../../ikev1/lifetimes.ts';
import type { InitiatorIntent } from '../../ikev1/phase1.ts';
import type { QuickModeIntent } from '../../ikev1/quick-mode.ts';
import type { DropReason } from '../../ikev1/types.ts';
import type { L2tpDrop } from '../../l2tp/tunnel-end.ts';
import type { Endpoint, IpAddress, Prefix } from '../../net/address.ts';
import type { Instant } from '../../net/time.ts';
import type { CarrierFailure } from '../../openings/missing.ts';
import type { CarrierPorts } from '../../openings/openings.ts';
import type { Persona } from '../../personas/persona.ts';
import type { PppDrop } from '../../ppp/link-end.ts';
import type { PppMethod } from '../../ppp/methods.ts';
import type { Identification } from '../../wire/ikev1.ts';
import type { PppCall } from '../../wire/l2tp.ts';
import type { GivenConfiguration } from './configuration.ts';
import type { LoginQuestion } from './xauth-dialogue.ts';

export interface ClientPorts {
  /** Ours, as the dataplane got them. */
  readonly local: { readonly ike: number; readonly natT: number; readonly ciscoUdp: number };
  readonly remote: CarrierPorts;
}

/** How to enter a gateway. */
export interface ClientOptions {
  readonly crypto: CryptoProvider;
  /** Names or addresses, tried in this order. */
  readonly gateways: readonly string[];
  readonly exchange: 'main' | 'aggressive';
  readonly intent: Omit<InitiatorIntent, 'identity'>;
  /** What we call ourselves at our address `local`. */
  readonly identity: (local: IpAddress) => Identification;
  /** How the gateway asks who the user is. With `l2tp` packets go through a call in transport mode, and PPP asks. */
  readonly login: 'xauth' | 'l2tp' | 'none';
  readonly certificate: OwnCertificate | undefined;
  readonly verifier: CertificateVerifier | undefined;
  readonly legacy: boolean;
  /** What quick mode offers, by encapsulation mode and the group of PFS that the gateway asks for, if it does. */
  readonly phase2: (
    mode: number,
    group: DhGroup | undefined,
  ) => Pick<QuickModeIntent, 'suites' | 'lifetime' | 'proposals'>;
  /** Allowed carriers, the best first. */
  readonly carriers: readonly EspCarrier[];
  readonly ports: ClientPorts;
  readonly persona: Persona;
  /** Said in Mode-Config; undefined: as the persona does. */
  readonly applicationVersion: string | undefined;
  /** Networks to reach through the tunnel, instead of those that the gateway names. */
  readonly routes: readonly Prefix[] | 'all' | undefined;
  /** Saved name and password, used once before a person is asked. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly domain: string | undefined;
  /** How PPP may prove the password; absent: as the gateway asks. */
  readonly pppMethods?: readonly PppMethod[] | undefined;
  /** Of L2TP's tunnel: the gateway has to know it, too. */
  readonly tunnelSecret?: Bytes | undefined;
  /** Milliseconds of silence after which the gateway is asked whether it is there. */
  readonly idle: number;
  /** When an authentic packet last came in through the tunnel; 0: never. */
  readonly lastTraffic: () => Instant;
}

/** Where a gateway is, and from which of our addresses it is reached. */
export interface Location {
  readonly gateway: IpAddress;
  readonly local: IpAddress;
  /** What worked in this network the last time. */
  readonly remembered: EspCarrier | undefined;
  /** The gateway's name has further addresses. */
  readonly hasMore?: boolean;
}

export function samePlace(a: Location, b: Location): boolean {
  return a.gateway.text === b.gateway.text && a.local.text === b.local.text;
}

/** All that is known of a tunnel that stands. */
export interface TunnelUp {
  readonly carrier: EspCarrier;
  readonly gateway: string;
  readonly remote: Endpoint;
  readonly given: GivenConfiguration;
  /** What goes through the tunnel. */
  readonly routes: readonly Prefix[] | 'all';
  readonly phase1: string;
  readonly esp: string;
}

/** What a tunnel's life hangs on, for who watches one. */
export interface TunnelVitals {
  /** When phase 1 ends, if it isn't renewed. */
  readonly phase1EndsAt: Instant | undefined;
  /** Of the pair in use, as agreed. */
  readonly espLifetime: Phase2Lifetime | undefined;
  /** The gateway can be asked whether it is there. */
  readonly answersDpd: boolean;
  /** The gateway sees us at another address than ours. */
  readonly isBehindNat: boolean;
}

export type ClientFailure =
  /** No carrier's way is open. */
  | {
      readonly kind: 'blocked';
      readonly gateway: string;
      readonly reason: string;
      readonly failures: readonly CarrierFailure[];
    }
  /** The gateway, or we, refused: the same again would end the same. `ended`: a tunnel stood, and its user is let in no more. */
  | { readonly kind: 'refused' | 'login' | 'ended' | 'silent'; readonly reason: string };

/** The one session of a client, as the dataplane knows it. */
export const CLIENT_SESSION = 1;

export type ClientEvent =
  /** Find an address of the gateway's but `tried` and ours towards it, then call `located` with the same id. */
  | { readonly type: 'locate'; readonly requestId: number; readonly gateway: string; readonly tried: readonly string[] }
  /** Open a cTCP flow, then call `handleFlow` with the same id. */
  | { readonly type: 'open-flow'; readonly flowId: number; readonly local: IpAddress; readonly remote: Endpoint }
  | { readonly type: 'close-flow'; readonly flowId: number }
  /** Ask the user, then call `answer` with the same id: one text a question. */
  | {
      readonly type: 'ask';
      readonly requestId: number;
      /** The gateway's. */
      readonly words: string | undefined;
      readonly questions: readonly LoginQuestion[];
    }
  /** `inner` undefined: nothing before `bind-call`. */
  | { readonly type: 'open-session'; readonly id: number; readonly inner: Prefix | undefined; readonly path: EspPath }
  | { readonly type: 'install-sa'; readonly sa: EspSa }
  | { readonly type: 'remove-sa'; readonly sessionId: number; readonly direction: 'in' | 'out'; readonly spi: number }
  | { readonly type: 'move-path'; readonly id: number; readonly path: EspPath }
  | { readonly type: 'close-session'; readonly id: number }
  /** Send an L2TP message through it, to that UDP port. */
  | { readonly type: 'send-l2tp'; readonly id: number; readonly port: number; readonly message: Uint8Array }
  /** L2TP's call is up: packets go through it. */
  | { readonly type: 'bind-call'; readonly id: number; readonly inner: Prefix; readonly call: PppCall }
  /** Send an IP packet of ours through the tunnel. */
  | { readonly type: 'send-inner'; readonly id: number; readonly packet: Uint8Array }
  | { readonly type: 'trying'; readonly gateway: string; readonly carriers: readonly EspCarrier[] }
  /** Set up the host's network for it: also when it was up before, with other addresses perhaps. */
  | { readonly type: 'up'; readonly tunnel: TunnelUp; readonly failures: readonly CarrierFailure[] }
  | { readonly type: 'carrier-changed'; readonly from: EspCarrier; readonly tunnel: TunnelUp; readonly reason: string }
  /** Phase 1 it is always us who renew: a login is ours to begin. */
  | { readonly type: 'rekeyed'; readonly phase: 1 | 2; readonly suite: string; readonly begunBy: 'us' | 'peer' }
  /** DPD: we asked whether the gateway is there, it answered, or it asked us and was answered. */
  | { readonly type: 'liveness'; readonly what: 'asked' | 'answered' | 'was asked' }
  /** The tunnel stands no more; another is begun at `at`. */
  | { readonly type: 'reconnecting'; readonly reason: string; readonly at: Instant }
  | { readonly type: 'notice'; readonly text: string }
  /** It is over; nothing follows. */
  | { readonly type: 'down'; readonly failure: ClientFailure | undefined }
  | { readonly type: 'dropped'; readonly reason: DropReason | L2tpDrop | PppDrop | 'ike_unknown_cookies' };
