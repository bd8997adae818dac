/** The numbers of system calls on this machine, from the kernel's headers. */
import { readFileSync } from 'node:fs';

const HEADER = process.arch === 'x64' ? 'x86_64-linux-gnu/asm/unistd_64.h' : 'asm-generic/unistd.h';

let read: ReadonlyMap<string, number> | undefined;

/** Read when first asked for: where tests are skipped the header may be missing. */
function numbers(): ReadonlyMap<string, number> {
  read ??= new Map(
    [...readFileSync(`/usr/include/${HEADER}`, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm)].map(
      ([, name, number]) => [name!, Number(number)],
    ),
  );
  return read;
}

export function numberOf(name: string): number {
  const number = numbers().get(name);
  if (number === undefined) throw new Error(`no system call ${name}`);
  return number;
}

/** Of those that this machine has: names of other architectures are passed over. */
export function numbersOf(names: readonly string[]): number[] {
  return names.flatMap((name) => numbers().get(name) ?? []);
}
