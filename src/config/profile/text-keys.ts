/** Keys of profiles that are lines of text: each is honoured, or understood and without meaning here, or unknown. */
import { didYouMean, shownName } from '../checks.ts';
import type { Item, Report } from '../report.ts';

export type Place = Pick<Item, 'path' | 'offset'>;

/** A key and its value as they stand in the file. */
export interface Entry {
  readonly name: string;
  readonly value: string;
  /** Where the key and the value begin. */
  readonly keyOffset: number;
  readonly offset: number;
}

export interface TextValue<T> {
  readonly value: T;
  readonly at: Place;
}

/** Undefined: wrong, and reported. */
export type TextCheck<T> = (value: string, at: Place, report: Report) => T | undefined;
export type TextShape = Readonly<Record<string, TextCheck<unknown>>>;
export type TextValues<S extends TextShape> = {
  readonly [K in keyof S]?: TextValue<S[K] extends TextCheck<infer T> ? T : never>;
};

/** A key that changes nothing here. */
export interface WithoutMeaning {
  /** Follows "has no meaning here; ". */
  readonly why: string;
  /** Values that nobody misses; without it every value is such a one. */
  readonly missed?: (value: string) => boolean;
}

/** Reads `entries` by name, whatever the case. The first of two counts; a key that isn't known is a warning. */
export function readKeys<const S extends TextShape>(
  entries: Iterable<Entry>,
  honoured: S,
  withoutMeaning: Readonly<Record<string, WithoutMeaning>>,
  report: Report,
): TextValues<S> {
  const names = [...Object.keys(honoured), ...Object.keys(withoutMeaning)];
  const byName = new Map(names.map((name) => [name.toLowerCase(), name]));
  const seen = new Set<string>();
  const values: Record<string, TextValue<unknown>> = {};
  for (const entry of entries) {
    const name = byName.get(entry.name.toLowerCase());
    if (name === undefined) {
      const at = { path: '', offset: entry.keyOffset };
      report.warning(at, `unknown key ${shownName(entry.name)}`, didYouMean(entry.name, names));
      continue;
    }
    const at = { path: name, offset: entry.offset };
    if (seen.has(name)) report.warning({ path: name, offset: entry.keyOffset }, 'is there twice; the first one counts');
    else if (Object.hasOwn(honoured, name)) {
      const value = honoured[name]!(entry.value, at, report);
      if (value !== undefined) values[name] = { value, at };
    } else if (withoutMeaning[name]!.missed?.(entry.value)) {
      report.warning(at, 'has no meaning here', withoutMeaning[name]!.why);
    }
    seen.add(name);
  }
  return values as TextValues<S>;
}

/** A value that `parse` accepts; `what` ends the sentence "must be ...". Never shown, so that it fits secrets too. */
export function parsed<T>(what: string, parse: (value: string) => T | undefined, hint?: string): TextCheck<T> {
  return (value, at, report) => {
    const found = parse(value);
    return found === undefined ? report.error(at, `must be ${what}`, hint) : found;
  };
}

export function wholeNumber(min: number, max: number): TextCheck<number> {
  return parsed(`a whole number from ${min} to ${max}`, (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : undefined;
    return number !== undefined && number >= min && number <= max ? number : undefined;
  });
}

/** One of the words that `choices` has, whatever the case, as what it stands for. */
export function choice<const T>(choices: Readonly<Record<string, T>>): TextCheck<T> {
  const words = Object.keys(choices);
  return (value, at, report) => {
    const word = words.find((candidate) => candidate.toLowerCase() === value.toLowerCase());
    return word === undefined
      ? report.error(
          at,
          `must be one of ${words.join(', ')}`,
          /^\d+$/.test(value) ? undefined : didYouMean(value, words),
        )
      : choices[word];
  };
}

export const anyText: TextCheck<string> = (value) => value;
