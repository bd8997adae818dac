/** vpnc, the open client for Cisco's gateways: aggressive mode, XAUTH, Mode-Config, ESP in user space. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as lab from './gateway.ts';
import type { Netns } from './netns.ts';
import { PATIENCE, until } from './poll.ts';
import type { Program } from './run.ts';
import { discard, scratch } from './scratch.ts';
import { gatewayAddress } from './topology.ts';

export interface VpncOptions {
  readonly gateway?: string;
  /** vpnc's names of the carriers: `none` is ESP as it is. */
  readonly mode?: 'natt' | 'force-natt' | 'none' | 'cisco-udp';
  readonly group?: string;
  readonly groupSecret?: string;
  readonly user?: string;
  readonly password?: string;
  readonly dhGroup?: 'dh1' | 'dh2' | 'dh5' | 'dh14' | 'dh15' | 'dh16';
  readonly pfs?: 'nopfs' | 'dh2' | 'dh5' | 'dh14' | 'dh15' | 'server';
  readonly ciscoUdpPort?: number;
  /** More lines of its configuration. */
  readonly extra?: readonly string[];
}

export class Vpnc {
  readonly netns: Netns;
  readonly #directory: string;
  readonly #program: Program;

  private constructor(netns: Netns, options: VpncOptions) {
    this.netns = netns;
    this.#directory = scratch('vpnc');
    const configuration = join(this.#directory, 'vpnc.conf');
    writeFileSync(configuration, this.#configuration(options), { mode: 0o600 });
    writeFileSync(this.#script, this.#scriptText(), { mode: 0o700 });
    // What one that crashed wrote there would make the script look for a backup.
    netns.resetResolver();
    // Its script keeps state in /run/vpnc: each instance gets its own, in the mount namespace that `ip netns exec` makes.
    const inOwnRun = 'mkdir -p /run/vpnc && mount -t tmpfs tmpfs /run/vpnc && exec stdbuf -oL vpnc --no-detach "$1"';
    this.#program = netns.start(['sh', '-c', inOwnRun, 'sh', configuration]);
  }

  /** Starts one; comes back when its tunnel is up or it has given up. */
  static async start(netns: Netns, options: VpncOptions = {}): Promise<Vpnc> {
    const vpnc = new Vpnc(netns, options);
    await until(
      () => vpnc.up || !vpnc.running,
      PATIENCE,
      () => `an end of vpnc's login; it said:\n${vpnc.log}`,
    );
    return vpnc;
  }

  /** As `start`, for a login that has to succeed. */
  static async connect(netns: Netns, options: VpncOptions = {}): Promise<Vpnc> {
    const vpnc = await Vpnc.start(netns, options);
    if (!vpnc.up) throw new Error(`vpnc did not get in:\n${vpnc.log}`);
    return vpnc;
  }

  get log(): string {
    return this.#program.output;
  }

  get running(): boolean {
    return this.#program.running;
  }

  /** Its script runs before quick mode is done, and who is told to end before it minds signals doesn't take leave. */
  get up(): boolean {
    return existsSync(join(this.#directory, 'connected')) && this.log.includes('VPNC started in foreground');
  }

  /** What the gateway gave, as vpnc hands it to its script: INTERNAL_IP4_ADDRESS, CISCO_BANNER ... */
  given(name: string): string | undefined {
    const variables = readFileSync(join(this.#directory, 'given-connect'), 'utf8').split('\0');
    return variables.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);
  }

  get address(): string {
    return this.given('INTERNAL_IP4_ADDRESS') ?? 'none';
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Its exit status, once it has ended by itself. */
  get ended(): Promise<number | undefined> {
    return this.#program.ended;
  }

  /** Ends it as a user does: it takes leave of the gateway. */
  async stop(): Promise<void> {
    await this.#program.stop('SIGTERM');
    discard(this.#directory);
  }

  /** Ends it as a crash does: the gateway hears nothing. */
  async crash(): Promise<void> {
    await this.#program.stop('SIGKILL');
    discard(this.#directory);
  }

  get #script(): string {
    return join(this.#directory, 'script');
  }

  #configuration(options: VpncOptions): string {
    const lines = [
      `IPSec gateway ${options.gateway ?? gatewayAddress}`,
      `IPSec ID ${options.group ?? lab.group}`,
      `IPSec secret ${options.groupSecret ?? lab.groupSecret}`,
      `Xauth username ${options.user ?? lab.user}`,
      `Xauth password ${options.password ?? lab.password}`,
      `NAT Traversal Mode ${options.mode ?? 'natt'}`,
      `IKE DH Group ${options.dhGroup ?? 'dh14'}`,
      `Perfect Forward Secrecy ${options.pfs ?? 'nopfs'}`,
      'Interface name tun0',
      'Debug 2',
      `Pidfile ${join(this.#directory, 'pid')}`,
      'Noninteractive',
      `Script ${this.#script}`,
      ...(options.ciscoUdpPort === undefined ? [] : [`Cisco UDP Encapsulation Port ${options.ciscoUdpPort}`]),
      ...(options.extra ?? []),
    ];
    return `${lines.join('\n')}\n`;
  }

  /** Writes down what was given, then does what Debian's script does, which names its files for its parent else. */
  #scriptText(): string {
    return `#!/bin/sh
export VPNPID=vpnc
env -0 >'${this.#directory}'/given-"$reason"
/usr/share/vpnc-scripts/vpnc-script || exit
if [ "$reason" = connect ]; then : >'${this.#directory}'/connected; fi
`;
  }
}
