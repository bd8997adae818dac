/** What the control socket of a running gateway does. */
import type { ControlHandlers, FailureReport, HistoryReport } from '../control/gateway-types.ts';
import { HostError } from '../host/errors.ts';
import type { FailureRow } from '../host/store/failures.ts';
import type { HistoryRow } from '../host/store/history.ts';
import type { Store } from '../host/store/store.ts';
import { VERSION } from '../host/version.ts';
import type { LiveConfig } from './live-config.ts';
import type { RunningGateway } from './running-gateway.ts';
import { administerUsers } from './user-administration.ts';

/** Rows that `sessions --failed` and `--history` show. */
const MOST_ROWS = 1000;

export function controlHandlers(
  live: LiveConfig,
  store: Store,
  gateway: RunningGateway,
  askToStop: () => void,
): ControlHandlers {
  const users = administerUsers(store, () => live.current);
  const since = new Date().toISOString();
  return {
    status: () => ({
      pid: process.pid,
      version: VERSION,
      since,
      sessions: gateway.sessions().length,
      clearL2tp: gateway.clearL2tp() ?? null,
    }),
    sessions: () => gateway.sessions(),
    failures: () => store.failures.recent(MOST_ROWS).map(failureReport),
    history: () => store.history.recent(MOST_ROWS).map(historyReport),
    metrics: () => gateway.metrics(),
    reload: ({ files }) => live.reload(files),
    kick({ id }) {
      if (!gateway.kick(id))
        throw new HostError('SESSION_NOT_FOUND', `there is no session ${id}; 'sessions' shows those there are`);
      return null;
    },
    stop() {
      askToStop();
      return null;
    },
    'user-list': () => users.list(),
    'user-check'({ name, isNew, address }) {
      users.check(name, isNew, address);
      return null;
    },
    async 'user-add'({ name, password, address, l2tp, chapMd5 }) {
      await users.add(name, password, address, { l2tp, chapMd5 });
      return null;
    },
    async 'user-passwd'({ name, password, l2tp, chapMd5 }) {
      await users.changePassword(name, password, { l2tp, chapMd5 });
      return null;
    },
    'user-totp': ({ name, on }) => users.setTotp(name, on),
    'user-remove'({ name }) {
      users.remove(name);
      gateway.endUser(name);
      return null;
    },
  };
}

function failureReport({ at, user, group, remote, reason }: FailureRow): FailureReport {
  return { at: new Date(at).toISOString(), user: user ?? null, group: group ?? null, remote, reason };
}

function historyReport(row: HistoryRow): HistoryReport {
  return {
    user: row.user ?? null,
    group: row.group ?? null,
    remote: row.remote,
    address: row.address ?? null,
    started: new Date(row.started).toISOString(),
    ended: row.ended === undefined ? null : new Date(row.ended).toISOString(),
    bytesIn: row.bytesIn,
    bytesOut: row.bytesOut,
    reason: row.reason ?? null,
  };
}
