/** The worker's life: wait for packets and commands, handle them, until it is told to stop. */
import type { Bytes } from '../core/bytes/bytes.ts';
import type { IkeCarrier } from '../core/carrier/ike-path.ts';
import { Errno, SystemCallError } from '../ffi/errno.ts';
import { POLLIN, poll, read } from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import { Pollfd, VnetHdr } from '../ffi/structs.ts';
import { Arena } from './arena.ts';
import { createSum } from './checksum.ts';
import type { CipherFactory } from './cipher.ts';
import { TunWriter } from './coalesce.ts';
import { CommandHandler } from './commands.ts';
import { Counter } from './counters.ts';
import { type FlowHandler, Flows } from './flows.ts';
import { IkeSender } from './ike-sender.ts';
import { Inbound } from './inbound.ts';
import { KeyedHash } from './keyed-hash.ts';
import { TICK } from './limits.ts';
import { type Command, messageAt } from './messages.ts';
import { Outbound } from './outbound.ts';
import { type Flow, flowOf, isRaw } from './path.ts';
import { PathMtu } from './pmtu.ts';
import { type DatagramHandler, Receiver } from './receive.ts';
import { Reports } from './reports.ts';
import { Session } from './session.ts';
import { SessionTable } from './session-table.ts';
import { Shared } from './shared.ts';
import { TcpSender } from './tcp-sender.ts';
import { Transmit } from './transmit.ts';
import type { WorkerData } from './worker-data.ts';
import type { WorkerSocket } from './worker-socket.ts';

/** Frames read from the TUN before the sockets get their turn: eight TSO frames are half a megabyte. */
const FRAMES_PER_TURN = 8;
const FRAME_ROOM = 65_536 + VnetHdr.size;

/**
 * Runs until the stop command.
 *
 * @param createCiphers makes the ciphers that SAs are installed with
 * @param ready called when all is set up
 */
export function runLoop(data: WorkerData, createCiphers: (arena: Arena) => CipherFactory, ready: () => void): void {
  const loop = new Loop(data, createCiphers);
  ready();
  loop.run();
  loop.close();
}

class Loop implements DatagramHandler, FlowHandler {
  readonly #data: WorkerData;
  readonly #shared: Shared;
  readonly #arena = new Arena();
  readonly #counters: Float64Array;
  readonly #transmit: Transmit;
  readonly #tun: TunWriter;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #receiver: Receiver;
  readonly #reports: Reports;
  readonly #commands: CommandHandler;
  readonly #ikeSender: IkeSender;
  readonly #tcpSender: TcpSender;
  /** Undefined: cTCP is off. */
  readonly #flows: Flows | undefined;
  readonly #hash: KeyedHash | undefined;
  readonly #table = new SessionTable();
  readonly #pathMtu: PathMtu;
  readonly #homes: readonly Flow[];
  readonly #pollfds: number;
  readonly #doorbell: number;
  readonly #frame: number;
  /** From this thread's performance.now() to the main thread's. */
  readonly #clockOffset: number;
  #now = 0;
  #nextTick = 0;
  #running = true;

