/** Reaches the gateway that the command line names. */

import { ControlError } from '../control/error.ts';
import { callControl, controlPath } from '../control/gateway.ts';
import type { ControlResults, RequestOf, Verb } from '../control/gateway-types.ts';
import { readConfig } from '../gateway/read-config.ts';

export interface Where {
  readonly config?: string | undefined;
  readonly state?: string | undefined;
}

export async function callGateway<V extends Verb>(where: Where, request: RequestOf<V>): Promise<ControlResults[V]> {
  return callControl(controlPath(readConfig(where).config.state), request);
}

/** Whether `error` says that no gateway runs there, so that the store may be used directly. */
export function isNotRunning(error: unknown): boolean {
  return error instanceof ControlError && error.code === 'NOT_RUNNING';
}
