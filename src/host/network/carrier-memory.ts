/** Which carrier got through to a gateway, by the network we sat in: it is tried first when we are there again. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CARRIERS, type Carrier } from '../../core/openings/openings.ts';
import { makePrivateFolder } from '../private-folder.ts';

export const MAX_REMEMBERED = 256;

interface Entry {
  readonly network: string;
  readonly gateway: string;
  readonly carrier: Carrier;
}

export class CarrierMemory {
  readonly #file: string;

  /** @param file made when there is something to remember, 0600 */
  constructor(file: string) {
    this.#file = file;
  }

  /** @param network as networkName() has it */
  recall(network: string, gateway: string): Carrier | undefined {
    return this.#read().find((entry) => entry.network === network && entry.gateway === gateway)?.carrier;
  }

  /** A memory that can't be written is no failure: it saves seconds and no more. */
  remember(network: string, gateway: string, carrier: Carrier): void {
    const others = this.#read().filter((entry) => entry.network !== network || entry.gateway !== gateway);
    const entries = [{ network, gateway, carrier }, ...others].slice(0, MAX_REMEMBERED);
    try {
      makePrivateFolder(dirname(this.#file));
      const draft = `${this.#file}.${process.pid}.new`;
      writeFileSync(draft, `${JSON.stringify(entries)}\n`, { mode: 0o600 });
      renameSync(draft, this.#file);
    } catch {
      // As above.
    }
  }

  /** The latest first; what can't be understood is forgotten. */
  #read(): Entry[] {
    try {
      const entries: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      return Array.isArray(entries) ? entries.filter(isEntry) : [];
    } catch {
      return [];
    }
  }
}

function isEntry(value: unknown): value is Entry {
  const { network, gateway, carrier } = (value ?? {}) as Partial<Entry>;
  return typeof network === 'string' && typeof gateway === 'string' && CARRIERS.some((known) => known === carrier);
}
