/** What is advised for our own gateway and client exists: every line of a configuration, every command and its options. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { run as help } from '../../../src/cli/help.ts';
import { checkConfig } from '../../../src/config/check.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { servingOf } from '../../../src/core/diagnosis/carrier-survey-findings.ts';
import { type Opening, STANDARD_PORTS } from '../../../src/core/openings/openings.ts';

const SOURCES = ['core/diagnosis', 'core/diagnosis/rules', 'doctor', 'doctor/probe'];
const REMEDY = /where: 'sallyport'(?: as const)?,\s*does:[\s\S]*?lines:([\s\S]*?\](?=,?\s*\}(?!['`])))/g;
const COMMAND = /['"`](sallyport [^'"`]*)['"`]/g;

const sources = SOURCES.map((folder) => join(import.meta.dirname, '../../../src', folder)).flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') })),
);

/** The lines of each remedy as its source has them; ports and names that a capture gives stand in for themselves. */
const remedies = sources.flatMap(({ name, text }) =>
  [...text.matchAll(REMEDY)]
    .map(([, lines = '']) => lines)
    // that one is made by a function, and tested by it
    .filter((lines) => !lines.includes('switchOf('))
    .map((lines) => ({ name, lines: literals(lines) })),
);

/** Strings, with `${...}` filled in. */
function literals(source: string): string[] {
  return [...source.matchAll(/'([^']*)'|"([^"]*)"|`([^`]*)`/g)].map(([, single, double, template]) =>
    (single ?? double ?? template ?? '').replace(/\$\{([^}]*)\}/g, (_, expression: string) =>
      expression.includes('port') ? '10001' : 'NAME',
    ),
  );
}

/** Of other programs, with which ours has to do. */
const OTHERS = ['ss ', 'openssl '];

function isYaml(line: string): boolean {
  return !line.startsWith('sallyport ') && !OTHERS.some((program) => line.startsWith(program));
}

/** What the words in capitals stand for, and what a line needs that the file has already. */
function problemsOf(lines: readonly string[]): string[] {
  const text = lines
    .join('\n')
    .replaceAll('NETWORK', '10.1.0.0/16')
    .replaceAll('FILE', 'secret')
    .replaceAll('NAME', 'some-name');
  const needed = [
    ...(/identity|hybrid/.test(text) ? ['certificate: { file: gateway.crt, key: gateway.key }'] : []),
    ...(text.includes('l2tp:') ? ['psk_file: secret'] : []),
  ].filter((line) => !text.includes(line));
  const { problems } = checkConfig([text, ...needed].join('\n'), {
    file: 'gateway.yaml',
    folder: '/',
    readSecret: () => ({ text: 'a long secret in a file' }),
  });
  return problems.filter(({ severity }) => severity === 'error').map(formatProblem);
}

describe('remedies at Sallyport', () => {
  test('lines of a configuration are right', () => {
    const withYaml = remedies
      .map(({ name, lines }) => ({ name, lines: lines.filter(isYaml) }))
      .filter(({ lines }) => lines.length > 0);
    assert.ok(withYaml.length >= 20, `${withYaml.length}`);
    for (const { name, lines } of withYaml) assert.deepEqual(problemsOf(lines), [], `${name}: ${lines.join(' | ')}`);
  });

  test('so are those that depend on what was found shut', () => {
    const linesFor = (opening: Opening) => servingOf(opening, STANDARD_PORTS).lines;
    const udp = (port: number) => linesFor({ kind: 'udp', port });
    for (const lines of [
      linesFor({ kind: 'protocol', number: 50 }),
      linesFor({ kind: 'tcp', port: 10000 }),
      udp(10000),
      udp(4500),
    ])
      assert.deepEqual(problemsOf(lines), []);
    assert.deepEqual(udp(4500), ['carriers: { nat-t: true }']);
    assert.ok(udp(500).includes('sallyport sessions'));
  });

  test('the checker tells a wrong line', () => {
    assert.notDeepEqual(problemsOf(['dpd: { idle: 30s, timeouts: 2m }']), []);
  });

  test('commands are as the help has them', async (t) => {
    const commands = [
      ...new Set(sources.flatMap(({ text }) => [...text.matchAll(COMMAND)].map(([, line = '']) => line))),
    ];
    assert.ok(commands.length >= 10, `${commands.length}`);
    const logged = t.mock.method(console, 'log', () => {});
    const usages = new Map<string, string>();
    for (const line of commands) {
      const name = line.split(' ')[1]!;
      await help([name]);
      usages.set(name, String(logged.mock.calls.at(-1)!.arguments[0]));
    }
    logged.mock.restore();
    for (const line of commands) assert.ok(isIn(line, usages.get(line.split(' ')[1]!)!), line);
    assert.ok(!isIn('sallyport kick SESSION', usages.get('kick')!));
  });
});

/** A usage begins with its words, has its options somewhere, and its words in capitals where arguments stand. */
function isIn(line: string, usage: string): boolean {
  const words = line.split(' ').filter((word) => !word.startsWith('$'));
  const options = words.filter((word) => word.startsWith('--'));
  const plain = words.filter((word) => /^[a-z]+$/.test(word));
  const places = words.filter((word) => /^[A-Z]+$/.test(word));
  const forms = usage.split('\n').filter((form) => form === plain.join(' ') || form.startsWith(`${plain.join(' ')} `));
  return (
    options.every((option) => usage.includes(`${option} `) || usage.includes(`${option}]`)) &&
    forms.some(
      (form) =>
        places.every((place) => form.split(/[^A-Z]+/).includes(place)) ||
        places.every((place) => usage.split(/[^A-Z]+/).includes(place)),
    )
  );
}
