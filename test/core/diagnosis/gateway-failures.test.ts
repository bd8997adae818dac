/** Every reason that docs/troubleshooting.md names belongs to a rule of the doctor's, or is known to belong to none. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { knownFailure } from '../../../src/core/diagnosis/gateway-failures.ts';
import { RULES } from '../../scenarios/rules.ts';

/** No fault of a connection: limits, floods, accidents of renewals, clients that went away. */
const WITHOUT: readonly string[] = [
  'the negotiation stopped before message 3',
  'no sixth message came: ...',
  'the peer chose a proposal that was not offered',
  'the group has its max_sessions of N on',
  'name or password is too long for any user here',
  'it could not be checked: see the error before this line',
  'deleted by the peer: the client hung up',
  'lifetime: ...',
  'kicked ...',
  'login failed: the user gave up',
  'the peer says NAME',
  'too many logins at once',
  'it has 64 tunnels already; give the client fewer routes',
  'it answers no more (LCP echo)',
  'the phase 2 offer is empty',
  'its session is gone',
  "message 3 never came: our answer doesn't reach the client, or it refused the proposal",
  'the peer refused it: NAME',
  'no answer to message 1',
  'the peer chose our own SPI',
  'the KE payload is no public value of the group',
];

/** What the document writes as dots. */
const SHORTENED: readonly (readonly [step: string, dots: RegExp, whole: string])[] = [
  ['main mode, message 5', /^\.\.\. /, 'the certificate of NAME '],
  ['quick mode', /^\.\.\.: /, 'no phase 2 proposal fits; the nearest offered is SUITE: '],
  ['quick mode', /^\.\.\. before/, 'it asked for a tunnel before'],
];

interface Row {
  readonly step: string;
  readonly reason: string;
}

/** The tables of failures: those with a step and a reason, and that of certificates, which has reasons alone. */
function documented(): Row[] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/troubleshooting.md'), 'utf8');
  const sections = text
    .split(/^## /m)
    .filter((section) => /^(Phase 1: secret|Certificates|Login|Configuration)/.test(section));
  return sections.flatMap((section) => {
    const isOfCertificates = section.startsWith('Certificates');
    const rows = section.split('\n').filter((line) => line.startsWith('| `'));
    return rows.flatMap((line) => {
      const [first = '', second = ''] = line.slice(2).split(' | ');
      const [steps, reasons] = isOfCertificates ? ['`main mode, message 5`', first] : [first, second];
      const step = /`([^`]+)`/.exec(steps)![1]!;
      // words of a configuration stand there too
      const sentences = [...reasons.matchAll(/`([^`]+)`/g)]
        .map(([, reason]) => reason!)
        .filter((one) => one.includes(' '));
      return sentences.map((reason) => ({ step, reason: wholeOf(step, reason) }));
    });
  });
}

function wholeOf(step: string, reason: string): string {
  const found = SHORTENED.find(([of, dots]) => of === step && dots.test(reason));
  return found ? reason.replace(found[1], found[2]) : reason;
}

test('each has a rule of the library', () => {
  const rows = documented();
  assert.ok(rows.length > 60, `${rows.length} reasons`);
  const strangers = rows.filter(({ step, reason }) => {
    const known = knownFailure(`${step}: ${reason}`);
    return known ? !RULES.includes(known.rule as never) : !WITHOUT.includes(reason);
  });
  assert.deepEqual(strangers, []);
});
