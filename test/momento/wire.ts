/**
 * Plain clients for the server's tests: gRPC by hand over `node:http2`, and
 * bytes over a socket. They know only what is on the wire.
 */
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { bytesField, type FieldValue, message, numberField, readFields, textField } from '../../src/momento/protobuf.ts'

export const PUBLISH = '/cache_client.pubsub.Pubsub/Publish'
export const SUBSCRIBE = '/cache_client.pubsub.Pubsub/Subscribe'
export const CREATE_CACHE = '/control_client.ScsControl/CreateCache'
export const DELETE_CACHE = '/control_client.ScsControl/DeleteCache'
export const LIST_CACHES = '/control_client.ScsControl/ListCaches'

export function publishRequest(cache: string, topic: string, value: string | Uint8Array): Uint8Array {
  const kind = typeof value === 'string' ? bytesField(1, Buffer.from(value)) : bytesField(2, value)
  return message(textField(1, cache), textField(2, topic), bytesField(3, kind))
}

export function subscribeRequest(cache: string, topic: string, resumeAt: number = 0, page: number = 0): Uint8Array {
  return message(textField(1, cache), textField(2, topic), numberField(3, resumeAt), numberField(4, page))
}

export const cacheRequest = (name: string): Uint8Array => textField(1, name)

/** What a stream of a subscription says, one message. */
export type Told =
  | { readonly kind: 'item'; sequence: number; page: number; value: string | Uint8Array; publisherId: string }
  | { readonly kind: 'discontinuity'; last: number; next: number; page: number }
  | { readonly kind: 'heartbeat' }

export function told(bytes: Uint8Array): Told {
  const [[field, content] = [0, 0]] = fieldsOf(bytes)
  const inner = new Map(fieldsOf(bytesIn(content)))
  const number = (key: number): number => Number(inner.get(key) ?? 0)
  if (field === 3) return { kind: 'heartbeat' }
  if (field === 2) return { kind: 'discontinuity', last: number(1), next: number(2), page: number(3) }
  const [[kind, value] = [0, 0]] = fieldsOf(bytesIn(inner.get(2) ?? 0))
  return {
    kind: 'item',
    sequence: number(1),
    page: number(4),
    value: kind === 1 ? text(value) : new Uint8Array(bytesIn(value)),
    publisherId: text(inner.get(3) ?? new Uint8Array()),
  }
}

export function fieldsOf(bytes: Uint8Array): readonly (readonly [number, FieldValue])[] {
  const fields: (readonly [number, FieldValue])[] = []
  readFields(bytes, (field, value) => fields.push([field, value]))
  return fields
}

function bytesIn(value: FieldValue): Uint8Array {
  if (typeof value === 'number') throw new Error(`${value} is no bytes`)
  return value
}

export const text = (value: FieldValue): string => Buffer.from(bytesIn(value)).toString()

export function framed(content: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(content.length, 1)
  return Buffer.concat([prefix, content])
}

/** How a call ended. */
export interface Outcome {
  readonly httpStatus: number | undefined
  /** -1 when there was none: the stream was reset, or the connection broke off. */
  readonly status: number
  readonly details: string
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly messages: readonly Uint8Array[]
}

/** One call, whose messages are taken one by one. */
export class WireCall {
  readonly stream: ClientHttp2Stream
  readonly messages: Uint8Array[] = []
  readonly ended: Promise<Outcome>
  #taken = 0
  #wake: (() => void) | undefined

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    this.ended = this.#watch()
  }

  async #watch(): Promise<Outcome> {
    let rest = Buffer.alloc(0)
    let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {}
    let trailers: IncomingHttpHeaders = {}
    this.stream.on('error', () => {})
    this.stream.on('response', (received) => (headers = received))
    this.stream.on('trailers', (received: IncomingHttpHeaders) => (trailers = received))
    this.stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1)
        this.messages.push(rest.subarray(5, end))
        rest = rest.subarray(end)
      }
      this.#wake?.()
    })
    await new Promise((resolve) => this.stream.on('close', resolve))
    this.#wake?.()
    const last = 'grpc-status' in trailers ? trailers : headers
    return {
      httpStatus: headers[':status'],
      status: Number(last['grpc-status'] ?? -1),
      details: decodeURIComponent(String(last['grpc-message'] ?? '')),
      headers,
      trailers,
      messages: this.messages,
    }
  }

  /** The next message that is not taken yet; undefined when the call has ended. */
  async next(): Promise<Told | undefined> {
    while (this.#taken >= this.messages.length) {
      if (this.stream.closed) return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return told(this.messages[this.#taken++] as Uint8Array)
  }

  /** The same, passing over heartbeats. */
  async nextButHeartbeats(): Promise<Told | undefined> {
    for (;;) {
      const next = await this.next()
      if (next?.kind !== 'heartbeat') return next
    }
  }

  cancel(): void {
    this.stream.close(constants.NGHTTP2_CANCEL)
  }
}

/** A client on one connection. */
export class WireClient {
  readonly session: ClientHttp2Session

  constructor(port: number, { origin = `http://127.0.0.1:${port}`, ...options }: ClientOptions = {}) {
    this.session = connect(origin, options)
    this.session.on('error', () => {})
  }

  call(path: string, content: Uint8Array, headers: OutgoingHttpHeaders = {}): WireCall {
    return this.raw(path, framed(content), headers)
  }

  /** A call whose body is not made into a frame. */
  raw(path: string, body: Uint8Array, headers: OutgoingHttpHeaders = {}): WireCall {
    const call = this.open(path, headers)
    call.stream.end(body)
    return call
  }

  /** A call whose body is still to come. */
  open(path: string, headers: OutgoingHttpHeaders = {}): WireCall {
    const common = { ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc' }
    return new WireCall(this.session.request({ ...common, ...headers }))
  }

  publish(cache: string, topic: string, value: string | Uint8Array, headers?: OutgoingHttpHeaders): Promise<Outcome> {
    return this.call(PUBLISH, publishRequest(cache, topic, value), headers).ended
  }

  /** Resolves when the server has sent the first message. */
  async subscribe(cache: string, topic: string, resumeAt: number = 0, page: number = 0): Promise<WireCall> {
    const call = this.call(SUBSCRIBE, subscribeRequest(cache, topic, resumeAt, page))
    while (call.messages.length === 0 && !call.stream.closed) await once(call.stream, 'data')
    return call
  }

  close(): void {
    this.session.destroy()
  }
}

type ClientOptions = SecureClientSessionOptions & { readonly origin?: string }

/** Sends text over a socket and gives all that comes back until the server closes it. */
export async function exchangeText(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = await socketTo(port)
  const received: Buffer[] = []
  socket.on('data', (chunk) => received.push(chunk))
  for (const piece of pieces) socket.write(piece, 'latin1')
  if (!socket.closed) await once(socket, 'close')
  return Buffer.concat(received).toString('latin1')
}

export async function socketTo(port: number): Promise<Socket> {
  const socket = connectSocket(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}
