/**
 * Events as JSON text: one event (structured mode) or a list (batch). Every
 * event is checked on its way out and on its way in, and what comes in is
 * frozen but for its data. A member that occurs twice counts where it is last,
 * as in `JSON.parse`.
 *
 * Layer 4. Source: CloudEvents 1.0.2, "JSON Event Format".
 */
import { BusbarError, quote } from '../errors.ts'
import { checkAttribute, own, printAttribute, printStamps, refuse, type WireEvent } from './cloudevent.ts'

/** Text, or its bytes in UTF-8; a byte order mark is skipped. */
export type TextOrBytes = string | Uint8Array | ArrayBuffer

const REQUIRED = ['specversion', 'id', 'source', 'type'] as const

/** What a broker stamps on every event, in its order. */
const STAMPED = [...REQUIRED, 'time'] as const

/**
 * The event as a JSON object. Bytes (`Uint8Array`, other views, `ArrayBuffer`)
 * become `data_base64`; without `datacontenttype`, or with a JSON one, other
 * data is written as JSON; with any other it has to be a string.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 * @example
 * toJSON({ specversion: '1.0', id: '1', source: '/shop', type: 'order.placed', data: { total: 3 } })
 * // '{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","data":{"total":3}}'
 */
export function toJSON(event: WireEvent): string {
  const names = Object.keys(event ?? {})
  const isStamped = STAMPED.every((name, i) => names[i] === name)
  let text = isStamped ? printStamps(event) : ''
  if (text === '') needRequired(event)
  for (let i = text === '' ? 0 : STAMPED.length; i < names.length; i++) {
    const name = names[i] as string // they are as many
    const value = event[name]
    if (name === 'data' || value === undefined) continue
    text += `${text === '' ? '{' : ','}"${name}":${printAttribute(name, value)}`
  }
  return `${text}${dataMember(own(event, 'data'), own(event, 'datacontenttype'))}}`
}

/** The events as a JSON array; it may be empty. @throws {BusbarError} `ERR_EVENT_INVALID` */
export function batchToJSON(events: Iterable<WireEvent>): string {
  return `[${each(events, toJSON).join(',')}]`
}

/**
 * One event from a JSON object. Members that are `null` count as absent, but
 * for `data`; `data_base64` becomes a `Uint8Array` in `data`; members that
 * CloudEvents does not know are extensions.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function fromJSON(text: TextOrBytes): WireEvent {
  return fromMembers(parse(text))
}

/** The events of a JSON array. @throws {BusbarError} `ERR_EVENT_INVALID`, naming the place of the event at fault */
export function batchFromJSON(text: TextOrBytes): readonly WireEvent[] {
  const list = parse(text)
  if (!Array.isArray(list)) invalid(`${quote(list)} is not an array of events`)
  return each(list, fromMembers)
}

/**
 * One event from a JSON object that has been parsed already; the object itself
 * stays as it is.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function fromMembers(members: unknown): WireEvent {
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    invalid(`${quote(members)} is not an object`)
  }
  // A copy by definition and not by assignment: a member called __proto__ is a name to refuse, nothing more.
  const event: Record<string, unknown> = { ...members }
  for (const name of Object.keys(event)) {
    if (event[name] === undefined || (event[name] === null && name !== 'data')) delete event[name]
  }
  if (!Object.hasOwn(event, 'data_base64')) return seal(event)
  const { data_base64: base64, ...rest } = event
  if (Object.hasOwn(event, 'data')) refuse('data_base64', base64, 'stands beside data')
  return seal({ ...rest, data: fromBase64(base64) })
}

/** Checks an event that has been put together here, and freezes it. @throws {BusbarError} `ERR_EVENT_INVALID` */
function seal(event: Record<string, unknown>): WireEvent {
  checkEvent(event)
  const data = own(event, 'data')
  if (Object.hasOwn(event, 'data') && typeof data !== 'string' && bytesOf(data) === undefined) {
    needJSON(own(event, 'datacontenttype'), data)
  }
  return Object.freeze(event) as WireEvent // checkEvent has looked at every property
}

/**
 * Whether data of this content type is JSON; without a content type it is
 * (JSON Event Format 3.1.1).
 */
export function isJSON(datacontenttype: unknown): boolean {
  return datacontenttype === undefined || /^[^;]*[/+]json[ \t]*(?:;|$)/i.test(String(datacontenttype))
}

