/**
 * What goes through the rings. A record is a head as JSON and a raw body; keys and IKE messages are bodies, so they are
 * never in a string and are wiped with the record.
 *
 *     | head length, 16 bits | head | body |
 */
import type { Bytes } from '../core/bytes/bytes.ts';
import type { IkeCarrier } from '../core/carrier/ike-path.ts';
import type { EspSuite } from '../core/crypto/algorithms.ts';
import type { EspCarrier } from '../core/esp/sa.ts';
import type { PppCall } from '../core/wire/l2tp.ts';
import type { FlowEnd } from './dataplane.ts';
import type { Ring } from './ring.ts';

/** Addresses as text, as everywhere in a head. */
export interface EndpointText {
  readonly address: string;
  readonly port: number;
}

/** How the worker sends to a peer: through one of its sockets, from `local`, which matters where it is bound to any. */
export interface SocketPath {
  readonly socket: number;
  readonly local: string;
  /** With cTCP. */
  readonly localPort?: number;
  readonly remote: EndpointText;
}

/** Main thread to worker. */
export type Command =
  | { readonly type: 'send-ike'; readonly path: SocketPath; readonly nonEspMarker: boolean }
  | {
      readonly type: 'open-session';
      readonly slot: number;
      readonly generation: number;
      readonly id: number;
      readonly inner: string | undefined;
      readonly path: SocketPath;
    }
  /** `host`: the slot of the session whose SAs it shares. */
  | { readonly type: 'join-session'; readonly slot: number; readonly generation: number; readonly host: number }
  | {
      readonly type: 'bind-call';
      readonly slot: number;
      readonly generation: number;
      readonly inner: string;
      readonly call: PppCall;
    }
  | { readonly type: 'unbind-call'; readonly slot: number }
  | { readonly type: 'open-flow'; readonly path: SocketPath }
  | { readonly type: 'close-flow'; readonly path: SocketPath }
  | { readonly type: 'move-path'; readonly slot: number; readonly path: SocketPath }
  | {
      /** The body is the cipher's key, the salt and the integrity key, one after the other. */
      readonly type: 'install-sa';
      readonly slot: number;
      readonly direction: 'in' | 'out';
      readonly spi: number;
      readonly suite: EspSuite;
      readonly transport: boolean;
      readonly localSelector: string;
      readonly remoteSelector: string;
      readonly softBytes: number | undefined;
      readonly lengths: readonly [encryption: number, salt: number, integrity: number];
    }
  | { readonly type: 'remove-sa'; readonly slot: number; readonly direction: 'in' | 'out'; readonly spi: number }
  /** The body is an L2TP message. */
  | { readonly type: 'send-l2tp'; readonly slot: number; readonly port: number }
  /** The body is a whole IPv4 packet. */
  | { readonly type: 'send-inner'; readonly slot: number }
  | { readonly type: 'close-session'; readonly slot: number }
  | { readonly type: 'stop' };

/** Worker to main thread. */
export type Report =
  | {
      readonly type: 'ike';
      readonly carrier: IkeCarrier;
      readonly local: EndpointText;
      readonly remote: EndpointText;
    }
  | {
      readonly type: 'path-change';
      readonly id: number;
      readonly carrier: EspCarrier;
      readonly local: EndpointText;
      readonly remote: EndpointText;
    }
  | { readonly type: 'flow-opened'; readonly local: EndpointText; readonly remote: EndpointText }
  | {
      readonly type: 'flow-closed';
      readonly reason: FlowEnd;
      readonly local: EndpointText;
      readonly remote: EndpointText;
    }
  /** After `close-flow`: nothing more is sent by it. */
  | { readonly type: 'flow-left'; readonly local: EndpointText; readonly remote: EndpointText }
  | { readonly type: 'rekey-needed'; readonly id: number; readonly spi: number }
  /** The body is an L2TP message from that UDP port. */
  | { readonly type: 'l2tp'; readonly id: number; readonly port: number }
  | { readonly type: 'first-packet'; readonly id: number; readonly spi: number }
  | {
      readonly type: 'unknown-spi';
      readonly carrier: EspCarrier;
      readonly local: EndpointText;
      readonly remote: EndpointText;
      readonly spi: number;
    };

export interface Message<Head> {
  readonly head: Head;
  /** Points into the ring: gone when the record is released. */
  readonly body: Bytes;
}

/** Puts a record into the ring; false, counted there, when it is full. */
export function putMessage(ring: Ring, head: Command | Report, body: readonly Bytes[], room: RoomFinder): boolean {
  // addresses, numbers and our own words: ASCII
  const text = JSON.stringify(head);
  let length = 2 + text.length;
  for (const part of body) length += part.length;
  let at = room(ring, length);
  if (at < 0) {
    ring.countDrop();
    return false;
  }
  ring.bytes[at] = text.length >> 8;
  ring.bytes[at + 1] = text.length;
  ring.text.write(text, at + 2, 'latin1');
  at += 2 + text.length;
  for (const part of body) {
    ring.bytes.set(part, at);
    at += part.length;
  }
  ring.publish();
  return true;
}

/** How putMessage finds room: at once, at once with a reserve for others, or waiting. */
export type RoomFinder = (ring: Ring, length: number) => number;

/** The record at `at`, as peek returned it. Written by this program, so nothing is checked. */
export function messageAt<Head extends Command | Report>(ring: Ring, at: number): Message<Head> {
  const { bytes } = ring;
  const headLength = (bytes[at]! << 8) | bytes[at + 1]!;
  const bodyAt = at + 2 + headLength;
  return {
    head: JSON.parse(ring.text.toString('latin1', at + 2, bodyAt)) as Head,
    body: bytes.subarray(bodyAt, at + ring.lengthAt(at)),
  };
}
