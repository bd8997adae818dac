/** sallyport doctor 809. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WINDOWS_CODES } from '../../src/core/diagnosis/windows-codes.ts';
import { describeCode, knownCodes } from '../../src/doctor/code.ts';
import { RULES } from '../scenarios/rules.ts';

test('809 tells of the registry value first, then of the ports', () => {
  const text = describeCode(809, false)!;
  const [value, port] = [text.indexOf('AssumeUDPEncapsulationContextOnSendRule'), text.indexOf('udp dport 4500')];
  assert.ok(value > 0 && port > value);
  assert.match(text, /^No answer came from the gateway/);
});

/** What no capture shows. */
const NO_RULES = ['client-port-taken'];

test('each number has causes by the names of rules, with lines to change', () => {
  assert.equal(knownCodes(), '628, 633, 691, 720, 734, 766, 787, 788, 789, 792, 798, 809, 13801, 13868');
  for (const code of WINDOWS_CODES) {
    const { causes } = JSON.parse(describeCode(code, true)!);
    assert.ok(causes.length > 0);
    for (const { rule, remedies } of causes) {
      assert.ok(RULES.includes(rule) || NO_RULES.includes(rule), `${code}: ${rule}`);
      assert.ok(
        remedies.some(({ lines }: { lines: string[] }) => lines.length > 0),
        `${code}: ${rule}`,
      );
    }
  }
});

test('of a number that is not known nothing is made up', () => {
  assert.equal(describeCode(12345, false), undefined);
});
