/**
 * The text at hand, taken apart once: its units, and its levels as hashes.
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
  units: Uint16Array = new Uint16Array(128)
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

  constructor({ separator, multi }: Rules) {
    this.#separator = separator
    this.#isApart = separator < 0 && multi >= 0
  }

  /** The hash of all levels in their places. */
  get sum(): number {
    return this.sums[this.count]!
  }

  read(text: string): void {
    if (this.units.length < text.length) this.#grow(2 * text.length)
    const separator = this.#separator
    const isApart = this.#isApart
    const units = this.units
    this.count = 0
    let hash = SEED
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      units[i] = unit
      if (unit !== separator) hash = fold(hash, unit)
      if (unit === separator || isApart) {
        this.#push(hash)
        hash = SEED
      }
    }
    if (!isApart) this.#push(hash)
  }

  #push(level: number): void {
    const place = this.count++
    this.levels[place] = level
    this.placed[place] = placedHash(level, place)
    this.sums[place + 1] = this.sums[place]! + this.placed[place]!
  }

  /** A text has at most one level more than it has units, and none is longer than 128 without having been here. */
  #grow(length: number): void {
    this.units = new Uint16Array(length)
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
  let hash = level ^ Math.imul(place, GOLDEN)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function fold(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193)
}
