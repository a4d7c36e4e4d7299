/**
 * Events as HTTP messages, requests and responses alike, in the three content
 * modes. Headers and bodies are plain data: sending and receiving them is for
 * others.
 *
 * Layer 5. Source: CloudEvents 1.0.2, "HTTP Protocol Binding".
 */
import { BusbarError, quote } from '../errors.ts'
import { refuse, type WireEvent } from './cloudevent.ts'
import {
  batchFromJSON,
  batchToJSON,
  bytesOf,
  checkEvent,
  fromJSON,
  invalid,
  isIterable,
  isJSON,
  parse,
  stringify,
  type TextOrBytes,
  toJSON,
} from './json.ts'

/** Binary: attributes in headers, data as the body. Structured: one event as JSON. Batched: a JSON array of events. */
export type ContentMode = 'binary' | 'structured' | 'batched'

/** What to send. Names of headers are in lower case; the body is undefined when the event has no data. */
export interface HTTPMessage {
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array | undefined
}

/** `Headers`, a `Map`, a list of pairs, or an object such as `IncomingMessage.headers`; names in any case. */
export type HTTPHeaders =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** What was received. */
export interface ReceivedHTTPMessage {
  readonly headers: HTTPHeaders
  readonly body?: TextOrBytes | null | undefined
}

const STRUCTURED = 'application/cloudevents+json'
const BATCHED = 'application/cloudevents-batch+json'

/**
 * One event as headers and body.
 *
 * In binary mode every attribute becomes text, so an integer comes back as a
 * string; JSON data without a `datacontenttype` gets one, as the binding asks.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`; `ERR_OPTION_INVALID` for another mode
 * @example
 * const { headers, body } = toHTTP(event)
 * await fetch(url, { method: 'POST', headers, body })
 */
export function toHTTP(event: WireEvent, mode: 'binary' | 'structured' = 'binary'): HTTPMessage {
  if (mode === 'binary') return toBinary(event)
  if (mode === 'structured') return message(STRUCTURED, toJSON(event))
  throw new BusbarError('ERR_OPTION_INVALID', `Invalid option mode: ${quote(mode)} is not binary or structured`, {
    option: 'mode',
  })
}

/** Any number of events as one message. Send it only to who asked for batches. @throws {BusbarError} `ERR_EVENT_INVALID` */
export function batchToHTTP(events: Iterable<WireEvent>): HTTPMessage {
  return message(BATCHED, batchToJSON(events))
}

/**
 * The one event of a message in binary or structured mode. In binary mode data
 * is parsed when its content type is JSON, a string when it is text or XML, and
 * else a `Uint8Array`.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`, also for a batch
 * @example
 * const event = fromHTTP({ headers: request.headers, body: await request.arrayBuffer() })
 */
export function fromHTTP(received: ReceivedHTTPMessage): WireEvent {
  const { headers, body } = read(received)
  const mode = modeOf(headers)
  if (mode === 'batched') invalid('a batch is not one event')
  return mode === 'binary' ? fromBinary(headers, body) : fromJSON(body ?? '')
}

/** All events of a message in any mode: one, unless it is a batch. @throws {BusbarError} `ERR_EVENT_INVALID` */
export function batchFromHTTP(received: ReceivedHTTPMessage): readonly WireEvent[] {
  const { headers, body } = read(received)
  return modeOf(headers) === 'batched' ? batchFromJSON(body ?? '') : [fromHTTP(received)]
}

/**
 * How the message carries its events, or undefined when it carries none: no
 * CloudEvents media type and no header `ce-specversion`.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID` for an event format other than JSON, and for a charset other than UTF-8
 */
export function contentMode(headers: HTTPHeaders): ContentMode | undefined {
  const known = readHeaders(headers)
  const mode = modeOf(known)
  return mode === 'binary' && !known.has('ce-specversion') ? undefined : mode
}

function message(mediaType: string, body: string): HTTPMessage {
  return { headers: { 'content-type': `${mediaType}; charset=utf-8` }, body }
}

function toBinary(event: WireEvent): HTTPMessage {
  checkEvent(event)
  // Own properties only; checkEvent has looked at them.
  const { data, datacontenttype, ...attributes }: WireEvent = Object.assign(Object.create(null), event)
  const pairs = Object.entries(attributes).filter(([, value]) => value !== undefined)
  const headers = pairs.map(([name, value]) => [`ce-${name}`, encode(String(value))])
  const body = bodyOf(data, datacontenttype)
  const contentType = datacontenttype ?? (typeof body === 'string' ? 'application/json' : undefined)
  if (contentType !== undefined) headers.push(['content-type', contentType])
  return { headers: Object.fromEntries(headers), body }
}

function bodyOf(data: unknown, datacontenttype: string | undefined): HTTPMessage['body'] {
  const bytes = data === undefined ? undefined : bytesOf(data)
  if (data === undefined || bytes !== undefined) return bytes
  if (!isUTF8(datacontenttype)) refuse('datacontenttype', datacontenttype, 'needs data in bytes')
  if (isJSON(datacontenttype)) return stringify(data)
  return typeof data === 'string'
    ? data
    : refuse('data', data, `is neither text nor bytes, as ${quote(datacontenttype)} needs`)
}

