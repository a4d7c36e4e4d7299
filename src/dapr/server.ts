/**
 * The API over `node:http`: a thin layer that turns requests into plain data and
 * answers into bytes. It listens on this machine's loopback unless told
 * otherwise, refuses what the guard refuses before it reads a body, and bounds
 * everything that a client can make it hold: time, bytes and sockets.
 *
 * What it does not do: a client that keeps a connection open with blank lines
 * between its requests is bounded by `maxConnections` only.
 *
 * Layer 22.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { checkOne, refuseOption, TEXT } from '../checks.ts'
import { quote } from '../errors.ts'
import { EVERYWHERE, isLoopback } from '../http/host.ts'
import { type Clock, MAX_TIMER_MS, nextTurn, SystemClock } from '../time/clock.ts'
import { Exchange, type ExchangeHost } from './exchange.ts'
import { digestOf, type GuardSettings, hostCheck, refusal } from './guard.ts'
import type { ApiRequest, ApiResponse } from './wire.ts'

export interface HttpServerOptions {
  /** Answers a request whose body is here whole. Requests of one connection are handled side by side. */
  readonly handle: (request: ApiRequest) => ApiResponse | Promise<ApiResponse>
  /** Told of what `handle` throws, of which the client only learns that something went wrong. Must not throw. */
  readonly onError: (error: unknown) => void
  /** 0 for one that is free. */
  readonly port: number
  /** Where to listen; default `127.0.0.1`, and `::1` where there is one. What is not loopback needs a token. */
  readonly host?: string | readonly string[]
  /** Clients have to show one of them as `dapr-api-token`. */
  readonly token?: string | readonly string[]
  /** Further names that clients may call this machine by, without ports. */
  readonly allowedHosts?: readonly string[]
  /** Bytes; default 4 MiB, 0 or less for no limit. */
  readonly maxBodySize?: number
  /** Bytes of all bodies that are being read or handled; default 64 MiB, or twice `maxBodySize` when that is more. */
  readonly maxBodiesSize?: number
  /** Requests that are being read or handled, whether or not their clients are still there; default 10 000. */
  readonly maxRequests?: number
  /** At each address; default 1024. */
  readonly maxConnections?: number
  /** The time for sending the head of a request; default 10 000. */
  readonly headersTimeoutMs?: number
  /** The time for sending a whole request; default 30 000. */
  readonly requestTimeoutMs?: number
  /** How long a connection may lie idle, or not take what it is sent; default 120 000. */
  readonly idleTimeoutMs?: number
  /** How often the first two are looked at; default 1000. */
  readonly checkIntervalMs?: number
  /** Measures the grace time of `close`; default the system clock. */
  readonly clock?: Clock
}

/** The last one is there for IPv6; machines without it do without. */
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1']
const NO_IPV6: readonly unknown[] = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']

const DEFAULT_MAX_BODY_SIZE = 4 * 1024 * 1024
const DEFAULT_MAX_BODIES_SIZE = 64 * 1024 * 1024
const DEFAULT_MAX_REQUESTS = 10_000
const DEFAULT_IDLE_TIMEOUT_MS = 120_000
const MAX_HEADER_SIZE = 16 * 1024
/** How many free ports are looked at until one is free at every address. */
const MAX_PORTS = 10

