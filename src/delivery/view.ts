/**
 * What a handler is given: it can read the message and settle it, and whatever
 * else it does to the object is nobody's trouble.
 *
 * Layer 7.
 */
import { checkOne, DURATION } from '../checks.ts'
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Delivery, Holder, Settlement } from './delivery.ts'
import type { Message } from './message.ts'

/** Who delivers messages that can be settled. */
export interface Settler extends Recipient {
  /** @param settlement undefined for an ack */
  settle(delivery: Delivery, settlement: Settlement | undefined): void
  extend(delivery: Delivery, ms: number): void
  /** The message was taken away: what still runs for it is not waited for. */
  giveUpOn(delivery: Delivery): void
}

export class View implements Message, Holder {
  readonly #envelope: Envelope
  /** Undefined once all have returned who shared the message: nothing is left to abort then. */
  #recipient: Recipient | undefined
  /** Undefined with `qos: 0`, where there is nothing to settle. */
  readonly #delivery: Delivery | undefined
  /** Made when somebody asks for it. */
  #signal: AbortController | AbortSignal | undefined
  /** The event with this message's own data, once it was read; not used while data is shared. */
  #event: CloudEvent | undefined

  constructor(envelope: Envelope, recipient?: Recipient, delivery?: Delivery) {
    this.#envelope = envelope
    this.#recipient = recipient
    this.#delivery = delivery
  }

  /** It is somebody else's message now. */
  passTo(recipient: Recipient | undefined): void {
    this.#recipient = recipient
  }

  get topic(): string {
    return this.#envelope.topic
  }

  get data(): unknown {
    const envelope = this.#envelope
    return envelope.stamp.origin.load === undefined ? envelope.data : this.event.data
  }

  get event(): CloudEvent {
    const envelope = this.#envelope
    return envelope.stamp.origin.load === undefined ? envelope.event : (this.#event ??= envelope.makeEvent())
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
    return this.#recipient?.params(this.#envelope.topic) ?? []
  }

  get deliveryCount(): number {
    return this.#delivery?.deliveryCount ?? 1
  }

  get redelivered(): boolean {
    return this.deliveryCount > 1
  }

  get signal(): AbortSignal {
    if (this.#delivery === undefined && this.#recipient !== undefined) return this.#recipient.signal
    const signal = (this.#signal ??= new AbortController())
    return signal instanceof AbortController ? signal.signal : signal
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
    const delivery = this.#held
    if (delivery !== undefined) this.#settler.extend(delivery, ms)
    return delivery !== undefined
  }

  settle(settlement?: Settlement): boolean {
    const delivery = this.#held
    if (delivery !== undefined) this.#settler.settle(delivery, settlement)
    return delivery !== undefined
  }

  expire(error: BusbarError): void {
    const delivery = this.#held
    if (delivery === undefined) return
    this.#settler.settle(delivery, { outcome: 'nack', error })
    this.#settler.giveUpOn(delivery)
    this.abort(error)
  }

  /** Aborts `signal`, also one that nobody has asked for yet. */
  abort(reason: unknown): void {
    if (this.#signal instanceof AbortController) this.#signal.abort(reason)
    else this.#signal ??= AbortSignal.abort(reason)
  }

  /** The delivery while it can still be settled. */
  get #held(): Delivery | undefined {
    return this.#delivery?.state === 'inFlight' ? this.#delivery : undefined
  }

  get #settler(): Settler {
    return this.#recipient as Settler // with a delivery the recipient is one
  }
}
