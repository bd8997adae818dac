/** Where captures are kept, which part each belongs to, and how small they are made. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { must } from '../../lab/run.ts';
import { type KeyTables, writeKeyFolder } from './keys.ts';
import { readPcap, writePcap } from './pcap.ts';
import type { Description, Scenario } from './scenario.ts';

export const library = join(import.meta.dirname, '..');

/** Bytes, compressed: the captures are in the repository. */
export const MAX_CAPTURE = 60_000;
export const MAX_PACKETS = 400;

export type Part = 'known' | 'aside';

/** A third is set aside, by the hash of the name, so that nobody picks. */
export function partOf(name: string): Part {
  return (createHash('sha256').update(name).digest()[0] ?? 0) % 3 === 0 ? 'aside' : 'known';
}

export function isThere(folder: string, name: string): boolean {
  return existsSync(join(folder, partOf(name), `${name}.json`));
}

/** Writes capture, description and keys; says how large. */
export async function save(folder: string, scenario: Scenario, capture: string, keys: KeyTables): Promise<string> {
  const { name } = scenario;
  const part = join(folder, partOf(name));
  mkdirSync(part, { recursive: true });
  const { linkType, packets } = readPcap(readFileSync(capture));
  const kept = (scenario.edit?.(packets) ?? packets).slice(0, scenario.packets ?? MAX_PACKETS);
  if (kept.length === 0) throw new Error('nothing was captured');
  writeFileSync(capture, writePcap(linkType, kept, scenario.snap));

  // both formats are in the library, as both are in the field
  const format = linkType === 1 ? 'pcapng' : 'pcap';
  const converted = `${capture}.${format}`;
  await must(['editcap', '-F', format, capture, converted]);
  const packed = gzipSync(readFileSync(converted), { level: 9 });
  if (packed.length > MAX_CAPTURE) throw new Error(`${packed.length} bytes are too many`);
  writeFileSync(join(part, `${name}.${format}.gz`), packed);

  rmSync(join(part, `${name}.keys`), { recursive: true, force: true });
  writeKeyFolder(join(part, `${name}.keys`), keys);
  const keyed = describe(folder, scenario);
  return `${kept.length} packets, ${packed.length} bytes${keyed ? ', keys' : ''}`;
}

/** Writes what the scenario says of itself beside its capture; true if there are keys. */
export function describe(folder: string, scenario: Scenario): boolean {
  const { name, peers, fault, seenFrom, cause } = scenario;
  const part = join(folder, partOf(name));
  const keyed = existsSync(join(part, `${name}.keys`));
  const description: Description = {
    name,
    made: scenario.edit === undefined ? (scenario.made ?? 'real') : 'synthetic',
    peers,
    fault,
    seenFrom,
    cause,
    asGood: scenario.asGood ?? [],
    alsoFine: scenario.alsoFine ?? [],
    nearMissOf: scenario.nearMissOf ?? [],
    ...(keyed && { keys: `${name}.keys` }),
  };
  writeFileSync(join(part, `${name}.json`), `${JSON.stringify(description, null, 2)}\n`);
  return keyed;
}
