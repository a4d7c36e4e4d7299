/**
 * A subscription as an async iterator: `next()` takes the next message, leaving
 * the loop ends the subscription. Calls of `next()` that have to wait stand in
 * line; waiting calls and messages in the queue are never both there for long.
 *
 * Layer 7.
 */
import type { BusbarError } from '../errors.ts'
import { Delivery, type Settlement, type Settler } from './delivery.ts'
import type { Entry } from './entry.ts'
import type { HandlingOptions } from './handling.ts'
import type { MessageQueue } from './queue.ts'
import { Ring } from './ring.ts'
import type { Consumer, QueueHost } from './rules.ts'

type Result = IteratorResult<Delivery, undefined>

export interface IterationOptions extends HandlingOptions {
  /** Ends the subscription; what is in hand has been put down by then. */
  readonly leave: () => void
  /** Whether the broker has to let the event loop turn before it delivers more. */
  readonly mustYield: () => boolean
}

export class Iteration implements Consumer, Settler, AsyncIterableIterator<Delivery, undefined> {
  isPaused = false
  readonly #queue: MessageQueue
  readonly #host: QueueHost<MessageQueue>
  readonly #options: IterationOptions
  /** Taken and not settled, the oldest first. */
  readonly #inHand: Delivery[] = []
  readonly #waiting = new Ring<(result: Result) => void>()
  #isOver = false

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, options: IterationOptions) {
    this.#queue = queue
    this.#host = host
    this.#options = options
  }

  get params(): (topic: string) => readonly string[] {
    return this.#options.params
  }

  /** Never asked: a delivery has its own. */
  get signal(): AbortSignal {
    return new AbortController().signal
  }

  get isFree(): boolean {
    return this.#waiting.length > 0 && !this.isPaused
  }

  get isBusy(): boolean {
    return this.#inHand.length > 0
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    this.#makeRoomInHand()
    if (this.#isOver) return Promise.resolve(done())
    const entry = this.#canTake ? this.#queue.take(this.#host.now()) : undefined
    if (entry !== undefined) return Promise.resolve({ done: false, value: this.#hold(entry) })
    const result = new Promise<Result>((resolve) => this.#waiting.push(resolve))
    this.#host.ready(this.#queue)
    return result
  }

  /** Leaves the loop: what is in hand counts as nacked, the subscription ends. */
  return(value?: undefined): Promise<Result> {
    this.#options.leave()
    // What was in hand when the subscription ended another way.
    for (const delivery of [...this.#inHand]) delivery.nack()
    return Promise.resolve({ done: true, value })
  }

  /** As `return`, and rejects with `error`. */
  throw(error?: unknown): Promise<Result> {
    void this.return()
    const failed = Promise.reject(error)
    failed.catch(() => {}) // whoever threw it knows it already
    return failed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  deliver(entry: Entry): void {
    this.#makeRoomInHand()
    this.#waiting.shift()?.({ done: false, value: this.#hold(entry) })
  }

  ack(delivery: Delivery, entry: Entry): void {
    this.#queue.ack(entry)
    this.#putDown(delivery)
  }

  reject(delivery: Delivery, entry: Entry, settlement: Settlement): void {
    this.#queue.reject(entry, settlement)
    this.#putDown(delivery)
  }

  extend(entry: Entry, ms: number): void {
    this.#queue.extend(entry, ms)
  }

  takeAway(delivery: Delivery, entry: Entry, error: BusbarError): void {
    delivery.abort(error)
    this.reject(delivery, entry, { outcome: 'nack', error })
  }

  abort(reason: BusbarError): void {
    for (const delivery of this.#inHand) delivery.abort(reason)
  }

  abandon(reason: BusbarError, dispose: (entry: Entry) => void): void {
    for (const delivery of [...this.#inHand]) {
      delivery.abandon(reason, dispose)
      this.#putDown(delivery)
    }
  }

  /** The subscription has ended: nobody waits any longer. */
  finish(): void {
    this.#isOver = true
    while (this.#waiting.length > 0) this.#waiting.shift()?.(done())
  }

  get #canTake(): boolean {
    return this.#waiting.length === 0 && !this.isPaused && !this.#options.mustYield()
  }

  /** Asking for more than may be in hand acks the oldest. */
  #makeRoomInHand(): void {
    while (this.#inHand.length >= this.#options.concurrency) this.#inHand[0]?.ack()
  }

  #hold(entry: Entry): Delivery {
    const delivery = new Delivery(entry.event, this, entry)
    this.#inHand.push(delivery)
    if (this.#host.observed)
      this.#host.tell('delivered', this.#queue, entry.event, { deliveryCount: entry.deliveryCount })
    this.#queue.beginAckWait(entry)
    return delivery
  }

  #putDown(delivery: Delivery): void {
    const index = this.#inHand.indexOf(delivery)
    if (index < 0) return
    this.#inHand.splice(index, 1)
    this.#host.workload.busy--
    this.#host.workload.progress++
    this.#host.ready(this.#queue)
    this.#host.moved(this.#queue)
  }
}

function done(): Result {
  return { done: true, value: undefined }
}
