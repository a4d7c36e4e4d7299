/**
 * A subscription as an async iterator: `next()` takes the next message, leaving
 * the loop ends the subscription. Calls of `next()` that have to wait stand in
 * line; waiting calls and messages in the queue are never both there for long.
 *
 * Layer 12.
 */
import type { BusbarError } from '../errors.ts'
import { handled } from '../promises.ts'
import { Consumer, type ConsumerOptions } from './consumer.ts'
import type { Delivery } from './delivery.ts'
import type { MessageQueue } from './queue.ts'
import { Ring } from './ring.ts'
import type { QueueHost } from './rules.ts'
import type { Hand } from './timetable.ts'
import type { View } from './view.ts'

type Result = IteratorResult<View, undefined>

export class Iteration extends Consumer implements AsyncIterableIterator<View, undefined> {
  /** Ends the subscription; what is in hand has been put down by then. */
  readonly #leave: () => void
  readonly #waiting = new Ring<(result: Result) => void>()
  /** Taken and not settled, the oldest first; few, so an array is faster than a set. */
  readonly #inHand: Delivery[] = []
  /** With `concurrency: 1`, where the one stands that is in hand. */
  readonly #hand: Hand = { delivery: undefined, isUnstamped: false }
  #isOver = false

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, options: ConsumerOptions, leave: () => void) {
    super(queue, host, options)
    this.#leave = leave
  }

  get iterator(): this {
    return this
  }

  get running(): Delivery[] {
    return [...this.#inHand]
  }

  get isFree(): boolean {
    return !this.#waiting.isEmpty && !this.isPaused
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    this.#makeRoomInHand()
    if (this.#isOver) return Promise.resolve(done())
    const { host, queue } = this
    const canTake = this.#waiting.isEmpty && !this.isPaused && !host.mustYield()
    const delivery = canTake ? queue.take() : undefined
    if (delivery !== undefined) return Promise.resolve(this.#hold(delivery))
    const result = new Promise<Result>((resolve) => this.#waiting.push(resolve))
    host.ready(queue)
    return result
  }

  /** Leaves the loop: what is in hand counts as nacked, the subscription ends. */
  async return(value?: undefined): Promise<Result> {
    this.#leave()
    // What was in hand when the subscription ended another way.
    for (const delivery of this.running) delivery.holder?.settle({ outcome: 'nack' })
    return { done: true, value }
  }

  /** As `return`, and rejects with `error`. */
  throw(error?: unknown): Promise<Result> {
    void this.return()
    return handled(Promise.reject(error)) // whoever threw it knows it already
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** The message in hand goes first: the next one may have the same key. */
  override take(): Delivery | undefined {
    if (this.queue.counts.queued > 0) this.#makeRoomInHand()
    return super.take()
  }

  deliver(delivery: Delivery): void {
    const resolve = this.#waiting.shift()
    if (resolve !== undefined) return resolve(this.#hold(delivery))
    // The ack before has ended the subscription: somebody watched it.
    this.queue.giveBack(delivery)
    this.host.workload.done()
  }

  settled(delivery: Delivery): void {
    if (this.#inHand[0] === delivery) this.#inHand.shift()
    else {
      const index = this.#inHand.indexOf(delivery)
      if (index < 0) return
      this.#inHand.splice(index, 1)
    }
    this.host.workload.done()
  }

  giveUpOn(delivery: Delivery): void {
    this.settled(delivery)
    this.host.moved(this.queue)
  }

  /** Nobody waits any longer. */
  override end(reason: BusbarError, abandons: boolean): void {
    super.end(reason, abandons)
    this.#isOver = true
    while (!this.#waiting.isEmpty) this.#waiting.shift()?.(done())
  }

  /** Asking for more than may be in hand acks the oldest. */
  #makeRoomInHand(): void {
    while (this.#inHand.length >= this.concurrency) {
      const oldest = this.#inHand[0]
      // Somebody may have been told of its end before it is taken out of here.
      if (oldest?.state !== 'inFlight') return
      this.settle(oldest, undefined)
    }
  }

  #hold(delivery: Delivery): Result {
    this.#inHand.push(delivery)
    const hand = this.concurrency > 1 ? { delivery, isUnstamped: false } : this.#hand
    hand.delivery = delivery
    this.queue.times.beginAckWait(hand)
    return { done: false, value: this.hand(delivery) }
  }
}

function done(): Result {
  return { done: true, value: undefined }
}
