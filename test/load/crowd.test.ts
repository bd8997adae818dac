/** A thousand Windows clients behind one NAT address at once, as `npm run bench -- crowd` has ten thousand. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { callers, startOurs } from '../../bench/load/gateways.ts';
import { Load } from '../../bench/load/load.ts';
import type { Order } from '../../bench/load/orders.ts';
import type { SessionRow } from '../../src/control/gateway-types.ts';
import { type Gateway, sallyport } from '../lab/gateway.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { clientAddress, gatewayAddress, Topology } from '../lab/topology.ts';

const CROWD = 1000;
/** Clients who come and go beside them. */
const OTHERS = 200;
/** Milliseconds until the gateway has noticed by itself that somebody left whose delete was lost. */
const UNHEARD = 240_000;

describe('a crowd of L2TP clients behind one NAT address', { skip: lacking(), timeout: 900_000 }, () => {
  let net: Topology;
  let gateway: Gateway;
  let load: Load;

  before(async () => {
    net = await Topology.create();
    const accounts = callers(CROWD + OTHERS);
    ({ gateway } = await startOurs(net, accounts, { program: sallyport }));
    const lifetimes = { phase1Lifetime: 28_800, phase2Lifetime: 3600 };
    const settings = { gateway: gatewayAddress, ...lifetimes, dhGroup: 19, exits: { nat: clientAddress } } as const;
    load = await Load.start(net, { ...settings, accounts });
  });

  after(async () => {
    await load?.stop();
    await gateway?.remove();
    net?.remove();
  });

  const come = (count: number, stay: boolean): Order => ({ does: 'logins', count, seconds: 600, atOnce: 64, stay });
  const traffic = async () => (await load.obey({ does: 'traffic', rounds: 200 })).answered;
  const named = (rows: readonly SessionRow[]) =>
    new Map(rows.map(({ user, address, remote, id }) => [user, `${address} ${remote} ${id}`]));

  let held: ReturnType<typeof named>;

  it('all get in, each with a session, an address and a port of its own', async () => {
    const { up, failed } = await load.obey(come(CROWD, true));
    assert.deepEqual(failed, {});
    assert.equal(up, CROWD);
    const rows = await gateway.holds(CROWD);
    assert.equal(new Set(rows.map(({ user }) => user)).size, CROWD);
    assert.equal(new Set(rows.map(({ address }) => address)).size, CROWD);
    assert.equal(new Set(rows.map(({ remote }) => remote)).size, CROWD);
    assert.deepEqual(new Set(rows.map(({ remote }) => remote.split(':')[0])), new Set([clientAddress]));
    assert.deepEqual(new Set(rows.map(({ peer }) => peer)), new Set(['192.168.1.2']));
    assert.deepEqual(new Set(rows.map(({ protocol }) => protocol)), new Set(['l2tp']));
    held = named(rows);
  });

  it('all pass traffic, and keep it while others come and go', async () => {
    assert.equal(await traffic(), CROWD);
    let gone = false;
    const others = load.obey(come(OTHERS, false)).finally(() => {
      gone = true;
    });
    while (!gone) assert.equal(await traffic(), CROWD);
    assert.deepEqual((await others).failed, {});
    assert.deepEqual(named(await gateway.holds(CROWD, UNHEARD)), held);
  });

  it('all renew their ESP at once and go on with the same session', async () => {
    await load.obey({ does: 'rekey', phase: 2 });
    assert.equal(await traffic(), CROWD);
    // until then the pair before may have carried it
    await until(async () => (await load.obey({ does: 'count' })).rekeys === CROWD);
    assert.equal(await traffic(), CROWD);
    assert.deepEqual(named(await gateway.holds(CROWD)), held);
  });

  it('leave nothing behind when they go', async () => {
    await load.obey({ does: 'leave' });
    await gateway.holds(0, UNHEARD);
    assert.doesNotMatch(gateway.log, /internal error|the dataplane refused/);
  });
});
