/** Two dataplanes back to back over a veth pair, with fixed keys: iperf3, one TCP stream through both. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type EspSuite, suiteName } from '../../src/core/crypto/algorithms.ts';
import type { EspCarrier } from '../../src/core/esp/sa.ts';
import type { EndSettings } from '../../test/dataplane/lab/end.ts';
import { End } from '../../test/dataplane/lab/tunnel.ts';
import { Netns } from '../../test/lab/netns.ts';
import { ping } from '../../test/lab/traffic.ts';
import { measure } from '../measure.ts';
import type { Row } from '../row.ts';

export const GCM: EspSuite = { cipher: 'aes-gcm', keyBits: 128 };
export const SHA1: EspSuite = { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' };

const OUTER = ['10.9.0.1', '10.9.0.2'] as const;
const INNER = ['10.8.0.1', '10.8.0.2'] as const;

export interface RunOptions {
  readonly runs?: number;
  /** Of each run. */
  readonly seconds?: number;
}

/** All rows: without a VPN, without cryptography, and the two suites that matter most. */
export async function measureTunnels(options: RunOptions = {}): Promise<Row[]> {
  return withPair(async (a, b) => [
    await measure({ name: 'veth, no VPN', client: a, server: b, target: OUTER[1], ...options }),
    await measureTunnel(a, b, { suite: GCM, carrier: 'nat-t', nothing: true, options }),
    await measureTunnel(a, b, { suite: GCM, carrier: 'nat-t', options }),
    await measureTunnel(a, b, { suite: GCM, carrier: 'esp', options }),
    await measureTunnel(a, b, { suite: GCM, carrier: 'cisco-tcp', options }),
    await measureTunnel(a, b, { suite: SHA1, carrier: 'nat-t', options }),
  ]);
}

/** With L2TP and without, in turn. */
export async function measureL2tp(options: RunOptions = {}): Promise<Row[]> {
  return withPair(async (a, b) => {
    const rows: Row[] = [];
    for (const suite of [SHA1, GCM])
      for (const l2tp of [false, true])
        rows.push(await measureTunnel(a, b, { suite, carrier: 'nat-t', l2tp, options }));
    return rows;
  });
}

interface TunnelOptions {
  readonly suite: EspSuite;
  readonly carrier: EspCarrier;
  readonly l2tp?: boolean;
  /** With a cipher that does nothing. */
  readonly nothing?: boolean;
  readonly options?: RunOptions;
}

async function measureTunnel(a: Netns, b: Netns, tunnel: TunnelOptions): Promise<Row> {
  const { suite, carrier, nothing = false, l2tp = false, options = {} } = tunnel;
  const settings = (side: 0 | 1): EndSettings => ({
    side,
    suite,
    carrier,
    l2tp,
    tun: { address: INNER[side] },
    sessions: [{ id: 1, local: OUTER[side], remote: OUTER[1 - side]!, inner: `${INNER[1 - side]}/32` }],
    ...(nothing ? { worker: new URL('null-worker.ts', import.meta.url).href } : {}),
  });
  const ends = [await End.start(a, settings(0)), await End.start(b, settings(1))];
  try {
    await sleep(300);
    // by cTCP a gateway learns where its client is from the first packet
    await ping(b, { target: INNER[0] });
    const name = `Sallyport, ${nothing ? 'no cryptography' : suiteName(suite)}, ${l2tp ? 'L2TP over ' : ''}${carrier}`;
    return await measure({
      name,
      client: a,
      server: b,
      target: INNER[1],
      pids: ends.map(({ pid }) => pid),
      ...options,
    });
  } finally {
    await Promise.all(ends.map((end) => end.stop()));
  }
}

/** Runs `use` with two namespaces that a veth pair joins. */
async function withPair<T>(use: (a: Netns, b: Netns) => Promise<T>): Promise<T> {
  const [a, b] = await Promise.all([Netns.create('ba'), Netns.create('bb')]);
  try {
    await a.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b.name);
    for (const [i, netns] of [a, b].entries()) {
      await netns.ip('addr', 'add', `${OUTER[i]}/24`, 'dev', 'eth0');
      await netns.ip('link', 'set', 'eth0', 'up');
    }
    return await use(a, b);
  } finally {
    a.remove();
    b.remove();
  }
}
