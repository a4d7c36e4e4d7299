/**
 * Topics that come in turn: sensors that are asked one after the other, the
 * steps of a job, one topic all the time. They are written down until the first
 * of them comes back; from then on each has to be compared with the one whose
 * turn it is, and not looked up, which is a walk through memory when they are many.
 *
 *     a b c a b c a  ->  [ a b c ]  ->  b? c? a? b? ...
 *
 * A topic out of turn changes nothing, but when there were too many of them, or
 * the first one did not come back, there is a rest before the next try, so that
 * topics in no order cost little more. Each try may be longer than the last.
 * While it rests it expects what came last to come again, now and then.
 *
 * Layer 1.
 */

/** A round of 10 000 topics fits into it. */
const CAPACITY = 16_384

/** Misses that are borne for each topic that was written down. */
const PATIENCE = 4

/** Misses to rest for each topic that was written down in vain. */
const REST = 32

/** While it rests it expects one topic in so many: to compare topics that differ only in the end takes long. */
const LOOKS = 16

/** What stands for topics while none is expected: the empty text is no topic. */
const NONE: (string | undefined)[] = ['', undefined]

/** What was found for topics; nothing of it may change before `clear()`. */
export class Round<V extends object> {
  /** A topic, what was found for it, and so on. */
  #turns: (string | V | undefined)[] = NONE
  /** The place of the topic whose turn it is, or the end; 0 until the first one has come back. */
  #at = 0
  /** Whether it is not resting. */
  #isTrying = false
  /** Misses until the rest is over, or the try, once the first topic has come back. */
  #left = 0
  /** Topics that this try, or the next one, may write down. */
  #most = 1

  /** Topics written down. */
  get size(): number {
    return this.#isTrying ? this.#turns.length / 2 : 0
  }

  /** What was found for `topic`, if it is its turn. */
  next(topic: string): V | undefined {
    const turns = this.#turns
    const at = this.#at < turns.length ? this.#at : 0
    if (topic !== turns[at]) return undefined
    this.#at = at + 2
    return turns[at + 1] as V | undefined // behind each topic is what was found for it
  }

  /** It was not its turn, and `value` was found for `topic`. */
  learn(topic: string, value: V): void {
    if (this.#left-- === 0) this.#change()
    if (!this.#isTrying) this.#turns = this.#left % LOOKS === 0 ? [topic, value] : NONE
    else if (this.#at === 0) this.#write(topic, value)
  }

  clear(): void {
    this.#rest(0)
    this.#most = 1
  }

  #write(topic: string, value: V): void {
    this.#turns.push(topic, value)
    // When there is no room left, the first one has to come next.
    this.#left = this.size < this.#most ? PATIENCE * this.size : 0
  }

  #change(): void {
    const { size } = this
    if (this.#isTrying) {
      this.#most = size < CAPACITY ? Math.min(CAPACITY, 2 * size) : 1
      this.#rest(REST * size)
    } else {
      this.#isTrying = true
      this.#at = 0
      this.#turns = []
    }
  }

  #rest(misses: number): void {
    this.#isTrying = false
    this.#left = misses
    this.#at = 0
    this.#turns = NONE
  }
}
