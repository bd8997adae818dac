/** Files that are cut, changed, huge or noise: an answer with the line, and never a crash. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { MAX_LINES, MAX_PROFILE_LENGTH } from '../../../src/config/profile/text-file.ts';
import { MAX_PROBLEMS } from '../../../src/config/report.ts';
import { Seeded } from '../../seeded.ts';
import { type Checked, check, contentOf, FILES } from './profiles.ts';

const names = readdirSync(FILES);

/** Either a profile or an error that says where. */
function assertAnswered({ profile, problems }: Checked, what: string): void {
  const errors = problems.filter((problem) => !problem.startsWith('warning: '));
  assert.equal(profile === undefined, errors.length > 0, `${what}: ${problems.join('\n')}`);
  for (const error of errors) assert.match(error, / at line \d+, column \d+/, what);
  assert.ok(problems.length <= MAX_PROBLEMS, what);
}

describe('a hostile profile', () => {
  for (const name of names) {
    it(`is answered when ${name} is cut at any byte`, () => {
      const content = contentOf(name);
      for (let length = 0; length < content.length; length++) {
        assertAnswered(check(name, content.subarray(0, length)), `${name} cut at ${length}`);
      }
    });

    it(`is refused when ${name} has a NUL anywhere`, () => {
      const content = contentOf(name);
      for (let at = 0; at < content.length; at++) {
        const changed = Buffer.from(content);
        changed[at] = 0;
        const checked = check(name, changed);
        assert.equal(checked.profile, undefined, `${name} with a NUL at ${at}`);
        assertAnswered(checked, `${name} with a NUL at ${at}`);
      }
    });

    it(`is answered when ${name} is changed at random`, () => {
      const random = new Seeded(4711);
      const content = contentOf(name);
      for (let round = 0; round < 500; round++) {
        const changed = Buffer.from(content);
        for (let i = 0; i < 4; i++) changed[random.below(changed.length)] = random.below(256);
        assertAnswered(check(name, changed), `${name}, round ${round}`);
      }
    });
  }

  for (const name of ['a.pcf', 'a.conf', 'a.yaml', 'a']) {
    it(`is answered when ${name} is noise`, () => {
      const random = new Seeded(815);
      for (let round = 0; round < 200; round++) {
        const noise = Buffer.from(Array.from({ length: random.below(300) }, () => random.below(256)));
        assertAnswered(check(name, noise), `${name}, round ${round}`);
      }
    });

    it(`has a bound: ${name}`, () => {
      const text = name === 'a.pcf' ? '[main]\n' : '';
      const most = `${text}${'x'.repeat(MAX_PROFILE_LENGTH - text.length)}`;
      assertAnswered(check(name, most), 'the longest');
      assert.deepEqual(check(name, `${most}x`).problems, [`the file is longer than ${MAX_PROFILE_LENGTH} bytes`]);
    });

    it(`is answered when ${name} has ten thousand lines`, () => {
      const text = name === 'a.pcf' ? '[main]\n' : '';
      for (const line of ['a=b\n', '[x]\n', 'Host=\n', '\r', 'Script \n', '- a\n', '!!!!=\n']) {
        assertAnswered(check(name, `${text}${line.repeat(10_000)}`), JSON.stringify(line));
      }
    });
  }

  for (const name of ['a.pcf', 'a.conf', 'a.yaml']) {
    it(`is answered when ${name} is a megabyte of blanks, in time that grows with their number alone`, () => {
      const text = name === 'a.pcf' ? '[main]\n' : '';
      const blanks = ' '.repeat(MAX_PROFILE_LENGTH - 100);
      for (const lines of [`${blanks}x`, `x${blanks}x`, `x${blanks}x=y`, `x=y${blanks}y`, `x=y${blanks}`]) {
        assertAnswered(check(name, `${text}${lines}`), lines.replaceAll(blanks, ' ... '));
      }
      assertAnswered(check(name, '\n'.repeat(MAX_PROFILE_LENGTH)), 'empty lines');
    });
  }

  it('is answered when it has a hundred thousand keys, each held against one set of those before it', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}`);
    assertAnswered(check('a.yaml', keys.join(':\n')), 'all different');
    const { problems } = check('a.yaml', `${keys.join(':\n')}:\nx: { a: 1, a: 2 }\nk7: 1`);
    assert.deepEqual(
      problems.filter((problem) => problem.includes('twice')),
      ['this key is there twice at line 100001, column 12', 'this key is there twice at line 100002, column 1'],
    );
  });

  it('has a bound of lines, and none below it', () => {
    for (const [name, text] of [
      ['a.pcf', '[main]\nHost=a\nGroupName=g\nGroupPwd=s\n'],
      ['a.conf', 'IPSec gateway a\nIPSec ID g\nIPSec secret s\n\n'],
    ] as const) {
      const most = `${text}${'#\n'.repeat(MAX_LINES - 4)}`;
      assert.deepEqual(check(name, most).problems, []);
      const expected = `more than ${MAX_LINES} lines at line ${MAX_LINES + 1}, column 1`;
      assert.deepEqual(check(name, `${most}#`).problems, [expected]);
    }
  });

  it('does not show a secret in what is said about it', () => {
    const secret = 'tell-nobody';
    const said = [
      check('a.pcf', `[main]\nGroupPwd=${secret.repeat(40)}\nenc_GroupPwd=${secret}\nUserPassword=\u0000${secret}`),
      check('a.pcf', `[main]\n${secret}\n`),
      check(
        'a.conf',
        `IPSec secret ${secret.repeat(40)}\nIPSec obfuscated secret ${secret}\nXauth passwort ${secret}\n`,
      ),
      check('a.yaml', `psk: [${secret}]\ngroup: g\n`),
    ].flatMap(({ problems }) => problems);
    assert.ok(said.length > 8);
    for (const problem of said) assert.ok(!problem.includes(secret), problem);
  });
});
