/**
 * Clients dial in, renew, move and vanish in bad weather. Whatever happens, the gateway's orders stay sound, who still wants is
 * connected again soon after the weather cleared, and who has gone leaves nothing behind.
 *
 * SEEDS=n sets how many runs, SEED=x repeats one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Outcome, storm } from './storm.ts';

const only = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const seeds = only === undefined ? Array.from({ length: Number(process.env.SEEDS ?? 1000) }, (_, i) => i + 1) : [only];

test(`${seeds.length} storms`, () => {
  let clients = 0;
  let late = 0;
  for (const seed of seeds) {
    const outcome = runStorm(seed);
    clients += outcome.clients;
    late += outcome.late;
  }
  assert.ok(late <= 1 + clients / 200, `${late} of ${clients} clients had to wait for a rekey`);
});

function runStorm(seed: number): Outcome {
  try {
    return storm(seed);
  } catch (error) {
    throw new Error(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
  }
}
