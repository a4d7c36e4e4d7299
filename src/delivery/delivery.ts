/**
 * One handing-over of one message: the object that a handler holds. When the
 * message is taken away (its ack wait is over, its consumer left), the delivery
 * goes stale and can settle nothing any more.
 *
 * Layer 5.
 */
import { checkOne, DURATION } from '../checks.ts'
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Entry, Holder } from './entry.ts'
import type { Message, Outcome } from './message.ts'

/** What becomes of a message that is not acked. */
export interface Settlement {
  readonly outcome: 'nack' | 'drop'
  readonly delayMs?: number | undefined
  readonly error?: unknown
}

/** Who delivered a message, and is asked to settle it. */
export interface Settler extends Recipient {
  ack(delivery: Delivery, entry: Entry): void
  reject(delivery: Delivery, entry: Entry, settlement: Settlement): void
  extend(entry: Entry, ms: number): void
  /** The ack wait is over. */
  takeAway(delivery: Delivery, entry: Entry, error: BusbarError): void
}

export class Delivery implements Message, Holder {
  readonly #envelope: Envelope
  readonly #recipient: Recipient
  /** Undefined with `qos: 0`, where there is nothing to settle. */
  readonly #entry: Entry | undefined
  readonly #deliveryCount: number
  /** Made when somebody asks for it. */
  #signal: AbortController | AbortSignal | undefined
  /** The event with this delivery's own data, once it was read; not used while data is shared. */
  #event: CloudEvent | undefined

  constructor(envelope: Envelope, recipient: Recipient, entry?: Entry) {
    this.#envelope = envelope
    this.#recipient = recipient
    this.#entry = entry
    this.#deliveryCount = 1
    if (entry === undefined) return
    this.#deliveryCount = entry.deliveryCount
    entry.delivery = this
  }

  get topic(): string {
    return this.#envelope.topic
  }

  get data(): unknown {
    const envelope = this.#envelope
    return envelope.stamp.origin.load === undefined ? envelope.content : this.event.data
  }

  get event(): CloudEvent {
    const envelope = this.#envelope
    if (envelope.stamp.origin.load === undefined) return envelope.event
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

  get deliveryCount(): number {
    return this.#deliveryCount
  }

  get redelivered(): boolean {
    return this.#deliveryCount > 1
  }

  get signal(): AbortSignal {
    if (this.#entry === undefined) return this.#recipient.signal
    const signal = (this.#signal ??= new AbortController())
    return signal instanceof AbortController ? signal.signal : signal
  }

  /** The entry while this delivery can still settle it. */
  get #held(): Entry | undefined {
    return this.#entry?.delivery === this ? this.#entry : undefined
  }

  ack(): boolean {
    const entry = this.#held
    if (entry !== undefined) settlerOf(this.#recipient).ack(this, entry)
    return entry !== undefined
  }

  nack(options?: { readonly delayMs?: number }): boolean {
    const delayMs = options?.delayMs
    if (delayMs !== undefined) checkOne(delayMs, DURATION, 'delayMs')
    return this.reject({ outcome: 'nack', delayMs })
  }

  drop(reason?: unknown): boolean {
    return this.reject({ outcome: 'drop', error: reason })
  }

  extend(ms: number): boolean {
    checkOne(ms, DURATION, 'ms')
    const entry = this.#held
    if (entry !== undefined) settlerOf(this.#recipient).extend(entry, ms)
    return entry !== undefined
  }

  /** Aborts `signal`, also one that nobody has asked for yet. */
  abort(reason: unknown): void {
    if (this.#signal instanceof AbortController) this.#signal.abort(reason)
    else this.#signal ??= AbortSignal.abort(reason)
  }

  reject(settlement: Settlement): boolean {
    const entry = this.#held
    if (entry !== undefined) settlerOf(this.#recipient).reject(this, entry, settlement)
    return entry !== undefined
  }

  /** The ack wait is over. */
  expire(error: BusbarError): void {
    const entry = this.#held
    if (entry !== undefined) settlerOf(this.#recipient).takeAway(this, entry, error)
  }

  /** The consumer is given up on: what is not settled goes to `dispose`. */
  abandon(reason: unknown, dispose: (entry: Entry) => void): void {
    this.abort(reason)
    const entry = this.#held
    if (entry !== undefined) dispose(entry)
  }

  /** Settles by what a handler returned. */
  settle(outcome: unknown): void {
    if (outcome === 'nack' || outcome === 'drop') this.reject({ outcome: outcome satisfies Outcome })
    else this.ack()
  }
}

/** Deliveries with an entry are made by settlers only. */
function settlerOf(recipient: Recipient): Settler {
  return recipient as Settler
}
