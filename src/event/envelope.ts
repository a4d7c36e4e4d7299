/**
 * One accepted event inside the broker. Making a CloudEvent costs ten times as
 * much as delivering it, so the attributes are kept as they came and put
 * together when somebody reads them.
 *
 * An envelope is also the message that `qos: 0` handlers share, one after the
 * other: nothing can be settled there, so publishing allocates nothing else, and
 * there is no field that one could edit for the next.
 *
 * Layer 5.
 */
import type { Message } from '../delivery/message.ts'
import { type CheckedAttributes, type CloudEvent, type ExtensionValue, own, parseTime } from './cloudevent.ts'
import type { Isolator } from './isolation.ts'

/** Whoever receives a message: what the message asks it about. */
export interface Recipient {
  params(topic: string): readonly string[]
  readonly signal: AbortSignal
}

/** What all events of one broker have in common. */
export interface Origin {
  readonly source: string
  /** Random, so that ids are unique without asking anybody. */
  readonly idPrefix: string
  readonly load: Isolator['load']
}

/** A moment, shared by the events that were accepted then. */
export interface Stamp {
  readonly origin: Origin
  /** What the wall clock showed. */
  readonly wall: number
  /** The broker's clock; up to date only for events that are timed. */
  readonly now: number
  /** `wall` in RFC 3339, once somebody has asked. */
  text: string | undefined
}

/** What most events do not have. Events that ask for the same may share it: nothing in it changes but for `sequence`. */
export interface Extras {
  readonly attributes: CheckedAttributes & Readonly<Record<string, ExtensionValue>>
  readonly key: string | undefined
  readonly ttlMs: number | undefined
  readonly delayMs: number | undefined
  /** `expirytime`, in ms since 1970, which counts when there is no `ttlMs`. */
  readonly expiry: number | undefined
  readonly attachment: unknown
  /** Set at acceptance, when there is a history. */
  sequence: number | undefined
  /** How many dead letter topics the event has gone through. */
  readonly hops: number
}

/** What an event has beyond its topic and data. @param attributes obey the rules */
export function extrasOf(
  attributes: Extras['attributes'],
  { key, ttlMs, delayMs, attachment }: Partial<Extras>,
  hops: number = 0,
): Extras {
  const expirytime = own(attributes, 'expirytime')
  const expiry = expirytime === undefined ? undefined : parseTime(String(expirytime))
  return { attributes, key, ttlMs, delayMs, expiry, attachment, sequence: undefined, hops }
}

/** Whether the broker's clock has to be read for an event. */
export function isTimed({ ttlMs, delayMs, expiry }: Extras): boolean {
  return (ttlMs ?? delayMs ?? expiry) !== undefined
}

export class Envelope implements Message {
  readonly #topic: string
  readonly #data: unknown
  readonly #extras: Extras | undefined
  #serial: number
  #stamp: Stamp
  /** Whose message it is now. */
  #recipient: Recipient | undefined
  #event: CloudEvent | undefined

  /** @param recipient whose message it is, if that is known already */
  constructor(
    topic: string,
    data: unknown,
    extras: Extras | undefined,
    serial: number,
    stamp: Stamp,
    recipient?: Recipient,
  ) {
    this.#topic = topic
    this.#data = data
    this.#extras = extras
    this.#serial = serial
    this.#stamp = stamp
    this.#recipient = recipient
  }

  get topic(): string {
    return this.#topic
  }

  /** The data as the isolator stores it. */
  get data(): unknown {
    return this.#data
  }

  get extras(): Extras | undefined {
    return this.#extras
  }

  /** Whether each message has data of its own, so that nobody may share one. */
  get isCopied(): boolean {
    return this.#stamp.origin.load !== undefined
  }

  /** It is the message of somebody else now, or of nobody any more. */
  passTo(recipient: Recipient | undefined): void {
    this.#recipient = recipient
  }

  /** A publish that waited for room happens when it is accepted, not when it was called. */
  restamp(serial: number, stamp: Stamp): void {
    this.#serial = serial
    this.#stamp = stamp
    this.#event = undefined
  }

  /** Number of the event in its broker, in the order of acceptance. */
  get order(): number {
    return this.#serial
  }

  get key(): string | undefined {
    return this.#extras?.key
  }

  /** When it expires, on the broker's clock. */
  get expiresAt(): number {
    const extras = this.#extras
    const stamp = this.#stamp
    if (extras?.ttlMs !== undefined) return stamp.now + extras.ttlMs
    // An absolute time is relative to the moment of acceptance, so that a jump of the wall clock changes nothing later.
    return extras?.expiry === undefined ? Infinity : stamp.now + extras.expiry - stamp.wall
  }

  /** When it may be delivered, on the broker's clock. */
  get dueAt(): number {
    const delayMs = this.#extras?.delayMs ?? 0
    return delayMs > 0 ? this.#stamp.now + delayMs : -Infinity
  }

  /** When a delay until `dueAt` is over: then, or when the event expires before that. */
  endOfDelay(dueAt: number): number {
    return Math.min(dueAt, this.expiresAt)
  }

  get sequence(): number | undefined {
    return this.#extras?.sequence
  }

  get attachment(): unknown {
    return this.#extras?.attachment
  }

  get hops(): number {
    return this.#extras?.hops ?? 0
  }

  get id(): string {
    const id = this.#extras && own(this.#extras.attributes, 'id')
    return (id as string | undefined) ?? this.#stamp.origin.idPrefix + this.#serial.toString(36) // checked to be text
  }

  get event(): CloudEvent {
    return (this.#event ??= this.makeEvent())
  }

  /** The event with data of its own, unless all share theirs. */
  makeEvent(): CloudEvent {
    const extras = this.#extras
    const stamp = this.#stamp
    const event: { [name: string]: unknown } = {
      specversion: '1.0',
      id: this.id,
      source: stamp.origin.source,
      type: this.#topic,
      time: (stamp.text ??= new Date(stamp.wall).toISOString()),
    }
    if (extras !== undefined) {
      Object.assign(event, extras.attributes)
      if (extras.ttlMs !== undefined) event.expirytime = new Date(stamp.wall + extras.ttlMs).toISOString()
    }
    const { load } = stamp.origin
    const data = load === undefined ? this.#data : load(this.#data)
    if (data !== undefined) event.data = data
    return Object.freeze(event) as unknown as CloudEvent // all required attributes are set above
  }

  get deliveryCount(): number {
    return 1
  }

  get redelivered(): boolean {
    return false
  }

  get params(): readonly string[] {
    return this.#recipient?.params(this.#topic) ?? []
  }

  get signal(): AbortSignal {
    return this.#recipient?.signal ?? new AbortController().signal
  }

  ack(): boolean {
    return false
  }

  nack(): boolean {
    return false
  }

  drop(): boolean {
    return false
  }

  extend(): boolean {
    return false
  }
}
