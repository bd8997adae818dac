/** The live line of a client at a terminal: how it goes, once a second. */
import type { ClientStatus } from '../control/client-types.ts';
import { formatAge, formatBytes } from './table.ts';

/** Of a second, measured between two reports. */
export interface Rates {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** "nat-t  10.77.0.2  in 1.2 MB/s  out 30 kB/s  2 rekeys  1h12m" */
export function liveText(status: ClientStatus, rates: Rates, now: Date): string {
  const { tunnel, upSince, rekeys, state } = status;
  if (state !== 'up' || !tunnel || upSince === null) return `${state} for ${formatAge(status.since, now.getTime())}`;
  return [
    tunnel.carrier,
    tunnel.address,
    `in ${formatBytes(rates.bytesIn)}/s`,
    `out ${formatBytes(rates.bytesOut)}/s`,
    `${rekeys} ${rekeys === 1 ? 'rekey' : 'rekeys'}`,
    formatAge(upSince, now.getTime()),
  ].join('  ');
}

/** Rates from one status to a later one. Before the first traffic there are none. */
export function ratesBetween(earlier: ClientStatus, later: ClientStatus, milliseconds: number): Rates {
  const rate = (key: keyof Rates) => (Math.max(0, later[key] - earlier[key]) * 1000) / Math.max(1, milliseconds);
  return { bytesIn: rate('bytesIn'), bytesOut: rate('bytesOut') };
}
