/** A report as text shows the remedies that are nearest, and says which options have the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Place, Remedy } from '../../../src/core/diagnosis/finding.ts';
import { nearest } from '../../../src/doctor/report/nearest.ts';
import type { ReportFinding, ReportPage } from '../../../src/doctor/report/page.ts';
import { textOf } from '../../../src/doctor/report/text.ts';
import { FULL_PAGE } from './pages.ts';

const EVERYWHERE: readonly Place[] = [
  'sallyport',
  'strongswan',
  'strongswan',
  'libreswan',
  'windows',
  'cisco-asa',
  'firewall',
  'firewall',
  'client',
];

function finding(places: readonly Place[], gateway?: Place): ReportFinding {
  const remedies = places.map((where, i): Remedy => ({ where, does: `remedy ${i}`, lines: [`line ${i}`] }));
  return { rule: 'psk-mismatch', severity: 'cause', cause: 'The secrets differ', evidence: [], remedies, gateway };
}

function shown(one: ReportFinding): string[] {
  return nearest(one).map(({ does }) => does.replace('remedy ', ''));
}

test('of each place the first', () => {
  assert.deepEqual(shown(finding(EVERYWHERE)), ['0', '1', '3', '4', '5', '6', '8']);
});

test('of a firewall at either end the first', () => {
  const both = (['gateway', 'gateway', 'client'] as const).map(
    (side, i): Remedy => ({ where: 'firewall', side, does: `remedy ${i}`, lines: [] }),
  );
  assert.deepEqual(shown({ ...finding([]), remedies: both }), ['0', '2']);
});

test('where the gateway is known, of gateways its own alone', () => {
  assert.deepEqual(shown(finding(EVERYWHERE, 'strongswan')), ['1', '4', '6', '8']);
  assert.deepEqual(shown(finding(EVERYWHERE, 'windows')), ['4', '6', '8']);
});

test('where nothing is known for that gateway, what the others would need', () => {
  assert.deepEqual(shown(finding(['sallyport', 'libreswan', 'client'], 'cisco-asa')), ['0', '1', '2']);
});

test('the last line says how many more there are, and what prints them', () => {
  const page = (findings: readonly ReportFinding[]): ReportPage => ({ ...FULL_PAGE, findings });
  const two = textOf(page([finding(EVERYWHERE), finding(EVERYWHERE, 'strongswan')]));
  assert.match(two, /\n\nWith --json or --html FILE: 7 more remedies\.$/);
  assert.doesNotMatch(two, /line 2|line 7/);
  assert.match(textOf(page([finding(['client', 'client'])])), /: 1 more remedy\.$/);
  assert.doesNotMatch(textOf(page([finding(['client', 'windows'])])), / more /);
});
