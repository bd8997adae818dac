/** How fast the doctor reads a large capture, beside tshark with the same file and the same question: what of it is IKE? */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { discard, scratch } from '../test/lab/scratch.ts';
import { type Mixed, writeMixedCapture } from './captures/mixed.ts';
import { builtProgram } from './load/package.ts';
import { cpuSeconds } from './measure.ts';
import type { Outcome } from './outcome.ts';
import { tellProgress } from './progress.ts';
import { median } from './row.ts';

const WISH = { seed: 1, bytes: 1e9, negotiations: 10_000 };
const RUNS = 3;

interface Run {
  readonly seconds: number;
  readonly cpu: number;
  /** Peak, MB. */
  readonly memory: number;
}

interface Reader {
  readonly name: string;
  readonly argv: readonly string[];
  /** Of one that has done its work. */
  readonly status: number;
  readonly runs: Run[];
}

/** Runs alternate, so that what else the machine does falls on both. */
export async function measureCaptures(): Promise<Outcome> {
  const folder = scratch('captures');
  try {
    const file = join(folder, 'mixed.pcapng');
    const mixed = writeMixedCapture(file, WISH);
    const readers: readonly Reader[] = [
      // it finds causes
      { name: 'sallyport doctor', argv: [builtProgram(), 'doctor', file], status: 3, runs: [] },
      { name: 'tshark -Y isakmp', argv: ['tshark', '-n', '-r', file, '-Y', 'isakmp'], status: 0, runs: [] },
    ];
    for (let i = 0; i < RUNS; i++)
      for (const reader of readers) {
        reader.runs.push(await time(reader, folder));
        tellProgress(`${reader.name}: ${reader.runs.at(-1)!.seconds.toFixed(2)} s`);
      }
    const [ours, theirs] = readers.map(middle) as [Run, Run];
    return {
      text: [headline(mixed), ...readers.map(rowOf), comparison(ours, theirs)].join('\n'),
      figures: { 'times as fast': theirs.seconds / ours.seconds, MB: ours.memory },
    };
  } finally {
    discard(folder);
  }
}

/** @param settings an empty folder: whoever measures may have told Wireshark to do more, or less */
async function time({ name, argv, status }: Reader, settings: string): Promise<Run> {
  const [program = '', ...args] = argv;
  const started = performance.now();
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, WIRESHARK_CONFIG_DIR: settings } });
  let isRunning = true;
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === status) resolve((performance.now() - started) / 1000);
      else reject(new Error(`${name}: exit status ${code}`));
    });
  }).finally(() => {
    isRunning = false;
  });
  const used = { cpu: 0, memory: 0 };
  const watching = (async () => {
    for (; isRunning; await sleep(20)) Object.assign(used, usedBy(child.pid) ?? used);
  })();
  const seconds = await ended;
  await watching;
  return { seconds, ...used };
}

/** Undefined: it has ended. */
function usedBy(pid: number | undefined): Omit<Run, 'seconds'> | undefined {
  if (pid === undefined) return undefined;
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return peak === undefined ? undefined : { cpu: cpuSeconds([pid]), memory: Number(peak) / 1000 };
  } catch {
    return undefined;
  }
}

function headline({ bytes, packets, ike, esp }: Mixed): string {
  const numbers = [bytes / 1e6, packets, WISH.negotiations, ike, esp].map((n) => Math.round(n).toLocaleString('en'));
  return `${numbers[0]} MB, ${numbers[1]} packets: ${numbers[2]} negotiations of ${numbers[3]} messages, ${numbers[4]} of ESP, and others`;
}

function middle({ runs }: Reader): Run {
  const of = (what: keyof Run) => median(runs.map((run) => run[what]));
  return { seconds: of('seconds'), cpu: of('cpu'), memory: Math.max(...runs.map(({ memory }) => memory)) };
}

function rowOf(reader: Reader): string {
  const { seconds, cpu, memory } = middle(reader);
  return `${reader.name}  ${seconds.toFixed(2).padStart(7)} s  ${cpu.toFixed(2).padStart(6)} s CPU  ${memory.toFixed(0).padStart(5)} MB`;
}

function comparison(ours: Run, theirs: Run): string {
  const ratio = (what: 'seconds' | 'cpu') => (theirs[what] / ours[what]).toFixed(1);
  return `tshark takes ${ratio('seconds')} times as long, and ${ratio('cpu')} times the CPU`;
}
