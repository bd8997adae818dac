/** The transmit queue against a kernel that the test plays: what goes in which messages, and what follows a failure. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { parsePrefix } from '../../src/core/net/address.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { COUNTER_COUNT, Counter, type CounterName } from '../../src/dataplane/counters.ts';
import { MAX_GSO_SEGMENTS } from '../../src/dataplane/limits.ts';
import { Net4 } from '../../src/dataplane/net4.ts';
import { flowOf, PATH_SIZE } from '../../src/dataplane/path.ts';
import { Session } from '../../src/dataplane/session.ts';
import { Transmit } from '../../src/dataplane/transmit.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { Errno } from '../../src/ffi/errno.ts';
import { UDP_SEGMENT } from '../../src/ffi/libc.ts';
import { Cmsghdr, Iovec, Mmsghdr, Sockaddr } from '../../src/ffi/structs.ts';

interface Message {
  readonly fd: number;
  /** Of the peer. */
  readonly port: number;
  /** Size of the datagrams that the kernel is to cut; 0: one datagram. */
  readonly segment: number;
  readonly length: number;
  /** First byte of each datagram. */
  readonly marks: readonly number[];
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

class Bench {
  readonly arena = new Arena();
  readonly counters = new Float64Array(COUNTER_COUNT);
  readonly paths = this.arena.allocate(8 * PATH_SIZE);
  readonly sent: Message[] = [];
  /** What the kernel answers to the next calls; none: all goes. */
  failures: number[] = [];
  readonly tooBig: number[] = [];
  readonly transmit = new Transmit(
    this.arena,
    this.counters,
    (to) => this.tooBig.push((to as Session).id),
    (fd, messages, count) => {
      const failure = this.failures.shift() ?? 0;
      if (failure !== 0) return -failure;
      for (let i = 0; i < count; i++) this.sent.push(this.#read(fd, messages - this.arena.base + i * Mmsghdr.size));
      return count;
    },
  );

  session(id: number, changed: Partial<WorkerSocket> = {}): Session {
    const common = { fd: 9, role: 'nat-t', family: 2, address: '0.0.0.0', port: 4500, wildcard: true } as const;
    const socket: WorkerSocket = { ...common, gso: true, ...changed };
    const flow = flowOf({ socket: 0, local: '192.0.2.1', remote: { address: '198.51.100.1', port: 1000 + id } });
    return new Session(this.arena, this.paths, id, id, new Net4(parsePrefix('10.8.0.0/24')!), flow, socket);
  }

  /** Puts packets of these lengths into the queue; `mark` is their first byte, and goes up. */
  put(session: Session, lengths: readonly number[], mark = 1): void {
    for (const length of lengths) {
      const at = this.transmit.reserve(session, length);
      this.arena.u8[at] = mark++;
      this.transmit.commit(length);
    }
  }

  count(name: CounterName): number {
    return this.counters[Counter[name]]!;
  }

  #read(fd: number, message: number): Message {
    const { u8, view, base } = this.arena;
    const pointer = (at: number) => Number(view.getBigUint64(at, true)) - base;
    const iovec = pointer(message + Mmsghdr.iovecs);
    const from = pointer(iovec + Iovec.base);
    const length = view.getUint32(iovec + Iovec.length, true);
    const segment = this.#segment(
      pointer(message + Mmsghdr.control),
      view.getUint32(message + Mmsghdr.controlLength, true),
    );
    const marks: number[] = [];
    for (let at = 0; at < length; at += segment || length) marks.push(u8[from + at]!);
    return { fd, port: view.getUint16(pointer(message + Mmsghdr.name) + Sockaddr.port), segment, length, marks };
  }

  #segment(control: number, length: number): number {
    const { view } = this.arena;
    for (let at = control; at < control + length; at += (view.getUint32(at + Cmsghdr.length, true) + 7) & ~7)
      if (view.getInt32(at + Cmsghdr.type, true) === UDP_SEGMENT) return view.getUint16(at + Cmsghdr.data, true);
    return 0;
  }
}

test('packets of one size go as one message, the last may be shorter, and then none joins', () => {
  const session = bench.session(1);
  bench.put(session, [100, 100, 40, 100, 100, 120, 100]);
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ segment, length, marks }) => ({ segment, length, marks })),
    [
      { segment: 100, length: 240, marks: [1, 2, 3] },
      { segment: 100, length: 200, marks: [4, 5] },
      { segment: 120, length: 220, marks: [6, 7] },
    ],
  );
});

