/**
 * The lab's network, one namespace a machine:
 *
 *     cl 192.0.2.2 ------------- 192.0.2.1 gw 198.51.100.1 ------- 198.51.100.2 nat 10.9.0.1 --+-- c1 10.9.0.11
 *        2001:db8::2         2001:db8::1   10.1.0.1 (the LAN)               masquerades        +-- c2 10.9.0.12
 *
 * More clients wired to the gateway directly, each by a cable of its own: `addClient`; more behind the NAT, each in a home with a
 * NAT of its own, so that all have the same address: `addHome`.
 *
 * The LAN's address answers only what came through a tunnel device, so a ping to it proves the tunnel.
 */
import { Netns } from './netns.ts';

export const gatewayAddress = '192.0.2.1';
export const gatewayAddress6 = '2001:db8::1';
export const clientAddress = '192.0.2.2';
export const clientAddress6 = '2001:db8::2';
/** The gateway as those behind the NAT see it. */
export const gatewayPublicAddress = '198.51.100.1';
export const natPublicAddress = '198.51.100.2';
/** What everybody at home has. */
export const homeAddress = '192.168.1.2';
/** The gateway as VMs see it that are wired to it directly. */
export const gatewayVmAddress = '203.0.113.1';
export const lanAddress = '10.1.0.1';
export const lanPrefix = '10.1.0.0/24';

/** Addresses inside the tunnels: the pool's, and that of the peer without a user. */
const tunnelNetworks = '10.64.0.0/10';

const MASQUERADE =
  'table ip nat { chain out { type nat hook postrouting priority 100; oifname "outside" masquerade; }; }';

export class Topology {
  readonly #label: string;
  readonly gw: Netns;
  readonly cl: Netns;
  readonly nat: Netns;
  readonly c1: Netns;
  readonly c2: Netns;
  /** Those of `addClient` and `addHome`. */
  readonly #more: Netns[] = [];
  #clients = 0;
  #homes = 0;

  private constructor(label: string, gw: Netns, cl: Netns, nat: Netns, c1: Netns, c2: Netns) {
    this.#label = label;
    this.gw = gw;
    this.cl = cl;
    this.nat = nat;
    this.c1 = c1;
    this.c2 = c2;
  }

  /** `label`: tells apart the topologies of one process. */
  static async create(label = ''): Promise<Topology> {
    const [gw, cl, nat, c1, c2] = [
      await Netns.create(`${label}gw`),
      await Netns.create(`${label}cl`),
      await Netns.create(`${label}nat`),
      await Netns.create(`${label}c1`),
      await Netns.create(`${label}c2`),
    ];
    const topology = new Topology(label, gw, cl, nat, c1, c2);
    await topology.#connect();
    await topology.#guardLan();
    return topology;
  }

  remove(): void {
    for (const netns of [...this.#more, this.c1, this.c2, this.nat, this.cl, this.gw]) netns.remove();
  }

  /** Ends what is left of clients that a failed test did not stop, and undoes what one that crashed had set. */
  async clearClients(): Promise<void> {
    for (const netns of [this.cl, this.c1, this.c2]) {
      netns.killAll();
      await netns.run(['ip', 'address', 'flush', 'to', tunnelNetworks, 'scope', 'global']);
      await netns.run(['ip', 'route', 'flush', 'table', '220']);
      for (const family of ['-4', '-6']) await netns.run(['ip', family, 'rule', 'flush', 'protocol', '83']);
    }
  }

  /** A client with a cable of its own to the gateway, which it reaches at `gatewayAddress` too. */
  async addClient(): Promise<Netns> {
    const number = ++this.#clients;
    const netns = await Netns.create(`${this.#label}m${number}`);
    this.#more.push(netns);
    await netns.sysctl('net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    await link(this.gw, `direct${number}`, [`10.8.${number}.1/24`], netns, 'eth0', [`10.8.${number}.2/24`]);
    await netns.ip('route', 'add', 'default', 'via', `10.8.${number}.1`);
    return netns;
  }

  /** A machine at `homeAddress`, as every home has one: behind its home's NAT, and behind `nat` with that. */
  async addHome(): Promise<Netns> {
    const number = ++this.#homes;
    const router = await Netns.create(`${this.#label}r${number}`);
    const netns = await Netns.create(`${this.#label}h${number}`);
    this.#more.push(router, netns);
    await netns.sysctl('net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    await router.sysctl('net.ipv4.ip_forward=1');
    await link(this.nat, `home${number}`, [], router, 'outside', [`10.9.0.${100 + number}/24`]);
    await this.nat.ip('link', 'set', `home${number}`, 'master', 'inside');
    await router.ip('route', 'add', 'default', 'via', '10.9.0.1');
    await link(router, 'inside', ['192.168.1.1/24'], netns, 'eth0', [`${homeAddress}/24`]);
    await netns.ip('route', 'add', 'default', 'via', '192.168.1.1');
    await router.nft(MASQUERADE);
    return netns;
  }

  /** A bridge in the gateway's namespace for guests that are VMs, 203.0.113.1/24; made when first asked for. */
  async bridgeForVms(): Promise<string> {
    const name = 'vms';
    if (!(await this.gw.hasLink(name))) await this.gw.bridge(name, `${gatewayVmAddress}/24`);
    return name;
  }

  async #connect(): Promise<void> {
    const { gw, cl, nat, c1, c2 } = this;
    for (const netns of [gw, cl, c1, c2]) {
      await netns.sysctl('net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    }
    for (const netns of [gw, nat]) await netns.sysctl('net.ipv4.ip_forward=1');
    await gw.ip('address', 'add', `${lanAddress}/24`, 'dev', 'lo');

    await link(gw, 'direct', [`${gatewayAddress}/24`, `${gatewayAddress6}/64`], cl, 'eth0', [
      `${clientAddress}/24`,
      `${clientAddress6}/64`,
    ]);
    await cl.ip('route', 'add', 'default', 'via', gatewayAddress);

    await link(gw, 'public', [`${gatewayPublicAddress}/24`], nat, 'outside', [`${natPublicAddress}/24`]);
    await nat.ip('route', 'add', 'default', 'via', gatewayPublicAddress);
    await nat.bridge('inside', '10.9.0.1/24');
    for (const [index, client] of [c1, c2].entries()) {
      const port = `port${index + 1}`;
      await link(nat, port, [], client, 'eth0', [`10.9.0.1${index + 1}/24`]);
      await nat.ip('link', 'set', port, 'master', 'inside');
      await client.ip('route', 'add', 'default', 'via', '10.9.0.1');
    }
    await nat.nft(MASQUERADE);
  }

  async #guardLan(): Promise<void> {
    await this.gw.nft(`
      table inet lab {
        chain in {
          type filter hook input priority 0;
          iifname { "direct*", "public", "vms" } ip daddr ${lanPrefix} drop
        }
      }`);
  }
}

/** A virtual cable between two namespaces, both ends up. */
export async function link(
  a: Netns,
  aName: string,
  aAddresses: readonly string[],
  b: Netns,
  bName: string,
  bAddresses: readonly string[],
): Promise<void> {
  await a.ip('link', 'add', aName, 'type', 'veth', 'peer', 'name', bName, 'netns', b.name);
  for (const [netns, name, addresses] of [
    [a, aName, aAddresses],
    [b, bName, bAddresses],
  ] as const) {
    for (const address of addresses) {
      await netns.ip('address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
    }
    await netns.ip('link', 'set', name, 'up');
  }
}
