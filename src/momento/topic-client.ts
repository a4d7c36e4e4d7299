/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The client, in process: the calls and answers of Momento's `TopicClient`, and
 * behind them caches instead of a network.
 *
 * Layer 33. Source of the answers: `@gomomento/sdk`, AbstractPubsubClient.
 */
import { checkEach, isDuration, isObject, OBJECT, oneOf, type Rules, TEXT } from '../checks.ts'
import { handled } from '../promises.ts'
import { type Cache, CacheStore, type Caches, isStore } from './cache.ts'
import { CancelledError, InvalidArgumentError, SdkError, sdkErrorOf } from './errors.ts'
import { isBytes, type TopicPosition, type TopicValue } from './feed.ts'
import { Receiver, type SubscribeCallOptions } from './receiver.ts'
import { ErrorResponse } from './responses.ts'
import { StatusError, statusErrorOf } from './status.ts'
import { noSuchCache } from './topic-access.ts'
import { Error as PublishError, type Response as PublishResponse, Success } from './topic-publish.ts'
import { Error as SubscribeError, type Response as SubscribeResponse } from './topic-subscribe.ts'

/** Options of a `TopicClient`. */
export interface TopicClientOptions {
  /** The caches that it works on: a store that others may use too, names, or brokers by name. Default: none. */
  readonly caches?: CacheStore | Caches
  /** Whether `publish()` rejects instead of resolving to an error. `subscribe()` never does, as with the vendor's. Default false. */
  readonly throwOnErrors?: boolean
  /** What `tokenId()` says of the items that are published here. Default: none. */
  readonly tokenId?: string
}

const RULES: Rules = { caches: OBJECT, throwOnErrors: oneOf(true, false), tokenId: TEXT }

const CALLBACKS = [
  'onItem',
  'onError',
  'onDiscontinuity',
  'onHeartbeat',
  'onConnectionLost',
  'onSubscriptionEnd',
] as const

/**
 * Fits where the vendor's interface `ITopicClient` is asked for: the second
 * signature of each method is there for the compiler, and never chosen.
 *
 * @example
 * const topics = new TopicClient({ caches: ['my-cache'] })
 * await topics.subscribe('my-cache', 'my-topic', { onItem: (item) => console.log(item.valueString()) })
 * await topics.publish('my-cache', 'my-topic', 'hello')
 */
export class TopicClient implements AsyncDisposable {
  /** What it works on, for creating and deleting caches. */
  readonly caches: CacheStore
  readonly #ownsCaches: boolean
  readonly #throwOnErrors: boolean
  readonly #tokenId: string
  /** Those that have not ended. */
  readonly #receivers = new Set<Receiver>()
  #isClosed = false

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor(options: TopicClientOptions = {}) {
    const { caches = [], throwOnErrors = false, tokenId = '' } = checkEach(options, RULES)
    this.#ownsCaches = !isStore(caches)
    this.caches = isStore(caches) ? caches : new CacheStore({ caches })
    this.#throwOnErrors = throwOnErrors
    this.#tokenId = tokenId
  }

