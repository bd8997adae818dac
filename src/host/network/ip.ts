/** Changes as lines for `ip -batch`, and what the system has now, from `ip -json`. */
import { HostError } from '../errors.ts';
import { type Change, type Family, PROTOCOL, type RouteChange, type RuleChange } from './changes.ts';
import { complaint, run } from './run.ts';

/** Makes the changes in order and stops at the first that fails. Throws {@link HostError} `NETWORK`. */
export async function makeChanges(changes: readonly Change[], owner: string): Promise<void> {
  for (const { family, lines } of batches(changes, doing)) {
    const ran = await run('ip', [`-${family}`, '-batch', '-'], { input: lines.join(''), owner });
    if (ran.status === 0) continue;
    const failed = lines[Number(/Command failed -:(\d+)/.exec(ran.stderr)?.[1]) - 1]?.trim();
    throw new HostError(
      'NETWORK',
      `'ip -${family} ${failed ?? '-batch'}' failed: ${complaint(ran)}; ${advice(ran.stderr)}`,
    );
  }
}

/** Undoes the changes, the last one first. What is gone already is no failure: whoever must know looks afterwards. */
export async function undoChanges(changes: readonly Change[], owner: string): Promise<void> {
  for (const { family, lines } of batches(changes.toReversed(), undoing)) {
    await run('ip', [`-${family}`, '-force', '-batch', '-'], { input: lines.join(''), owner });
  }
}

/** Those of `changes` that the system has now; of links and addresses nothing is known. */
export async function presentChanges(changes: readonly Change[]): Promise<Change[]> {
  const present: Change[] = [];
  for (const family of [4, 6] as const) {
    const rules = changes.filter((change) => change.kind === 'rule').filter((rule) => rule.family === family);
    if (rules.length > 0) {
      const there = new Set((await readRules(family)).filter(isOurs).map(ruleName));
      present.push(...rules.filter((change) => there.has(nameOfRule(change))));
    }
    const routes = changes.filter((change) => change.kind === 'route').filter((route) => route.family === family);
    for (const table of new Set(routes.map((route) => route.table))) {
      const there = new Set((await readTable(family, table)).filter(isOurs).map(routeName));
      present.push(...routes.filter((route) => route.table === table && there.has(nameOfRoute(route))));
    }
  }
  return present;
}

export interface Rule {
  readonly priority: number;
  readonly table?: string;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly fwmark?: string;
  readonly iif?: string;
  readonly protocol?: string;
}

export interface Route {
  /** "default", an address or a prefix */
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly metric?: number;
  readonly protocol?: string;
  readonly prefsrc?: string;
}

export async function readRules(family: Family): Promise<Rule[]> {
  return readJson<Rule>([`-${family}`, 'rule', 'show']);
}

/** Empty too when there is no such table. */
export async function readTable(family: Family, table: number): Promise<Route[]> {
  return readJson<Route>([`-${family}`, 'route', 'show', 'table', String(table)]);
}

/** The entries that `ip` lists; none where it fails, as it does for a table without routes. */
export async function readJson<T>(args: readonly string[]): Promise<T[]> {
  const { stdout } = await run('ip', ['-N', '-json', ...args]);
  try {
    const entries: unknown = JSON.parse(stdout);
    return Array.isArray(entries) ? entries : [];
  } catch {
    return [];
  }
}

function isOurs({ protocol }: { readonly protocol?: string }): boolean {
  return protocol === String(PROTOCOL);
}

function routeName({ dst, dev, metric }: Route): string {
  return `${dst} ${dev === 'lo' ? '' : (dev ?? '')} ${metric}`;
}

/** As `ip` prints it. */
function nameOfRoute({ prefix, through, metric }: RouteChange): string {
  const dst = prefix.endsWith('/0') ? 'default' : prefix.replace(/\/(32|128)$/, '');
  return `${dst} ${through?.tun ?? ''} ${metric}`;
}

