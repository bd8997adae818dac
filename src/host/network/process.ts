/** A process told from a later one of the same number, also across restarts of the machine. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OWNER_VARIABLE } from './run.ts';

export interface ProcessName {
  readonly pid: number;
  /** Clock ticks from the machine's start to the process's. */
  readonly started: string;
  readonly boot: string;
}

export function thisProcess(): ProcessName {
  return { pid: process.pid, started: startOf(process.pid) ?? '', boot: bootId() };
}

export function isAlive(name: ProcessName): boolean {
  return isFromThisBoot(name) && startOf(name.pid) === name.started;
}

export function isFromThisBoot({ boot }: ProcessName): boolean {
  return boot === bootId();
}

/** How long programs that a killed client had started may take to end. */
const PATIENCE = 30_000;

/** Waits for what a killed client had started on behalf of `owner`: it may still be at work. */
export async function waitForOrphans(owner: string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (hasOrphans(owner) && performance.now() < deadline) await sleep(20);
}

function hasOrphans(owner: string): boolean {
  const entry = `${OWNER_VARIABLE}=${owner}`;
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && environmentOf(name).includes(entry));
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so counting begins behind it. A zombie is dead. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
