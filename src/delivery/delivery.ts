/**
 * One handing-over of one message: the object that a handler holds. When the
 * message is taken away (its ack wait is over, its consumer left), the delivery
 * goes stale and can settle nothing any more.
 *
 * Layer 5.
 */
import { BusbarError, quote } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Entry } from './entry.ts'
import type { Message, Outcome } from './message.ts'

/** What becomes of a message that is not acked. */
export interface Settlement {
  readonly outcome: 'nack' | 'drop'
  readonly delayMs?: number | undefined
  readonly error?: unknown
}

/** Who delivered a message, and is asked to settle it. */
export interface Settler extends Recipient {
  ack(delivery: Delivery): void
  reject(delivery: Delivery, settlement: Settlement): void
  extend(delivery: Delivery, ms: number): void
  /** The ack wait is over. */
  takeAway(delivery: Delivery, error: BusbarError): void
}

/** The message of one recipient. On its own: `qos: 0`, nothing to settle. */
export class OwnMessage implements Message {
  readonly #envelope: Envelope
  readonly #recipient: Recipient
  /** The event with this recipient's copy of the data, once it was read; unused while data is shared. */
  #event: CloudEvent | undefined

  constructor(envelope: Envelope, recipient: Recipient) {
    this.#envelope = envelope
    this.#recipient = recipient
    this.#event = undefined
  }

  get topic(): string {
    return this.#envelope.topic
  }

  get data(): unknown {
    const { content, origin } = this.#envelope
    return origin.load === undefined ? content : this.event.data
  }

  get event(): CloudEvent {
    const envelope = this.#envelope
    if (envelope.origin.load === undefined) return envelope.event
    return (this.#event ??= envelope.eventWith(envelope.load()))
  }

  get id(): string {
    return this.#envelope.id
  }

  get sequence(): number | undefined {
    return this.#envelope.sequence
  }

  get params(): readonly string[] {
    return this.#recipient.params(this.#envelope.topic)
  }

  get signal(): AbortSignal {
    return this.#recipient.signal
  }

  get deliveryCount(): number {
    return 1
  }

  get redelivered(): boolean {
    return this.deliveryCount > 1
  }

  ack(): boolean {
    return false
  }

  nack(_options?: { readonly delayMs?: number }): boolean {
    return false
  }

  drop(_reason?: unknown): boolean {
    return false
  }

  extend(_ms: number): boolean {
    return false
  }
}

export class Delivery extends OwnMessage {
  readonly consumer: Settler
  readonly #entry: Entry
  readonly #deliveryCount: number
  #signal: AbortController | AbortSignal | undefined

  constructor(entry: Entry, consumer: Settler) {
    super(entry.event, consumer)
    this.consumer = consumer
    this.#entry = entry
    this.#deliveryCount = entry.deliveryCount
    this.#signal = undefined
    entry.delivery = this
  }

  get entry(): Entry {
    return this.#entry
  }

  /** Whether this delivery can still settle the message. */
  get isCurrent(): boolean {
    return this.#entry.delivery === this
  }

  override get deliveryCount(): number {
    return this.#deliveryCount
  }

  override get signal(): AbortSignal {
    const signal = (this.#signal ??= new AbortController())
    return signal instanceof AbortController ? signal.signal : signal
  }

  /** Aborts `signal`, also one that nobody has asked for yet. */
  abort(reason: unknown): void {
    if (this.#signal instanceof AbortController) this.#signal.abort(reason)
    else this.#signal ??= AbortSignal.abort(reason)
  }

  override ack(): boolean {
    if (!this.isCurrent) return false
    this.consumer.ack(this)
    return true
  }

  override nack(options?: { readonly delayMs?: number }): boolean {
    const delayMs = options?.delayMs
    if (delayMs !== undefined) checkDuration(delayMs, 'delayMs')
    return this.reject({ outcome: 'nack', delayMs })
  }

  override drop(reason?: unknown): boolean {
    return this.reject({ outcome: 'drop', error: reason })
  }

  override extend(ms: number): boolean {
    checkDuration(ms, 'ms')
    if (this.isCurrent) this.consumer.extend(this, ms)
    return this.isCurrent
  }

  reject(settlement: Settlement): boolean {
    if (!this.isCurrent) return false
    this.consumer.reject(this, settlement)
    return true
  }

  /** Settles by what a handler returned. */
  settle(outcome: unknown): void {
    if (outcome === 'nack' || outcome === 'drop') this.reject({ outcome: outcome satisfies Outcome })
    else this.ack()
  }
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` unless it is a finite number of milliseconds, 0 or more */
function checkDuration(ms: unknown, option: string): void {
  if (typeof ms === 'number' && ms >= 0 && ms < Infinity) return
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid option ${option}: ${quote(ms)} is no duration`, { option })
}
