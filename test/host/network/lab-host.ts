/**
 * A host to change: a network namespace with an /etc of its own, bound over the machine's for every program that runs in it, so
 * that no test can touch the machine's rules or its resolv.conf.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { SALLYPORT } from '../../cli/cli.ts';
import { Netns } from '../../lab/netns.ts';
import { until } from '../../lab/poll.ts';
import { type Finished, must, Program, run } from '../../lab/run.ts';
import { scratch } from '../../lab/scratch.ts';

export const RESOLV_CONF = '# the host\nnameserver 192.0.2.53\nsearch home.example\n';

const source = join(import.meta.dirname, '../../../src');
let count = 0;

export interface HostOptions {
  /** Programs to be found before the system's: name and shell script. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Text, or where a link leads to; null: there is none. */
  readonly resolvConf?: string | { readonly link: string } | null;
  /** As in containers: something is mounted over resolv.conf. */
  readonly mounted?: boolean;
}

export class LabHost {
  readonly netns: Netns;
  /** Its /run. */
  readonly runtime: string;
  readonly etc: string;
  readonly bin: string;
  readonly #mounted: boolean;

  private constructor(netns: Netns, folder: string, mounted: boolean) {
    this.netns = netns;
    this.runtime = join(folder, 'run');
    this.etc = join(folder, 'etc');
    this.bin = join(folder, 'bin');
    this.#mounted = mounted;
  }

  /** With a TUN `sp0`, and `eth0` that leads through a neighbour to everywhere. */
  static async create(test: TestContext, options: HostOptions = {}): Promise<LabHost> {
    count++;
    const host = new LabHost(await Netns.create(`host${count}`), scratch('host'), options.mounted === true);
    test.after(() => host.netns.remove());
    mkdirSync(host.etc);
    mkdirSync(host.bin);
    mkdirSync(host.runtime);
    for (const [name, script] of Object.entries(options.programs ?? {})) host.addProgram(name, script);
    host.#writeResolvConf(options.resolvConf === undefined ? RESOLV_CONF : options.resolvConf);
    await host.makeTun();
    return host;
  }

  /** Two pairs of addresses on a link to `other`, which is every host's router. */
  async connect(other: Netns): Promise<void> {
    // Addresses are there at once.
    for (const end of [this.netns, other]) await end.sysctl('net.ipv6.conf.default.accept_dad=0');
    await must([
      'ip',
      '-n',
      this.netns.name,
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      other.name,
    ]);
    await this.netns.ip('address', 'add', '192.0.2.5/24', 'dev', 'eth0');
    await this.netns.ip('address', 'add', '2001:db8::5/64', 'dev', 'eth0', 'nodad');
    await other.ip('address', 'add', '192.0.2.1/24', 'dev', 'eth0');
    await other.ip('address', 'add', '2001:db8::1/64', 'dev', 'eth0', 'nodad');
    await other.ip('link', 'set', 'eth0', 'up');
    await this.netns.ip('link', 'set', 'eth0', 'up');
    await this.netns.ip('route', 'add', 'default', 'via', '192.0.2.1');
    await this.netns.ip('-6', 'route', 'add', 'default', 'via', '2001:db8::1');
    // The kernel gives each end its link-local address when it sees the cable, a moment later.
    for (const end of [this.netns, other])
      await until(async () => (await end.ip('-6', 'address', 'show', 'dev', 'eth0')).includes('fe80:'));
  }

