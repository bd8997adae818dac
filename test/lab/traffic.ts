/** Traffic that proves a tunnel: pings counted one by one, and TCP or UDP at speed by iperf3. */
import type { Netns } from './netns.ts';
import { lanAddress } from './topology.ts';

export interface Pings {
  readonly sent: number;
  readonly received: number;
}

export interface PingOptions {
  readonly target?: string;
  readonly count?: number;
  /** Seconds between two. */
  readonly interval?: number;
  /** Seconds to wait for the last answers; default 10: on a busy machine late isn't lost. */
  readonly wait?: number;
  /** Payload bytes. */
  readonly size?: number;
  /** Address to send from. */
  readonly source?: string;
  /** Byte of the IP header's type of service; 2 lets routers mark congestion. */
  readonly tos?: number;
}

/** By fping: iputils' ping gives the last answer no more than twice the longest round trip so far, and counts a later one as lost. */
export async function ping(from: Netns, options: PingOptions = {}): Promise<Pings> {
  const { target = lanAddress, count = 3, interval = 0.2, wait = 10, size, source, tos } = options;
  const argv = ['fping', '-q', '-c', String(count), '-p', String(interval * 1000), '-t', String(wait * 1000)];
  if (size !== undefined) argv.push('-b', String(size));
  if (source !== undefined) argv.push('-S', source);
  if (tos !== undefined) argv.push('-O', String(tos));
  const { stderr } = await from.run([...argv, target], { timeout: count * (interval + wait) * 1000 + 60_000 });
  const [, sent, received] = /xmt\/rcv\/%loss = (\d+)\/(\d+)\//.exec(stderr) ?? [];
  if (sent === undefined || received === undefined) throw new Error(`fping: ${stderr}`);
  return { sent: Number(sent), received: Number(received) };
}

/** True if no ping comes back: for the LAN without a tunnel. */
export async function isOutOfReach(from: Netns, options: PingOptions = {}): Promise<boolean> {
  return (await ping(from, { count: 2, interval: 0.1, wait: 0.5, ...options })).received === 0;
}

/** True once a ping has come back: some clients bring their device up a moment before the tunnel carries. */
export async function reaches(from: Netns, options: PingOptions = {}, tries = 10): Promise<boolean> {
  for (let attempt = 0; attempt < tries; attempt++) {
    if ((await ping(from, { wait: 2, ...options, count: 1 })).received === 1) return true;
  }
  return false;
}

export interface TransferOptions {
  readonly target?: string;
  /** Default 2. */
  readonly seconds?: number;
  /** So many are sent, however long that takes; TCP's last ones, still under way then, aren't counted as received. */
  readonly bytes?: number;
  /** From the server to the client. */
  readonly reverse?: boolean;
  /** UDP at so many bits a second (iperf3's notation), instead of TCP. */
  readonly udp?: string;
  readonly port?: number;
}

export interface Transfer {
  readonly bitsPerSecond: number;
  readonly bytes: number;
  /** UDP datagrams sent and lost; zero for TCP. */
  readonly packets: number;
  readonly lost: number;
  readonly retransmits: number;
}

/** One iperf3 run from `client` to a server of its own in `server`. */
export async function transfer(client: Netns, server: Netns, options: TransferOptions = {}): Promise<Transfer> {
  const { target = lanAddress, seconds = 2, bytes, reverse = false, udp, port = 5201 } = options;
  const listener = server.start(['iperf3', '-s', '-1', '--forceflush', '-B', target, '-p', String(port)]);
  try {
    await listener.prints(/Server listening/);
    const amount = bytes === undefined ? ['-t', String(seconds)] : ['-n', String(bytes)];
    const argv = ['iperf3', '-J', '-c', target, '-p', String(port), ...amount, '--connect-timeout', '10000'];
    if (reverse) argv.push('-R');
    if (udp !== undefined) argv.push('-u', '-b', udp, '-l', '1200');
    const { stdout, stderr } = await client.run(argv, { timeout: seconds * 1000 + 60_000 });
    return parseTransfer(stdout, stderr, udp !== undefined);
  } finally {
    await listener.stop('SIGTERM', 1000);
  }
}

/** The part of iperf3's JSON that is read here. */
interface Report {
  readonly error?: string;
  readonly end: {
    readonly sum?: { readonly bits_per_second: number; readonly bytes: number; packets: number; lost_packets: number };
    readonly sum_sent?: { readonly retransmits?: number };
    readonly sum_received?: { readonly bits_per_second: number; readonly bytes: number };
  };
}

function parseTransfer(stdout: string, stderr: string, isUdp: boolean): Transfer {
  const report = stdout.startsWith('{') ? (JSON.parse(stdout) as Report) : undefined;
  if (report === undefined || report.error !== undefined)
    throw new Error(`iperf3: ${report?.error ?? stdout + stderr}`);
  const { sum, sum_sent, sum_received } = report.end;
  const received = isUdp ? sum : sum_received;
  if (received === undefined) throw new Error(`iperf3 reports no transfer: ${stdout}`);
  return {
    bitsPerSecond: received.bits_per_second,
    bytes: received.bytes,
    packets: isUdp ? (sum?.packets ?? 0) : 0,
    lost: isUdp ? (sum?.lost_packets ?? 0) : 0,
    retransmits: sum_sent?.retransmits ?? 0,
  };
}
