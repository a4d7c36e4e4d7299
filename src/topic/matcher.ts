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
 *     a/b/c --> a + b + c, less b, ... --> sieve --> table --> compared
 *
 * Most hashes lead nowhere, so a sieve of a few bytes a filter, small enough to
 * stay near the processor, stops them. A hash proves nothing, so every filter
 * found is compared with the topic: what comes before only has to let no match
 * slip through. Filters without wildcards are looked up by their text.
 *
 * Layer 5.
 */
import { none } from '../none.ts'
import { type Dialect, type Rules, rulesOf } from './dialect.ts'
import { matches } from './params.ts'
import { placedHash, Reading } from './reading.ts'
import { hashUnder, hasRoom, keyOf, type Shape, shapeOf, short } from './shape.ts'
import { type Hashes, Sieve } from './sieve.ts'
import { Table } from './table.ts'
import { Targets } from './targets.ts'
import { checkTopic, isWildcard } from './topic.ts'

/** Shorter topics than this cannot be too long, nor have too many levels. */
const SHORT = 128

/** What a target has to have. */
export interface Target {
  readonly filter: string
  /** Its place in the answers; no two have the same. */
  readonly order: number
}

/** Targets by filter; each filter has been checked. */
export class Matcher<T extends Target> implements Hashes {
  readonly #dialect: Dialect
  readonly #rules: Rules
  /** Those under filters without wildcards. */
  readonly #literals = new Targets<string, T>()
  /** All others. */
  readonly #hashed = new Table<T>()
  /** By what tells one from another, and in a list to go through. */
  readonly #shapeOf = new Map<string, Shape>()
  readonly #shapes: Shape[] = []
  /** Has every hash of `#hashed` and of `#literals`. */
  readonly #sieve = new Sieve()
  /** The filter or topic at hand. */
  readonly #at: Reading
  /** Seeds given away so far. */
  #seeds = 0

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#rules = rulesOf[dialect]
    this.#at = new Reading(this.#rules)
  }

  /** Hashes held, at least. */
  get hashCount(): number {
    return this.#hashed.hashCount + this.#literals.size
  }

  /** Shapes, filters, and words of the sieve beyond the first few; 0 when nothing is held. */
  get nodeCount(): number {
    return this.#shapes.length + this.#literals.size + this.#hashed.size + this.#sieve.size
  }

  *hashes(): Iterable<number> {
    yield* this.#hashed.hashes()
    for (const filter of this.#literals.keys()) yield this.#literalHash(filter)
  }

  /** The targets of topics that have exactly one, while no filter has wildcards: then there is nothing to work out. */
  get only(): ReadonlyMap<string, T> | undefined {
    return this.#shapes.length === 0 ? this.#literals.only : undefined
  }

  /** @param target one that is not there yet */
  add(target: T): void {
    const { filter } = target
    if (isWildcard(filter, this.#dialect)) {
      const shape = this.#shapeFor(filter)
      const hash = hashUnder(shape, this.#at)
      shape.uses++
      this.#hashed.add(hash, target)
      this.#sieve.add(hash, this)
    } else {
      this.#literals.add(filter, target)
      this.#sieve.add(this.#literalHash(filter), this)
    }
  }

  /** @returns whether `target` was there */
  remove(target: T): boolean {
    const { filter } = target
    const isThere = isWildcard(filter, this.#dialect) ? this.#takeOut(target) : this.#literals.remove(filter, target)
    if (isThere) this.#sieve.shrink(this)
    return isThere
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
    let found: T[] | undefined = this.#sieve.has(short(at.sum)) ? this.#literals.all(topic) : undefined
    for (let i = 0; i < this.#shapes.length; i++) {
      const shape = this.#shapes[i]!
      if (!hasRoom(shape, at.count)) continue
      const hash = hashUnder(shape, at)
      if (this.#sieve.has(hash)) found = this.#collect(hash, topic, found)
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

  /** Appends those whose filters do match. */
  #collect(hash: number, topic: string, found: T[] | undefined): T[] | undefined {
    const table = this.#hashed
    let all = found
    for (let at = table.first(hash); at >= 0; at = table.next(hash, at)) {
      const target = table.target(at)
      if (matches(target.filter, topic, this.#dialect)) all = append(all, target)
    }
    for (const target of table.crowd(hash)) if (matches(target.filter, topic, this.#dialect)) all = append(all, target)
    return all
  }

  #takeOut(target: T): boolean {
    const shape = this.#shapeFor(target.filter)
    const isThere = this.#hashed.remove(hashUnder(shape, this.#at), target)
    if (isThere) shape.uses--
    if (shape.uses === 0) this.#forget(shape)
    return isThere
  }

  /** Reads a filter with wildcards; its shape, made when it is the first of it. */
  #shapeFor(filter: string): Shape {
    this.#at.read(filter)
    const key = keyOf(this.#at, this.#rules)
    const known = this.#shapeOf.get(key)
    if (known !== undefined) return known
    const shape = shapeOf(key, placedHash(++this.#seeds, 0))
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

/** Most lists stay as short as they begin. */
function append<T>(list: T[] | undefined, item: T): T[] {
  if (list === undefined) return [item]
  list.push(item)
  return list
}

/** Sorts by `order`, in place, and leaves each in once: two shapes may happen to give a topic the same hash. */
function inOrder<T extends Target>(found: T[]): readonly T[] {
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

function insertInOrder<T extends Target>(found: T[]): void {
  for (let i = 1; i < found.length; i++) {
    const target = found[i]!
    let at = i
    for (; at > 0 && found[at - 1]!.order > target.order; at--) found[at] = found[at - 1]!
    found[at] = target
  }
}
