/** What an observer remembers is bounded, and it says what it left out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, u32 } from '../../../src/core/bytes/bytes.ts';
import { MAX_FLOWS, MAX_PAIR_NEGOTIATIONS } from '../../../src/core/diagnosis/conversation.ts';
import { parseIkev1Table } from '../../../src/core/diagnosis/keys.ts';
import { MAX_CONVERSATIONS } from '../../../src/core/diagnosis/observer.ts';
import { ipFromBytes } from '../../../src/core/net/address.ts';
import { CLIENT, esp, GATEWAY, ike, Stage, sa } from './stage.ts';

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

test('a table of keys takes what is one, and passes over the rest', () => {
  const keys = parseIkev1Table(
    '# a comment\n0011223344556677,00ff\n\nnonsense\n"8899AABBCCDDEEFF",0x0102\nzz11223344556677,00\n',
  );
  assert.deepEqual([...keys.keys()], ['0011223344556677', '8899aabbccddeeff']);
});
