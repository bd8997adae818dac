/** What trying each carrier comes to: a cause where none works, a note where one does, and always what to change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CarrierSurvey, OpeningState, SurveyedCarrier } from '../../../src/core/diagnosis/carrier-survey.ts';
import { surveyFindings, surveyVerdict, wasEnded } from '../../../src/core/diagnosis/carrier-survey-findings.ts';
import { CARRIERS, openingsOfAll, STANDARD_PORTS } from '../../../src/core/openings/openings.ts';

function survey(outcome: SurveyedCarrier['outcome'], state: OpeningState): CarrierSurvey {
  return {
    gateway: 'vpn.example',
    address: '192.0.2.1',
    ports: STANDARD_PORTS,
    login: 'xauth',
    carriers: CARRIERS.map((carrier) => ({ carrier, outcome, detail: 'what was said' })),
    openings: openingsOfAll(CARRIERS, STANDARD_PORTS).map((opening) => ({ opening, state })),
  };
}

test('where one carrier works, what is shut is a note', () => {
  const findings = surveyFindings(survey('works', 'no-answer'));
  assert.deepEqual(new Set(findings.map(({ severity }) => severity)), new Set(['note']));
  assert.match(surveyVerdict(survey('works', 'open')), /^healthy: vpn\.example is reached/);
});

test('ended by its user: nothing is said of what was not tried', () => {
  const ended = survey('not-tried', 'not-reached');
  assert.equal(surveyVerdict(ended), 'vpn.example: ended before every carrier was tried');
  const [first, ...others] = ended.carriers;
  const after = (outcome: SurveyedCarrier['outcome']) => [{ ...first!, outcome }, ...others];
  const outcomes = ['blocked', 'not-offered', 'works', 'login', 'refused', 'silent'] as const;
  assert.deepEqual(outcomes.map(after).map(wasEnded), [true, true, false, false, false, false]);
  assert.equal(wasEnded(survey('blocked', 'no-answer').carriers), false);
});

test('what the gateway refuses to serve: each opening with its own switch', () => {
  const findings = surveyFindings(survey('blocked', 'refused'));
  const lines = findings.map(({ rule, remedies }) => [rule, remedies[0]!.lines[0]]);
  assert.deepEqual(lines, [
    ['silence-on-4500', 'carriers: { nat-t: true }'],
    ['no-answer-500', 'sallyport sessions'],
    ['esp-one-way', 'carriers: { esp: true }'],
    ['cisco-udp-closed', 'carriers: { cisco-udp: 10000 }'],
    ['cisco-tcp-closed', 'carriers: { cisco-tcp: [10000] }'],
  ]);
});

for (const [outcome, rule] of [
  ['login', 'xauth-refused'],
  ['refused', 'gateway-refused'],
  ['silent', 'gateway-refused'],
] as const) {
  test(`${outcome}: one cause for all carriers, with lines that say where to look`, () => {
    const findings = surveyFindings(survey(outcome, 'open'));
    assert.deepEqual(
      findings.map((finding) => [finding.rule, finding.severity, finding.cause]),
      [[rule, 'cause', 'what was said']],
    );
    assert.ok(findings[0]!.remedies.some(({ lines }) => lines.includes('sallyport sessions --failed')));
    assert.ok(findings[0]!.remedies.some(({ where }) => where === 'client'));
  });
}

test('a login that PPP refuses is none of XAUTH: the secret of MS-CHAPv2 is another', () => {
  const [finding] = surveyFindings({ ...survey('login', 'open'), login: 'l2tp' });
  assert.equal(finding!.rule, 'ppp-refused');
  assert.ok(finding!.remedies[0]!.lines.includes('sallyport user passwd NAME --l2tp'));
  assert.ok(finding!.remedies.some(({ where }) => where === 'client'));
});
