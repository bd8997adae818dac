/** Puts back what killed clients left. */
import { journalPath, listJournals, readJournal } from './journal.ts';
import { RESOLV_CONF, resolvConfHolder, restoreStranded } from './resolv-conf.ts';
import { undoLeft } from './undo.ts';

export interface Cleaned {
  readonly profile: string;
  /** What was put back, for a person. */
  readonly undone: readonly string[];
}

/**
 * @param profile only this one's
 * @returns what was undone; empty when there was nothing to do. Throws {@link HostError}: `ALREADY_CONNECTED` when `profile`
 * is in use (without `profile`, those in use are passed over), `NETWORK_RESTORE`, `JOURNAL`
 */
export async function cleanup(folder: string, profile?: string): Promise<Cleaned[]> {
  const cleaned: Cleaned[] = [];
  for (const name of listJournals(folder)) {
    if (profile !== undefined && name !== profile) continue;
    const path = journalPath(folder, name);
    const journal = readJournal(path);
    if (!journal) continue;
    try {
      cleaned.push({ profile: name, undone: await undoLeft(journal, path) });
    } catch (error) {
      if (profile !== undefined || (error as { code?: string }).code !== 'ALREADY_CONNECTED') throw error;
    }
  }
  const holder = resolvConfHolder();
  const isStranded = holder !== undefined && !readJournal(journalPath(folder, holder));
  if (isStranded && (profile ?? holder) === holder && restoreStranded(holder)) {
    cleaned.push({ profile: holder, undone: [RESOLV_CONF] });
  }
  return cleaned;
}
