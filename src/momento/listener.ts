/**
 * The one place where connections come in: HTTP/1.1 and HTTP/2 on the same
 * port, told apart by how they begin, or by what TLS agreed on. Connections are
 * counted, watched and cut off here; what is said over them is not looked at.
 *
 * Layer 27. Source: RFC 9113, 3.3 and 3.4.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Clock, MAX_TIMER_MS } from '../time/clock.ts'
import { type Exchange, Http1Exchange, Http2Exchange } from './exchange.ts'
import { Pulse } from './pulse.ts'

export interface ListenerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** For TLS: private key and certificate, PEM. */
  readonly tls: { readonly key: string | Uint8Array; readonly cert: string | Uint8Array } | undefined
  readonly clock: Clock
  /** What `Expect: 100-continue` is not answered for, in bytes. */
  readonly maxBodyBytes: number
  /** How long a connection may take to say what it wants, in ms. */
  readonly headersMs: number
  /** How long an HTTP/2 client may leave a ping unanswered, at least; twice that at most; in ms. */
  readonly keepAliveMs: number
  /** Whether new connections are cut off at once. */
  readonly isBlocked: () => boolean
  /** Told of connections that could not be accepted. */
  readonly onError: (error: unknown) => void
  readonly handle: (exchange: Exchange) => void
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

const MAX_CONNECTIONS = 1024
/** From the first byte of an HTTP/1.1 request to its last, in ms. */
const REQUEST_MS = 30_000
/** HTTP/1.1 headers: more are a mistake or an attack. */
const MAX_HEADERS = 100
const MAX_STREAMS_PER_CONNECTION = 10_000
/** What Node's HTTP/2 keeps for one connection, in MB: with its default of 10 it refuses streams that large messages fill. */
const MAX_SESSION_MEGABYTES = 64

export class Listener {
  readonly #options: ListenerOptions
  readonly #http1: Server
  readonly #http2: Http2Server
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #pings: Pulse
  /** Known from the start on, and after the end. */
  #port = 0
  #closing: Promise<void> | undefined

  private constructor(options: ListenerOptions) {
    this.#options = options
    this.#pings = new Pulse(options.clock, options.keepAliveMs)
    this.#http1 = this.#createHttp1()
    this.#http2 = this.#createHttp2()
  }

