/**
 * A first-in-first-out queue in one array whose length is a power of two, used
 * in a circle: taking from the front moves nothing.
 *
 *        #head        #head + length
 *          v            v
 *   [ . .  a  b  c  d  .  . ]      index = (#head + i) & (capacity - 1)
 *
 * Layer 2.
 */
const SMALLEST = 8

export class Ring<T> {
  #slots: (T | undefined)[] = []
  #head = 0
  #length = 0
  /** Below this length there are too many slots. */
  #shrinkAt = 0

  get length(): number {
    return this.#length
  }

  /** The first item, without taking it. */
  get first(): T | undefined {
    return this.#slots[this.#head]
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#resize(Math.max(SMALLEST, this.#length * 2))
    this.#slots[(this.#head + this.#length++) & (this.#slots.length - 1)] = item
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const slots = this.#slots
    const head = this.#head
    const item = slots[head]
    slots[head] = undefined
    this.#head = (head + 1) & (slots.length - 1)
    if (--this.#length < this.#shrinkAt) this.#resize(slots.length >> 1)
    return item
  }

  /** Puts `item` before all at the end that come after it; cheap when it belongs near the end. */
  insert(item: T, comesAfter: (other: T, item: T) => boolean): void {
    this.push(item)
    const mask = this.#slots.length - 1
    let index = this.#length - 1
    for (; index > 0; index--) {
      const other = this.#slots[(this.#head + index - 1) & mask] as T // within the length
      if (!comesAfter(other, item)) break
      this.#slots[(this.#head + index) & mask] = other
    }
    this.#slots[(this.#head + index) & mask] = item
  }

  /** Takes out whatever is not to be kept; the order of the rest stays. */
  keep(wanted: (item: T) => boolean): void {
    const kept = this.toArray().filter(wanted)
    this.clear()
    for (const item of kept) this.push(item)
  }

  clear(): void {
    this.#slots = []
    this.#head = this.#length = this.#shrinkAt = 0
  }

  toArray(): T[] {
    return this.#copy(this.#length) as T[] // all slots within the length are filled
  }

  /** The items, from the beginning of a new array. */
  #copy(capacity: number): (T | undefined)[] {
    const slots = this.#slots
    const mask = slots.length - 1
    const copy: (T | undefined)[] = new Array(capacity)
    // Array.from with a function takes five times as long, which pushing would pay when the ring grows.
    for (let i = 0; i < this.#length; i++) copy[i] = slots[(this.#head + i) & mask]
    return copy
  }

  #resize(capacity: number): void {
    this.#slots = this.#copy(capacity)
    this.#head = 0
    // A burst must not pin its memory for ever; the gap to the growing size keeps a steady queue from copying.
    this.#shrinkAt = capacity > 1024 ? capacity >> 3 : 0
  }
}
