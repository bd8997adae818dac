/** docs/configuration.md: it describes every key, and no other, and its examples are right. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkConfig } from '../../src/config/check.ts';
import { formatProblem, formatProblemIn } from '../../src/config/problem.ts';
import { SHAPES } from '../../src/config/schema.ts';
import { documented, yamlExamples } from './documented.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');

const SECTIONS: Readonly<Record<keyof typeof SHAPES, readonly string[]>> = {
  gateway: ['The gateway', 'What clients are given', 'Who may come in'],
  group: ['A group'],
  peer: ['A peer'],
  certificate: ['certificate'],
  carriers: ['carriers'],
  l2tp: ['l2tp'],
  lifetimes: ['lifetimes'],
  dpd: ['dpd'],
  log: ['log'],
  ports: ['ports'],
};

describe('docs/configuration.md', () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    it(`describes every key of ${name}, and no other`, () => {
      const keys = Object.keys(shape).filter((key) => !(name === 'gateway' && key === 'carriers'));
      assert.deepEqual(documented(text, ...SECTIONS[name as keyof typeof SHAPES]).toSorted(), keys.toSorted());
    });
  }

  it('has right examples', () => {
    const examples = yamlExamples(text);
    assert.ok(examples.length >= 5);
    for (const example of examples) {
      const readSecret = () => ({ text: 'a secret in a file' });
      const { problems } = checkConfig(example, { file: 'example.yaml', folder: '/', readSecret });
      assert.deepEqual(problems.map(formatProblem), [], example);
    }
  });

  it('shows the message that a mistake gives', () => {
    const wrong =
      'pool: 10.77.0.0/24\ngroups:\n  other: { psk: a-long-secret }\n  more: { psk: a-long-secret }\n  labgroup: { pks: x }\n';
    const { problems } = checkConfig(wrong, { file: 'gateway.yaml', folder: '/', readSecret: () => ({ wrong: '' }) });
    const shown = formatProblemIn('gateway.yaml', problems[0]!);
    assert.ok(text.includes(shown), shown);
  });
});
