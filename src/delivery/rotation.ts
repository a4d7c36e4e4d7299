/**
 * Those among whom the messages of a queue are shared out in turn.
 *
 * Layer 6.
 */
import type { Consumer } from './rules.ts'

export class Rotation {
  readonly #consumers: Consumer[] = []
  /** Who comes after the one that was served last. */
  #turn = 0

  get size(): number {
    return this.#consumers.length
  }

  add(consumer: Consumer): void {
    this.#consumers.push(consumer)
  }

  remove(consumer: Consumer): void {
    const index = this.#consumers.indexOf(consumer)
    if (index >= 0) this.#consumers.splice(index, 1)
  }

  /** Whose turn it is among those that are free. */
  next(): Consumer | undefined {
    const consumers = this.#consumers
    for (let i = 0; i < consumers.length; i++) {
      if (this.#turn >= consumers.length) this.#turn = 0
      const consumer = consumers[this.#turn++]
      if (consumer?.isFree) return consumer
    }
    return undefined
  }

  all(): Consumer[] {
    return [...this.#consumers]
  }
}
