/** sallyport reload: the running gateway reads its configuration again. */
import { randomUUID } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { namedState } from '../config/load.ts';
import type { ReloadReport } from '../control/gateway-types.ts';
import { readConfig } from '../gateway/read-config.ts';
import { packConfig } from '../host/config-files.ts';
import { callGateway, type Where } from './gateway-call.ts';
import { expectArguments, parseCommand, WHERE } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, WHERE);
  expectArguments(positionals);
  const { warnings, needsRestart } = await reload(values);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  console.log('the configuration is taken; no session was dropped');
  if (needsRestart.length > 0) console.log(`a restart is needed for: ${needsRestart.join(', ')}`);
  return 0;
}

/** A gateway that gave root's rights up may not read what root may: then its files are read here. */
async function reload(where: Where): Promise<ReloadReport> {
  const state = stateFolder(where);
  const owner = statSync(state, { throwIfNoEntry: false });
  if (!where.config || !owner || owner.uid === 0 || process.geteuid?.() !== 0) {
    return callGateway({ state }, { verb: 'reload', files: null });
  }
  const files = `reload-${randomUUID()}`;
  try {
    packConfig(resolve(where.config), join(state, files), owner);
    return await callGateway({ state }, { verb: 'reload', files });
  } finally {
    rmSync(join(state, files), { force: true });
  }
}

/** Also of a configuration that is wrong, so that the gateway can say so in its log too. */
function stateFolder(where: Where): string {
  try {
    return readConfig(where).config.state;
  } catch (error) {
    const state = where.state ?? (where.config && namedState(where.config));
    if (!state) throw error;
    return resolve(state);
  }
}
