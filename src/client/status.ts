/** What `sallyport status` shows: all that was reported, folded into one. */
import type { ClientStatus } from '../control/client-types.ts';
import type { ClientReport } from './report.ts';

export function firstStatus(profile: string, version: string, now: Date): ClientStatus {
  return {
    profile,
    pid: process.pid,
    version,
    state: 'connecting',
    since: now.toISOString(),
    upSince: null,
    tunnel: null,
    blocked: [],
    reason: null,
    rekeys: 0,
    reconnects: 0,
    bytesIn: 0,
    bytesOut: 0,
    packetsIn: 0,
    packetsOut: 0,
  };
}

export function statusAfter(status: ClientStatus, event: ClientReport, now: Date): ClientStatus {
  switch (event.type) {
    case 'up': {
      const { type: _, blocked, ...tunnel } = event;
      return { ...status, state: 'up', upSince: now.toISOString(), tunnel, blocked, reason: null };
    }
    case 'carrier-changed': {
      const { carrier, gateway } = event;
      return { ...status, tunnel: status.tunnel && { ...status.tunnel, carrier, gateway } };
    }
    case 'rekeyed': {
      const suite = event.phase === 1 ? { phase1: event.suite } : { esp: event.suite };
      return { ...status, rekeys: status.rekeys + 1, tunnel: status.tunnel && { ...status.tunnel, ...suite } };
    }
    case 'reconnecting': {
      const { reason } = event;
      // Only from a tunnel is it one more; each further trial is of the same.
      const reconnects = status.reconnects + (status.state === 'up' ? 1 : 0);
      const state = status.tunnel ? 'reconnecting' : 'connecting';
      return { ...status, state, upSince: null, reason, reconnects };
    }
    case 'traffic': {
      const { type: _, ...traffic } = event;
      return { ...status, ...traffic };
    }
    case 'down':
      return { ...status, upSince: null, reason: event.reason, blocked: event.blocked };
    case 'trying':
    case 'question':
    case 'notice':
    case 'banner':
      return status;
  }
}