export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #hosts: readonly string[]
  readonly #shared: ExchangeHost
  /** One for each address. */
  readonly #listeners: Server[] = []
  /**
   * Those that are not over, by connection, in the order of their beginning. A
   * set of them all would cost more than it looks: the tables that it outgrows
   * keep what was in them alive until the next great garbage collection.
   */
  readonly #exchanges = new WeakMap<Duplex, Exchange[]>()
  #exchangeCount = 0
  /** Those whose answers go out when all that has come in so far has been handled. */
  #toSend: Exchange[] = []
  /** Bytes of bodies. */
  #heldSize = 0
  #droppedCount = 0
  #port = 0
  #closing: Promise<void> | undefined

  /**
   * Listens.
   *
   * @throws {BusbarError} `ERR_OPTION_INVALID`
   * @throws what the system says when it cannot listen there (`EADDRINUSE`, `EACCES`, ...); nothing listens then
   */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options)
    await server.#listen()
    return server
  }

  /** Use `start`. */
  constructor(options: HttpServerOptions) {
    const { host = LOOPBACK, token = [] } = options
    const tokens = [token].flat().map((text) => digestOf(text, 'token'))
    this.#options = options
    this.#hosts = [host].flat()
    if (this.#hosts.length === 0) refuseOption('host', 'there is no address to listen at')
    for (const name of this.#hosts) checkOne(name, TEXT, 'host')
    const exposed = this.#hosts.find((name) => !isLoopback(name))
    if (exposed !== undefined && tokens.length === 0) {
      refuseOption('host', `listening on ${quote(exposed)} lets other machines in, so it needs an API token`)
    }
    this.#shared = this.#sharedParts(tokens)
  }

  /** Where it listens. */
  get port(): number {
    return this.#port
  }

  /** For clients on this machine. */
  get url(): string {
    const host = this.#hosts[0] ?? ''
    const name = EVERYWHERE.includes(host) ? '127.0.0.1' : host
    return `http://${name.includes(':') ? `[${name}]` : name}:${this.#port}`
  }

  /** Connections that were refused because there were too many. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /**
   * Stops listening, lets requests that have begun come to their answer, and
   * cuts off what is left when the grace time is over. Idempotent.
   *
   * @param graceMs default 5000; `Infinity` to wait as long as it takes
   */
  close(graceMs: number = 5000): Promise<void> {
    this.#send()
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  #sharedParts(tokens: GuardSettings['tokens']): ExchangeHost {
    const { maxBodySize: size = DEFAULT_MAX_BODY_SIZE, handle, onError, allowedHosts = [] } = this.#options
    const maxBodySize = size > 0 ? size : Infinity
    const { maxBodiesSize = Math.max(DEFAULT_MAX_BODIES_SIZE, 2 * maxBodySize) } = this.#options
    const isEverywhere = this.#hosts.some((name) => EVERYWHERE.includes(name))
    const isClosing = (): boolean => this.#closing !== undefined
    const isFull = (): boolean => this.#exchangeCount > (this.#options.maxRequests ?? DEFAULT_MAX_REQUESTS)
    return {
      // Who listens everywhere cannot know by which names; the token, which is needed then, is shown by no rebound page.
      guard: { hosts: hostCheck(isEverywhere ? 'any' : [...this.#hosts, ...allowedHosts]), tokens },
      maxBodySize,
      idleTimeoutMs: this.#options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
      get isClosing() {
        return isClosing()
      },
      get isFull() {
        return isFull()
      },
      handle,
      onError,
      sendSoon: (exchange) => this.#sendSoon(exchange),
      hold: (bytes) => this.#heldSize + bytes <= maxBodiesSize && ((this.#heldSize += bytes), true),
      release: (bytes) => void (this.#heldSize -= bytes),
      onOver: (exchange) => this.#onOver(exchange),
    }
  }

  async #listen(): Promise<void> {
    for (let ports = 1; ; ports++) {
      try {
        return await this.#listenEverywhere()
      } catch (error) {
        for (const listener of this.#listeners.splice(0)) listener.close()
        const isTaken = codeOf(error) === 'EADDRINUSE'
        if (!isTaken || this.#options.port !== 0 || ports === MAX_PORTS) throw error
      }
    }
  }

  async #listenEverywhere(): Promise<void> {
    this.#port = this.#options.port
    for (const host of this.#hosts) {
      try {
        await this.#listenAt(host)
      } catch (error) {
        const isOptional = this.#options.host === undefined && host === '::1'
        if (!isOptional || !NO_IPV6.includes(codeOf(error))) throw error
      }
    }
  }

  #listenAt(host: string): Promise<void> {
    const listener = this.#createListener()
    return new Promise((resolve, reject) => {
      listener.once('error', reject)
      listener.listen({ host, port: this.#port }, () => {
        listener.off('error', reject).on('error', this.#options.onError) // a connection that cannot be accepted
        this.#listeners.push(listener)
        this.#port = (listener.address() as AddressInfo).port // of a listening TCP server
        resolve()
      })
    })
  }

  #createListener(): Server {
    const { maxConnections = 1024, headersTimeoutMs = 10_000, requestTimeoutMs = 30_000 } = this.#options
    const listener = createServer({
      maxHeaderSize: MAX_HEADER_SIZE,
      headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: this.#shared.idleTimeoutMs,
      connectionsCheckingInterval: this.#options.checkIntervalMs ?? 1000,
      requireHostHeader: false, // the guard asks for it, of HTTP/1.0 as well
    })
    listener.maxConnections = maxConnections
    listener.on('request', (request, response) => this.#begin(request, response, false))
    listener.on('checkContinue', (request, response) => this.#begin(request, response, true))
    listener.on('checkExpectation', (request, response) => this.#begin(request, response, false))
    listener.on('clientError', (error, socket) => this.#onClientError(error, socket))
    listener.on('timeout', (socket) => this.#onIdle(socket))
    listener.on('drop', () => void this.#droppedCount++)
    return listener
  }

  #begin(request: IncomingMessage, response: ServerResponse, isAsking: boolean): void {
    const exchange = new Exchange({ host: this.#shared, request, response, isAsking })
    const all = this.#exchanges.get(request.socket) ?? this.#listFor(request.socket)
    all.push(exchange)
    this.#exchangeCount++
    exchange.begin()
  }

  /** Of a lost connection Node tells only the answer whose turn it is, none that waits in line behind it. */
  #listFor(socket: Duplex): Exchange[] {
    const all: Exchange[] = []
    this.#exchanges.set(socket, all)
    socket.on('close', () => [...all].forEach((exchange) => void exchange.close()))
    return all
  }

  /**
   * An answer wakes its client, which costs more than making the answer. Those
   * that go out in a row wake it once, and it reads the others on its way.
   */
  #sendSoon(exchange: Exchange): void {
    if (this.#toSend.push(exchange) === 1) nextTurn(() => this.#send())
  }

  #send(): void {
    const exchanges = this.#toSend
    this.#toSend = []
    for (const exchange of exchanges) exchange.send()
  }

  /** Broken HTTP, or too slow. It concerns the request that is still coming in, or what came after the last one. */
  #onClientError(error: Error, socket: Duplex): void {
    const last = this.#exchangesOn(socket).at(-1)
    if (last?.isReceived) last.onClose(() => refuseSocket(socket, error))
    else if (last?.isAnswered) socket.end(() => socket.destroy())
    else refuseSocket(socket, error)
  }

  /** A client may wait for its answer as long as that takes; for nothing else. */
  #onIdle(socket: Duplex): void {
    const isHandled = this.#exchangesOn(socket).some(({ isReceived, isAnswered }) => isReceived && !isAnswered)
    if (!isHandled) socket.destroy()
  }

  #exchangesOn(socket: Duplex): Exchange[] {
    return this.#exchanges.get(socket) ?? []
  }

  #onOver(exchange: Exchange): void {
    const open = this.#exchangesOn(exchange.socket)
    open.splice(open.indexOf(exchange), 1)
    this.#exchangeCount--
    if (this.#closing !== undefined && this.#exchangeCount === 0) this.#cut()
  }

  async #close(graceMs: number): Promise<void> {
    const { clock = new SystemClock() } = this.#options
    const closed = this.#listeners.map((listener) => new Promise<void>((resolve) => listener.close(() => resolve())))
    const timer = clock.setTimer(() => this.#cut(), Math.min(graceMs, MAX_TIMER_MS))
    if (graceMs === 0 || this.#exchangeCount === 0) this.#cut()
    await Promise.all(closed)
    clock.clearTimer(timer)
  }

  #cut(): void {
    for (const listener of this.#listeners) listener.closeAllConnections()
  }
}

const MALFORMED: ApiResponse = refusal(400, 'ERR_MALFORMED_REQUEST', 'This is no valid HTTP/1.1')

/** What to answer to a request that has no head that could be read, by the error's code. */
const ANSWERS: ReadonlyMap<unknown, ApiResponse> = new Map([
  ['HPE_HEADER_OVERFLOW', refusal(431, 'ERR_HEADERS_TOO_LARGE', `Headers may have ${MAX_HEADER_SIZE} bytes`)],
  ['ERR_HTTP_REQUEST_TIMEOUT', refusal(408, 'ERR_REQUEST_TIMEOUT', 'The request took too long to come in')],
])

/** Answers on a connection that is beyond `node:http`'s care, and closes it. */
function refuseSocket(socket: Duplex, error: Error): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = ANSWERS.get(codeOf(error)) ?? MALFORMED
  const lines = Object.entries({ connection: 'close', 'content-length': Buffer.byteLength(body), ...headers })
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines.map(([name, value]) => `${name}: ${value}`)]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
