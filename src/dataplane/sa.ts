/** The worker's SAs: what a packet needs at hand, in one object a direction. */
import type { PacketOpener, PacketSealer } from './cipher.ts';
import type { Net4 } from './net4.ts';
import type { ReplayWindow } from './replay.ts';

export interface InboundSa {
  readonly spi: number;
  readonly opener: PacketOpener;
  /** Transport mode: UDP, L2TP and PPP lead the inner packet. */
  readonly transport?: boolean;
  readonly window: ReplayWindow;
  /** Slot of its session. */
  readonly slot: number;
  readonly localSelector: Net4;
  readonly remoteSelector: Net4;
  /** The first authentic packet was reported. */
  used: boolean;
}

export interface OutboundSa {
  readonly spi: number;
  readonly sealer: PacketSealer;
  readonly transport?: boolean;
  readonly slot: number;
  readonly localSelector: Net4;
  readonly remoteSelector: Net4;
  /** Of the last packet sent; 0: none yet. */
  sequence: number;
  /** Inner bytes sent. */
  bytes: number;
  /** Infinity: never by volume. */
  readonly softBytes: number;
  rekeyAsked: boolean;
  /** The most that one packet may carry on the path: an inner packet, with L2TP behind its headers. Follows path and MTU. */
  maxContent: number;
}

/** Length of the ESP packet around `inner` bytes. */
export function sealedLength(sealer: PacketSealer, inner: number): number {
  const block = sealer.blockLength - 1;
  return ESP_HEADER + sealer.ivLength + ((inner + TRAILER + block) & ~block) + sealer.icvLength;
}

/** The largest inner packet whose ESP packet has at most `sealed` bytes. */
export function largestInner(sealer: PacketSealer, sealed: number): number {
  const content = sealed - ESP_HEADER - sealer.ivLength - sealer.icvLength;
  return content - (content % sealer.blockLength) - TRAILER;
}

export const NEXT_HEADER_IPV4 = 4;
export const NEXT_HEADER_UDP = 17;

export const ESP_HEADER = 8;
/** Pad length and next header. */
export const TRAILER = 2;
