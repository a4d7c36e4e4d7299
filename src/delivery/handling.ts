/**
 * Calling handlers: each message is handed over, and what comes back, now or
 * later, settles it. A handler can do anything; it never gets further than its
 * place.
 *
 * Layer 12.
 */

import { isThenable, whenSettled } from '../promises.ts'
import { Consumer } from './consumer.ts'
import type { Delivery, Settlement } from './delivery.ts'
import type { Handler } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { QueueHost } from './rules.ts'
import type { Hand } from './timetable.ts'

/**
 * Where one call of the handler at a time stands until it is over. There are
 * as many as calls at once, so that a promise that settles finds its call
 * without anything having been made for it.
 */
interface Place extends Hand {
  /** Undefined when it is free, or when the call was given up on. */
  delivery: Delivery | undefined
  /** Another free one, while it is free. */
  next: Place | undefined
  readonly fulfilled: (outcome: unknown) => void
  readonly rejected: (error: unknown) => void
}

export class Handling extends Consumer {
  readonly #handler: Handler
  /** How many calls may begin beside those that are waited for. */
  #left: number
  /** All but those whose call was given up on; at most `concurrency`. */
  readonly #places = new Set<Place>()
  #free: Place | undefined

  constructor(queue: MessageQueue, host: QueueHost<MessageQueue>, concurrency: number, handler: Handler) {
    super(queue, host)
    this.#handler = handler
    this.#left = concurrency
  }

  get isFree(): boolean {
    return this.#left > 0 && !this.isPaused
  }

  get running(): Delivery[] {
    return [...this.#places].flatMap(({ delivery }) => delivery ?? [])
  }

  deliver(delivery: Delivery): void {
    const place = this.#free ?? this.#makePlace()
    this.#free = place.next
    this.#left--
    place.delivery = delivery
    delivery.place = place
    const message = this.hand(delivery)
    if (message === undefined) return this.#returned(place, undefined)
    const handler = this.#handler // called without `this`
    let result: unknown
    try {
      result = handler(message)
    } catch (error) {
      return this.#returned(place, { outcome: 'nack', error })
    }
    if (result === undefined) this.#returned(place, undefined)
    else this.#look(place, result)
  }

  /** Its place is kept until the handler returns. */
  settled(): void {}

  /** It counts as overdue before anybody is told of the end: a subscription that holds nothing may be forgotten then. */
  giveUpOn(delivery: Delivery, end: () => void): void {
    const place = delivery.place as Place | undefined // of what was delivered only deliver() writes it
    if (place?.delivery !== delivery) return
    this.#places.delete(place)
    this.#left++
    place.delivery = undefined
    this.queue.counts.overdue++
    end()
    this.host.workload.done()
    this.host.dispatcher.ready(this.queue)
    this.host.moved(this.queue)
  }

  #makePlace(): Place {
    const settled = (settlement: Settlement | undefined): void => {
      this.#returned(place, settlement)
      this.host.dispatcher.resume(this.queue, this)
    }
    const place: Place = {
      delivery: undefined,
      isUnstamped: false,
      next: undefined,
      fulfilled: (outcome) => settled(outcome === undefined ? undefined : settlementOf(outcome)),
      rejected: (error) => settled({ outcome: 'nack', error }),
    }
    this.#places.add(place)
    return place
  }

  /** The handler has returned something: a promise, or what it says itself. */
  #look(place: Place, result: unknown): void {
    try {
      if (isThenable(result)) {
        whenSettled(result, place.fulfilled, place.rejected)
        return this.queue.times.beginAckWait(place)
      }
    } catch (error) {
      return this.#returned(place, { outcome: 'nack', error })
    }
    this.#returned(place, settlementOf(result))
  }

  #returned(place: Place, settlement: Settlement | undefined): void {
    const { delivery } = place
    if (delivery === undefined) {
      this.queue.counts.overdue--
      return this.host.moved(this.queue)
    }
    place.delivery = undefined
    place.next = this.#free
    this.#free = place
    this.#left++
    this.host.workload.done()
    // The handler may have settled it itself.
    if (delivery.state !== 'inFlight') this.host.moved(this.queue)
    else if (settlement === undefined) this.queue.ack(delivery)
    else this.queue.reject(delivery, settlement)
  }
}

/** What a handler says by what it returns: undefined for an ack. */
function settlementOf(result: unknown): Settlement | undefined {
  return result === 'nack' || result === 'drop' ? { outcome: result } : undefined
}
