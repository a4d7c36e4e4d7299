/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What `subscribe()` takes and resolves to. The door exports this file as the
 * namespace `TopicSubscribe`.
 *
 * Layer 31.
 */
import { ErrorResponse } from './responses.ts'
import type { TopicItem } from './topic-item.ts'

/** What a subscription is made of. */
export interface SubscriptionState {
  readonly isSubscribed: boolean
  unsubscribe(): void
  /** Calls that have to wait are served in order. */
  next(): Promise<IteratorResult<TopicItem, undefined>>
  /** @throws {BusbarError} `ERR_OPTION_INVALID` when there is an `onItem` */
  checkIterable(): void
}

/**
 * A subscription that has begun. Without `onItem` it is an async iterable of
 * its items: nothing is missed since `subscribe()` resolved, leaving the loop
 * unsubscribes, and the loop throws when the subscription ends with an error.
 */
export class Subscription implements AsyncIterable<TopicItem, undefined>, Disposable {
  readonly type = 'Subscription'
  /** Constant; whether it still is one is said by `isSubscribed`. */
  readonly is_subscribed: boolean = true
  readonly #state: SubscriptionState

  constructor(state: SubscriptionState) {
    this.#state = state
  }

  get isSubscribed(): boolean {
    return this.#state.isSubscribed
  }

  /** Ends it at once: no callback is called any more but `onSubscriptionEnd`. Idempotent. */
  unsubscribe(): void {
    this.#state.unsubscribe()
  }

  /** @throws {BusbarError} `ERR_OPTION_INVALID` when there is an `onItem` */
  [Symbol.asyncIterator](): AsyncIterableIterator<TopicItem, undefined> {
    this.#state.checkIterable()
    return new Items(this.#state)
  }

  /** As `unsubscribe()`. */
  [Symbol.dispose](): void {
    this.unsubscribe()
  }

  toString(): string {
    return 'Subscription'
  }
}

/** Two loops over one subscription share its items. */
class Items implements AsyncIterableIterator<TopicItem, undefined> {
  readonly #state: SubscriptionState

  constructor(state: SubscriptionState) {
    this.#state = state
  }

  next(): Promise<IteratorResult<TopicItem, undefined>> {
    return this.#state.next()
  }

  async return(): Promise<IteratorResult<TopicItem, undefined>> {
    this.#state.unsubscribe()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

class SubscribeError extends ErrorResponse {}

export { SubscribeError as Error }

export type Response = Subscription | SubscribeError
