/**
 * The ways to the app: over HTTP, and straight into a function. What comes back
 * is the status and the beginning of the body; what it means is decided
 * elsewhere. An app may be slow, break off, flood or talk nonsense: a call ends
 * all the same, once, and at the latest when its signal says so.
 *
 * Layer 21. Source: dapr/dapr, pkg/channel/http/http_channel.go.
 */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { COUNT, checkOne, FUNCTION, orInfinity, refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { Bytes, bodyInit, readStream } from '../http/bytes.ts'
import { nextTurn } from '../time/clock.ts'
import { Calls, type Ending } from './calls.ts'
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
const MAX_HEADER_SIZE = 16 * 1024
/** Answers before the answer (1xx). */
const MAX_INTERIM = 100

/**
 * How long a connection may lie idle. An app that closes idle ones may do so in
 * the very moment in which a request is on its way, so we are faster than any
 * server known: Node and uvicorn close after 5 s, gunicorn after 2 s.
 */
const MAX_IDLE_MS = 1000

/** How long an app may take to accept a connection when all we ask is whether it does. */
const MAX_CONNECT_MS = 500

/**
 * Calls an app over connections that are used again and again.
 *
 * A request that was cut off before a byte of its answer came is never sent
 * again from here, not even on a connection that had been used before. That the
 * app closed it before it read the request cannot be told from its reading,
 * working and dying; only when nothing was written could nothing have been done,
 * and Node hands no such connection out. So the call has failed, and whoever
 * counts deliveries decides. What can be done is done before: connections do not
 * lie idle for long and rest for a turn after each answer (see `resting`).
 */
export class HttpAppChannel implements AppChannel {
  readonly #calls: Calls
  readonly #url: URL
  readonly #agent: HttpAgent
  readonly #request: typeof httpRequest
  readonly #address: { readonly host: string; readonly port: number }
  /** Of the URL, without a `/` at its end. */
  readonly #basePath: string
  readonly #token: string | undefined

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor({ url, maxConcurrency = Infinity, token }: HttpAppChannelOptions) {
    this.#calls = callsFor(maxConcurrency)
    this.#url = urlOf(url)
    const isSecure = this.#url.protocol === 'https:'
    const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: MAX_IDLE_MS }
    this.#agent = resting(isSecure ? new HttpsAgent(options) : new HttpAgent(options))
    this.#request = isSecure ? httpsRequest : httpRequest
    this.#address = {
      host: this.#url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(this.#url.port || (isSecure ? 443 : 80)),
    }
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
      const socket = connect({ ...this.#address, timeout: MAX_CONNECT_MS })
      const end = (isListening: boolean) => () => {
        socket.destroy()
        resolve(isListening)
      }
      socket.on('connect', end(true)).on('timeout', end(false)).on('error', end(false))
    })
  }

  async close(): Promise<void> {
    this.#calls.close()
    this.#agent.destroy()
  }

  #send(request: AppRequest, ending: Ending<AppResponse>): () => void {
    const { method } = request
    const path = this.#basePath + pathOf(request)
    const { host, port } = this.#address // the only place that is ever connected to, whatever the path says
    const headers = this.#headersOf(request)
    const sent = this.#request({
      host,
      port,
      agent: this.#agent,
      method,
      path,
      headers,
      maxHeaderSize: MAX_HEADER_SIZE,
    })
    hear(sent, maxSizeOf(request), ending)
    sent.end(request.body)
    return () => sent.destroy()
  }

  /** Names and values by turns: node takes a list as it is, and that is faster than one by one. */
  #headersOf({ headers, body }: AppRequest): string[] {
    const list = ['host', this.#url.host]
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
    this.#calls = callsFor(maxConcurrency)
    this.#app = app
    this.#token = token
  }

  call(request: AppRequest): Promise<AppResponse> {
    return this.#calls.run((ending) => {
      request.onBegin?.()
      const stop = new AbortController()
      this.#answer(request, stop.signal).then(
        (answer) => ending.succeed(answer),
        (error: unknown) => ending.fail(error),
      )
      return (reason) => stop.abort(reason)
    }, request.signal)
  }

  isListening(): Promise<boolean> {
    return Promise.resolve(true)
  }

  async close(): Promise<void> {
    this.#calls.close()
  }

  async #answer(request: AppRequest, signal: AbortSignal): Promise<AppResponse> {
    const { method, body } = request
    const init = { method, headers: request.headers, body: bodyInit(body), signal }
    const asked = new Request(`http://app${pathOf(request)}`, init)
    for (const name of OURS) asked.headers.delete(name)
    if (this.#token !== undefined) asked.headers.set(TOKEN_HEADER, this.#token)
    const response = await this.#app(asked)
    if (!Number.isInteger(response?.status)) throw new TypeError('The app answered with something that is no Response')
    const { bytes, isCut } = await readStream(response.body, maxSizeOf(request), signal)
    return answerOf(response.status, bytes, isCut)
  }
}

function callsFor(maxConcurrency: number): Calls {
  checkOne(maxConcurrency, orInfinity(COUNT), 'maxConcurrency')
  return new Calls(maxConcurrency)
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

/** Waits for the answer to a request. */
function hear(sent: ClientRequest, maxSize: number, ending: Ending<AppResponse>): void {
  let answer: IncomingMessage | undefined
  let interimCount = 0
  sent.on('socket', (socket) => void socket.off('data', destroyThis))
  sent.on('information', () => {
    if (++interimCount > MAX_INTERIM) sent.destroy(new Error(`The app sent more than ${MAX_INTERIM} interim answers`))
  })
  sent.on('response', (response) => {
    answer = response
    read(response, maxSize, ending)
  })
  // What an app sends after its answer breaks the connection, not the call.
  sent.on('error', (error) => {
    if (answer?.complete !== true) ending.fail(error)
  })
  sent.on('close', () => {
    if (answer === undefined) ending.fail(new Error('The app closed the connection without an answer'))
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

/**
 * Lets a connection rest for one turn of the event loop after each answer,
 * before the next request goes out on it. Some apps close the connection after
 * their answer and do not say so beforehand; after a turn that is known. Without
 * it every second call of such an app fails. It costs no time, only a second
 * connection. What comes in meanwhile was asked for by nobody: an app that says
 * more than its answer would have it taken for the next one.
 */
function resting(agent: HttpAgent): HttpAgent {
  for (const takeBack of agent.listeners('free')) {
    agent.removeAllListeners('free').on('free', (socket: Socket, ...facts: unknown[]) => {
      socket.on('data', destroyThis)
      nextTurn(() => Reflect.apply(takeBack, agent, [socket, ...facts]))
    })
  }
  return agent
}

function destroyThis(this: Socket): void {
  this.destroy()
}
