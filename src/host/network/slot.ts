/** A profile's own routing table and rule priorities: derived from its name, and nobody else's. */
import { createHash } from 'node:crypto';
import { HostError } from '../errors.ts';
import { type Family, RULES_PER_SLOT } from './changes.ts';
import { readRules, readTable } from './ip.ts';

export interface Slot {
  readonly table: number;
  /** The first of {@link RULES_PER_SLOT} priorities while the tunnel is split. */
  readonly splitPriority: number;
  /** And while it is full: behind those of every split tunnel. */
  readonly fullPriority: number;
}

export const SLOTS = 64;
const FIRST_TABLE = 45000;
const FIRST_SPLIT = 20000;
const FIRST_FULL = FIRST_SPLIT + SLOTS * RULES_PER_SLOT;

export function slotAt(number: number): Slot {
  return {
    table: FIRST_TABLE + number,
    splitPriority: FIRST_SPLIT + number * RULES_PER_SLOT,
    fullPriority: FIRST_FULL + number * RULES_PER_SLOT,
  };
}

/**
 * The slot that the name leads to, or the next one whose table and priorities nobody uses. Throws {@link HostError}
 * `NETWORK_FULL`.
 */
export async function findSlot(profile: string, families: readonly Family[]): Promise<Slot> {
  const start = createHash('sha256').update(profile).digest().readUInt32BE(0);
  const rules = (await Promise.all(families.map(readRules))).flat();
  for (let i = 0; i < SLOTS; i++) {
    const slot = slotAt((start + i) % SLOTS);
    if (rules.some(({ priority, table }) => table === String(slot.table) || isWithin(slot, priority))) continue;
    const routes = await Promise.all(families.map((family) => readTable(family, slot.table)));
    if (routes.flat().length === 0) return slot;
  }
  throw new HostError(
    'NETWORK_FULL',
    `the routing tables ${FIRST_TABLE} to ${FIRST_TABLE + SLOTS - 1} are all in use; 'sallyport cleanup' frees those of killed clients`,
  );
}

function isWithin({ splitPriority, fullPriority }: Slot, priority: number): boolean {
  return [splitPriority, fullPriority].some((first) => priority >= first && priority < first + RULES_PER_SLOT);
}
