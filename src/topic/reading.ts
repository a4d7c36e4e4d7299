/**
 * The text at hand, taken apart once: its levels as hashes.
 * Reused from text to text, to spare the allocations.
 *
 * Layer 2.
 */
import type { Rules } from './dialect.ts'

/** The hash of no units (FNV-1a). */
const SEED = 0x811c9dc5 | 0

/** The golden ratio in 32 bits, whose multiples are far apart. */
const GOLDEN = 0x9e3779b1 | 0

export class Reading {
  /** The hash of each level; what stands behind the last level means nothing here and below. */
  levels: Int32Array = new Int32Array(128)
  /** The hash of each level in its place. */
  placed: Int32Array = new Int32Array(128)
  /** For each place the sum over the levels in front of it; one more than there are levels. */
  sums: Int32Array = new Int32Array(129)
  /** Levels of the text. */
  count = 0
  readonly #separator: number
  /** In `prefix` every unit is a level, in `exact` the whole text. */
  readonly #isApart: boolean
  /** 1 for each unit of ASCII that is not right everywhere in a topic. */
  readonly #doubts: Uint8Array
  /** 1 where no level may be empty. */
  readonly #doubtsEmpty: number

  constructor({ separator, single, multi, emptyLevels }: Rules) {
    this.#separator = separator
    this.#isApart = separator < 0 && multi >= 0
    this.#doubts = Uint8Array.from({ length: 128 }, (_, unit) => Number([0, single, multi].includes(unit)))
    this.#doubtsEmpty = Number(!emptyLevels)
  }

  /** The hash of all levels in their places. */
  get sum(): number {
    return this.sums[this.count]!
  }

  /** @returns whether it was seen on the way that there is nothing in it that a topic may not have; its length aside */
  read(text: string): boolean {
    if (this.levels.length <= text.length) this.#grow(2 * text.length)
    return this.#isApart ? this.#readUnits(text) : this.#readLevels(text)
  }

  #readLevels(text: string): boolean {
    const separator = this.#separator
    const doubts = this.#doubts
    let doubt = 0
    let i = 0
    this.count = 0
    do {
      const start = i
      let hash = SEED
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i)
        if (unit === separator) break
        doubt |= doubts[unit] ?? 1
        hash = fold(hash, unit)
      }
      if (i === start) doubt |= this.#doubtsEmpty
      this.#push(hash)
    } while (i++ < text.length)
    return doubt === 0
  }

  #readUnits(text: string): boolean {
    this.count = 0
    for (let i = 0; i < text.length; i++) this.#push(levelHash(text.charCodeAt(i)))
    return false
  }

  #push(level: number): void {
    const place = this.count++
    const hash = placedHash(level, place)
    this.levels[place] = level
    this.placed[place] = hash
    this.sums[place + 1] = this.sums[place]! + hash
  }

  /** A text has at most one level more than it has units, and none is longer than 128 without having been here. */
  #grow(length: number): void {
    this.levels = new Int32Array(length)
    this.placed = new Int32Array(length)
    this.sums = new Int32Array(length + 1)
  }
}

/** The hash of a level that is `text`. */
export function levelHash(text: number): number {
  return fold(SEED, text)
}

/**
 * The hash of a level at `place`. The same levels in other places have nothing
 * in common, so that sums of them tell one text from another.
 */
export function placedHash(level: number, place: number): number {
  const hash = Math.imul(level ^ Math.imul(place, GOLDEN), 0x85ebca6b)
  return hash ^ (hash >>> 15)
}

function fold(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193)
}
