/**
 * Makes captures: `test/scenarios/make [--again] [--jobs N] [--list] [--describe] [--to FOLDER] [PART OF A NAME ...]`. Without --again
 * only those that aren't there yet; --describe writes the descriptions anew and captures nothing. Each is played on a network of its own, so several may run side by side.
 */
import { parseArgs } from 'node:util';
import { lacking } from '../../lab/requirements.ts';
import { describe, isThere, library, save } from './library.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { Stage } from './stage.ts';

/** No scenario takes longer, or something hangs. */
const PATIENCE = 180_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: 'boolean', default: false },
    describe: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    to: { type: 'string', default: library },
  },
});

const skip = lacking('tcpdump', 'tshark', 'vpnc', 'ike-scan', 'charon-systemd', 'swanctl', 'openssl');
if (skip !== undefined) throw new Error(skip);

const wanted = scenarios.filter(
  ({ name }) =>
    (positionals.length === 0 || positionals.some((part) => name.includes(part))) &&
    (values.again || !isThere(values.to, name)),
);
if (values.list) for (const { name } of scenarios) console.log(name);
else if (values.describe) for (const one of scenarios) isThere(values.to, one.name) && describe(values.to, one);
else await makeAll(wanted, Number(values.jobs));

async function makeAll(queue: readonly Scenario[], jobs: number): Promise<void> {
  const waiting = queue.map((scenario, index) => [scenario, index] as const);
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await make(...next);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  process.exit(process.exitCode ?? 0);
}

async function make(scenario: Scenario, index: number): Promise<void> {
  const stage = await Stage.open(`s${index}`);
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('took too long')), PATIENCE);
    });
    await Promise.race([scenario.play(stage), late]);
    console.log(`${scenario.name}: ${await save(values.to, scenario, await stage.captured(), stage.keys())}`);
  } catch (error) {
    console.error(`${scenario.name}: FAILED: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
  } finally {
    clearTimeout(timer);
    await stage.close();
  }
}
