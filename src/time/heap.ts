/**
 * Deadlines that come in any order: a four-ary heap that knows where each of
 * its items stands, so that an item can be moved or taken out without a search
 * and nothing that is over stays in memory.
 *
 *   #items [a b c d e f ...]   the four children of i stand at 4i+1 ... 4i+4
 *   #times [3 5 4 9 8 5 ...]   beside them, so that comparing reads no object
 *
 * Layer 2.
 */
import { NOWHERE, type Timed } from './timed.ts'

export class Heap<T extends Timed> {
  readonly #items: T[] = []
  readonly #times: number[] = []

  /** Where each stands is its position. */
  get items(): readonly T[] {
    return this.#items
  }

  /** The earliest deadline; `Infinity` when there is none. */
  get next(): number {
    return this.#times[0] ?? Infinity
  }

  timeOf(item: T): number {
    return this.#times[item.position] as number // it stands here
  }

  /** Gives an item its deadline, or another one. */
  set(item: T, time: number): void {
    if (item.position === NOWHERE) this.#rise(item, time, this.#items.length)
    else if (time < this.timeOf(item)) this.#rise(item, time, item.position)
    else this.#sink(item, time, item.position)
  }

  delete(item: T): void {
    const hole = item.position
    item.position = NOWHERE
    const last = this.#items.pop() as T // the heap holds at least `item`
    const time = this.#times.pop() as number
    if (last === item) return
    const parent = (hole - 1) >> 2
    if (hole > 0 && this.#precedes(last, time, parent)) this.#rise(last, time, hole)
    else this.#sink(last, time, hole)
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
