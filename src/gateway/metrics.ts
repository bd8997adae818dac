/** The gateway's figures as Prometheus reads them: its text format, version 0.0.4. */
import type { Histogram } from 'node:perf_hooks';
import { VERSION } from '../host/version.ts';
import type { Figures, Traffic } from './figures.ts';

interface Measured {
  readonly sessions: number;
  readonly halfOpen: number;
  readonly halfOpenBytes: number;
  /** Bytes waiting, by ring. */
  readonly rings: Readonly<Record<string, Depth>>;
  /** Things waiting, by queue. */
  readonly queues: Readonly<Record<string, Depth>>;
  readonly figures: Figures;
  readonly traffic: Readonly<Traffic>;
  /** The dataplane's, by name: `drop_replay`, `esp_in`, `ring_up_full` ... */
  readonly dataplane: Readonly<Record<string, number>>;
  /** Nanoseconds; since it was last read. */
  readonly eventLoopDelay: Pick<Histogram, 'percentile' | 'max' | 'count'>;
}

/** What waits now, and the most that ever did. */
interface Depth {
  readonly waiting: number;
  readonly highest: number;
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function formatMetrics(measured: Measured): string {
  const { figures, traffic, dataplane, rings, queues, eventLoopDelay } = measured;
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const named = (prefix: string) =>
    Object.entries(dataplane).filter(([name]) => name.startsWith(prefix)) as readonly [string, number][];
  return [
    family('sallyport_build_info', 'gauge', 'The version that runs.', [{ labels: { version: VERSION }, value: 1 }]),
    family('sallyport_sessions', 'gauge', 'Sessions that are up.', [{ value: measured.sessions }]),
    family('sallyport_half_open', 'gauge', 'Negotiations that began and are not through phase 1.', [
      { value: measured.halfOpen },
    ]),
    family('sallyport_half_open_bytes', 'gauge', 'What they make the gateway hold.', [
      { value: measured.halfOpenBytes },
    ]),
    family('sallyport_handshakes_total', 'counter', 'Negotiations that ended, by result and by where they failed.', [
      { labels: { result: 'up', stage: '' }, value: figures.up },
      ...Object.entries(figures.failed).map(([stage, value]) => ({ labels: { result: 'failed', stage }, value })),
    ]),
    family(
      'sallyport_logins_total',
      'counter',
      'Passwords and passcodes that were checked.',
      byLabel('result', figures.logins),
    ),
    family('sallyport_bytes_total', 'counter', 'Inner bytes through the tunnels.', [
      { labels: { direction: 'in' }, value: traffic.bytesIn },
      { labels: { direction: 'out' }, value: traffic.bytesOut },
    ]),
    family('sallyport_packets_total', 'counter', 'Inner packets through the tunnels.', [
      { labels: { direction: 'in' }, value: traffic.packetsIn },
      { labels: { direction: 'out' }, value: traffic.packetsOut },
    ]),
    family(
      'sallyport_ike_dropped_total',
      'counter',
      'IKE messages dropped, by reason.',
      byLabel('reason', Object.fromEntries(figures.drops)),
    ),
    family('sallyport_dropped_total', 'counter', 'Packets that the dataplane dropped, by reason.', [
      ...named('drop_').map(([name, value]) => ({ labels: { reason: name.slice('drop_'.length) }, value })),
    ]),
    family('sallyport_ring_full_total', 'counter', 'Messages between the threads that found their ring full.', [
      { labels: { ring: 'down' }, value: dataplane.ring_down_full ?? 0 },
      { labels: { ring: 'up' }, value: dataplane.ring_up_full ?? 0 },
    ]),
    family('sallyport_ring_bytes', 'gauge', 'Bytes that wait between the threads.', depth('ring', 'waiting', rings)),
    family(
      'sallyport_ring_highest_bytes',
      'gauge',
      'The most bytes that ever waited between the threads.',
      depth('ring', 'highest', rings),
    ),
    family(
      'sallyport_queue',
      'gauge',
      'Passwords that wait to be hashed, and logins that are held back.',
      depth('queue', 'waiting', queues),
    ),
    family('sallyport_queue_highest', 'gauge', 'The most that ever waited.', depth('queue', 'highest', queues)),
    family('sallyport_store_writes_total', 'counter', 'Writes to the store.', [{ value: figures.store.writes }]),
    family('sallyport_store_seconds_total', 'counter', 'Time that they took; nothing else goes on meanwhile.', [
      { value: figures.store.total / 1000 },
    ]),
    family('sallyport_store_longest_seconds', 'gauge', 'The longest of them.', [
      { value: figures.store.longest / 1000 },
    ]),
    family('sallyport_dataplane_events_total', 'counter', 'What else the dataplane counts.', [
      ...Object.entries(dataplane)
        .filter(([name]) => !/^(drop|ring)_/.test(name))
        .map(([event, value]) => ({ labels: { event }, value })),
    ]),
    family('sallyport_event_loop_delay_seconds', 'gauge', 'How late the event loop is, since the last reading.', [
      ...[0.5, 0.99].map((quantile) => ({
        labels: { quantile: String(quantile) },
        value: eventLoopDelay.count > 0 ? eventLoopDelay.percentile(quantile * 100) / 1e9 : 0,
      })),
      { labels: { quantile: '1' }, value: eventLoopDelay.count > 0 ? eventLoopDelay.max / 1e9 : 0 },
    ]),
    family('process_resident_memory_bytes', 'gauge', 'Memory of the process.', [{ value: rss }]),
    family('process_cpu_seconds_total', 'counter', 'Processor time of the process.', [
      { value: (user + system) / 1e6 },
    ]),
    family('process_start_time_seconds', 'gauge', 'When the process began, Unix time.', [
      { value: performance.timeOrigin / 1000 },
    ]),
  ].join('');
}

function byLabel(name: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([label, value]) => ({ labels: { [name]: label }, value }));
}

function depth(label: string, which: keyof Depth, all: Readonly<Record<string, Depth>>): Sample[] {
  return Object.entries(all).map(([name, one]) => ({ labels: { [label]: name }, value: one[which] }));
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
