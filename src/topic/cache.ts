/**
 * A bounded cache keyed by topic, in front of the trie.
 *
 * Two generations: when the young one is full it becomes the old one, and the
 * old one with all that was not asked for meanwhile is forgotten. Topics that
 * never come again must not wash out those that do, nor cost a place in a map
 * each, so only one new topic in four is let in, chosen by a die; one that
 * keeps coming soon is.
 *
 * Layer 1.
 */

/** Entries of one generation: a round of 10 000 topics fits into it. */
const CAPACITY = 16_384

/** Longer topics are not worth the memory: two full generations of them hold 16 MB at most. */
const MAX_LENGTH = 256

/** What was worked out for a topic; forgets, but never invents. */
export class TopicCache<V extends object> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  /** Topics of one generation, at most. */
  readonly #capacity: number
  /** The die: a linear congruential sequence, because topics that come in turns can keep step with a count. */
  #die = 1

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity
  }

  /** Places taken; at most twice the capacity. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(topic: string): V | undefined {
    return this.#young.get(topic) ?? this.#revive(topic)
  }

  /** After a miss: keeps `value` for `topic`, or does not. */
  set(topic: string, value: V): void {
    this.#die = (Math.imul(this.#die, 1_664_525) + 1_013_904_223) | 0
    if (this.#die >>> 30 === 0 && topic.length <= MAX_LENGTH) this.#keep(topic, value)
  }

  delete(topic: string): void {
    this.#young.delete(topic)
    this.#old.delete(topic)
  }

  clear(): void {
    // A map keeps its room for ever, so a used one is thrown away.
    if (this.#young.size > 0) this.#young = new Map()
    if (this.#old.size > 0) this.#old = new Map()
  }

  /** A topic of the old generation that is asked for becomes one of the young one, too. */
  #revive(topic: string): V | undefined {
    const value = this.#old.get(topic)
    if (value !== undefined) this.#keep(topic, value)
    return value
  }

  #keep(topic: string, value: V): void {
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(topic, value)
  }
}
