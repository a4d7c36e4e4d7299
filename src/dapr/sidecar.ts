/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A Dapr sidecar inside the process: it puts brokers, the HTTP API, the app and
 * its subscriptions together. What each of them does is in the rooms below.
 *
 * Layer 26.
 */
import type { Broker } from '../broker.ts'
import { refuseOption } from '../checks.ts'
import { BusbarError } from '../errors.ts'
import { handled } from '../promises.ts'
import type { BrokerStats, SubscriptionStats } from '../stats.ts'
import { type Clock, nextTurn, SystemClock } from '../time/clock.ts'
import { Grace } from '../time/grace.ts'
import { Api } from './api.ts'
import { metadataOf } from './api-metadata.ts'
import { channelTo, isAtPort } from './app.ts'
import { readConfiguration } from './configuration.ts'
import { Discovery } from './discovery.ts'
import { localTimes } from './duration.ts'
import { fetchHandler } from './fetch.ts'
import { digestOf, refusal } from './guard.ts'
import { bulkRequest, type HandlerRequest, singleRequest } from './handler-request.ts'
import type {
  DaprBatchHandler,
  DaprBulkOptions,
  DaprHandler,
  DaprSubscribeOptions,
  DaprSubscription,
} from './handler-sink.ts'
import { uuids } from './ids.ts'
import { type Log, reasonOf, safeLog } from './log.ts'
import type { Pubsub } from './pubsub.ts'
import { openPubsubs } from './pubsubs.ts'
import { HttpServer } from './server.ts'
import { checkOptions, type DaprSidecarOptions, graceMsOf, type SidecarCloseOptions } from './settings.ts'
import { Subscribers } from './subscribers.ts'
import { mergeSubscriptions } from './subscriptions.ts'
import type { ApiRequest, ApiResponse, AppChannel, ComponentSpec, SubscriptionSpec } from './wire.ts'

/** What a sidecar counts. */
export interface SidecarStats {
  /** By component: the counts of its broker, whoever published and subscribed. */
  readonly pubsubs: Readonly<Record<string, BrokerStats>>
  /** Each subscription of the app and of handlers; `stats` is undefined when it could not be started. */
  readonly subscriptions: readonly {
    readonly pubsubname: string
    readonly topic: string
    readonly stats: SubscriptionStats | undefined
  }[]
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_BODY_SIZE = 4 * 1024 * 1024

/**
 * @example
 * await using sidecar = await DaprSidecar.start({ appId: 'checkout', app: 'http://127.0.0.1:6001' })
 * const client = new DaprClient({ daprHost: '127.0.0.1', daprPort: String(sidecar.httpPort) })
 */
export class DaprSidecar implements AsyncDisposable {
  readonly #options: DaprSidecarOptions
  readonly #log: Log
  readonly #pubsubs: ReadonlyMap<string, Pubsub>
  readonly #declared: readonly SubscriptionSpec[]
  readonly #channel: AppChannel | undefined
  readonly #subscribers: Subscribers
  readonly #fetch: (request: Request) => Promise<Response>
  readonly #api: Api
  #server: HttpServer | undefined
  readonly #discovery: Discovery | undefined
  #closing: Promise<void> | undefined

  /**
   * Opens a sidecar. Resolves when it listens and, if the app does so already, when the app has been asked for
   * its subscriptions; an app that starts later is asked then.
   *
   * @returns rejects with `ERR_OPTION_INVALID`, or with what the system says when it cannot listen, e.g. `EADDRINUSE`
   */
  static async start(options: DaprSidecarOptions = {}): Promise<DaprSidecar> {
    const sidecar = new DaprSidecar(checkOptions(options))
    try {
      await sidecar.#open()
      return sidecar
    } catch (error) {
      await sidecar.close({ graceMs: 0 })
      throw error
    }
  }

