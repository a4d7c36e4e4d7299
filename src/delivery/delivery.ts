/**
 * One handing-over of one message: the object that a handler holds. When the
 * message is taken away (its ack wait is over, its consumer left), the delivery
 * goes stale and can settle nothing any more.
 *
 * Layer 10.
 */
import { checkOne, DURATION } from '../checks.ts'
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Entry, Holder } from './entry.ts'
import type { Message } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { Settlement } from './rules.ts'

/** Who delivered a message that can be settled. */
export interface Settler extends Recipient {
  readonly queue: MessageQueue
  /** The delivery has settled its message. */
  settled(delivery: Delivery): void
  /** The message was taken away: what still runs for it is not waited for. */
  giveUpOn(delivery: Delivery): void
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
    const entry = this.#held
    if (entry !== undefined) settlerOf(this.#recipient).queue.extend(entry, ms)
    return entry !== undefined
  }

  /** @param settlement undefined for an ack */
  settle(settlement?: Settlement): boolean {
    const entry = this.#held
    if (entry === undefined) return false
    const settler = settlerOf(this.#recipient)
    if (settlement === undefined) settler.queue.ack(entry)
    else settler.queue.reject(entry, settlement)
    settler.settled(this)
    return true
  }

  /** Aborts `signal`, also one that nobody has asked for yet. */
  abort(reason: unknown): void {
    if (this.#signal instanceof AbortController) this.#signal.abort(reason)
    else this.#signal ??= AbortSignal.abort(reason)
  }

  /** The ack wait is over. */
  expire(error: BusbarError): void {
    if (!this.settle({ outcome: 'nack', error })) return
    settlerOf(this.#recipient).giveUpOn(this)
    this.abort(error)
  }

  /** The consumer is given up on: what is not settled goes to `dispose`. @returns whether it was not */
  abandon(reason: unknown, dispose: (entry: Entry) => void): boolean {
    this.abort(reason)
    const entry = this.#held
    if (entry !== undefined) dispose(entry)
    return entry !== undefined
  }
}

/** Deliveries with an entry are made by settlers only. */
function settlerOf(recipient: Recipient): Settler {
  return recipient as Settler
}
