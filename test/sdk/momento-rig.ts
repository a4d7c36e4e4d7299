/**
 * A Momento server and the vendor's own client for it, unmodified: only the
 * port is told.
 */
import assert from 'node:assert/strict'
import {
  CacheClient,
  Configurations,
  CredentialProvider,
  type Middleware,
  NoopMomentoLoggerFactory,
  type SubscribeCallOptions,
  TopicClient,
  type TopicConfiguration,
  TopicConfigurations,
  TopicSubscribe,
} from '@gomomento/sdk'
import { MomentoServer, type MomentoServerOptions } from '../../src/momento/index.ts'

export interface Rig {
  readonly server: MomentoServer
  readonly client: TopicClient
}

export interface RigOptions {
  readonly server?: MomentoServerOptions
  readonly configure?: (configuration: TopicConfiguration) => TopicConfiguration
  readonly credentials?: (port: number) => CredentialProvider
}

/** What has to be ended with a test: the vendor's client has no `close`, and comes back for ever. */
const live = new Set<TopicSubscribe.Subscription>()

/** Runs `test` against a server with the cache `c`; nothing may be left of it then. */
export async function withMomento(test: (rig: Rig) => Promise<void>, options: RigOptions = {}): Promise<void> {
  const { configure = (it) => it, credentials = local } = options
  const server = await MomentoServer.start({ caches: ['c'], ...options.server })
  try {
    await test({ server, client: clientOf(credentials(server.port), configure) })
  } finally {
    for (const subscription of live) subscription.unsubscribe()
    live.clear()
    await server.close({ graceMs: 0 })
  }
  assert.deepEqual([server.connections, server.subscriptions], [0, 0])
}

export function local(port: number): CredentialProvider {
  return CredentialProvider.forMomentoLocal({ port })
}

export function clientOf(
  credentialProvider: CredentialProvider,
  configure: (configuration: TopicConfiguration) => TopicConfiguration = (it) => it,
): TopicClient {
  const configuration = configure(TopicConfigurations.Default.latest(new NoopMomentoLoggerFactory()))
  return new TopicClient({ configuration, credentialProvider })
}

export function cacheClientOf(port: number): CacheClient {
  const configuration = Configurations.Laptop.v1(new NoopMomentoLoggerFactory())
  return new CacheClient({ configuration, credentialProvider: local(port), defaultTtlSeconds: 60 })
}

/** A credential provider with an API key, as the vendor hands them out, for a server on this machine. */
export function keyed(key: string): (port: number) => CredentialProvider {
  const authToken = Buffer.from(JSON.stringify({ api_key: key, endpoint: 'localhost' })).toString('base64')
  return (port) => {
    const endpoint = `127.0.0.1:${port}`
    const endpointOverrides = {
      cacheEndpoint: endpoint,
      controlEndpoint: endpoint,
      tokenEndpoint: endpoint,
      secureConnection: false,
    }
    return CredentialProvider.fromString({ authToken, endpointOverrides })
  }
}

/** A middleware that sends these metadata with every request, as the vendor's own tests do. */
export function sending(metadata: Readonly<Record<string, string>>): Middleware {
  return {
    shouldLoadLate: true,
    onNewRequest: () => ({
      onRequestMetadata: async (it) => {
        for (const [key, value] of Object.entries(metadata)) it._grpcMetadata.set(key, value)
        return it
      },
      onRequestBody: async (it) => it,
      onResponseMetadata: async (it) => it,
      onResponseBody: async (it) => it,
      onResponseStatus: async (it) => it,
    }),
  }
}

type What = 'item' | 'error' | 'discontinuity' | 'heartbeat' | 'lost' | 'end'

/** What a subscription was told, and a way to wait for it. */
export class Listening {
  readonly values: (string | Uint8Array)[] = []
  readonly numbers: number[] = []
  readonly tokens: (string | undefined)[] = []
  readonly errors: TopicSubscribe.Error[] = []
  readonly gaps: (readonly [last: number, next: number])[] = []
  readonly told: What[] = []
  #wake: (() => void) | undefined

  readonly options: SubscribeCallOptions = {
    onItem: (item) => {
      this.values.push(item.value())
      this.numbers.push(item.sequenceNumber())
      this.tokens.push(item.tokenId())
      this.#tell('item')
    },
    onError: (error) => {
      this.errors.push(error)
      this.#tell('error')
    },
    onDiscontinuity: (gap) => {
      this.gaps.push([gap.lastSequenceNumber(), gap.newSequenceNumber()])
      this.#tell('discontinuity')
    },
    onHeartbeat: () => this.#tell('heartbeat'),
    onConnectionLost: () => this.#tell('lost'),
    onSubscriptionEnd: () => this.#tell('end'),
  }

  count(what: What): number {
    return this.told.filter((it) => it === what).length
  }

  /** Resolves when it was told of that so often. */
  async until(what: What, count: number = 1): Promise<void> {
    while (this.count(what) < count) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  #tell(what: What): void {
    this.told.push(what)
    this.#wake?.()
  }
}

export async function subscribe(
  client: TopicClient,
  topic: string,
  listening: Listening = new Listening(),
  cache: string = 'c',
): Promise<{ subscription: TopicSubscribe.Subscription; listening: Listening }> {
  const subscription = await trySubscribe(client, topic, listening, cache)
  assert.ok(subscription instanceof TopicSubscribe.Subscription, subscription.toString())
  return { subscription, listening }
}

/** The same, for a subscription that may be refused. */
export async function trySubscribe(
  client: TopicClient,
  topic: string,
  listening: Listening = new Listening(),
  cache: string = 'c',
): Promise<TopicSubscribe.Response> {
  const response = await client.subscribe(cache, topic, listening.options)
  if (response instanceof TopicSubscribe.Subscription) live.add(response)
  return response
}
