/**
 * What a handler is given: it can read the message and settle it, and whatever
 * else it does to the object is nobody's trouble.
 *
 * Layer 7.
 */
import { checkOne, DURATION } from '../checks.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Delivery } from './delivery.ts'
import type { Message } from './message.ts'

export class View implements Message {
  readonly #envelope: Envelope
  #recipient: Recipient
  /** Undefined with `qos: 0`, where there is nothing to settle. */
  readonly #delivery: Delivery | undefined

  constructor(envelope: Envelope, recipient: Recipient, delivery?: Delivery) {
    this.#envelope = envelope
    this.#recipient = recipient
    this.#delivery = delivery
  }

  /** It is somebody else's message now. */
  passTo(recipient: Recipient): void {
    this.#recipient = recipient
  }

  get topic(): string {
    return this.#envelope.topic
  }

  get data(): unknown {
    const envelope = this.#envelope
    return envelope.stamp.origin.copies === undefined ? envelope.data : this.event.data
  }

  get event(): CloudEvent {
    return this.#envelope.eventFor(this)
  }

  get id(): string {
    return this.#envelope.id
  }

  get sequence(): number | undefined {
    return this.#envelope.sequence
  }

  get attachment(): unknown {
    return this.#envelope.attachment
  }

  get params(): readonly string[] {
    return this.#recipient.params(this.#envelope.topic)
  }

  get deliveryCount(): number {
    return this.#delivery?.deliveryCount ?? 1
  }

  get redelivered(): boolean {
    return this.deliveryCount > 1
  }

  get signal(): AbortSignal {
    return this.#recipient.signalOf(this.#delivery)
  }

  ack(): boolean {
    return this.#delivery?.settle() ?? false
  }

  nack(options?: { readonly delayMs?: number }): boolean {
    const delayMs = options?.delayMs
    if (delayMs !== undefined) checkOne(delayMs, DURATION, 'delayMs')
    return this.#delivery?.settle({ outcome: 'nack', delayMs }) ?? false
  }

  drop(reason?: unknown): boolean {
    return this.#delivery?.settle({ outcome: 'drop', error: reason }) ?? false
  }

  extend(ms: number): boolean {
    checkOne(ms, DURATION, 'ms')
    const delivery = this.#delivery
    if (delivery?.state !== 'inFlight') return false
    delivery.settler?.extend(delivery, ms)
    return true
  }
}
