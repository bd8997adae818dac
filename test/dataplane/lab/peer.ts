/**
 * One end of a lab tunnel, run in a network namespace of its own: opens a dataplane, a session and an SA pair with fixed keys
 * as the first line of standard input says, then obeys further lines. Each line out is one JSON object.
 */
import { createInterface } from 'node:readline';
import { toHex } from '../../../src/core/bytes/text.ts';
import type { EspSuite } from '../../../src/core/crypto/algorithms.ts';
import type { EspCarrier, EspKeys, EspPath } from '../../../src/core/esp/sa.ts';
import { keymatLength, splitKeymat } from '../../../src/core/esp/suites.ts';
import { type Endpoint, formatEndpoint, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import { startDataplane } from '../../../src/dataplane/index.ts';

export interface PeerSettings {
  /** 0 or 1: which keys and SPIs are whose. */
  readonly side: 0 | 1;
  readonly suite: EspSuite;
  readonly carrier: EspCarrier;
  readonly listen?: string;
  readonly local: string;
  readonly remote: string;
  /** Port of the other end; absent: the carrier's own. */
  readonly remotePort?: number;
  readonly natTPort?: number;
  readonly tun: { readonly name: string; readonly address: string; readonly mtu: number; readonly routes: string[] };
  /** The network behind the peer. */
  readonly inner: string;
  readonly selector?: string;
  readonly softBytes?: number;
  readonly clientToClient?: boolean;
  readonly worker?: string;
}

const SESSION = 1;
const CISCO_UDP = 10_000;

export function spiOf(side: number): number {
  return 0xc0de0000 + side;
}

export function keysOf(suite: EspSuite, side: number): EspKeys {
  return splitKeymat(
    suite,
    Uint8Array.from({ length: keymatLength(suite) }, (_, i) => (i * 7 + side * 31 + 1) & 255),
  );
}

function say(event: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

function endpoint(address: string, port: number): Endpoint {
  return { address: parseIp(address)!, port };
}

async function open(settings: PeerSettings): Promise<Dataplane> {
  const { side, suite, carrier, tun } = settings;
  const natTPort = settings.natTPort ?? 4500;
  const port = carrier === 'esp' ? 0 : carrier === 'cisco-udp' ? CISCO_UDP : natTPort;
  const all = parsePrefix('0.0.0.0/0')!;
  const workerUrl = new URL(settings.worker ?? '../../../src/dataplane/worker.ts', import.meta.url);
  const dataplane = await startDataplane(
    {
      listen: settings.listen === undefined ? undefined : [parseIp(settings.listen)!],
      ikePort: 500,
      natTPort,
      ciscoUdpPort: carrier === 'cisco-udp' ? CISCO_UDP : undefined,
      nativeEsp: carrier === 'esp',
      tun: {
        name: tun.name,
        address: parseIp(tun.address)!,
        routes: tun.routes.map((route) => parsePrefix(route)!),
        mtu: tun.mtu,
      },
      clientToClient: settings.clientToClient ?? false,
    },
    {
      onIke: (path, message) =>
        say('ike', {
          carrier: path.carrier,
          local: formatEndpoint(path.local),
          remote: formatEndpoint(path.remote),
          message: toHex(message),
        }),
      onPathChange: (_id, path) => say('path-change', { remote: formatEndpoint(path.remote) }),
      onRekeyNeeded: (_id, spi) => say('rekey-needed', { spi }),
      onFirstPacket: (_id, spi) => say('first-packet', { spi }),
      onUnknownSpi: (_path, spi) => say('unknown-spi', { spi }),
      onFailure: (error) => say('failure', { message: error.message }),
    },
    workerUrl,
  );
  const path: EspPath = {
    carrier,
    local: endpoint(settings.local, port),
    remote: endpoint(settings.remote, settings.remotePort ?? port),
  };
  dataplane.openSession(SESSION, parsePrefix(settings.inner)!, path);
  const selectors = { localSelector: all, remoteSelector: settings.selector ? parsePrefix(settings.selector)! : all };
  const common = { sessionId: SESSION, suite, ...selectors };
  const soft = settings.softBytes === undefined ? {} : { softBytes: settings.softBytes };
  dataplane.installSa({ ...common, ...soft, direction: 'out', spi: spiOf(side), keys: keysOf(suite, side) });
  dataplane.installSa({ ...common, direction: 'in', spi: spiOf(1 - side), keys: keysOf(suite, 1 - side) });
  return dataplane;
}

async function main(): Promise<void> {
  let dataplane: Dataplane | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    if (!dataplane) {
      dataplane = await open(JSON.parse(line) as PeerSettings);
      say('ready', {});
    } else if (line === 'counters') {
      say('counters', { counters: dataplane.counters(), session: dataplane.sessionCounters(SESSION) });
    } else if (line.startsWith('ike ')) {
      const { carrier, local, remote, text } = JSON.parse(line.slice(4));
      const port = carrier === 'udp' ? 500 : 4500;
      const path = { carrier, local: endpoint(local, port), remote: endpoint(remote, port) };
      dataplane.sendIke(path, new TextEncoder().encode(text));
    }
  }
  await dataplane?.close();
}

if (import.meta.main) await main();
