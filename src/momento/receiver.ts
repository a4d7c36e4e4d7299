/**
 * The client's end of one subscription: callbacks are called and whatever they
 * do is contained; without `onItem` the items wait for a loop to take them.
 *
 * Layer 32.
 */
import { refuseOption } from '../checks.ts'
import { Ring } from '../delivery/ring.ts'
import { contain, handled } from '../promises.ts'
import type { Clock } from '../time/clock.ts'
import type { SdkError } from './errors.ts'
import type { EndReason, TopicRecord, TopicSink } from './feed.ts'
import { TopicDiscontinuity, TopicHeartbeat, TopicItem } from './topic-item.ts'
import { Error as SubscribeError, Subscription, type SubscriptionState } from './topic-subscribe.ts'

/** What may be given to `subscribe()`. All callbacks may be async; nobody waits for them. */
export interface SubscribeCallOptions {
  /** Each item. Without it the subscription is an async iterable. */
  readonly onItem?: ((item: TopicItem) => unknown) | undefined
  /** The subscription ended with an error. Called before `onSubscriptionEnd`; `isSubscribed` is false by then. */
  readonly onError?: ((error: SubscribeError, subscription: Subscription) => unknown) | undefined
  /** Items are missing between the last one and the next. */
  readonly onDiscontinuity?: ((discontinuity: TopicDiscontinuity) => unknown) | undefined
  /** At once, and every second. With it, an open subscription keeps the process alive. */
  readonly onHeartbeat?: ((heartbeat: TopicHeartbeat) => unknown) | undefined
  /** Never called in process: there is no connection. */
  readonly onConnectionLost?: (() => unknown) | undefined
  /** The subscription is over, once, whatever ended it. */
  readonly onSubscriptionEnd?: (() => unknown) | undefined
  /** Begin with this number, as far as the topic's history reaches back. The vendor's client does so by itself when it reconnects. */
  readonly resumeAtTopicSequenceNumber?: number | undefined
  /** The page that the number belongs to. */
  readonly resumeAtTopicSequencePage?: number | undefined
}

type Result = IteratorResult<TopicItem, undefined>

/** A call of `next()` that waits. */
interface Waiter {
  readonly resolve: (result: Result) => void
  readonly reject: (error: SdkError) => void
}

/** What a receiver needs to know beside the options. */
export interface ReceiverParts {
  readonly clock: Clock
  /** Told what a callback threw or rejected with. */
  readonly report: (error: unknown) => void
  /** What the subscription ends with when its cache is deleted. */
  readonly notFound: () => SdkError
  /** Called once, when it is over. */
  readonly onEnd: () => void
}

const HEARTBEAT_MS = 1000

export class Receiver implements TopicSink, SubscriptionState {
  readonly subscription: Subscription = new Subscription(this)
  readonly #callbacks: SubscribeCallOptions
  readonly #parts: ReceiverParts
  /** Ends the subscription of the cache; undefined until there is one. */
  #stop: (() => void) | undefined
  #isOver = false
  /** The next item of a loop that has not asked for it, and what lets those behind it follow. */
  #held: { readonly item: TopicItem; readonly release: () => void } | undefined
  readonly #waiting = new Ring<Waiter>()
  /** What the loop throws, once. */
  #failure: SdkError | undefined
  /** Of the next heartbeat. */
  #timer: unknown

  constructor(callbacks: SubscribeCallOptions, parts: ReceiverParts) {
    this.#callbacks = callbacks
    this.#parts = parts
  }

  get isSubscribed(): boolean {
    return !this.#isOver
  }

  /** Callbacks are not waited for; a loop is. */
  get isPrompt(): boolean {
    return this.#callbacks.onItem !== undefined
  }

  /** @param stop ends the subscription of the cache */
  begin(stop: () => void): void {
    this.#stop = stop
    if (this.#isOver) stop()
    else if (this.#callbacks.onHeartbeat !== undefined) this.#beat()
  }

  item(record: TopicRecord): void | Promise<void> {
    const item = itemOf(record)
    const { onItem } = this.#callbacks
    if (onItem !== undefined) return this.#call(onItem, item)
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) return waiter.resolve({ done: false, value: item })
    return new Promise((resolve) => {
      this.#held = { item, release: resolve }
    })
  }

  discontinuity(last: number, next: number, page: number): void {
    this.#call(this.#callbacks.onDiscontinuity, new TopicDiscontinuity(last, next - 1, page))
  }

  end(reason: EndReason): void {
    if (reason === 'deleted') this.#failure = this.#parts.notFound()
    const failure = this.#failure
    this.#finish()
    if (failure !== undefined) this.#call(this.#callbacks.onError, new SubscribeError(failure), this.subscription)
    this.#call(this.#callbacks.onSubscriptionEnd)
  }

  unsubscribe(): void {
    if (this.#isOver) return
    this.#finish()
    this.#held = undefined
    this.#stop?.()
    // Not inside the call: as the vendor's client, whose stream ends some time later.
    void Promise.resolve().then(() => this.#call(this.#callbacks.onSubscriptionEnd))
  }

  checkIterable(): void {
    if (this.#callbacks.onItem !== undefined) refuseOption('onItem', 'a subscription with it has no iterator')
  }

  next(): Promise<Result> {
    const held = this.#held
    this.#held = undefined
    held?.release()
    if (held !== undefined) return Promise.resolve({ done: false, value: held.item })
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) return handled(Promise.reject(failure))
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return handled(new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })))
  }

  /** Nobody waits any longer, not for an item and not for a loop. */
  #finish(): void {
    this.#isOver = true
    if (this.#timer !== undefined) this.#parts.clock.clearTimer(this.#timer)
    this.#held?.release()
    if (this.#failure !== undefined && !this.#waiting.isEmpty) {
      this.#waiting.shift()?.reject(this.#failure)
      this.#failure = undefined
    }
    while (!this.#waiting.isEmpty) this.#waiting.shift()?.resolve({ done: true, value: undefined })
    this.#parts.onEnd()
  }

  #beat(): void {
    this.#timer = this.#parts.clock.setTimer(() => this.#beat(), HEARTBEAT_MS)
    this.#call(this.#callbacks.onHeartbeat, new TopicHeartbeat())
  }

  /** The only place where callbacks are called. They get no `this`. */
  #call<Given extends readonly unknown[]>(callback: ((...given: Given) => unknown) | undefined, ...given: Given): void {
    contain(() => callback?.(...given), this.#parts.report)
  }
}

/** Bytes are copied: each subscriber may do with its own what it likes. */
function itemOf({ value, sequence, page, publisherId }: TopicRecord): TopicItem {
  return new TopicItem(typeof value === 'string' ? value : new Uint8Array(value), sequence, {
    tokenId: publisherId === '' ? undefined : publisherId,
    sequencePage: page,
  })
}
