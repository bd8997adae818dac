/** Benchmarks of others, each of which may lack something of the machine, or fail: the rest have their rows. */
import { lacking, type Requirement } from '../test/lab/requirements.ts';
import { tellProgress } from './progress.ts';
import type { Row } from './row.ts';

export interface Other {
  readonly name: string;
  readonly needs: readonly Requirement[];
  readonly measure: () => Promise<readonly Row[]>;
}

/** All that this machine can measure; `tell` hears what is left out and what failed, which makes the exit status 1. */
export async function measureOthers(others: readonly Other[], tell: (line: string) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, needs, measure } of others) {
    const reason = lacking(...needs);
    if (reason !== undefined) tell(`${name} is left out; ${reason}`);
    else {
      try {
        rows.push(...(await measure()));
      } catch (error) {
        const { message } = error as Error;
        tellProgress(`${name} failed; ${message}`);
        // a table has no room for what a machine wrote at its end, and would end at an empty line of it
        tell(`${name} failed; ${message.split('\n', 1)}`);
        process.exitCode = 1;
      }
    }
  }
  return rows;
}
