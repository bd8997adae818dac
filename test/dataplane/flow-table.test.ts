/** The table of cTCP flows at its bounds: who goes when it is full, and who must not come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowTable } from '../../src/dataplane/flow-table.ts';
import { Flow, LOCAL, REMOTE } from '../../src/dataplane/path.ts';
import type { TcpFlow } from '../../src/dataplane/tcp-flow.ts';

function ends(address: number, port: number): Flow {
  const flow = new Flow();
  flow.socket = 0;
  flow.words[REMOTE] = address;
  flow.remotePort = port;
  flow.words[LOCAL] = 0xc0000201;
  flow.localPort = 10_000;
  return flow;
}

function flow(table: FlowTable, address: number, port: number, began = false): TcpFlow {
  return { index: table.takeIndex(), began, ends: ends(address, port), proven: false } as TcpFlow;
}

test('a flow is found by both ends and by nothing less', () => {
  const table = new FlowTable(64, 64, 64, 1234);
  const one = flow(table, 5, 1000);
  table.add(one);
  assert.equal(table.find(ends(5, 1000)), one);
  assert.equal(table.find(ends(5, 1001)), undefined);
  assert.equal(table.find(ends(6, 1000)), undefined);
  const otherPort = ends(5, 1000);
  otherPort.localPort = 443;
  assert.equal(table.find(otherPort), undefined);
  const otherAddress = ends(5, 1000);
  otherAddress.words[LOCAL] = 9;
  assert.equal(table.find(otherAddress), undefined);
  table.remove(one);
  assert.equal(table.find(ends(5, 1000)), undefined);
  assert.equal(table.size, 0);
});

test('of newcomers the oldest goes, never one that proved itself', () => {
  const table = new FlowTable(100, 4, 100, 1);
  const flows = [1, 2, 3, 4].map((port) => flow(table, port, port));
  for (const one of flows) {
    assert.equal(table.surplus(), undefined);
    table.add(one);
  }
  table.prove(flows[0]!);
  assert.equal(table.surplus(), undefined);
  table.add(flow(table, 5, 5));
  assert.equal(table.surplus(), flows[1]);
  table.remove(flows[1]!);
  assert.equal(table.surplus(), undefined);
});

test('full of proven ones, it takes no more', () => {
  const table = new FlowTable(3, 3, 3, 1);
  for (const port of [1, 2, 3]) {
    const one = flow(table, port, port);
    table.add(one);
    table.prove(one);
  }
  assert.equal(table.surplus(), 'full');
});

test('one address has its share of newcomers, and gets it back', () => {
  const table = new FlowTable(100, 100, 3, 99);
  const flows = [1, 2, 3].map((port) => flow(table, 7, port));
  for (const one of flows) {
    assert.equal(table.admits(ends(7, 9)), true);
    table.add(one);
  }
  assert.equal(table.admits(ends(7, 9)), false);
  assert.equal(table.admits(ends(8, 9)), true);
  table.prove(flows[0]!);
  assert.equal(table.admits(ends(7, 9)), true);
  for (const one of flows) table.remove(one);
  table.add(flow(table, 7, 4, true));
  for (const port of [5, 6]) table.add(flow(table, 7, port));
  assert.equal(table.admits(ends(7, 9)), true, 'what we began ourselves is no newcomer');
});

test('many flows: each is found, and places are given again', () => {
  const table = new FlowTable(5000, 5000, 5000, 0x1234567);
  const flows = Array.from({ length: 5000 }, (_, i) => {
    const one = flow(table, 0x0a000000 + (i % 50), 1024 + i);
    table.add(one);
    return one;
  });
  for (const one of flows) assert.equal(table.find(one.ends), one);
  assert.equal(new Set(flows.map(({ index }) => index)).size, 5000);
  for (const one of flows.slice(0, 100)) table.remove(one);
  const again = Array.from({ length: 100 }, () => table.takeIndex());
  assert.ok(Math.max(...again) < 5000);
  assert.equal([...table.all()].length, 4900);
});
