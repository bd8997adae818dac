/** A root directory as a machine: its own processes and mounts, the host's network and devices. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../lab/run.ts';

/**
 * $1: the root directory. $2: the script. $3: a file of certificates that the host trusts, or nothing. Then: the
 * environment. This shell stays the first of the processes, so that a signal to the others ends none of them but by itself.
 */
const ENTER = `
set -e
root=$1 script=$2 trusted=$3
shift 3
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
cat /etc/hosts >"$root/etc/hosts"
if [ -n "$trusted" ]; then cp "$trusted" "$root/etc/extra-ca.crt"; fi
status=0
chroot "$root" /usr/bin/env -i "$@" /bin/sh -c "$script" || status=$?
exit $status
`;

/** Runs what follows with processes and mounts that nobody else sees, and that end with this one. */
const APART = [
  ...['setpriv', '--pdeathsig', 'KILL'],
  ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'],
];

/** What a shell has after a login on a terminal, but for the language: C. */
const LOGIN = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'TERM=dumb'];

/** How the host gets at the registry: a proxy, a mirror; in the environment, and in what npm is told. */
const NETWORK = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;
const NPM_SETTINGS = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl'] as const;

export class Machine {
  readonly #root: string;
  #shell: Program | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** The arguments that run `script` in there. Its processes die with whoever runs them. */
  inside(script: string): string[] {
    const trusted = process.env.NODE_EXTRA_CA_CERTS ?? npmSetting('cafile');
    const environment = [
      ...LOGIN,
      ...NETWORK.flatMap((name) => (process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`])),
      ...(trusted === '' ? [] : ['NODE_EXTRA_CA_CERTS=/etc/extra-ca.crt']),
      ...NPM_SETTINGS.map((name) => [name, npmSetting(name)] as const)
        .filter(([, value]) => value !== '')
        .map(([name, value]) => `npm_config_${name.replaceAll('-', '_')}=${value}`),
    ];
    return [...APART, 'sh', '-c', ENTER, 'sh', this.#root, script, trusted, ...environment];
  }

  start(script: string): Program {
    return this.#run(this.inside(script));
  }

  /** Lets a program of the host's make the machine: its mounts and processes are kept apart, too. */
  async make(argv: readonly string[]): Promise<void> {
    const maker = this.#run([...APART, '--mount-proc', ...argv]);
    if ((await maker.ended) !== 0) throw new Error(`${argv.join(' ')}\n${maker.output}`);
  }

  #run(argv: readonly string[]): Program {
    this.#shell = new Program(argv);
    return this.#shell;
  }

  /** What Ctrl-C does: every process of the terminal is interrupted. */
  interrupt(): void {
    for (const pid of this.#processes().filter((pid) => !isFirst(pid))) signal(pid, 'SIGINT');
  }

  /** Ends all processes, and waits until the kernel has done so. */
  end(): void {
    for (const pid of this.#processes().filter(isFirst)) signal(pid, 'SIGKILL');
    for (let i = 0; i < 100 && this.#processes().length > 0; i++) Atomics.wait(clock, 0, 0, 50);
  }

  /** Whether a program is installed. */
  has(program: string): boolean {
    const folders = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin'];
    return folders.some((folder) => existsSync(join(this.#root, folder, program)));
  }

  #processes(): number[] {
    const space = this.#shell && link(`/proc/${this.#shell.pid}/ns/pid_for_children`);
    if (space === undefined || space === link('/proc/self/ns/pid')) return [];
    const numbers = readdirSync('/proc').map(Number).filter(Number.isInteger);
    return numbers.filter((pid) => link(`/proc/${pid}/ns/pid`) === space);
  }
}

const clock = new Int32Array(new SharedArrayBuffer(4));

/** Empty: nobody set it. */
function npmSetting(name: string): string {
  const value = spawnSync('npm', ['config', 'get', name], { encoding: 'utf8' }).stdout.trim();
  return value === 'null' || value === 'undefined' ? '' : value;
}

function isFirst(pid: number): boolean {
  try {
    return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Undefined: there is no such process any more. */
function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}
