/**
 * SoftEther's VPN server as an L2TP/IPsec gateway: IPsec, L2TP and PPP in user space, and behind them a NAT of its own, so that
 * what its clients send leaves from its namespace's addresses. It carries L2TP in clear too if a client lets it: count the ESP.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as lab from './gateway.ts';
import type { Netns } from './netns.ts';
import { inOwnFolders } from './own-folders.ts';
import { until, untilLine } from './poll.ts';
import type { Finished, Program } from './run.ts';
import { discard, isAlive, scratch } from './scratch.ts';

export interface SoftEtherOptions {
  /** SoftEther wants no more than 9 characters. */
  readonly psk?: string;
  readonly users?: Readonly<Record<string, string>>;
}

export const softEtherSecret = 'labetherp';
/** What its DHCP server gives. */
export const softEtherPool = /^192\.168\.30\.\d+$/;

/** Folders that are compiled into Debian's package. */
const FOLDERS = { run: '/run/softether', lib: '/var/lib/softether', log: '/var/log/softether' } as const;
const HUB = 'LAB';
const CONTROL_PORT = 5555;

export class SoftEther {
  readonly netns: Netns;
  readonly #directory: string;
  readonly #program: Program;
  /** It forks: this is who serves. */
  #pid = 0;

  private constructor(netns: Netns) {
    this.netns = netns;
    this.#directory = scratch('softether');
    for (const folder of Object.keys(FOLDERS)) mkdirSync(join(this.#directory, folder));
    this.#program = netns.start(this.#inOwnFolders(['vpnserver', 'execsvc']));
  }

  /** Starts one, ready for clients. Nobody else in `netns` may have UDP 500 and 4500. */
  static async start(netns: Netns, { psk = softEtherSecret, users }: SoftEtherOptions = {}): Promise<SoftEther> {
    const server = new SoftEther(netns);
    const serves = async () => {
      const { stdout } = await netns.run(['ss', '-Htlnp', `sport = :${CONTROL_PORT}`]);
      return /pid=(\d+)/.exec(stdout)?.[1];
    };
    server.#pid = Number(await until(serves, 60_000, () => `SoftEther's port; it said:\n${server.log}`));
    await server.configure([
      `HubCreate ${HUB} /PASSWORD:none`,
      `IPsecEnable /L2TP:yes /L2TPRAW:no /ETHERIP:no /PSK:${psk} /DEFAULTHUB:${HUB}`,
      `Hub ${HUB}`,
      ...Object.entries(users ?? { [lab.user]: lab.password }).flatMap(([name, password]) => [
        `UserCreate ${name} /GROUP:none /REALNAME:none /NOTE:none`,
        `UserPasswordSet ${name} /PASSWORD:${password}`,
      ]),
      'SecureNatEnable',
    ]);
    // it takes the addresses of its machine one by one, a moment later
    const takesAll = async () => (await netns.must(['ss', '-Huln', 'sport = :4500'])).trim() !== '';
    await until(takesAll, 60_000, () => `SoftEther on UDP 4500; it said:\n${server.log}`);
    return server;
  }

  /** Commands of vpncmd, one after the other. */
  async configure(commands: readonly string[]): Promise<string> {
    const batch = join(this.#directory, 'commands');
    writeFileSync(batch, `${commands.join('\n')}\n`);
    const { status, stdout, stderr } = await this.#control(`/IN:${batch}`);
    if (status !== 0) throw new Error(`vpncmd: ${status ?? 'killed'}\n${stdout}${stderr}${this.log}`);
    return stdout;
  }

  /** Sessions of its hub, as vpncmd lists them. */
  sessions(): Promise<string> {
    return this.configure([`Hub ${HUB}`, 'SessionList']);
  }

  get log(): string {
    return this.#program.output + readAll(join(this.#directory, 'log', 'server_log'));
  }

  get pid(): number {
    return this.#pid;
  }

  /** Waits for a line of its log; `after`: the length of the log before what is tested. */
  logs(pattern: RegExp, after = 0, timeout = 60_000): Promise<string> {
    return untilLine(() => this.log, pattern, { after, timeout, whose: "SoftEther's" });
  }

  /** Ends it as a shutdown does. */
  async stop(): Promise<void> {
    this.#end('SIGTERM');
    await until(() => !isAlive(this.#pid), 15_000).catch(() => this.#end('SIGKILL'));
    await this.#program.stop();
    discard(this.#directory);
  }

  /** Ends it as a power cut does. */
  async crash(): Promise<void> {
    this.#end('SIGKILL');
    await this.#program.stop();
    discard(this.#directory);
  }

  #end(signal: NodeJS.Signals): void {
    if (isAlive(this.#pid)) process.kill(this.#pid, signal);
  }

  #control(...args: readonly string[]): Promise<Finished> {
    return this.netns.run(this.#inOwnFolders(['vpncmd', `127.0.0.1:${CONTROL_PORT}`, '/SERVER', ...args]), {
      input: '',
    });
  }

  #inOwnFolders(argv: readonly string[]): string[] {
    const folders = Object.entries(FOLDERS).map(([own, path]) => [path, join(this.#directory, own)]);
    return inOwnFolders(Object.fromEntries(folders), argv);
  }
}

/** A file a day. */
function readAll(directory: string): string {
  if (!existsSync(directory)) return '';
  const files = readdirSync(directory).sort();
  return files.map((name) => readFileSync(join(directory, name), 'utf8')).join('');
}
