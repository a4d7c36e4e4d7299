/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Caches: named brokers whose topics are Momento topics. A subscription of this
 * door is a subscription of the broker, so order, replay, bounds and
 * back-pressure are the broker's; here messages become numbered values, and
 * what is missing between two numbers becomes a discontinuity.
 *
 * Layer 28. Source of the rules: Momento's `cachepubsub.proto`.
 */
import { type AnyBroker, Broker, type CloseOptions } from '../broker.ts'
import {
  COUNT,
  checkClose,
  checkEach,
  checkOne,
  FUNCTION,
  isCount,
  isDuration,
  isObject,
  objectWith,
  type Rules,
  refuseOption,
} from '../checks.ts'
import { BusbarError, quote } from '../errors.ts'
import type { ErrorContext } from '../observer.ts'
import type { Subscription } from '../subscription.ts'
import { type Clock, SystemClock } from '../time/clock.ts'
import type { AnyTopics } from '../topic/typed.ts'
import { type EndReason, Feed, Original, startAt, type TopicPosition, type TopicSink, type TopicValue } from './feed.ts'

/** How all brokers are spoken to here: any topic, no wildcards. */
type TopicBroker = Broker<AnyTopics, 'exact'>

/** The caches to begin with: names, for which brokers are made, or brokers by their names. */
export type Caches = readonly string[] | Readonly<Record<string, AnyBroker>>

/** Options of a `CacheStore`. */
export interface CacheStoreOptions {
  /**
   * Default: none. A broker that is given decides how its topics are written and how much history there is.
   * Without `history`, nothing can be replayed, and a topic's numbers count from its first use by way of the cache.
   */
  readonly caches?: Caches
  /** For pages, heartbeats and the brokers that the store makes. Default: the platform's clock. */
  readonly clock?: Clock
  /** Messages of each topic that the brokers which the store makes keep for replay. Default 1 000. */
  readonly historySize?: number
  /** Messages that wait for a slow subscriber; beyond it the oldest goes, which is told as a discontinuity. At least 2, default 16 384. */
  readonly capacity?: number
  /** With how many of the newest messages a subscription begins that asks for no number. Default 0. */
  readonly latest?: number
  /** Told when a callback fails. Default `console.error`. */
  readonly onError?: (error: unknown, context: ErrorContext) => void
}

const RULES: Rules = {
  caches: ['a list of names or an object of brokers', isObject],
  clock: objectWith('now', 'wallTime', 'setTimer', 'clearTimer', 'nextTurn'),
  historySize: COUNT,
  capacity: ['an integer of at least 2', (value) => isCount(value) && value >= 2],
  latest: ['an integer of at least 0', (value) => value === 0 || isCount(value)],
  onError: FUNCTION,
}

const POSITION: Rules = {
  resumeAt: ['a number of at least 0', isDuration],
  page: ['a number of at least 0', isDuration],
}

const BROKER = objectWith('publish', 'subscribe', 'lastSequence', 'close')

/** A slow subscription may be slow, and nothing comes twice. */
const QUEUE = { qos: 1, concurrency: 1, ackWaitMs: Infinity, maxDeliveries: 1 } as const

/** After how many publishes the event loop gets a turn. */
const PUBLISHES_PER_TURN = 256

/** Before every clock. */
const LONG_AGO = '0000-01-01T00:00:00Z'

/** The caches of one account. */
export class CacheStore {
  readonly clock: Clock
  readonly #settings: Required<Pick<CacheStoreOptions, 'historySize' | 'capacity' | 'latest' | 'onError'>>
  readonly #caches = new Map<string, Cache>()
  /** The page of the latest cache. */
  #page = 0
  #closing: Promise<void> | undefined

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor(options: CacheStoreOptions = {}) {
    const { caches = [], clock = new SystemClock(), ...rest } = checkEach(options, RULES)
    this.clock = clock
    this.#settings = { historySize: 1000, capacity: 16_384, latest: 0, onError: console.error, ...rest }
    for (const [name, broker] of namedBrokers(caches)) this.#add(name, broker)
  }

