/**
 * The shape of a filter: how many levels it has, and which of them are
 * wildcards. What a topic and a filter of some shape have in common, if they
 * match, is a hash; this says which.
 *
 * Layer 3. `matcher.ts` says what that is good for.
 */
import type { Rules } from './dialect.ts'
import { levelHash, placedHash, type Reading } from './reading.ts'

/** What filters with the same wildcards in the same places have in common. */
export interface Shape {
  /** Levels in front of the first multi-level wildcard, or all of them. */
  readonly front: number
  /** Places of the single-level wildcards among these. */
  readonly singles: readonly number[]
  /** Whether each level behind the last multi-level wildcard is a literal, the last one first; undefined without such a wildcard. */
  readonly back: readonly boolean[] | undefined
  /** Tells the hashes of this shape from those of the others. */
  readonly seed: number
  /** By which it is found again. */
  readonly key: string
  /** Targets under its filters; a shape without any is taken out. */
  uses: number
}

/** Whether a topic of `count` levels can match a filter of this shape. */
export function hasRoom({ front, back }: Shape, count: number): boolean {
  return back === undefined ? count === front : count >= front + back.length
}

/**
 * The hash of the filters of this shape that match the text at hand; of a
 * filter, its own.
 */
export function hashUnder(shape: Shape, at: Reading): number {
  const { placed, sums } = at
  const { singles, back } = shape
  // Each step to 32 bits, so that it stays an integer.
  let hash = (shape.seed + sums[shape.front]!) | 0
  for (let i = 0; i < singles.length; i++) hash = (hash - placed[singles[i]!]!) | 0
  return short(back === undefined || back.length === 0 ? hash : hash + hashBehind(back, at))
}

/** Levels behind a multi-level wildcard are counted from the end. */
function hashBehind(back: readonly boolean[], { count, levels }: Reading): number {
  let hash = 0
  for (let i = 0; i < back.length; i++) if (back[i]) hash = (hash + placedHash(levels[count - 1 - i]!, -1 - i)) | 0
  return hash
}

/** Engines keep integers of 31 bits without a heap object. */
export function short(hash: number): number {
  return hash >> 1
}

/** The shape of the filter at hand as a text: `+`, `#`, and `/` for a literal level. */
export function keyOf({ levels, count }: Reading, { single, multi, multis }: Rules): string {
  // A level is told by its hash alone. A literal that has the hash of a
  // wildcard is taken for one, which lets more topics through, but none slip.
  const one = levelHash(single)
  const several = levelHash(multi)
  let key = ''
  for (let i = 0; i < count; i++) {
    // Where there may be only one, it is the last level; a level that looks like it elsewhere is none.
    const isMulti = levels[i] === several && (multis > 1 || i === count - 1)
    key += isMulti ? '#' : levels[i] === one ? '+' : '/'
  }
  // What stands between two of them makes no difference.
  return key.replace(/#.*#/, '#')
}

/** @param seed any, but no two shapes should have the same */
export function shapeOf(key: string, seed: number): Shape {
  const [front = '', behind] = key.split('#')
  const singles = front.split('').flatMap((level, place) => (level === '+' ? place : []))
  const back = behind
    ?.split('')
    .map((level) => level === '/')
    .reverse()
  return { front: front.length, singles, back, seed, key, uses: 0 }
}
