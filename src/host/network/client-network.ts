/** A client's hold on the host's network: a plan is applied whole or not at all, and everything is put back. */
import { existsSync } from 'node:fs';
import { parseIp } from '../../core/net/address.ts';
import { HostError, systemReason } from '../errors.ts';
import { makePrivateFolder } from '../private-folder.ts';
import { type Change, changeKey, changesOf, type Family } from './changes.ts';
import { type DnsChange, dnsChange, dnsNotes, revertDns, sameDns, setDns } from './dns.ts';
import { guardOf, removeGuard, setGuard } from './guard.ts';
import { makeChanges, presentChanges, undoChanges } from './ip.ts';
import { type Journal, journalPath, readJournal, removeJournal, writeJournal } from './journal.ts';
import type { Gateway, NetworkPlan } from './plan.ts';
import { thisProcess } from './process.ts';
import { RESOLV_CONF, resolvConfHolder, restoreStranded } from './resolv-conf.ts';
import { looseReversePath, restoreSysctl, setSysctl } from './reverse-path.ts';
import { findSlot } from './slot.ts';
import { adopt, alreadyConnected, describe, NOTHING, NOTHING_BUT_DNS, undoAll, undoLeft } from './undo.ts';

export interface ClientNetwork {
  /** What was put back at opening, since a killed client had left it; empty: nothing. */
  readonly cleaned: readonly string[];
  /** Whom a killed client had reached, if what it left still blocks. */
  readonly gateway: Gateway | undefined;
  /**
   * Brings the host to `plan`, from whatever plan was applied before; what somebody else has removed meanwhile comes back.
   * Throws {@link HostError}, and then everything is as it was before the call.
   */
  apply(plan: NetworkPlan): Promise<Applied>;
  /** Applies the last plan once more, since the network around has changed: another program may have undone parts of it. */
  refresh(): Promise<void>;
  /** Puts everything back. Nothing to do is fine. Throws {@link HostError} `NETWORK_RESTORE` if something stays. */
  restore(): Promise<void>;
}

export interface Applied {
  /** What decides on name servers here, if the plan has some. */
  readonly dns: DnsChange['how'] | undefined;
  /** What could not be had on this host, for a person. */
  readonly notes: readonly string[];
}

/**
 * What a killed client of the same profile left is put back first; but what keeps its networks from being reached in clear stays,
 * until the plan is applied anew or restore() ends it. Throws {@link HostError} `ALREADY_CONNECTED` while another process has
 * the profile.
 *
 * @param profile its name
 * @param folder where the journal is, 0700: see folder.ts
 */
export async function openClientNetwork(profile: string, folder: string): Promise<ClientNetwork> {
  try {
    makePrivateFolder(folder);
  } catch (error) {
    throw new HostError('JOURNAL', `can't make ${folder}: ${systemReason(error)}`);
  }
  const path = journalPath(folder, profile);
  const left = readJournal(path);
  const blocked = left?.blocks ? await adopt(left, path) : undefined;
  const cleaned = left ? (blocked ? describe({ ...left, ...NOTHING_BUT_DNS }) : await undoLeft(left, path)) : [];
  if (!left && resolvConfHolder() === profile && restoreStranded(profile)) cleaned.push(RESOLV_CONF);
  const hold = new Hold(path, blocked ?? (await begin(profile, path)));
  return {
    cleaned,
    gateway: blocked && gatewayOf(blocked),
    apply: (plan) => hold.next(() => hold.apply(plan)),
    refresh: () => hold.next(() => hold.refresh()),
    restore: () => hold.next(() => hold.restore()),
  };
}

async function begin(profile: string, path: string): Promise<Journal> {
  const slot = await findSlot(profile, families());
  const first: Journal = {
    version: 1,
    profile,
    process: thisProcess(),
    slot,
    blocks: false,
    gateway: undefined,
    changes: [],
    sysctls: [],
    guards: [],
    dns: [],
  };
  if (!writeJournal(path, first, true)) throw alreadyConnected(readJournal(path) ?? first);
  return first;
}

function gatewayOf({ gateway }: Journal): Gateway | undefined {
  const address = gateway && parseIp(gateway.address);
  return address && { name: gateway.name, address };
}

