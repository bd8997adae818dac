/** Where a scenario is played: the lab's network for itself alone, who is started on it, and what watches the wire. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Capture } from '../../lab/capture.ts';
import { Client, type ClientOptions } from '../../lab/client.ts';
import { Gateway, type GatewayOptions } from '../../lab/gateway.ts';
import type { Netns } from '../../lab/netns.ts';
import { sleep } from '../../lab/poll.ts';
import { scratch } from '../../lab/scratch.ts';
import { StrongSwan } from '../../lab/strongswan.ts';
import type { Section } from '../../lab/swanctl.ts';
import { clientAddress, gatewayAddress, Topology } from '../../lab/topology.ts';
import type { Vm } from '../../lab/vm/vm.ts';
import { Vpnc, type VpncOptions } from '../../lab/vpnc.ts';
import { type CertificateOptions, type Certificates, makeCertificates } from './certificates.ts';
import { type KeyTables, noKeys, readKeyFolder, readStrongSwanLog, readXfrm } from './keys.ts';
import { initiator, responder, type SwanKind, type SwanOptions } from './swan.ts';

/** The daemon's plugins, EAP and revocation among them. */
const PLUGINS = `random nonce aes sha1 sha2 md5 hmac gcm ctr curve25519 gmp openssl kdf drbg pem pkcs1 pkcs8
  x509 pubkey constraints kernel-libipsec kernel-netlink socket-default attr unity xauth-generic
  eap-identity eap-md5 eap-mschapv2 counters vici`.replace(/\s+/g, ' ');

export interface SwanStart extends SwanOptions {
  /** More keys of the daemon: `retransmit_timeout`, `keep_alive` ... */
  readonly daemon?: Section;
  /** Files of certificates, by name in the daemon's folder. */
  readonly files?: Readonly<Record<string, string>>;
}

export class Stage {
  readonly net: Topology;
  readonly #endings: (() => Promise<unknown> | unknown)[] = [];
  readonly #keySources: (() => KeyTables)[] = [];
  #capture: Capture | undefined;

  private constructor(net: Topology) {
    this.net = net;
  }

  static async open(label: string): Promise<Stage> {
    return new Stage(await Topology.create(label));
  }

  /** Begins the capture, there where a user would capture. */
  async watch(netns: Netns, device: string, filter = ''): Promise<void> {
    this.#capture = await Capture.start(netns, device, filter);
  }

  /** Ends the capture; gives its file. */
  async captured(): Promise<string> {
    if (this.#capture === undefined) throw new Error('nobody watched the wire');
    await this.#capture.stop();
    return this.#capture.file;
  }

  /** Keeps the keys of what is played from now on: only where the cause can't be seen without. */
  keepKeys(): void {
    this.#keepsKeys = true;
  }
  #keepsKeys = false;

  keys(): KeyTables {
    const all = this.#keySources.map((source) => source());
    return {
      ikev1: new Set(all.flatMap(({ ikev1 }) => [...ikev1])),
      ikev2: new Set(all.flatMap(({ ikev2 }) => [...ikev2])),
      esp: new Set(all.flatMap(({ esp }) => [...esp])),
    };
  }

  addKeys(source: () => KeyTables): void {
    this.#keySources.push(source);
  }

  /** What is undone at the end, the last first. */
  defer(ending: () => Promise<unknown> | unknown): void {
    this.#endings.push(ending);
  }

  async close(): Promise<void> {
    for (const ending of this.#endings.reverse()) await Promise.resolve(ending()).catch(() => {});
    this.net.remove();
  }

  /** strongSwan in `netns` with any configuration. */
  async strongswan(
    netns: Netns,
    configuration: Section,
    start: SwanStart = {},
    role: 'initiator' | 'responder' = 'responder',
  ): Promise<StrongSwan> {
    const log = join(scratch('keys'), 'log');
    const secrets = { keys: { path: log, default: '-1', ike: '4', chd: '4', cfg: '1', flush_line: 'yes' } };
    if (this.#keepsKeys) {
      this.addKeys(() => (existsSync(log) ? readStrongSwanLog(readFileSync(log, 'utf8'), role) : noKeys));
    }
    const daemon = { load: PLUGINS, ...start.daemon, ...(this.#keepsKeys && { filelog: secrets }) };
    const swan = await StrongSwan.start(netns, configuration, daemon, start.files);
    this.defer(() => swan.crash());
    return swan;
  }

  /** strongSwan as the client; default on the direct cable. */
  swanClient(kind: SwanKind, start: SwanStart & { readonly netns?: Netns } = {}): Promise<StrongSwan> {
    const { netns = this.net.cl, local = clientAddress, remote = gatewayAddress, ...options } = start;
    return this.strongswan(netns, initiator(kind, { ...options, local, remote }), options, 'initiator');
  }

  /** strongSwan as the gateway, on both of its addresses. */
  swanGateway(kind: SwanKind, start: SwanStart & { readonly netns?: Netns } = {}): Promise<StrongSwan> {
    return this.strongswan(start.netns ?? this.net.gw, responder(kind, start), start);
  }

  /** Ours; on the gateway's machine unless another is named. */
  async gateway({
    netns = this.net.gw,
    ...options
  }: GatewayOptions & { readonly netns?: Netns } = {}): Promise<Gateway> {
    const config = { ...options.config, ...(this.#keepsKeys && { keylog: 'keys' }) };
    const gateway = await Gateway.start(netns, { ...options, config });
    this.defer(() => gateway.remove());
    if (this.#keepsKeys) this.addKeys(() => readKeyFolder(join(gateway.directory, 'keys')));
    return gateway;
  }

  certificates(options: CertificateOptions = {}): Promise<Certificates> {
    return makeCertificates(options);
  }

  /** vpnc, until it is up or has given up, but no longer than `patience` milliseconds. */
  async vpnc(options: VpncOptions & { readonly netns?: Netns; readonly patience?: number } = {}): Promise<Vpnc> {
    const { netns = this.net.cl, patience = 30_000, ...rest } = options;
    const started = Vpnc.start(netns, rest).then(
      (vpnc) => {
        this.defer(() => vpnc.crash());
        return vpnc;
      },
      () => undefined,
    );
    const vpnc = await Promise.race([started, sleep(patience, undefined, { ref: false })]);
    return vpnc as Vpnc;
  }

  /** Our client, started and not awaited. */
  client(options: ClientOptions & { readonly netns?: Netns } = {}): Client {
    const client = Client.start(options.netns ?? this.net.cl, options);
    this.defer(() => client.crash());
    return client;
  }

  /** Our client, until it is in or has given up, but no longer than `patience` milliseconds. */
  async dial(options: ClientOptions & { readonly netns?: Netns } = {}, patience = 30_000): Promise<Client> {
    const client = this.client(options);
    const decided = client.decided().catch(() => undefined);
    await Promise.race([decided, sleep(patience, undefined, { ref: false })]);
    return client;
  }

  /** A VM whose kernel's ESP keys are in its `/share/keys`. */
  keepVm(vm: Vm): Vm {
    this.defer(() => vm.stop());
    const file = join(vm.share, 'keys');
    let last = '';
    // what it shares is gone when it ends
    const read = () => {
      if (existsSync(file)) last = readFileSync(file, 'utf8');
      return readXfrm(last);
    };
    if (this.#keepsKeys) this.addKeys(read);
    return vm;
  }
}
