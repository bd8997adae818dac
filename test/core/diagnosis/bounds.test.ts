/** What an observer remembers is bounded, and it says what it left out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, u32 } from '../../../src/core/bytes/bytes.ts';
import {
  Conversation,
  MAX_ERRORS,
  MAX_FLOWS,
  MAX_L2TP,
  MAX_MARKED_PORTS,
  MAX_PAIR_NEGOTIATIONS,
  MAX_SYNS,
  MAX_TCP_FLOWS,
} from '../../../src/core/diagnosis/conversation.ts';
import { MAX_CONVERSATIONS } from '../../../src/core/diagnosis/conversation-table.ts';
import { parseIkev1Table } from '../../../src/core/diagnosis/keys.ts';
import { type Endpoint, ipFromBytes } from '../../../src/core/net/address.ts';
import { TcpFlag } from '../../../src/core/wire/tcp.ts';
import { CLIENT, esp, GATEWAY, ike, Stage, sa, udp } from './stage.ts';

test('pairs of addresses', () => {
  const stage = new Stage();
  for (let i = 0; i <= MAX_CONVERSATIONS; i++)
    stage.see(esp(ipFromBytes(concat(Uint8Array.of(10), u32(i).subarray(1))), GATEWAY, 0x1000, 1));
  const { conversations, dropped } = stage.diagnosis;
  assert.equal(conversations.length, MAX_CONVERSATIONS);
  assert.deepEqual(dropped, [{ what: 'packets of further pairs of addresses', count: 1 }]);
});

test('flows of ESP and negotiations of one pair', () => {
  const stage = new Stage();
  for (let i = 0; i <= MAX_FLOWS; i++) stage.see(esp(CLIENT, GATEWAY, 0x1000 + i, 1));
  for (let i = 0; i <= MAX_PAIR_NEGOTIATIONS; i++)
    stage.up(ike([sa()], { initiator: (i + 1).toString(16).padStart(16, '0') }));
  const { conversations, dropped } = stage.diagnosis;
  assert.equal(conversations[0]!.flows.length, MAX_FLOWS);
  assert.equal(conversations[0]!.negotiations.length, MAX_PAIR_NEGOTIATIONS);
  assert.equal(dropped[0]!.count, 2);
});

test('errors, words of L2TP and TCP connections of one pair', () => {
  const place = { packet: 1, at: 0 };
  const [source, destination] = [CLIENT, GATEWAY].map((address) => ({ address, port: 1701 })) as [Endpoint, Endpoint];
  const about = { source: CLIENT, destination: GATEWAY, protocol: 17, sourcePort: 500, destinationPort: 500, mtu: 0 };
  const conversation = new Conversation(1, CLIENT, GATEWAY);
  for (let i = 0; i <= MAX_ERRORS; i++)
    conversation.addError({ ...place, ...about, from: GATEWAY, reason: 'port unreachable' });
  for (let i = 0; i <= MAX_L2TP; i++)
    conversation.addL2tp({ ...place, source, destination, what: 'SCCRQ', isInside: true });
  for (let i = 0; i <= MAX_TCP_FLOWS; i++) conversation.tcpFlow({ address: CLIENT, port: i }, destination, 'cisco');
  assert.equal(conversation.errors.length, MAX_ERRORS);
  assert.equal(conversation.l2tp.length, MAX_L2TP);
  assert.equal(conversation.tcpFlows.length, MAX_TCP_FLOWS);
  assert.equal(conversation.dropped, 3);
});

test('ports of their own that IKE came on', () => {
  const stage = new Stage();
  for (let i = 0; i <= MAX_MARKED_PORTS; i++)
    stage.see(udp(CLIENT, 50_000, GATEWAY, 20_000 + i, concat(u32(0), ike([sa()]))));
  assert.equal(stage.diagnosis.conversations[0]!.markedPorts.size, MAX_MARKED_PORTS);
});

test('SYNs of one TCP connection', () => {
  const stage = new Stage();
  for (let i = 0; i <= MAX_SYNS; i++)
    stage.wait(1000).see({
      protocol: 'tcp',
      source: CLIENT,
      destination: GATEWAY,
      sourcePort: 50_000,
      destinationPort: 10000,
      payload: new Uint8Array(0),
      tcp: { flags: TcpFlag.SYN, sequence: 1, acknowledgment: 0 },
    });
  assert.equal(stage.diagnosis.conversations[0]!.tcpFlows[0]!.syns.length, MAX_SYNS);
});

test('a table of keys takes what is one, and passes over the rest', () => {
  const keys = parseIkev1Table(
    '# a comment\n0011223344556677,00ff\n\nnonsense\n"8899AABBCCDDEEFF",0x0102\nzz11223344556677,00\n',
  );
  assert.deepEqual([...keys.keys()], ['0011223344556677', '8899aabbccddeeff']);
});
