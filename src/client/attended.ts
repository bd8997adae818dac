/** A client that others can ask and end: it answers on its profile's socket for as long as it runs. */
import { setImmediate } from 'node:timers/promises';
import type { Profile } from '../config/profile/profile.ts';
import { clientSocket, serveClient } from '../control/client.ts';
import { VERSION } from '../host/version.ts';
import type { Asker } from './asker.ts';
import type { ClientReport, ConnectResult } from './report.ts';
import { firstStatus, statusAfter } from './status.ts';

export interface Attendance {
  readonly profile: Profile;
  readonly asker: Asker;
  readonly report: (event: ClientReport) => void;
  /** Where the socket is, and the journal of the host's network. */
  readonly stateFolder: string;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Settles when nothing of it is left on the host. */
export type Connect = (attendance: Attendance) => Promise<ConnectResult>;

/**
 * Runs `connect` until its end. The last report is always `down`, also when it fails: whoever waits for it finds the host's
 * network as it was. Throws {@link ControlError} `ALREADY_RUNNING` when the profile has a client already.
 */
export async function connectAttended(attendance: Attendance, connect: Connect): Promise<ConnectResult> {
  const { profile, stateFolder, signal } = attendance;
  const asked = new AbortController();
  const ended = Promise.withResolvers<null>();
  let status = firstStatus(profile.name, VERSION, new Date());
  const report = (event: ClientReport) => {
    status = statusAfter(status, event, new Date());
    attendance.report(event);
  };
  const control = await serveClient(clientSocket(stateFolder, profile.name), profile.name, {
    status: () => status,
    disconnect() {
      asked.abort();
      return ended.promise;
    },
  });
  try {
    const result = await connect({ ...attendance, report, signal: AbortSignal.any([signal, asked.signal]) });
    report({ type: 'down', ...result });
    return result;
  } catch (error) {
    report({ type: 'down', ending: 'failed', reason: (error as Error).message, blocked: [] });
    throw error;
  } finally {
    ended.resolve(null);
    // Whoever asked for the end is answered before the socket closes.
    await setImmediate();
    await control.close();
  }
}
