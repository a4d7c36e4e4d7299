/**
 * A set of hashes that may say yes by mistake, but never no: a bit for each, in
 * so few bytes that they stay near the processor.
 *
 * Layer 1.
 */

/** A word has 32 bits, so at most one hash in sixteen passes that should not. */
const MARKS_PER_WORD = 2

/** Words that are never given back. */
const FEW = 64

/** Whoever knows what has to be in a sieve. */
export interface Hashes {
  /** How many there are. */
  readonly hashCount: number
  hashes(): Iterable<number>
}

export class Sieve {
  #words = new Int32Array(1)
  /** Bits set, at most. */
  #marks = 0

  /** Words beyond those that are always there. */
  get size(): number {
    return Math.max(0, this.#words.length - FEW)
  }

  has(hash: number): boolean {
    const words = this.#words
    return ((words[(hash >>> 5) & (words.length - 1)]! >>> hash) & 1) !== 0
  }

  /** @param all the hashes that count, `hash` among them; read when there are too many that no longer do */
  add(hash: number, all: Hashes): void {
    if (this.has(hash)) return
    if (++this.#marks > this.#words.length * MARKS_PER_WORD) this.#renew(all)
    else this.#mark(hash)
  }

  /** Gives room back when few are left: to be called after one has gone. */
  shrink(all: Hashes): void {
    if (this.#words.length > all.hashCount * 4 + FEW) this.#renew(all)
  }

  /** Leaves out what no longer counts, and makes room for as many again. */
  #renew(all: Hashes): void {
    this.#marks = all.hashCount
    this.#words = new Int32Array(2 ** Math.ceil(Math.log2(all.hashCount + 1)))
    for (const hash of all.hashes()) this.#mark(hash)
  }

  #mark(hash: number): void {
    this.#words[(hash >>> 5) & (this.#words.length - 1)]! |= 1 << hash
  }
}
