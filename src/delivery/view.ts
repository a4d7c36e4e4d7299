/**
 * What a handler is given: it can read the message and settle it, and whatever
 * else it does to the object is nobody's trouble.
 *
 * Layer 7.
 */
import { checkEach, checkOne, DURATION, type Rules } from '../checks.ts'
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import { contain } from '../promises.ts'
import type { Delivery, Holder, Settlement } from './delivery.ts'
import type { Message } from './message.ts'

const NACK: Rules = { delayMs: DURATION }

/** Who delivers messages that can be settled; each of these has a signal of its own. */
export interface Settler extends Omit<Recipient, 'signal'> {
  /** @param settlement undefined for an ack */
  settle(delivery: Delivery, settlement: Settlement | undefined): void
  extend(delivery: Delivery, ms: number): void
  /** The message is taken away: what still runs for it is not waited for. @param end says what becomes of the message */
  giveUpOn(delivery: Delivery, end: () => void): void
}

export class View implements Message, Holder {
  readonly #envelope: Envelope
  readonly #recipient: Recipient | Settler
  /** Undefined with `qos: 0`, where there is nothing to settle. */
  readonly #delivery: Delivery | undefined
  /** Made when somebody asks for it. */
  #controller: AbortController | undefined
  /** Declared only, so that a message that has none has no place for it either. */
  declare onAbort?: (reason: unknown) => void
  /** The event with this message's own data, once it was read; not used while data is shared. */
  #event: CloudEvent | undefined

  constructor(envelope: Envelope, recipient: Recipient | Settler, delivery?: Delivery) {
    this.#envelope = envelope
    this.#recipient = recipient
    this.#delivery = delivery
  }

  get topic(): string {
    return this.#envelope.topic
  }

  get data(): unknown {
    const envelope = this.#envelope
    return envelope.isCopied ? this.event.data : envelope.data
  }

  get event(): CloudEvent {
    const envelope = this.#envelope
    return envelope.isCopied ? (this.#event ??= envelope.makeEvent()) : envelope.event
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
    if ('signal' in this.#recipient) return this.#recipient.signal
    return (this.#controller ??= new AbortController()).signal
  }

  ack(): boolean {
    return this.settle()
  }

  nack(options: { readonly delayMs?: number } = {}): boolean {
    const { delayMs } = checkEach(options, NACK)
    return this.settle({ outcome: 'nack', delayMs })
  }

  drop(reason?: unknown): boolean {
    return this.settle({ outcome: 'drop', error: reason })
  }

  extend(ms: number): boolean {
    checkOne(ms, DURATION, 'ms')
    const delivery = this.#delivery
    if (!isHeld(delivery)) return false
    settler(this.#recipient).extend(delivery, ms)
    return true
  }

  settle(settlement?: Settlement): boolean {
    const delivery = this.#delivery
    if (!isHeld(delivery)) return false
    settler(this.#recipient).settle(delivery, settlement)
    return true
  }

  expire(error: BusbarError): void {
    const delivery = this.#delivery
    if (!isHeld(delivery)) return
    settler(this.#recipient).giveUpOn(delivery, () => this.settle({ outcome: 'nack', error }))
    this.abort(error)
  }

  /** Aborts `signal`, also one that nobody has asked for yet. */
  abort(reason: unknown): void {
    // Whoever has set it can be told nothing else, should it fail.
    contain(() => this.onAbort?.(reason))
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }
}

// Functions, because a private method would cost each message time and 8 bytes.

/** Whether the delivery can still be settled. */
function isHeld(delivery: Delivery | undefined): delivery is Delivery {
  return delivery?.state === 'inFlight'
}

function settler(recipient: Recipient | Settler): Settler {
  return recipient as Settler // with a delivery the recipient is one
}
