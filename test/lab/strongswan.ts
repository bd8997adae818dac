/** strongSwan with ESP in user space: a daemon for each namespace, each with its own files and control socket. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from './netns.ts';
import { PATIENCE, until, untilLine } from './poll.ts';
import { type Finished, must, type Program, run } from './run.ts';
import { discard, scratch } from './scratch.ts';
import { formatSection, type Section } from './swanctl.ts';

/** No scripts and nothing that rewrites the machine; kernel-libipsec before kernel-netlink, which would take ESP else. */
const plugins = `random nonce aes aesni sha1 sha2 md5 hmac gcm ccm ctr curve25519 gmp openssl kdf drbg pem pkcs1 pkcs8
  x509 pubkey constraints kernel-libipsec kernel-netlink socket-default attr unity xauth-generic counters vici`;

const swanctlFolders = [
  'x509',
  'x509ca',
  'x509crl',
  'x509aa',
  'x509ac',
  'x509ocsp',
  'private',
  'rsa',
  'ecdsa',
  'pkcs8',
];
const moreFolders = ['pkcs12', 'pubkey', 'bliss', 'conf.d'];

export class StrongSwan {
  readonly netns: Netns;
  readonly #directory: string;
  readonly #program: Program;

  private constructor(netns: Netns, configuration: Section, daemon: Section, files: Readonly<Record<string, string>>) {
    this.netns = netns;
    this.#directory = scratch('strongswan');
    for (const folder of [...swanctlFolders, ...moreFolders]) {
      mkdirSync(join(this.#directory, 'swanctl', folder), { recursive: true });
    }
    for (const [name, source] of Object.entries(files)) copyFileSync(source, join(this.#directory, 'swanctl', name));
    writeFileSync(join(this.#directory, 'strongswan.conf'), formatSection(this.#daemonConfiguration(daemon)));
    this.#write(configuration);
    this.#program = netns.start(['/usr/sbin/charon-systemd'], { env: this.#env });
  }

  /**
   * Starts a daemon with `configuration` loaded; `settings`: more keys of the daemon itself; `files`: what to copy into
   * its folders, by name there: `private/own.pem`.
   */
  static async start(
    netns: Netns,
    configuration: Section,
    settings: Section = {},
    files: Readonly<Record<string, string>> = {},
  ): Promise<StrongSwan> {
    const daemon = new StrongSwan(netns, configuration, settings, files);
    // It binds its socket before it listens there.
    await until(
      async () => {
        if (!daemon.#program.running) throw new Error(`charon ended:\n${daemon.#program.output}${daemon.log}`);
        return existsSync(daemon.#socket) && (await daemon.control('--version', '--daemon')).status === 0;
      },
      PATIENCE,
      "charon's control socket",
    );
    await daemon.load(configuration);
    return daemon;
  }

  /** Takes another configuration. */
  async load(configuration: Section): Promise<void> {
    this.#write(configuration);
    await must(this.#swanctl('--load-all', '--noprompt'), { env: this.#env });
  }

  get log(): string {
    const file = join(this.#directory, 'log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Brings the child `home` up. */
  initiate(timeout = 30): Promise<Finished> {
    return this.control('--initiate', '--child', 'home', '--timeout', String(timeout));
  }

  /** As `initiate`, for what has to succeed. */
  async connect(): Promise<void> {
    const { status, stdout, stderr } = await this.initiate();
    if (status !== 0)
      throw new Error(`strongSwan did not get in: ${stdout}${stderr}\n${this.log.split('\n').slice(-60).join('\n')}`);
  }

  terminate(): Promise<Finished> {
    return this.control('--terminate', '--ike', 'home', '--timeout', '10');
  }

  rekeyPhase1(): Promise<Finished> {
    return this.control('--rekey', '--ike', 'home');
  }

  rekeyPhase2(): Promise<Finished> {
    return this.control('--rekey', '--child', 'home');
  }

  async associations(): Promise<string> {
    return (await this.control('--list-sas')).stdout;
  }

  /** The address it was given. */
  async address(): Promise<string> {
    return /local\s.*\[(\d+\.\d+\.\d+\.\d+)\]\s*$/m.exec(await this.associations())?.[1] ?? 'none';
  }

  control(...args: readonly string[]): Promise<Finished> {
    return run(this.#swanctl(...args), { env: this.#env });
  }

  /** Waits for a line of its log; `after`: the length of the log before what is tested. */
  logs(pattern: RegExp, after = 0, timeout = PATIENCE): Promise<string> {
    return untilLine(() => this.log, pattern, { after, timeout, whose: "strongSwan's" });
  }

  /** Ends it; it takes leave of the gateway. */
  async stop(): Promise<void> {
    await this.#program.stop('SIGTERM');
    discard(this.#directory);
  }

  /** Ends it as a crash does: the gateway hears nothing. */
  async crash(): Promise<void> {
    await this.#program.stop('SIGKILL');
    discard(this.#directory);
  }

  get #socket(): string {
    return join(this.#directory, 'vici');
  }

  get #env(): Record<string, string> {
    return {
      STRONGSWAN_CONF: join(this.#directory, 'strongswan.conf'),
      SWANCTL_DIR: join(this.#directory, 'swanctl'),
    };
  }

  #swanctl(...args: readonly string[]): string[] {
    return ['swanctl', ...args, '--uri', `unix://${this.#socket}`];
  }

  #write(configuration: Section): void {
    writeFileSync(join(this.#directory, 'swanctl', 'swanctl.conf'), formatSection(configuration), { mode: 0o600 });
  }

  #daemonConfiguration(settings: Section): Section {
    const vici = { socket: `unix://${this.#socket}` };
    return {
      'charon-systemd': {
        load_modular: 'no',
        load: plugins.replace(/\s+/g, ' '),
        dos_protection: 'no',
        ...settings,
        install_routes: 'yes',
        i_dont_care_about_security_and_use_aggressive_mode_psk: 'yes',
        filelog: {
          log: {
            path: join(this.#directory, 'log'),
            time_format: '%H:%M:%S',
            flush_line: 'yes',
            default: '1',
            ike: '2',
            cfg: '2',
          },
          ...(settings.filelog as Section | undefined),
        },
        syslog: { daemon: { default: '-1' }, auth: { default: '-1' } },
        plugins: {
          vici,
          'kernel-libipsec': { allow_peer_ts: 'yes' },
          // What IKE and ESP send carries this mark, and the tunnel's routes skip it: else a full tunnel swallows itself.
          'socket-default': { fwmark: '0x42' },
          'kernel-netlink': { fwmark: '!0x42' },
        },
      },
      swanctl: { plugins: { vici } },
    };
  }
}
