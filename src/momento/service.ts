/**
 * Momento's gRPC services: publish and subscribe on topics; make, delete and
 * list caches. What a call asks for is done here; how it is written on the
 * wire is the business of `call.ts`.
 *
 * Layer 32. Source: momentohq/client-protos, cachepubsub.proto and controlclient.proto.
 */
import type { Clock } from '../time/clock.ts'
import type { Access, Grant } from './access.ts'
import type { BodyReader } from './body.ts'
import type { CacheStore } from './cache.ts'
import { Call } from './call.ts'
import type { Exchange, Headers } from './exchange.ts'
import type { Faults, RpcName, Verdict } from './faults.ts'
import { type Flavour, maxBodyBytes, messageIn } from './grpc.ts'
import { cacheListMessage, EMPTY, readCacheName, readPublishRequest, readSubscriptionRequest } from './messages.ts'
import { pause } from './pause.ts'
import type { Pulse } from './pulse.ts'
import { StatusError, statusErrorOf } from './status.ts'
import { checkName, noSuchCache, shown, type TopicAccess } from './topic-access.ts'
import { TopicStream } from './topic-stream.ts'

const RPCS: ReadonlyMap<string, RpcName> = new Map([
  ['/cache_client.pubsub.Pubsub/Publish', 'topic-publish'],
  ['/cache_client.pubsub.Pubsub/Subscribe', 'topic-subscribe'],
  ['/control_client.ScsControl/CreateCache', 'create-cache'],
  ['/control_client.ScsControl/DeleteCache', 'delete-cache'],
  ['/control_client.ScsControl/ListCaches', 'list-caches'],
])

export interface ServiceSettings {
  readonly caches: CacheStore
  readonly topics: TopicAccess
  readonly access: Access
  readonly faults: Faults
  readonly bodies: BodyReader
  readonly maxRequestBytes: number
  readonly clock: Clock
  readonly heartbeats: Pulse
  /** How long a client may leave unread what it asked for, in ms. */
  readonly stallMs: number
  /** Told of failures that are nobody's fault but ours. */
  readonly report: (error: unknown) => void
}

/** What a handler is given beside its request. */
interface Context {
  readonly call: Call
  readonly grant: Grant
  readonly verdict: Verdict
}

export class RpcService {
  readonly #settings: ServiceSettings
  readonly #streams = new Set<TopicStream>()

  constructor(settings: ServiceSettings) {
    this.#settings = settings
  }

  /** Serves a call to its end; whatever goes wrong is how it ends. */
  async handle(exchange: Exchange, flavour: Flavour, headers: Headers): Promise<void> {
    const call = new Call({ exchange, flavour, headers })
    try {
      await this.#serve(call, exchange, flavour)
    } catch (error) {
      call.fail(statusErrorOf(error, this.#settings.report))
    }
  }

  /** Ends all subscriptions: the clients come back, to whoever listens then. */
  endSubscriptions(): void {
    for (const stream of this.#streams) stream.end('closed')
  }

  async #serve(call: Call, exchange: Exchange, flavour: Flavour): Promise<void> {
    const { access, bodies, clock, faults, maxRequestBytes } = this.#settings
    call.keepDeadline(clock)
    const rpc = RPCS.get(exchange.target)
    if (rpc === undefined) throw new StatusError('UNIMPLEMENTED', `There is no ${shown(exchange.target)}`)
    const grant = access.grant(exchange.headers.authorization ?? '')
    const request = messageIn(flavour, await bodies.read(exchange, maxBodyBytes(flavour, maxRequestBytes)))
    const verdict = faults.next(rpc, exchange.headers)
    await pause(clock, verdict.delayMs, (callback) => call.onOver(callback))
    if (call.isOver) return
    if (verdict.error !== undefined) throw verdict.error
    await this.#perform(rpc, request, { call, grant, verdict })
  }

  #perform(rpc: RpcName, request: Uint8Array, context: Context): void | Promise<void> {
    switch (rpc) {
      case 'topic-publish':
        return this.#publish(request, context)
      case 'topic-subscribe':
        return this.#subscribe(request, context)
      case 'create-cache':
        return this.#createCache(request, context)
      case 'delete-cache':
        return this.#deleteCache(request, context)
      case 'list-caches':
        return this.#listCaches(context)
      default:
        rpc satisfies never
    }
  }

  async #publish(request: Uint8Array, { call, grant }: Context): Promise<void> {
    await this.#settings.topics.publish(grant, readPublishRequest(request))
    call.succeed(EMPTY)
  }

  #subscribe(request: Uint8Array, { call, grant, verdict }: Context): void {
    const { clock, heartbeats, stallMs, topics } = this.#settings
    const position = readSubscriptionRequest(request)
    const stream = new TopicStream({ call, clock, stallMs, verdict, cacheName: position.cacheName })
    const unsubscribe = topics.subscribe(grant, position, stream)
    const stopBeating = heartbeats.add(() => stream.beat())
    this.#streams.add(stream)
    call.onOver(() => {
      unsubscribe()
      stopBeating()
      this.#streams.delete(stream)
    })
    // The vendor's client has no subscription until it has a first message.
    stream.beat()
  }

  #createCache(request: Uint8Array, { call, grant }: Context): void {
    const name = readCacheName(request)
    grant.checkControl()
    checkName(name, 'cache')
    if (!this.#settings.caches.create(name)) {
      throw new StatusError('ALREADY_EXISTS', `Cache with name: ${shown(name)} already exists`)
    }
    call.succeed(EMPTY)
  }

  #deleteCache(request: Uint8Array, { call, grant }: Context): void {
    const name = readCacheName(request)
    grant.checkControl()
    checkName(name, 'cache')
    if (!this.#settings.caches.delete(name)) throw noSuchCache(name)
    call.succeed(EMPTY)
  }

  #listCaches({ call, grant }: Context): void {
    grant.checkControl()
    call.succeed(cacheListMessage(this.#settings.caches.list()))
  }
}
