/** Our client under test, started as a user starts it: `bin/sallyport connect PROFILE --json`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { ClientReport } from '../../src/client/report.ts';
import * as lab from './gateway.ts';
import type { Netns } from './netns.ts';
import { clientFolders, inOwnFolders } from './own-folders.ts';
import { until } from './poll.ts';
import type { Program } from './run.ts';
import { discard, scratch } from './scratch.ts';
import { gatewayAddress } from './topology.ts';

export interface ClientOptions {
  /** Laid over the lab's profile, key by key; undefined takes a key out. */
  readonly profile?: lab.Config;
  /** Another format than YAML: the file's extension and text. */
  readonly file?: { readonly extension: string; readonly text: string };
  /** More of the command line. */
  readonly args?: readonly string[];
}

/** A line of `--json`: a report, and when. */
type Told = ClientReport & { readonly at: string };

type Report<T extends ClientReport['type']> = Extract<ClientReport, { type: T }>;

export class Client {
  readonly netns: Netns;
  /** Milliseconds between the start of the program and the first tunnel, or the end without one. */
  decidedAfter: number | undefined;
  readonly #directory: string;
  readonly #argv: readonly string[];
  #program: Program;
  /** What earlier runs of this client said. */
  #past = '';
  readonly #started = performance.now();

  private constructor(netns: Netns, { profile = {}, file, args = [] }: ClientOptions) {
    this.netns = netns;
    this.#directory = scratch('client');
    const path = join(this.#directory, `lab.${file?.extension ?? 'yaml'}`);
    writeFileSync(path, file?.text ?? stringify(this.#profile(profile)), { mode: 0o600 });
    netns.resetResolver();
    const connect = [lab.sallyport, 'connect', path, '--json', ...args];
    this.#argv = inOwnFolders(clientFolders(this.#directory), connect);
    this.#program = netns.start(this.#argv);
  }

  /** Ends it as a power cut does. */
  async crash(): Promise<void> {
    await this.#program.stop('SIGKILL');
  }

  /** Starts it again, with what the run before it left behind. */
  restart(): void {
    this.#past += this.#program.stdout;
    this.#program = this.netns.start(this.#argv);
  }

  static start(netns: Netns, options: ClientOptions = {}): Client {
    return new Client(netns, options);
  }

  /** As `start`, for a tunnel that has to come up. */
  static async connect(netns: Netns, options: ClientOptions = {}): Promise<{ client: Client; up: Report<'up'> }> {
    const client = Client.start(netns, options);
    const report = await client.decided();
    if (report.type !== 'up') throw new Error(`the client did not get in:\n${client.log}`);
    return { client, up: report };
  }

  /** Waits for the first tunnel, or the end. */
  async decided(timeout = 90_000): Promise<Report<'up'> | Report<'down'>> {
    const found = () => this.reports.find((report) => report.type === 'up' || report.type === 'down');
    const report = await until(
      () => found() ?? (this.#program.running ? undefined : 'ended'),
      timeout,
      () => `a tunnel or its failure; the client said:\n${this.log}`,
    );
    this.decidedAfter = performance.now() - this.#started;
    const last = report === 'ended' ? found() : report;
    if (last === undefined) throw new Error(`the client ended without a word:\n${this.log}`);
    return last as Report<'up'> | Report<'down'>;
  }

  /** Milliseconds between the first attempt and the first tunnel, or the end: without the start of the program. */
  get dialledFor(): number {
    const at = (types: readonly ClientReport['type'][]) =>
      this.reports.find(({ type }) => types.includes(type))?.at ?? 0;
    return new Date(at(['up', 'down'])).getTime() - new Date(at(['trying'])).getTime();
  }

  /** All that it has reported so far. */
  get reports(): readonly Told[] {
    const lines = (this.#past + this.#program.stdout).split('\n').slice(0, -1);
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Told);
  }

  get log(): string {
    return this.#program.output;
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Waits until it has ended by itself, as it does when it gives up; gives the exit status. */
  async left(): Promise<number | undefined> {
    const status = await this.#program.left();
    discard(this.#directory);
    return status;
  }

  /** Ends it as a user does; gives the exit status. */
  async stop(): Promise<number | undefined> {
    const status = await this.#program.stop('SIGTERM');
    discard(this.#directory);
    return status;
  }

  #profile(changes: lab.Config): lab.Config {
    const passwordFile = join(this.#directory, 'password');
    writeFileSync(passwordFile, `${lab.password}\n`, { mode: 0o600 });
    const whole = {
      gateway: gatewayAddress,
      group: lab.group,
      psk: lab.groupSecret,
      user: lab.user,
      password_file: passwordFile,
      ...changes,
    };
    return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
  }
}