  addProgram(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  /** The interface that a client has while it lives. */
  async makeTun(): Promise<void> {
    await this.netns.ip('tuntap', 'add', 'sp0', 'mode', 'tun');
    await this.netns.sysctl('net.ipv6.conf.sp0.disable_ipv6=1');
  }

  async removeTun(): Promise<void> {
    await this.netns.ip('link', 'delete', 'sp0');
  }

  /** Runs `script`, with the folder's modules at hand, as a process of the host. */
  script(script: string): Promise<Finished> {
    return run(this.#node(script), this.#environment());
  }

  start(script: string): Program {
    return new Program(this.#node(script), this.#environment());
  }

  /** The lines that `script` printed; fails when it failed. */
  async lines(script: string): Promise<string[]> {
    return (await must(this.#node(script), this.#environment())).split('\n').filter((line) => line !== '');
  }

  /** Any program, as a process of the host. */
  run(argv: readonly string[], input?: string): Promise<Finished> {
    return run(this.#inside(argv), { ...this.#environment(), ...(input !== undefined && { input }) });
  }

  /** One that runs beside. */
  daemon(...argv: readonly string[]): Program {
    return new Program(this.#inside(argv), this.#environment());
  }

  /** A file under its /etc or /run. */
  write(path: string, content: string): void {
    const file = join(this.etc, '..', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  sallyport(...args: readonly string[]): Promise<Finished> {
    return run(this.#inside([SALLYPORT, ...args]), this.#environment());
  }

  /** Everything that a client could have changed, but the interface that goes with it. */
  async snapshot(): Promise<string> {
    const listings = [
      ['rule'],
      ['-6', 'rule'],
      ['route', 'show', 'table', 'all'],
      ['-6', 'route', 'show', 'table', 'all'],
      ['-o', '-4', 'address'],
    ];
    const shown = await Promise.all(listings.map((args) => this.netns.ip(...args)));
    const filter = await this.netns.must(['sysctl', '-a', '--pattern', 'rp_filter']);
    const tables = await this.netns.must(['nft', 'list', 'ruleset']);
    return [...shown, filter, tables, this.resolvConf(), ...this.etcNames()].join('\n');
  }

  /** How the file is, whatever it is. */
  resolvConf(): string {
    const path = join(this.etc, 'resolv.conf');
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (!status) return 'missing';
    if (status.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
    return `${status.mode.toString(8)} ${this.#mounted ? '' : status.ino} ${readFileSync(path, 'utf8')}`;
  }

  /** What lies in /etc beside resolv.conf's own name. */
  etcNames(): string[] {
    return ['resolv.conf.before-sallyport', 'resolv.conf.sallyport-new'].filter((name) =>
      existsSync(join(this.etc, name)),
    );
  }

  #writeResolvConf(content: HostOptions['resolvConf']): void {
    const path = join(this.etc, 'resolv.conf');
    if (content === null || content === undefined) return;
    if (typeof content === 'string') writeFileSync(path, content);
    else symlinkSync(content.link, path);
  }

  #node(script: string): string[] {
    const prelude = `
      import { openClientNetwork } from '${source}/host/network/client-network.ts';
      import { cleanup } from '${source}/host/network/cleanup.ts';
      import { localAddressFor } from '${source}/host/network/local-address.ts';
      import { networkName } from '${source}/host/network/network-name.ts';
      import { watchNetwork } from '${source}/host/network/watch.ts';
      import { parseIp, parsePrefix } from '${source}/core/net/address.ts';
      const folder = '/run/sallyport';
      const plan = (changes = {}) => ({
        tun: 'sp0', address: parseIp('10.77.0.9'), mtu: 1400, routes: [parsePrefix('10.1.0.0/16')], localLan: false,
        dns: undefined, onLoss: 'block', mark: 0x53, ...changes,
      });
      const dns = (changes = {}) => ({ servers: [parseIp('10.1.0.53')], domain: 'corp.example', split: [], ...changes });
    `;
    return this.#inside([process.execPath, '--input-type=module', '-e', `${prelude}${script}`]);
  }

  #inside(argv: readonly string[]): string[] {
    // ip(8) has bound the namespace's own resolv.conf over /etc's; ours goes over both.
    const bind = this.#mounted
      ? 'mount --bind "$1/resolv.conf" /etc/resolv.conf'
      : 'umount /etc/resolv.conf && mount --bind "$1" /etc';
    const shell = `${bind} && mount --bind "$2" /run && shift 2 && exec "$@"`;
    return this.netns.inside(['unshare', '--mount', 'sh', '-c', shell, 'sh', this.etc, this.runtime, ...argv]);
  }

  #environment() {
    // Some scripts try each step of a plan in turn.
    return { env: { PATH: `${this.bin}:${process.env.PATH}` }, timeout: 600_000 };
  }
}
