/**
 * The known captures as others would have made them: each packet twice, cut, begun late, ended early, of one direction, by
 * IPv6, without keys. The first finding stays the true cause, says less, or is none; it never becomes a wrong one.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_KEYS } from '../../../src/core/diagnosis/keys.ts';
import { Observer } from '../../../src/core/diagnosis/observer.ts';
import type { Reading } from '../../../src/core/diagnosis/reading.ts';
import type { Sighting } from '../../../src/core/diagnosis/sighting.ts';
import { type IpAddress, ipFromBytes } from '../../../src/core/net/address.ts';
import { descriptions, readingOf, show } from '../../scenarios/judge.ts';
import type { Description } from '../../scenarios/maker/scenario.ts';
import type { RuleName } from '../../scenarios/rules.ts';

interface Known {
  readonly scenario: Description;
  readonly sightings: readonly Sighting[];
  readonly lastAt: number | undefined;
}

const known: Known[] = [];
for (const scenario of descriptions('known')) {
  const sightings: Sighting[] = [];
  const keep = (sighting: Sighting) => sightings.push({ ...sighting, payload: sighting.payload.slice() });
  const { lastAt } = await show('known', scenario, keep);
  known.push({ scenario, sightings, lastAt });
}

/** What is true as well of those that show less. */
const WEAKER: Partial<Readonly<Record<RuleName, readonly RuleName[]>>> = {
  'certificate-name': ['ike-auth-refused'],
  'certificate-missing': ['ike-auth-refused'],
  'identity-mismatch': ['psk-mismatch'],
  loss: ['esp-one-way'],
  'message-id-shared': ['phase2-unanswered'],
  'pool-empty': ['phase2-no-proposal'],
  'replay-window': ['loss'],
  scanner: ['icmp-unreachable'],
  'selectors-refused': ['phase2-no-proposal'],
};

/** The first that is above a note. */
function firstOf(sightings: readonly Sighting[], reading: Reading, lastAt: number | undefined): string | undefined {
  const observer = new Observer(reading);
  for (const sighting of sightings) observer.see(sighting);
  return observer.finish(lastAt).findings.find(({ severity }) => severity !== 'note')?.rule;
}

type Change = (sightings: readonly Sighting[]) => readonly Sighting[];

const cut =
  (length: number): Change =>
  (all) =>
    all.map((sighting) => ({ ...sighting, payload: sighting.payload.subarray(0, length) }));

const fromFirst =
  (isWanted: boolean): Change =>
  (all) =>
    all.filter(({ source }) => (source.text === all[0]?.source.text) === isWanted);

/** Of packets 96, 128 and 262 bytes long. */
const LESS: Readonly<Record<string, Change>> = {
  'cut to 96 bytes': cut(54),
  'cut to 128 bytes': cut(86),
  'cut to 262 bytes': cut(220),
  'begun a packet late': (all) => all.slice(1),
  'begun two packets late': (all) => all.slice(2),
  'begun five packets late': (all) => all.slice(5),
  'from one side alone': fromFirst(true),
  'from the other side alone': fromFirst(false),
};

for (const [name, change] of Object.entries(LESS))
  test(`${name}: never a wrong cause`, () => {
    for (const { scenario, sightings, lastAt } of known)
      mayBe(scenario, firstOf(change(sightings), readingOf('known', scenario), lastAt), name);
  });

test('ended in the middle: never a wrong cause', () => {
  for (const { scenario, sightings } of known) {
    const half = sightings.slice(0, sightings.length / 2);
    mayBe(scenario, firstOf(half, readingOf('known', scenario), undefined), 'ended early');
  }
});

test('without keys: never a wrong cause', () => {
  for (const { scenario, sightings, lastAt } of known.filter(({ scenario }) => scenario.keys !== undefined))
    mayBe(scenario, firstOf(sightings, { ...readingOf('known', scenario), keys: NO_KEYS }, lastAt), 'without keys');
});

/** Where of a client only first messages are there, that is all that can be said. */
const UNANSWERED: RuleName = 'no-answer-500';

function mayBe({ name, cause, asGood, alsoFine }: Description, first: string | undefined, how: string): void {
  const fine: readonly (string | null | undefined)[] = [
    undefined,
    ...(cause !== null && how.includes('side alone') ? [UNANSWERED] : []),
    cause,
    ...asGood,
    ...alsoFine,
    ...(cause ? (WEAKER[cause] ?? []) : []),
  ];
  assert.ok(fine.includes(first), `${name}, ${how}: ${first}, and it is ${cause ?? 'healthy'}`);
}

describe('what says as much', () => {
  test('each packet twice, as a capture of all devices has them', () => {
    const twice: Change = (all) => all.flatMap((sighting) => [sighting, { ...sighting, at: sighting.at + 0.4 }]);
    for (const { scenario, sightings, lastAt } of known)
      assert.equal(
        firstOf(twice(sightings), readingOf('known', scenario), lastAt),
        firstOf(sightings, readingOf('known', scenario), lastAt),
        scenario.name,
      );
  });

  test('IPv6', () => {
    // without what names or hashes addresses of IPv4
    const plain: Reading = { keys: NO_KEYS };
    for (const { scenario, sightings, lastAt } of known) {
      const noIcmp = sightings.filter(({ protocol }) => protocol !== 'icmp');
      const sixth = noIcmp.map((sighting) => ({
        ...sighting,
        source: toIpv6(sighting.source),
        destination: toIpv6(sighting.destination),
      }));
      assert.equal(firstOf(sixth, plain, lastAt), firstOf(noIcmp, plain, lastAt), scenario.name);
    }
  });
});

/** Private to private, public to public. */
function toIpv6({ bytes }: IpAddress): IpAddress {
  if (bytes.length === 16) return ipFromBytes(bytes);
  const [a = 0, b = 0] = bytes;
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
  const address = new Uint8Array(16);
  address.set(isPrivate ? [0xfd] : [0x20, 0x01, 0x0d, 0xb8]);
  address.set(bytes, 12);
  return ipFromBytes(address);
}
