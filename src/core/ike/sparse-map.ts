/** A map of which every SA has one, and which is empty nearly always: then it takes next to no memory, where a Map takes 180 bytes. */

export class SparseMap<Key, Value> {
  #map: Map<Key, Value> | undefined;

  get size(): number {
    return this.#map?.size ?? 0;
  }

  get(key: Key): Value | undefined {
    return this.#map?.get(key);
  }

  has(key: Key): boolean {
    return this.#map?.has(key) ?? false;
  }

  set(key: Key, value: Value): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  /** False: it wasn't there. */
  delete(key: Key): boolean {
    const found = this.#map?.delete(key) ?? false;
    if (this.#map?.size === 0) this.#map = undefined;
    return found;
  }

  /** In the order in which they were set, as a Map's. */
  entries(): Iterable<readonly [Key, Value]> {
    return this.#map ?? [];
  }

  values(): Iterable<Value> {
    return this.#map?.values() ?? [];
  }
}
