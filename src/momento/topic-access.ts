/**
 * What both wire formats ask for: publish on a topic, subscribe to one. Here a
 * client's right, the names, the limits and the cache are checked, in this
 * order, before anything happens.
 *
 * Layer 29.
 */
import type { Grant } from './access.ts'
import type { Cache, CacheStore } from './cache.ts'
import type { TopicSink } from './feed.ts'
import type { PublishRequest, SubscriptionRequest } from './messages.ts'
import { StatusError } from './status.ts'

export interface TopicLimits {
  /** Bytes of a value. */
  readonly maxValueBytes: number
  /** Subscriptions and waiting polls of all clients together. */
  readonly maxSubscriptions: number
}

type TopicName = Pick<PublishRequest, 'cacheName' | 'topic'>

/** The longest part of a name that an error message shows. */
const SHOWN_CHARACTERS = 100

export class TopicAccess {
  readonly #caches: CacheStore
  readonly #limits: TopicLimits
  #subscriptions = 0
  #isClosing = false

  constructor(caches: CacheStore, limits: TopicLimits) {
    this.#caches = caches
    this.#limits = limits
  }

  /** How many subscriptions there are. */
  get subscriptions(): number {
    return this.#subscriptions
  }

  /** @returns rejects with a StatusError, or as `Cache.publish()` does */
  async publish(grant: Grant, request: PublishRequest): Promise<void> {
    const { topic, value } = request
    const cache = this.#open(grant, 'publish', request)
    const { maxValueBytes } = this.#limits
    if (value === undefined) throw new StatusError('INVALID_ARGUMENT', 'there has to be a value')
    if (Buffer.byteLength(value) > maxValueBytes) {
      // The words "item size" tell the vendor's client which limit it was.
      throw new StatusError(
        'RESOURCE_EXHAUSTED',
        `The value is over the item size limit of ${maxValueBytes} bytes`,
        413,
      )
    }
    await cache.publish(topic, value, grant.publisherId)
  }

  /**
   * @returns ends the subscription; has to be called once, also when the sink was told of its end
   * @throws {StatusError} or as `Cache.subscribe()` does
   */
  subscribe(grant: Grant, request: SubscriptionRequest, sink: TopicSink): () => void {
    const { topic, resumeAt, page } = request
    const cache = this.#open(grant, 'subscribe', request)
    if (this.#isClosing) throw serverClosing()
    if (this.#subscriptions >= this.#limits.maxSubscriptions) {
      // The word "subscribers" tells the vendor's client which limit it was.
      throw new StatusError('RESOURCE_EXHAUSTED', `There are ${this.#subscriptions} subscribers, which is the limit`)
    }
    const end = cache.subscribe(topic, { resumeAt, page }, sink)
    this.#subscriptions++
    return () => {
      this.#subscriptions--
      end()
    }
  }

  /** From now on: what began before the end of a server, and asks after it, would hold it up. */
  refuseSubscriptions(): void {
    this.#isClosing = true
  }

  #open(grant: Grant, action: 'publish' | 'subscribe', { cacheName, topic }: TopicName): Cache {
    checkName(cacheName, 'cache')
    checkName(topic, 'topic')
    grant.check(action, cacheName, topic)
    const cache = this.#caches.get(cacheName)
    if (cache === undefined) throw noSuchCache(cacheName)
    return cache
  }
}

/** @throws {StatusError} INVALID_ARGUMENT, in the words of the vendor's client */
export function checkName(name: string, what: 'cache' | 'topic'): void {
  if (name.trim() === '') throw new StatusError('INVALID_ARGUMENT', `${what} name must not be empty`)
}

export function noSuchCache(name: string): StatusError {
  return new StatusError('NOT_FOUND', `Cache with name: ${shown(name)} doesn't exist`)
}

export function serverClosing(): StatusError {
  return new StatusError('UNAVAILABLE', 'The server is closing')
}

export function shown(name: string): string {
  return name.length > SHOWN_CHARACTERS ? `${name.slice(0, SHOWN_CHARACTERS)}...` : name
}