  /**
   * @param value bytes are copied
   * @returns rejects only with `throwOnErrors`, and never becomes an unhandled rejection
   */
  publish(cacheName: string, topicName: string, value: string | Uint8Array): Promise<PublishResponse>
  publish(cacheName: string, topicName: string, value: string | Uint8Array): Promise<never>
  publish(cacheName: string, topicName: string, value: string | Uint8Array): Promise<PublishResponse> {
    return handled(this.#publish(cacheName, topicName, value))
  }

  /** Begins at once: what is published from now on is received, before the promise has resolved too. Never rejects. */
  subscribe(cacheName: string, topicName: string, options?: SubscribeCallOptions): Promise<SubscribeResponse>
  subscribe(cacheName: string, topicName: string, options: never): Promise<never>
  async subscribe(
    cacheName: string,
    topicName: string,
    options: SubscribeCallOptions = {},
  ): Promise<SubscribeResponse> {
    try {
      const cache = this.#find(cacheName, topicName)
      return this.#subscribe(cache, { cacheName, topicName, options })
    } catch (error) {
      return new SubscribeError(toSdkError(error))
    }
  }

  /** Ends its subscriptions at once, with what waits for them, and the caches unless they were given as a store. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const receiver of this.#receivers) receiver.unsubscribe()
    if (this.#ownsCaches) await this.caches.close()
  }

  /** As `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Webhooks are not served: an error with the code `BAD_REQUEST_ERROR`, as all that follow. */
  listWebhooks(cacheName: string): Promise<ErrorResponse>
  listWebhooks(cacheName: string): Promise<never>
  async listWebhooks(): Promise<ErrorResponse> {
    return noWebhooks()
  }

  putWebhook(cacheName: string, webhookName: string, options: object): Promise<ErrorResponse>
  putWebhook(cacheName: string, webhookName: string, options: object): Promise<never>
  async putWebhook(): Promise<ErrorResponse> {
    return noWebhooks()
  }

  deleteWebhook(cacheName: string, webhookName: string): Promise<ErrorResponse>
  deleteWebhook(cacheName: string, webhookName: string): Promise<never>
  async deleteWebhook(): Promise<ErrorResponse> {
    return noWebhooks()
  }

  getWebhookSecret(cacheName: string, webhookName: string): Promise<ErrorResponse>
  getWebhookSecret(cacheName: string, webhookName: string): Promise<never>
  async getWebhookSecret(): Promise<ErrorResponse> {
    return noWebhooks()
  }

  rotateWebhookSecret(cacheName: string, webhookName: string): Promise<ErrorResponse>
  rotateWebhookSecret(cacheName: string, webhookName: string): Promise<never>
  async rotateWebhookSecret(): Promise<ErrorResponse> {
    return noWebhooks()
  }

  async #publish(cacheName: string, topicName: string, value: unknown): Promise<PublishResponse> {
    try {
      await this.#find(cacheName, topicName).publish(topicName, ownValue(value), this.#tokenId)
      return new Success()
    } catch (error) {
      const sdkError = toSdkError(error)
      if (this.#throwOnErrors) throw sdkError
      return new PublishError(sdkError)
    }
  }

  #subscribe(cache: Cache, { cacheName, topicName, options }: Request): SubscribeResponse {
    checkCallbacks(options)
    const receiver = new Receiver(options, {
      clock: this.caches.clock,
      report: (error) => this.caches.report(error, { kind: 'handler', topic: topicName, filter: topicName }),
      notFound: () => sdkErrorOf(noSuchCache(cacheName)),
      onEnd: () => this.#receivers.delete(receiver),
    })
    const position = positionOf(options)
    this.#receivers.add(receiver)
    try {
      receiver.begin(cache.subscribe(topicName, position, receiver))
    } catch (error) {
      this.#receivers.delete(receiver)
      throw error
    }
    return receiver.subscription
  }

  /** The cache name is checked first, as the vendor's client does. */
  #find(cacheName: unknown, topicName: unknown): Cache {
    checkName('cache', cacheName)
    checkName('topic', topicName)
    if (this.#isClosed) throw new CancelledError('The client is closed')
    const cache = this.caches.get(cacheName)
    if (cache === undefined) throw noSuchCache(cacheName)
    return cache
  }
}

/** A call of `subscribe()`. */
interface Request {
  readonly cacheName: string
  readonly topicName: string
  readonly options: SubscribeCallOptions
}

function checkName(what: 'cache' | 'topic', name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new InvalidArgumentError(`${what} name must be a string`)
  if (name.trim() === '') throw new InvalidArgumentError(`${what} name must not be empty`)
}

function checkCallbacks(options: SubscribeCallOptions): void {
  if (!isObject(options)) throw new InvalidArgumentError('options must be an object')
  for (const name of CALLBACKS) {
    const callback: unknown = options[name]
    if (callback !== undefined && typeof callback !== 'function') {
      throw new InvalidArgumentError(`${name} must be a function`)
    }
  }
}

function positionOf(options: SubscribeCallOptions): TopicPosition {
  return {
    resumeAt: numberIn(options, 'resumeAtTopicSequenceNumber'),
    page: numberIn(options, 'resumeAtTopicSequencePage'),
  }
}

function numberIn(
  options: SubscribeCallOptions,
  name: 'resumeAtTopicSequenceNumber' | 'resumeAtTopicSequencePage',
): number {
  const number: unknown = options[name] ?? 0
  if (!isDuration(number)) throw new InvalidArgumentError(`${name} must be a number of at least 0`)
  return number
}

/** A value that nobody else can change. */
function ownValue(value: unknown): TopicValue {
  if (typeof value === 'string') return value
  if (isBytes(value) || value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new InvalidArgumentError('value must be a string or a Uint8Array')
}

function toSdkError(error: unknown): SdkError {
  if (error instanceof SdkError) return error
  return error instanceof StatusError ? sdkErrorOf(error) : sdkErrorOf(statusErrorOf(error), error)
}

function noWebhooks(): ErrorResponse {
  return new ErrorResponse(sdkErrorOf(new StatusError('UNIMPLEMENTED', 'Webhooks are not served')))
}
