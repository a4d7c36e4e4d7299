/**
 * Those among whom the messages of a queue are shared out in turn.
 *
 * Layer 8.
 */
import type { Taker } from './rules.ts'
import type { Turn } from './turn.ts'

export class Rotation {
  #consumers: Taker[] = []
  /** Those that have left, and are not over with what they had in hand. */
  #leavers: Taker[] = []
  /** Whose turn it is. */
  #turn = 0

  get size(): number {
    return this.#consumers.length
  }

  /** Whether somebody has something in hand. */
  get isRunning(): boolean {
    return this.all().some(isBusy)
  }

  add(consumer: Taker): void {
    this.#consumers.push(consumer)
  }

  remove(consumer: Taker): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer)
    this.#leavers = [...this.#leavers, consumer].filter(isBusy)
  }

  /**
   * Lets them take up to `most` messages, one each in turn.
   * @returns whether there may be more that can be delivered
   */
  serve(most: number, turn: Turn): boolean {
    for (let left = most; left > 0; left--) {
      const consumer = this.#choose()
      const delivery = consumer?.take()
      // One that is no longer free leaves it to others.
      if (delivery === undefined) return consumer?.isFree === false
      this.#turn++
      consumer?.deliver(delivery)
      if (turn.spend()) return true
    }
    return true
  }

  /** Whose turn it is among those that are free; it stays theirs until they are served. */
  #choose(): Taker | undefined {
    const consumers = this.#consumers
    for (let i = 0; i < consumers.length; i++, this.#turn++) {
      if (this.#turn >= consumers.length) this.#turn = 0
      const consumer = consumers[this.#turn]
      if (consumer?.isFree) return consumer
    }
    return undefined
  }

  /** Also those that have left. */
  all(): Taker[] {
    return [...this.#consumers, ...this.#leavers]
  }
}

function isBusy({ running }: Taker): boolean {
  return running.length > 0
}
