/** What all clients of the load generator have in common. The owner gives them datagrams and time. */
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import type { DhGroup } from '../../src/core/crypto/algorithms.ts';
import type { Instant } from '../../src/core/net/time.ts';

/** Of a group, by aggressive mode and XAUTH; or without a user, by main mode, with its own address inside. */
export type CiscoWho =
  | { readonly group: string; readonly user: string; readonly password: string }
  | { readonly peer: string };
/** By main mode, L2TP and MS-CHAPv2. */
export interface CallerWho {
  readonly caller: string;
  readonly password: string;
}

export interface Account<Who = CiscoWho | CallerWho> {
  readonly psk: string;
  readonly who: Who;
}

export interface ClientSettings {
  readonly gateway: string;
  readonly dhGroup: DhGroup;
  /** Seconds. */
  readonly phase1Lifetime: number;
  readonly phase2Lifetime: number;
}

/** Sends to port 500 or 4500 of the gateway; what goes to the latter is marked or ESP. */
export type Send = (datagram: Bytes, port: number) => void;
/** Hears once that the tunnel is up, or why not; then, if it comes to that, of its end. */
export type Settled = (error?: string) => void;

export interface Client {
  readonly isUp: boolean;
  /** Answers to its pings. */
  readonly echoes: number;
  readonly rekeys: number;
  /** Begins phase 1: the first, or a renewal. */
  begin(now: Instant): void;
  /** Another ESP pair in place of the one in use. */
  rekey(now: Instant): void;
  /** Pings the LAN. */
  ping(): void;
  /** Takes its leave. */
  hangUp(now: Instant): void;
  /** Forgets all without a word. */
  die(): void;
  pollTimeout(): Instant | undefined;
  handleTimeout(now: Instant): void;
  /** Whether that names a phase 1 of its own. */
  knows(initiatorCookie: string): boolean;
  handleIke(message: Bytes, port: number, now: Instant): void;
  /** False: it is not for its newest pair. */
  handleEsp(packet: Bytes, now: Instant): boolean;
}
