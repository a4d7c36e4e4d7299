/**
 * One request over `node:http` and its answer: reads the body within limits,
 * has it handled, writes what came of it. An answer that is known before the
 * request is here whole goes out at once, and what still comes is let go.
 *
 * Layer 21.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Bytes } from '../http/bytes.ts'
import { done, handled, isThenable } from '../promises.ts'
import { type GuardSettings, guardRequest, originForm, type RequestHead, refusal } from './guard.ts'
import { allOf, Departure, ReceivedRequest } from './received.ts'
import type { ApiRequest, ApiResponse } from './wire.ts'

/** What the exchanges of a server share. */
export interface ExchangeHost {
  readonly guard: GuardSettings
  /** Bytes; `Infinity` for no limit. */
  readonly maxBodySize: number
  /** How long a client may not take what it is sent. */
  readonly idleTimeoutMs: number
  /** No further request is wanted on the connections that there are. */
  readonly isClosing: boolean
  /** There are as many requests as there may be. */
  readonly isFull: boolean
  handle(request: ApiRequest): ApiResponse | Promise<ApiResponse>
  onError(error: unknown): void
  /** Has `send` called soon, together with that of other exchanges. */
  sendSoon(exchange: Exchange): void
  /** Asks to keep so many more bytes. */
  hold(size: number): boolean
  release(size: number): void
  /** Told once the answer is out, or the client gone and the request handled all the same. */
  onOver(exchange: Exchange): void
}

/**
 * Bytes that a client may go on sending after its answer. Closing at once would
 * make its system throw the answer away before the client has read it.
 */
const MAX_IGNORED = 256 * 1024

const NO_CONTENT = 204

const NONE = new Uint8Array(0)

const BUSY: ApiResponse = busy()
const INTERNAL: ApiResponse = refusal(500, 'ERR_INTERNAL', 'Something went wrong in the sidecar')

export interface ExchangeParts {
  readonly host: ExchangeHost
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the client waits for a word before it sends its body (RFC 9110, 100-continue). */
  readonly isAsking: boolean
}

export class Exchange implements RequestHead {
  readonly #host: ExchangeHost
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** Whether the client still waits for a word before it sends its body. */
  #isAsking: boolean
  /** What goes out next. */
  #answer: ApiResponse = INTERNAL
  /** What has come in; undefined when it is not kept, or not any more. */
  #body: Bytes | undefined
  /** Bytes held of what all exchanges may hold. */
  #heldSize = 0
  /** Bytes that came in and were let go. */
  #ignoredSize = 0
  /** Tells what handles the request that the client has gone. */
  readonly #departure = new Departure()
  /** Whether what handles the request is still at it. */
  #isHandling = false
  /** Whether the answer is out, or the client gone. */
  #isClosed = false

  constructor({ host, request, response, isAsking }: ExchangeParts) {
    this.#host = host
    this.#request = request
    this.#response = response
    this.#isAsking = isAsking
  }

  get method(): string {
    return this.#request.method ?? ''
  }

  get target(): string {
    return this.#request.url ?? ''
  }

  get httpMajor(): number {
    return this.#request.httpVersionMajor
  }

  get headerCount(): number {
    return this.#request.rawHeaders.length / 2
  }

  get socket(): Socket {
    return this.#request.socket
  }

  /** Whether the request is here whole. */
  get isReceived(): boolean {
    return this.#request.complete
  }

  get isAnswered(): boolean {
    return this.#response.headersSent
  }