  /**
   * @returns whether it was made: false when there is one of that name
   * @throws {BusbarError} `ERR_OPTION_INVALID` for a name that is empty or blank; `ERR_CLOSED`
   */
  create(name: string): boolean {
    if (this.#closing !== undefined) throw new BusbarError('ERR_CLOSED', 'The caches are closed')
    checkName(name)
    if (this.#caches.has(name)) return false
    this.#add(name, undefined)
    return true
  }

  /**
   * Ends the subscriptions of the cache. A broker that was given lives on.
   *
   * @returns whether there was one
   */
  delete(name: string): boolean {
    const cache = this.#caches.get(name)
    this.#caches.delete(name)
    cache?.delete()
    return cache !== undefined
  }

  /** The names, in the order in which the caches came. */
  list(): readonly string[] {
    return [...this.#caches.keys()]
  }

  get(name: string): Cache | undefined {
    return this.#caches.get(name)
  }

  /** Tells `onError`, whatever that does. */
  report(error: unknown, context: ErrorContext): void {
    const tell: (error: unknown, context: ErrorContext) => unknown = this.#settings.onError
    // The first handler runs later, and whatever it throws or returns is contained.
    Promise.resolve()
      .then(() => tell(error, context))
      .catch(() => {}) // there is nobody left to tell
  }

  /** Ends all subscriptions and closes the brokers that the store has made: what waits there has its grace time. Idempotent. */
  async close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(checkClose(options))
    await this.#closing
  }

  /** As `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(options: CloseOptions): Promise<void> {
    const caches = [...this.#caches.values()]
    this.#caches.clear()
    await Promise.all(caches.map((cache) => cache.close(options)))
  }

  #add(name: string, given: TopicBroker | undefined): void {
    const { historySize, onError, capacity, latest } = this.#settings
    const { clock } = this
    const broker = given ?? new Broker({ dialect: 'exact', history: { size: historySize }, clock, onError })
    // Seconds since 1970, as the service's pages look.
    this.#page = Math.max(this.#page + 1, Math.floor(clock.wallTime() / 1000))
    this.#caches.set(name, new Cache(broker, { page: this.#page, capacity, latest, isOwn: given === undefined }))
  }
}

/** What a cache is told. */
interface CacheSettings {
  readonly page: number
  readonly capacity: number
  readonly latest: number
  /** Whether the broker is its own, to be closed with it. */
  readonly isOwn: boolean
}

/** One cache. Made by a `CacheStore`. */
export class Cache {
  /** See `TopicRecord.page`. */
  readonly page: number
  readonly #broker: TopicBroker
  readonly #settings: CacheSettings
  readonly #feeds = new Set<Feed>()
  /** By way of the cache, on all topics. */
  #published = 0
  /** What counts the messages of a topic, when the broker keeps no history. */
  readonly #counters = new Map<string, Subscription>()

  constructor(broker: TopicBroker, settings: CacheSettings) {
    this.page = settings.page
    this.#broker = broker
    this.#settings = settings
  }

  /** How many subscriptions have not ended. */
  get subscribers(): number {
    return this.#feeds.size
  }

  /**
   * The number of the latest message on a topic, 0 when there was none.
   *
   * @throws {BusbarError} `ERR_TOPIC_INVALID`, `ERR_CLOSED`
   */
  lastSequence(topic: string): number {
    return this.#broker.lastSequence(topic) ?? this.#counter(topic).stats().matched
  }

  /**
   * @param value is not copied: the caller must not change it any more
   * @returns resolves when the broker has accepted it; rejects with `ERR_TOPIC_INVALID`, `ERR_QUEUE_FULL`, `ERR_CLOSED`
   */
  async publish(topic: string, value: TopicValue, publisherId: string = ''): Promise<void> {
    this.lastSequence(topic) // begins to count, if need be
    await this.#broker.publish(topic, value, {
      datacontenttype: typeof value === 'string' ? 'text/plain' : 'application/octet-stream',
      attachment: new Original(value, publisherId),
    })
    // A loop that awaits nothing else would keep the event loop from turning, and a broker delivers only a share in each turn.
    if (++this.#published % PUBLISHES_PER_TURN > 0) return
    await new Promise<void>((resolve) => this.#broker.clock.nextTurn(resolve))
  }

  /**
   * Uses up numbers, as if `count` messages had been published that no
   * subscriber got: whatever is published next comes after a discontinuity.
   *
   * @returns rejects as `publish()` does
   */
  async skipSequence(topic: string, count: number): Promise<void> {
    checkOne(count, COUNT, 'count')
    this.lastSequence(topic)
    // The broker counts an event that has expired, and delivers it to nobody.
    for (let i = 0; i < count; i++) await this.#broker.publish(topic, '', { extensions: { expirytime: LONG_AGO } })
  }

  /**
   * Begins to send a topic's messages to `sink`. A number that is not there yet,
   * or of another page, is answered with a discontinuity and all that is retained.
   *
   * @returns ends the subscription; the sink is not called any more
   * @throws {BusbarError} `ERR_TOPIC_INVALID`, `ERR_CLOSED`, or `ERR_OPTION_INVALID` when the position is none
   */
  subscribe(topic: string, from: TopicPosition, sink: TopicSink): () => void {
    const { page, capacity, latest } = this.#settings
    checkEach(from, POSITION)
    const present = { last: this.lastSequence(topic), page, latest }
    const start = startAt(from, present)
    const feed = new Feed({ topic, start, present, sink })
    const subscription = this.#broker.subscribe(topic, feed.receive, {
      ...QUEUE,
      capacity,
      overflow: sink.isPrompt ? 'wait' : 'dropOldest',
      from: this.#counters.has(topic) ? 'now' : start.from,
    })
    this.#feeds.add(feed)
    void subscription.closed.then(() => this.#end(feed, 'closed'))
    feed.begin(subscription)
    return () => {
      this.#feeds.delete(feed)
      feed.stop()
    }
  }

  /** @internal Ends all subscriptions, and what waits for them is lost. */
  delete(): void {
    for (const feed of this.#feeds) this.#end(feed, 'deleted')
    void this.close({ graceMs: 0 })
  }

  /** @internal Ends all subscriptions, and the broker if it is the cache's own. */
  async close(options: CloseOptions): Promise<void> {
    if (this.#settings.isOwn) await this.#broker.close(options)
    for (const feed of this.#feeds) this.#end(feed, 'closed')
    for (const counter of this.#counters.values()) void counter.unsubscribe()
    this.#counters.clear()
  }

  #end(feed: Feed, reason: EndReason): void {
    if (!this.#feeds.delete(feed)) return
    feed.stop()
    feed.sink.end(reason)
  }

  #counter(topic: string): Subscription {
    let counter = this.#counters.get(topic)
    if (counter === undefined) {
      counter = this.#broker.subscribe(topic, () => {}, { qos: 0 })
      this.#counters.set(topic, counter)
    }
    return counter
  }
}

/** Whichever copy of the package made it. A cache of these names would be a broker, and no function. */
export function isStore(caches: CacheStore | Caches): caches is CacheStore {
  return 'get' in caches && typeof caches.get === 'function'
}

function* namedBrokers(caches: Caches): Generator<readonly [name: string, broker: TopicBroker | undefined]> {
  const seen = new Set<string>()
  for (const [key, value] of Object.entries(caches)) {
    const name: unknown = Array.isArray(caches) ? value : key
    checkName(name)
    if (seen.has(name)) refuseOption('caches', `${quote(name)} is there twice`)
    seen.add(name)
    if (Array.isArray(caches)) yield [name, undefined]
    else {
      checkOne(value, BROKER, `caches.${name}`)
      yield [name, value as TopicBroker] // topics are checked at run time, by the broker's own dialect
    }
  }
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.trim() === '') refuseOption('caches', `${quote(name)} is not a name`)
}
