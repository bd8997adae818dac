/** Captures with tcpdump, read by tshark: the independent judge of what is on the wire. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from './netns.ts';
import { sleep, until } from './poll.ts';
import { must, type Program } from './run.ts';
import { scratch } from './scratch.ts';

/** Kilobytes between the kernel and tcpdump. Each packet takes 64 of them there, so the usual 2 MB are full with 32 packets. */
const BUFFER = 65_536;

export class Capture {
  readonly file: string;
  readonly #program: Program;

  private constructor(file: string, program: Program) {
    this.file = file;
    this.#program = program;
  }

  static async start(netns: Netns, device: string, filter = ''): Promise<Capture> {
    const file = join(scratch('capture'), 'packets.pcap');
    // Without immediate mode the kernel hands packets over a second late, and those of the last one are lost.
    const options = ['-n', '-U', '--immediate-mode', '-B', String(BUFFER), '-Z', 'root', '-i', device, '-w', file];
    const argv = ['tcpdump', ...options];
    const program = netns.start(filter === '' ? argv : [...argv, filter]);
    await program.prints(/listening on/);
    return new Capture(file, program);
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Ends it when all that was on the wire is in the file; fails when packets are missing there. */
  async stop(): Promise<void> {
    // What was sent comes to the device a moment later.
    await sleep(500);
    const hasWrittenAll = () => !this.#program.running || isAsleep(this.pid);
    await until(hasWrittenAll, 60_000, () => `the end of tcpdump's work: ${this.#program.output}`);
    await this.#program.stop('SIGINT');
    if (!/^0 packets dropped by kernel$/m.test(this.#program.stderr))
      throw new Error(`packets are missing in the capture:\n${this.#program.output}`);
  }
}

/** tcpdump sleeps only while it waits for the next packet: a signal before that would lose those that the kernel still holds. */
function isAsleep(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('S');
}

export interface DecodeOptions {
  /** A folder with Wireshark's decryption tables. */
  readonly tables?: string;
  readonly filter?: string;
  /** Preferences, each as `name:value`. */
  readonly preferences?: readonly string[];
  /** Dissectors for what tshark doesn't know by itself, each as `selector,protocol`. */
  readonly decodeAs?: readonly string[];
}

/** The packets as tshark's tree of text. */
export function decode(file: string, options: DecodeOptions = {}): Promise<string> {
  return tshark(file, ['-V'], options);
}

/** One line a packet, the named fields parted by tabs. */
export async function fields(file: string, names: readonly string[], options: DecodeOptions = {}): Promise<string[][]> {
  const text = await tshark(file, ['-T', 'fields', ...names.flatMap((name) => ['-e', name])], options);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

function tshark(file: string, output: readonly string[], options: DecodeOptions): Promise<string> {
  const argv = ['tshark', '-n', '-r', file, ...output];
  for (const preference of options.preferences ?? []) argv.push('-o', preference);
  for (const rule of options.decodeAs ?? []) argv.push('-d', rule);
  if (options.filter !== undefined) argv.push('-Y', options.filter);
  // A folder of its own in any case: the preferences of whoever runs the tests must not count.
  return must(argv, { env: { WIRESHARK_CONFIG_DIR: options.tables ?? scratch('wireshark') } });
}
