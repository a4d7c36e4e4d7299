/// <reference lib="esnext.disposable" preserve="true" />
/**
 * One Dapr subscription on a broker: hands each message to its sink, alone or
 * in batches, and settles it as the verdict and the retry policy say.
 *
 * Layer 23.
 */
import type { Message, Outcome } from '../delivery/message.ts'
import type { SubscriptionStats } from '../stats.ts'
import type { Subscription } from '../subscription.ts'
import { Batcher } from './bulk.ts'
import type { DaprSubscription } from './handler-sink.ts'
import type { Log, LogLevel } from './log.ts'
import type { Pubsub } from './pubsub.ts'
import type { Retry } from './retry.ts'
import type { Sink } from './sink.ts'
import { Trouble } from './trouble.ts'
import type { Failure } from './verdict.ts'
import type { BatchLimits } from './wire.ts'

/** What a subscriber is made of. */
export interface SubscriberParts {
  readonly pubsub: Pubsub
  /** As the app named it; may be a wildcard where the component has them. */
  readonly topic: string
  /** Subscribers of one group share the messages; undefined: gets them all. */
  readonly group: string | undefined
  readonly deadLetterTopic: string | undefined
  readonly bulk: BatchLimits | undefined
  readonly sink: Sink
  readonly retry: Retry
  /** Time allowed for one delivery, in ms; may be `Infinity`. */
  readonly timeoutMs: number
  readonly log: Log
}

export class Subscriber implements DaprSubscription {
  readonly #parts: SubscriberParts
  readonly #batcher: Batcher | undefined
  readonly #subscription: Subscription
  readonly #trouble = new Trouble()

  /** @throws {BusbarError} as `broker.subscribe()` does */
  constructor(parts: SubscriberParts) {
    const { pubsub, topic, group, deadLetterTopic, bulk, sink, retry, timeoutMs } = parts
    this.#parts = parts
    this.#batcher = bulk && new Batcher(bulk, (messages) => sink.deliverBatch(messages), pubsub.broker.clock)
    this.#subscription = pubsub.broker.subscribe(pubsub.brokerTopic(topic), (message) => this.#handle(message), {
      ...retry.options,
      ...(group !== undefined && { group }),
      ...(deadLetterTopic !== undefined && { deadLetterTopic: pubsub.brokerTopic(deadLetterTopic) }),
      // One at a time, so that messages arrive in the order in which they were published.
      concurrency: bulk?.maxMessagesCount ?? 1,
      ackWaitMs: timeoutMs + (bulk?.maxAwaitDurationMs ?? 0),
    })
  }

  get asked(): { readonly pubsubname: string; readonly topic: string; readonly deadLetterTopic: string | undefined } {
    const { pubsub, topic, deadLetterTopic } = this.#parts
    return { pubsubname: pubsub.name, topic, deadLetterTopic }
  }

  get stats(): SubscriptionStats {
    return this.#subscription.stats()
  }

  /** Resolves when it has ended, whichever way. */
  get closed(): Promise<void> {
    return this.#subscription.closed
  }

  /** Matches no more; resolves when what is queued and delayed has been delivered. */
  drain(): Promise<void> {
    this.#batcher?.hurry()
    return this.#subscription.drain()
  }

  /** Ends now: what is queued is cancelled. */
  unsubscribe(): Promise<void> {
    this.#batcher?.hurry()
    return this.#subscription.unsubscribe()
  }

  /** As `unsubscribe()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe()
  }

  async #handle(message: Message): Promise<Outcome> {
    const verdict = await (this.#batcher?.add(message) ?? this.#parts.sink.deliver(message))
    // What is dropped need not have come to the app.
    if (verdict.kind === 'success' && this.#trouble.succeeded()) this.#report('info', 'Messages are handled again')
    if (verdict.kind === 'success') return 'ack'
    if (verdict.kind === 'failure') this.#reportFailure(message, verdict)
    if (verdict.kind === 'failure' && !this.#parts.retry.isPermanent(verdict)) throw verdict.error
    message.drop(verdict.error)
    return 'drop'
  }

  /** The broker reports what is given up; what is offered again would be so for ever, and nobody know why. */
  #reportFailure({ id, deliveryCount }: Message, { error }: Failure): void {
    const failureCount = this.#trouble.failed(this.#parts.pubsub.broker.clock.now())
    const level = failureCount === undefined ? 'debug' : 'warn'
    const facts = { id, deliveryCount, reason: error.message, ...(failureCount !== undefined && { failureCount }) }
    this.#report(level, 'A message was not handled', facts)
  }

  #report(level: LogLevel, message: string, facts?: object): void {
    const { pubsubname, topic } = this.asked
    this.#parts.log({ level, message, pubsubname, topic, ...facts })
  }
}
