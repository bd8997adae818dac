/** What is done to a capture afterwards, where time or the network can't be had: all of it makes a capture synthetic. */
import type { Packet } from './scenario.ts';

/** Moves all that follows the longest pause so that the pause lasts `seconds`. */
export function late(packets: readonly Packet[], seconds: number): Packet[] {
  const gaps = packets.map(({ at }, index) => at - (packets[index - 1]?.at ?? at));
  const longest = gaps.indexOf(Math.max(...gaps));
  const more = seconds * 1e6 - (gaps[longest] ?? 0);
  return packets.map(({ at, bytes }, index) => ({ at: index < longest ? at : at + more, bytes }));
}

/** Each `nth` ESP packet of the first sender comes `by` packets later, in the place and at the time of that one. */
export function reordered(packets: readonly Packet[], nth: number, by: number): Packet[] {
  const bytes = packets.map((packet) => packet.bytes);
  const sender = sourceOf(bytes.find(isEsp));
  const own = bytes
    .map((one, index) => (isEsp(one) && sourceOf(one) === sender ? index : -1))
    .filter((index) => index >= 0);
  const moved = own.filter((_, count) => count % nth === nth - 1).filter((index) => index + by < bytes.length);
  // from behind, so that the places of those before stay
  for (const index of moved.reverse()) bytes.splice(index + by, 0, ...bytes.splice(index, 1));
  return packets.map(({ at }, index) => ({ at, bytes: bytes[index] ?? new Uint8Array() }));
}

/** What the sender of the first packet sends, as where answers go another way. */
export function fromFirstSender(packets: readonly Packet[]): Packet[] {
  const sender = sourceOf(packets[0]?.bytes);
  return packets.filter(({ bytes }) => sourceOf(bytes) === sender);
}

const ETHERNET = 14;

/** IPv4 on Ethernet, protocol 50. */
function isEsp(packet: Uint8Array): boolean {
  return packet[12] === 8 && packet[13] === 0 && packet[ETHERNET + 9] === 50;
}

function sourceOf(packet: Uint8Array | undefined): string {
  return packet?.subarray(ETHERNET + 12, ETHERNET + 16).join('.') ?? '';
}
