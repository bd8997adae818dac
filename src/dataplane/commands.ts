/** What the main thread tells the worker about sessions and SAs. */
import type { Bytes } from '../core/bytes/bytes.ts';
import { type Prefix, parsePrefix } from '../core/net/address.ts';
import type { Arena } from './arena.ts';
import type { CipherFactory } from './cipher.ts';
import { SessionCounter } from './counters.ts';
import type { Flows } from './flows.ts';
import { Call } from './l2tp.ts';
import { MAX_SESSIONS } from './limits.ts';
import type { Command, SocketPath } from './messages.ts';
import { Net4 } from './net4.ts';
import { Party } from './party.ts';
import { type Flow, flowOf, PATH_SIZE } from './path.ts';
import { ReplayWindows } from './replay.ts';
import type { InboundSa, OutboundSa } from './sa.ts';
import { Session } from './session.ts';
import type { SessionTable } from './session-table.ts';
import type { WorkerSocket } from './worker-socket.ts';

type SessionCommand = Exclude<
  Command,
  { type: 'stop' | 'send-ike' | 'send-inner' | 'send-l2tp' | 'open-flow' | 'close-flow' }
>;
type InstallSa = Extract<Command, { type: 'install-sa' }>;

export class CommandHandler {
  readonly #arena: Arena;
  readonly #table: SessionTable;
  readonly #windows = new ReplayWindows();
  readonly #ciphers: CipherFactory;
  readonly #sockets: readonly WorkerSocket[];
  readonly #counters: Float64Array;
  readonly #keepalive: boolean;
  readonly #flows: Pick<Flows, 'find'> | undefined;
  readonly #paths: number;

  constructor(
    arena: Arena,
    table: SessionTable,
    ciphers: CipherFactory,
    sockets: readonly WorkerSocket[],
    counters: Float64Array,
    keepalive: boolean,
    flows: Pick<Flows, 'find'> | undefined,
  ) {
    this.#arena = arena;
    this.#table = table;
    this.#ciphers = ciphers;
    this.#sockets = sockets;
    this.#counters = counters;
    this.#keepalive = keepalive;
    this.#flows = flows;
    this.#paths = arena.allocate(MAX_SESSIONS * PATH_SIZE, 64);
  }

  /** The main thread has checked the command: the session is open or not as it must be, and there is room. */
  handle(command: SessionCommand, body: Bytes, now: number): void {
    switch (command.type) {
      case 'open-session':
        return this.#open(command, now);
      case 'move-path': {
        const socket = this.#sockets[command.path.socket]!;
        return this.#session(command.slot).moveTo(this.#arena, this.#flowOf(command.path), socket);
      }
      case 'join-session':
        return this.#join(command);
      case 'bind-call': {
        const party = this.#party(command.slot);
        this.#beginCounting(command);
        this.#table.bind(party, new Net4(prefix(command.inner)));
        party.call = new Call(command.call);
        return;
      }
      case 'unbind-call': {
        const party = this.#party(command.slot);
        this.#table.bind(party, undefined);
        party.call = undefined;
        return;
      }
      case 'install-sa':
        return this.#install(command, body);
      case 'remove-sa':
        if (command.direction === 'in') return this.#removeInbound(this.#session(command.slot), command.spi);
        return this.#removeOutbound(this.#session(command.slot), command.spi);
      case 'close-session':
        return this.#leave(this.#party(command.slot));
    }
  }

  /** Wipes all keys, at the end. */
  freeAll(): void {
    for (const session of this.#table.all()) this.#close(session);
  }

  #session(slot: number): Session {
    const session = this.#table.at(slot);
    if (!session) throw new Error(`no session in slot ${slot}`);
    return session;
  }

