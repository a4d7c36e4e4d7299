/**
 * Finds the targets of all filters that match a topic.
 *
 * A trie of the *shapes* of filters. An edge says what kind of level comes
 * next, not which: a literal, a single-level wildcard, or a multi-level
 * wildcard with so many levels behind it. `a/+/c`, `b/+/d` and a thousand like
 * them share one path, `literal, single, literal`; a program has many filters
 * but few shapes. A topic walks all paths that have room for it, through each
 * shape once. On the way it folds the levels that lie on literals into a hash,
 * and at the end looks up the filters with that hash:
 *
 *     a/b/c ──▶ shapes ──▶ hash(a, +, c), hash(a, b, #) … ──▶ sieve ──▶ entries ──▶ compared
 *
 * Most hashes lead nowhere, so a sieve of a few bytes a filter, small enough to
 * stay near the processor, stops them. A hash proves nothing, so every filter
 * found is compared with the topic: what comes before only has to let no match
 * slip through.
 *
 * Layer 5.
 */
import { type Dialect, type Rules, rulesOf } from './dialect.ts'
import { matches } from './params.ts'
import { Sieve } from './sieve.ts'

/** Edges of a shape. From `MULTI` on, `edge - MULTI` is the number of levels behind the wildcard. */
const LITERAL = 0
const SINGLE = 1
const MULTI = 2

/** The hash of no units (FNV-1a). */
const SEED = 0x811c9dc5 | 0

const none: readonly never[] = Object.freeze([])

/** A node of the trie. */
interface Shape {
  readonly edges: (Shape | undefined)[]
  /** Targets whose path leads through here; a shape without any is taken out. */
  uses: number
}

/** One target under its filter. */
interface Entry<T> {
  readonly filter: string
  readonly target: T
  /** Grows with every `add`. */
  readonly order: number
  /** The next older and the next newer entry with the same hash; nearly always the filter is the same too. */
  older: Entry<T> | undefined
  newer: Entry<T> | undefined
}

/** The way of a filter from the root, and the hash that a topic has at its end if they match. */
interface Path {
  readonly edges: readonly number[]
  readonly hash: number
}

/**
 * Targets by filter. Filters and topics have been checked, and no target is
 * under two filters at a time, nor twice under one.
 */
