/**
 * Finds the targets of all filters that match a topic.
 *
 * Filters are told by *shape*: how many levels, and which of them are
 * wildcards. `a/+/c`, `b/+/d` and a thousand like them share one shape; a
 * program has many filters but few shapes. Each level of a topic has a hash
 * that goes by its place, too, and the hash of a filter is the sum over its
 * literal levels. So for each shape that has room for the topic, the sum over
 * all levels less those that lie under wildcards is the hash of the one filter
 * of that shape that matches:
 *
 *     a/b/c ──▶ a + b + c, less b, … ──▶ sieve ──▶ entries ──▶ compared
 *
 * Most hashes lead nowhere, so a sieve of a few bytes a filter, small enough to
 * stay near the processor, stops them. A hash proves nothing, so every filter
 * found is compared with the topic: what comes before only has to let no match
 * slip through. Filters without wildcards are looked up by their text.
 *
 * Layer 5.
 */
import { type Dialect, type Rules, rulesOf } from './dialect.ts'
import { Literals } from './literals.ts'
import { matches } from './params.ts'
import { placedHash, Reading } from './reading.ts'
import { hashUnder, hasRoom, placesOf, type Shape, short } from './shape.ts'
import { type Hashes, Sieve } from './sieve.ts'
import { checkTopic, isWildcard } from './topic.ts'

const none: readonly never[] = Object.freeze([])

/** Shorter topics than this cannot be too long, nor have too many levels. */
const SHORT = 128

/** What a target has to have. */
export interface Ordered {
  /** Its place in the answers; no two have the same. */
  readonly order: number
}

/** One target under its filter. */
interface Entry<T> {
  readonly filter: string
  readonly target: T
  /** The next older and the next newer entry with the same hash; nearly always the filter is the same too. */
  older: Entry<T> | undefined
  newer: Entry<T> | undefined
}

/**
 * Targets by filter. Filters have been checked, and no target is
 * under two filters at a time, nor twice under one.
 */
