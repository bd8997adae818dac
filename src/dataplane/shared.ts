/**
 * The memory that the main thread and the worker share:
 *
 *     | sleeping | pad to 64 | ring down | ring up | counters | session counters |
 */
import { COUNTER_COUNT, SessionCounter } from './counters.ts';
import { DOWN_RING_BYTES, MAX_SESSIONS, UP_RING_BYTES } from './limits.ts';
import { Ring, ringBytes } from './ring.ts';

const DOWN_AT = 64;
const UP_AT = DOWN_AT + ringBytes(DOWN_RING_BYTES);
const COUNTERS_AT = UP_AT + ringBytes(UP_RING_BYTES);
const SESSIONS_AT = COUNTERS_AT + COUNTER_COUNT * 8;
const SIZE = SESSIONS_AT + MAX_SESSIONS * SessionCounter.count * 8;

export class Shared {
  readonly memory: SharedArrayBuffer;
  /** Commands. */
  readonly down: Ring;
  /** IKE messages and events. */
  readonly up: Ring;
  readonly counters: Float64Array;
  readonly sessions: Float64Array;
  readonly #sleeping: Int32Array;

  constructor(memory = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.down = new Ring(memory, DOWN_AT, DOWN_RING_BYTES);
    this.up = new Ring(memory, UP_AT, UP_RING_BYTES);
    this.counters = new Float64Array(memory, COUNTERS_AT, COUNTER_COUNT);
    this.sessions = new Float64Array(memory, SESSIONS_AT, MAX_SESSIONS * SessionCounter.count);
    this.#sleeping = new Int32Array(memory, 0, 1);
  }

  /** Worker: set before it blocks and looks at the ring once more, so that no command is slept over. */
  setSleeping(sleeping: boolean): void {
    Atomics.store(this.#sleeping, 0, sleeping ? 1 : 0);
  }

  /** Main thread: true once for each sleep; then the doorbell must be rung. */
  takeSleeping(): boolean {
    return Atomics.exchange(this.#sleeping, 0, 0) === 1;
  }
}
