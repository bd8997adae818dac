/** docs/clients/sallyport.md: every event with every field, and each way to end. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ClientReport, Ending } from '../../src/client/report.ts';

type Fields<T extends ClientReport['type']> = Exclude<keyof Extract<ClientReport, { type: T }>, 'type'>;

/** The compiler holds it to the types: nothing missing, nothing more. */
const EVENTS: { readonly [T in ClientReport['type']]: Readonly<Record<Fields<T>, true>> } = {
  trying: { carrier: true, gateway: true },
  question: { kind: true, prompt: true },
  up: {
    carrier: true,
    gateway: true,
    address: true,
    dns: true,
    domain: true,
    routes: true,
    phase1: true,
    esp: true,
    tun: true,
    blocked: true,
  },
  'carrier-changed': { from: true, carrier: true, gateway: true, reason: true },
  rekeyed: { phase: true, suite: true },
  reconnecting: { reason: true, inSeconds: true },
  traffic: { bytesIn: true, bytesOut: true, packetsIn: true, packetsOut: true },
  notice: { text: true },
  banner: { text: true },
  down: { ending: true, reason: true, blocked: true },
};

const ENDINGS: Readonly<Record<Ending, true>> = {
  user: true,
  refused: true,
  blocked: true,
  gateway: true,
  failed: true,
};

const text = readFileSync(join(import.meta.dirname, '../../docs/clients/sallyport.md'), 'utf8');
const rows = new Map(
  [...text.split('## Events')[1]!.matchAll(/^\| `([\w-]+)` \| (?!when)[^|]* \| ([^|]*) \|$/gm)].map(
    ([, type, fields]) => [type!, fields!],
  ),
);

describe('docs/clients/sallyport.md', () => {
  it('describes every event, and no other', () => {
    assert.deepEqual([...rows.keys()].toSorted(), Object.keys(EVENTS).toSorted());
    for (const [type, fields] of Object.entries(EVENTS)) {
      const cell = rows.get(type) ?? '';
      const named = [...cell.replace(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
      assert.deepEqual(named.toSorted(), Object.keys(fields).toSorted(), type);
    }
  });

  it('names each way to end', () => {
    for (const ending of Object.keys(ENDINGS)) assert.ok(rows.get('down')!.includes(`\`${ending}\``), ending);
  });
});
