/** A network in virtual time for the probe: hosts that answer, refuse or are silent, a NAT, loss, and names. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { type Endpoint, type IpAddress, parseIp } from '../../../src/core/net/address.ts';
import type { ProbeNetwork, TcpFlow, TcpListener, UdpFlow, UdpListener } from '../../../src/doctor/probe/network.ts';

/** What a port makes of a datagram: answers (to the sender, or to somebody else), an ICMP refusal, or silence. */
export type UdpPort = (datagram: Bytes, from: Endpoint) => readonly (Bytes | Sent)[] | 'refused';
export interface Sent {
  readonly to: Endpoint;
  readonly bytes: Bytes;
}
/** Called with what came so far; gives what goes back. */
export type TcpPort = ((bytes: Bytes) => readonly Bytes[]) | 'refused';

export interface SimulatedHost {
  readonly udp: Readonly<Record<number, UdpPort>>;
  readonly tcp?: Readonly<Record<number, TcpPort>>;
}

export interface NetworkOptions {
  readonly hosts?: Readonly<Record<string, SimulatedHost>>;
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Local ports below 1024 are refused, as to who isn't root. */
  readonly unprivileged?: boolean;
  /** Datagrams longer than this are lost: their fragments are dropped. */
  readonly longest?: number;
  /** A NAT with this address; `lifetime`: milliseconds after which it forgets a mapping in silence. */
  readonly nat?: { readonly address: string; readonly lifetime: number };
  /** Sending to these addresses fails with a code. */
  readonly broken?: Readonly<Record<string, string>>;
  /** Milliseconds one way. */
  readonly delay?: number;
  /** Whether the next datagram is lost. */
  readonly loses?: () => boolean;
}

export const HERE = parseIp('192.0.2.2')!;
const HERE6 = parseIp('2001:db8::2')!;
const DELAY = 10;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

interface Mapping {
  readonly flow: SimulatedFlow;
  readonly port: number;
  lastUsed: number;
}

interface SimulatedFlow {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly listener: UdpListener;
  isOpen: boolean;
}

export class SimulatedNetwork implements ProbeNetwork {
  readonly #options: NetworkOptions;
  readonly #timers: Timer[] = [];
  readonly #flows: SimulatedFlow[] = [];
  readonly #mappings: Mapping[] = [];
  #now = 0;
  #nextPort = 40_000;
  #nextMapping = 50_000;
  /** Datagrams that were sent. */
  sent = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Lets time pass until `promise` is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isSettled) return promise;
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (!next) throw new Error('nothing is left that could happen');
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = next.at;
      next.run();
    }
  }

  now = () => this.#now;

  within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
    const over = new Promise<undefined>((resolve) => this.#after(milliseconds, () => resolve(undefined)));
    return Promise.race([promise, over]);
  }

  async lookup(name: string): Promise<readonly IpAddress[]> {
    const found = this.#options.names?.[name];
    if (!found) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    // a name server that never answers
    if (found.length === 0) return new Promise(() => {});
    return found.map((text) => parseIp(text)!);
  }

  async openUdp(remote: Endpoint, localPort: number, listener: UdpListener): Promise<UdpFlow> {
    if (localPort !== 0 && localPort < 1024 && this.#options.unprivileged) throw failure('EACCES');
    const address = remote.address.bytes.length === 4 ? HERE : HERE6;
    const flow = { local: { address, port: localPort || this.#nextPort++ }, remote, listener, isOpen: true };
    this.#flows.push(flow);
    return {
      local: flow.local,
      send: (datagram) => this.#send(flow, datagram),
      close: () => {
        flow.isOpen = false;
      },
    };
  }

  async openTcp(remote: Endpoint, listener: TcpListener, signal: AbortSignal): Promise<TcpFlow> {
    const port = this.#options.hosts?.[remote.address.text]?.tcp?.[remote.port];
    const broken = this.#options.broken?.[remote.address.text];
    if (broken) throw failure(broken);
    if (port === undefined)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(failure('ABORTED'))));
    if (port === 'refused') throw failure('ECONNREFUSED');
    return {
      send: (bytes) =>
        this.#after(DELAY, () => {
          for (const answer of port(bytes)) listener.data(answer);
        }),
      close: () => {},
    };
  }

  #send(flow: SimulatedFlow, datagram: Bytes): void {
    this.sent++;
    const { longest = 65_535, hosts, loses = () => false } = this.#options;
    const broken = this.#options.broken?.[flow.remote.address.text];
    if (broken) return this.#after(0, () => flow.listener.failed(broken));
    if (datagram.length > longest || loses()) return;
    const from = this.#sourceOf(flow);
    const port = hosts?.[flow.remote.address.text]?.udp[flow.remote.port];
    if (!port) return;
    const delay = this.#options.delay ?? DELAY;
    this.#after(delay, () => {
      const answers = port(datagram, from);
      if (answers === 'refused') return this.#after(delay, () => flow.listener.failed('ECONNREFUSED'));
      for (const answer of answers) {
        const sent = 'to' in answer ? answer : { to: from, bytes: answer };
        if (!loses()) this.#after(delay, () => this.#deliver(sent, flow.remote));
      }
    });
  }

  #sourceOf(flow: SimulatedFlow): Endpoint {
    const { nat } = this.#options;
    if (!nat) return flow.local;
    let mapping = this.#mappings.find((one) => one.flow === flow && this.#lives(one));
    if (!mapping) {
      mapping = { flow, port: this.#nextMapping++, lastUsed: this.#now };
      this.#mappings.push(mapping);
    }
    mapping.lastUsed = this.#now;
    return { address: parseIp(nat.address)!, port: mapping.port };
  }

  #lives(mapping: Mapping): boolean {
    return this.#now - mapping.lastUsed < this.#options.nat!.lifetime;
  }

  #deliver({ to, bytes }: Sent, from: Endpoint): void {
    const flow = this.#options.nat
      ? this.#mappings.find((one) => one.port === to.port && this.#lives(one))?.flow
      : this.#flows.find(({ local, remote, isOpen }) => isOpen && local.port === to.port && remote.port === from.port);
    if (flow?.isOpen) flow.listener.datagram(bytes);
  }

  #after(milliseconds: number, run: () => void): void {
    this.#timers.push({ at: this.#now + milliseconds, run });
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
