/** How long a NAT keeps a silent mapping, in virtual time, with each kind of gateway. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIp } from '../../../src/core/net/address.ts';
import { endedBy, type ProbeNetwork, pause, type UdpFlow } from '../../../src/doctor/probe/network.ts';
import { probe } from '../../../src/doctor/probe/probe.ts';
import { type Learnt, watchMapping } from '../../../src/doctor/probe/watch.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { type GatewayOptions, SimulatedGateway } from './simulated-gateway.ts';
import { type NetworkOptions, SimulatedNetwork } from './simulated-network.ts';

const GATEWAY = '192.0.2.1';
const own = { address: parseIp(GATEWAY)!, port: 500 };

async function watch(options: Partial<GatewayOptions>, nat?: NetworkOptions['nat']): Promise<Learnt[]> {
  const udp: Record<number, SimulatedGateway['plain']> = {};
  const network = new SimulatedNetwork({ hosts: { [GATEWAY]: { udp } }, ...(nat && { nat }) });
  const suite = { ikev1: ({ group }: { group: readonly string[] }) => group[0] === 'modp2048' };
  const gateway = new SimulatedGateway({ own, ...suite, now: network.now, ...options });
  udp[500] = gateway.plain;
  udp[4500] = gateway.marked;
  const tools = { network, crypto: nodeCrypto, progress: () => {} };
  return network.run(
    (async () => {
      const survey = await probe(GATEWAY, tools);
      const all: Learnt[] = [];
      for await (const learnt of watchMapping(survey, tools)) all.push(learnt);
      return all;
    })(),
  );
}

const nat = (seconds: number) => ({ address: '198.51.100.2', lifetime: seconds * 1000 });
const states = (all: readonly Learnt[]) => all.map(({ state, seconds }) => [state, seconds]);

describe('a silent mapping', () => {
  it('that lives 17 seconds is gone between 15 and 20', async () => {
    const all = await watch({ repeats: 'to-first' }, nat(17));
    assert.deepEqual(states(all), [
      ['alive', 5],
      ['alive', 10],
      ['alive', 15],
      ['gone', 20],
    ]);
    assert.match(all.at(-1)!.text, /between 15 and 20 s of silence.*too late/);
  });

  it('that outlives the memory of the gateway: said so', async () => {
    const all = await watch({ repeats: 'to-first', memory: 30_000 }, nat(300));
    assert.deepEqual(states(all).slice(-2), [
      ['alive', 25],
      ['unknown', 40],
    ]);
    assert.match(all.at(-1)!.text, /beyond 25 s.*forgotten/);
  });

  it('cannot be measured by a gateway that answers whoever asks, or passes repetitions over', async () => {
    assert.match((await watch({ repeats: 'to-asker' }, nat(17)))[0]!.text, /whoever repeats/);
    assert.match((await watch({ repeats: 'never' }, nat(17)))[0]!.text, /cannot be measured/);
  });

  it('is waited for no longer than its user wants', async () => {
    const user = new AbortController();
    const network = new SimulatedNetwork({});
    const waits = endedBy(network, user.signal).within(60_000, new Promise(() => {}));
    user.abort(new Error('enough'));
    await assert.rejects(waits, /enough/);
    await assert.rejects(endedBy(network, user.signal).within(60_000, new Promise(() => {})), /enough/);
  });

  it('ended amid the questions before: nothing is left open, and no rejection without somebody to hear it', async () => {
    const user = new AbortController();
    const network = new SimulatedNetwork({ hosts: { [GATEWAY]: { udp: {} } } });
    const unheard: unknown[] = [];
    const note = (reason: unknown) => unheard.push(reason);
    process.on('unhandledRejection', note);
    const open = new Set<UdpFlow>();
    const counted: ProbeNetwork = {
      ...endedBy(network, new AbortController().signal),
      openUdp: async (...how) => {
        const flow = await network.openUdp(...how);
        open.add(flow);
        return {
          ...flow,
          send: (datagram) => flow.send(datagram),
          close: () => {
            open.delete(flow);
            flow.close();
          },
        };
      },
    };
    const tools = { network: endedBy(counted, user.signal), crypto: nodeCrypto, progress: () => {} };
    await network.run(
      Promise.all([
        assert.rejects(probe(GATEWAY, tools), /enough/),
        pause(network, 700).then(() => {
          assert.ok(open.size > 0);
          user.abort(new Error('enough'));
        }),
      ]),
    );
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    assert.deepEqual([unheard, open.size], [[], 0]);
  });

  it('is none where there is no NAT; and IKEv1 is needed', async () => {
    assert.match((await watch({ repeats: 'to-first' }))[0]!.text, /no NAT/);
    const ikev2 = { groups: [14], ciphers: ['12/128'], integrities: [12] };
    assert.match((await watch({ ikev1: () => false, ikev2 }, nat(17)))[0]!.text, /IKEv1 main mode/);
  });
});
