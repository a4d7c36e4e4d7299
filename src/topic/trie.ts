/**
 * Finds the targets of all filters that match a topic.
 *
 * A trie of the *shapes* of filters. An edge says what kind of level comes
 * next, not which: a literal, a single-level wildcard, or a multi-level
 * wildcard with so many levels behind it. `a/+/c`, `b/+/d` and a thousand like
 * them share one path, `literal, single, literal`; a program has many filters
 * but few shapes. A topic walks all paths that have room for it, once each.
 * On the way it folds the levels that it has where the shape has literals into
 * a hash, and at the end looks up the filters with that hash:
 *
 *     a/b/c ──▶ shapes ──▶ hash(a, +, c), hash(a, b, #) … ──▶ sieve ──▶ entries ──▶ matches?
 *
 * Most hashes lead nowhere, so a sieve of a few bits a filter, small enough to
 * stay near the processor, stops them. A hash proves nothing, so every filter
 * found is laid upon the topic before it counts: what comes before only has to
 * let no match slip through.
 *
 * Layer 1.
 */
import { rulesOf, type Dialect, type Rules } from './dialect.ts'
import { matches } from './params.ts'

/** Edges of a shape. From `MULTI` on, `edge - MULTI` is the number of levels behind the wildcard. */
const LITERAL = 0
const SINGLE = 1
const MULTI = 2

/** Where a hash begins (FNV-1a). */
const SEED = 0x811c9dc5 | 0

/** A word has 32 bits, so at most one hash in sixteen passes the sieve that should not. */
const MARKS_PER_WORD = 2

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
  /** The entries before and after it with the same hash; nearly always they have the same filter. */
  before: Entry<T> | undefined
  after: Entry<T> | undefined
}

/**
 * Targets by filter. Filters and topics have been checked, and no target is
 * under two filters at a time.
 */
export class TopicTrie<T> {
  readonly #dialect: Dialect
  readonly #rules: Rules
  readonly #root: Shape = newShape()
  /** The newest entry of each hash. */
  readonly #entries = new Map<number, Entry<T>>()
  /** The other entries, by target. */
  readonly #others = new Map<T, Entry<T>>()
  /** One bit set for each hash in `#entries`, and for those removed since it was made. */
  #sieve = new Int32Array(1)
  /** Bits set in `#sieve`, at most. */
  #marks = 0
  /** Hashes of the levels of the text at hand; kept to spare an array each time. */
  readonly #levels: number[] = []
  /** Hashes that the topic at hand has reached and the sieve has passed. */
  #reached: number[] = []
  #count = 0
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

  /** What is kept for them, in nodes, hashes and words of the sieve; hardly anything when there are none. */
  get nodeCount(): number {
    return this.#shapes + this.#entries.size
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
      // Every target has its whole path.
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
    this.#count = 0
    this.#walk(this.#root, 0, 0, this.#read(topic))
    let found: Entry<T>[] | undefined
    for (let i = 0; i < this.#count; i++) {
      const newest = this.#entries.get(this.#reached[i]!)
      if (newest !== undefined) found = this.#prove(newest, topic, found)
    }
    return found === undefined ? none : targetsOf(inOrder(found))
  }

