/** All scenarios, in the order of the rules in README.md. */

import { l2tp } from './calls.ts';
import { disagreement } from './disagreement.ts';
import { healthy } from './healthy.ts';
import { lacking } from './lacking.ts';
import { more } from './more.ts';
import { proof } from './proof.ts';
import type { Scenario } from './scenario.ts';
import { silence } from './silence.ts';
import { strangers } from './strangers.ts';
import { traffic } from './traffic.ts';
import { withLibreswan } from './with-libreswan.ts';

export const scenarios: readonly Scenario[] = [
  ...silence,
  ...disagreement,
  ...proof,
  ...traffic,
  ...l2tp,
  ...strangers,
  ...more,
  ...lacking,
  ...withLibreswan,
  ...healthy,
];

const names = new Set(scenarios.map(({ name }) => name));
if (names.size !== scenarios.length) throw new Error('two scenarios have one name');
