/**
 * A subscription as an async iterator: `next()` takes the next message, leaving
 * the loop ends the subscription. Calls of `next()` that have to wait stand in
 * line; waiting calls and messages in the queue are never both there for long.
 *
 * Layer 12.
 */
import type { BusbarError } from '../errors.ts'
import { refusal } from '../promises.ts'
import { Consumer } from './consumer.ts'
import type { Delivery } from './delivery.ts'
import type { MessageQueue } from './queue.ts'
import { Ring } from './ring.ts'
import type { QueueHost, Reader } from './rules.ts'
import type { Hand } from './timetable.ts'
import type { View } from './view.ts'

type Result = IteratorResult<View, undefined>

export class Iteration extends Consumer implements AsyncIterableIterator<View, undefined>, Reader {
  /** How many may be in hand. */
  readonly #concurrency: number
  /** Ends the subscription; what is in hand has been put down by then. */
  readonly #leave: () => void
  readonly #waiting = new Ring<(result: Result) => void>()
  /** Where the oldest one stands that was taken and is not settled. */
  readonly #hand: Hand = { delivery: undefined, isUnstamped: false }
  /** Those that were taken after it; few, so an array is faster than a set. */
  readonly #others: Delivery[] = []
  #isOver = false

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, concurrency: number, leave: () => void) {
    super(queue, host)
    this.#concurrency = concurrency
    this.#leave = leave
  }

  get iterator(): this {
    return this
  }

  get running(): Delivery[] {
    const oldest = this.#hand.delivery
    return oldest === undefined ? [] : [oldest, ...this.#others]
  }

  get isFree(): boolean {
    return !this.#waiting.isEmpty && !this.isPaused
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    this.queue.reader = undefined
    this.#makeRoomInHand()
    const delivery = this.#waiting.isEmpty ? this.#take() : undefined
    if (delivery !== undefined) return Promise.resolve(this.#hold(delivery))
    return this.#isOver ? Promise.resolve(done()) : this.#wait()
  }

  #wait(): Promise<Result> {
    // Nothing in there can throw, so that the engine need not make what rejects.
    let resolve!: (result: Result) => void
    const result = new Promise<Result>((resolveIt) => {
      resolve = resolveIt
    })
    this.#waiting.push(resolve)
    this.queue.reader = this
    this.host.dispatcher.ready(this.queue)
    return result
  }

  /** If nothing has to be settled for it, and nobody else could be served: that is for a turn. */
  read(): boolean {
    const { queue } = this
    const isMine = queue.counts.queued === 1 && queue.consumers.size === 1
    const mayTake = isMine && this.#hand.delivery === undefined && !this.#waiting.isEmpty
    const delivery = mayTake ? this.#take() : undefined
    if (delivery === undefined) return false
    this.deliver(delivery)
    if (this.#waiting.isEmpty) queue.reader = undefined
    return true
  }

  /** What can be delivered without a turn. */
  #take(): Delivery | undefined {
    const { queue } = this
    const mayTake = queue.counts.queued > 0 && !this.isPaused && !this.isTelling
    const canTake = mayTake && !this.host.dispatcher.turn.spend()
    return canTake ? queue.take(this) : undefined
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
    return refusal(error) // whoever threw it knows it already
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** The message in hand goes first: the next one may have the same key. What comes in for it waits for its turn. */
  override take(): Delivery | undefined {
    const { queue } = this
    queue.reader = undefined
    if (queue.counts.queued > 0) this.#makeRoomInHand()
    // Whoever watched that may have ended this, or paused it.
    const delivery = this.isFree ? queue.take(this) : undefined
    queue.reader = this
    return delivery
  }

  deliver(delivery: Delivery): void {
    this.#waiting.shift()?.(this.#hold(delivery))
  }

  settled(delivery: Delivery): void {
    const others = this.#others
    if (this.#hand.delivery === delivery) this.#hand.delivery = others.shift()
    else {
      const index = others.indexOf(delivery)
      if (index < 0) return
      others.splice(index, 1)
    }
    this.host.workload.done()
  }

  giveUpOn(delivery: Delivery, end: () => void): void {
    end()
    this.settled(delivery)
    this.host.moved(this.queue)
  }

  /** Nobody waits any longer. */
  override end(reason: BusbarError, abandons: boolean): void {
    super.end(reason, abandons)
    this.#isOver = true
    while (!this.#waiting.isEmpty) this.#waiting.shift()?.(done())
  }

  /** Asking for more than may be in hand acks the oldest, but not while another is on its way there. */
  #makeRoomInHand(): void {
    while (!this.isTelling) {
      const { delivery } = this.#hand
      // Somebody may have been told of its end before it is taken out of here.
      if (delivery?.state !== 'inFlight' || this.#others.length + 1 < this.#concurrency) return
      this.settled(delivery)
      this.queue.ack(delivery)
    }
  }

  #hold(delivery: Delivery): Result {
    let hand = this.#hand
    if (hand.delivery === undefined) hand.delivery = delivery
    else {
      this.#others.push(delivery)
      hand = { delivery, isUnstamped: false }
    }
    this.queue.times.beginAckWait(hand)
    const value = this.hand(delivery)
    return value === undefined ? done() : { done: false, value }
  }
}

function done(): Result {
  return { done: true, value: undefined }
}
