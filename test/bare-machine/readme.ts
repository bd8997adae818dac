/** What README.md tells somebody with a bare machine to type, and what it says about tests that are skipped. */

export interface Instructions {
  /** Debian's packages that `apt install` is to bring. */
  readonly packages: readonly string[];
  /** From the clone to the gateway that runs, a line each. */
  readonly start: readonly string[];
  readonly test: string;
  /** What the section on tests says. */
  readonly aboutTests: string;
}

/** Throws when README.md doesn't say it any more: then the machine has to be told anew what a reader does. */
export function readInstructions(readme: string): Instructions {
  const block = /```\n([\s\S]*?)```/.exec(section(readme, 'Start'))?.[1];
  const lines = block?.trim().split('\n') ?? [];
  const install = lines.find((line) => line.startsWith('apt install '));
  const start = lines.filter((line) => line !== install);
  const aboutTests = section(readme, 'Tests');
  const test = /^`(npm test)`/m.exec(aboutTests)?.[1];
  if (install === undefined || test === undefined || start.at(-1) !== 'npm start') {
    throw new Error('README.md no longer says: apt install, git clone, npm start, npm test');
  }
  return { packages: install.split(/\s+/).slice(2), start, test, aboutTests };
}

function section(readme: string, title: string): string {
  const [, text] = new RegExp(`^## ${title}\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(readme) ?? [];
  if (text === undefined) throw new Error(`README.md has no section "${title}"`);
  return text;
}
