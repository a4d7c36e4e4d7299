/**
 * Those among whom the messages of a queue are shared out in turn.
 *
 * Layer 8.
 */
import type { Taker } from './rules.ts'

export class Rotation {
  readonly #consumers: Taker[] = []
  /** Whose turn it is. */
  #turn = 0

  get size(): number {
    return this.#consumers.length
  }

  add(consumer: Taker): void {
    this.#consumers.push(consumer)
  }

  remove(consumer: Taker): void {
    const index = this.#consumers.indexOf(consumer)
    if (index >= 0) this.#consumers.splice(index, 1)
  }

  /** Whose turn it is among those that are free; it stays theirs until they are served. */
  next(): Taker | undefined {
    const consumers = this.#consumers
    for (let i = 0; i < consumers.length; i++, this.#turn++) {
      if (this.#turn >= consumers.length) this.#turn = 0
      const consumer = consumers[this.#turn]
      if (consumer?.isFree) return consumer
    }
    return undefined
  }

  /** The one whose turn it was has been given a message. */
  served(): void {
    this.#turn++
  }

  all(): Taker[] {
    return [...this.#consumers]
  }
}
