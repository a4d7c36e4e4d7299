/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A Momento service in this process: the vendor's own clients connect to it,
 * over gRPC, gRPC-web and HTTP, all on one port.
 *
 * Layer 33.
 */
import type { CloseOptions } from '../broker.ts'
import {
  ANYTHING,
  COUNT,
  checkClose,
  checkEach,
  DURATION,
  OBJECT,
  orInfinity,
  type Rule,
  type Rules,
  refuseOption,
  TEXT,
} from '../checks.ts'
import { BusbarError } from '../errors.ts'
import { EVERYWHERE } from '../http/host.ts'
import { handled } from '../promises.ts'
import { Grace } from '../time/grace.ts'
import { Access, type ApiKey } from './access.ts'
import { BodyReader } from './body.ts'
import { CacheStore, type Caches, isStore } from './cache.ts'
import type { Exchange } from './exchange.ts'
import { Faults } from './faults.ts'
import { flavourOf, maxBodyBytes } from './grpc.ts'
import { corsHeaders, type GuardSettings, preflightHeaders, refusalOf } from './guard.ts'
import { HttpApi, refuse } from './http-api.ts'
import { Listener } from './listener.ts'
import { Pulse } from './pulse.ts'
import { RpcService } from './service.ts'
import { StatusError } from './status.ts'
import { TopicAccess } from './topic-access.ts'

/** Options of `MomentoServer.start()`. */
export interface MomentoServerOptions {
  /** 0: any that is free. Default 0. */
  readonly port?: number
  /** The address to listen on. With another one than loopback, other machines get in: give `apiKeys`. Default `'127.0.0.1'`. */
  readonly host?: string
  /** The caches that there are, see `CacheStoreOptions`; or a store, to share with a `TopicClient`. Default: none. */
  readonly caches?: Caches | CacheStore
  /** Private key, PEM. With `cert`, for TLS. Default: none. */
  readonly key?: string | Uint8Array
  /** Certificate, PEM. Default: none. */
  readonly cert?: string | Uint8Array
  /** What clients must come with. Default: nothing is asked for. */
  readonly apiKeys?: readonly (string | ApiKey)[]
  /** Origins whose pages may call, beside those of this machine. Default: none. */
  readonly origins?: readonly string[]
  /** Names by which HTTP clients may call the server, beside those of this machine. Default: none. */
  readonly hosts?: readonly string[]
  /** The period of the heartbeats, in ms. The vendor's own tests want 1 000 at most. Default 1 000. */
  readonly heartbeatMs?: number
  /** How long a poll of the HTTP API waits for a first message, in ms. Default 25 000. */
  readonly pollMs?: number
  /** Bytes that a value may have; the service's limit is 4 096. Default: what a request may have. */
  readonly maxValueBytes?: number
  /** Bytes that a request may have; the vendor's client sends that much at most. Default 10 486 000. */
  readonly maxRequestBytes?: number
  /** Subscriptions of all clients together; the service's limit is 100. Default 10 000. */
  readonly maxSubscriptions?: number
  /** Where `GET /block` and `GET /unblock` work, as on Momento's local server; 0: any that is free. Default: nowhere. */
  readonly adminPort?: number
}

