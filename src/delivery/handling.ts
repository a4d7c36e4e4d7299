/**
 * Calling handlers: each message is handed over, and what comes back, now or
 * later, settles it. A handler can do anything; it never gets further than its
 * slot.
 *
 * Layer 7.
 */
import type { BusbarError } from '../errors.ts'
import { Delivery, type Settlement, type Settler } from './delivery.ts'
import type { Entry } from './entry.ts'
import type { Handler } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { Consumer, QueueHost } from './rules.ts'

/**
 * One of the places side by side in which async handlers run. Its callbacks are
 * made once and serve many deliveries, because making them for each costs more
 * than the delivery.
 */
class Slot {
  /** What is being handled; undefined when nothing is, or when it was taken away. */
  delivery: Delivery | undefined = undefined
  readonly fulfilled: (outcome: unknown) => void
  readonly rejected: (error: unknown) => void

  constructor(returned: (slot: Slot, outcome: unknown, failed: boolean) => void) {
    this.fulfilled = (outcome) => returned(this, outcome, false)
    this.rejected = (error) => returned(this, error, true)
  }
}

export interface HandlingOptions {
  readonly concurrency: number
  readonly params: (topic: string) => readonly string[]
}

export class Handling implements Consumer, Settler {
  isPaused = false
  readonly params: (topic: string) => readonly string[]
  readonly #handler: Handler
  readonly #queue: MessageQueue
  readonly #host: QueueHost<MessageQueue>
  readonly #concurrency: number
  /** What the handler is being called with. */
  #current: Delivery | undefined
  /** Slots in use, without those whose message was taken away. */
  readonly #running = new Set<Slot>()
  readonly #idle: Slot[] = []

  constructor(
    handler: Handler,
    queue: MessageQueue,
    host: QueueHost<MessageQueue>,
    { concurrency, params }: HandlingOptions,
  ) {
    this.#handler = handler
    this.#queue = queue
    this.#host = host
    this.#concurrency = concurrency
    this.params = params
  }

  get isFree(): boolean {
    return this.#running.size < this.#concurrency && !this.isPaused
  }

  get isBusy(): boolean {
    return this.#running.size > 0 || this.#current !== undefined
  }

  /** Never asked: a delivery has its own. */
  get signal(): AbortSignal {
    return new AbortController().signal
  }

  deliver(entry: Entry): void {
    const delivery = new Delivery(entry.event, this, entry)
    if (this.#host.observed)
      this.#host.tell('delivered', this.#queue, entry.event, { deliveryCount: entry.deliveryCount })
    const handler = this.#handler // called without `this`
    this.#current = delivery
    let result: unknown
    let failed = false
    try {
      result = handler(delivery)
      if (result !== undefined && isThenable(result)) {
        this.#await(delivery, entry, result)
        return
      }
    } catch (error) {
      failed = true
      result = error
    }
    const isAbandoned = this.#current === undefined
    this.#current = undefined
    if (isAbandoned) this.#queue.counts.overdue--
    else this.#finish(delivery, result, failed)
    this.#host.moved(this.#queue)
  }

  ack(_delivery: Delivery, entry: Entry): void {
    this.#queue.ack(entry)
  }

  reject(_delivery: Delivery, entry: Entry, settlement: Settlement): void {
    this.#queue.reject(entry, settlement)
  }

  extend(entry: Entry, ms: number): void {
    this.#queue.extend(entry, ms)
  }

  takeAway(delivery: Delivery, entry: Entry, error: BusbarError): void {
    for (const slot of this.#running) if (slot.delivery === delivery) this.#giveUpOn(slot)
    delivery.abort(error)
    this.#queue.reject(entry, { outcome: 'nack', error })
  }

  /** The subscription is over: running handlers are told, and may finish. */
  abort(reason: BusbarError): void {
    this.#current?.abort(reason)
    for (const { delivery } of this.#running) delivery?.abort(reason)
  }

  abandon(reason: BusbarError, dispose: (entry: Entry) => void): void {
    for (const slot of this.#running) {
      const { delivery } = slot
      this.#giveUpOn(slot)
      delivery?.abandon(reason, dispose)
    }
    const current = this.#current
    if (current === undefined) return
    this.#current = undefined
    this.#queue.counts.overdue++
    this.#done()
    current.abandon(reason, dispose)
  }

  #await(delivery: Delivery, entry: Entry, result: unknown): void {
    const slot = this.#idle.pop() ?? new Slot(this.#returned)
    if (this.#current !== undefined) {
      slot.delivery = delivery
      this.#running.add(slot)
      this.#current = undefined
    }
    if (entry.delivery === delivery) this.#queue.beginAckWait(entry)
    // `resolve` turns hostile thenables into promises that keep the rules, and returns native ones as they are.
    Promise.resolve(result).then(slot.fulfilled, slot.rejected)
  }

  readonly #returned = (slot: Slot, result: unknown, failed: boolean): void => {
    const { delivery } = slot
    if (delivery === undefined) {
      this.#queue.counts.overdue--
    } else {
      slot.delivery = undefined
      this.#running.delete(slot)
      this.#idle.push(slot)
      this.#finish(delivery, result, failed)
    }
    this.#host.moved(this.#queue)
  }

  #finish(delivery: Delivery, result: unknown, failed: boolean): void {
    if (failed) delivery.reject({ outcome: 'nack', error: result })
    else delivery.settle(result)
    this.#done()
  }

  #giveUpOn(slot: Slot): void {
    slot.delivery = undefined
    this.#running.delete(slot)
    this.#queue.counts.overdue++
    this.#done()
  }

  /** A delivery is over, as far as the broker waits for it. */
  #done(): void {
    this.#host.workload.busy--
    this.#host.workload.progress++
    this.#host.ready(this.#queue)
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayHave = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return mayHave && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}