test('sessions keep apart, and each goes to its own peer', () => {
  const [one, two] = [bench.session(1), bench.session(2)];
  bench.put(one, [100, 100]);
  bench.put(two, [100], 50);
  bench.put(one, [100], 60);
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ port, marks }) => [port, ...marks]),
    [
      [1001, 1, 2],
      [1002, 50],
      [1001, 60],
    ],
  );
});

test('no message of more segments or bytes than the kernel takes', () => {
  const session = bench.session(1);
  bench.put(session, new Array<number>(200).fill(64));
  bench.put(session, new Array<number>(100).fill(1480));
  bench.transmit.flush();
  assert.ok(bench.sent.every(({ marks, length }) => marks.length <= MAX_GSO_SEGMENTS && length <= 65_507));
  assert.equal(
    bench.sent.reduce((sum, { marks }) => sum + marks.length, 0),
    300,
  );
});

test('the queue flushes itself when it is full, and loses nothing', () => {
  const sessions = [bench.session(1), bench.session(2)];
  for (let i = 0; i < 500; i++) bench.put(sessions[i & 1]!, [1400], i & 255);
  bench.put(sessions[0]!, new Array<number>(1000).fill(1400));
  bench.transmit.flush();
  assert.equal(
    bench.sent.reduce((sum, { marks }) => sum + marks.length, 0),
    1500,
  );
});

test('raw ESP goes packet by packet, and each socket gets its own', () => {
  const raw = bench.session(1, { role: 'esp', fd: 11, gso: false });
  bench.put(raw, [100, 100]);
  bench.put(bench.session(2), [100]);
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ fd, segment }) => [fd, segment]),
    [
      [11, 0],
      [11, 0],
      [9, 0],
    ],
  );
  assert.equal(bench.count('send_calls'), 2);
});

test('EIO: the card cannot checksum; the message goes singly, and GSO is off for the socket', () => {
  const session = bench.session(1);
  bench.put(session, [100, 100, 60]);
  bench.failures = [Errno.EIO];
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ segment, length, marks }) => [segment, length, ...marks]),
    [
      [0, 100, 1],
      [0, 100, 2],
      [0, 60, 3],
    ],
  );
  bench.put(session, [100, 100]);
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.slice(3).map(({ segment }) => segment),
    [0, 0],
  );
  assert.equal(bench.count('gso_off'), 1);
  assert.equal(bench.count('drop_send'), 0);
});

test('EMSGSIZE: singly too, GSO stays, and the session hears of its path', () => {
  const session = bench.session(1);
  bench.put(session, [1480, 1480]);
  bench.failures = [Errno.EMSGSIZE];
  bench.transmit.flush();
  assert.deepEqual(bench.tooBig, [1]);
  assert.deepEqual(
    bench.sent.map(({ marks }) => marks),
    [[1], [2]],
  );
  assert.ok(session.socket.gso);
});

test('a full socket is waited for, an old error passed over, and the order stays', () => {
  const [one, two] = [bench.session(1, { fd: -1 }), bench.session(2, { fd: -1 })];
  bench.put(one, [100, 100]);
  bench.put(two, [100], 9);
  bench.failures = [Errno.EAGAIN, Errno.ENOBUFS, Errno.ECONNREFUSED];
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ marks }) => marks),
    [[1, 2], [9]],
  );
  assert.equal(bench.count('drop_send'), 0);
});

test('a socket that stays full costs packets and a bounded time; one bad peer costs its own packets alone', () => {
  const full = bench.session(1, { fd: -1 });
  for (let i = 0; i < 20; i++) bench.put(full, [100, 99]);
  bench.failures = new Array<number>(1000).fill(Errno.EAGAIN);
  bench.transmit.flush();
  // each try waits a few milliseconds at most
  assert.ok(bench.failures.length > 900, `${1000 - bench.failures.length} tries`);
  assert.equal(bench.count('drop_send'), 40);

  bench.failures = [Errno.ENETUNREACH];
  bench.put(bench.session(2), [100, 100]);
  bench.put(bench.session(3), [100], 7);
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ marks }) => marks),
    [[7]],
  );
  assert.equal(bench.count('drop_send'), 42);
});

test('a packet that was reserved and not committed leaves no trace', () => {
  const session = bench.session(1);
  bench.transmit.reserve(session, 100);
  bench.transmit.flush();
  assert.deepEqual(bench.sent, []);
  bench.put(session, [80, 80]);
  bench.transmit.reserve(session, 80);
  bench.transmit.flush();
  assert.deepEqual(
    bench.sent.map(({ marks, length }) => [length, ...marks]),
    [[160, 1, 2]],
  );
});
