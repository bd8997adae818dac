/**
 * Network namespaces named for the process that made them: `sp-OWNER-LABEL`. Runs side by side don't meet, and what a
 * killed run left behind is told from what somebody still uses.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type Finished, must, Program, type RunOptions, run } from './run.ts';
import { isOrphaned, owner, sweepScratch } from './scratch.ts';

const prefix = 'sp-';
const made = new Set<string>();

export class Netns {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** `label`: short, and unique within the process. */
  static async create(label: string): Promise<Netns> {
    sweep();
    const name = `${prefix}${owner}-${label}`;
    made.add(name);
    mkdirSync(`/etc/netns/${name}`, { recursive: true });
    const netns = new Netns(name);
    netns.resetResolver();
    await must(['ip', 'netns', 'add', name]);
    // nobody else has the addresses of a lab: they are there at once
    await netns.sysctl('net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0');
    await netns.ip('link', 'set', 'lo', 'up');
    return netns;
  }

  /** This file is bound over /etc/resolv.conf inside, so that a client's script can't rewrite the host's. */
  resetResolver(): void {
    writeFileSync(`/etc/netns/${this.name}/resolv.conf`, '# lab\n');
  }

  /** The arguments that run `argv` in here. */
  inside(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(this.inside(argv), options);
  }

  must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return must(this.inside(argv), options);
  }

  start(argv: readonly string[], options: RunOptions = {}): Program {
    return new Program(this.inside(argv), options);
  }

  ip(...args: readonly string[]): Promise<string> {
    return must(['ip', '-n', this.name, ...args]);
  }

  /** A bridge that is up. A hardware address of its own keeps it from taking that of its lowest port, which comes and goes. */
  async bridge(name: string, address?: string): Promise<void> {
    const mac = `02:${randomBytes(5).toString('hex').match(/../g)?.join(':')}`;
    await this.ip('link', 'add', name, 'address', mac, 'type', 'bridge');
    if (address !== undefined) await this.ip('address', 'add', address, 'dev', name);
    await this.ip('link', 'set', name, 'up');
  }

  async sysctl(...settings: readonly string[]): Promise<void> {
    await this.must(['sysctl', '-qw', ...settings]);
  }

  async nft(rules: string): Promise<void> {
    await this.must(['nft', '-f', '-'], { input: rules });
  }

  async hasLink(name: string): Promise<boolean> {
    return (await run(['ip', '-n', this.name, 'link', 'show', 'dev', name])).status === 0;
  }

  /** Ends what still runs in here. */
  killAll(): void {
    killIn(this.name);
  }

  /** Ends what still runs in here, then the namespace with its devices. */
  remove(): void {
    removeNamespace(this.name);
    made.delete(this.name);
  }
}

process.on('exit', () => {
  for (const name of made) removeNamespace(name);
});
// Without these a signal would end the process past its exit handlers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

let swept = false;

/** Removes what runs that were killed left behind; what belongs to a living process stays. */
function sweep(): void {
  if (swept) return;
  swept = true;
  for (const name of namespaces()) {
    if (name.startsWith(prefix) && isOrphaned(name.slice(prefix.length))) removeNamespace(name);
  }
  sweepScratch();
}

/** After a restart of the machine /etc/netns alone has those that were there before. */
function namespaces(): string[] {
  const names = ['/run/netns', '/etc/netns'].flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  return [...new Set(names)];
}

/** Synchronous, because it must also serve when the process ends. */
function removeNamespace(name: string): void {
  killIn(name);
  spawnSync('ip', ['netns', 'del', name]);
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

function killIn(name: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of stdout.split('\n').filter(Boolean)) kill(Number(pid));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}
