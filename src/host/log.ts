/** The log: pino's records, by default one readable line an event, on standard error. */
import { type Logger, pino } from 'pino';
import type { LogFormat, LogLevel } from '../config/config.ts';
import { escapeControls, escapeJson } from './escape.ts';
import { GatheredLines } from './gathered-lines.ts';

export type { Logger } from 'pino';

export interface LogSink {
  /** Whole lines. `level` is that of the last one. */
  write(text: string, level?: number): void;
}

/** A second net below the rule that nobody logs a secret. */
const SECRETS: ReadonlySet<string> = new Set([
  'psk',
  'password',
  'secret',
  'key',
  'keys',
  'passwordHash',
  'passcode',
  'totp',
  'ntHash',
  'chapPassword',
  'tunnelSecret',
]);
const CENSORED = '[secret]';

type Fields = Record<string, unknown>;

export function createLog(options: { level: LogLevel; format: LogFormat }, sink: LogSink = standardError()): Logger {
  // pino's own censor takes the names of all it looks for apart for each line
  const formatters = { log: censored, bindings: censored };
  const serializers = { err: (error: Error) => censored(pino.stdSerializers.err(error) as unknown as Fields) };
  const format = options.format === 'json' ? escapeJson : readableLine;
  const target = {
    // pino then says here what level the line has that it writes
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write: (line: string) => sink.write(format(line), target.lastLevel),
  };
  return pino({ level: options.level, base: null, formatters, serializers }, target);
}

/** Without secrets at the top and one level below; the same object if there are none. */
function censored(fields: Fields): Fields {
  let clean = fields;
  for (const [name, value] of Object.entries(fields)) {
    const shown = SECRETS.has(name) ? CENSORED : isPlain(value) ? censoredTop(value) : value;
    if (shown !== value) clean = { ...clean, [name]: shown };
  }
  return clean;
}

function censoredTop(fields: Fields): Fields {
  const names = Object.keys(fields).filter((name) => SECRETS.has(name));
  return names.length === 0 ? fields : { ...fields, ...Object.fromEntries(names.map((name) => [name, CENSORED])) };
}

function isPlain(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !(value instanceof Error);
}

/** Warnings and errors are written before the next statement runs, so that the last words of a crash are not lost. */
function standardError(): LogSink {
  const destination = pino.destination({ dest: 2, sync: true });
  // A closed terminal or pipe ends the log, not the gateway.
  destination.on('error', () => {});
  const lines = new GatheredLines(destination);
  return { write: (line, level = 0) => lines.write(line, level >= pino.levels.values.warn!) };
}

/** "2026-11-21 00:12:03 info  logged in user=alice remote=192.0.2.7:4500", from a line of pino's JSON. */
function readableLine(json: string): string {
  const { time, level, msg = '', err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const named = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
  const head = `${localTime(new Date(time as number))} ${levelName(level as number).padEnd(5)}`;
  return `${[head, escapeControls(String(msg)), ...named, ...errorText(err)].join(' ')}\n`;
}

function errorText(err: unknown): string[] {
  if (err === undefined) return [];
  const { message, stack } = err as { message?: string; stack?: string };
  return [`error=${fieldText(message)}`, ...(stack ? [`stack=${fieldText(stack)}`] : [])];
}

/** Bare where that is unmistakable, else in quotes. */
function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"=\p{C}]+$/u.test(text ?? '') || typeof value !== 'string'
    ? escapeControls(`${text}`)
    : escapeControls(JSON.stringify(text));
}

function levelName(level: number): string {
  return pino.levels.labels[level] ?? String(level);
}

function localTime(at: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
