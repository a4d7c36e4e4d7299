/**
 * Deadlines that come in the order in which they end, as those do that have
 * been set one after the other and are all as long: a list, to which the next
 * is added without looking at the others. It is kept in blocks, so that it
 * grows without being copied, and what is over goes a block at a time.
 *
 *   [. . a b] [. c d e] [f . . g] [h      what was taken out leaves a gap,
 *        ^ #first                   ^ #end      until there are too many
 *
 * Layer 2.
 */
import { NOWHERE, type Timed } from './timed.ts'

interface Block<T> {
  readonly items: (T | undefined)[]
  readonly times: number[]
}

/** Items in a block: two to this power. */
const BITS = 10
const MASK = 2 ** BITS - 1
/** Gaps that there may be beside as many items. */
const SWEEP_AT = 64
/** Indices stay below this, so that they are small integers. */
const LIMIT = 2 ** 30
/** The position of the item with index 0; the others go down from there. A heap has the positions from 0 up. */
const FIRST = NOWHERE - 1

export class Run<T extends Timed> {
  #blocks: Block<T>[] = []
  /** How many blocks are gone. */
  #gone = 0
  /** The index of the first item, and of the next one to be added. */
  #first = 0
  #end = 0
  #size = 0
  /** Of what was added last. */
  #lastTime = -Infinity
  #lastOrder = 0

  get first(): T | undefined {
    return this.#blocks[0]?.items[this.#first & MASK]
  }

  /** The earliest deadline; `Infinity` when there is none. */
  get next(): number {
    return this.#blocks[0]?.times[this.#first & MASK] ?? Infinity
  }

  items(): T[] {
    return this.#blocks.flatMap(({ items }) => items.filter((item) => item !== undefined))
  }

  timeOf(item: T): number {
    const index = FIRST - item.position
    return this.#blockOf(index).times[index & MASK] as number // it stands here
  }

  /** @returns whether it comes after all others; else it does not stand here */
  add(item: T, time: number): boolean {
    const { order } = item
    if (time < this.#lastTime || (time === this.#lastTime && order < this.#lastOrder)) return false
    if (this.#end === LIMIT) this.#sweep()
    this.#lastTime = time
    this.#lastOrder = order
    const index = this.#end & MASK
    if (index === 0) this.#grow()
    const { items, times } = this.#blockOf(this.#end)
    items[index] = item
    times[index] = time
    item.position = FIRST - this.#end++
    this.#size++
    return true
  }

  delete(item: T): void {
    const index = FIRST - item.position
    this.#blockOf(index).items[index & MASK] = undefined
    item.position = NOWHERE
    if (--this.#size === 0) this.#reset()
    else if (index === this.#first) this.#pass()
    else if (this.#end - this.#first > 2 * this.#size + SWEEP_AT) this.#sweep()
  }

  #blockOf(index: number): Block<T> {
    return this.#blocks[(index >> BITS) - this.#gone] as Block<T> // of what stands here
  }

  /** Most have few deadlines: the first block begins small. */
  #grow(): void {
    const length = this.#end === 0 ? 0 : MASK + 1
    this.#blocks.push({ items: new Array(length), times: new Array(length) })
  }

  /** The first item is gone: finds the next one, which there is. */
  #pass(): void {
    do {
      if ((++this.#first & MASK) > 0) continue
      this.#blocks.shift()
      this.#gone++
    } while (this.first === undefined)
  }

  /** Closes the gaps. */
  #sweep(): void {
    const blocks = this.#blocks
    this.#reset()
    for (const { items, times } of blocks)
      for (const [i, item] of items.entries()) if (item !== undefined) this.add(item, times[i] as number) // as many times as items
  }

  #reset(): void {
    this.#blocks = []
    this.#gone = this.#first = this.#end = this.#size = 0
    this.#lastTime = -Infinity
  }
}
