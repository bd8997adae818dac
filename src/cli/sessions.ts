/** sallyport sessions: who is on. */
import type { SessionRow } from '../control/types.ts';
import { callGateway } from './gateway-call.ts';
import { alignTable, formatAge, formatBytes } from './table.ts';
import { expectArguments, parseCommand, WHERE } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { ...WHERE, json: { type: 'boolean' } });
  expectArguments(positionals);
  const rows = await callGateway(values, { verb: 'sessions' });
  console.log(values.json ? JSON.stringify(rows, null, 2) : sessionTable(rows, Date.now()));
  return 0;
}

export function sessionTable(rows: readonly SessionRow[], now: number): string {
  if (rows.length === 0) return 'nobody is on';
  const head = ['ID', 'USER', 'GROUP', 'ADDRESS', 'REMOTE', 'CARRIER', 'PHASE 1', 'ESP', 'SINCE', 'SEEN', 'IN', 'OUT'];
  return alignTable([head, ...rows.map((row) => cells(row, now))]);
}

function cells(row: SessionRow, now: number): string[] {
  return [
    String(row.id),
    row.user ?? `(${row.peer})`,
    row.group ?? '-',
    row.address ?? '-',
    row.remote,
    row.carrier,
    row.phase1,
    `${row.esp ?? '-'}${row.keylog ? ' (keys logged)' : ''}`,
    formatAge(row.since, now),
    row.lastSeen === null ? '-' : formatAge(row.lastSeen, now),
    formatBytes(row.bytesIn),
    formatBytes(row.bytesOut),
  ];
}