export class TopicTrie<T> {
  readonly #dialect: Dialect
  readonly #rules: Rules
  readonly #root: Shape = newShape()
  /** The newest entry of each hash. */
  readonly #newest = new Map<number, Entry<T>>()
  /** All other entries, by target. */
  readonly #others = new Map<T, Entry<T>>()
  /** Has every hash of `#newest`. */
  readonly #sieve = new Sieve()
  /** The text at hand, by unit, and its levels, by hash. Here, like `#reached`, to spare an allocation. */
  #units = new Uint16Array(128)
  readonly #levels: number[] = []
  /** The hashes that the topic at hand has reached and the sieve has let pass: the first `#reachedCount`. */
  readonly #reached: number[] = []
  #reachedCount = 0
  #order = 0
  #shapes = 0

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#rules = rulesOf[dialect]
  }

  /** Targets held. */
  get size(): number {
    return this.#root.uses
  }

  /** Shapes but for the root, entries, and words of the sieve beyond the first few; 0 when nothing is held. */
  get nodeCount(): number {
    return this.#shapes + this.#newest.size + this.#others.size + this.#sieve.size
  }

  add(filter: string, target: T): void {
    const { edges, hash } = this.#path(filter)
    let shape = this.#root
    shape.uses++
    for (const edge of edges) {
      let next = shape.edges[edge]
      if (next === undefined) {
        shape.edges[edge] = next = newShape()
        this.#shapes++
      }
      next.uses++
      shape = next
    }
    this.#enter(hash, filter, target)
  }

  /** @returns whether `target` was there, under `filter` */
  remove(filter: string, target: T): boolean {
    const { edges, hash } = this.#path(filter)
    if (!this.#takeOut(hash, filter, target)) return false
    let shape = this.#root
    shape.uses--
    for (const edge of edges) {
      // `add` laid the whole path, and it stays until its last target goes.
      const next = shape.edges[edge]!
      if (--next.uses === 0) {
        shape.edges[edge] = undefined
        this.#shapes--
      }
      shape = next
    }
    return true
  }

  /** @returns the targets whose filters match, in the order in which they were added */
  match(topic: string): readonly T[] {
    this.#reachedCount = 0
    this.#walk(this.#root, 0, 0, this.#read(topic))
    const found: Entry<T>[] = []
    for (let i = 0; i < this.#reachedCount; i++) {
      const newest = this.#newest.get(this.#reached[i]!)
      if (newest !== undefined) this.#collect(newest, topic, found)
    }
    return found.length === 0 ? none : targetsOf(inOrder(found))
  }

  /** Follows all paths on from `shape`; the levels before `level`, of `count`, are folded into `hash`. */
  #walk(shape: Shape, level: number, hash: number, count: number): void {
    for (;;) {
      const { edges } = shape
      for (let edge = MULTI; edge < edges.length; edge++) {
        const next = edges[edge]
        const behind = count - (edge - MULTI)
        if (next !== undefined && level <= behind) this.#walk(next, behind, fold(hash, edge), count)
      }
      if (level === count) {
        // Engines keep integers of 31 bits without a heap object.
        if (this.#sieve.has(hash >> 1)) this.#reached[this.#reachedCount++] = hash >> 1
        return
      }
      const single = edges[SINGLE]
      if (single !== undefined) this.#walk(single, level + 1, fold(hash, SINGLE), count)
      const literal = edges[LITERAL]
      if (literal === undefined) return
      hash = fold(hash, this.#levels[level++]!)
      shape = literal
    }
  }

  /** Adds those to `found` whose filters do match. */
  #collect(newest: Entry<T>, topic: string, found: Entry<T>[]): void {
    let { filter } = newest
    let hit = this.#fits(filter, topic)
    for (let entry: Entry<T> | undefined = newest; entry !== undefined; entry = entry.older) {
      if (entry.filter !== filter) hit = this.#fits((filter = entry.filter), topic)
      if (hit) found.push(entry)
    }
  }

  /** As `matches`, but faster, for `#units` has the topic. */
  #fits(filter: string, topic: string): boolean {
    if (filter === topic) return true
    const { separator, single, multi, least, multis, hidden } = this.#rules
    if (multis > 1) return matches(filter, topic, this.#dialect)
    const units = this.#units
    const end = topic.length
    const last = filter.length - 1
    if (units[0] === hidden && filter.charCodeAt(0) !== hidden) return false
    let t = 0
    for (let f = 0; f <= last; f++) {
      const unit = filter.charCodeAt(f)
      if (unit === multi && f === last) return t + least <= end
      if (unit === single) while (t < end && units[t] !== separator) t++
      else if (t < end && unit === units[t]) t++
      // `a/#` matches `a`.
      else return t === end && unit === separator && f + 1 === last && least === 0 && filter.charCodeAt(last) === multi
    }
    return t === end
  }

  #enter(hash: number, filter: string, target: T): void {
    const older = this.#newest.get(hash)
    // One string for all of them: to compare their filters is to compare addresses.
    const same = older?.filter === filter ? older.filter : filter
    const entry: Entry<T> = { filter: same, target, order: this.#order++, older, newer: undefined }
    this.#newest.set(hash, entry)
    if (older === undefined) {
      this.#sieve.add(hash, this.#newest)
    } else {
      older.newer = entry
      this.#others.set(older.target, older)
    }
  }

  #takeOut(hash: number, filter: string, target: T): boolean {
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
      this.#sieve.shrink(this.#newest)
    }
    return true
  }

  #path(filter: string): Path {
    const { single, multi, multis } = this.#rules
    const count = this.#read(filter)
    const levels = this.#levels
    // A level is told by its hash alone. A literal that has the hash of a
    // wildcard is taken for one, which lets more topics through, but none slip.
    const singleLevel = fold(SEED, single)
    const multiLevel = fold(SEED, multi)
    const edges: number[] = []
    let hash = 0
    for (let i = 0; i < count; i++) {
      const level = levels[i]!
      let edge = level === singleLevel ? SINGLE : LITERAL
      if (level === multiLevel && (multis > 1 || i === count - 1)) {
        // What stands between the first and the last multi-level wildcard has no edges.
        i = levels.lastIndexOf(level, count - 1)
        edge = MULTI + count - 1 - i
      }
      edges.push(edge)
      hash = fold(hash, edge === LITERAL ? level : edge)
    }
    return { edges, hash: hash >> 1 }
  }

  /** Puts a filter or topic into `#units` and its levels into `#levels`; returns how many these are. */
  #read(text: string): number {
    const { separator, multi } = this.#rules
    // In `prefix` every unit is a level, in `exact` the whole text.
    const apart = separator < 0 && multi >= 0
    if (this.#units.length < text.length) this.#units = new Uint16Array(2 * text.length)
    const units = this.#units
    const levels = this.#levels
    let count = 0
    let hash = SEED
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      units[i] = unit
      if (unit !== separator) hash = fold(hash, unit)
      if (unit === separator || apart) {
        levels[count++] = hash
        hash = SEED
      }
    }
    if (!apart) levels[count++] = hash
    return count
  }
}

function newShape(): Shape {
  return { edges: [undefined, undefined], uses: 0 }
}

function fold(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193)
}

/** Sorts by `order`, in place; for the usual few, insertion is far cheaper than `sort`. */
function inOrder<T>(found: Entry<T>[]): readonly Entry<T>[] {
  if (found.length > 20) return found.sort((a, b) => a.order - b.order)
  for (let i = 1; i < found.length; i++) {
    const entry = found[i]!
    let at = i
    for (; at > 0 && found[at - 1]!.order > entry.order; at--) found[at] = found[at - 1]!
    found[at] = entry
  }
  return found
}

/** Each once: where two shapes happen to give a topic the same hash, both lead to all entries of it. */
function targetsOf<T>(found: readonly Entry<T>[]): T[] {
  const targets = new Array<T>(found.length)
  let count = 0
  for (let i = 0; i < found.length; i++) {
    const entry = found[i]!
    if (i === 0 || entry !== found[i - 1]) targets[count++] = entry.target
  }
  if (count < targets.length) targets.length = count
  return targets
}
