/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The broker, as its users hold it: publish, subscribe, close. Types are
 * checked here; what happens is in the rooms below.
 *
 * Layer 16.
 */
import { Acceptance } from './acceptance.ts'
import { checkClose } from './checks.ts'
import type { Handler, Message } from './delivery/message.ts'
import { BusbarError } from './errors.ts'
import { checkAttribute } from './event/cloudevent.ts'
import { isolators } from './event/isolation.ts'
import { Hub } from './hub.ts'
import {
  type BrokerOptions,
  type BrokerSettings,
  checkBroker,
  checkOnce,
  checkOnly,
  type PublishOptions,
  type SubscribeOptions,
} from './options.ts'
import { handled, refusal } from './promises.ts'
import { Registry } from './registry.ts'
import { type BrokerStats, type CloseReport, endsSince } from './stats.ts'
import type { Subscription } from './subscription.ts'
import { type Clock, SystemClock } from './time/clock.ts'
import type { Dialect } from './topic/dialect.ts'
import { checkTopic } from './topic/topic.ts'
import type {
  AnyTopics,
  BrokerArguments,
  CheckedFilter,
  CheckedTopic,
  DataOf,
  MatchedTopic,
  TopicOf,
} from './topic/typed.ts'

/** What a subscription to `Filter` is given: one message type for each topic that matches, told apart by `topic`. */
export type MessageOf<Topics, Filter extends string = string, D extends Dialect = 'mqtt'> = MessageOn<
  Topics,
  MatchedTopic<Topics, Filter, D>,
  D
>
type MessageOn<Topics, Topic extends string, D extends Dialect> = Topic extends unknown
  ? Message<DataOf<Topics, Topic, D>, Topic>
  : never

/** Options of `once()`. */
export type OnceOptions = Pick<SubscribeOptions, 'where' | 'signal'>

/** Options of `close()`. */
export interface CloseOptions {
  /** How long to wait for what is queued and in flight, in ms; `Infinity` allowed. Default 5 000. */
  readonly graceMs?: number
}

/** A `Broker` of any topics and any dialect: what adapters take. */
export interface AnyBroker {
  readonly clock: Clock
  publish(topic: never, data: never, options?: PublishOptions): Promise<void>
  subscribe(filter: never, handler?: never, options?: SubscribeOptions): Subscription<unknown>
  lastSequence(topic: string): number | undefined
  settled(): Promise<void>
  stats(): BrokerStats
  close(options?: CloseOptions): Promise<CloseReport>
}

/**
 * Accepts events and delivers them to those who subscribed to their topics.
 * `Topics` maps each topic to its data; without it any topic goes.
 *
 * @example
 * const broker = new Broker<{ 'orders/created': { id: string } }>()
 * broker.subscribe('orders/+', (message) => console.log(message.data.id))
 * await broker.publish('orders/created', { id: 'o-1' })
 */
