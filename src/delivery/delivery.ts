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
import type { Envelope } from '../event/envelope.ts'
import { NOWHERE, type Timed } from '../time/timed.ts'

/** What becomes of a message that is not acked. */
export interface Settlement {
  readonly outcome: 'nack' | 'drop'
  readonly delayMs?: number | undefined
  readonly error?: unknown
}

/** What a handler holds of a delivery. */
export interface Holder {
  /** @returns whether it was this call that settled it. @param settlement undefined for an ack */
  settle(settlement?: Settlement): boolean
  /** The ack wait is over. */
  expire(error: BusbarError): void
  abort(reason: unknown): void
}

export type State = 'queued' | 'delayed' | 'inFlight' | 'ended'

/** Its fields are declared only: with initializers there would be more code to make one than the engine inlines. */
export class Delivery implements Timed {
  declare readonly envelope: Envelope
  declare state: State
  declare deliveryCount: number
  /** Written by `Deadlines`. Queued: expiry. Delayed: when its time comes. In flight: end of the ack wait. */
  declare position: number
  /** Set when it is handed over. */
  declare holder: Holder | undefined
  /** Delayed: where it stands among those due last, written by `Timetable`. In flight: where the call of its handler stands, written by whoever calls it. */
  declare place: object | undefined

  /** @param deliveryCount deliveries so far */
  constructor(envelope: Envelope, deliveryCount: number) {
    this.envelope = envelope
    this.state = 'queued'
    this.deliveryCount = deliveryCount
    this.position = NOWHERE
    this.holder = undefined
    this.place = undefined
  }

  get order(): number {
    return this.envelope.order
  }

  get key(): string | undefined {
    return this.envelope.key
  }
}

export function comesAfter(a: Queued, b: Queued): boolean {
  return a.order > b.order
}

/** What stands in a queue: a plain event becomes a delivery when its turn comes, and until then there is nothing to know about it. */
export type Queued = Delivery | Envelope

export function isQueued(item: Queued): boolean {
  return !(item instanceof Delivery) || item.state === 'queued'
}
