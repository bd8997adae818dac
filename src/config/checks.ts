/** The shapes that settings can have: each check turns an item of the file into a value or reports why it can't. */
import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { nearest } from './nearest.ts';
import type { Item, Report } from './report.ts';

/** Undefined: wrong, and reported. */
export type Check<T> = (item: Item, report: Report) => T | undefined;
export type Shape = Readonly<Record<string, Check<unknown>>>;
/** What a shape's keys hold; a key that is absent or wrong is not there. */
export type Values<S extends Shape> = { readonly [K in keyof S]?: S[K] extends Check<infer T> ? T : never };

export interface Located<T> {
  readonly value: T;
  readonly item: Item;
}

/** Keeps where a value stands, for checks across settings. */
export function located<T>(check: Check<T>): Check<Located<T>> {
  return (item, report) => {
    const value = check(item, report);
    return value === undefined ? undefined : { value, item };
  };
}

/**
 * A map of known keys, each optional.
 *
 * @param elsewhere hints for keys that are looked for here, and aren't here
 */
export function record<S extends Shape>(shape: S, elsewhere: Readonly<Record<string, string>> = {}): Check<Values<S>> {
  return (item, report) => {
    const hint = 'write KEY: VALUE on lines of their own, further in, or all in one line: { KEY: VALUE, KEY: VALUE }';
    const entries = mapEntries(item, report, `must be a map of ${listed(Object.keys(shape))}`, hint);
    if (!entries) return undefined;
    const values: Record<string, unknown> = {};
    for (const { name, key, value } of entries) {
      const check = Object.hasOwn(shape, name) ? shape[name] : undefined;
      if (!check) unknownKey(key, item.path, name, Object.keys(shape), elsewhere, report);
      else {
        const checked = check(value, report);
        if (checked !== undefined) values[name] = checked;
      }
    }
    return values as Values<S>;
  };
}

/** A map whose keys are names chosen by the administrator. */
export function mapOf<T>(check: Check<T>, checkName: (name: string) => string | undefined): Check<Map<string, T>> {
  return (item, report) => {
    const hint = 'each entry is NAME: { ... }, without a dash in front';
    const entries = mapEntries(item, report, 'must be a map of names', hint);
    if (!entries) return undefined;
    const values = new Map<string, T>();
    for (const { name, key, value } of entries) {
      const wrong = checkName(name);
      if (wrong) report.error(key, wrong);
      const checked = check(value, report);
      if (!wrong && checked !== undefined) values.set(name, checked);
    }
    return values;
  };
}

export function list<T>(check: Check<T>, what: string, max = 1000): Check<readonly T[]> {
  return (item, report) => {
    const found = report.resolve(item);
    if (!found) return undefined;
    if (!isSeq(found.node)) return report.error(found, `must be a list of ${what}`, 'put it in square brackets');
    const nodes = found.node.items as (Node | null)[];
    if (nodes.length > max) return report.error(found, `has ${nodes.length} entries, ${max} are the most`);
    const values: T[] = [];
    for (const [i, node] of nodes.entries()) {
      const value = check({ path: `${item.path}[${i}]`, node, offset: offsetOf(node, found.offset) }, report);
      if (value !== undefined) values.push(value);
    }
    return values;
  };
}

/** A scalar that `parse` accepts; `what` ends the sentence "must be ...". */
export function scalar<T>(what: string, parse: (value: unknown) => T | undefined, hint?: Hint): Check<T> {
  return (item, report) => {
    const found = report.resolve(item);
    if (!found) return undefined;
    const value = isScalar(found.node) ? found.node.value : undefined;
    const parsed = isScalar(found.node) ? parse(value) : undefined;
    return parsed === undefined ? report.error(found, `must be ${what}`, hint?.(value)) : parsed;
  };
}

type Hint = (value: unknown) => string | undefined;

export const boolean = scalar(
  'true or false',
  (value) => (typeof value === 'boolean' ? value : undefined),
  trueOrFalse,
);

/** One value, or a list of them. */
export function oneOrMany<T>(check: Check<T>, what: string, max: number): Check<readonly T[]> {
  const many = list(check, what, max);
  return (item, report) => {
    const found = report.resolve(item);
    if (!found) return undefined;
    if (isSeq(found.node)) return many(found, report);
    const value = check(found, report);
    return value === undefined ? undefined : [value];
  };
}