export class Broker<in out Topics extends object = AnyTopics, in out D extends Dialect = 'mqtt'>
  implements AsyncDisposable
{
  readonly #hub: Hub
  readonly #acceptance: Acceptance
  readonly #registry: Registry
  readonly #detach: (() => void) | undefined
  #closing: Promise<CloseReport> | undefined

  /** @throws {BusbarError} `ERR_OPTION_INVALID`; `ERR_EVENT_INVALID` for a `source` that is no URI-reference */
  constructor(...[options = {}]: BrokerArguments<BrokerOptions, D>) {
    const settings: BrokerSettings = {
      ...DEFAULTS,
      clock: new SystemClock(),
      random: Math.random,
      ...checkBroker(options),
    }
    const { source, isolation, random, clock } = settings
    checkAttribute('source', source)
    const { store, load } = isolators[isolation]
    const hub = new Hub(settings, (...facts) => acceptance.deadLetter(...facts))
    const acceptance = new Acceptance(hub, { source, idPrefix: randomPrefix(random), load }, store)
    const registry = new Registry(hub, settings.defaults)
    this.#hub = hub
    this.#acceptance = acceptance
    this.#registry = registry
    this.#detach = clock.attach?.({ workload: hub.workload, describe: () => registry.describe() })
  }

  /**
   * Publishes an event; resolves when every matching queue has accepted it,
   * which is at once unless one with `overflow: 'wait'` is full. `qos: 0`
   * handlers have been called by then. The promise may be left alone: a refusal
   * never becomes an unhandled rejection; `stats().refused` counts it.
   *
   * @returns rejects with `ERR_TOPIC_INVALID`, `ERR_EVENT_INVALID`, `ERR_OPTION_INVALID`, `ERR_QUEUE_FULL`,
   *   `ERR_CLOSED`, or the reason of `signal`; nobody has got the event then
   */
  publish<Topic extends keyof Topics & string>(
    topic: CheckedTopic<Topics, Topic, D>,
    data: DataOf<Topics, Topic, D>,
    options?: PublishOptions,
  ): Promise<void> {
    return this.#acceptance.publish(topic, data, options)
  }

  /**
   * Subscribes to all topics that `filter` matches, from this moment on:
   * `subscribe(filter, handler, options?)` calls the handler with each message,
   * `subscribe(filter, options?)` makes the subscription an async iterable.
   *
   * @throws {BusbarError} `ERR_FILTER_INVALID`, `ERR_OPTION_INVALID`, `ERR_CLOSED`
   */
  subscribe<Filter extends TopicOf<Topics> | (string & {})>(
    filter: CheckedFilter<Topics, Filter, D>,
    handler?: NoInfer<((message: MessageOf<Topics, Filter, D>) => unknown) | SubscribeOptions>,
    options?: SubscribeOptions,
  ): Subscription<MessageOf<Topics, Filter, D>> {
    this.#acceptance.needOpen()
    if (typeof handler !== 'function') return this.#registry.subscribe(filter, undefined, checkOnly(handler, options))
    // The filter decides what the handler is given.
    return this.#registry.subscribe(filter, handler as Handler, options ?? {})
  }

  /**
   * The next message that `filter` matches, at most once: it is not redelivered.
   *
   * @returns rejects with `ERR_FILTER_INVALID`, `ERR_OPTION_INVALID`, `ERR_CLOSED`, or the reason of `signal`
   */
  once<Filter extends TopicOf<Topics> | (string & {})>(
    filter: CheckedFilter<Topics, Filter, D>,
    options: OnceOptions = {},
  ): Promise<MessageOf<Topics, Filter, D>> {
    return handled(this.#once(filter, options)) as Promise<MessageOf<Topics, Filter, D>> // the filter decides what it is
  }

  async #once(filter: string, options: OnceOptions): Promise<Message> {
    this.#acceptance.needOpen()
    const checked = checkOnce(options)
    const { signal } = checked
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const handler = (message: Message): void => {
        resolve(message)
        void subscription.unsubscribe()
      }
      const subscription = this.#registry.subscribe(filter, handler, { ...checked, qos: 0 })
      // Too late after a message.
      void subscription.closed.then(() => reject(signal?.aborted ? signal.reason : this.#acceptance.closed))
    })
  }

  /** The clock that it was made with: what works beside a broker, such as an adapter, goes by the same time. */
  get clock(): Clock {
    return this.#hub.clock
  }

  /**
   * The number of the latest event on a topic, 0 when there was none; undefined unless the broker keeps `history`.
   *
   * @throws {BusbarError} `ERR_TOPIC_INVALID`
   */
  lastSequence(topic: string): number | undefined {
    checkTopic(topic, this.#hub.dialect)
    return this.#hub.history?.last(topic)
  }

  /** Resolves when nothing is queued or in flight and all handlers have returned. What is delayed does not count, nor do overdue handlers. */
  settled(): Promise<void> {
    return this.#hub.settled()
  }

  /** The counters of all subscriptions, and of publishing. */
  stats(): BrokerStats {
    const { published, refused } = this.#acceptance
    const { size } = this.#registry
    return { published, refused, waiting: this.#hub.line.size, subscriptions: size, ...this.#registry.totals() }
  }

  /**
   * Ends the broker: new work is refused with `ERR_CLOSED`, what is queued is
   * delivered, what is in flight is waited for. When the grace time is over the
   * rest is cancelled; what is delayed beyond it is cancelled at once.
   *
   * @returns how the messages ended; the same promise for every further call. Rejects with `ERR_OPTION_INVALID`, and then nothing has changed
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    try {
      return (this.#closing ??= this.#close(checkClose(options).graceMs ?? 5000))
    } catch (error) {
      return refusal(error)
    }
  }

  /** As `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #close(graceMs: number): Promise<CloseReport> {
    const hub = this.#hub
    const before = this.#registry.totals()
    const closed = new BusbarError('ERR_CLOSED', 'The broker is closed')
    this.#acceptance.close(closed)
    hub.line.refuseAll(closed)
    this.#registry.close(graceMs, closed)
    return new Promise((resolve) => {
      hub.whenDone(graceMs, () => {
        this.#registry.endAll(closed)
        this.#detach?.()
        resolve(endsSince(before, this.#registry.totals()))
      })
    })
  }
}

const DEFAULTS = {
  dialect: 'mqtt',
  source: 'busbar',
  isolation: 'shared',
  defaults: {},
  onError: (...failure: readonly unknown[]): void => console.error(...failure),
} as const

/** 20 characters of base 36 and a dash: about 100 bits. */
function randomPrefix(random: () => number): string {
  let prefix = ''
  while (prefix.length < 20) prefix += Math.floor(random() * 36).toString(36)
  return `${prefix}-`
}
