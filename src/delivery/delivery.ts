/**
 * One message, from its acceptance or its last nack to the end of its next
 * delivery: what the queue knows of it, and what the handler is given. There
 * may be millions, so it has few fields.
 *
 *   queued -> in flight -> ended, or first delayed; what has ended is out of the queue
 *
 * A message that is offered again goes on as another object: whoever still
 * holds this one can settle nothing any more.
 *
 * Layer 6.
 */
import { checkOne, DURATION } from '../checks.ts'
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Timed } from '../time/deadlines.ts'
import type { Message } from './message.ts'

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

export class Delivery implements Message, Timed {
  readonly envelope: Envelope
  /** With `qos: 0` it is never in flight: there is nothing to settle. */
  state: State = 'queued'
  deliveryCount: number
  /** Written by `Deadlines`. Queued: expiry. Delayed: when its time comes. In flight: end of the ack wait. */
  position = -1
  /** Who has been given it; a `Settler` when it is in flight. */
  recipient: Recipient | undefined

  constructor(envelope: Envelope, deliveryCount: number, recipient?: Recipient) {
    this.envelope = envelope
    this.deliveryCount = deliveryCount
    this.recipient = recipient
  }

  get order(): number {
    return this.envelope.serial
  }

  get topic(): string {
    return this.envelope.topic
  }

  get data(): unknown {
    const { envelope } = this
    return envelope.stamp.origin.copies === undefined ? envelope.data : this.event.data
  }

  get event(): CloudEvent {
    return this.envelope.eventFor(this)
  }

  get id(): string {
    return this.envelope.id
  }

  get sequence(): number | undefined {
    return this.envelope.sequence
  }

  get attachment(): unknown {
    return this.envelope.attachment
  }

  get params(): readonly string[] {
    return this.#settler.params(this.topic)
  }

  get redelivered(): boolean {
    return this.deliveryCount > 1
  }

  get signal(): AbortSignal {
    return this.#settler.signalOf(this)
  }

  ack(): boolean {
    return this.settle()
  }

  nack(options?: { readonly delayMs?: number }): boolean {
    const delayMs = options?.delayMs
    if (delayMs !== undefined) checkOne(delayMs, DURATION, 'delayMs')
    return this.settle({ outcome: 'nack', delayMs })
  }

  drop(reason?: unknown): boolean {
    return this.settle({ outcome: 'drop', error: reason })
  }

  extend(ms: number): boolean {
    checkOne(ms, DURATION, 'ms')
    if (this.state !== 'inFlight') return false
    this.#settler.extend(this, ms)
    return true
  }

  /** @param settlement undefined for an ack */
  settle(settlement?: Settlement): boolean {
    if (this.state !== 'inFlight') return false
    this.#settler.settle(this, settlement)
    return true
  }

  /** The ack wait is over; only asked of what is in flight. */
  expire(error: BusbarError): void {
    this.#settler.expire(this, error)
  }

  get #settler(): Settler {
    return this.recipient as Settler // users get it when it is delivered, and settle it while it is in flight
  }
}

export function comesAfter(a: Delivery, b: Delivery): boolean {
  return a.order > b.order
}

export function isQueued(delivery: Delivery): boolean {
  return delivery.state === 'queued'
}
