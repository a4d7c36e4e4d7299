/**
 * The ways to the app: over HTTP, and straight into a function. What comes back
 * is the status and the beginning of the body; what it means is decided
 * elsewhere. An app may be slow, break off, flood or talk nonsense: a call ends
 * all the same, once, and at the latest when its signal says so.
 *
 * Layer 21. Source: dapr/dapr, pkg/channel/http/http_channel.go.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { COUNT, checkOne, FUNCTION, orInfinity, refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { Bytes, bodyInit, readStream } from '../http/bytes.ts'
import { Calls, type Ending } from './calls.ts'
import { type Address, Connections } from './connections.ts'
import type { AppChannel, AppRequest, AppResponse } from './wire.ts'

export interface HttpAppChannelOptions {
  /** Where the app is, `http:` or `https:`. Paths are asked for below its own. */
  readonly url: string | URL
  /** Calls at a time; the others wait in line. Default: no limit but that of connections. */
  readonly maxConcurrency?: number
  /** Shown to the app as `dapr-api-token`. */
  readonly token?: string
}

export interface FunctionAppChannelOptions {
  readonly app: AppFunction
  readonly maxConcurrency?: number
  readonly token?: string
}

/** An app without a server: takes web-standard requests, as `fetch` handlers do. */
export type AppFunction = (request: Request) => Response | Promise<Response>

const TOKEN_HEADER = 'dapr-api-token'
/** What only we say, whatever a message brings with it. */
const OURS: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding', TOKEN_HEADER])

const MAX_CONNECTIONS = 1024
/** Answers before the answer (1xx). */
const MAX_INTERIM = 100

/** Says an app that closes connections as soon as we do, or sooner. */
const SHORT_LIFE = /\btimeout=[01]\b/

/** How long an app may take to accept a connection when all we ask is whether it does. */
const MAX_CONNECT_MS = 500

/**
 * Calls an app over connections that are used again and again.
 *
 * A request that was cut off before a byte of its answer came is never sent
 * again from here, not even on a connection that had been used before. That the
 * app closed it before it read the request cannot be told from its reading,
 * working and dying; only when nothing was written could nothing have been done,
 * and no such connection is taken. So the call has failed, and whoever counts
 * deliveries decides. What can be done is done before: connections do not lie
 * idle for long and rest for a turn after each answer (see `Connections`).
 */
export class HttpAppChannel implements AppChannel {
  readonly #calls: Calls
  readonly #url: URL
  readonly #connections: Connections
  /** As `http.request` asks for one. */
  readonly #connect = (): Socket => this.#connections.take()
  readonly #address: Address
  /** Of the URL, without a `/` at its end. */
  readonly #basePath: string
  readonly #token: string | undefined

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor({ url, maxConcurrency = Infinity, token }: HttpAppChannelOptions) {
    this.#calls = callsFor(maxConcurrency, MAX_CONNECTIONS)
    this.#url = urlOf(url)
    const isSecure = this.#url.protocol === 'https:'
    this.#address = {
      host: this.#url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(this.#url.port || (isSecure ? 443 : 80)),
      isSecure,
    }
    this.#connections = new Connections(this.#address)
    this.#basePath = this.#url.pathname.replace(/\/+$/, '')
    this.#token = token
  }

  call(request: AppRequest): Promise<AppResponse> {
    return this.#calls.run((ending) => {
      request.onBegin?.()
      return this.#send(request, ending)
    }, request.signal)
  }

  isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      const { host, port } = this.#address
      const socket = connect({ host, port, timeout: MAX_CONNECT_MS })
      const end = (isListening: boolean) => () => {
        socket.destroy()
        resolve(isListening)
      }
      socket.on('connect', end(true)).on('timeout', end(false)).on('error', end(false))
    })
  }

  async close(): Promise<void> {
    this.#calls.close()
    this.#connections.close()
  }

  #send(request: AppRequest, ending: Ending<AppResponse>): () => void {
    const { method } = request
    const path = this.#basePath + pathOf(request)
    const headers = this.#headersOf(request)
    const sent = httpRequest({ createConnection: this.#connect, method, path, headers })
    sent.shouldKeepAlive = true // without an agent, Node says so in the headers only
    hear(sent, { maxSize: maxSizeOf(request), ending, connections: this.#connections })
    sent.end(request.body)
    return () => sent.destroy()
  }

  /** Names and values by turns: node takes a list as it is, and that is faster than one by one. */
  #headersOf({ headers, body }: AppRequest): string[] {
    const list = ['host', this.#url.host, 'connection', 'keep-alive']
    for (const name of Object.keys(headers)) {
      if (!OURS.has(name.toLowerCase())) list.push(name, headers[name] ?? '')
    }
    if (body !== undefined) list.push('content-length', `${Buffer.byteLength(body)}`)
    if (this.#token !== undefined) list.push(TOKEN_HEADER, this.#token)
    return list
  }
}

/** Calls an app that is a function in this process; a server is not needed. */
export class FunctionAppChannel implements AppChannel {
  readonly #calls: Calls
  readonly #app: AppFunction
  readonly #token: string | undefined

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor({ app, maxConcurrency = Infinity, token }: FunctionAppChannelOptions) {
    checkOne(app, FUNCTION, 'app')
    this.#calls = callsFor(maxConcurrency, Infinity)
    this.#app = app
    this.#token = token
  }

  call(request: AppRequest): Promise<AppResponse> {
    return this.#calls.run((ending) => {
      request.onBegin?.()
      const stop = new AbortController()
      const asked = this.#requestFor(request, stop.signal)
      this.#answer(asked, maxSizeOf(request)).then(
        (answer) => ending.succeed(answer),
        (error: unknown) => ending.fail(error),
      )
      // Holds the request: Node aborts none that nobody holds, though somebody may listen to its signal.
      return (reason) => asked.signal.aborted || stop.abort(reason)
    }, request.signal)
  }

  isListening(): Promise<boolean> {
    return Promise.resolve(true)
  }

  async close(): Promise<void> {
    this.#calls.close()
  }

  #requestFor(request: AppRequest, signal: AbortSignal): Request {
    const { method, body } = request
    const init = { method, headers: request.headers, body: bodyInit(body), signal }
    const asked = new Request(`http://app${pathOf(request)}`, init)
    for (const name of OURS) asked.headers.delete(name)
    if (this.#token !== undefined) asked.headers.set(TOKEN_HEADER, this.#token)
    return asked
  }

  async #answer(asked: Request, maxSize: number): Promise<AppResponse> {
    const response = await this.#app(asked)
    if (!Number.isInteger(response?.status)) throw new TypeError('The app answered with something that is no Response')
    const { bytes, isCut } = await readStream(response.body, maxSize, asked.signal)
    return answerOf(response.status, bytes, isCut)
  }
}

