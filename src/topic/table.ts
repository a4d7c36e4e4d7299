/**
 * Targets by the hashes of their filters: a hash table with open addressing.
 * A hash and its target lie side by side, and what has the same hash lies close
 * together, so that who looks one up waits for the memory once.
 *
 *     place   0   1   2   3   4   5   6   7
 *           | h1  a | h1  b | .   . | h3  c |    a hash may be at home in 0, 2, 4, 6
 *
 * Layer 2.
 */
import { none } from '../none.ts'
import { Targets } from './targets.ts'

/** Targets of one hash that lie in the table; there may be a million of others, which would make it slow. */
const CLOSE = 8

/** Places of the smallest table. */
const FEW = 16

export class Table<T extends object> {
  /** As drawn above; at most half of the places are taken. */
  #slots: (number | T | undefined)[] = emptySlots(FEW)
  #taken = 0
  /** Targets that have found `CLOSE` others of their hash in the table. */
  readonly #crowds = new Targets<number, T>()

  /** Targets in the table, crowds, and places beyond those that are always there. */
  get size(): number {
    return this.hashCount + this.#slots.length - FEW
  }

  /** Hashes held, those of several targets several times. */
  get hashCount(): number {
    return this.#taken + this.#crowds.size
  }

  *hashes(): Iterable<number> {
    yield* this.#crowds.keys()
    for (let at = 0; at < this.#slots.length; at += 2) {
      const hash = this.#slots[at]
      if (typeof hash === 'number') yield hash
    }
  }

  /** @returns the place of a target with this hash, -1 when there is none in the table */
  first(hash: number): number {
    return this.#seek(hash, hash << 1)
  }

  /** The place of the next one. */
  next(hash: number, at: number): number {
    return this.#seek(hash, at + 2)
  }

  target(at: number): T {
    return this.#slots[at + 1] as T // beside each hash is a target
  }

  /** Further targets with this hash. */
  crowd(hash: number): readonly T[] {
    return this.#crowds.size === 0 ? none : this.#crowds.all(hash)
  }

  add(hash: number, target: T): void {
    let known = 0
    for (let at = this.first(hash); at >= 0; at = this.next(hash, at)) known++
    if (known >= CLOSE) return this.#crowds.add(hash, target)
    if (++this.#taken * 4 > this.#slots.length) this.#resize(2)
    this.#put(hash, target)
  }

  /** @returns whether `target` was there */
  remove(hash: number, target: T): boolean {
    if (this.#crowds.remove(hash, target)) return true
    let at = this.first(hash)
    while (at >= 0 && this.target(at) !== target) at = this.next(hash, at)
    if (at < 0) return false
    const slots = this.#slots
    let moved: number | T | undefined = slots[at]
    // What follows is put in anew, lest the search for it ends at the gap.
    for (; typeof moved === 'number'; moved = slots[at]) {
      const other = this.target(at)
      slots[at] = slots[at + 1] = undefined
      if (other !== target) this.#put(moved, other)
      at = (at + 2) & (slots.length - 1)
    }
    if (--this.#taken * 16 < slots.length && slots.length > FEW) this.#resize(0.5)
    return true
  }

  /** From place to place, until the hash is there or nothing. */
  #seek(hash: number, from: number): number {
    const slots = this.#slots
    for (let at = from; ; at += 2) {
      at &= slots.length - 1
      const found = slots[at]
      if (found === hash) return at
      if (found === undefined) return -1
    }
  }

  #put(hash: number, target: T): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let at = (hash << 1) & mask
    while (slots[at] !== undefined) at = (at + 2) & mask
    slots[at] = hash
    slots[at + 1] = target
  }

  #resize(times: number): void {
    const old = this.#slots
    this.#slots = emptySlots(old.length * times)
    for (let at = 0; at < old.length; at += 2) {
      const hash = old[at]
      if (typeof hash === 'number') this.#put(hash, old[at + 1] as T) // beside each hash is a target
    }
  }
}

function emptySlots<T>(length: number): (number | T | undefined)[] {
  return new Array<number | T | undefined>(length).fill(undefined)
}
