/** A name for the network we sit in: the same at every return to it, and saying nothing about it to others. */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Family, MAIN_TABLE } from './changes.ts';
import { type Route, readJson, readTable } from './ip.ts';

interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
}

/**
 * Undefined: there is no default route, so no network. Made of the default router's address and link-layer address and of the
 * interface's kind: networks with equal addresses, of which there are many, differ in the second.
 */
export async function networkName(): Promise<string | undefined> {
  for (const family of [4, 6] as const) {
    const route = await defaultRoute(family);
    if (!route?.dev) continue;
    const router = route.gateway === undefined ? undefined : await linkAddress(family, route.gateway, route.dev);
    // Without a router, as on a modem, the interface alone has to tell.
    const parts = [route.gateway ?? route.dev, router ?? '', kindOf(route.dev)];
    return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 32);
  }
  return undefined;
}

async function defaultRoute(family: Family): Promise<Route | undefined> {
  const routes = await readTable(family, MAIN_TABLE);
  return routes.filter(({ dst }) => dst === 'default').sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0];
}

const TRIES = 10;
const BETWEEN_TRIES = 50;

/** Asks the kernel to find the router if it hasn't yet, by a packet to its discard port. */
async function linkAddress(family: Family, gateway: string, device: string): Promise<string | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const entries = await readJson<Neighbour>([`-${family}`, 'neighbour', 'show', 'to', gateway, 'dev', device]);
    const address = entries.find(({ lladdr }) => lladdr !== undefined)?.lladdr;
    if (address !== undefined) return address;
    if (i === 0) await knock(family, gateway, device);
    await sleep(BETWEEN_TRIES);
  }
  return undefined;
}

const DISCARD_PORT = 9;

function knock(family: Family, gateway: string, device: string): Promise<void> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  return new Promise((resolve) => {
    const done = () => {
      socket.close();
      resolve();
    };
    socket.on('error', done);
    // Without a mark: with the tunnel up it goes into it, but then the router is known already.
    socket.send('', DISCARD_PORT, gateway.startsWith('fe80:') ? `${gateway}%${device}` : gateway, done);
  });
}

function kindOf(device: string): string {
  if (existsSync(`/sys/class/net/${device}/wireless`)) return 'wireless';
  return existsSync(`/sys/class/net/${device}/device`) ? 'wired' : 'virtual';
}