  private constructor(options: DaprSidecarOptions) {
    const {
      appId = 'app',
      namespace = 'default',
      apiToken,
      maxBodySize = DEFAULT_BODY_SIZE,
      deliveryTimeoutMs = DEFAULT_TIMEOUT_MS,
    } = options
    this.#options = options
    this.#log = safeLog(options.log)
    const configuration = readConfiguration(options, appId, this.#log)
    const { isTracing, subscriptions } = configuration
    this.#declared = subscriptions
    const newId = uuids()
    const localTime = localTimes()
    this.#pubsubs = openPubsubs({
      ...configuration,
      identity: { appId, namespace, newId },
      clock: options.clock,
      history: options.history,
      log: this.#log,
    })
    this.#channel = channelTo(options)
    this.#subscribers = new Subscribers({
      pubsubs: this.#pubsubs,
      channel: this.#channel,
      hasLine: options.appMaxConcurrency !== undefined,
      appId,
      policies: configuration.policies,
      timeoutMs: deliveryTimeoutMs,
      newId,
      log: this.#log,
    })
    this.#discovery =
      this.#channel &&
      new Discovery({
        channel: this.#channel,
        appId,
        disabled: options.disableInitEndpoints ?? [],
        log: this.#log,
        clock: new SystemClock(),
        found: (specs) => this.#subscribers.replace(mergeSubscriptions(this.#declared, specs)),
      })
    this.#api = new Api({
      appId,
      port: { appId, clock: this.#clock, isTracing, pubsub: (name) => this.#pubsubs.get(name), localTime, newId },
      isReady: () => this.#discovery?.isDone ?? true,
      metadata: () => this.#metadata(),
      shutdown: (force) => this.#shutdown(force),
    })
    this.#fetch = fetchHandler({
      handle: (request) => this.#handle(request),
      onError: (error) => this.#failed(error),
      tokens: apiToken === undefined ? [] : [digestOf(apiToken, 'apiToken')],
      maxBodySize: maxBodySize > 0 ? maxBodySize : Infinity,
    })
  }

  /** The port of the API; 0 without a server. */
  get httpPort(): number {
    return this.#server?.port ?? 0
  }

  /** Where the API is: `http://127.0.0.1:3500`; '' without a server. */
  get url(): string {
    return this.#server?.url ?? ''
  }

  /** The components that the app may see. */
  get components(): readonly ComponentSpec[] {
    return Array.from(this.#pubsubs.values(), ({ spec }) => spec)
  }

  /** What the app and the resources subscribe to, active or not. */
  get subscriptions(): readonly SubscriptionSpec[] {
    return this.#subscribers.list.flatMap(({ spec }) => spec ?? [])
  }

  /** The broker behind a component, for publishing and subscribing in process; undefined when there is no such component. */
  broker(pubsubname: string): Broker | undefined {
    return this.#pubsubs.get(pubsubname)?.broker
  }

  /** The API as a web-standard handler, with the same checks as the server: mounts in Hono, Bun, Deno or a worker. */
  fetch(request: Request): Promise<Response> {
    return this.#fetch(request)
  }

  /**
   * Asks the app for its subscriptions, as soon as it listens. What is new starts, what is gone delivers what it
   * has and ends.
   *
   * @returns rejects with `ERR_CLOSED` when the sidecar closes before that
   */
  async discover(): Promise<void> {
    await this.#discovery?.run()
  }

  /**
   * Resolves when the app has been asked once, at once when there is none: everything that is published from then
   * on reaches it.
   *
   * @returns rejects with `ERR_CLOSED` when the sidecar closes before that
   */
  async ready(): Promise<void> {
    await this.#discovery?.done
  }

  /**
   * Calls a handler in this process with each message of a topic, beside the app: every handler gets a copy.
   *
   * @throws {BusbarError} `ERR_OPTION_INVALID`, also for an unknown component or a topic that is not allowed,
   *   `ERR_CLOSED`, and as `broker.subscribe()`
   */
  subscribe<T = unknown>(
    pubsubname: string,
    topic: string,
    handler: DaprHandler<T>,
    options: DaprSubscribeOptions = {},
  ): DaprSubscription {
    return this.#subscribe(singleRequest({ pubsubname, topic }, handler, options))
  }

  /** As `subscribe()`, with many messages in one call. */
  subscribeBulk<T = unknown>(
    pubsubname: string,
    topic: string,
    handler: DaprBatchHandler<T>,
    options: DaprBulkOptions = {},
  ): DaprSubscription {
    return this.#subscribe(bulkRequest({ pubsubname, topic }, handler, options))
  }

  /** Resolves when nothing is queued or in flight on any component. What waits for redelivery does not count. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#pubsubs.values(), ({ broker }) => broker.settled()))
  }

  stats(): SidecarStats {
    const pubsubs = Array.from(this.#pubsubs, ([name, { broker }]) => [name, broker.stats()] as const)
    const subscriptions = this.#subscribers.list.map(({ pubsubname, topic, stats }) => ({ pubsubname, topic, stats }))
    return { pubsubs: Object.fromEntries(pubsubs), subscriptions }
  }

  /**
   * Takes no more requests, delivers what is queued, waits for the app's answers, and cancels what is left when
   * the grace time is over: nothing becomes a nack or a dead letter by closing. Brokers that were given are left
   * open. Idempotent: the same promise for every further call.
   */
  close(options: SidecarCloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(graceMsOf(options))
    return this.#closing
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The clock that deliveries go by. */
  get #clock(): Clock {
    const [pubsub] = this.#pubsubs.values()
    return this.#options.clock ?? pubsub?.broker.clock ?? new SystemClock()
  }

  async #open(): Promise<void> {
    const { httpPort = 0, host, apiToken, maxBodySize } = this.#options
    if (httpPort !== false) {
      this.#server = await HttpServer.start({
        handle: (request) => this.#handle(request),
        onError: (error) => this.#failed(error),
        port: httpPort,
        clock: this.#clock,
        ...(host !== undefined && { host }),
        ...(apiToken !== undefined && { token: apiToken }),
        ...(maxBodySize !== undefined && { maxBodySize }),
      })
      if (isAtPort(this.#options.app, this.httpPort)) refuseOption('app', 'it is the address of the sidecar itself')
    }
    // Without an app nobody can be served; the subscriptions are listed all the same.
    if (this.#channel === undefined) this.#subscribers.replace(this.#declared)
    else if (await this.#channel.isListening()) await this.discover()
    else void handled(this.discover())
  }

  #subscribe(request: HandlerRequest): DaprSubscription {
    if (this.#closing !== undefined) throw new BusbarError('ERR_CLOSED', 'The sidecar is closed')
    return this.#subscribers.handle(request)
  }

  #handle(request: ApiRequest): ApiResponse | Promise<ApiResponse> {
    return this.#closing === undefined
      ? this.#api.handle(request)
      : refusal(503, 'ERR_CLOSED', 'The sidecar is closing')
  }

  /** Something in the sidecar itself went wrong; the client learns nothing of it. */
  #failed(error: unknown): void {
    this.#log({ level: 'error', message: 'A request failed inside the sidecar', reason: reasonOf(error), error })
  }

  #shutdown(force: boolean): void {
    const { onShutdown } = this.#options
    this.#log({ level: 'info', message: 'Somebody asked for a shutdown', force })
    if (onShutdown !== undefined) onShutdown(force)
    // The answer goes out first.
    else nextTurn(() => void this.close(force ? { graceMs: 0 } : {}))
  }

  #metadata(): Readonly<Record<string, unknown>> {
    return metadataOf({
      pubsubs: [...this.#pubsubs.values()],
      subscriptions: this.#subscribers.list,
      app: this.#options.app,
      appMaxConcurrency: this.#options.appMaxConcurrency,
    })
  }

  async #close(graceMs: number): Promise<void> {
    const grace = new Grace(graceMs, this.#clock)
    this.#discovery?.stop()
    await this.#server?.close(grace.leftMs)
    const own = [...this.#pubsubs.values()].filter(({ isOwn }) => isOwn)
    const closed = own.map(({ broker }) => broker.close({ graceMs: grace.leftMs }))
    await Promise.all([...closed, this.#subscribers.close(grace)])
    await this.#channel?.close()
  }
}