export class Matcher<T extends Ordered> implements Hashes {
  readonly #dialect: Dialect
  readonly #rules: Rules
  readonly #literals = new Literals<T>()
  /** By what tells one from another, and in a list to go through. */
  readonly #shapeOf = new Map<string, Shape>()
  readonly #shapes: Shape[] = []
  /** The newest entry of each hash. */
  readonly #newest = new Map<number, Entry<T>>()
  /** All other entries, by target. */
  readonly #others = new Map<T, Entry<T>>()
  /** Has every hash of `#newest` and of `#literals`. */
  readonly #sieve = new Sieve()
  /** The filter or topic at hand. */
  readonly #at: Reading
  /** Seeds given away so far. */
  #seeds = 0
  #targets = 0

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#rules = rulesOf[dialect]
    this.#at = new Reading(this.#rules)
  }

  /** Targets held. */
  get size(): number {
    return this.#targets
  }

  /** Hashes held, at least. */
  get hashCount(): number {
    return this.#newest.size + this.#literals.size
  }

  /** Shapes, entries, and words of the sieve beyond the first few; 0 when nothing is held. */
  get nodeCount(): number {
    return this.#shapes.length + this.#literals.size + this.#newest.size + this.#others.size + this.#sieve.size
  }

  *hashes(): Iterable<number> {
    yield* this.#newest.keys()
    for (const filter of this.#literals.filters()) yield this.#literalHash(filter)
  }

  /** The target of `topic`, if there is exactly one and no filter has wildcards: then there is nothing to work out. */
  only(topic: string): T | undefined {
    return this.#shapes.length === 0 ? this.#literals.only(topic) : undefined
  }

  add(filter: string, target: T): void {
    this.#targets++
    if (isWildcard(filter, this.#dialect)) {
      const shape = this.#shapeFor(filter)
      shape.uses++
      this.#enter(hashUnder(shape, this.#at), filter, target)
    } else {
      this.#literals.add(filter, target)
      this.#sieve.add(this.#literalHash(filter), this)
    }
  }

  /** @returns whether `target` was there, under `filter` */
  remove(filter: string, target: T): boolean {
    const isThere = isWildcard(filter, this.#dialect)
      ? this.#takeOut(filter, target)
      : this.#literals.remove(filter, target)
    if (!isThere) return false
    this.#targets--
    this.#sieve.shrink(this)
    return true
  }

  /**
   * Checks the topic, and matches it.
   *
   * @returns the targets whose filters match, by `order`
   * @throws {BusbarError} `ERR_TOPIC_INVALID`
   */
  match(topic: string): readonly T[] {
    this.#read(topic)
    const at = this.#at
    let found: T[] | undefined
    if (this.#sieve.has(short(at.sum))) this.#literals.collect(topic, (found ??= []))
    for (let i = 0; i < this.#shapes.length; i++) {
      const shape = this.#shapes[i]!
      if (!hasRoom(shape, at.count)) continue
      const hash = hashUnder(shape, at)
      if (!this.#sieve.has(hash)) continue
      const newest = this.#newest.get(hash)
      if (newest !== undefined) this.#collect(newest, topic, (found ??= []))
    }
    return found === undefined || found.length === 0 ? none : inOrder(found)
  }

  /** A hash of the topic that was matched last. */
  get topicHash(): number {
    return this.#at.sum
  }

  /** Nearly all topics are so plain that to read them is to check them. */
  #read(topic: string): void {
    const isShort = typeof topic === 'string' && topic !== '' && topic.length < SHORT
    if (isShort && this.#at.read(topic)) return
    checkTopic(topic, this.#dialect)
    this.#at.read(topic)
  }

  #literalHash(filter: string): number {
    this.#at.read(filter)
    return short(this.#at.sum)
  }

  /** Adds those to `found` whose filters do match. */
  #collect(newest: Entry<T>, topic: string, found: T[]): void {
    let { filter } = newest
    let hit = matches(filter, topic, this.#dialect)
    for (let entry: Entry<T> | undefined = newest; entry !== undefined; entry = entry.older) {
      if (entry.filter !== filter) hit = matches((filter = entry.filter), topic, this.#dialect)
      if (hit) found.push(entry.target)
    }
  }

  #enter(hash: number, filter: string, target: T): void {
    const older = this.#newest.get(hash)
    // One string for all of them: to compare their filters is to compare addresses.
    const same = older?.filter === filter ? older.filter : filter
    const entry: Entry<T> = { filter: same, target, older, newer: undefined }
    this.#newest.set(hash, entry)
    if (older === undefined) {
      this.#sieve.add(hash, this)
    } else {
      older.newer = entry
      this.#others.set(older.target, older)
    }
  }

  #takeOut(filter: string, target: T): boolean {
    const shape = this.#shapeFor(filter)
    const isThere = this.#unlink(hashUnder(shape, this.#at), filter, target)
    if (isThere) shape.uses--
    if (shape.uses === 0) this.#forget(shape)
    return isThere
  }

  #unlink(hash: number, filter: string, target: T): boolean {
    const newest = this.#newest.get(hash)
    const entry = newest?.target === target ? newest : this.#others.get(target)
    if (entry?.filter !== filter) return false
    const { older, newer } = entry
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) {
      newer.older = older
      this.#others.delete(target)
    } else if (older !== undefined) {
      this.#newest.set(hash, older)
      this.#others.delete(older.target)
    } else {
      this.#newest.delete(hash)
    }
    return true
  }

  /** Reads a filter with wildcards; its shape, made when it is the first of it. */
  #shapeFor(filter: string): Shape {
    this.#at.read(filter)
    const { front, singles, back } = placesOf(this.#at, this.#rules)
    const key = `${front}:${singles}:${back}`
    const known = this.#shapeOf.get(key)
    if (known !== undefined) return known
    const shape: Shape = { front, singles, back, seed: placedHash(++this.#seeds, 0), key, uses: 0 }
    this.#shapeOf.set(key, shape)
    this.#shapes.push(shape)
    return shape
  }

  #forget(shape: Shape): void {
    this.#shapeOf.delete(shape.key)
    const last = this.#shapes.pop()!
    if (last !== shape) this.#shapes[this.#shapes.indexOf(shape)] = last
  }
}

/** Sorts by `order`, in place, and leaves each in once: two shapes may happen to give a topic the same hash. */
function inOrder<T extends Ordered>(found: T[]): readonly T[] {
  // For the usual few, insertion is far cheaper than `sort`.
  if (found.length > 20) found.sort((a, b) => a.order - b.order)
  else insertInOrder(found)
  let kept = 1
  for (let i = 1; i < found.length; i++) {
    const target = found[i]!
    if (target !== found[i - 1]) found[kept++] = target
  }
  if (kept < found.length) found.length = kept
  return found
}

function insertInOrder<T extends Ordered>(found: T[]): void {
  for (let i = 1; i < found.length; i++) {
    const target = found[i]!
    let at = i
    for (; at > 0 && found[at - 1]!.order > target.order; at--) found[at] = found[at - 1]!
    found[at] = target
  }
}
