/**
 * Packets that go on in the next TCP segment: of each direction of a connection that is known to carry IPsec, where it goes on
 * and what of a packet was there already.
 */
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { CTCP_TRAILER } from '../wire/ctcp.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { Sighting } from './sighting.ts';
import {
  hasCiscoTrailer,
  hasStreamPrefix,
  type TcpPacket,
  type Unpacked,
  unpackCisco,
  unpackStream,
} from './tcp-payload.ts';

/** Our own limits: directions remembered at a time, and bytes of a packet that isn't whole (RFC 9329: its length has 16 bits). */
export const MAX_STREAMS = 256;
export const MAX_REST = 0xffff;

/** Cisco's IPsec over TCP; the stream of RFC 9329. */
export type TcpKind = 'cisco' | 'stream';

interface Stream {
  readonly kind: TcpKind;
  /** Where it goes on. */
  readonly next: number;
  readonly rest: Bytes;
  /** What was passed by last, as what is behind it came first: it may come late, or be sent again. */
  readonly missed?: Pick<Stream, 'next' | 'rest'> | undefined;
}

export class TcpStreams {
  /** The one seen longest ago first. */
  readonly #streams = new Map<string, Stream>();

  /**
   * All packets that are whole with this segment. `guess`: what the connection carries, as far as its port tells.
   * @returns undefined: nothing shows that it carries any
   */
  take(sighting: Sighting, guess: TcpKind | undefined): { kind: TcpKind; packets: readonly TcpPacket[] } | undefined {
    const { payload, length, tcp } = sighting;
    const name = nameOf(sighting);
    const known = this.#streams.get(name);
    const kind = hasStreamPrefix(payload) ? 'stream' : (known?.kind ?? this.#kindOf(sighting) ?? guess);
    if (kind === undefined) return undefined;
    const sequence = tcp?.sequence ?? 0;
    if (((tcp?.flags ?? 0) & TcpFlag.SYN) !== 0) {
      this.#keep(name, { kind, next: (sequence + 1) >>> 0, rest: EMPTY });
      return { kind, packets: [] };
    }
    if (length === 0) return { kind, packets: [] };
    const ahead = known ? (sequence - known.next) | 0 : undefined;
    if (known && ahead !== undefined && ahead < 0 && ahead + length <= 0)
      return { kind, packets: this.#takeLate(name, { ...known, kind }, sighting) };
    const isNext = known !== undefined && ahead !== undefined && ahead <= 0;
    const fresh = isNext ? payload.subarray(-ahead) : payload;
    const begun = isNext ? known.rest : EMPTY;
    const bytes = begun.length > 0 ? concat(begun, fresh) : fresh;
    const unpacked = unpack(kind, bytes, begun.length);
    const rest = bytes.subarray(unpacked?.used ?? 0);
    // a packet of which something is missing has no end that could be found
    const isSure = isNext || rest.length === 0 || isBeginning(kind, payload);
    if (unpacked && isSure && payload.length === length && rest.length <= MAX_REST)
      this.#keep(name, {
        kind,
        next: (sequence + length) >>> 0,
        rest: rest.slice(),
        missed: isNext ? known.missed : known && { next: known.next, rest: known.rest },
      });
    else this.#streams.delete(name);
    return { kind, packets: unpacked?.packets ?? [] };
  }

  /** Sent again, so that it has been read; or what was missing so far. */
  #takeLate(name: string, known: Stream, { payload, length, tcp }: Sighting): readonly TcpPacket[] {
    const { kind, missed } = known;
    const sequence = tcp?.sequence ?? 0;
    if (missed?.next !== sequence || payload.length < length) return [];
    const bytes = concat(missed.rest, payload);
    const unpacked = unpack(kind, bytes, missed.rest.length);
    const next = (sequence + length) >>> 0;
    const rest = bytes.slice(unpacked?.used ?? bytes.length);
    this.#keep(name, { ...known, missed: rest.length <= MAX_REST ? { next, rest } : undefined });
    return unpacked?.packets ?? [];
  }

  get size(): number {
    return this.#streams.size;
  }

  /** By this segment, or by what goes the other way. */
  #kindOf({ payload, source, destination, sourcePort, destinationPort }: Sighting): TcpKind | undefined {
    if (hasCiscoTrailer(payload)) return 'cisco';
    return this.#streams.get(`${destination.text} ${destinationPort} ${source.text} ${sourcePort}`)?.kind;
  }

  #keep(name: string, stream: Stream): void {
    this.#streams.delete(name);
    if (this.#streams.size >= MAX_STREAMS) this.#streams.delete(this.#streams.keys().next().value!);
    this.#streams.set(name, stream);
  }
}

/** `begun`: so much of it was looked through before; else a packet in very many segments would take very long. */
function unpack(kind: TcpKind, bytes: Bytes, begun: number): Unpacked | undefined {
  return kind === 'cisco' ? unpackCisco(bytes, begun - CTCP_TRAILER + 1) : unpackStream(bytes);
}

/** What can be told from the middle of a packet: the prefix of RFC 9329, a marker; of Cisco's IKE the ports, of both that something was whole. */
function isBeginning(kind: TcpKind, payload: Bytes): boolean {
  if (kind === 'cisco') return CISCO_IKE.every((byte, i) => payload[i] === byte);
  return hasStreamPrefix(payload) || MARKER.every((byte, i) => payload[i + 2] === byte);
}

/** UDP 500 to 500, as Cisco's IKE has it in front. */
const CISCO_IKE: readonly number[] = [0x01, 0xf4, 0x01, 0xf4];
const MARKER: readonly number[] = [0, 0, 0, 0];

function nameOf({ source, destination, sourcePort, destinationPort }: Sighting): string {
  return `${source.text} ${sourcePort} ${destination.text} ${destinationPort}`;
}