function callsFor(maxConcurrency: number, most: number): Calls {
  checkOne(maxConcurrency, orInfinity(COUNT), 'maxConcurrency')
  return new Calls(Math.min(maxConcurrency, most))
}

function urlOf(text: string | URL): URL {
  if (!URL.canParse(text)) refuseOption('url', `${quote(text)} is not a URL`)
  const url = new URL(text)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!/^https?:$/.test(url.protocol) || !isPlain) {
    refuseOption('url', 'the app is at an address that begins with http: or https:, without user, query and fragment')
  }
  return url
}

/** A path that did not begin with `/` could become a part of the host's name. */
function pathOf({ path }: AppRequest): string {
  if (!path.startsWith('/')) refuseOption('path', `${quote(path)} does not begin with "/"`)
  return path
}

function maxSizeOf({ method, maxResponseSize }: AppRequest): number {
  return maxResponseSize ?? (method === 'GET' ? 1024 * 1024 : 64 * 1024)
}

function answerOf(status: number, bytes: Uint8Array, isCut: boolean): AppResponse {
  const body = bytes.length === 0 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
  return { status, body, isCut }
}

interface Hearing {
  readonly maxSize: number
  readonly ending: Ending<AppResponse>
  readonly connections: Connections
}

/** Waits for the answer to a request. */
function hear(sent: ClientRequest, { maxSize, ending, connections }: Hearing): void {
  let answer: IncomingMessage | undefined
  let interimCount = 0
  sent.on('information', () => {
    if (++interimCount > MAX_INTERIM) sent.destroy(new Error(`The app sent more than ${MAX_INTERIM} interim answers`))
  })
  sent.on('response', (response) => {
    answer = response
    if (SHORT_LIFE.test(String(response.headers['keep-alive']))) sent.shouldKeepAlive = false
    read(response, maxSize, ending)
    // An app that answers before it has read the request may never read it, and nobody would end the connection.
    response.on('end', () => {
      if (!sent.writableFinished) sent.destroy()
    })
  })
  // What an app sends after its answer breaks the connection, not the call.
  sent.on('error', (error) => {
    if (answer?.complete !== true) ending.fail(error)
  })
  sent.on('close', () => {
    if (answer === undefined) ending.fail(new Error('The app closed the connection without an answer'))
    if (sent.socket !== null && sent.shouldKeepAlive) connections.giveBack(sent.socket)
  })
}

function read(response: IncomingMessage, maxSize: number, ending: Ending<AppResponse>): void {
  const status = response.statusCode ?? 0 // an answer has one
  const body = new Bytes(maxSize)
  response.on('data', (chunk: Uint8Array) => {
    if (body.add(chunk)) return
    ending.succeed(answerOf(status, body.all, true))
    response.destroy()
  })
  response.on('end', () => ending.succeed(answerOf(status, body.all, false)))
  response.on('error', (error) => ending.fail(error))
}
