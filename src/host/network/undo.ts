/** Puts back what a journal says was changed. */
import { HostError } from '../errors.ts';
import type { Change } from './changes.ts';
import { revertDns } from './dns.ts';
import { removeGuard } from './guard.ts';
import { presentChanges, undoChanges } from './ip.ts';
import { type Journal, readJournal, removeJournal, writeJournal } from './journal.ts';
import { isAlive, isFromThisBoot, thisProcess, waitForOrphans } from './process.ts';
import { RESOLV_CONF } from './resolv-conf.ts';
import { restoreSysctl } from './reverse-path.ts';

/** Undoes what a dead client left and says what. Throws {@link HostError} `ALREADY_CONNECTED` while it lives. */
export async function undoLeft(journal: Journal, path: string): Promise<string[]> {
  if (isAlive(journal.process)) throw alreadyConnected(journal);
  await waitForOrphans(path);
  // A restart of the machine has undone all but the file.
  const left = isFromThisBoot(journal.process) ? journal : { ...journal, ...NOTHING_BUT_DNS };
  await undoAll(left, path);
  removeJournal(path);
  return describe(left);
}

export const NOTHING_BUT_DNS = { changes: [], sysctls: [], guards: [] } as const;
export const NOTHING = { ...NOTHING_BUT_DNS, dns: [] } as const;

/**
 * Takes over from a dead client what blocks, and puts its name servers back. Undefined: the machine has been restarted, and
 * nothing blocks. Throws {@link HostError} `ALREADY_CONNECTED` while it lives.
 */
export async function adopt(journal: Journal, path: string): Promise<Journal | undefined> {
  if (isAlive(journal.process)) throw alreadyConnected(journal);
  if (!isFromThisBoot(journal.process)) return undefined;
  await waitForOrphans(path);
  await undoAll({ ...journal, ...NOTHING_BUT_DNS }, path);
  const ours: Journal = { ...journal, process: thisProcess(), dns: [] };
  writeJournal(path, ours);
  const written = readJournal(path);
  if (written?.process.pid !== process.pid) throw alreadyConnected(written ?? journal);
  return ours;
}

/** Throws {@link HostError} `NETWORK_RESTORE` when something stays. */
export async function undoAll(journal: Journal, path: string): Promise<void> {
  const { changes, sysctls, guards, dns } = journal;
  const failures: string[] = [];
  for (const change of dns.toReversed()) {
    await revertDns(change, path).catch((error: Error) => failures.push(error.message));
  }
  await undoChanges(changes, path);
  for (const sysctl of sysctls) restoreSysctl(sysctl);
  for (const guard of guards) await removeGuard(guard, path);
  if ((await presentChanges(changes)).length > 0) {
    failures.push(
      `rules or routes of ours are still there: see 'ip rule' and 'ip route show table ${journal.slot.table}'`,
    );
  }
  if (failures.length > 0) {
    throw new HostError(
      'NETWORK_RESTORE',
      `not all could be put back: ${failures.join('; ')}; then 'sallyport cleanup' tries again`,
    );
  }
}

/** What was put back, for a person. */
export function describe({ changes, sysctls, dns }: Journal): string[] {
  const count = (kind: Change['kind'], one: string, many: string) => {
    const number = changes.filter((change) => change.kind === kind).length;
    return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
  };
  return [
    ...count('rule', 'rule', 'rules'),
    ...count('route', 'route', 'routes'),
    ...sysctls.map(({ path, before }) => `${path} = ${before}`),
    ...dns.map((change) => DNS_NAMES[change.how]),
  ];
}

const DNS_NAMES = {
  resolved: "systemd-resolved's servers",
  resolvconf: "resolvconf's entry",
  file: RESOLV_CONF,
} as const;

export function alreadyConnected({ profile, process }: Journal): HostError {
  const name = JSON.stringify(profile);
  return new HostError(
    'ALREADY_CONNECTED',
    `the profile ${name} is in use by process ${process.pid}; 'sallyport disconnect' ends it`,
  );
}
