/** What a probe needs of the host: names, plain sockets and time. Tests put a network of their own in its place. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { Endpoint, IpAddress } from '../../core/net/address.ts';
import type { Instant } from '../../core/net/time.ts';

export interface ProbeNetwork {
  /** In no special order. Rejects with a code of node:dns when there are none. */
  lookup(name: string): Promise<readonly IpAddress[]>;
  /** A socket that is connected, so that ICMP errors about it are heard. Rejects with a code of the system's. */
  openUdp(remote: Endpoint, localPort: number, listener: UdpListener): Promise<UdpFlow>;
  /** Rejects with a code of the system's. It is for the caller to give up waiting, by `signal`. */
  openTcp(remote: Endpoint, listener: TcpListener, signal: AbortSignal): Promise<TcpFlow>;
  now(): Instant;
  /** Undefined when `milliseconds` were over first; what `promise` rejects with, it rejects with. */
  within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined>;
}

export interface UdpListener {
  datagram(bytes: Bytes): void;
  /** ECONNREFUSED and the like: an ICMP error came, or the host itself forbids it. */
  failed(code: string): void;
}

export interface UdpFlow {
  readonly local: Endpoint;
  send(datagram: Bytes): void;
  close(): void;
}

export interface TcpListener {
  data(bytes: Bytes): void;
  closed(): void;
}

export interface TcpFlow {
  send(bytes: Bytes): void;
  close(): void;
}

/** The same network until `signal` ends it: whoever waits then is told by a rejection, and its sockets for UDP are closed. */
export function endedBy(network: ProbeNetwork, signal: AbortSignal): ProbeNetwork {
  const ended = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  ended.catch(() => undefined);
  return {
    lookup: (name) => network.lookup(name),
    openUdp: async (...flow) => {
      const opened = await network.openUdp(...flow);
      signal.addEventListener('abort', () => opened.close(), { once: true });
      if (signal.aborted) opened.close();
      return opened;
    },
    openTcp: (...flow) => network.openTcp(...flow),
    now: () => network.now(),
    within: (milliseconds, promise) => network.within(milliseconds, Promise.race([promise, ended])),
  };
}

const NEVER = new Promise<never>(() => {});

export async function pause(network: Pick<ProbeNetwork, 'within'>, milliseconds: number): Promise<void> {
  await network.within(milliseconds, NEVER);
}
