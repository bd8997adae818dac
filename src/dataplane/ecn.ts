/**
 * Explicit congestion notification at the end of a tunnel, RFC 6040 section 4.2: a router on the way has marked the outer
 * header instead of dropping the packet, and whoever slows down must hear of it.
 *
 * In the other direction the outer field stays "not capable": so RFC 3168 section 9.2 has it for an IKEv1 tunnel whose ends
 * didn't agree on more, since the other end may throw the mark away. Routers then drop, as they always did.
 */
import { adjustChecksum } from './checksum.ts';
import { Ip4, u16 } from './ip4.ts';

const ECN = 3;
const CE = 3;
const NOT_ECT = 0;

/** Whether this TOS or traffic class says that congestion was experienced. */
export function isCongested(tos: number): boolean {
  return (tos & ECN) === CE;
}

/** Marks the inner packet at `at`; false when its ends don't know what that is: then it is to be dropped, which they do know. */
export function markCongestion(u8: Uint8Array, at: number): boolean {
  const tos = u8[at + Ip4.tos]!;
  if ((tos & ECN) === NOT_ECT) return false;
  const before = u16(u8, at);
  u8[at + Ip4.tos] = tos | CE;
  adjustChecksum(u8, at + Ip4.checksum, before, u16(u8, at));
  return true;
}
