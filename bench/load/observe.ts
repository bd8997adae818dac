/** What a running gateway holds, seen from outside. */
import { readdirSync, readFileSync } from 'node:fs';
import { callControl, controlPath } from '../../src/control/gateway.ts';
import type { startOurs } from './gateways.ts';

type Ours = Awaited<ReturnType<typeof startOurs>>;

export interface Observation {
  readonly megabytes: number;
  readonly sessions: number;
  readonly halfOpen: number;
  /** Inner addresses in use. */
  readonly addresses: number;
  readonly fds: number;
  readonly threads: number;
}

export async function observe({ pid, gateway }: Ours): Promise<Observation> {
  const socket = controlPath(gateway.state);
  const sessions = await callControl(socket, { verb: 'sessions' });
  const metrics = await callControl(socket, { verb: 'metrics' });
  return {
    megabytes: residentMegabytes(pid),
    sessions: sessions.length,
    halfOpen: Number(/^sallyport_half_open (\d+)/m.exec(metrics)?.[1] ?? Number.NaN),
    addresses: new Set(sessions.map(({ address }) => address)).size,
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** What each of `count` takes above what the process has without them. */
export function kilobytesEach(count: number, megabytes: number, emptyMegabytes: number): number {
  return ((megabytes - emptyMegabytes) * 1024) / count;
}

export function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
