/**
 * Targets by key: by a filter without wildcards, which matches the topic of its
 * name and nothing else, or by a hash that many have.
 *
 * Layer 1.
 */

export class Targets<Key, T extends object> {
  /** Keys with one target: nearly all. */
  readonly #only = new Map<Key, T>()
  readonly #several = new Map<Key, Set<T>>()

  /** Keys held. */
  get size(): number {
    return this.#only.size + this.#several.size
  }

  *keys(): Iterable<Key> {
    yield* this.#only.keys()
    yield* this.#several.keys()
  }

  /** Those of keys that have exactly one. */
  get only(): ReadonlyMap<Key, T> {
    return this.#only
  }

  /** The targets of `key`, in the order in which they were added, in a list of its own. */
  all(key: Key): T[] {
    const only = this.#only.get(key)
    return only === undefined ? [...(this.#several.get(key) ?? [])] : [only]
  }

  add(key: Key, target: T): void {
    const only = this.#only.get(key)
    const several = this.#several.get(key)
    if (several !== undefined) several.add(target)
    else if (only === undefined) this.#only.set(key, target)
    else {
      this.#only.delete(key)
      this.#several.set(key, new Set([only, target]))
    }
  }

  /** @returns whether `target` was there, under `key` */
  remove(key: Key, target: T): boolean {
    if (this.#only.get(key) === target) return this.#only.delete(key)
    const several = this.#several.get(key)
    if (!several?.delete(target)) return false
    if (several.size === 1) {
      this.#several.delete(key)
      for (const last of several) this.#only.set(key, last)
    }
    return true
  }
}
