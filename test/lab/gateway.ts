/** The gateway under test, started as an administrator starts it: `bin/sallyport serve --config FILE`. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { SessionRow } from '../../src/control/gateway-types.ts';
import type { Netns } from './netns.ts';
import { PATIENCE, until, untilLine } from './poll.ts';
import { type Finished, must, type Program, type RunOptions } from './run.ts';
import { discard, scratch } from './scratch.ts';
import { lanPrefix } from './topology.ts';

export const sallyport = join(import.meta.dirname, '../../bin/sallyport');

export const group = 'labgroup';
export const groupSecret = 'labsecretpsk';
/** The top-level `psk`, for clients that name no group: another than the group's, so that each proves itself. */
export const mainSecret = 'labmainpsk';
export const user = 'alice';
export const password = 'alicepass';
export const banner = 'Welcome to the lab';
export const domain = 'lab.example';
export const dns = '10.1.0.53';
export const pool = '10.77.0.0/24';
export const poolPattern = /^10\.77\.0\.\d+$/;

export type Config = Readonly<Record<string, unknown>>;

export interface GatewayOptions {
  /** Laid over the lab's configuration, key by key; undefined takes a key out. */
  readonly config?: Config;
  /** Names and passwords; default the lab's one user. */
  readonly users?: Readonly<Record<string, string>>;
  /** Another `bin/sallyport` than the checkout's. */
  readonly program?: string;
}

export function labConfig(state: string): Config {
  return {
    state,
    tun: 'sp0',
    pool,
    dns: [dns],
    domain,
    routes: [lanPrefix],
    banner,
    groups: { [group]: { psk: groupSecret } },
    psk: mainSecret,
    carriers: { 'nat-t': true, esp: true, 'cisco-udp': 10000 },
    legacy: true,
  };
}

export class Gateway {
  readonly netns: Netns;
  readonly directory: string;
  readonly state: string;
  readonly configFile: string;
  readonly #executable: string;
  #program: Program | undefined;
  /** What earlier runs of this gateway said. */
  #past = '';

  private constructor(netns: Netns, options: GatewayOptions) {
    this.netns = netns;
    this.#executable = options.program ?? sallyport;
    this.directory = scratch('gateway');
    // The gateway's own user must get to its state folder.
    chmodSync(this.directory, 0o711);
    this.state = join(this.directory, 'state');
    this.configFile = join(this.directory, 'sallyport.yaml');
    this.configure(options.config);
  }

  /** Starts a gateway in `netns`; comes back when it is up. */
  static async start(netns: Netns, options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(netns, options);
    for (const [name, secret] of Object.entries(options.users ?? { [user]: password })) {
      await gateway.addUser(name, secret);
    }
    await gateway.serve();
    return gateway;
  }

  /** Writes the configuration anew: for the next start. */
  configure(config: Config = {}): void {
    const whole = Object.entries({ ...labConfig(this.state), ...config }).filter(([, value]) => value !== undefined);
    writeFileSync(this.configFile, stringify(Object.fromEntries(whole)), { mode: 0o600 });
  }

  async serve(): Promise<void> {
    const program = this.netns.start([this.#executable, 'serve', '--config', this.configFile]);
    this.#past += this.#program?.output ?? '';
    this.#program = program;
    await program.prints(/gateway is up/);
  }

  get log(): string {
    return this.#past + (this.#program?.output ?? '');
  }

  /** What it has said since the log was `after` long. */
  said(after: number): string {
    return this.log.slice(after);
  }

  /** Waits for a log line; `after`: the length of the log before what is tested. */
  logs(pattern: RegExp, after = 0, timeout = PATIENCE): Promise<string> {
    return untilLine(() => this.log, pattern, { after, timeout });
  }

  /** Any command of `bin/sallyport` with this gateway's configuration. */
  command(...args: readonly string[]): Promise<Finished> {
    return this.#command(args, {});
  }

  #command(args: readonly string[], options: RunOptions): Promise<Finished> {
    return this.netns.run([this.#executable, ...args, '--config', this.configFile], options);
  }

  addUser(name: string, secret: string, ...more: readonly string[]): Promise<void> {
    return this.#setPassword(['user', 'add', name, ...more], secret);
  }

  changePassword(name: string, secret: string): Promise<void> {
    return this.#setPassword(['user', 'passwd', name], secret);
  }

  async #setPassword(args: readonly string[], secret: string): Promise<void> {
    const { status, stdout, stderr } = await this.#command(args, { input: `${secret}\n` });
    if (status !== 0) throw new Error(`${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  }

  async sessions(): Promise<SessionRow[]> {
    const { status, stdout, stderr } = await this.command('sessions', '--json');
    if (status !== 0) throw new Error(`sessions --json: ${status}\n${stdout}${stderr}`);
    return JSON.parse(stdout) as SessionRow[];
  }

  /** Waits until there are `count` sessions; not as long as the gateway takes to miss who went without a word. */
  async holds(count: number, timeout = 60_000): Promise<SessionRow[]> {
    let rows: SessionRow[] = [];
    return until(
      async () => {
        rows = await this.sessions();
        return rows.length === count ? rows : undefined;
      },
      timeout,
      () => `${count} sessions (there are ${JSON.stringify(rows)})\n${this.log}`,
    );
  }

  /** Asks it to end; says what wasn't clean: an exit status other than 0, a TUN device or a control socket left. */
  async stop(): Promise<string[]> {
    const program = this.#program;
    if (program === undefined) return [];
    const status = await program.stop('SIGTERM');
    const unclean: string[] = [];
    if (status !== 0) unclean.push(`exit status ${status ?? 'none, it had to be killed'}\n${program.output}`);
    if (await this.netns.hasLink('sp0')) unclean.push('the TUN device sp0 is still there');
    const sockets = existsSync(this.state) ? await must(['find', this.state, '-type', 's']) : '';
    if (sockets !== '') unclean.push(`a socket is still there: ${sockets}`);
    return unclean;
  }

  /** Ends it as a power cut does. */
  async crash(): Promise<void> {
    await this.#program?.stop('SIGKILL');
  }

  /** Stops it and removes its directory. */
  async remove(): Promise<void> {
    await this.stop();
    discard(this.directory);
  }
}
