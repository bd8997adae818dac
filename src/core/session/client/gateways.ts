/** The gateways in the order of trial: those of the profile, then those that the gateway named as its own backups. */
export class Gateways {
  readonly #named: readonly string[];
  #backups: readonly string[] = [];
  #index = 0;
  /** In this round. */
  #failed = 0;

  constructor(named: readonly string[]) {
    this.#named = named;
  }

  /** Whose turn it is. */
  get current(): string {
    return this.#all[this.#index]!;
  }

  /** The current one let us in, and names its backups; it stays the current one. */
  learn(backups: readonly string[]): void {
    const { current } = this;
    this.#backups = [...new Set([...backups, current])].filter((name) => !this.#named.includes(name));
    this.#index = this.#all.indexOf(current);
  }

  /** A new round: each gets its chance, the current one first. */
  beginRound(): void {
    this.#failed = 0;
  }

  /** The current one can't be entered: on to the next. False: each had its chance. */
  next(): boolean {
    this.#failed++;
    this.#index = (this.#index + 1) % this.#all.length;
    return this.#failed < this.#all.length;
  }

  get #all(): readonly string[] {
    return [...this.#named, ...this.#backups];
  }
}
