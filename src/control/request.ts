/** Requests as they come off the socket: checked once, here. */
import { ControlError } from './error.ts';
import type { ControlRequest } from './types.ts';

/** The request in a line of JSON. Throws {@link ControlError} `BAD_REQUEST`. */
export function parseRequest(line: string): ControlRequest {
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null) throw bad('a request is a JSON object');
  const fields = value as Readonly<Record<string, unknown>>;
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
    case 'user-add':
      return {
        verb,
        name: text(fields, 'name'),
        password: text(fields, 'password'),
        address: textOrNull(fields, 'address'),
      };
    case 'user-passwd':
      return { verb, name: text(fields, 'name'), password: text(fields, 'password') };
    case 'user-totp':
      return { verb, name: text(fields, 'name'), on: truth(fields, 'on') };
    case 'user-remove':
      return { verb, name: text(fields, 'name') };
    default:
      throw bad('the verb is not known');
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw bad('a request is a line of JSON');
  }
}

function text(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw bad(`${name} must be text`);
  return value;
}

function truth(fields: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw bad(`${name} must be true or false`);
  return value;
}

function textOrNull(fields: Readonly<Record<string, unknown>>, name: string): string | null {
  return fields[name] == null ? null : text(fields, name);
}

function integer(fields: Readonly<Record<string, unknown>>, name: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value)) throw bad(`${name} must be a whole number`);
  return value as number;
}

function bad(message: string): ControlError {
  return new ControlError('BAD_REQUEST', message);
}
