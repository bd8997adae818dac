/**
 * A Linux kernel that runs as a process (user-mode-linux): for what needs a kernel of its own, such as ESP in the
 * kernel. `vm/build` makes it. A guest boots in two seconds, runs one script as root and ends.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Netns } from '../netns.ts';
import { sleep, until } from '../poll.ts';
import { type Program, run } from '../run.ts';
import { scratch } from '../scratch.ts';

/** Where `vm/build` puts the kernel and the root directory. */
export const vmDirectory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sallyport-lab');

export interface VmOptions {
  /** Short: it names the tap device, too. */
  readonly name: string;
  /** The guest's address with prefix length. */
  readonly address: string;
  /** The guest's default route. */
  readonly route?: string;
  /** A bridge of the namespace that the guest's cable goes into. */
  readonly bridge: string;
  /** Shell script that the guest runs as root; `/share` is the directory `share` of the host. */
  readonly script: string;
  /** More files in /share, by name: the guest finds them there. */
  readonly files?: Readonly<Record<string, string>>;
  /** Megabytes. */
  readonly memory?: number;
}

const defaultMemory = 192;

export class Vm {
  /** Seen by the guest as /share. */
  readonly share: string;
  readonly #program: Program;
  readonly #netns: Netns;
  readonly #tap: string;
  readonly #pidFile: string;

  private constructor(netns: Netns, options: VmOptions) {
    this.#netns = netns;
    this.#tap = tapName(options.name);
    this.share = scratch(`vm-${options.name}`);
    writeFileSync(join(this.share, 'script'), options.script);
    copyFileSync(join(import.meta.dirname, 'guest.sh'), join(this.share, 'guest.sh'));
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(this.share, name), text);
    writeFileSync(join(this.share, 'out'), '');
    const controls = join(this.share, 'uml');
    mkdirSync(controls);
    this.#pidFile = join(controls, options.name, 'pid');
    this.#program = netns.start(this.#commandLine(options, controls), { env: { TMPDIR: memoryDirectory(options) } });
  }

  static async start(netns: Netns, options: VmOptions): Promise<Vm> {
    const tap = tapName(options.name);
    await netns.must(['ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap', 'vnet_hdr']);
    await netns.ip('link', 'set', tap, 'master', options.bridge, 'up');
    return new Vm(netns, options);
  }

  /** What the guest's script has printed so far. */
  get output(): string {
    return readFileSync(join(this.share, 'out'), 'utf8');
  }

  /** The console of the kernel. */
  get console(): string {
    return this.#program.output;
  }

  /** The host process: its CPU time is the guest's. */
  get pid(): number {
    return existsSync(this.#pidFile) ? Number(readFileSync(this.#pidFile, 'utf8')) : 0;
  }

  /** True once the guest has made the file `name` in /share. */
  has(name: string): boolean {
    return existsSync(join(this.share, name));
  }

  /** Tells the guest something: makes the file `name` in its /share. */
  tell(name: string): void {
    writeFileSync(join(this.share, name), '');
  }

  /** Waits for the guest to make the file `name`. */
  async signals(name: string, timeout = 300_000): Promise<void> {
    await until(
      () => {
        if (this.has(name)) return true;
        if (!this.#program.running) throw new Error(`the VM ended:\n${this.output}${this.console}`);
        return false;
      },
      timeout,
      () => `the guest's signal ${name}; it said:\n${this.output}${this.console}`,
    );
  }

  /** Waits for the guest's end; gives the status of its script. */
  async finish(timeout = 300_000): Promise<number> {
    const ended = await Promise.race([this.#program.ended.then(() => true), sleep(timeout, false, { ref: false })]);
    await this.stop();
    const file = join(this.share, 'status');
    if (existsSync(file)) return Number(readFileSync(file, 'utf8'));
    throw new Error(`the VM ${ended ? 'ended without a status' : 'was too slow'}:\n${this.output}${this.console}`);
  }

  /**
   * Ends the guest and takes its cable away. The kernel leads a session of its own: after SIGKILL helper threads
   * would stay, so the session is ended.
   */
  async stop(): Promise<void> {
    const leader = this.pid;
    await this.#program.stop('SIGTERM', 3000);
    if (leader !== 0) await run(['pkill', '-KILL', '-s', String(leader), '-x', 'linux.uml']);
    await run(this.#netns.inside(['ip', 'link', 'del', this.#tap]));
    rmSync(join(this.share, 'uml'), { recursive: true, force: true });
  }

  #commandLine(options: VmOptions, controls: string): string[] {
    const mac = createHash('sha256').update(options.name).digest('hex').slice(0, 10).match(/../g)?.join(':');
    return [
      join(vmDirectory, 'uml/usr/bin/linux.uml'),
      `uml_dir=${controls}`,
      `umid=${options.name}`,
      `mem=${options.memory ?? defaultMemory}M`,
      'quiet',
      'loglevel=3',
      'con=null',
      'con0=null,fd:1',
      'ssl=null',
      'root=/dev/root',
      'rootfstype=hostfs',
      `rootflags=${join(vmDirectory, 'root')}`,
      'ro',
      'init=/vminit',
      'panic=-1',
      `vec0:transport=tap,ifname=${this.#tap},depth=128,gro=1,mac=02:${mac}`,
      `vmname=${options.name}`,
      `vmip=${options.address}`,
      `vmgw=${options.route ?? ''}`,
      `vmshare=${this.share}`,
      `vmmods=${join(vmDirectory, 'uml/usr/lib/uml/modules')}`,
    ];
  }
}

function tapName(name: string): string {
  return `t-${name}`;
}

/** Where the guest's memory is a file: in memory, unless a container gave it too little of that. */
function memoryDirectory({ memory = defaultMemory }: VmOptions): string {
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize > 2 * memory * 2 ** 20 ? '/dev/shm' : tmpdir();
}
