/** How far a long run is, with the time since it began: on standard error, since standard output has the tables. */
export function tellProgress(what: string): void {
  const seconds = Math.round(performance.now() / 1000);
  console.error(`  ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}  ${what}`);
}
