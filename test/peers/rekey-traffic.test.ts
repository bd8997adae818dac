/** Keys that are used up in two seconds, by volume and by command, from either side and from both at once: no packet is lost. */
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
interface Stream {
  /** Bits a second, for twelve seconds: a megabyte, the smallest lifetime by volume, takes two of them, or half a one. */
  readonly udp: string;
  /** Whatever the machine's pace, so much makes it need new keys so often. */
  readonly bytes: number;
}

const SLOW: Stream = { udp: '4M', bytes: 6_000_000 };
const FAST: Stream = { udp: '16M', bytes: 24_000_000 };
const SECONDS = 14;

/** While `trouble` goes on, which may await the stream's end, there are pings, and a stream towards the client if one is given. */
function losesNoneDuring(
  stage: ReturnType<typeof scene>,
  stream: Stream | undefined,
  trouble: (load: Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { net } = stage;
  return losesNone([net.cl, net.gw], async () => {
    const pings = pingsLost(net.cl, SECONDS);
    const load = stream ? transfer(net.cl, net.gw, { ...stream, reverse: true }) : Promise.resolve({ lost: 0 });
    await trouble(load);
    return (await pings) + (await load).lost;
  });
}

async function again(times: number, pause: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) {
    await sleep(pause);
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

describe('a rekey every two seconds under traffic', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { lifetimes: { phase2_kilobytes: 1024 } } });

  it('by the client, of phase 2', async () => {
    const client = await connect(stage);
    await losesNoneDuring(stage, undefined, () =>
      again(5, 2000, async () => {
        const mark = client.log.length;
        await client.rekeyPhase2();
        await client.logs(/CHILD_SA home\{\d+\} established/, mark);
      }),
    );
    await leave(stage, client);
  });

  it('by the client, of phase 1', async () => {
    const client = await connect(stage);
    const address = await client.address();
    await losesNoneDuring(stage, undefined, () =>
      again(5, 2000, async () => {
        const mark = client.log.length;
        await client.rekeyPhase1();
        await client.logs(/IKE_SA home\[\d+\] established/, mark);
      }),
    );
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
    await losesNoneDuring(stage, FAST, async (load) => {
      const before = begunByGateway(client);
      await again(12, 700, () => client.rekeyPhase2());
      await load;
      assert.ok(begunByGateway(client) > before, 'the gateway began too');
    });
    await leave(stage, client);
  });
});
