/** Checks the text of a configuration: all that is wrong with it, or what it says. */
import { isScalar } from 'yaml';
import { buildConfig, type Surroundings } from './build.ts';
import type { GatewayConfig } from './config.ts';
import type { Problem } from './problem.ts';
import type { Item } from './report.ts';
import { checkGateway } from './schema.ts';
import { parseYaml } from './yaml.ts';

export interface CheckedConfig {
  /** Undefined: `problems` has errors. */
  readonly config: GatewayConfig | undefined;
  /** In the order of the file. */
  readonly problems: readonly Problem[];
  /** Whether the file itself holds a secret, so that others must not read it. */
  readonly holdsSecret: boolean;
}

/** Never throws on account of `text`. */
export function checkConfig(text: string, around: Surroundings): CheckedConfig {
  const { root, report } = parseYaml(text);
  // An empty file, or one of comments alone, asks for the defaults.
  const settings = !root || isEmpty(root) ? {} : checkGateway(root, report);
  const config = root && settings && buildConfig(settings, around, report);
  const secrets = [settings, ...(settings?.groups?.value.values() ?? []), ...(settings?.peers ?? [])];
  const l2tp = settings?.l2tp?.value;
  const holdsSecret =
    secrets.some((holder) => holder && ('value' in holder ? holder.value.psk : holder.psk)) ||
    (typeof l2tp === 'object' && l2tp.secret !== undefined);
  return { config: report.failed ? undefined : config, problems: report.inOrder(), holdsSecret };
}

function isEmpty(root: Item): boolean {
  return root.node === null || (isScalar(root.node) && root.node.value === null);
}
