/** From a plan to rules and routes, without a system. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { type Change, changesOf, RULES_PER_SLOT } from '../../../src/host/network/changes.ts';
import type { NetworkPlan } from '../../../src/host/network/plan.ts';
import { SLOTS, slotAt } from '../../../src/host/network/slot.ts';

const slot = slotAt(3);

function plan(changes: Partial<NetworkPlan> = {}): NetworkPlan {
  return {
    tun: 'sp0',
    address: parseIp('10.77.0.9')!,
    mtu: 1400,
    routes: [parsePrefix('10.1.0.0/16')!],
    localLan: false,
    dns: undefined,
    onLoss: 'block',
    mark: 0x53,
    ...changes,
  };
}

function routes(changes: readonly Change[]): string[] {
  return changes
    .filter((change) => change.kind === 'route')
    .map(({ prefix, through, metric }) => `${prefix} ${through ? through.tun : 'unreachable'} ${metric}`);
}

function rules(changes: readonly Change[], family: 4 | 6) {
  return changes
    .filter((change) => change.kind === 'rule')
    .filter((rule) => rule.family === family)
    .map(({ match, action }) => [match, action]);
}

describe('a plan as changes', () => {
  it('blocks beside each network with a worse metric, if it shall', () => {
    assert.deepEqual(routes(changesOf(plan(), slot, true)), ['10.1.0.0/16 unreachable 200', '10.1.0.0/16 sp0 100']);
    assert.deepEqual(routes(changesOf(plan({ onLoss: 'open' }), slot, true)), ['10.1.0.0/16 sp0 100']);
    assert.deepEqual(routes(changesOf(plan({ routes: 'all' }), slot, true)), [
      '0.0.0.0/0 unreachable 200',
      '0.0.0.0/0 sp0 100',
    ]);
  });

  it('leads to name servers that no network covers', () => {
    const servers = ['10.1.0.53', '172.16.0.53'].map((text) => parseIp(text)!);
    const dns = { servers, domain: undefined, split: [] };
    assert.deepEqual(routes(changesOf(plan({ dns }), slot, true)).slice(2), [
      '172.16.0.53/32 unreachable 200',
      '172.16.0.53/32 sp0 100',
    ]);
    assert.equal(routes(changesOf(plan({ dns, routes: 'all' }), slot, true)).length, 2);
  });

  it('makes IPv6 unreachable in a full tunnel, whatever happens at its loss, and leaves it alone in a split one', () => {
    const onLink = [{ to: 'fe80::/10' }, { table: 254 }];
    for (const onLoss of ['block', 'open'] as const) {
      const full = changesOf(plan({ routes: 'all', onLoss }), slot, true);
      assert.deepEqual(rules(full, 6), [onLink, [{ notMark: 0x53 }, 'unreachable']]);
      assert.deepEqual(rules(changesOf(plan({ onLoss }), slot, true), 6), []);
    }
    const split = changesOf(plan({ routes: [parsePrefix('2001:db8:1::/48')!], onLoss: 'open' }), slot, true);
    assert.deepEqual(routes(split), ['2001:db8:1::/48 unreachable 200']);
    assert.deepEqual(rules(split, 6), [onLink, [{ notMark: 0x53 }, { table: slot.table }]]);
  });

  it('does without IPv6 where the system has none', () => {
    const changes = changesOf(plan({ routes: 'all' }), slot, false);
    assert.ok(changes.every((change) => !('family' in change) || change.family === 4));
  });

  it('follows the host’s own routes to private networks alone, and only with localLan', () => {
    const without = rules(changesOf(plan(), slot, true), 4);
    assert.deepEqual(without, [
      ['dhcp', { table: 254 }],
      [{ from: 'sp0' }, { table: 254 }],
      [{ notMark: 0x53 }, { table: slot.table }],
    ]);
    const lan = rules(changesOf(plan({ localLan: true }), slot, true), 4).slice(2, -1);
    assert.deepEqual(
      lan.map(([match]) => match),
      ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '224.0.0.0/4'].map((to) => ({ to })),
    );
    assert.ok(lan.slice(0, 4).every(([, action]) => (action as { onlySpecific?: true }).onlySpecific));
  });

  it('comes with the address first and the rules last, each under a priority of its own within the slot', () => {
    for (const routing of ['all', plan().routes] as const) {
      const changes = changesOf(plan({ routes: routing, localLan: true }), slot, true);
      assert.deepEqual([...new Set(changes.map(({ kind }) => kind))], ['link', 'address', 'route', 'rule']);
      const first = routing === 'all' ? slot.fullPriority : slot.splitPriority;
      for (const family of [4, 6]) {
        const priorities = changes
          .filter((change) => change.kind === 'rule')
          .filter((rule) => rule.family === family)
          .map(({ priority }) => priority);
        assert.equal(new Set(priorities).size, priorities.length);
        assert.deepEqual(priorities, priorities.toSorted());
        assert.ok(priorities.every((priority) => priority >= first && priority < first + RULES_PER_SLOT));
      }
    }
  });
});

describe('slots', () => {
  it('do not overlap, lie before the main table, and every split tunnel before every full one', () => {
    const slots = Array.from({ length: SLOTS }, (_, i) => slotAt(i));
    const firsts = [
      ...slots.map(({ splitPriority }) => splitPriority),
      ...slots.map(({ fullPriority }) => fullPriority),
    ];
    assert.deepEqual(
      firsts,
      firsts.toSorted((a, b) => a - b),
    );
    for (const [i, first] of firsts.entries()) assert.ok((firsts[i + 1] ?? 32766) - first >= RULES_PER_SLOT);
    assert.equal(new Set(slots.map(({ table }) => table)).size, SLOTS);
  });
});
