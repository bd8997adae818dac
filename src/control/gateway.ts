/** The gateway's control API over its socket. */
import { join } from 'node:path';
import { call } from './call.ts';
import { badRequest, integer, parseFields, text, textOrNull, truth, truthOrNull } from './fields.ts';
import type { ControlHandlers, ControlRequest, ControlResults, RequestOf, Verb } from './gateway-types.ts';
import { type ControlServer, serve } from './serve.ts';

export function controlPath(stateFolder: string): string {
  return join(stateFolder, 'control', 'control.sock');
}

/** Asks the gateway at `path`. Throws {@link ControlError}: `NOT_RUNNING` when none is there, else as the gateway says. */
export async function callControl<V extends Verb>(path: string, request: RequestOf<V>): Promise<ControlResults[V]> {
  return (await call(path, request, 'gateway')) as ControlResults[V];
}

/** Serves `handlers` at `path`. Throws {@link ControlError} `ALREADY_RUNNING` or `CONTROL_SOCKET`. */
export function serveControl(path: string, handlers: ControlHandlers, idleTimeout?: number): Promise<ControlServer> {
  const service = {
    callee: 'gateway',
    answer: (line: string) => handle(parseRequest(line), handlers),
    alreadyRunning: (at: string, pid: number) => `a gateway is already running at ${at} (pid ${pid})`,
  } as const;
  return serve(path, service, idleTimeout);
}

function handle(request: ControlRequest, handlers: ControlHandlers): unknown {
  // Verb and handler match by construction; TypeScript can't follow a union through an index.
  return (handlers[request.verb] as (request: ControlRequest) => unknown)(request);
}

/** The request in a line of JSON. Throws {@link ControlError} `BAD_REQUEST`. */
export function parseRequest(line: string): ControlRequest {
  const fields = parseFields(line);
  const { verb } = fields;
  switch (verb) {
    case 'status':
    case 'sessions':
    case 'failures':
    case 'history':
    case 'metrics':
    case 'user-list':
    case 'stop':
      return { verb };
    case 'reload':
      return { verb, files: textOrNull(fields, 'files') };
    case 'kick':
      return { verb, id: integer(fields, 'id') };
    case 'user-check':
      return {
        verb,
        name: text(fields, 'name'),
        isNew: truth(fields, 'isNew'),
        address: textOrNull(fields, 'address'),
      };
    case 'user-add':
      return {
        verb,
        name: text(fields, 'name'),
        password: text(fields, 'password'),
        address: textOrNull(fields, 'address'),
        l2tp: truth(fields, 'l2tp'),
        chapMd5: truth(fields, 'chapMd5'),
      };
    case 'user-passwd':
      return {
        verb,
        name: text(fields, 'name'),
        password: text(fields, 'password'),
        l2tp: truthOrNull(fields, 'l2tp'),
        chapMd5: truthOrNull(fields, 'chapMd5'),
      };
    case 'user-totp':
      return { verb, name: text(fields, 'name'), on: truth(fields, 'on') };
    case 'user-remove':
      return { verb, name: text(fields, 'name') };
    default:
      throw badRequest('the verb is not known');
  }
}