/** What can be turned off as a whole. */
export function orFalse<T>(check: Check<T>): Check<T | false> {
  return (item, report) => {
    const found = report.resolve(item);
    if (!found) return undefined;
    return isScalar(found.node) && found.node.value === false ? false : check(found, report);
  };
}

/** What `true` turns on as it is by default, and `false` off. */
export function orSwitch<T>(check: Check<T>): Check<T | boolean> {
  return (item, report) => {
    const found = report.resolve(item);
    if (!found) return undefined;
    const value = isScalar(found.node) ? found.node.value : undefined;
    return typeof value === 'boolean' ? value : check(found, report);
  };
}

export function integer(min: number, max: number): Check<number> {
  return scalar(
    `a whole number from ${min} to ${max}`,
    (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined,
    withoutQuotes,
  );
}

export function oneOf<const T extends string>(choices: readonly T[]): Check<T> {
  return scalar(
    `one of ${choices.join(', ')}`,
    (value) => choices.find((choice) => choice === value),
    (value) => (typeof value === 'string' ? didYouMean(value, choices) : undefined),
  );
}

/** Text that `accepts`. `what` ends the sentence "must be ...". Never shown, so that it fits secrets too. */
export function text(what: string, accepts: (value: string) => boolean = (value) => value !== ''): Check<string> {
  return scalar(
    what,
    (value) => (typeof value === 'string' && accepts(value) ? value : undefined),
    (value) => (typeof value === 'string' || value == null ? undefined : 'put it in quotes'),
  );
}

interface Entry {
  readonly name: string;
  readonly key: { path: string; offset: number };
  readonly value: Item;
}

/** A number that is written as a text. */
export function withoutQuotes(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d+$/.test(value) ? 'write it without quotes' : undefined;
}

/** YAML of old took yes and on for true. */
function trueOrFalse(value: unknown): string | undefined {
  if (/^(yes|on|y|1|true)$/i.test(String(value))) return 'write true';
  return /^(no|off|n|0|false)$/i.test(String(value)) ? 'write false' : undefined;
}

function mapEntries(item: Item, report: Report, otherwise: string, hint: string): Entry[] | undefined {
  const found = report.resolve(item);
  if (!found) return undefined;
  if (!isMap(found.node)) return report.error(found, otherwise, lacksSpace(found.node) ? SPACE : hint);
  const entries: Entry[] = [];
  for (const pair of found.node.items as Pair<Node | null, Node | null>[]) {
    const offset = offsetOf(pair.key, found.offset);
    const name = keyText(pair.key);
    if (name === undefined) {
      report.error({ path: item.path, offset }, 'a key must be plain text');
      continue;
    }
    const path = joinPath(item.path, name);
    entries.push({
      name,
      key: { path, offset },
      value: { path, node: pair.value, offset: offsetOf(pair.value, offset) },
    });
  }
  return entries;
}

/** A group may be called 1 or true: the key is what the file says. */
function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : key.source;
}

/** Path of a setting. A name that would blur it, or the terminal, is quoted. */
function joinPath(path: string, name: string): string {
  const shown = /^[\p{L}\p{N}_-]+$/u.test(name) ? name : JSON.stringify(name.slice(0, 64));
  return path === '' ? shown : `${path}.${shown}`;
}

function offsetOf(node: Node | null, otherwise: number): number {
  return node?.range?.[0] ?? otherwise;
}

/** A name of the file's, fit to be shown. */
export function shownName(name: string): string {
  return /^[\x21-\x7e]{1,64}$/.test(name) ? `'${name}'` : JSON.stringify(name.slice(0, 64));
}

const SPACE = 'a space belongs behind the colon';

function lacksSpace(node: Node | null): boolean {
  return isScalar(node) && typeof node.value === 'string' && node.value.includes(':');
}

function unknownKey(
  at: { offset: number },
  path: string,
  name: string,
  known: readonly string[],
  elsewhere: Readonly<Record<string, string>>,
  report: Report,
): void {
  const where = { path, offset: at.offset };
  // what stands behind the colon may be a secret
  const [before = ''] = name.split(':');
  if (known.includes(before)) return report.error(where, `no value for ${shownName(before)}`, SPACE);
  const other = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
  const hint = other ?? didYouMean(name, known) ?? `known are ${listed(known)}`;
  report.error(where, `unknown key ${shownName(before === name ? name : `${before}:...`)}`, hint);
}

/** "did you mean 'psk'?", if a known word is near enough. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const near = nearest(word, known);
  return near && `did you mean '${near}'?`;
}

function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join();
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
