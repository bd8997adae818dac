/** docs/profiles.md: it describes every key of every format, and no other, and its examples are right. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PCF_HONOURED, PCF_WITHOUT_MEANING } from '../../../src/config/profile/pcf-keys.ts';
import { VPNC_HONOURED, VPNC_WITHOUT_MEANING } from '../../../src/config/profile/vpnc-keys.ts';
import { PROFILE_SHAPES } from '../../../src/config/profile/yaml-schema.ts';
import { PERSONA_NAMES } from '../../../src/core/personas/personas.ts';
import { documented, yamlExamples } from '../documented.ts';
import { check } from './profiles.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/profiles.md'), 'utf8');

const SECTIONS: Readonly<Record<string, object>> = {
  'Keys of a YAML profile': PROFILE_SHAPES.profile,
  ports: PROFILE_SHAPES.ports,
  certificate: PROFILE_SHAPES.certificate,
  dpd: PROFILE_SHAPES.dpd,
  'Keys of a .pcf': PCF_HONOURED,
  'Keys of a .pcf without meaning': PCF_WITHOUT_MEANING,
  'Keys of vpnc': VPNC_HONOURED,
  'Keys of vpnc without meaning': VPNC_WITHOUT_MEANING,
};

describe('docs/profiles.md', () => {
  for (const [title, keys] of Object.entries(SECTIONS)) {
    it(`describes every key in "${title}", and no other`, () => {
      assert.deepEqual(documented(text, title).toSorted(), Object.keys(keys).toSorted());
    });
  }

  it('and docs/personas.md name every persona, and no other', () => {
    const row = text.split('\n').find((line) => line.startsWith('| `persona` |'))!;
    const values = row.split('|')[2]!;
    assert.deepEqual([...values.matchAll(/`([^`]+)`/g)].map(([, name]) => name).toSorted(), PERSONA_NAMES.toSorted());
    const personas = readFileSync(join(import.meta.dirname, '../../../docs/personas.md'), 'utf8');
    const table = personas.split('\n').flatMap((line) => /^\| `([^`]+)` \|/.exec(line)?.[1] ?? []);
    assert.deepEqual(table.toSorted(), PERSONA_NAMES.toSorted());
  });

  it('has right examples', () => {
    const examples = yamlExamples(text);
    assert.ok(examples.length >= 2);
    for (const example of examples) {
      const { problems } = check('a.yaml', example.replace('work.psk', 'password'));
      assert.deepEqual(
        problems.filter((problem) => !problem.includes('shorter than')),
        [],
      );
    }
  });
});
