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
import type { Consumer, MessageQueue, QueueHost } from './queue.ts'

/**
 * One of the places side by side in which handlers run. Its callbacks are made
 * once and serve many deliveries, because making them for each costs more than
 * the delivery.
 */
class Slot {
  /** What is being handled; undefined when nothing is, or when it was taken away. */
  delivery: Delivery | undefined
  /** Where it stands among the slots in use. */
  index = 0
  readonly fulfilled: (outcome: unknown) => void
  readonly rejected: (error: unknown) => void

  constructor(returned: (slot: Slot, outcome: unknown) => void, failed: (slot: Slot, error: unknown) => void) {
    this.fulfilled = (outcome) => returned(this, outcome)
    this.rejected = (error) => failed(this, error)
  }
}

export interface HandlingOptions {
  readonly concurrency: number
  readonly params: (topic: string) => readonly string[]
}

export class Handling implements Consumer, Settler {
  isPaused = false
  readonly #handler: Handler
  readonly #queue: MessageQueue
  readonly #host: QueueHost
  readonly #concurrency: number
  readonly params: (topic: string) => readonly string[]
  /** Slots in use, without those whose message was taken away. */
  readonly #running: Slot[] = []
  readonly #idle: Slot[] = []

  constructor(handler: Handler, queue: MessageQueue, host: QueueHost, { concurrency, params }: HandlingOptions) {
    this.#handler = handler
    this.#queue = queue
    this.#host = host
    this.#concurrency = concurrency
    this.params = params
  }

  get isFree(): boolean {
    return this.#running.length < this.#concurrency && !this.isPaused
  }

  /** Never asked: a delivery has its own. */
  get signal(): AbortSignal {
    return new AbortController().signal
  }

  get isBusy(): boolean {
    return this.#running.length > 0
  }

  deliver(entry: Entry): void {
    const delivery = new Delivery(entry, this)
    const slot = this.#idle.pop() ?? new Slot(this.#returned, this.#failed)
    slot.delivery = delivery
    slot.index = this.#running.push(slot) - 1
    const handler = this.#handler // called without `this`
    let result: unknown
    let isAsync: boolean
    try {
      result = handler(delivery)
      isAsync = isThenable(result)
    } catch (error) {
      this.#failed(slot, error)
      return
    }
    if (isAsync) this.#await(slot, result)
    else this.#returned(slot, result)
  }

  ack(delivery: Delivery): void {
    this.#queue.ack(delivery.entry)
  }

  reject(delivery: Delivery, settlement: Settlement): void {
    this.#queue.reject(delivery.entry, settlement)
  }

  extend(delivery: Delivery, ms: number): void {
    this.#queue.extend(delivery.entry, ms)
  }

  takeAway(delivery: Delivery, error: BusbarError): void {
    this.#abandon(delivery, error)
    this.#queue.reject(delivery.entry, { outcome: 'nack', error })
  }

  /** The subscription is over: running handlers are told, and may finish. */
  abort(reason: BusbarError): void {
    for (const { delivery } of this.#running) delivery?.abort(reason)
  }

  /** Nobody waits for the running handlers any more; what they have not settled goes to `dispose`. */
  abandon(reason: BusbarError, dispose: (entry: Entry) => void): void {
    for (const { delivery } of [...this.#running]) {
      if (delivery === undefined) continue
      const { isCurrent } = delivery
      this.#abandon(delivery, reason)
      if (isCurrent) dispose(delivery.entry)
    }
  }

  #await(slot: Slot, result: unknown): void {
    const { delivery } = slot
    if (delivery?.isCurrent) this.#queue.beginAckWait(delivery.entry)
    // `resolve` turns hostile thenables into promises that keep the rules, and returns native ones as they are.
    Promise.resolve(result).then(slot.fulfilled, slot.rejected)
  }

  readonly #returned = (slot: Slot, outcome: unknown): void => {
    slot.delivery?.settle(outcome)
    this.#leave(slot)
  }

  readonly #failed = (slot: Slot, error: unknown): void => {
    slot.delivery?.reject({ outcome: 'nack', error })
    this.#leave(slot)
  }

  #leave(slot: Slot): void {
    if (slot.delivery === undefined) {
      this.#queue.counts.overdue--
    } else {
      this.#vacate(slot)
      this.#idle.push(slot)
    }
    this.#host.moved(this.#queue)
  }

  #abandon(delivery: Delivery, reason: BusbarError): void {
    const slot = this.#running.find((running) => running.delivery === delivery)
    if (slot !== undefined) this.#vacate(slot)
    this.#queue.counts.overdue++
    delivery.abort(reason)
  }

  #vacate(slot: Slot): void {
    slot.delivery = undefined
    const last = this.#running.pop() as Slot // at least `slot` is running
    if (last !== slot) {
      this.#running[slot.index] = last
      last.index = slot.index
    }
    this.#host.workload.busy--
    this.#host.workload.progress++
    this.#host.ready(this.#queue)
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayHave = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return mayHave && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}
