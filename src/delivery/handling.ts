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
import type { Handler } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { QueueHost } from './rules.ts'

/**
 * Where one call of the handler at a time stands until it is over. There are
 * as many as calls at once, so that a promise that settles finds its call
 * without anything having been made for it.
 */
interface Place {
  /** Undefined when it is free, or when the call was given up on. */
  delivery: Delivery | undefined
  /** In the list of places. */
  index: number
  readonly fulfilled: (outcome: unknown) => void
  readonly rejected: (error: unknown) => void
}

export class Handling extends Consumer {
  readonly #handler: Handler
  /** All but those whose call was given up on; at most `concurrency`. */
  readonly #places: Place[] = []
  readonly #free: Place[] = []

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, options: ConsumerOptions, handler: Handler) {
    super(queue, host, options)
    this.#handler = handler
  }

  get isFree(): boolean {
    return (this.#free.length > 0 || this.#places.length < this.concurrency) && !this.isPaused
  }

  get running(): Delivery[] {
    return this.#places.flatMap(({ delivery }) => delivery ?? [])
  }

  deliver(delivery: Delivery): void {
    const place = this.#free.pop() ?? this.#makePlace()
    place.delivery = delivery
    delivery.place = place
    const message = this.hand(delivery)
    const handler = this.#handler // called without `this`
    let result: unknown
    let failed = false
    try {
      result = handler(message)
      if (result !== undefined && isThenable(result)) return this.#await(place, delivery, result)
    } catch (error) {
      failed = true
      result = error
    }
    this.#returned(place, result, failed)
  }

  /** Its place is kept until the handler returns. */
  settled(): void {}

  giveUpOn(delivery: Delivery): void {
    const place = delivery.place as Place | undefined // only deliver() writes it
    if (place?.delivery !== delivery) return
    this.#removePlace(place)
    place.delivery = undefined
    this.counts.overdue++
    this.putDown()
    this.host.ready(this.queue)
    this.host.moved(this.queue)
  }

  /** The last one fills its gap: there may be a million. */
  #removePlace(place: Place): void {
    const last = this.#places.pop() as Place // it is in the list itself
    last.index = place.index
    if (last !== place) this.#places[place.index] = last
  }

  #makePlace(): Place {
    const settled = (result: unknown, failed: boolean): void => {
      this.#returned(place, result, failed)
      this.host.resume(this.queue)
    }
    const place: Place = {
      delivery: undefined,
      index: this.#places.length,
      fulfilled: (outcome) => settled(outcome, false),
      rejected: (error) => settled(error, true),
    }
    this.#places.push(place)
    return place
  }

  #await(place: Place, delivery: Delivery, result: PromiseLike<unknown>): void {
    whenSettled(result, place.fulfilled, place.rejected)
    if (delivery.state === 'inFlight') this.queue.times.beginAckWait(delivery)
  }

  #returned(place: Place, result: unknown, failed: boolean): void {
    const { queue } = this
    const { delivery } = place
    if (delivery === undefined) {
      queue.counts.overdue--
      return this.host.moved(queue)
    }
    place.delivery = undefined
    this.#free.push(place)
    this.putDown()
    // The handler may have settled it itself.
    if (delivery.state !== 'inFlight') this.host.moved(queue)
    else if (failed) queue.reject(delivery, { outcome: 'nack', error: result })
    else if (result === 'nack' || result === 'drop') queue.reject(delivery, { outcome: result })
    else queue.ack(delivery)
  }
}
