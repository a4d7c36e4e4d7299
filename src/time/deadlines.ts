/**
 * Many deadlines, and which comes first. Most are as long as the last one, so
 * they stand in a run, to which adding costs next to nothing; those that end
 * before one that was there already stand in a heap.
 *
 * Layer 3.
 */
import { Heap } from './heap.ts'
import { Run } from './run.ts'
import { NOWHERE, type Timed } from './timed.ts'

export class Deadlines<T extends Timed> {
  readonly #run = new Run<T>()
  readonly #heap = new Heap<T>()

  /** The earliest deadline; `Infinity` when there is none. */
  get next(): number {
    return Math.min(this.#run.next, this.#heap.next)
  }

  /** In no particular order. */
  items(): T[] {
    return this.#run.items().concat(this.#heap.items)
  }

  /** @returns the deadline of an item, `Infinity` when it has none */
  timeOf(item: T): number {
    if (item.position === NOWHERE) return Infinity
    return this.#placeOf(item).timeOf(item)
  }

  /** Gives an item its deadline, or another one. */
  set(item: T, time: number): void {
    if (item.position >= 0) return this.#heap.set(item, time)
    if (item.position !== NOWHERE) this.#run.delete(item)
    if (!this.#run.add(item, time)) this.#heap.set(item, time)
  }

  delete(item: T): void {
    if (item.position !== NOWHERE) this.#placeOf(item).delete(item)
  }

  /** Takes out the earliest item if its deadline is not after `now`. */
  takeDue(now: number): T | undefined {
    const item = this.next <= now ? this.#first : undefined
    if (item !== undefined) this.delete(item)
    return item
  }

  /** Whether one of them comes before an item that has this deadline and this order. */
  precedes(time: number, order: number): boolean {
    const { next } = this
    return next < time || (next === time && (this.#first?.order ?? Infinity) < order)
  }

  get #first(): T | undefined {
    const { first } = this.#run
    const other = this.#heap.items[0]
    return other === undefined || (first !== undefined && this.#precedes(first, other)) ? first : other
  }

  #placeOf({ position }: T): Run<T> | Heap<T> {
    return position < NOWHERE ? this.#run : this.#heap
  }

  #precedes(a: T, b: T): boolean {
    const [first, second] = [this.timeOf(a), this.timeOf(b)]
    return first < second || (first === second && a.order < b.order)
  }
}