const PORT: Rule = ['a port', (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 16]
const PEM: Rule = ['a string or bytes, PEM', (value) => TEXT[1](value) || value instanceof Uint8Array]
const TEXTS: Rule = ['a list of strings', (value) => Array.isArray(value) && value.every(TEXT[1])]
const PERIOD: Rule = ['a duration in ms, at least 1', (value) => DURATION[1](value) && Number(value) >= 1]

const RULES: Rules = {
  port: PORT,
  host: TEXT,
  caches: OBJECT,
  key: PEM,
  cert: PEM,
  apiKeys: ANYTHING,
  origins: TEXTS,
  hosts: TEXTS,
  heartbeatMs: PERIOD,
  pollMs: PERIOD,
  maxValueBytes: COUNT,
  maxRequestBytes: COUNT,
  maxSubscriptions: orInfinity(COUNT),
  adminPort: PORT,
}

/** What the vendor's client sends at most. */
const MAX_REQUEST_BYTES = 10_486_000
/** How long a client may read nothing of what it asked for. */
const STALL_MS = 60_000
/** How long a connection may take to say what it wants. */
const HEADERS_MS = 10_000
/** From the head of a request to its end. */
const BODY_MS = 30_000
/** How long a connection may be silent before it is asked whether it is still there. */
const KEEP_ALIVE_MS = 20_000
/** Requests that come in at the same time, in bytes. */
const BODY_BUDGET_BYTES = 64 * 1024 * 1024

/**
 * A Momento service. The vendor's clients need to know no more than its port.
 *
 * @example
 * const server = await MomentoServer.start({ caches: ['my-cache'] })
 * const credentialProvider = CredentialProvider.forMomentoLocal({ port: server.port })
 */
export class MomentoServer implements AsyncDisposable {
  /** The caches that it serves. */
  readonly caches: CacheStore
  /** Trouble on request. */
  readonly faults: Faults = new Faults(() => this.disconnectAll())
  readonly #topics: TopicAccess
  readonly #rpcs: RpcService
  readonly #http: HttpApi
  readonly #guard: GuardSettings
  readonly #ownsCaches: boolean
  #listener: Listener | undefined
  #admin: Listener | undefined
  #closing: Promise<void> | undefined
  /** Told of failures that are nobody's fault but ours. */
  readonly #report = (error: unknown): void =>
    this.caches.report(error, { kind: 'handler', topic: '', filter: 'MomentoServer' })

  private constructor(options: MomentoServerOptions) {
    const { apiKeys, caches = [], heartbeatMs = 1000, origins = [], pollMs = 25_000 } = options
    const { maxRequestBytes = MAX_REQUEST_BYTES, maxSubscriptions = 10_000, maxValueBytes = Infinity } = options
    this.#ownsCaches = !isStore(caches)
    this.caches = isStore(caches) ? caches : new CacheStore({ caches })
    const { clock } = this.caches
    const topics = new TopicAccess(this.caches, { maxValueBytes, maxSubscriptions })
    const bodies = new BodyReader({ budgetBytes: BODY_BUDGET_BYTES, timeoutMs: BODY_MS, clock })
    const access = new Access(apiKeys)
    const { faults } = this
    const report = this.#report
    const common = { topics, access, faults, bodies, maxRequestBytes, clock, report }
    this.#topics = topics
    this.#guard = { hosts: hostsOf(options), origins }
    this.#rpcs = new RpcService({
      ...common,
      caches: this.caches,
      heartbeats: new Pulse(clock, heartbeatMs),
      stallMs: STALL_MS,
    })
    this.#http = new HttpApi({ ...common, pollMs })
  }

  /**
   * @returns when it can be reached; rejects with `ERR_OPTION_INVALID`, or with the system's error when the port cannot be had
   */
  static async start(options: MomentoServerOptions = {}): Promise<MomentoServer> {
    const checked = checkEach(options, RULES)
    if ((checked.key === undefined) !== (checked.cert === undefined))
      refuseOption('cert', 'TLS needs a key and a certificate')
    const server = new MomentoServer(checked)
    try {
      await server.#listen(checked)
    } catch (error) {
      await server.close({ graceMs: 0 })
      throw error
    }
    return server
  }

  async #listen({
    adminPort,
    cert,
    host = '127.0.0.1',
    key,
    maxRequestBytes = MAX_REQUEST_BYTES,
    port = 0,
  }: MomentoServerOptions): Promise<void> {
    const common = {
      host,
      tls: key !== undefined && cert !== undefined ? { key, cert } : undefined,
      clock: this.caches.clock,
      maxBodyBytes: maxBodyBytes('webText', maxRequestBytes),
      headersMs: HEADERS_MS,
      keepAliveMs: KEEP_ALIVE_MS,
      onError: this.#report,
    }
    const isBlocked = (): boolean => this.faults.isBlocked
    this.#listener = await Listener.start({ ...common, port, isBlocked, handle: (exchange) => this.#route(exchange) })
    if (adminPort === undefined) return
    const handle = (exchange: Exchange): void => this.#administer(exchange)
    this.#admin = await Listener.start({ ...common, port: adminPort, isBlocked: () => false, handle })
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#listener?.port ?? 0
  }

  /** The port for `GET /block` and `GET /unblock`, if there is one. */
  get adminPort(): number | undefined {
    return this.#admin?.port
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#listener?.connections ?? 0
  }

  /** How many subscriptions and waiting polls there are. */
  get subscriptions(): number {
    return this.#topics.subscriptions
  }

  /** @returns whether it was made: false when there is one of that name */
  createCache(name: string): boolean {
    return this.caches.create(name)
  }

  /** Ends the cache's subscriptions with `NOT_FOUND`. @returns whether there was one */
  deleteCache(name: string): boolean {
    return this.caches.delete(name)
  }

  /** Cuts all connections, as a network does that fails for a moment; clients may connect again at once. */
  disconnectAll(): void {
    this.#listener?.disconnectAll()
  }

  /**
   * Loses the next `count` numbers of a topic: what is published next comes after a discontinuity.
   *
   * @returns rejects with `ERR_OPTION_INVALID` when there is no such cache, or `count` is no integer of at least 1
   */
  async skipSequence(cacheName: string, topic: string, count: number): Promise<void> {
    const cache = this.caches.get(cacheName)
    if (cache === undefined)
      throw new BusbarError('ERR_OPTION_INVALID', `There is no cache ${JSON.stringify(cacheName)}`)
    await cache.skipSequence(topic, count)
  }

  /**
   * Takes no more connections, ends all subscriptions, and waits for the requests that are under way, for `graceMs` at
   * most (default 5 000). Closes the caches too, unless they came as a store. Idempotent.
   *
   * @returns the same promise for every further call. Rejects with `ERR_OPTION_INVALID`, and then nothing has changed
   */
  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing
    try {
      this.#closing = this.#close(checkClose(options).graceMs ?? 5000)
      return this.#closing
    } catch (error) {
      return handled(Promise.reject(error))
    }
  }

  /** As `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(graceMs: number): Promise<void> {
    const grace = new Grace(graceMs, this.caches.clock)
    this.#topics.refuseSubscriptions()
    this.#rpcs.endSubscriptions()
    this.#http.endPolls()
    await Promise.all([this.#listener?.close(graceMs), this.#admin?.close(0)])
    if (this.#ownsCaches) await this.caches.close({ graceMs: grace.leftMs })
  }

  /** Pages cannot speak gRPC over HTTP/2, so it is always let in. What they can speak is looked at first. */
  #route(exchange: Exchange): void {
    const { headers, hosts, method } = exchange
    const flavour = method === 'POST' ? flavourOf(headers['content-type']) : undefined
    if (flavour === 'grpc' && exchange.isHttp2) {
      void this.#rpcs.handle(exchange, flavour, {})
      return
    }
    const refusal = refusalOf(headers, hosts, this.#guard)
    const cors = corsHeaders(headers)
    if (refusal !== undefined) refuse(exchange, refusal, {})
    else if (method === 'OPTIONS') exchange.reply(204, preflightHeaders(headers))
    else if (flavour === undefined) void this.#http.handle(exchange, cors)
    else if (flavour === 'grpc')
      refuse(exchange, new StatusError('FAILED_PRECONDITION', 'gRPC needs HTTP/2', 505), cors)
    else void this.#rpcs.handle(exchange, flavour, cors)
  }

  /** The controls of Momento's local server. */
  #administer(exchange: Exchange): void {
    const refusal = refusalOf(exchange.headers, exchange.hosts, this.#guard)
    if (refusal !== undefined) return refuse(exchange, refusal, {})
    const control = `${exchange.method} ${exchange.target}`
    if (control === 'GET /block') this.faults.block()
    else if (control === 'GET /unblock') this.faults.unblock()
    else return refuse(exchange, new StatusError('NOT_FOUND', 'There is GET /block and GET /unblock'), {})
    exchange.reply(204, {})
  }
}

/** Who listens everywhere cannot know by which names; a key, when one is asked for, is sent by no rebound page. */
function hostsOf({ apiKeys, host = '127.0.0.1', hosts = [] }: MomentoServerOptions): GuardSettings['hosts'] {
  if (EVERYWHERE.includes(host) && apiKeys !== undefined) return 'any'
  return [host, ...hosts].map((name) => name.toLowerCase())
}
