/** sallyport sessions: who is on, who wasn't let in, who was on. */

import type { FailureReport, HistoryReport, SessionRow, StatusReport } from '../control/gateway-types.ts';
import type { Remedy } from '../core/diagnosis/finding.ts';
import { knownFailure } from '../core/diagnosis/gateway-failures.ts';
import { remedyLines } from '../doctor/report/text.ts';
import { jsonText } from '../host/escape.ts';
import { callGateway } from './gateway-call.ts';
import { alignTable, formatAge, formatBytes, formatTime } from './table.ts';
import { expectArguments, parseCommand, UsageError, WHERE } from './usage.ts';

const OPTIONS = {
  ...WHERE,
  json: { type: 'boolean' },
  failed: { type: 'boolean' },
  history: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  expectArguments(positionals);
  if (values.failed && values.history) throw new UsageError('--failed or --history?');
  if (values.failed) {
    show((await callGateway(values, { verb: 'failures' })).map(explained), values.json, failurePage);
    if (!values.json) tellClearL2tp(await callGateway(values, { verb: 'status' }));
  } else if (values.history) show(await callGateway(values, { verb: 'history' }), values.json, historyTable);
  else show(await callGateway(values, { verb: 'sessions' }), values.json, (rows) => sessionTable(rows, Date.now()));
  return 0;
}

function show<T>(rows: readonly T[], json: boolean | undefined, table: (rows: readonly T[]) => string): void {
  console.log(json ? jsonText(rows, 2) : table(rows));
}

/** A client whose IPsec failed, or was never begun, may still speak L2TP; nobody answers, and the log has no line for it. */
function tellClearL2tp({ clearL2tp, since }: StatusReport): void {
  if (clearL2tp) console.log(`${clearL2tp} packets of L2TP outside of IPsec were dropped since ${formatTime(since)}`);
}

/** With what the doctor knows of it; null: no rule is about it. */
export interface ExplainedFailure extends FailureReport {
  readonly rule: string | null;
  readonly remedies: readonly Remedy[];
}

export function explained(failure: FailureReport): ExplainedFailure {
  const { rule = null, remedies = [] } = knownFailure(failure.reason) ?? {};
  return { ...failure, rule, remedies };
}

/** Each failure, and for each rule among them what to change. */
export function failurePage(rows: readonly ExplainedFailure[]): string {
  if (rows.length === 0) return 'nobody was refused';
  const cells = rows.map(({ at, user, group, remote, rule, reason }) => [
    formatTime(at),
    user ?? '-',
    group ?? '-',
    remote,
    rule ?? '-',
    reason,
  ]);
  const table = alignTable([['TIME (UTC)', 'USER', 'GROUP', 'REMOTE', 'RULE', 'REASON'], ...cells]);
  const byRule = new Map(rows.map(({ rule, remedies }) => [rule, remedies]));
  const changes = [...byRule].flatMap(([rule, remedies]) => {
    const ours = remedies.filter(({ where }) => where === 'sallyport');
    return rule === null ? [] : [`${rule}:`, ...ours.flatMap(remedyLines)];
  });
  return changes.length === 0 ? table : [table, '', ...changes].join('\n');
}

function historyTable(rows: readonly HistoryReport[]): string {
  if (rows.length === 0) return 'nobody was on yet';
  const head = ['FROM (UTC)', 'TO (UTC)', 'USER', 'GROUP', 'ADDRESS', 'REMOTE', 'IN', 'OUT', 'ENDED BY'];
  const cells = rows.map((row) => [
    formatTime(row.started),
    row.ended === null ? '-' : formatTime(row.ended),
    row.user ?? '-',
    row.group ?? '-',
    row.address ?? '-',
    row.remote,
    row.ended === null ? '-' : formatBytes(row.bytesIn),
    row.ended === null ? '-' : formatBytes(row.bytesOut),
    row.reason ?? '-',
  ]);
  return alignTable([head, ...cells]);
}

function sessionTable(rows: readonly SessionRow[], now: number): string {
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
    row.protocol === 'l2tp' ? `l2tp ${row.carrier}` : row.carrier,
    row.phase1,
    `${row.esp ?? '-'}${row.keylog ? ' (keys logged)' : ''}`,
    formatAge(row.since, now),
    row.lastSeen === null ? '-' : formatAge(row.lastSeen, now),
    formatBytes(row.bytesIn),
    formatBytes(row.bytesOut),
  ];
}
