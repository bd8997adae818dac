/** The probe's sockets on this host's loopback: answers, ICMP and resets are heard as the probe wants them. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { parseIp } from '../../../src/core/net/address.ts';
import { IkeFlow, Pace } from '../../../src/doctor/probe/ike-flow.ts';
import { ALL, mainModeQuestion } from '../../../src/doctor/probe/ikev1-questions.ts';
import { nodeNetwork } from '../../../src/doctor/probe/node-network.ts';
import { PacketLog } from '../../../src/doctor/probe/packet-log.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { SimulatedGateway } from './simulated-gateway.ts';

const address = parseIp('127.0.0.1')!;
const PATIENCE = [5000, 5000];

function context() {
  return { network: nodeNetwork, log: new PacketLog(nodeNetwork), pace: new Pace(nodeNetwork) };
}

/** TCPMUX, which nobody serves; a port that was free a moment ago may be somebody's by now. */
const CLOSED = 1;

/** A port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address.text, resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

async function serve(test: TestContext): Promise<number> {
  const gateway = new SimulatedGateway({ own: { address, port: 0 }, ikev1: () => true });
  const socket = createSocket('udp4');
  socket.on('message', (datagram, from) => {
    for (const answer of gateway.plain(datagram, { address, port: from.port }) as Uint8Array[])
      socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, address.text, resolve));
  test.after(() => socket.close());
  return socket.address().port;
}

describe('UDP', () => {
  it('an answer comes back, with the local address that the gateway sees', async (test) => {
    const flow = await IkeFlow.open(context(), { address, port: await serve(test) }, false);
    test.after(() => flow.close());
    assert.equal((await flow.ask(mainModeQuestion(nodeCrypto, ALL), PATIENCE)).kind, 'answer');
    assert.equal(flow.local!.address.text, address.text);
  });

  it('a closed port is heard of by ICMP', async (test) => {
    const flow = await IkeFlow.open(context(), { address, port: CLOSED }, false);
    test.after(() => flow.close());
    assert.equal((await flow.ask(mainModeQuestion(nodeCrypto, ALL), PATIENCE)).kind, 'refused');
  });

  it('the own port that is asked for is not taken for the gateway', async (test) => {
    const port = await freePort();
    const flow = await IkeFlow.open(context(), { address, port }, false, port);
    test.after(() => flow.close());
    assert.notEqual(flow.local!.port, port);
  });
});

it('TCP: a port that listens, and one that does not', async (test) => {
  const server = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, address.text, resolve));
  test.after(() => server.close());
  const { port } = server.address() as { port: number };
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const listener = { data: resolve, closed: () => {} };
  const flow = await nodeNetwork.openTcp({ address, port }, listener, new AbortController().signal);
  flow.send(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...(await promise)], [1, 2, 3]);
  flow.close();
  server.close();
  const refused = nodeNetwork.openTcp({ address, port: CLOSED }, listener, new AbortController().signal);
  await assert.rejects(refused, { code: 'ECONNREFUSED' });
});
