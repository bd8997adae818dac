/** What every client must show once it is in. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { SessionRow } from '../../src/control/gateway-types.ts';
import { banner, dns, domain, type Gateway, poolPattern, user } from '../lab/gateway.ts';
import type { Netns } from '../lab/netns.ts';
import { until } from '../lab/poll.ts';
import { type PingOptions, ping, reaches, transfer } from '../lab/traffic.ts';
import type { Vpnc } from '../lab/vpnc.ts';

/** Bytes: far more than what the sockets on the way hold. */
export const MUCH = 4_000_000;

/** Pings all answered, then TCP both ways. */
export async function carriesTraffic(client: Netns, gateway: Gateway, options: PingOptions = {}): Promise<void> {
  assert.ok(await reaches(client, options), `nothing comes through the tunnel\n${gateway.log}`);
  assert.deepEqual(await ping(client, { ...options, count: 10, interval: 0.05 }), { sent: 10, received: 10 });
  assert.equal((await ping(client, { ...options, size: 4000 })).received, 3, 'inner packets larger than the path');
  for (const reverse of [false, true]) {
    const { bytes } = await transfer(client, gateway.netns, { bytes: MUCH, reverse });
    assert.ok(bytes > 100_000, `${bytes} bytes of ${MUCH}, ${reverse ? 'down' : 'up'}`);
  }
}

/** What Mode-Config gives reached vpnc. */
export function wasGivenAll(vpnc: Vpnc): void {
  assert.match(vpnc.address, poolPattern);
  assert.equal(vpnc.given('INTERNAL_IP4_DNS'), dns);
  assert.equal(vpnc.given('CISCO_DEF_DOMAIN'), domain);
  assert.equal(vpnc.given('CISCO_BANNER'), banner);
  assert.equal(vpnc.given('CISCO_SPLIT_INC'), '1');
  assert.equal(vpnc.given('CISCO_SPLIT_INC_0_ADDR'), '10.1.0.0');
  assert.equal(vpnc.given('CISCO_SPLIT_INC_0_MASKLEN'), '24');
}

/** The session list tells of the one user who is on: soon, for the gateway may learn the carrier a moment after the client is up. */
export async function isListed(gateway: Gateway, expected: Partial<SessionRow>): Promise<SessionRow> {
  let rows: SessionRow[] = [];
  const listed = async () => {
    rows = await gateway.sessions();
    return rows.find((row) => includes(row, { user, ...expected }));
  };
  return until(listed, 60_000, () => `a session with ${JSON.stringify(expected)} among ${JSON.stringify(rows)}`);
}

function includes(row: SessionRow, expected: Partial<SessionRow>): boolean {
  return Object.entries(expected).every(([key, value]) => isDeepStrictEqual(row[key as keyof SessionRow], value));
}
