/** A map of so many entries; the one unused for longest goes first. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#maxEntries && oldest.done === false) this.#entries.delete(oldest.value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  /** From the one unused for longest to the one used last; what is found does not count as used. */
  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }
}

/** How many repositories' tokens, scopes and answers a client keeps: one that walks a large registry forgets the first. */
export const MAX_KEPT = 1_000;
