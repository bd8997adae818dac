/** sallyport status: how the running clients do. */
import type { ClientStatus } from '../control/client-types.ts';
import { escapeControls, jsonText } from '../host/escape.ts';
import { blockedWords, endingWords } from './client-words.ts';
import { askClient, notConnected, runningClients } from './running-clients.ts';
import { formatAge, formatBytes } from './table.ts';
import { expectArguments, parseCommand } from './usage.ts';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { json: { type: 'boolean' } });
  if (positionals.length > 0) {
    const [profile = ''] = expectArguments(positionals, 'the profile');
    const status = await askClient(profile, 'status');
    console.log(values.json ? jsonText(status, 2) : statusText(status, Date.now()));
    return 0;
  }
  const all = await runningClients();
  if (values.json) console.log(jsonText(all, 2));
  else if (all.length === 0) throw notConnected('nothing is connected');
  else console.log(all.map((status) => statusText(status, Date.now())).join('\n\n'));
  return 0;
}

export function statusText(status: ClientStatus, now: number): string {
  const { tunnel, blocked } = status;
  const rows: [string, string][] = [
    ...(status.reason === null ? [] : ([['because', endingWords(status.reason)]] satisfies [string, string][])),
    ...(tunnel ? tunnelRows(tunnel) : []),
    ['traffic', `${formatBytes(status.bytesIn)} in, ${formatBytes(status.bytesOut)} out`],
    ['renewed', `keys ${status.rekeys}, connection ${status.reconnects}`],
    ...(blocked.length > 0 ? ([['blocked', blocked.map(blockedWords).join(', ')]] satisfies [string, string][]) : []),
  ];
  return [
    `${status.profile}: ${headline(status, now)}`,
    ...rows.map(([name, text]) => `  ${name.padEnd(9)} ${text}`),
  ].join('\n');
}

function headline({ state, tunnel, upSince, since }: ClientStatus, now: number): string {
  if (state === 'up' && tunnel && upSince !== null) return `up by ${tunnel.carrier} for ${formatAge(upSince, now)}`;
  return `${state}, started ${formatAge(since, now)} ago`;
}

function tunnelRows(tunnel: NonNullable<ClientStatus['tunnel']>): [string, string][] {
  const { gateway, address, tun, routes, dns, domain, phase1, esp } = tunnel;
  const names = domain === null ? dns.join(', ') : `${dns.join(', ')} (${escapeControls(domain)})`;
  return [
    ['gateway', escapeControls(gateway)],
    ['address', `${address} on ${tun}`],
    ['networks', routes === 'all' ? 'all' : routes.join(', ') || 'none'],
    ...(dns.length > 0 ? ([['dns', names]] satisfies [string, string][]) : []),
    ['suites', `${phase1}, ${esp}`],
  ];
}
