/**
 * Opening: an ESP packet in the arena becomes its plaintext in place, RFC 4303 section 3.4.
 *
 *     at | SPI | sequence | IV | payload | padding | pad length | next header | ICV |
 *
 * Checks are in the standard's order: lengths, replay, authenticity; only then anything changes.
 */
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import { ESP_HEADER, type InboundSa, NEXT_HEADER_IPV4, NEXT_HEADER_UDP, TRAILER } from './sa.ts';

const NEXT_HEADER_IPV6 = 41;
const NEXT_HEADER_NONE = 59;

/** Authenticates, decrypts and marks the packet as seen. 0, or the counter of the reason why it is dropped. */
export function openPacket(arena: Arena, sa: InboundSa, at: number, length: number): number {
  const { opener, window } = sa;
  const content = length - ESP_HEADER - opener.ivLength - opener.icvLength;
  if (content < TRAILER || (content & (opener.blockLength - 1)) !== 0) return Counter.drop_malformed;
  const sequence = arena.view.getUint32(at + 4);
  if (!window.accepts(sequence)) return Counter.drop_replay;
  if (!opener.open(at, length)) return Counter.drop_authentication;
  window.record(sequence);
  return 0;
}

/** Where the payload of an ESP packet at `at` lies. */
export function payloadAt(sa: InboundSa, at: number): number {
  return at + ESP_HEADER + sa.opener.ivLength;
}

/** Length of an opened packet's payload without its trailer; or, negative, the counter of the reason why it is dropped. */
export function payloadLength(arena: Arena, sa: InboundSa, at: number, length: number): number {
  const { u8 } = arena;
  const { opener } = sa;
  const end = at + length - opener.icvLength;
  const pad = u8[end - 2]!;
  const payload = length - ESP_HEADER - opener.ivLength - opener.icvLength - TRAILER - pad;
  if (payload < 0) return -Counter.drop_padding;
  for (let i = end - 3, value = pad; value > 0; i--, value--) if (u8[i] !== value) return -Counter.drop_padding;
  switch (u8[end - 1]) {
    case sa.transport ? NEXT_HEADER_UDP : NEXT_HEADER_IPV4:
      return payload;
    case NEXT_HEADER_NONE:
      return -Counter.drop_dummy;
    case NEXT_HEADER_IPV6:
      return -Counter.drop_inner_ipv6;
    default:
      return -Counter.drop_next_header;
  }
}
