/**
 * One end of lab tunnels, run in a network namespace of its own: opens a dataplane with sessions and SAs of fixed keys as the
 * first line of standard input says, then obeys further lines. All lines are JSON, in and out.
 */
import { createInterface } from 'node:readline';
import { fromHex, fromUtf8, utf8 } from '../../../src/core/bytes/text.ts';
import type { EspSuite } from '../../../src/core/crypto/algorithms.ts';
import type { EspCarrier, EspPath } from '../../../src/core/esp/sa.ts';
import { type Endpoint, formatEndpoint, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { L2TP_PORT, type PppCall } from '../../../src/core/wire/l2tp.ts';
import type { Dataplane, IkePath, LocalPorts } from '../../../src/dataplane/dataplane.ts';
import { DEFAULT_TUN_MTU, startDataplane } from '../../../src/dataplane/index.ts';
import { keysOf, spiOf } from './keys.ts';

export interface EndSettings {
  /** Whose SPIs and keys are for sending: 0 or 1. */
  readonly side: 0 | 1;
  readonly suite: EspSuite;
  readonly carrier: EspCarrier;
  /** Carriers that are on beside it. */
  readonly others?: readonly EspCarrier[];
  readonly anyPort?: boolean;
  readonly mark?: number;
  /** Absent: all addresses. */
  readonly listen?: string;
  readonly tun: { readonly name?: string; readonly address?: string; readonly mtu?: number };
  readonly sessions: readonly SessionSettings[];
  readonly softBytes?: number;
  /** L2TP in transport mode, with one call a session, instead of tunnel mode. */
  readonly l2tp?: boolean;
  readonly clientToClient?: boolean;
  readonly keepalive?: boolean;
  /** Another worker than the product's, by URL. */
  readonly worker?: string;
}

export interface SessionSettings {
  readonly id: number;
  /** Absent: the end's own. */
  readonly carrier?: EspCarrier;
  readonly local: string;
  readonly remote: string;
  /** Absent: the carrier's own port. */
  readonly remotePort?: number;
  /** What the peer may send from. */
  readonly inner: string;
}

/** What an end may be told after its settings. */
export type EndCommand =
  | { readonly type: 'exit' }
  | { readonly type: 'counters' }
  | { readonly type: 'move'; readonly session: SessionSettings }
  | { readonly type: 'close-session'; readonly id: number }
  | { readonly type: 'open-flow'; readonly local: string; readonly remote: string; readonly port?: number }
  /** The newest one. */
  | { readonly type: 'close-flow' }
  /** In the newest flow, or where the last message came from; of `size` bytes, if given. */
  | { readonly type: 'ike-in-flow'; readonly size?: number }
  /** `packet` in hex. */
  | { readonly type: 'inner'; readonly id: number; readonly packet: string }
  | { readonly type: 'ike'; readonly carrier: 'udp' | 'nat-t'; readonly local: string; readonly remote: string };

/** What an end says. */
export type EndEvent =
  | { readonly event: 'ready'; readonly ports: LocalPorts }
  | { readonly event: 'refused'; readonly code: string | undefined; readonly message: string }
  | {
      readonly event: 'counters';
      readonly counters: Readonly<Record<string, number>>;
      readonly sessions: readonly { readonly packetsIn: number; readonly packetsOut: number }[];
    }
  | { readonly event: 'ike'; readonly carrier: string; readonly local: string; readonly remote: string; text: string }
  | { readonly event: 'path-change'; readonly id: number; readonly carrier: string; readonly remote: string }
  | { readonly event: 'rekey-needed' | 'first-packet' | 'unknown-spi'; readonly spi: number }
  | { readonly event: 'flow-opened'; readonly local: string; readonly remote: string }
  | { readonly event: 'flow-closed'; readonly local: string; readonly reason: string }
  | { readonly event: 'failure'; readonly message: string };

const CISCO_UDP = 10_000;
const CISCO_TCP = 10_000;
const NAT_T = 4500;
const ROUTE = '10.8.0.0/16';

function say(event: EndEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function endpoint(address: string, port: number): Endpoint {
  return { address: parseIp(address)!, port };
}

function pathOf(own: EspCarrier, { carrier = own, local, remote, remotePort }: SessionSettings): EspPath {
  const port = { esp: 0, 'cisco-udp': CISCO_UDP, 'cisco-tcp': CISCO_TCP, 'nat-t': NAT_T }[carrier];
  return { carrier, local: endpoint(local, port), remote: endpoint(remote, remotePort ?? port) };
}

async function open(settings: EndSettings): Promise<Dataplane> {
  const { side, carrier, others = [], anyPort, mark, tun } = settings;
  const isOn = (one: EspCarrier) => one === carrier || others.includes(one);
  const worker = settings.worker ?? new URL('../../../src/dataplane/worker.ts', import.meta.url).href;
  const dataplane = await startDataplane(
    {
      listen: settings.listen === undefined ? undefined : [parseIp(settings.listen)!],
      ikePort: 500,
      natTPort: NAT_T,
      ciscoUdpPort: isOn('cisco-udp') ? CISCO_UDP : undefined,
      nativeEsp: isOn('esp'),
      ...(isOn('cisco-tcp') && (side === 0 ? { ciscoTcpPorts: [CISCO_TCP, CISCO_TCP + 1] } : { ciscoTcpFlows: true })),
      ...(anyPort === undefined ? {} : { anyPort }),
      ...(mark === undefined ? {} : { mark }),
      tun: {
        name: tun.name ?? 'tun0',
        address: tun.address === undefined ? undefined : parseIp(tun.address)!,
        routes: tun.address === undefined ? [] : [parsePrefix(ROUTE)!],
        mtu: tun.mtu ?? DEFAULT_TUN_MTU,
      },
      clientToClient: settings.clientToClient ?? false,
      keepalive: settings.keepalive ?? false,
    },
    {
      onIke: (path, message) => {
        const { carrier: by, local, remote } = path;
        lastIke = path;
        const [here, there] = [formatEndpoint(local), formatEndpoint(remote)];
        say({ event: 'ike', carrier: by, local: here, remote: there, text: fromUtf8(message) });
      },
      onPathChange: (id, { carrier: by, remote }) =>
        say({ event: 'path-change', id, carrier: by, remote: formatEndpoint(remote) }),
      onRekeyNeeded: (_id, spi) => say({ event: 'rekey-needed', spi }),
      onFirstPacket: (_id, spi) => say({ event: 'first-packet', spi }),
      onUnknownSpi: (_path, spi) => say({ event: 'unknown-spi', spi }),
      onFlowOpened: (path) => {
        say({ event: 'flow-opened', local: formatEndpoint(path.local), remote: formatEndpoint(path.remote) });
        opened.get(formatEndpoint(path.local))?.(path);
      },
      onFlowClosed: (path, reason) => say({ event: 'flow-closed', local: formatEndpoint(path.local), reason }),
      onFailure: ({ message }) => say({ event: 'failure', message }),
    },
    new URL(worker),
  );
  for (const session of settings.sessions) await openSession(dataplane, settings, session);
  return dataplane;
}

/** Flows that are waited for, by their local endpoint. */
const opened = new Map<string, (path: IkePath) => void>();
/** The newest flow. */
let flow: IkePath | undefined;
/** Where the last IKE message came from. */
let lastIke: IkePath | undefined;

/** Opens a flow and waits for it; without an answer: until the test ends it. */
function openFlow(dataplane: Dataplane, local: string, remote: string, port = CISCO_TCP): Promise<IkePath> {
  const path = dataplane.openFlow(parseIp(local)!, endpoint(remote, port));
  flow = path;
  return new Promise((resolve) => opened.set(formatEndpoint(path.local), resolve));
}

/** A client's path by cTCP is a flow that it opens; a gateway learns it. */
async function sessionPath(dataplane: Dataplane, settings: EndSettings, session: SessionSettings): Promise<EspPath> {
  const carrier = session.carrier ?? settings.carrier;
  if (carrier !== 'cisco-tcp') return pathOf(carrier, session);
  if (settings.side === 0) return pathOf(carrier, { ...session, remotePort: 0 });
  const { local, remote } = await openFlow(dataplane, session.local, session.remote, session.remotePort);
  return { carrier, local, remote };
}

async function openSession(dataplane: Dataplane, settings: EndSettings, session: SessionSettings): Promise<void> {
  const { side, suite, l2tp = false } = settings;
  const { id } = session;
  const all = parsePrefix('0.0.0.0/0')!;
  const inner = parsePrefix(session.inner)!;
  dataplane.openSession(id, l2tp ? undefined : inner, await sessionPath(dataplane, settings, session));
  const transport = l2tp ? ({ transport: true } as const) : {};
  const common = { sessionId: id, suite, localSelector: all, remoteSelector: all, ...transport };
  const soft = settings.softBytes === undefined ? {} : { softBytes: settings.softBytes };
  dataplane.installSa({ ...common, ...soft, direction: 'out', spi: spiOf(id, side), keys: keysOf(suite, id, side) });
  dataplane.installSa({ ...common, direction: 'in', spi: spiOf(id, 1 - side), keys: keysOf(suite, id, 1 - side) });
  if (l2tp) dataplane.bindCall(id, inner, callOf(id));
}

/** Both sides take the same numbers, and headers are as long as they may be. */
function callOf(id: number): PppCall {
  const ids = { localTunnel: id, localSession: id, peerTunnel: id, peerSession: id };
  return { ...ids, port: L2TP_PORT, mru: 1500, acfc: false, pfc: false };
}

function obey(dataplane: Dataplane, settings: EndSettings, command: EndCommand): void {
  switch (command.type) {
    case 'counters': {
      const sessions = settings.sessions.map(({ id }) => dataplane.sessionCounters(id));
      say({ event: 'counters', counters: dataplane.counters(), sessions });
      break;
    }
    case 'move':
      void sessionPath(dataplane, settings, command.session).then((path) =>
        dataplane.movePath(command.session.id, path),
      );
      break;
    case 'exit':
      process.exit();
      break;
    case 'inner':
      dataplane.sendInner(command.id, fromHex(command.packet));
      break;
    case 'close-session':
      dataplane.closeSession(command.id);
      break;
    case 'open-flow':
      void openFlow(dataplane, command.local, command.remote, command.port);
      break;
    case 'close-flow':
      if (flow) dataplane.closeFlow(flow);
      break;
    case 'ike-in-flow':
      dataplane.sendIke(
        flow ?? lastIke!,
        command.size ? new Uint8Array(command.size).fill(0x69) : utf8('by cisco-tcp'),
      );
      break;
    case 'ike': {
      const { carrier, local, remote } = command;
      const port = carrier === 'udp' ? 500 : NAT_T;
      dataplane.sendIke(
        { carrier, local: endpoint(local, port), remote: endpoint(remote, port) },
        utf8(`by ${carrier}`),
      );
    }
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value ?? 'null') as EndSettings;
try {
  const dataplane = await open(settings);
  say({ event: 'ready', ports: dataplane.ports });
  for await (const line of lines) obey(dataplane, settings, JSON.parse(line) as EndCommand);
  await dataplane.close();
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  say({ event: 'refused', code, message });
}
