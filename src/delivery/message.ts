/**
 * What a handler is given: one event, on its way to one subscription.
 *
 * Layer 4.
 */
import type { CloudEvent } from '../event/cloudevent.ts'

/** What a handler may return: nothing or `'ack'` acks; `'nack'` and `'drop'` do that; any other value acks. */
export type Outcome = 'ack' | 'nack' | 'drop'

/**
 * One delivery of one event to one subscription. Every settle method returns
 * whether it was this call that settled the message; a late or second call
 * changes nothing and never throws. With `qos: 0` there is nothing to settle:
 * they all return `false`.
 */
export interface Message<T = unknown, Topic extends string = string> {
  readonly topic: Topic
  /** What the publisher said; see `isolation` for whose object it is. */
  readonly data: T
  /** The CloudEvent, made when first read and frozen. */
  readonly event: CloudEvent<T>
  /** The event's id; the same in every delivery. */
  readonly id: string
  /** The event's number on its topic, from 1; undefined unless the broker keeps `history`. */
  readonly sequence: number | undefined
  /** What was published with the event beside its data; see `PublishOptions.attachment`. */
  readonly attachment: unknown
  /** Deliveries of this message so far, this one included, from 1. */
  readonly deliveryCount: number
  /** Whether an earlier delivery was not acked: `deliveryCount > 1`. */
  readonly redelivered: boolean
  /**
   * What the wildcards of the filter stood for, in order. A multi-level
   * wildcard gives the levels it matched, joined by the separator, `''` for none.
   */
  readonly params: readonly string[]
  /**
   * Aborts when the ack wait is over (reason: `ERR_ACK_WAIT`) or the subscription ends (`ERR_CLOSED`). To be
   * read while the handler runs: after that there may be nothing left to abort.
   */
  readonly signal: AbortSignal
  /**
   * @internal Told what `signal` is told, for an adapter that cannot afford a signal for each message: it takes as
   * long to make as a call over the network. To be set while the handler is being called.
   */
  onAbort?: (reason: unknown) => void
  /** Done. */
  ack(): boolean
  /**
   * Offer it again later: after the backoff of the subscription, or after `delayMs` exactly.
   * @throws {BusbarError} `ERR_OPTION_INVALID` when `delayMs` is no duration
   */
  nack(options?: { readonly delayMs?: number }): boolean
  /** Give up now: to the dead letter topic with this reason as its error, if there is one. */
  drop(reason?: unknown): boolean
  /**
   * Moves the end of the ack wait to `ms` from now; never shortens it.
   * @returns whether the message is still in flight
   * @throws {BusbarError} `ERR_OPTION_INVALID` when `ms` is no duration
   */
  extend(ms: number): boolean
}

/** Called with each message; may be async. What it throws or rejects with nacks the message. */
export type Handler<T = unknown, Topic extends string = string> = (message: Message<T, Topic>) => unknown