function ruleName({ priority, dst, dstlen, fwmark, iif, table }: Rule): string {
  return `${priority} ${dst ?? ''}/${dstlen ?? ''} ${fwmark ?? ''} ${iif ?? ''} ${table ?? ''}`;
}

/** As `ip` prints it. */
function nameOfRule({ priority, match, action }: RuleChange): string {
  const to = typeof match === 'object' && 'to' in match ? match.to : '/';
  const mark = typeof match === 'object' && 'notMark' in match ? `0x${match.notMark.toString(16)}` : '';
  const from = typeof match === 'object' && 'from' in match ? match.from : '';
  return `${priority} ${to} ${mark} ${from} ${action === 'unreachable' ? '' : action.table}`;
}

interface Batch {
  readonly family: Family;
  readonly lines: string[];
}

/** Neighbouring changes of one family go to `ip` together. */
function batches(changes: readonly Change[], words: (change: Change) => readonly (string | number)[]): Batch[] {
  const all: Batch[] = [];
  for (const change of changes) {
    const family = 'family' in change ? change.family : 4;
    const line = words(change).map(String);
    if (line.length === 0) continue;
    if (!line.every((word) => /^[\w.:/-]+$/.test(word))) throw new TypeError(`not for ip: ${JSON.stringify(line)}`);
    if (all.at(-1)?.family !== family) all.push({ family, lines: [] });
    all.at(-1)!.lines.push(`${line.join(' ')}\n`);
  }
  return all;
}

function doing(change: Change): (string | number)[] {
  switch (change.kind) {
    case 'link':
      return ['link', 'set', 'dev', change.tun, 'mtu', change.mtu, 'up'];
    case 'address':
      return ['address', 'replace', `${change.address}/32`, 'dev', change.tun];
    case 'route':
      return ['route', 'replace', ...route(change)];
    case 'rule':
      return ['rule', 'add', ...rule(change)];
  }
}

function undoing(change: Change): (string | number)[] {
  switch (change.kind) {
    case 'link':
      // The interface is the client's own and goes with it.
      return [];
    case 'address':
      return ['address', 'delete', `${change.address}/32`, 'dev', change.tun];
    case 'route':
      return ['route', 'delete', ...route(change)];
    case 'rule':
      return ['rule', 'delete', ...rule(change)];
  }
}

function route({ prefix, through, table, metric }: RouteChange): (string | number)[] {
  const target = through ? [prefix, 'dev', through.tun, 'src', through.source] : ['unreachable', prefix];
  return [...target, 'table', table, 'metric', metric, 'proto', PROTOCOL];
}

function rule({ priority, match, action }: RuleChange): (string | number)[] {
  return ['priority', priority, ...selector(match), ...target(action), 'protocol', PROTOCOL];
}

/** Names need /etc/protocols, which small systems lack. */
const UDP = 17;

function selector(match: RuleChange['match']): (string | number)[] {
  if (match === 'dhcp') return ['ipproto', UDP, 'sport', 68, 'dport', 67];
  if ('from' in match) return ['iif', match.from];
  return 'to' in match ? ['to', match.to] : ['not', 'fwmark', match.notMark];
}

function target(action: RuleChange['action']): (string | number)[] {
  if (action === 'unreachable') return [action];
  return ['table', action.table, ...(action.onlySpecific ? ['suppress_prefixlength', 0] : [])];
}

function advice(stderr: string): string {
  if (/not permitted|denied/i.test(stderr)) return 'run as root, or with CAP_NET_ADMIN';
  if (/BusyBox/.test(stderr)) return "this is BusyBox's ip: install iproute2";
  if (/Cannot find device/.test(stderr)) return 'the TUN interface has gone: connect again';
  if (/not supported/i.test(stderr))
    return 'the kernel lacks policy routing (CONFIG_IP_MULTIPLE_TABLES and the like for IPv6)';
  return 'nothing was changed';
}
