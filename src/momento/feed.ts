/**
 * What one subscription of a topic is sent: the messages of a broker's
 * subscription as numbered values, and a discontinuity wherever numbers are
 * missing.
 *
 * Layer 27. Source of the rules: Momento's `cachepubsub.proto`.
 */
import type { Message } from '../delivery/message.ts'
import type { Subscription } from '../subscription.ts'

/** Text and bytes are two kinds, also when they are empty. */
export type TopicValue = string | Uint8Array

/** A message of a topic. */
export interface TopicRecord {
  /** Its number on its topic, from 1. */
  readonly sequence: number
  /** Names the incarnation of the cache; above 0, and greater in each later one of the same store. */
  readonly page: number
  /** Belongs to all subscribers of the topic: it must not be changed. */
  readonly value: TopicValue
  /** Who published it, '' when that is not known. */
  readonly publisherId: string
}

/** Why a subscription ended: its cache was deleted, or the store or the cache's broker was closed. */
export type EndReason = 'deleted' | 'closed'

/** Where a subscription's messages go; called with nothing after its own unsubscribing. Only `item` may fail. */
export interface TopicSink {
  /** Whether `item` never returns a promise: then publishers wait for room, and a burst costs no message. */
  readonly isPrompt?: boolean
  /** The next item waits for the promise. What it throws or rejects with goes to the broker's `onError`, and delivery goes on. */
  item(item: TopicRecord): void | Promise<void>
  /**
   * Messages are missing. May be called before `subscribe()` returns.
   *
   * @param last the number before the gap
   * @param next the number that the next item will have
   * @param page the right page, whichever was asked for
   */
  discontinuity(last: number, next: number, page: number): void
  /** Once, at the end. */
  end(reason: EndReason): void
}

/** Where a subscription begins. */
export interface TopicPosition {
  /** The first number that is wanted; 0: the latest messages, see `CacheStoreOptions.latest`. */
  readonly resumeAt: number
  /** The page that the number belongs to; 0: whichever there is. */
  readonly page: number
}

/** Where a feed begins, once the topic is known. */
export interface Start {
  /** The number that the first item should have; undefined when any will do. */
  readonly expected: number | undefined
  /** Whether a discontinuity comes before it in any case. */
  readonly isBroken: boolean
  /** Where the broker's history is to begin. */
  readonly from: 'now' | 'oldest' | { readonly sequence: number }
}

/** What is known about a topic when somebody subscribes. */
export interface Present {
  /** The number of the latest message, 0 when there was none. */
  readonly last: number
  readonly page: number
  /** With how many of the newest messages a subscription begins that asks for no number. */
  readonly latest: number
}

/**
 * What is asked for, against what there is. A number that is not there yet and
 * one of another page name nothing: then all that is retained is the best
 * answer, because it is sure to hold whatever the asker has missed.
 */
export function startAt({ resumeAt, page }: TopicPosition, { last, page: current, latest }: Present): Start {
  const isBroken = (page !== 0 && page !== current) || resumeAt > last + 1
  if (isBroken) return { expected: Math.max(1, resumeAt), isBroken, from: 'oldest' }
  if (resumeAt > 0) return { expected: resumeAt, isBroken, from: { sequence: resumeAt } }
  if (latest === 0) return { expected: last + 1, isBroken, from: 'now' }
  return { expected: undefined, isBroken, from: { sequence: Math.max(1, last - latest + 1) } }
}

/** What was published by way of a cache, as it came: the event's attachment. Its data may be a copy of another kind. */
export class Original {
  readonly value: TopicValue
  readonly publisherId: string

  constructor(value: TopicValue, publisherId: string) {
    this.value = value
    this.publisherId = publisherId
  }
}

/** A feed's topic and what it begins with. */
export interface FeedParts {
  readonly topic: string
  readonly start: Start
  readonly present: Present
  readonly sink: TopicSink
}

export class Feed {
  readonly sink: TopicSink
  readonly #topic: string
  readonly #present: Present
  #expected: number | undefined
  #isBroken: boolean
  #subscription: Subscription | undefined

  constructor({ topic, start, present, sink }: FeedParts) {
    this.sink = sink
    this.#topic = topic
    this.#present = present
    this.#expected = start.expected
    this.#isBroken = start.isBroken
  }

  /** Must be called at once with what delivers to `receive`, before anything is delivered. */
  begin(subscription: Subscription): void {
    this.#subscription = subscription
    const next = this.#present.last + 1
    const isGone = this.#isBroken || (this.#expected ?? next) < next
    // What is replayed tells by itself.
    if (isGone && subscription.queuedCount === 0) this.#tell(next)
  }

  /** The handler of the broker's subscription. */
  readonly receive = (message: Message): void | Promise<void> => {
    // With the dialect `prefix` a topic that ends in `*` is also a wildcard.
    if (message.topic !== this.#topic) return
    const sequence = message.sequence ?? this.#count()
    const original = message.attachment instanceof Original ? message.attachment : originalOf(message.data)
    // What has no text is missing, and the next item tells.
    if (original === undefined) return
    const { value, publisherId } = original
    if (this.#isBroken || sequence > (this.#expected ?? sequence)) this.#tell(sequence)
    // A delayed message may come after later ones.
    this.#expected = Math.max(this.#expected ?? 0, sequence + 1)
    return this.sink.item({ sequence, page: this.#present.page, value, publisherId })
  }

  /** Nothing is sent any more. */
  stop(): void {
    void this.#subscription?.unsubscribe()
  }

  #tell(next: number): void {
    const last = (this.#expected ?? next) - 1
    this.#expected = next
    this.#isBroken = false
    this.sink.discontinuity(last, next, this.#present.page)
  }

  /**
   * The number of the message in hand in a broker without history: all that matched, up to here. What expires
   * behind it is taken for something before it.
   */
  #count(): number {
    const { matched = 0, queued = 0, delayed = 0 } = this.#subscription?.stats() ?? {}
    return this.#present.last + matched - queued - delayed
  }
}

/** What somebody else published, as a Momento client may read it. @returns undefined when JSON has no such value */
function originalOf(data: unknown): Original | undefined {
  if (typeof data === 'string' || isBytes(data)) return new Original(data, '')
  try {
    const text: string | undefined = JSON.stringify(data)
    return data === undefined ? new Original('', '') : text === undefined ? undefined : new Original(text, '')
  } catch {
    return undefined // a cycle, a bigint, or a toJSON that throws
  }
}

/** Whichever realm the object is from. */
export function isBytes(value: unknown): value is Uint8Array {
  return Object.prototype.toString.call(value) === '[object Uint8Array]' && ArrayBuffer.isView(value)
}
