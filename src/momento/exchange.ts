/**
 * One request and its answer, whichever version of HTTP they go over: what came
 * in as it is, and the few things that the answers here are made of.
 *
 * Layer 26.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { constants, type IncomingHttpHeaders as Http2Headers, type ServerHttp2Stream } from 'node:http2'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../time/clock.ts'

/** How long a client that is answered already may go on with its request. */
const LINGER_MS = 10_000

/** The request's, in lower case; of names that came twice, as Node joins them. */
export type RequestHeaders = Readonly<IncomingHttpHeaders>
/** The answer's, or its trailers. */
export type Headers = Readonly<Record<string, string | number>>

export interface Exchange {
  readonly isHttp2: boolean
  readonly method: string
  /** Path and query, as they came. */
  readonly target: string
  readonly headers: RequestHeaders
  /** Every host that the request says it is for: one, if it is right. */
  readonly hosts: readonly string[]
  readonly input: Readable
  /** Whether nothing more can be said: answered to the end, cut off, or the client went away. */
  readonly isClosed: boolean
  /** Whether what was written so far waits for the client to read. */
  readonly isBlocked: boolean
  /** Sends the head of the answer; `write` and `end` follow. */
  begin(status: number, headers: Headers): void
  write(bytes: Uint8Array | string): void
  /**
   * @param bytes what is still to be written: in one go it is faster
   * @param trailers for HTTP/2 only
   */
  end(bytes: Uint8Array | string, trailers?: Headers): void
  /** The whole answer at once; what is still to come of the request is not waited for. */
  reply(status: number, headers: Headers, body?: Uint8Array | string): void
  /** Resolves when the client has read on, or when it is closed. */
  drained(): Promise<void>
  /** Cuts it off: resets the stream, or destroys the connection. */
  abort(): void
  /** Calls `callback` once it is closed, however that came. */
  onClose(callback: () => void): void
}

/** What both versions have in common. */
abstract class Output {
  readonly #output: Writable
  readonly #callbacks: (() => void)[] = []
  /** Whether the callbacks were called. */
  #isTold = false
  #drained: (() => void) | undefined

  constructor(output: Writable) {
    this.#output = output
    output.on('drain', () => this.#tellDrained())
    output.on('close', () => this.#close())
    // A client that goes away in the middle is no news: 'close' follows.
    output.on('error', () => {})
  }

  get isClosed(): boolean {
    return this.#isTold || this.#output.destroyed
  }

  get isBlocked(): boolean {
    return this.#output.writableNeedDrain
  }

  write(bytes: Uint8Array | string): void {
    if (!this.isClosed) this.#output.write(bytes)
  }

  drained(): Promise<void> {
    if (this.isClosed || !this.isBlocked) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#drained
      this.#drained = () => {
        before?.()
        resolve()
      }
    })
  }

  onClose(callback: () => void): void {
    if (this.#isTold) callback()
    else this.#callbacks.push(callback)
  }

  #close(): void {
    this.#isTold = true
    this.#tellDrained()
    for (const callback of this.#callbacks.splice(0)) callback()
  }

  #tellDrained(): void {
    this.#drained?.()
    this.#drained = undefined
  }
}

/** An exchange over HTTP/1.1. */
export class Http1Exchange extends Output implements Exchange {
  readonly isHttp2 = false
  readonly method: string
  readonly target: string
  readonly headers: RequestHeaders
  readonly hosts: readonly string[]
  readonly input: IncomingMessage
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse) {
    super(response)
    // The parser sets both for every request.
    this.method = request.method as string
    this.target = request.url as string
    this.headers = request.headers
    this.hosts = request.headersDistinct.host ?? []
    this.input = request
    this.#response = response
    request.on('error', () => {}) // an upload that breaks off; whoever reads it sees that it ends too early
  }

  begin(status: number, headers: Headers): void {
    if (this.isClosed) return
    this.#response.writeHead(status, { ...headers, ...this.#connection() })
    this.#response.flushHeaders()
  }

  /** A request that is not wanted to its end ends the connection. */
  #connection(): Headers {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = this.headers
    const isWhole = this.input.complete || (length === '0' && coding === undefined)
    return isWhole ? {} : { connection: 'close' }
  }

  end(bytes: Uint8Array | string): void {
    this.#response.end(bytes)
  }

  reply(status: number, headers: Headers, body: Uint8Array | string = ''): void {
    if (this.isClosed) return
    const length = { 'content-length': Buffer.byteLength(body) }
    this.#response.writeHead(status, { ...headers, ...(status !== 204 && length), ...this.#connection() })
    this.#response.end(this.method === 'HEAD' ? undefined : body)
  }

  abort(): void {
    this.#response.destroy()
  }
}

/** An exchange over HTTP/2: a stream. */
export class Http2Exchange extends Output implements Exchange {
  readonly isHttp2 = true
  readonly method: string
  readonly target: string
  readonly headers: RequestHeaders
  readonly hosts: readonly string[]
  readonly input: ServerHttp2Stream
  readonly #stream: ServerHttp2Stream
  readonly #clock: Clock

  constructor(stream: ServerHttp2Stream, headers: Http2Headers, clock: Clock) {
    super(stream)
    this.method = headers[':method'] ?? ''
    this.target = headers[':path'] ?? ''
    this.headers = headers
    const host = headers[':authority'] ?? headers.host
    this.hosts = host === undefined ? [] : [host]
    this.input = stream
    this.#stream = stream
    this.#clock = clock
  }

  /** From the moment of a reset on; 'close' comes later. */
  override get isClosed(): boolean {
    return super.isClosed || this.#stream.closed
  }

  begin(status: number, headers: Headers): void {
    if (!this.isClosed) this.#stream.respond({ ':status': status, ...headers }, { waitForTrailers: true })
  }

  end(bytes: Uint8Array | string, trailers: Headers = {}): void {
    if (this.isClosed) return
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers))
    this.#stream.end(bytes)
    this.#leaveInput()
  }

  reply(status: number, headers: Headers, body: Uint8Array | string = ''): void {
    if (this.isClosed) return
    const isEmpty = body.length === 0 || this.method === 'HEAD'
    this.#stream.respond({ ':status': status, ...headers }, { endStream: isEmpty })
    if (!isEmpty) this.#stream.end(body)
    this.#leaveInput()
  }

  /**
   * What is still to come of the request goes nowhere. A reset at once would
   * spare the client the trouble, but one of Node 20 that is reset while it
   * sends can end up in a loop for ever.
   */
  #leaveInput(): void {
    if (this.#stream.readableEnded) return
    this.#stream.resume()
    const timer = this.#clock.setTimer(() => this.#stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS)
    this.onClose(() => this.#clock.clearTimer(timer))
  }

  abort(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }
}
