/** The rules against the library of captures (test/scenarios): the part that they were made by, and healthy ones of both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_KEYS } from '../../../src/core/diagnosis/keys.ts';
import { Observer } from '../../../src/core/diagnosis/observer.ts';
import { type IpAddress, parseIp } from '../../../src/core/net/address.ts';
import { descriptions, isWrong, judgePart, readingOf, show, tellWrong } from '../../scenarios/judge.ts';

const WANTED_SHARE = 0.9;

const known = await judgePart('known');

test('of the captures that rules are made by nine in ten have their true cause first', (t) => {
  for (const verdict of known.filter(isWrong)) t.diagnostic(tellWrong(verdict));
  const right = known.filter(({ isRight }) => isRight).length;
  assert.ok(right >= WANTED_SHARE * known.length, `${right} of ${known.length}`);
});

test('no healthy capture shows more than a note, and no near miss fires', async () => {
  for (const { scenario, falseAlarms, deceivedBy } of known)
    assert.deepEqual([...falseAlarms, ...deceivedBy], [], scenario.name);
  const aside = await judgePart('aside');
  assert.equal(aside.filter(({ falseAlarms }) => falseAlarms.length > 0).length, 0);
});

test('with keys the nearest of what the gateway takes for ESP is told, and what differs', async () => {
  const names = ['healthy-ikev1-main-xauth-keys', 'phase2-no-proposal-quick-mode'];
  const both = descriptions('known').filter(({ name }) => names.includes(name));
  const readings = both.map((scenario) => readingOf('known', scenario));
  const ikev1 = new Map(readings.flatMap(({ keys }) => [...keys.ikev1]));
  const observer = new Observer({ ...readings[0]!, keys: { ...NO_KEYS, ikev1 } });
  let lastAt: number | undefined;
  // the one that gets through is somebody else's
  const other = parseIp('192.0.2.77')!;
  const moved = (address: IpAddress) => (address.text === '192.0.2.2' ? other : address);
  for (const scenario of both) {
    const isRefused = scenario.cause !== null;
    ({ lastAt } = await show('known', scenario, (sighting) => {
      const { source, destination } = sighting;
      const elsewhere = { source: moved(source), destination: moved(destination) };
      observer.see(isRefused ? sighting : { ...sighting, ...elsewhere });
    }));
  }
  const finding = observer.finish(lastAt).findings.find(({ rule }) => rule === 'phase2-no-proposal');
  assert.match(finding?.cause ?? 'none', /it wants /);
  assert.match(finding?.evidence.map(({ says }) => says).join('\n') ?? '', /the gateway takes .*; nearest offered: /);
});