class Hold {
  readonly #path: string;
  #journal: Journal;
  #plan: NetworkPlan | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(path: string, journal: Journal) {
    this.#path = path;
    this.#journal = journal;
  }

  /** One thing after the other. */
  next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  async apply(plan: NetworkPlan): Promise<Applied> {
    const before = this.#journal;
    const wanted = this.#wanted(plan);
    const both: Journal = {
      ...wanted,
      changes: [...before.changes, ...without(wanted.changes, before.changes)],
      dns: [...before.dns, ...wanted.dns],
    };
    this.#write(both);
    let notes: string[];
    try {
      notes = await this.#make(wanted);
    } catch (error) {
      await this.#rollBack(before, both);
      throw error;
    }
    await undoChanges(without(before.changes, wanted.changes), this.#path);
    const stuck = await this.#revertDns(before.dns.filter((old) => !wanted.dns.some((dns) => sameDns(dns, old))));
    this.#plan = plan;
    this.#write({ ...wanted, dns: [...stuck.map(({ change }) => change), ...wanted.dns] });
    return { dns: wanted.dns[0]?.how, notes: [...notes, ...stuck.map(({ reason }) => reason)] };
  }

  async refresh(): Promise<void> {
    if (this.#plan) await this.apply(this.#plan);
  }

  async restore(): Promise<void> {
    this.#plan = undefined;
    await undoAll(this.#journal, this.#path);
    this.#journal = { ...this.#journal, ...NOTHING, blocks: false };
    removeJournal(this.#path);
  }

  #wanted(plan: NetworkPlan): Journal {
    const { profile, slot, sysctls, dns: held } = this.#journal;
    const loose = sysctls.length > 0 ? undefined : looseReversePath();
    const dns = dnsChange(profile, plan);
    return {
      ...this.#journal,
      blocks: plan.onLoss === 'block',
      gateway: plan.gateway && { name: plan.gateway.name, address: plan.gateway.address.text },
      changes: changesOf(plan, slot, hasIpv6()),
      sysctls: loose ? [loose] : sysctls,
      guards: [guardOf(plan, slot)],
      dns: dns ? [keepContent(dns, held)] : [],
    };
  }

  /** Returns what could not be had. */
  async #make({ changes, sysctls, guards, dns }: Journal): Promise<string[]> {
    for (const sysctl of sysctls) setSysctl(sysctl);
    const missed = await Promise.all(guards.map((guard) => setGuard(guard, this.#path)));
    // Only rules have no `replace`; what else is there is set again.
    const present = await presentChanges(changes.filter(({ kind }) => kind === 'rule'));
    await makeChanges(without(changes, present), this.#path);
    for (const change of dns) await setDns(change, this.#path);
    return [...missed.filter((note) => note !== undefined), ...dns.flatMap(dnsNotes)];
  }

  /** Those that can't be reverted now stay in the journal, for restore() and cleanup. */
  async #revertDns(changes: readonly DnsChange[]): Promise<{ change: DnsChange; reason: string }[]> {
    const stuck: { change: DnsChange; reason: string }[] = [];
    for (const change of changes) {
      await revertDns(change, this.#path).catch((error: Error) => stuck.push({ change, reason: error.message }));
    }
    return stuck;
  }

  /** What was new goes; what was replaced comes back. */
  async #rollBack(before: Journal, both: Journal): Promise<void> {
    await undoChanges(without(both.changes, before.changes), this.#path);
    const stuck = await this.#revertDns(both.dns.slice(before.dns.length));
    if (before.guards.length === 0) for (const guard of both.guards) await removeGuard(guard, this.#path);
    if (before.sysctls.length === 0) for (const sysctl of both.sysctls) restoreSysctl(sysctl);
    // Best effort: the error that led here is the one to tell.
    await this.#make(before).catch(() => {});
    this.#write({ ...before, dns: [...before.dns, ...stuck.map(({ change }) => change)] });
  }

  #write(journal: Journal): void {
    writeJournal(this.#path, journal);
    this.#journal = journal;
  }
}

function without(changes: readonly Change[], others: readonly Change[]): Change[] {
  const keys = new Set(others.map(changeKey));
  return changes.filter((change) => !keys.has(changeKey(change)));
}

/** What was in the file before the first time is what comes back. */
function keepContent(dns: DnsChange, held: readonly DnsChange[]): DnsChange {
  const old = held.find((change) => change.how === 'file');
  return dns.how === 'file' && dns.mounted === undefined && old?.mounted !== undefined
    ? { ...dns, mounted: old.mounted }
    : dns;
}

function families(): Family[] {
  return hasIpv6() ? [4, 6] : [4];
}

function hasIpv6(): boolean {
  return existsSync('/proc/sys/net/ipv6');
}
