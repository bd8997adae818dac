/** Ports of flows that we begin: as many as there may be, each held, and free again afterwards. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { parseIp } from '../../src/core/net/address.ts';
import { holdPort } from '../../src/dataplane/flow-ports.ts';
import { DataplaneError } from '../../src/dataplane/index.ts';
import { MAX_FLOW_PORTS, MAX_OWN_FLOWS } from '../../src/dataplane/limits.ts';
import { OwnFlows } from '../../src/dataplane/own-flows.ts';
import { holdFlowPorts, openSockets } from '../../src/dataplane/sockets.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { close } from '../../src/ffi/libc.ts';

const LOOPBACK = parseIp('127.0.0.1')!;
const REMOTE = { address: LOOPBACK, port: 10_000 };
let socket: WorkerSocket;
before(() => {
  [socket] = openSockets({
    listen: [LOOPBACK],
    ikePort: 0,
    natTPort: undefined,
    ciscoUdpPort: undefined,
    nativeEsp: false,
  }) as [WorkerSocket];
});
after(() => close(socket.fd));

const refusedAs = (code: string) => (error: unknown) => error instanceof DataplaneError && error.code === code;

test('not more flows than there may be, and one more when one has ended', () => {
  const flows = new OwnFlows([], undefined);
  const paths = Array.from({ length: MAX_OWN_FLOWS }, () => flows.open(socket, LOOPBACK, REMOTE));
  assert.equal(new Set(paths.map(({ local }) => local.port)).size, MAX_OWN_FLOWS);
  assert.throws(() => flows.open(socket, LOOPBACK, REMOTE), refusedAs('too-many-flows'));
  flows.leave(paths[3]!);
  assert.throws(() => flows.open(socket, LOOPBACK, REMOTE), refusedAs('too-many-flows'));
  flows.close(paths[3]!);
  assert.equal(flows.has(paths[3]!), false);
  assert.ok(flows.has(flows.open(socket, LOOPBACK, REMOTE)));
  flows.closeAll();
});

test('a port is held against others while its flow lasts', async () => {
  const flows = new OwnFlows([], undefined);
  const path = flows.open(socket, LOOPBACK, REMOTE);
  assert.throws(() => holdPort(LOOPBACK, path.local.port, undefined), refusedAs('port-in-use'));
  flows.leave(path);
  assert.equal(flows.has(path), false);
  assert.throws(
    () => holdPort(LOOPBACK, path.local.port, undefined),
    refusedAs('port-in-use'),
    'not before it is left',
  );
  flows.close(path);
  const { fd, port } = holdPort(LOOPBACK, path.local.port, undefined);
  assert.equal(port, path.local.port);
  const taken = createServer().listen(port, '127.0.0.1');
  const [error] = await new Promise<[NodeJS.ErrnoException]>((resolve) => taken.once('error', (one) => resolve([one])));
  assert.equal(error.code, 'EADDRINUSE');
  close(fd);
});

test('flows are awaited on ten ports at most', () => {
  const ciscoTcpPorts = Array.from({ length: MAX_FLOW_PORTS + 1 }, (_, i) => 20_000 + i);
  const options = { listen: [LOOPBACK], ikePort: 0, natTPort: undefined, ciscoUdpPort: undefined, nativeEsp: false };
  assert.throws(() => holdFlowPorts({ ...options, ciscoTcpPorts }, []), refusedAs('socket-failed'));
});
