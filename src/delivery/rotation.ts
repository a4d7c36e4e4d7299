/**
 * Those among whom the messages of a queue are shared out in turn.
 *
 * Layer 8.
 */
import type { Taker } from './rules.ts'

export class Rotation {
  readonly #consumers: Taker[] = []
  /** The one that there is, if there is just one. */
  #only: Taker | undefined
  /** Whose turn it is. */
  #turn = 0

  get size(): number {
    return this.#consumers.length
  }

  add(consumer: Taker): void {
    this.#consumers.push(consumer)
    this.#review()
  }

  remove(consumer: Taker): void {
    const index = this.#consumers.indexOf(consumer)
    if (index >= 0) this.#consumers.splice(index, 1)
    this.#review()
  }

  /** Whose turn it is among those that are free; it stays theirs until they are served. */
  next(): Taker | undefined {
    const only = this.#only
    if (only === undefined) return this.#choose()
    return only.isFree ? only : undefined
  }

  #choose(): Taker | undefined {
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
    if (++this.#turn >= this.#consumers.length) this.#turn = 0
  }

  #review(): void {
    this.#only = this.#consumers.length === 1 ? this.#consumers[0] : undefined
  }

  all(): Taker[] {
    return [...this.#consumers]
  }
}
