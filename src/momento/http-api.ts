/**
 * Momento's HTTP API for topics: publish with POST, wait for messages with GET.
 *
 *   /topics/{cacheName}/{topicName}[?sequence_number=&sequence_page=][&token=]
 *
 * Layer 30. Source: Momento, HTTP API for topics.
 */
import type { Clock } from '../time/clock.ts'
import type { Access, Grant } from './access.ts'
import type { BodyReader } from './body.ts'
import type { Exchange, Headers } from './exchange.ts'
import type { Faults, Verdict } from './faults.ts'
import type { TopicValue } from './feed.ts'
import { pause } from './pause.ts'
import { Poll, type PollResult } from './poll.ts'
import { textOf } from './protobuf.ts'
import { StatusError, statusErrorOf } from './status.ts'
import { noSuchCache, serverClosing, type TopicAccess } from './topic-access.ts'

export interface HttpApiSettings {
  readonly topics: TopicAccess
  readonly access: Access
  readonly faults: Faults
  readonly bodies: BodyReader
  readonly maxRequestBytes: number
  readonly clock: Clock
  /** How long a poll waits for a first message, in ms. */
  readonly pollMs: number
  /** Told of failures that are nobody's fault but ours. */
  readonly report: (error: unknown) => void
}

/** What a request is about. */
interface Request {
  readonly cacheName: string
  readonly topic: string
  readonly query: URLSearchParams
}

const SAFE: Headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

export class HttpApi {
  readonly #settings: HttpApiSettings
  readonly #polls = new Set<Poll>()

  constructor(settings: HttpApiSettings) {
    this.#settings = settings
  }

  /** Answers a request, whatever it is. @param headers of the answer, beside its own */
  async handle(exchange: Exchange, headers: Headers): Promise<void> {
    try {
      const request = requestOf(exchange.target)
      const { method } = exchange
      if (method === 'POST') await this.#publish(exchange, request, headers)
      else if (method === 'GET') await this.#poll(exchange, request, headers)
      else
        refuse(exchange, new StatusError('UNIMPLEMENTED', 'Publish with POST, poll with GET', 405), {
          ...headers,
          allow: 'GET, POST',
        })
    } catch (error) {
      refuse(exchange, statusErrorOf(error, this.#settings.report), headers)
    }
  }

  /** Answers all that wait. */
  endPolls(): void {
    for (const poll of this.#polls) poll.end('closed')
  }

  async #publish(exchange: Exchange, request: Request, headers: Headers): Promise<void> {
    const { bodies, faults, maxRequestBytes, topics } = this.#settings
    const grant = this.#grant(exchange, request)
    const body = await bodies.read(exchange, maxRequestBytes)
    const value = valueIn(exchange, body)
    await this.#suffer(faults.next('topic-publish', exchange.headers), exchange)
    if (exchange.isClosed) return
    await topics.publish(grant, { ...request, value })
    exchange.reply(204, { ...SAFE, ...headers })
  }

  async #poll(exchange: Exchange, request: Request, headers: Headers): Promise<void> {
    const { faults } = this.#settings
    const grant = this.#grant(exchange, request)
    const resumeAt = numberIn(request.query, 'sequence_number')
    const page = numberIn(request.query, 'sequence_page')
    await this.#suffer(faults.next('topic-subscribe', exchange.headers), exchange)
    const result = await this.#wait(exchange, grant, { ...request, resumeAt, page })
    if ('reason' in result) {
      throw result.reason === 'deleted' ? noSuchCache(request.cacheName) : serverClosing()
    }
    reply(exchange, 200, { headers, content: result })
  }

  /** Resolves at the end of a poll; when the client goes away, with what is there. */
  #wait(exchange: Exchange, grant: Grant, request: Request & { resumeAt: number; page: number }): Promise<PollResult> {
    const { clock, pollMs, topics } = this.#settings
    return new Promise((resolve, reject) => {
      let unsubscribe: (() => void) | undefined
      const poll = new Poll(clock, pollMs, (result) => {
        this.#polls.delete(poll)
        unsubscribe?.()
        resolve(result)
      })
      this.#polls.add(poll)
      try {
        unsubscribe = topics.subscribe(grant, request, poll)
      } catch (error) {
        reject(error)
        poll.cancel()
      }
      if (poll.isOver) unsubscribe?.() // it ended before there was anything to end
      exchange.onClose(() => poll.cancel())
    })
  }

  /** @throws {StatusError} */
  #grant(exchange: Exchange, { query }: Request): Grant {
    const header = exchange.headers.authorization
    const tokens = query.getAll('token')
    if (tokens.length + (header === undefined ? 0 : 1) > 1) {
      throw new StatusError('INVALID_ARGUMENT', 'The token has to be in the Authorization header or in the query, once')
    }
    return this.#settings.access.grant(header ?? tokens[0] ?? '')
  }

  /** @throws {StatusError} the one that was asked for */
  async #suffer({ delayMs, error }: Verdict, exchange: Exchange): Promise<void> {
    await pause(this.#settings.clock, delayMs, (callback) => exchange.onClose(callback))
    if (error !== undefined) throw error
  }
}

/** @throws {StatusError} NOT_FOUND for other paths */
function requestOf(target: string): Request {
  const [path = '', ...query] = target.split('?')
  const [, cacheName = '', topic = ''] = /^\/topics\/([^/]+)\/([^/]+)$/.exec(path) ?? []
  if (topic === '') throw new StatusError('NOT_FOUND', 'There is only /topics/{cacheName}/{topicName}')
  return { cacheName: decoded(cacheName), topic: decoded(topic), query: new URLSearchParams(query.join('?')) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new StatusError('INVALID_ARGUMENT', 'The path is not percent-encoded UTF-8')
  }
}

/** A 64-bit number of the query, 0 when it is not there; one that is too big for us is beyond every topic. @throws {StatusError} */
function numberIn(query: URLSearchParams, name: string): number {
  const [text = '0', second] = query.getAll(name)
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n || second !== undefined) {
    throw new StatusError('INVALID_ARGUMENT', `${name} has to be one whole number of at least 0, of 64 bits`)
  }
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
}

/** `application/octet-stream` is bytes; everything else is text, since clients often do not say. @throws {StatusError} */
function valueIn({ headers }: Exchange, body: Buffer): TopicValue {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new StatusError('INVALID_ARGUMENT', 'The body must not be compressed', 415)
  const contentType = (headers['content-type'] ?? '').toLowerCase()
  if (/^\s*application\/octet-stream\s*(;|$)/.test(contentType)) return new Uint8Array(body)
  const [, charset = 'utf-8'] = /;\s*charset="?([^";\s]*)/.exec(contentType) ?? []
  if (!/^(utf-8|us-ascii)$/.test(charset)) throw new StatusError('INVALID_ARGUMENT', 'Text has to be UTF-8', 415)
  return textOf(body)
}

function reply(exchange: Exchange, status: number, { headers, content }: { headers: Headers; content: object }): void {
  exchange.reply(status, { 'content-type': 'application/json', ...SAFE, ...headers }, JSON.stringify(content))
}

/** Answers with an error, in the form that the API's users know. */
export function refuse(exchange: Exchange, { status, message, httpStatus }: StatusError, headers: Headers): void {
  const title = status.toLowerCase().replaceAll('_', ' ')
  reply(exchange, httpStatus, { headers, content: { status: httpStatus, title, detail: message } })
}
