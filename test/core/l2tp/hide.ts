/** Hides AVPs as RFC 2661 section 4.3 has it, apart from the code that reads them; xl2tpd 1.3.18 reads what it makes. */
import { createHash } from 'node:crypto';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { avp } from '../../../src/core/l2tp/messages.ts';
import { type Avp, AvpType } from '../../../src/core/wire/l2tp.ts';

/** The AVP and the Random Vector before it. @param padding bytes behind the value */
export function hide({ type, value }: Avp, secret: string, vector: Bytes, padding = 0): Avp[] {
  const plain = Buffer.alloc(2 + value.length + padding);
  plain.writeUInt16BE(value.length);
  plain.set(value, 2);
  let seed = [Uint8Array.of(type >> 8, type), Buffer.from(secret), vector];
  const blocks: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 16) {
    const pad = createHash('md5').update(Buffer.concat(seed)).digest();
    const block = Buffer.from(plain.subarray(at, at + 16).map((byte, i) => byte ^ pad[i]!));
    blocks.push(block);
    seed = [Buffer.from(secret), block];
  }
  const hidden = { ...avp(type, Uint8Array.from(Buffer.concat(blocks))), hidden: true };
  return [avp(AvpType.RANDOM_VECTOR, vector), hidden];
}