  header(name: string): string | undefined {
    // Node keeps the first of several hosts only; all the others it joins, in an object that it has made anyway.
    if (name === 'host') return allOf(this.#request.rawHeaders, name)
    const value = this.#request.headers[name]
    return typeof value === 'object' ? value.join(', ') : value
  }

  /** Calls back once the answer is out, or the client gone. */
  onClose(callback: () => void): void {
    this.#response.on('close', callback)
  }

  begin(): void {
    this.#response.on('close', () => this.close())
    // Called when all is parsed that came with the head.
    void done.then(() => this.#receive())
    const refused = guardRequest(this, this.#host.guard)
    if (refused !== undefined) this.#finish(refused)
    else if (this.#host.isFull) this.#finish(BUSY)
    else if (Number(this.header('content-length') ?? 0) > this.#host.maxBodySize) this.#handle(NONE, true)
    else {
      this.#body = new Bytes(this.#host.maxBodySize)
      if (this.#isAsking) this.#response.writeContinue()
      this.#isAsking = false
    }
  }

  /** The answer is out, or the client gone. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#isHandling) this.#departure.tell()
    else this.#end()
  }

  /** Most requests come in one piece. To read that is a third of what it takes to listen for more. */
  #receive(): void {
    if (this.isReceived) {
      const body: Uint8Array | null = this.#request.read()
      if (body !== null) this.#onData(body)
      this.#onEnd()
    } else {
      this.#request.on('data', (chunk: Uint8Array) => this.#onData(chunk))
      this.#request.on('end', () => this.#onEnd())
    }
  }

  #onData(chunk: Uint8Array): void {
    if (this.#body === undefined) this.#ignore(chunk)
    else if (!this.#host.hold(chunk.length)) {
      this.#letGo()
      this.#finish(BUSY)
    } else {
      this.#heldSize += chunk.length
      if (this.#body.add(chunk)) return
      this.#letGo()
      this.#handle(NONE, true)
    }
  }

  #ignore(chunk: Uint8Array): void {
    this.#ignoredSize += chunk.length
    if (this.#ignoredSize > MAX_IGNORED && this.isAnswered) this.#response.end()
  }

  #onEnd(): void {
    const body = this.#body?.all
    if (body === undefined) {
      if (this.isAnswered) this.#response.end()
      return
    }
    this.#body = undefined
    this.#handle(body, false)
  }

  #handle(body: Uint8Array, isTooLarge: boolean): void {
    const { rawHeaders } = this.#request
    const [target, signal] = [originForm(this.target), this.#departure]
    try {
      const request = new ReceivedRequest({ method: this.method, target, body, isTooLarge, rawHeaders, signal })
      const answer = this.#host.handle(request)
      if (isThenable(answer)) this.#await(answer)
      else this.#finish(answer)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Until what a client has asked for is done, or given up because it has gone, its request is here. */
  #await(answer: Promise<ApiResponse>): void {
    this.#isHandling = true
    const finish = (known: ApiResponse): void => this.#finish(known)
    const fail = (error: unknown): void => this.#fail(error)
    const end = (): void => {
      this.#isHandling = false
      if (this.#isClosed) this.#end()
    }
    void handled(answer.then(finish, fail).then(end))
  }

  /** Who is in the middle of sending is answered at once, to be told that there is no need. */
  #finish(answer: ApiResponse): void {
    this.#answer = answer
    if (this.isReceived) this.#host.sendSoon(this)
    else this.send()
  }

  /** Writes the answer. */
  send(): void {
    try {
      this.#write(this.#answer)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (!this.#response.destroyed && !this.isAnswered) {
      for (const name of this.#response.getHeaderNames()) this.#response.removeHeader(name)
      this.#write(INTERNAL)
    }
    this.#host.onError(error)
  }

  #write({ status, headers, body }: ApiResponse): void {
    const response = this.#response
    response.statusCode = status
    for (const name of Object.keys(headers)) response.setHeader(name, headers[name] ?? '')
    if (this.#host.isClosing) response.shouldKeepAlive = false
    if (this.isReceived) {
      // With its head written and no body to follow, the answer takes a shorter way through the socket.
      if (status === NO_CONTENT) response.writeHead(status)
      response.end(body)
    } else this.#writeEarly(body)
    // Only now: a timer that runs all the time is set anew with whatever comes in and goes out.
    if (response.writableLength > 0) this.socket.setTimeout(this.#host.idleTimeoutMs)
  }

  /** The answer goes out whole; its end, which closes the connection, waits until the client has had its say. */
  #writeEarly(body: string | Uint8Array): void {
    const response = this.#response
    response.shouldKeepAlive = false
    if (body.length === 0) response.flushHeaders()
    else response.setHeader('content-length', Buffer.byteLength(body)).write(body)
    // A client that has asked may well send nothing more: it was answered otherwise.
    if (this.#isAsking || this.#ignoredSize > MAX_IGNORED) response.end()
  }

  #letGo(): void {
    this.#body = undefined
    this.#host.release(this.#heldSize)
    this.#heldSize = 0
  }

  #end(): void {
    this.#letGo()
    this.#host.onOver(this)
  }
}

function busy(): ApiResponse {
  const answer = refusal(503, 'ERR_BUSY', 'There is no room for more requests at the moment')
  return { ...answer, headers: { ...answer.headers, 'retry-after': '1' } }
}
