/**
 * Deadlines that come in the order in which they end, as those do that have
 * been set one after the other and are all as long: a list, to which the next
 * is added without looking at the others.
 *
 *   #items [. . a b . c d]   what was taken out leaves a gap, until there are too many
 *   #times [3 3 4 4 4 7 9]
 *               ^ #first
 *
 * Layer 2.
 */
import { NOWHERE, type Timed } from './timed.ts'

/** Gaps that there may be beside as many items. */
const SWEEP_AT = 64
/** The position of the first; those after it are below. A heap has the positions from 0 up. */
const FIRST = NOWHERE - 1

export class Run<T extends Timed> {
  readonly #items: (T | undefined)[] = []
  readonly #times: number[] = []
  /** The index of the first item; what is before it is gone. */
  #first = 0
  #size = 0
  #lastOrder = 0

  get size(): number {
    return this.#size
  }

  get first(): T | undefined {
    return this.#items[this.#first]
  }

  /** The earliest deadline; `Infinity` when there is none. */
  get next(): number {
    return this.#times[this.#first] ?? Infinity
  }

  items(): T[] {
    return this.#items.filter((item) => item !== undefined)
  }

  has({ position }: T): boolean {
    return position <= FIRST
  }

  timeOf(item: T): number {
    return this.#times[FIRST - item.position] as number // it stands here
  }

  /** @returns whether it comes after all others; else it does not stand here */
  add(item: T, time: number): boolean {
    const { order } = item
    const last = this.#times[this.#times.length - 1] ?? -Infinity
    if (time < last || (time === last && order < this.#lastOrder)) return false
    this.#lastOrder = order
    item.position = FIRST - this.#items.length
    this.#items.push(item)
    this.#times.push(time)
    this.#size++
    return true
  }

  delete(item: T): void {
    this.#items[FIRST - item.position] = undefined
    item.position = NOWHERE
    this.#size--
    const { length } = this.#items
    if (this.#size === 0 || length - this.#size > this.#size + SWEEP_AT) this.#sweep()
    else while (this.first === undefined) this.#first++
  }

  clear(): void {
    for (const item of this.items()) item.position = NOWHERE
    this.#size = 0
    this.#sweep()
  }

  #sweep(): void {
    const items = this.#items
    const times = this.#times
    let index = 0
    for (let i = this.#first; index < this.#size; i++) {
      const item = items[i]
      if (item === undefined) continue
      item.position = FIRST - index
      items[index] = item
      times[index++] = times[i] as number // as long as the items
    }
    items.length = times.length = index
    this.#first = 0
  }
}
