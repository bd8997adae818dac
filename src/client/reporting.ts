/** The client's events as what is told to people and programs. */
import { formatEndpoint, formatPrefix } from '../core/net/address.ts';
import { type CarrierFailure, formatFailures } from '../core/openings/missing.ts';
import { formatOpening } from '../core/openings/openings.ts';
import type { ClientFailure, TunnelUp } from '../core/session/client/events.ts';
import type { BlockedCarrier, ConnectResult, TunnelReport } from './report.ts';

export function tunnelReport(tunnel: TunnelUp, tun: string): TunnelReport {
  const { carrier, remote, given, routes, phase1, esp } = tunnel;
  return {
    carrier,
    gateway: carrier === 'esp' ? remote.address.text : formatEndpoint(remote),
    address: given.address.text,
    dns: given.dns.map(({ text }) => text),
    domain: given.domain ?? null,
    routes: routes === 'all' ? routes : routes.map(formatPrefix),
    phase1,
    esp,
    tun,
  };
}

/** The openings that a carrier misses; those behind a closed one nobody could try. */
export function blockedCarrier({ carrier, openings, offered }: CarrierFailure): BlockedCarrier {
  const missing = openings.filter(({ sight }) => sight === 'silent' || sight === 'refused');
  const refused = missing.some(({ sight }) => sight === 'refused');
  return {
    carrier,
    reason: !offered ? 'not-offered' : refused ? 'refused' : missing.length > 0 ? 'no-answer' : 'not-tried',
    openings: missing.map(({ opening }) => formatOpening(opening)),
  };
}

export function connectResult(failure: ClientFailure | undefined): ConnectResult {
  if (!failure) return { ending: 'user', reason: 'ended by the user', blocked: [] };
  switch (failure.kind) {
    case 'blocked': {
      const blocked = failure.failures.map(blockedCarrier);
      return { ending: 'blocked', reason: formatFailures(failure.gateway, failure.failures), blocked };
    }
    case 'login':
    case 'refused':
      return { ending: 'refused', reason: failure.reason, blocked: [] };
    case 'ended':
      return { ending: 'gateway', reason: failure.reason, blocked: [] };
    case 'silent':
      return { ending: 'failed', reason: failure.reason, blocked: [] };
  }
}