  constructor(data: WorkerData, createCiphers: (arena: Arena) => CipherFactory) {
    const shared = new Shared(data.shared);
    const arena = this.#arena;
    const { counters, sessions } = shared;
    const sum = createSum(arena);
    this.#data = data;
    this.#shared = shared;
    this.#counters = counters;
    this.#clockOffset = Number(process.hrtime.bigint()) / 1e6 - data.clockOrigin - performance.now();
    this.#reports = new Reports(shared.up, arena, counters);
    this.#pathMtu = new PathMtu(arena, data.mark);
    this.#transmit = new Transmit(arena, counters, (to) => {
      if (to instanceof Session) this.#pathMtu.refresh(to);
    });
    this.#tun = new TunWriter(arena, sum, counters, data.tun.fd, data.tun.offload);
    this.#outbound = new Outbound(
      arena,
      sum,
      this.#table,
      this.#transmit,
      this.#tun,
      this.#reports,
      counters,
      sessions,
    );
    this.#inbound = new Inbound(
      arena,
      this.#table,
      this.#tun,
      this.#outbound,
      this.#reports,
      counters,
      sessions,
      data.clientToClient,
    );
    this.#tcpSender = new TcpSender(arena, sum, this.#transmit, counters);
    if (data.sockets.some(({ role }) => role === 'cisco-tcp')) {
      this.#hash = new KeyedHash(arena);
      this.#flows = new Flows(
        arena,
        this.#tcpSender,
        this.#reports,
        counters,
        this,
        this.#hash,
        data.flowPorts,
        data.keepalive,
      );
    }
    this.#receiver = new Receiver(arena, counters, this, this.#flows !== undefined);
    this.#ikeSender = new IkeSender(arena, counters, data.sockets);
    this.#commands = new CommandHandler(
      arena,
      this.#table,
      createCiphers(arena),
      data.sockets,
      sessions,
      data.keepalive,
      this.#flows,
    );
    this.#homes = data.sockets.map(homeOf);
    this.#doorbell = arena.allocate(8);
    this.#frame = arena.allocate(64 + FRAME_ROOM + 64, 4096) + 64 - VnetHdr.size;
    this.#pollfds = this.#allocatePollfds();
  }

  run(): void {
    this.#now = performance.now() + this.#clockOffset;
    while (this.#running) {
      this.#wait();
      this.#now = performance.now() + this.#clockOffset;
      this.#tcpSender.now = this.#now;
      this.#handleCommands();
      for (let i = 0; i < this.#homes.length; i++) if (this.#readable(i + 2)) this.#receive(i);
      if (this.#readable(1)) this.#readTun();
      if (this.#now >= this.#nextTick) this.#tick();
    }
  }

  close(): void {
    this.#commands.freeAll();
    this.#pathMtu.close();
    this.#hash?.free();
  }

  ike(carrier: IkeCarrier, at: number, length: number, flow: Flow, socket: WorkerSocket): void {
    this.#reports.ike(carrier, flow, socket, at, length);
  }

  esp(at: number, length: number, flow: Flow, socket: WorkerSocket): boolean {
    return this.#inbound.handleEsp(at, length, flow, socket, this.#now);
  }

  tcp(at: number, length: number, flow: Flow, socket: WorkerSocket): void {
    this.#flows?.receive(at, length, flow, socket);
  }

  settle(): void {
    this.#tun.flush();
  }

  keepalive(): void {
    this.#counters[Counter.keepalive_in]!++;
  }

  /** Doorbell, TUN, then the sockets in their order. */
  #allocatePollfds(): number {
    const { view } = this.#arena;
    const fds = [this.#data.doorbell, this.#data.tun.fd, ...this.#data.sockets.map(({ fd }) => fd)];
    const at = this.#arena.allocate(fds.length * Pollfd.size);
    for (const [i, fd] of fds.entries()) {
      view.setInt32(at + i * Pollfd.size + Pollfd.fd, fd, true);
      view.setUint16(at + i * Pollfd.size + Pollfd.events, POLLIN, true);
    }
    return at;
  }

  #wait(): void {
    const shared = this.#shared;
    shared.setSleeping(true);
    const timeout = shared.down.isEmpty() ? Math.max(0, Math.ceil(Math.min(TICK, this.#nextTick - this.#now))) : 0;
    poll(this.#arena.base + this.#pollfds, this.#homes.length + 2, timeout);
    shared.setSleeping(false);
  }

  /** Anything counts: an error has to be read too, or poll would never sleep again. */
  #readable(i: number): boolean {
    return this.#arena.view.getUint16(this.#pollfds + i * Pollfd.size + Pollfd.revents, true) !== 0;
  }

  #receive(i: number): void {
    this.#receiver.receive(this.#data.sockets[i]!, this.#homes[i]!);
    this.#flows?.flush();
    this.#tun.flush();
    this.#transmit.flush();
  }

  #readTun(): void {
    const { base } = this.#arena;
    for (let i = 0; i < FRAMES_PER_TURN; i++) {
      const length = read(this.#data.tun.fd, base + this.#frame, FRAME_ROOM);
      if (length < 0) {
        this.#checkTun(lastErrno());
        break;
      }
      this.#counters[Counter.tun_frames_in]!++;
      this.#outbound.handleFrame(this.#frame, length);
    }
    this.#transmit.flush();
  }

  /** Anybody may delete the interface: then poll would return at once for ever, and no packet ever come. */
  #checkTun(errno: number): void {
    if (errno !== Errno.EAGAIN && errno !== Errno.EINTR) throw new SystemCallError('reading the TUN', errno);
  }

  #handleCommands(): void {
    if (this.#readable(0)) read(this.#data.doorbell, this.#arena.base + this.#doorbell, 8);
    const { down } = this.#shared;
    for (let at = down.peek(); at >= 0; at = down.peek()) {
      const { head, body } = messageAt<Command>(down, at);
      if (head.type === 'stop') this.#running = false;
      else if (head.type === 'send-ike') this.#sendIke(head, body);
      else if (head.type === 'send-inner') this.#sendInner(head.slot, body);
      else if (head.type === 'open-flow') this.#flows!.open(flowOf(head.path), this.#data.sockets[head.path.socket]!);
      else if (head.type === 'close-flow') this.#flows!.close(flowOf(head.path), this.#data.sockets[head.path.socket]!);
      else if (head.type === 'send-l2tp') this.#sendL2tp(head.slot, head.port, body);
      else this.#commands.handle(head, body, this.#now);
      down.release(at);
    }
  }

  #sendIke({ path, nonEspMarker }: Extract<Command, { type: 'send-ike' }>, message: Bytes): void {
    if (this.#data.sockets[path.socket]!.role !== 'cisco-tcp') {
      this.#ikeSender.send(path, nonEspMarker, message);
      return;
    }
    const sent = this.#flows!.sendIke(flowOf(path), message);
    this.#transmit.flush();
    this.#counters[sent ? Counter.ike_out : Counter.drop_ike_send]!++;
  }

  /** Where frames from the TUN lie: none is at hand now. */
  #sendInner(slot: number, packet: Bytes): void {
    const at = this.#frame + VnetHdr.size;
    this.#arena.u8.set(packet, at);
    this.#outbound.sendOwn(this.#table.at(slot)!, at, packet.length);
    this.#transmit.flush();
  }

  #sendL2tp(slot: number, port: number, message: Bytes): void {
    const at = this.#frame + VnetHdr.size;
    this.#arena.u8.set(message, at);
    this.#outbound.sendL2tp(this.#table.at(slot)!, port, at, message.length);
    this.#transmit.flush();
  }

  /** Once a second: the MTU of the paths that are in use, keepalives, and what flows need. */
  #tick(): void {
    this.#nextTick = this.#now + TICK;
    this.#flows?.tick();
    for (const session of this.#table.all()) {
      if (session.active) {
        session.active = false;
        this.#pathMtu.refresh(session);
        if (session.keepaliveAt !== undefined) session.scheduleKeepalive(this.#now);
      } else if (session.keepaliveAt !== undefined && this.#now >= session.keepaliveAt) {
        session.scheduleKeepalive(this.#now);
        if (!isRaw(session.socket)) this.#ikeSender.sendKeepalive(session);
      }
    }
  }
}

/** What a socket that is bound to one address need not be told by each packet. */
function homeOf(socket: WorkerSocket, index: number): Flow {
  return flowOf({ socket: index, local: socket.address, remote: { address: socket.address, port: 0 } });
}
