/** Requests as they come off the socket: each field is checked once, here. */
import { ControlError } from './error.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of a request in a line of JSON. Throws {@link ControlError} `BAD_REQUEST`, as do all below. */
export function parseFields(line: string): Fields {
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null) throw badRequest('a request is a JSON object');
  return value as Fields;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw badRequest('a request is a line of JSON');
  }
}

export function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw badRequest(`${name} must be text`);
  return value;
}

export function truth(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw badRequest(`${name} must be true or false`);
  return value;
}

export function truthOrNull(fields: Fields, name: string): boolean | null {
  return fields[name] == null ? null : truth(fields, name);
}

export function textOrNull(fields: Fields, name: string): string | null {
  return fields[name] == null ? null : text(fields, name);
}

export function integer(fields: Fields, name: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value)) throw badRequest(`${name} must be a whole number`);
  return value as number;
}

export function badRequest(message: string): ControlError {
  return new ControlError('BAD_REQUEST', message);
}