  /** @returns rejects with the system's error when the port cannot be had */
  static async start(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    const server = listener.#http1
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port, options.host, () => {
        server.off('error', reject).on('error', options.onError)
        resolve()
      })
    })
    listener.#port = (server.address() as AddressInfo).port // it listens on a port, not on a path
    return listener
  }

  get port(): number {
    return this.#port
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** Cuts all connections. */
  disconnectAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Takes no more connections; those that have nothing to finish end now, the others when they have, or after the grace time. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const { clock } = this.#options
    const closed = new Promise<void>((resolve) => this.#http1.close(() => resolve()))
    for (const session of this.#sessions) session.close()
    if (graceMs === 0) this.disconnectAll()
    const timer = clock.setTimer(() => this.disconnectAll(), Math.min(graceMs, MAX_TIMER_MS))
    await closed
    clock.clearTimer(timer)
    // The server is done when its sockets are as good as closed; they are when they say so.
    await Promise.all(Array.from(this.#sockets, (socket) => new Promise((resolve) => socket.once('close', resolve))))
  }

  /** The server that listens. What it does with a connection is left to `#accept`. */
  #createHttp1(): Server {
    const { headersMs, tls } = this.#options
    const settings: ServerOptions = {
      headersTimeout: headersMs,
      requestTimeout: Math.max(headersMs, REQUEST_MS),
      connectionsCheckingInterval: Math.min(headersMs, 1000),
    }
    const server: Server = tls
      ? createTlsServer({ ...settings, ...pem(tls), ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: headersMs })
      : createServer(settings)
    server.maxConnections = MAX_CONNECTIONS
    const event = tls ? 'secureConnection' : 'connection'
    // Node's own: it makes a connection one of HTTP/1.1.
    const [serve] = server.listeners(event)
    server.removeAllListeners(event)
    server.on('connection', (socket: Socket) => this.#watch(socket))
    server.on(event, (socket: Socket) => this.#accept(socket, (known) => serve?.call(server, known)))
    server.on('request', (request, response) => this.#serveHttp1(request, response))
    server.on('checkContinue', (request, response) => {
      if (Number(request.headers['content-length']) <= this.#options.maxBodyBytes) response.writeContinue()
      this.#serveHttp1(request, response)
    })
    return server
  }

  #createHttp2(): Http2Server {
    const server = createHttp2Server({
      maxSessionMemory: MAX_SESSION_MEGABYTES,
      settings: { maxConcurrentStreams: MAX_STREAMS_PER_CONNECTION },
    })
    server.on('session', (session) => {
      this.#sessions.add(session)
      const stop = this.#pings.add(pinging(session))
      session.on('close', () => (this.#sessions.delete(session), stop()))
      session.on('error', () => {}) // the connection broke off: 'close' follows
    })
    server.on('stream', (stream, headers) =>
      this.#options.handle(new Http2Exchange(stream, headers, this.#options.clock)),
    )
    return server
  }

  #watch(socket: Socket): void {
    if (this.#options.isBlocked()) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {}) // the same
  }

  #accept(socket: Socket | TLSSocket, serveHttp1: (socket: Socket) => void): void {
    const take = (isHttp2: boolean): void => {
      if (!isHttp2) return serveHttp1(socket)
      // A server of HTTP/1.1 answers a client that has hung up; one of HTTP/2 hangs up too.
      socket.allowHalfOpen = false
      this.#http2.emit('connection', socket)
    }
    if ('alpnProtocol' in socket) take(socket.alpnProtocol === 'h2')
    else this.#sniff(socket, take)
  }

  /** Reads until it is clear whether it is HTTP/2, and puts back what was read. */
  #sniff(socket: Socket, take: (isHttp2: boolean) => void): void {
    const { clock, headersMs } = this.#options
    let seen = Buffer.alloc(0)
    const look = (): void => {
      seen = Buffer.concat([seen, socket.read() ?? Buffer.alloc(0)])
      const length = Math.min(seen.length, PREFACE.length)
      const isHttp2 = seen.subarray(0, length).equals(PREFACE.subarray(0, length))
      if (isHttp2 && length < PREFACE.length) return
      stop()
      socket.unshift(seen)
      take(isHttp2)
    }
    const giveUp = (): void => {
      socket.destroy()
    }
    const timer = clock.setTimer(giveUp, headersMs)
    const stop = (): void => {
      clock.clearTimer(timer)
      socket.off('readable', look).off('end', giveUp).off('close', stop)
    }
    socket.on('readable', look).on('end', giveUp).on('close', stop)
  }

  #serveHttp1(request: IncomingMessage, response: ServerResponse): void {
    const status = flawOf(request)
    if (status !== undefined) {
      response.writeHead(status, { connection: 'close' }).end()
      return
    }
    const exchange = new Http1Exchange(request, response)
    // The server that closes does not wait for what a client might want next.
    exchange.onClose(() => {
      if (this.#closing !== undefined) this.#options.clock.nextTurn(() => this.#http1.closeIdleConnections())
    })
    this.#options.handle(exchange)
  }
}

/** The status for a request that HTTP/1.1 does not allow, or that Node takes and we do not. */
function flawOf({ headers, httpVersion, rawHeaders }: IncomingMessage): number | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 505
  if (rawHeaders.length / 2 > MAX_HEADERS) return 431
  const coding = headers['transfer-encoding']
  return coding === undefined || /^chunked$/i.test(coding) ? undefined : 501
}

/** Pings a client each time it is called, and cuts it off when it has not answered the last one. */
function pinging(session: ServerHttp2Session): () => void {
  let isWaiting = false
  return () => {
    if (isWaiting) session.destroy()
    if (session.destroyed) return
    isWaiting = true
    session.ping((error) => {
      isWaiting = error !== null
    })
  }
}

/** As Node's types want them. */
function pem({ key, cert }: NonNullable<ListenerOptions['tls']>): { key: string | Buffer; cert: string | Buffer } {
  return {
    key: typeof key === 'string' ? key : Buffer.from(key),
    cert: typeof cert === 'string' ? cert : Buffer.from(cert),
  }
}
