/**
 * Calling handlers: each message is handed over, and what comes back, now or
 * later, settles it. A handler can do anything; it never gets further than its
 * place.
 *
 * Layer 12.
 */

import { isThenable, whenSettled } from '../promises.ts'
import { Consumer, type ConsumerOptions } from './consumer.ts'
import type { Delivery } from './delivery.ts'
import type { Entry } from './entry.ts'
import type { Handler } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { QueueHost } from './rules.ts'

export class Handling extends Consumer {
  readonly #handler: Handler
  /** What the handler is being called with; undefined when that was given up on. */
  #current: Delivery | undefined

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, options: ConsumerOptions, handler: Handler) {
    super(queue, host, options)
    this.#handler = handler
  }

  get isFree(): boolean {
    return this.inHand.size < this.concurrency && !this.isPaused
  }

  override get running(): Delivery[] {
    return this.#current === undefined ? super.running : [...this.inHand, this.#current]
  }

  deliver(entry: Entry): void {
    const delivery = this.hand(entry)
    const handler = this.#handler // called without `this`
    this.#current = delivery
    let result: unknown
    let failed = false
    try {
      result = handler(delivery)
      if (result !== undefined && isThenable(result)) return this.#await(delivery, entry, result)
    } catch (error) {
      failed = true
      result = error
    }
    const isAwaited = this.#current !== undefined
    this.#current = undefined
    this.#returned(delivery, result, failed, isAwaited)
  }

  /** Its place is kept until the handler returns. */
  settled(): void {}

  giveUpOn(delivery: Delivery): void {
    if (delivery === this.#current) this.#current = undefined
    else if (!this.inHand.delete(delivery)) return
    this.counts.overdue++
    this.done()
  }

  #await(delivery: Delivery, entry: Entry, result: PromiseLike<unknown>): void {
    whenSettled(
      result,
      (outcome) => this.#returned(delivery, outcome, false, this.inHand.delete(delivery)),
      (error) => this.#returned(delivery, error, true, this.inHand.delete(delivery)),
    )
    if (this.#current !== undefined) this.inHand.add(delivery)
    this.#current = undefined
    if (entry.delivery === delivery) this.queue.beginAckWait(entry)
  }

  /** @param isAwaited whether it was not given up on */
  #returned(delivery: Delivery, result: unknown, failed: boolean, isAwaited: boolean): void {
    if (isAwaited) this.putDown()
    else this.counts.overdue--
    if (!isAwaited || !settleBy(delivery, result, failed)) this.host.moved(this.queue)
    this.host.ready(this.queue)
  }
}

/** @returns whether the message was not settled before */
function settleBy(delivery: Delivery, result: unknown, failed: boolean): boolean {
  if (failed) return delivery.settle({ outcome: 'nack', error: result })
  return result === 'nack' || result === 'drop' ? delivery.settle({ outcome: result }) : delivery.settle()
}
