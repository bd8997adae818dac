/** A client's reports as lines for people. */
import type { ClientReport } from '../client/report.ts';
import type { BlockedCarrier, TunnelReport } from '../control/client-types.ts';
import { escapeControls, escapeLines } from '../host/escape.ts';
import { quoted } from './asker.ts';

/** Undefined: a person doesn't need a line for it. */
export function wordsOf(event: ClientReport): string | undefined {
  switch (event.type) {
    case 'trying':
      return `trying ${event.carrier} to ${escapeControls(event.gateway)}`;
    case 'up':
      return `connected by ${upWords(event, event.blocked)}`;
    case 'carrier-changed':
      return `moved from ${event.from} to ${event.carrier} (${escapeControls(event.gateway)}): ${escapeControls(event.reason)}`;
    case 'reconnecting':
      return `no tunnel: ${escapeControls(event.reason)}; trying again ${event.inSeconds < 1 ? 'now' : `in ${Math.ceil(event.inSeconds)} s`}`;
    case 'notice':
      return `note: ${escapeControls(event.text)}`;
    case 'banner':
      return quoted(event.text).join('\n') || undefined;
    case 'down':
      return event.ending === 'user' ? 'disconnected' : endingWords(event.reason);
    case 'question':
    case 'rekeyed':
    case 'traffic':
      return undefined;
  }
}

/** Which carrier was chosen, what it carries, and which were blocked: in one line. */
function upWords(tunnel: TunnelReport, blocked: readonly BlockedCarrier[]): string {
  const { carrier, gateway, address } = tunnel;
  const parts = [
    `${carrier} to ${escapeControls(gateway)} as ${address}, ${networkWords(tunnel.routes)}`,
    ...(blocked.length > 0 ? [`blocked: ${blocked.map(blockedWords).join(', ')}`] : []),
  ];
  return parts.join('; ');
}

const MOST_NETWORKS = 3;

/** "everything goes through it", "10.1.0.0/16 and 4 more go through it" */
function networkWords(routes: TunnelReport['routes']): string {
  if (routes === 'all') return 'everything goes through it';
  if (routes.length === 0) return 'nothing goes through it';
  const shown = routes.slice(0, MOST_NETWORKS).join(', ');
  const more = routes.length - MOST_NETWORKS;
  return `${shown}${more > 0 ? ` and ${more} more` : ''} ${routes.length === 1 ? 'goes' : 'go'} through it`;
}

/** "esp (no answer: IP protocol 50)" */
export function blockedWords({ carrier, reason, openings }: BlockedCarrier): string {
  const why = escapeControls(reason.replaceAll('-', ' '));
  return `${carrier} (${[why, ...(openings.length > 0 ? [openings.map(escapeControls).join(', ')] : [])].join(': ')})`;
}

/** Why it ended; of several lines each is kept. */
export function endingWords(reason: string): string {
  return escapeLines(reason);
}
