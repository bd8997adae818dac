/** What packaging/sallyport.service says, as systemd reads it, so that the gateway can be run under just that. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../lab/run.ts';

export const UNIT = join(import.meta.dirname, '../../packaging/sallyport.service');

export class Unit {
  readonly #lines: readonly (readonly [string, string])[] = readFileSync(UNIT, 'utf8')
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);

  /** The words of a setting that stands once. */
  words(name: string): string[] {
    const [value, ...more] = this.#values(name);
    if (value === undefined || more.length > 0) throw new Error(`${name}= stands ${more.length + 1} times`);
    return value.split(' ');
  }

  /** The names of the system calls that are let through; systemd lets `@default` through in any case. */
  async systemCalls(): Promise<string[]> {
    const allowed = new Set(await expand('@default'));
    for (const value of this.#values('SystemCallFilter')) {
      const isDenied = value.startsWith('~');
      for (const name of await expandAll(value.replace('~', '').split(' '))) {
        if (isDenied) allowed.delete(name);
        else allowed.add(name);
      }
    }
    return [...allowed];
  }

  #values(name: string): string[] {
    return this.#lines.filter(([key]) => key === name).map(([, value]) => value);
  }
}

async function expandAll(names: readonly string[]): Promise<string[]> {
  return (await Promise.all(names.map(expand))).flat();
}

/** A set's system calls, those of the sets in it too. */
async function expand(name: string): Promise<string[]> {
  if (!name.startsWith('@')) return [name];
  const listed = await must(['systemd-analyze', 'syscall-filter', name]);
  const members = [...listed.matchAll(/^ +([@\w-]+)$/gm)].map(([, member]) => member!);
  return expandAll(members);
}
