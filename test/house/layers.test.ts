/** The house from the ground up: a folder imports only what its row allows, core is pure, and nothing goes in circles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, readSources, type SourceFile } from './imports.ts';

/** Each folder of src/ and what it builds on. What those build on it may use as well. A row names only rows above it. */
const ROWS: Readonly<Record<string, readonly string[]>> = {
  'core/bytes': [],
  'core/net': ['core/bytes'],
  'core/crypto': ['core/bytes'],
  'core/wire': ['core/bytes', 'core/net'],
  'core/protection': ['core/crypto', 'core/wire'],
  'core/carrier': ['core/wire'],
  'core/esp': ['core/crypto', 'core/wire'],
  'core/ike': ['core/protection', 'core/carrier'],
  'core/ikev1': ['core/ike', 'core/esp'],
  'core/ikev2': ['core/ike', 'core/esp'],
  'core/l2tp': ['core/crypto', 'core/wire'],
  'core/ppp': ['core/crypto', 'core/wire'],
  'core/eap': ['core/crypto', 'core/wire'],
  'core/personas': ['core/ike', 'core/carrier'],
  'core/openings': ['core/ike', 'core/carrier'],
  'core/session': [
    'core/carrier',
    'core/esp',
    'core/ikev1',
    'core/ikev2',
    'core/l2tp',
    'core/ppp',
    'core/eap',
    'core/personas',
    'core/openings',
  ],
  'core/diagnosis': [
    'core/protection',
    'core/ike',
    'core/ikev1',
    'core/esp',
    'core/carrier',
    'core/l2tp',
    'core/ppp',
    'core/openings',
  ],
  config: ['core/session', 'core/diagnosis'],
  ffi: ['core/bytes', 'core/net'],
  host: ['config'],
  dataplane: ['ffi', 'core/wire', 'core/carrier', 'core/esp'],
  control: ['core/session', 'core/diagnosis'],
  gateway: ['config', 'host', 'dataplane', 'control'],
  client: ['config', 'host', 'dataplane', 'control'],
  doctor: ['config', 'host', 'control'],
  cli: ['gateway', 'client', 'doctor', 'control'],
  console: ['control'],
};

/** Packages and node: modules, by the rows that may use them; nothing else comes from outside. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  koffi: ['ffi'],
  pino: ['host'],
  yaml: ['config'],
  '@noble/curves/nist.js': ['host'],
  uqr: ['cli'],
};

/** What runs on systems without our FFI, or before it is wanted. */
const WITHOUT_FFI = ['core', 'config', 'host', 'control', 'doctor', 'console'];

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));

function rowOf(path: string): string {
  const [, top = '', second = ''] = path.split('/');
  return top === 'core' ? `core/${second}` : top;
}

function reachableRows(row: string): Set<string> {
  const below = ROWS[row] ?? [];
  return new Set([row, ...below.flatMap((name) => [...reachableRows(name)])]);
}

test('every folder of src/ has its row, and a row names only rows above it', () => {
  const names = Object.keys(ROWS);
  for (const source of sources) assert.ok(names.includes(rowOf(source.path)), `${source.path}: no row for its folder`);
  for (const [i, name] of names.entries()) {
    for (const below of ROWS[name]!)
      assert.ok(names.indexOf(below) < i && names.includes(below), `${name} names ${below}`);
  }
});

test('a folder imports only what its row allows', () => {
  assert.deepEqual(sources.flatMap(forbiddenImports), []);
});

function forbiddenImports({ path, imports }: SourceFile): string[] {
  const allowed = reachableRows(rowOf(path));
  return imports
    .filter(({ target }) => target.startsWith('src/') && !allowed.has(rowOf(target)))
    .map(({ target }) => `${path} imports ${target}`);
}

test('every import leads to a file that exists', () => {
  const lost = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => target.startsWith('src/') && target.endsWith('.ts') && !byPath.has(target))
      .map(({ target }) => `${path} imports ${target}`),
  );
  assert.deepEqual(lost, []);
});

test('a package is used by its own row alone, and there are no others', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter(
        ({ target }) => !target.startsWith('src/') && !target.startsWith('node:') && !target.startsWith('package.json'),
      )
      .filter(({ target }) => !PACKAGES[target]?.includes(rowOf(path)))
      .map(({ target }) => `${path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('core imports nothing from outside and asks nobody for the time or for chance', () => {
  const impure = /\bDate\b|\bMath\.random\b|\bperformance\b|\bprocess\b|\bBuffer\b|\bsetTimeout\b|\bglobalThis\b/;
  for (const { path, text, imports } of sources.filter((source) => source.path.startsWith('src/core/'))) {
    for (const { target } of imports) assert.match(target, /^src\/core\//, `${path} imports ${target}`);
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(/'[^'\n]*'|`[^`]*`/g, "''");
    assert.doesNotMatch(code, impure, path);
  }
});

test('the FFI is not reached from what must run without it', () => {
  for (const { path } of sources.filter((source) => WITHOUT_FFI.includes(source.path.split('/')[1]!))) {
    const reached = [...runtimeReach(path)].filter((target) => target.startsWith('src/ffi/'));
    assert.deepEqual(reached, [], path);
  }
});

test('commands that run on any system do not reach the FFI', () => {
  // with a profile the doctor dials as a client does, and loads that then
  const dials = 'src/cli/doctor-profile.ts';
  for (const path of ['src/cli/openings.ts', 'src/cli/help.ts', 'src/cli/doctor.ts', dials]) {
    assert.ok(byPath.has(path), path);
  }
  for (const path of ['src/cli/openings.ts', 'src/cli/help.ts', 'src/cli/doctor.ts']) {
    const reached = [...runtimeReach(path, new Set([dials]))].filter((target) => target.startsWith('src/ffi/'));
    assert.deepEqual(reached, [], path);
  }
});

function runtimeReach(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) if (!typeOnly) runtimeReach(target, seen);
  return seen;
}

test('the engines of IKEv1 and IKEv2 do not know each other, nor the programs', () => {
  for (const [one, other] of [
    ['core/ikev1', 'core/ikev2'],
    ['core/ikev2', 'core/ikev1'],
    ['gateway', 'client'],
    ['client', 'gateway'],
  ]) {
    assert.ok(!reachableRows(one!).has(other!), `${one} may import ${other}`);
  }
});

test('nothing imports in a circle', () => {
  assert.deepEqual(findCircle(), undefined);
});

/** Types alone may refer to each other in both directions: they are erased. */
function findCircle(): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) {
      const circle = typeOnly ? undefined : visit(target, [...trail, path]);
      if (circle) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of sources) {
    const circle = visit(path, []);
    if (circle) return circle;
  }
  return undefined;
}

test('the reader of imports sees every kind', () => {
  const text = `
    /** import { no } from './comment.ts'; */
import a from './a.ts';
import type { B } from '../b.ts';
import {
  c,
  type D,
} from './c.ts';
export { e } from './e.ts';
export * from './f.ts';
import 'node:fs';
const lazy = await import('./g.ts');
// import './no.ts'
`;
  assert.deepEqual(importsOf('src/cli/x.ts', text), [
    { target: 'src/cli/a.ts', typeOnly: false },
    { target: 'src/b.ts', typeOnly: true },
    { target: 'src/cli/c.ts', typeOnly: false },
    { target: 'src/cli/e.ts', typeOnly: false },
    { target: 'src/cli/f.ts', typeOnly: false },
    { target: 'node:fs', typeOnly: false },
    { target: 'src/cli/g.ts', typeOnly: false },
  ]);
});
