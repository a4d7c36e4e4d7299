/**
 * Targets by filters without wildcards, each of which matches the topic of its
 * name and nothing else.
 *
 * Layer 1.
 */

export class Literals<T extends object> {
  /** Filters with one target: nearly all. */
  readonly #only = new Map<string, T>()
  readonly #several = new Map<string, Set<T>>()

  /** Filters held. */
  get size(): number {
    return this.#only.size + this.#several.size
  }

  *filters(): Iterable<string> {
    yield* this.#only.keys()
    yield* this.#several.keys()
  }

  /** The target of `topic` when there is exactly one. */
  only(topic: string): T | undefined {
    return this.#only.get(topic)
  }

  /** Puts the targets of `topic` behind what is in `found`, in the order in which they were added. */
  collect(topic: string, found: T[]): void {
    const only = this.#only.get(topic)
    if (only !== undefined) found.push(only)
    else for (const target of this.#several.get(topic) ?? []) found.push(target)
  }

  add(filter: string, target: T): void {
    const only = this.#only.get(filter)
    const several = this.#several.get(filter)
    if (several !== undefined) several.add(target)
    else if (only === undefined) this.#only.set(filter, target)
    else {
      this.#only.delete(filter)
      this.#several.set(filter, new Set([only, target]))
    }
  }

  /** @returns whether `target` was there, under `filter` */
  remove(filter: string, target: T): boolean {
    if (this.#only.get(filter) === target) return this.#only.delete(filter)
    const several = this.#several.get(filter)
    if (!several?.delete(target)) return false
    if (several.size === 1) {
      this.#several.delete(filter)
      for (const last of several) this.#only.set(filter, last)
    }
    return true
  }
}
