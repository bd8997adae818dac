/** Keys that are used up in two seconds, by volume and by command, from either side and from both at once: no ping is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress } from '../lab/topology.ts';
import { reaches, transfer } from '../lab/traffic.ts';
import { LAZY, losesNone, pingsLost } from './rekeys.ts';

const skip = lacking('charon-systemd', 'swanctl');
const direct = { local: clientAddress, remote: gatewayAddress };
/** Bits a second: a megabyte, the smallest lifetime by volume, takes two seconds, or half of one. */
const SLOW = '4M';
const FAST = '16M';
const SECONDS = 12;
const REKEY_EVERY = 2000;

/** While `trouble` goes on, which may await the stream's end, there are pings, and a stream towards the client if it is wanted. */
function losesNoneDuring(
  stage: ReturnType<typeof scene>,
  stream: string | undefined,
  trouble: (load: Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { net } = stage;
  return losesNone(async () => {
    const lost = pingsLost(net.cl, SECONDS + 2);
    const load = stream
      ? transfer(net.cl, net.gw, { udp: stream, seconds: SECONDS, reverse: true })
      : Promise.resolve();
    await Promise.all([trouble(load), load]);
    return lost;
  });
}

async function every(milliseconds: number, act: () => Promise<unknown>): Promise<void> {
  for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
    await sleep(milliseconds);
    await act();
  }
}

async function connect(stage: ReturnType<typeof scene>): Promise<StrongSwan> {
  const client = await StrongSwan.start(stage.net.cl, clientConfiguration({ ...direct, ...LAZY }));
  await client.connect();
  assert.ok(await reaches(stage.net.cl));
  return client;
}

/** How many pairs the client has had. */
function pairs(client: StrongSwan): number {
  return Math.max(...[...client.log.matchAll(/CHILD_SA home\{(\d+)\} established/g)].map(([, n]) => Number(n)));
}

/** How many phase 2s it was asked for. */
function begunByGateway(client: StrongSwan): number {
  return [...client.log.matchAll(/parsed QUICK_MODE request/g)].length;
}

async function leave(stage: ReturnType<typeof scene>, client: StrongSwan): Promise<void> {
  await stage.gateway.holds(1);
  await client.stop();
  await stage.gateway.holds(0);
}

describe('a rekey every two seconds under traffic', { skip, timeout: 600_000 }, () => {
  const stage = scene({ config: { lifetimes: { phase2_kilobytes: 1024 } } });

  it('by the client, of phase 2', async () => {
    const client = await connect(stage);
    await losesNoneDuring(stage, undefined, async () => {
      const before = pairs(client);
      await every(REKEY_EVERY, () => client.rekeyPhase2());
      assert.ok(pairs(client) - before >= 4, client.log);
    });
    await leave(stage, client);
  });

  it('by the client, of phase 1', async () => {
    const client = await connect(stage);
    const address = await client.address();
    await losesNoneDuring(stage, undefined, () => every(REKEY_EVERY, () => client.rekeyPhase1()));
    assert.equal(await client.address(), address, 'the address stays');
    await leave(stage, client);
  });

  it('by the gateway, whenever the volume is used up', async () => {
    const client = await connect(stage);
    await losesNoneDuring(stage, SLOW, async (load) => {
      const before = [pairs(client), begunByGateway(client)] as const;
      await load;
      assert.ok(begunByGateway(client) > before[1], 'the gateway began');
      assert.ok(pairs(client) - before[0] >= 3, client.log);
    });
    await leave(stage, client);
  });

  it('by both at once', async () => {
    const client = await connect(stage);
    await losesNoneDuring(stage, FAST, async () => {
      const before = begunByGateway(client);
      await every(700, () => client.rekeyPhase2());
      assert.ok(begunByGateway(client) > before, 'the gateway began too');
    });
    await leave(stage, client);
  });
});
