/** Signals that end a program. */

/**
 * Milliseconds in which a signal that comes again is the same wish: a closed terminal tells its programs twice (kernel and shell),
 * and so do `timeout` and other parents that signal both their child and its group. `npm start` passes a Ctrl-C on that its child had
 * from the terminal, and an npm that slept for days takes its time.
 */
export const SAME_WISH = 2000;

export interface SignalContext {
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
  readonly exit: (status: number) => void;
}

const REAL: SignalContext = { now: () => performance.now(), exit: (status) => process.exit(status) };

/** Calls `onEnd` at the first of `signals`; another one, once {@link SAME_WISH} is over, doesn't wait for anything. */
export function onEndSignal(
  signals: readonly NodeJS.Signals[],
  onEnd: (signal: NodeJS.Signals) => void,
  { now, exit }: SignalContext = REAL,
): void {
  let first: number | undefined;
  for (const signal of signals) {
    process.on(signal, () => {
      if (first === undefined) {
        first = now();
        onEnd(signal);
      } else if (now() - first >= SAME_WISH) {
        exit(1);
      }
    });
  }
}
