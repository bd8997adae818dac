/** How every tunnel is measured: iperf3, one TCP stream, some runs, the median. */
import { readFileSync } from 'node:fs';
import type { Netns } from '../test/lab/netns.ts';
import { transfer } from '../test/lab/traffic.ts';
import { tellProgress } from './progress.ts';
import { median, type Row } from './row.ts';

export interface Measurement {
  readonly name: string;
  readonly client: Netns;
  readonly server: Netns;
  readonly target: string;
  /** Processes of the VPN, whose CPU time is counted. */
  readonly pids?: readonly number[];
  readonly runs?: number;
  /** Of each run. */
  readonly seconds?: number;
}

export async function measure({
  name,
  client,
  server,
  target,
  pids = [],
  runs = 3,
  seconds = 5,
}: Measurement): Promise<Row> {
  const speeds: number[] = [];
  const loads: number[] = [];
  for (let run = 0; run < runs; run++) {
    const before = cpuSeconds(pids);
    const started = performance.now();
    const { bitsPerSecond } = await transfer(client, server, { target, seconds });
    loads.push((cpuSeconds(pids) - before) / ((performance.now() - started) / 1000));
    speeds.push(bitsPerSecond / 1e9);
  }
  tellProgress(`${name}: ${speeds.map((speed) => speed.toFixed(2)).join(', ')} Gbit/s`);
  return { name, gbitPerSecond: median(speeds), cpu: pids.length === 0 ? undefined : median(loads) };
}

/** User and system time of all threads; the kernel counts in hundredths, whatever its own clock is. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, value) => sum + value, 0) / 100;
}