/** The bytes of binary data without a copy; undefined when the data is something else. */
export function bytesOf(data: unknown): Uint8Array | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  if (ArrayBuffer.isView(data))
    return isBytes(data) ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  // By tag and not by instanceof: test runners and frames have an ArrayBuffer of their own.
  return Object.prototype.toString.call(data) === '[object ArrayBuffer]'
    ? new Uint8Array(data as ArrayBuffer)
    : undefined
}

/** Data as JSON text. @throws {BusbarError} `ERR_EVENT_INVALID` for cycles, functions, bigints and endless depth */
export function stringify(data: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    invalid('data cannot be written as JSON', 'data', cause)
  }
  return text ?? refuse('data', data, 'cannot be written as JSON')
}

/** The value of a JSON text. @throws {BusbarError} `ERR_EVENT_INVALID` when it is not UTF-8 or not JSON */
export function parse(text: TextOrBytes, attribute?: string): unknown {
  try {
    return JSON.parse(textOf(text))
  } catch (cause) {
    invalid(`${attribute ?? 'text'} is not JSON in UTF-8`, attribute, cause)
  }
}

/** Text as it is but for a byte order mark, bytes decoded. @throws {TypeError} when they are not UTF-8 */
function textOf(text: TextOrBytes): string {
  if (typeof text === 'string') return text.startsWith('\uFEFF') ? text.slice(1) : text
  return new TextDecoder('utf-8', { fatal: true }).decode(text)
}

/** @throws {BusbarError} `ERR_EVENT_INVALID`, always */
export function invalid(why: string, attribute?: string, cause?: unknown): never {
  throw new BusbarError('ERR_EVENT_INVALID', `Invalid event: ${why}`, {
    ...(attribute !== undefined && { attribute }),
    cause,
  })
}

/** @throws {BusbarError} `ERR_EVENT_INVALID` when data that is neither text nor bytes has no JSON content type */
function needJSON(datacontenttype: unknown, data: unknown): void {
  if (!isJSON(datacontenttype)) refuse('data', data, `is neither text nor bytes, as ${quote(datacontenttype)} needs`)
}

/**
 * Every own property against its rule; `undefined` is absent.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function checkEvent(event: Readonly<Record<string, unknown>>): void {
  needRequired(event)
  for (const name of Object.keys(event)) {
    const value = event[name]
    if (name === 'data' || value === undefined) continue
    checkAttribute(name, value)
  }
}

/** First, so that text which is no event at all is told so, and not that its members have bad names. */
function needRequired(event: Readonly<Record<string, unknown>>): void {
  if (typeof event !== 'object' || event === null) invalid(`${quote(event)} is not an object`)
  for (const name of REQUIRED) {
    if (own(event, name) === undefined) refuse(name, undefined, 'is missing')
  }
}

/** Data as the member that follows the attributes; '' when there is none. @throws {BusbarError} as `toJSON` does */
export function dataMember(data: unknown, datacontenttype: unknown): string {
  if (data === undefined) return ''
  const bytes = bytesOf(data)
  if (bytes !== undefined) return `,"data_base64":"${toBase64(bytes)}"`
  if (typeof data !== 'string') needJSON(datacontenttype, data)
  return `,"data":${stringify(data)}`
}

/** Like map, but the error of an element says which one it was. */
function each<From, To>(list: Iterable<From>, convert: (element: From) => To): To[] {
  // Array.from takes anything else for an empty list: one event, say.
  if (!isIterable(list)) invalid(`${quote(list)} is not a list of events`)
  return Array.from(list, (element, index) => {
    try {
      return convert(element)
    } catch (cause) {
      if (!(cause instanceof BusbarError)) throw cause
      return invalid(`at ${index} of the batch: ${cause.message}`, cause.attribute, cause)
    }
  })
}

/** Whether it is an object, not a text, that can be gone through. */
export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function isBytes(view: ArrayBufferView): view is Uint8Array {
  return Object.prototype.toString.call(view) === '[object Uint8Array]'
}

/** btoa takes a string with one character a byte; more arguments than this overflow the stack. */
const CHUNK = 8192

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  }
  return btoa(text)
}

/** RFC 4648 section 4, to the letter: atob alone would let blanks and missing padding pass. */
function fromBase64(base64: unknown): Uint8Array {
  if (typeof base64 !== 'string' || base64.length % 4 !== 0 || /[^A-Za-z\d+/]/.test(base64.replace(/={1,2}$/, ''))) {
    refuse('data_base64', base64, 'is not base64')
  }
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}