function fromBinary(headers: ReadonlyMap<string, string>, body: TextOrBytes | undefined): WireEvent {
  const attributes: [string, unknown][] = []
  for (const [name, value] of headers) {
    if (!name.startsWith('ce-')) continue
    const attribute = name.slice(3)
    if (attribute === 'data' || attribute === 'datacontenttype')
      refuse(attribute, value, 'has no place in a ce- header')
    attributes.push([attribute, decode(attribute, value)])
  }
  const datacontenttype = headers.get('content-type')
  if (datacontenttype !== undefined) attributes.push(['datacontenttype', datacontenttype])
  // Attributes first: what is no event should be told so before its body is looked at.
  const event = Object.fromEntries(attributes)
  checkEvent(event)
  const data = dataOf(body, datacontenttype)
  return Object.freeze(data === undefined ? event : { ...event, data }) as WireEvent // checkEvent has looked at every attribute
}

/** Nothing is absent data where nothing says that there should be some: no content type, or JSON, which is never empty. */
function dataOf(body: TextOrBytes | undefined, contentType: string | undefined): unknown {
  const size = typeof body === 'string' ? body.length : body?.byteLength
  if (body === undefined || (size === 0 && isJSON(contentType))) return undefined
  if (contentType !== undefined && isJSON(contentType)) {
    if (!isUTF8(contentType)) refuse('datacontenttype', contentType, 'is not UTF-8')
    return parse(body, 'data')
  }
  return isText(contentType)
    ? textData(body)
    : typeof body === 'string'
      ? new TextEncoder().encode(body)
      : bytesOf(body)
}

function textData(body: TextOrBytes): string {
  try {
    return typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (cause) {
    invalid('data is not UTF-8', 'data', cause)
  }
}

/** Structured and batched mode are known by the start of the content type (HTTP Protocol Binding 3). */
function modeOf(headers: ReadonlyMap<string, string>): ContentMode {
  const contentType = headers.get('content-type') ?? ''
  const mediaType = (contentType.split(';', 1)[0] ?? '').trimEnd().toLowerCase()
  if (!mediaType.startsWith('application/cloudevents')) return 'binary'
  if (mediaType !== STRUCTURED && mediaType !== BATCHED) invalid(`${quote(mediaType)} is an unknown event format`)
  if (!isUTF8(contentType)) invalid(`${quote(contentType)} is not UTF-8`)
  return mediaType === STRUCTURED ? 'structured' : 'batched'
}

/** Whether text of this content type may be read and written as UTF-8: it names no other charset. */
function isUTF8(contentType: string | undefined): boolean {
  const charset = /;[ \t]*charset=["']?([^"';\s]*)/i.exec(contentType ?? '')?.[1]
  return charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset)
}

/** Whether data of this content type is kept as a string. */
function isText(contentType: string | undefined): boolean {
  return /^text\/|^[^;]*[/+]xml[ \t]*(;|$)/i.test(contentType ?? '') && isUTF8(contentType)
}

interface Known {
  readonly headers: ReadonlyMap<string, string>
  readonly body: TextOrBytes | undefined
}

function read(received: ReceivedHTTPMessage): Known {
  if (typeof received !== 'object' || received === null) invalid(`${quote(received)} is no message`)
  return { headers: readHeaders(received.headers), body: received.body ?? undefined }
}

/** The headers that matter, by lower-case name. A `Map`, because a header may be called `__proto__`. */
function readHeaders(headers: HTTPHeaders): ReadonlyMap<string, string> {
  const known = new Map<string, string>()
  if (typeof headers !== 'object' || headers === null) invalid(`${quote(headers)} is no set of headers`)
  const pairs = isIterable(headers) ? headers : Object.entries(headers)
  for (const [anyCase, value] of pairs) {
    const name = String(anyCase).toLowerCase()
    if (value === undefined || (name !== 'content-type' && !name.startsWith('ce-'))) continue
    if ((Array.isArray(value) && value.length !== 1) || known.has(name))
      refuse(attributeOf(name), value, 'is not the only one')
    known.set(name, trim(String(value)))
  }
  return known
}

/** Without the optional white space around a header value. */
function trim(value: string): string {
  return /^[ \t]|[ \t]$/.test(value) ? value.trim() : value
}

function attributeOf(header: string): string {
  return header === 'content-type' ? 'datacontenttype' : header.slice(3)
}

/** Space, quote, percent and whatever is not printable ASCII (HTTP Protocol Binding 3.1.3.2). */
function encode(text: string): string {
  return text.replace(/[^!#$&-~]+/g, encodeURIComponent)
}

/** RFC 7230 3.2.6, quoted-string. It matches without the closing quote too, or hostile headers would take a square of the time. */
const QUOTED = /"((?:[^"\\]|\\.)*)("?)/g

/**
 * One round of unquoting and one of percent-decoding. Senders of older versions
 * quoted what they should now encode.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID` for raw characters that no header may have, and for escapes that are not UTF-8
 */
function decode(attribute: string, value: string): string {
  if (!/[^ !#$&-~]/.test(value)) return value
  try {
    if (/[^ -~]/.test(value)) throw new URIError('not printable ASCII')
    return decodeURIComponent(value.replace(QUOTED, unquote))
  } catch (cause) {
    invalid(`header ${quote(`ce-${attribute}`)} with ${quote(value)} is not percent-encoded UTF-8`, attribute, cause)
  }
}

function unquote(_: string, quoted: string, closing: string): string {
  if (closing === '') throw new URIError('a quote without its end')
  return quoted.replace(/\\(.)/g, '$1')
}