  #prove(newest: Entry<T>, topic: string, found: Entry<T>[] | undefined): Entry<T>[] | undefined {
      let { filter } = newest
      let hit = matches(filter, topic, this.#dialect)
      for (let entry: Entry<T> | undefined = newest; entry !== undefined; entry = entry.before) {
        if (entry.filter !== filter) hit = matches((filter = entry.filter), topic, this.#dialect)
        if (hit) { if (found === undefined) found = [entry]; else found.push(entry) }
      }
      return found
  }

  /** Follows all paths on from `shape`, the levels before `level` being behind it, folded into `hash`. */
  #walk(shape: Shape, level: number, hash: number, count: number): void {
    for (;;) {
      const { edges } = shape
      for (let edge = MULTI; edge < edges.length; edge++) {
        const next = edges[edge]
        const behind = count - (edge - MULTI)
        if (next !== undefined && level <= behind) this.#walk(next, behind, fold(hash, edge), count)
      }
      if (level === count) {
        if (isMarked(this.#sieve, hash >> 1)) this.#reached[this.#count++] = hash >> 1
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

  #enter(hash: number, filter: string, target: T): void {
    const before = this.#entries.get(hash)
    // One string for all of them: then comparing filters is comparing addresses.
    const text = before?.filter === filter ? before.filter : filter
    const entry: Entry<T> = { filter: text, target, order: this.#order++, before, after: undefined }
    this.#entries.set(hash, entry)
    if (before !== undefined) {
      before.after = entry
      this.#others.set(before.target, before)
    } else if (++this.#marks > this.#sieve.length * MARKS_PER_WORD) {
      this.#sift()
    } else {
      mark(this.#sieve, hash)
    }
  }

  #takeOut(hash: number, filter: string, target: T): boolean {
    const newest = this.#entries.get(hash)
    const entry = newest?.target === target ? newest : this.#others.get(target)
    if (entry?.filter !== filter) return false
    const { before, after } = entry
    if (before !== undefined) before.after = after
    if (after !== undefined) {
      after.before = before
      this.#others.delete(target)
    } else if (before !== undefined) {
      this.#entries.set(hash, before)
      this.#others.delete(before.target)
    } else {
      this.#entries.delete(hash)
      if (this.#sieve.length > this.#entries.size * 4 + 64) this.#sift()
    }
    return true
  }

  /** Makes the sieve anew, without the marks of what was removed and with room for as many again. */
  #sift(): void {
    this.#marks = this.#entries.size
    this.#sieve = new Int32Array(2 ** Math.ceil(Math.log2(this.#marks + 1)))
    for (const hash of this.#entries.keys()) mark(this.#sieve, hash)
  }

  /** The way of `filter` from the root, and the hash that a topic has at its end if they match. */
  #path(filter: string): { readonly edges: readonly number[]; readonly hash: number } {
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
      if (level === multiLevel && (multis > 1 || i === count - 1)) {
        // What stands between the first and the last multi-level wildcard has no edges.
        i = levels.lastIndexOf(multiLevel, count - 1)
        edges.push(MULTI + count - 1 - i)
      } else {
        edges.push(level === singleLevel ? SINGLE : LITERAL)
      }
      const edge = edges.at(-1)!
      hash = fold(hash, edge === LITERAL ? level : edge)
    }
    return { edges, hash: hash >> 1 }
  }

  /** Hashes the levels of a filter or topic into `#levels`; returns how many there are. */
  #read(text: string): number {
    const { separator, multi } = this.#rules
    // In `prefix` every unit is a level, in `exact` the whole text.
    const units = separator < 0 && multi >= 0
    const levels = this.#levels
    let count = 0
    let hash = SEED
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit !== separator) hash = fold(hash, unit)
      if (unit === separator || units) {
        levels[count++] = hash
        hash = SEED
      }
    }
    if (!units) levels[count++] = hash
    return count
  }
}

function newShape(): Shape {
  return { edges: [undefined, undefined], uses: 0 }
}

function fold(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193)
}

function isMarked(sieve: Int32Array, hash: number): boolean {
  return ((sieve[(hash >>> 5) & (sieve.length - 1)]! >>> hash) & 1) !== 0
}

function mark(sieve: Int32Array, hash: number): void {
  sieve[(hash >>> 5) & (sieve.length - 1)]! |= 1 << hash
}

/** Sorts by `order`, in place: a few by insertion, which is an eighth of the price of `sort`. */
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

function targetsOf<T>(found: readonly Entry<T>[]): T[] {
  const targets = new Array<T>(found.length)
  for (let i = 0; i < targets.length; i++) targets[i] = found[i]!.target
  return targets
}
