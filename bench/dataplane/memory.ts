/** What the dataplane's process takes with 10,000 sessions of an SA pair each. */
import type { EndSettings, SessionSettings } from '../../test/dataplane/lab/end.ts';
import { End } from '../../test/dataplane/lab/tunnel.ts';
import { Netns } from '../../test/lab/netns.ts';
import { residentMegabytes } from '../load/observe.ts';
import { GCM, SHA1 } from './tunnel.ts';

export interface MemoryRow {
  readonly sessions: number;
  readonly suite: string;
  /** Resident memory of the process, MB. */
  readonly megabytes: number;
}

const SESSIONS = 10_000;

export async function measureMemory(): Promise<MemoryRow[]> {
  const netns = await Netns.create('bm');
  try {
    await netns.ip('addr', 'add', '10.9.0.1/24', 'dev', 'lo');
    return [
      { sessions: 0, suite: '-', megabytes: await memoryWith(netns, settings(0, GCM)) },
      { sessions: SESSIONS, suite: 'aes128gcm16', megabytes: await memoryWith(netns, settings(SESSIONS, GCM)) },
      { sessions: SESSIONS, suite: 'aes128-sha1', megabytes: await memoryWith(netns, settings(SESSIONS, SHA1)) },
    ];
  } finally {
    netns.remove();
  }
}

function settings(count: number, suite: EndSettings['suite']): EndSettings {
  const sessions = Array.from({ length: count }, (_, i): SessionSettings => {
    const low = `${i >> 8}.${i & 255}`;
    return { id: i + 1, local: '10.9.0.1', remote: `10.7.${low}`, inner: `10.8.${low}/32` };
  });
  return { side: 0, suite, carrier: 'nat-t', tun: { address: '10.8.255.1' }, sessions };
}

async function memoryWith(netns: Netns, end: EndSettings): Promise<number> {
  const dataplane = await End.start(netns, end);
  try {
    await dataplane.counters();
    return residentMegabytes(dataplane.pid);
  } finally {
    await dataplane.stop();
  }
}

export function formatMemory(rows: readonly MemoryRow[]): string {
  return rows
    .map(({ sessions, suite, megabytes }) => `${sessions} sessions, ${suite}: ${megabytes.toFixed(0)} MB resident`)
    .join('\n');
}
