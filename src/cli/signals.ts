/** Signals that end a program. */

/** Calls `onEnd` at the first of `signals`; the second doesn't wait for anything. */
export function onEndSignal(signals: readonly NodeJS.Signals[], onEnd: (signal: NodeJS.Signals) => void): void {
  let seen = false;
  for (const signal of signals) {
    process.on(signal, () => {
      if (seen) process.exit(1);
      seen = true;
      onEnd(signal);
    });
  }
}
