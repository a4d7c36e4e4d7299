/**
 * What a published body is, by its content type: JSON, text or bytes.
 *
 * Layer 20. Source: daprd's `contenttype` package and the data rules of its
 * envelope.
 */
import { firstValue, isTooDeep } from './json-text.ts'

/** A body that has been read. */
export type Content =
  /** `text` is the JSON as it was written. */
  | { readonly kind: 'json'; readonly text: string; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }

/** Why a body cannot be used: its charset is not UTF-8, or its JSON is broken beyond what daprd lets pass. */
export interface ContentFault {
  readonly kind: 'charset' | 'broken'
  readonly why: string
}

export const CLOUD_EVENT = 'application/cloudevents+json'
export const OCTET_STREAM = 'application/octet-stream'

/** Whether a content type is this media type: in any case, up to a `;`, and without a blank before it. */
export function isMediaType(contentType: string, mediaType: string): boolean {
  if (contentType === mediaType) return true
  const lower = contentType.toLowerCase()
  return lower === mediaType || lower.startsWith(`${mediaType};`)
}

/**
 * A plain body. JSON that does not parse is text, also when it is empty.
 * Bytes that are not UTF-8 lose what they are when the content type says text.
 */
export function contentOf(contentType: string, body: string | Uint8Array): Content | ContentFault {
  if (isMediaType(contentType, 'application/json')) {
    const json = jsonText(contentType, body)
    if (typeof json !== 'string') return json
    const read = firstValue(json)
    return 'fault' in read ? { kind: 'text', text: json } : { kind: 'json', text: read.text, value: read.value }
  }
  return isBinary(contentType, body) ? { kind: 'bytes', bytes: bytesOf(body) } : { kind: 'text', text: textOf(body) }
}

/** A body whose content type promises JSON, as text that is fit to be parsed. */
export function jsonText(contentType: string, body: string | Uint8Array): string | ContentFault {
  const charset = charsetOf(contentType)
  if (!/^(?:utf-?8|us-ascii)$/i.test(charset)) return { kind: 'charset', why: `charset ${charset} is not supported` }
  const text = textOf(body)
  if (typeof body !== 'string' && text.includes('\ufffd') && !isUtf8(body)) {
    return { kind: 'broken', why: 'invalid UTF-8' }
  }
  if (isTooDeep(text)) return { kind: 'broken', why: 'exceeded max depth' }
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

function charsetOf(contentType: string): string {
  if (!contentType.includes(';')) return 'utf-8'
  return /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1] ?? 'utf-8'
}

/** The bytes as they are, without the methods of a `Buffer`. */
export function bytesOf(body: string | Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = typeof body === 'string' ? Buffer.from(body) : body
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** UTF-8; what is none becomes U+FFFD. */
export function textOf(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : bufferOf(body).toString()
}

/** RFC 4648 section 4. */
export function toBase64(body: string | Uint8Array): string {
  return (typeof body === 'string' ? Buffer.from(body) : bufferOf(body)).toString('base64')
}

/** RFC 4648 section 4 with its padding; line ends between are let pass. @returns the position of the fault when it is none */
export function fromBase64(text: string): Uint8Array | number {
  const base64 = text.replace(/[\r\n]+/g, '')
  const wrong = /[^A-Za-z\d+/=]|=(?!=?$)/.exec(base64)
  if (wrong !== null) return wrong.index
  return base64.length % 4 === 0 ? bytesOf(Buffer.from(base64, 'base64')) : base64.length
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function isBinary(contentType: string, body: string | Uint8Array): boolean {
  return (
    isMediaType(contentType, OCTET_STREAM) ||
    isMediaType(contentType, 'application/cloudevents+protobuf') ||
    (isMediaType(contentType, 'application/x-protobuf') && isProtobuf(bytesOf(body)))
  )
}

/** Whether bytes are well-formed fields one after the other, which is all that a message of unknown fields has to be. */
function isProtobuf(bytes: Uint8Array): boolean {
  let at = 0
  while (at < bytes.length) {
    const tag = varint(bytes, at)
    if (tag === undefined || tag.value < 8) return false
    const end = endOfField(bytes, tag.end, tag.value % 8)
    if (end === undefined || end > bytes.length) return false
    at = end
  }
  return true
}

/** By wire type: varint, 64 bits, length-delimited, 32 bits. Groups are not used any more. */
function endOfField(bytes: Uint8Array, at: number, wireType: number): number | undefined {
  if (wireType === 1) return at + 8
  if (wireType === 5) return at + 4
  if (wireType !== 0 && wireType !== 2) return undefined
  const number = varint(bytes, at)
  return number && (wireType === 0 ? number.end : number.end + number.value)
}

function varint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0
  for (let at = start; at < bytes.length && at < start + 10; at++) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * (at - start))
    if (byte < 0x80) return { value, end: at + 1 }
  }
  return undefined
}