  #party(slot: number): Party {
    const party = this.#table.partyAt(slot);
    if (!party) throw new Error(`no session in slot ${slot}`);
    return party;
  }

  #open(command: Extract<Command, { type: 'open-session' }>, now: number): void {
    const { slot, id, path } = command;
    const socket = this.#sockets[path.socket]!;
    const inner = command.inner === undefined ? undefined : new Net4(prefix(command.inner));
    const session = new Session(this.#arena, this.#paths, id, slot, inner, this.#flowOf(path), socket);
    if (this.#keepalive) session.scheduleKeepalive(now);
    this.#beginCounting(command);
    this.#table.add(session.party);
  }

  #join(command: Extract<SessionCommand, { type: 'join-session' }>): void {
    const host = this.#session(command.host);
    const party = new Party(host, command.slot, undefined);
    this.#beginCounting(command);
    host.parties = host.parties.concat(party);
    this.#table.add(party);
  }

  #beginCounting({ slot, generation }: { readonly slot: number; readonly generation: number }): void {
    const base = slot * SessionCounter.count;
    this.#counters.fill(0, base, base + SessionCounter.count);
    this.#counters[base + SessionCounter.generation] = generation;
  }

  #flowOf(path: SocketPath): Flow {
    const flow = flowOf(path);
    if (this.#sockets[path.socket]!.role === 'cisco-tcp') flow.tcp = this.#flows?.find(flow);
    return flow;
  }

  #install(command: InstallSa, body: Bytes): void {
    const session = this.#session(command.slot);
    const { spi, slot, suite, transport } = command;
    const [encryption, salt, integrity] = command.lengths;
    const keys = {
      encryption: body.subarray(0, encryption),
      salt: body.subarray(encryption, encryption + salt),
      integrity: body.subarray(encryption + salt, encryption + salt + integrity),
    };
    const localSelector = selector(command.localSelector);
    const remoteSelector = selector(command.remoteSelector);
    const common = { spi, slot, transport, localSelector, remoteSelector };
    if (command.direction === 'in') {
      const sa: InboundSa = {
        ...common,
        opener: this.#ciphers.opener(suite, keys),
        window: this.#windows.take(),
        used: false,
      };
      session.addInbound(sa);
      this.#table.addInbound(sa);
    } else {
      const sa: OutboundSa = {
        ...common,
        sealer: this.#ciphers.sealer(suite, keys),
        sequence: 0,
        bytes: 0,
        softBytes: command.softBytes ?? Number.POSITIVE_INFINITY,
        rekeyAsked: false,
        maxContent: 0,
      };
      session.addOutbound(sa);
    }
  }

  #removeInbound(session: Session, spi: number): void {
    const sa = session.inbound.find((one) => one.spi === spi);
    if (!sa) return;
    this.#table.removeInbound(spi);
    session.removeInbound(sa);
    this.#windows.giveBack(sa.window);
    sa.opener.free();
  }

  #removeOutbound(session: Session, spi: number): void {
    const sa = session.outbound.find((one) => one.spi === spi);
    if (!sa) return;
    session.removeOutbound(sa);
    sa.sealer.free();
  }

  /** Its own party takes the session with it. */
  #leave(party: Party): void {
    const { session } = party;
    if (session.party === party) return this.#close(session);
    session.parties = session.parties.filter((one) => one !== party);
    this.#table.remove(party);
  }

  #close(session: Session): void {
    while (session.inbound.length > 0) this.#removeInbound(session, session.inbound[0]!.spi);
    while (session.outbound.length > 0) this.#removeOutbound(session, session.outbound[0]!.spi);
    for (const party of session.parties) this.#table.remove(party);
  }
}

/** What nearly every SA has at one end is one object for all. */
const EVERYWHERE = new Net4(prefix('0.0.0.0/0'));

function selector(text: string): Net4 {
  const net = new Net4(prefix(text));
  return net.equals(EVERYWHERE) ? EVERYWHERE : net;
}

/** Written by the main thread, from a Prefix. */
function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`not a prefix: ${text}`);
  return parsed;
}
