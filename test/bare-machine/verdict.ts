/** Whether a run of the tests on a bare machine went as README.md says. */

export interface Totals {
  readonly pass: number;
  readonly fail: number;
  readonly skipped: number;
}

/** The sums at the end of the output. */
export function totalsOf(output: string): Totals | undefined {
  const last = (what: string) => [...output.matchAll(new RegExp(`^ℹ ${what} (\\d+)$`, 'gm'))].at(-1)?.[1];
  const [pass, fail, cancelled, skipped] = ['pass', 'fail', 'cancelled', 'skipped'].map(last);
  if (pass === undefined) return undefined;
  return { pass: Number(pass), fail: Number(fail) + Number(cancelled), skipped: Number(skipped) };
}

/** Skipped tests: the reason each gave, in the list at the end of the output. */
export function reasonsOf(output: string): string[] {
  const list = /^\d+ skipped; each says what it needs:\n((?: {2}.*\n?)*)/m.exec(output)?.[1] ?? '';
  return list.split('\n').filter((line) => line.startsWith('    '));
}

/**
 * What is wrong with the reasons for which tests were skipped: each is a list of what is missing with its remedy, which
 * README.md has to name, and what is called missing has to be so.
 *
 * @param isThere whether the machine has the program
 */
export function complaints(
  reasons: readonly string[],
  aboutTests: string,
  isThere: (program: string) => boolean,
): string[] {
  const found = new Set<string>();
  for (const reason of reasons) {
    const list = /^missing: ((?:[\w-]+ \([^)]+\)(?:, |$))+)$/.exec(reason.trim())?.[1];
    if (list === undefined) found.add(`doesn't say what is missing: ${reason.trim()}`);
    for (const [, what, remedy] of (list ?? '').matchAll(/([\w-]+) \((?:run )?([^)]+)\)/g)) {
      const command = remedy!.replace(/ as root$/, '');
      if (!aboutTests.includes(`\`${command}\``)) found.add(`README.md doesn't name what ${what} needs: ${remedy}`);
      if (isThere(what!)) found.add(`${what} is there and is called missing`);
    }
  }
  return [...found];
}
