/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Delivery to a handler in this process, with Dapr's words for how it went.
 *
 * Layer 22.
 */
import type { Message } from '../delivery/message.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { SubscriptionStats } from '../stats.ts'
import { bytesOf } from './content.ts'
import { NO_METADATA } from './metadata.ts'
import type { Sink } from './sink.ts'
import { failure, SUCCESS, type Verdict, verdictOn } from './verdict.ts'
import { type Metadata, WireEvent } from './wire.ts'

/** What a handler says of a message: done, offer it again, or give it up. */
export type Status = 'SUCCESS' | 'RETRY' | 'DROP'

/** What a handler in this process is given. */
export interface DaprMessage<T = unknown> {
  /** Decoded: what JSON makes of it, text, or bytes. With `rawPayload`, the bytes as they were published. */
  readonly data: T
  /** The CloudEvent, frozen. */
  readonly event: CloudEvent<T>
  readonly pubsubname: string
  /** As the publisher named it. */
  readonly topic: string
  /** Of the publish. */
  readonly metadata: Metadata
  /** Deliveries so far, this one included. */
  readonly deliveryCount: number
  /** Aborts when the time for handling is over, or the subscription ends. */
  readonly signal: AbortSignal
}

/**
 * Called with each message. Returns a `Status`, now or later; another text, and what it throws, is `'RETRY'`, anything
 * else `'SUCCESS'`.
 */
export type DaprHandler<T = unknown> = (message: DaprMessage<T>) => unknown

/**
 * Called with each batch. Returns a list with what a `DaprHandler` would have for each message, in the same order;
 * anything else when all went well. What it throws is `'RETRY'` for all of them.
 */
export type DaprBatchHandler<T = unknown> = (messages: readonly DaprMessage<T>[]) => unknown

/** Options of `sidecar.subscribe()`. */
export interface DaprSubscribeOptions {
  /** Where messages go that are dropped, or fail with no policy that says to offer them again. Default: none. */
  readonly deadLetterTopic?: string
  /** Whether `data` is the bytes as they were published, without an envelope. Default false. */
  readonly rawPayload?: boolean
}

/** Options of `sidecar.subscribeBulk()`. */
export interface DaprBulkOptions extends DaprSubscribeOptions {
  /** A batch of this many goes at once. Default 100. */
  readonly maxMessagesCount?: number
  /** The longest that the first message of a batch waits, in ms. Default 1 000. */
  readonly maxAwaitDurationMs?: number
}

/** A handler's subscription. */
export interface DaprSubscription extends AsyncDisposable {
  readonly stats: SubscriptionStats
  /** Resolves when it has ended, whichever way. */
  readonly closed: Promise<void>
  /** Matches no more; resolves when what is queued has been delivered. */
  drain(): Promise<void>
  /** Ends now: what is queued is cancelled. */
  unsubscribe(): Promise<void>
}

/** What the sink of a subscription in this process is made of. */
export interface HandlerSinkParts {
  readonly pubsubname: string
  /** From the broker's topic to the one that the publisher named. */
  readonly nameOf: (brokerTopic: string) => string
  readonly isRaw: boolean
}

export class HandlerSink implements Sink {
  readonly #handle: (messages: readonly DaprMessage[]) => unknown
  readonly #parts: HandlerSinkParts

  /** @param handle gets one message for `deliver`, many for `deliverBatch` */
  constructor(handle: (messages: readonly DaprMessage[]) => unknown, parts: HandlerSinkParts) {
    this.#handle = handle
    this.#parts = parts
  }

  async deliver(message: Message): Promise<Verdict> {
    try {
      return verdictFrom(await this.#handle([this.#view(message)]))
    } catch (error) {
      return failure(error)
    }
  }

  async deliverBatch(messages: readonly Message[]): Promise<readonly Verdict[]> {
    try {
      const statuses = await this.#handle(messages.map((message) => this.#view(message)))
      return messages.map((_, index) => (Array.isArray(statuses) ? verdictFrom(statuses[index]) : SUCCESS))
    } catch (error) {
      return messages.map(() => failure(error))
    }
  }

  #view(message: Message): DaprMessage {
    const { pubsubname, nameOf, isRaw } = this.#parts
    const wire = message.attachment instanceof WireEvent ? message.attachment : undefined
    return {
      get data() {
        return isRaw && wire !== undefined ? bytesOf(wire.body) : message.data
      },
      get event() {
        return message.event
      },
      get signal() {
        return message.signal
      },
      pubsubname,
      topic: nameOf(message.topic),
      metadata: wire?.metadata ?? NO_METADATA,
      deliveryCount: message.deliveryCount,
    }
  }
}

function verdictFrom(status: unknown): Verdict {
  return typeof status === 'string' ? verdictOn(status, 'the handler') : SUCCESS
}
