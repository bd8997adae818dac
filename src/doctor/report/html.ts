/** The report as one page that needs nothing else: no script, no font, no picture from elsewhere; for a screen, a phone, and paper. */
import type { Finding, Remedy } from '../../core/diagnosis/finding.ts';
import type { Ladder, ReportFinding, ReportPage, Step, Table, TableRow } from './page.ts';
import { STYLE } from './style.ts';
import { PLACE_NAMES, SEVERITY_NAMES } from './words.ts';

/** Nothing in it runs, whoever wrote the bytes that it tells of. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function htmlOf(page: ReportPage): string {
  const shown = new Set(page.ladders.flatMap(({ steps }) => steps.map(({ packet }) => packet)));
  const findings = page.findings.map((finding, i) => findingOf(finding, i + 1, shown));
  const flags = flagsOf(page.findings);
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(page.title)} – Sallyport doctor</title>`,
    `<style>${STYLE}</style></head><body>`,
    `<header class="${page.isHealthy ? 'healthy' : 'ill'}"><p class="of">${text(page.title)}</p>`,
    `<h1>${text(page.verdict)}</h1>`,
    `<p class="facts">${page.facts.map(text).join(' · ')}</p></header><main>`,
    ...(findings.length > 0 ? ['<section aria-label="Findings">', ...findings, '</section>'] : []),
    ...(page.tables ?? []).map(tableOf),
    ...page.ladders.map((ladder) => ladderOf(ladder, flags)),
    '</main></body></html>',
    '',
  ].join('\n');
}

function findingOf(finding: ReportFinding, number: number, shown: ReadonlySet<number>): string {
  const { severity, cause, evidence, remedies, rule, gateway } = finding;
  // what the reader has comes first, and open
  const ordered = [true, false].flatMap((isHere) => remedies.filter(({ where }) => (where === gateway) === isHere));
  const rows = evidence.map(({ packet, says }) => `<li>${packetOf(packet, shown)} ${text(says)}</li>`);
  return [
    `<article class="finding ${severity}" id="f${number}">`,
    `<p class="kind"><span class="flag">${number}</span> ${SEVERITY_NAMES[severity]} <code>${text(rule)}</code></p>`,
    `<h2>${text(cause)}</h2>`,
    rows.length > 0 ? `<ul class="evidence">${rows.join('')}</ul>` : '',
    ...ordered.map((remedy, i) => remedyOf(remedy, i === 0)),
    '</article>',
  ].join('\n');
}

function packetOf(packet: number, shown: ReadonlySet<number>): string {
  if (packet === 0) return '';
  return shown.has(packet) ? `<a href="#p${packet}">#${packet}</a>` : `<b>#${packet}</b>`;
}

function remedyOf({ where, does, lines }: Remedy, isFirst: boolean): string {
  const body = lines.length > 0 ? `<pre>${lines.map(text).join('\n')}</pre>` : '';
  const heading = `<b>On ${PLACE_NAMES[where]}:</b> ${text(does)}`;
  if (body === '') return `<p class="remedy">${heading}</p>`;
  return `<details class="remedy"${isFirst ? ' open' : ''}><summary>${heading}</summary>${body}</details>`;
}

function tableOf({ title, rows }: Table): string {
  return `<section class="seen"><h2>${text(title)}</h2><table>${rows.map(rowOf).join('\n')}</table></section>`;
}

function rowOf({ title, text: words, state }: TableRow): string {
  return `<tr><th scope="row">${text(title)}</th><td${state ? ` class="${state}"` : ''}>${text(words)}</td></tr>`;
}

interface Flag {
  /** Of the finding, from 1. */
  readonly number: number;
  readonly severity: Finding['severity'];
}

type Flags = ReadonlyMap<number, readonly Flag[]>;

/** Packet numbers to the findings that they are evidence of. */
function flagsOf(findings: readonly Finding[]): Flags {
  const flags = findings.flatMap(({ evidence, severity }, i) =>
    [...new Set(evidence.map(({ packet }) => packet))].map((packet) => ({ packet, flag: { number: i + 1, severity } })),
  );
  const byPacket = Map.groupBy(flags, ({ packet }) => packet);
  return new Map([...byPacket].map(([packet, group]) => [packet, group.map(({ flag }) => flag)]));
}

function ladderOf({ title, left, right, steps, omitted }: Ladder, flags: Flags): string {
  const start = steps[0]?.at ?? 0;
  const rows = steps.map((step) => stepOf(step, start, flags.get(step.packet) ?? []));
  const rest = omitted > 0 ? `<p class="omitted">${omitted} more not drawn</p>` : '';
  return [
    '<section class="negotiation">',
    `<h2>${text(title)}</h2>`,
    `<div class="peers"><span>${text(left)}</span><span>${text(right)}</span></div>`,
    `<ol class="ladder">${rows.join('\n')}</ol>${rest}`,
    '</section>',
  ].join('\n');
}

function stepOf(step: Step, start: number, flags: readonly Flag[]): string {
  const { packet, at, isFromLeft, what, details, isRepeat } = step;
  // the findings come with the gravest first
  const classes = ['step', isFromLeft ? 'to-right' : 'to-left', ...(isRepeat ? ['repeat'] : []), flags[0]?.severity];
  const links = flags.map(({ number }) => `<a class="flag" href="#f${number}">${number}</a>`).join('');
  const time = `${((at - start) / 1000).toFixed(3)} s`;
  const more = details.length > 0 ? `<small>${details.map(text).join('<br>')}</small>` : '';
  return (
    `<li class="${classes.filter((name) => name !== undefined).join(' ')}" id="p${packet}"><span class="when">#${packet} <time>${time}</time></span>` +
    `<span class="line"><span class="what">${text(what)}${links}</span>${more}<span class="arrow"></span></span></li>`
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text from anywhere, also from hostile packets: characters that act become such that show. */
function text(words: string): string {
  return words
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
