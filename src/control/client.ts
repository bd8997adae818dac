/** The client's control API over its socket: one for each profile, so that it also keeps a second start away. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { call } from './call.ts';
import type { ClientHandlers, ClientResults, ClientVerb } from './client-types.ts';
import { badRequest, parseFields } from './fields.ts';
import { type ControlServer, serve } from './serve.ts';

const PREFIX = 'client-';
const SUFFIX = '.sock';

/** @param profile a profile's name: nothing in it leads to another folder */
export function clientSocket(folder: string, profile: string): string {
  return join(folder, `${PREFIX}${profile}${SUFFIX}`);
}

/** The profiles that have a socket in `folder`, sorted; who crashed left its own behind. */
export function profilesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX));
    return names.map((name) => name.slice(PREFIX.length, -SUFFIX.length)).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Asks the client at `path`. Throws {@link ControlError}: `NOT_RUNNING` when none is there, else as the client says. */
export async function callClient<V extends ClientVerb>(path: string, verb: V): Promise<ClientResults[V]> {
  return (await call(path, { verb }, 'client')) as ClientResults[V];
}

/** Serves `handlers` at `path`. Throws {@link ControlError} `ALREADY_RUNNING` or `CONTROL_SOCKET`. */
export function serveClient(path: string, profile: string, handlers: ClientHandlers): Promise<ControlServer> {
  return serve(path, {
    callee: 'client',
    answer: (line) => handlers[parseClientRequest(line)](),
    alreadyRunning: (_, pid) =>
      `${profile} is connected already, or about to be (pid ${pid}); 'sallyport disconnect ${profile}' ends it`,
  });
}

/** The verb in a line of JSON. Throws {@link ControlError} `BAD_REQUEST`. */
export function parseClientRequest(line: string): ClientVerb {
  const { verb } = parseFields(line);
  if (verb === 'status' || verb === 'disconnect') return verb;
  throw badRequest('the verb is not known');
}
