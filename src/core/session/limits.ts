/** How long a group's sessions may last and be silent, from when they are on: what comes before has times of its own. */
import { earliest, type Instant, SECOND } from '../net/time.ts';
import type { Session } from './session.ts';

/** When to look again; `lastTraffic` is when the client was last heard in its tunnel, 0 for never. */
export function limitDeadline(session: Session, lastTraffic: Instant): Instant | undefined {
  if (session.stage.awaits !== 'nothing') return undefined;
  return earliest(endOfSession(session), endOfSilence(session, lastTraffic));
}

/** Why the session ends now; undefined: it may go on. */
export function limitReached(session: Session, lastTraffic: Instant, now: Instant): string | undefined {
  if ((limitDeadline(session, lastTraffic) ?? Number.POSITIVE_INFINITY) > now) return undefined;
  if ((endOfSession(session) ?? Number.POSITIVE_INFINITY) <= now) return 'its session_timeout is over';
  return 'silent for its idle_timeout';
}

function endOfSession({ group, since }: Session): Instant | undefined {
  return group?.sessionTimeout && since + group.sessionTimeout * SECOND;
}

function endOfSilence({ group, since }: Session, lastTraffic: Instant): Instant | undefined {
  return group?.idleTimeout && Math.max(since, lastTraffic) + group.idleTimeout * SECOND;
}
