/**
 * Many deadlines, and which comes first: a four-ary heap that knows where each
 * of its items stands, so that an item can be moved or taken out without a
 * search and nothing that is over stays in memory.
 *
 *   #items [a b c d e f ...]   the four children of i stand at 4i+1 ... 4i+4
 *   #times [3 5 4 9 8 5 ...]   beside them, so that comparing reads no object
 *
 * Layer 3.
 */
/** What can stand in one `Deadlines`. */
export interface Timed {
  /** Where it stands; -1 when it has no deadline. Written by `Deadlines` only. */
  position: number
  /** Of two items due at the same time the lower one comes first. */
  readonly order: number
}

export class Deadlines<T extends Timed> {
  readonly #items: T[] = []
  readonly #times: number[] = []

  get size(): number {
    return this.#items.length
  }

  /** The earliest deadline; `Infinity` when there is none. */
  get next(): number {
    return this.#times[0] ?? Infinity
  }

  items(): readonly T[] {
    return this.#items
  }

  /** @returns the deadline of an item, `Infinity` when it has none */
  timeOf(item: T): number {
    return this.#times[item.position] ?? Infinity
  }

  /** Gives an item its deadline, or another one. */
  set(item: T, time: number): void {
    if (item.position < 0) this.#rise(item, time, this.#items.length)
    else if (time < this.timeOf(item)) this.#rise(item, time, item.position)
    else this.#sink(item, time, item.position)
  }

  delete(item: T): void {
    const hole = item.position
    if (hole < 0) return
    item.position = -1
    const last = this.#items.pop() as T // the heap holds at least `item`
    const time = this.#times.pop() as number
    if (last === item) return
    const parent = (hole - 1) >> 2
    if (hole > 0 && this.#precedes(last, time, parent)) this.#rise(last, time, hole)
    else this.#sink(last, time, hole)
  }

  /** Takes out the earliest item if its deadline is not after `now`. */
  takeDue(now: number): T | undefined {
    if (this.next > now) return undefined
    const item = this.#items[0] as T // `next` would be Infinity otherwise
    this.delete(item)
    return item
  }

  /** The latest of the items that are `wanted`; looks at all of them, because the heap knows only the earliest. */
  last(wanted: (item: T) => boolean): T | undefined {
    let last: T | undefined
    for (const item of this.#items) {
      if (wanted(item) && (last === undefined || this.#precedes(last, this.timeOf(last), item.position))) last = item
    }
    return last
  }

  clear(): void {
    for (const item of this.#items) item.position = -1
    this.#items.length = this.#times.length = 0
  }

  #precedes(item: T, time: number, index: number): boolean {
    const other = this.#times[index] as number
    return time < other || (time === other && item.order < (this.#items[index] as T).order)
  }

  #place(item: T, time: number, index: number): void {
    this.#items[index] = item
    this.#times[index] = time
    item.position = index
  }

  /** Moves parents down from `index` until `item` fits. */
  #rise(item: T, time: number, index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 2
      if (!this.#precedes(item, time, parent)) break
      this.#place(this.#items[parent] as T, this.#times[parent] as number, index)
      index = parent
    }
    this.#place(item, time, index)
  }

  /** Moves the earliest children up to `index` until `item` fits. */
  #sink(item: T, time: number, index: number): void {
    for (;;) {
      const child = this.#earliestChild(index)
      if (child < 0 || this.#precedes(item, time, child)) break
      this.#place(this.#items[child] as T, this.#times[child] as number, index)
      index = child
    }
    this.#place(item, time, index)
  }

  #earliestChild(index: number): number {
    const first = index * 4 + 1
    const end = Math.min(first + 4, this.#items.length)
    let best = first < end ? first : -1
    for (let i = first + 1; i < end; i++) {
      if (this.#precedes(this.#items[i] as T, this.#times[i] as number, best)) best = i
    }
    return best
  }
}
