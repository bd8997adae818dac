/**
 * The bulk path as the programs see it: a worker with its sockets and its TUN, told what to do in small typed calls.
 * Everything here is called from the main thread and returns at once.
 */
import type { IkePath } from '../core/carrier/ike-path.ts';
import type { EspPath, EspSa } from '../core/esp/sa.ts';
import type { Endpoint, IpAddress, Prefix } from '../core/net/address.ts';
import type { PppCall } from '../core/wire/l2tp.ts';

export type { IkePath };

export interface DataplaneOptions {
  /** Undefined: all addresses, IPv4 and IPv6. Answers leave from the address that was asked. */
  readonly listen: readonly IpAddress[] | undefined;
  /** 500, unless a test says otherwise. */
  readonly ikePort: number;
  /** 4500. Undefined: no NAT-T. */
  readonly natTPort: number | undefined;
  readonly ciscoUdpPort: number | undefined;
  /** Open a raw socket for IP protocol 50. */
  readonly nativeEsp: boolean;
  /** A UDP port that is taken gives way to any free one: for whoever dials. Absent: that is an error. */
  readonly anyPort?: boolean;
  /** SO_MARK of every socket, so that routing tells our own packets from those for the tunnel. Absent: none. */
  readonly mark?: number;
  /** UDP 1701, to be held: L2TP outside of ESP is dropped there and counted. Absent: it isn't looked at. */
  readonly clearL2tpPort?: number;
  /** Where Cisco IPsec over TCP is awaited. Absent or empty: nowhere. */
  readonly ciscoTcpPorts?: readonly number[];
  /** Whether flows of Cisco IPsec over TCP may be opened. Absent: no. */
  readonly ciscoTcpFlows?: boolean;
  readonly tun: {
    readonly name: string;
    /** Our own address inside. Undefined: the interface comes up without one, and somebody else gives it its address. */
    readonly address: IpAddress | undefined;
    /** Routed into the TUN. */
    readonly routes: readonly Prefix[];
    readonly mtu: number;
  };
  /** Whether one session's packets may be sent straight to another session. */
  readonly clientToClient: boolean;
  /** Send RFC 3948's keepalive every 20 s on idle UDP paths: for whoever sits behind the NAT. Absent: no. */
  readonly keepalive?: boolean;
}

/** Cumulative, since the session was opened, or since its call was up. Read from shared memory: the worker is not disturbed. */
export interface SessionCounters {
  readonly packetsIn: number;
  /** Inner bytes, as the client's interface counts them. */
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
  /** Milliseconds of performance.now() of the main thread's time origin at the last authentic inbound packet; 0: none yet. */
  readonly lastInbound: number;
}

export interface DataplaneEvents {
  /** An IKE message without its marker; `message` is the receiver's to keep. */
  onIke(path: IkePath, message: Uint8Array): void;
  /** A client's L2TP message, from that UDP port, that is no packet of its call: control, PPP's other protocols. */
  onL2tp?(sessionId: number, port: number, message: Uint8Array): void;
  /** An authentic packet came from elsewhere than the session's path says; the dataplane already sends there. */
  onPathChange(sessionId: number, path: EspPath): void;
  /** An outbound SA nears its volume or the end of its sequence numbers; once per SA. */
  onRekeyNeeded(sessionId: number, spi: number): void;
  /** The first authentic packet on an inbound SA: the peer uses it. */
  onFirstPacket(sessionId: number, spi: number): void;
  /** ESP for an SPI that we don't know; at most ten a second. */
  onUnknownSpi(path: EspPath, spi: number): void;
  /** A flow that we opened: the other side answered. */
  onFlowOpened?(path: IkePath): void;
  /** It is over: nobody listens there, nobody answers, or the other side ended it. Not told of one that we closed. */
  onFlowClosed?(path: IkePath, reason: FlowEnd): void;
  /** The worker can't go on; the gateway ends. */
  onFailure(error: Error): void;
}

export type FlowEnd = 'refused' | 'timeout' | 'reset';

/** Local UDP ports; undefined: that carrier is off. */
export interface LocalPorts {
  readonly ike: number;
  readonly natT: number | undefined;
  readonly ciscoUdp: number | undefined;
  /** Where L2TP in clear is dropped and counted; undefined too when another program has the port. */
  readonly clearL2tp: number | undefined;
}

export interface Dataplane {
  readonly ports: LocalPorts;
  sendIke(path: IkePath, message: Uint8Array): void;
  /**
   * Begins a flow of Cisco IPsec over TCP from a port of its own; its path carries IKE and ESP from `onFlowOpened` on. Throws
   * when flows are off or too many.
   */
  openFlow(local: IpAddress, remote: Endpoint): IkePath;
  /** Ends it with an RST. Unknown: nothing happens. */
  closeFlow(path: IkePath): void;
  /** Seals one whole IPv4 packet with the session's newest outbound SA, whatever its selectors. Throws when `sessionId` is not open. */
  sendInner(sessionId: number, packet: Uint8Array): void;
  /** `inner`: what the peer may send from; undefined: nothing before `bindCall`. Throws when `id` is open. */
  openSession(id: number, inner: Prefix | undefined, path: EspPath): void;
  /**
   * A further call in the L2TP tunnel of session `hostId`: with an address and counters of its own, by that one's path and SAs, as
   * long as those are there. Throws when `id` is open, or `hostId` isn't.
   */
  joinSession(id: number, hostId: number): void;
  /** The session's L2TP call is up, and its counters begin: packets for `inner` go through it, and it may send from there. */
  bindCall(id: number, inner: Prefix, call: PppCall): void;
  /** The call is over. Unknown: nothing happens. */
  unbindCall(id: number): void;
  /** An L2TP message to the client's UDP `port`, by the session's newest SA. Unknown: nothing happens. */
  sendL2tp(id: number, port: number, message: Uint8Array): void;
  /** Where ESP for this session goes from now on. */
  movePath(id: number, path: EspPath): void;
  /** An outbound SA at once takes over from the older ones whose local selector it shares. Keys are copied. */
  installSa(sa: EspSa): void;
  /** Wipes the keys. Unknown: nothing happens. */
  removeSa(sessionId: number, direction: 'in' | 'out', spi: number): void;
  /** Removes the session and its SAs. */
  closeSession(id: number): void;
  /** Zeros when `id` is not open. */
  sessionCounters(id: number): SessionCounters;
  /** The counters' `lastInbound` alone, which is asked for with each message. */
  lastInbound(id: number): number;
  /** Drops by reason and totals, cumulative: `drop_replay`, `ike_in`, `esp_in` ... */
  counters(): Readonly<Record<string, number>>;
  /** Bytes that wait in the rings between the threads, and the most that ever did. */
  rings(): Readonly<Record<'down' | 'up', { readonly waiting: number; readonly highest: number }>>;
  /** Ends the worker, closes the sockets and takes the TUN down. */
  close(): Promise<void>;
}
