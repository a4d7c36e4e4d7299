/**
 * A bounded cache keyed by topic, in front of the matcher.
 *
 * Two generations: when the young one is full it becomes the old one, and the
 * old one with all that was not asked for meanwhile is forgotten. Topics that
 * never come again must not wash out those that do, nor cost a place in a map
 * each: a topic is let in when it comes back while the door still knows it.
 *
 * Layer 1.
 */

/** Entries of one generation: a round of 10 000 topics fits into it. */
const CAPACITY = 16_384

/** Longer topics are not worth the memory: two full generations of them hold 16 MB at most, and the texts that they were cut from. */
export const MAX_LENGTH: number = 256

/** Topics that the door knows; few, so that they stay near the processor. */
const KNOWN = 4096

/** Strangers after which it is not worth looking, until one comes that the door knows. */
const MANY = 256

/** What was worked out for a topic; forgets, but never invents. */
export class TopicCache<V extends object> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  /** Topics of one generation, at most. */
  readonly #capacity: number
  /** The hashes of topics that have come lately; made when the first one comes. */
  #door: Int32Array | undefined
  /** A linear congruential sequence. */
  #die = 1
  /** Grows when all is forgotten, by the door, too. */
  #age = 0
  /** Topics that the door did not know, since it knew one. */
  #strangers = 0

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity
  }

  /** Places taken; at most twice the capacity. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Where to look first; undefined while it is not worth looking: a text that the engine has never seen takes long. */
  get front(): ReadonlyMap<string, V> | undefined {
    return this.#strangers < MANY ? this.#young : undefined
  }

  get(topic: string): V | undefined {
    return this.#young.get(topic) ?? this.#revive(topic)
  }

  /** After a miss: keeps `value` for `topic`, or does not. @param hash any hash of the topic, the same each time */
  set(topic: string, value: V, hash: number): void {
    if (topic.length > MAX_LENGTH) return
    this.#door ??= new Int32Array(KNOWN)
    const place = hash & (KNOWN - 1)
    const mark = (hash + this.#age) | 0
    if (this.#door[place] === mark) {
      this.#strangers = 0
      return this.#keep(topic, value)
    }
    if (this.#strangers < MANY) this.#strangers++
    // By chance, because two that come in turns would drive each other out for ever.
    this.#die = (Math.imul(this.#die, 1_664_525) + 1_013_904_223) | 0
    if (this.#die < 0) this.#door[place] = mark
  }

  delete(topic: string): void {
    this.#young.delete(topic)
    this.#old.delete(topic)
  }

  clear(): void {
    // A map keeps its room for ever, so a used one is thrown away.
    if (this.size > 0) {
      this.#young = new Map()
      this.#old = new Map()
    }
    // Where filters come and go all the time, hardly a topic is worth its place.
    this.#age++
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
