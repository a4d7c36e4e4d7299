/**
 * One message, from its acceptance or its last nack to the end of its next
 * delivery: what the queue knows of it. There may be millions, so it has few
 * fields. A handler is given a `View` of it.
 *
 *   queued -> in flight -> ended, or first delayed; what has ended is out of the queue
 *
 * A message that is offered again goes on as another object: who holds a view
 * of this one can settle nothing any more.
 *
 * Layer 6.
 */
import type { BusbarError } from '../errors.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Timed } from '../time/deadlines.ts'

/** What becomes of a message that is not acked. */
export interface Settlement {
  readonly outcome: 'nack' | 'drop'
  readonly delayMs?: number | undefined
  readonly error?: unknown
}

/** Who delivers messages that can be settled. */
export interface Settler extends Recipient {
  /** @param settlement undefined for an ack */
  settle(delivery: Delivery, settlement: Settlement | undefined): void
  extend(delivery: Delivery, ms: number): void
  /** The ack wait is over. */
  expire(delivery: Delivery, error: BusbarError): void
}

export type State = 'queued' | 'delayed' | 'inFlight' | 'ended'

export class Delivery implements Timed {
  readonly envelope: Envelope
  state: State = 'queued'
  deliveryCount: number
  /** Written by `Deadlines`. Queued: expiry. Delayed: when its time comes. In flight: end of the ack wait. */
  position = -1
  /** Who has been given it. */
  settler: Settler | undefined = undefined

  /** @param deliveryCount deliveries so far */
  constructor(envelope: Envelope, deliveryCount: number) {
    this.envelope = envelope
    this.deliveryCount = deliveryCount
  }

  get order(): number {
    return this.envelope.serial
  }

  /** @returns whether it was this call that settled it. @param settlement undefined for an ack */
  settle(settlement?: Settlement): boolean {
    if (this.state !== 'inFlight') return false
    this.settler?.settle(this, settlement)
    return true
  }
}

export function comesAfter(a: Delivery, b: Delivery): boolean {
  return a.order > b.order
}

export function isQueued(delivery: Delivery): boolean {
  return delivery.state === 'queued'
}
