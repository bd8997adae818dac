/** What is told of a session's end: that it went down, or why it never was up. */
import type { GatewayEvent } from './events.ts';
import type { Session } from './session.ts';

/** Undefined: there is nothing that hasn't been told. */
export function endingOf(session: Session, reason: string): GatewayEvent | undefined {
  const { id, number, who, stage } = session;
  if (session.announced) return { type: 'session-down', id, number, who, reason };
  // a client that tries several ways at once hangs up on all but one
  if (changedItsMind(session, reason)) return { type: 'notice', who, text: 'the client hung up before a login' };
  return session.told ? undefined : { type: 'failure', who, step: `waiting for ${stage.awaits}`, reason };
}

/** It was asked for a name the first time, and deleted its phase 1. */
function changedItsMind({ stage }: Session, reason: string): boolean {
  return stage.awaits === 'login' && stage.attempt === 1 && reason.startsWith('deleted by the peer');
}
