/**
 * gRPC and gRPC-web as bytes: which of them a request speaks, messages in their
 * frames, statuses in trailers, timeouts. Nothing here waits or sends.
 *
 *   frame     | 0 or 1: compressed, 0x80: trailers | length, 4 bytes | message |
 *
 * Layer 29. Source: grpc/grpc, PROTOCOL-HTTP2.md and PROTOCOL-WEB.md.
 */
import { STATUS, StatusError, type StatusName } from './status.ts'

/** gRPC itself; gRPC-web, with the trailers in the body; the same in base64. */
export type Flavour = 'grpc' | 'web' | 'webText'

const FLAVOURS: readonly (readonly [contentType: string, Flavour])[] = [
  ['application/grpc', 'grpc'],
  ['application/grpc-web', 'web'],
  ['application/grpc-web-text', 'webText'],
]

/** @returns undefined when it is none, or carries something else than protobuf */
export function flavourOf(contentType = ''): Flavour | undefined {
  const [type = ''] = contentType.toLowerCase().split(';')
  const bare = type.trim().replace(/\+proto$/, '')
  return FLAVOURS.find(([known]) => known === bare)?.[1]
}

/** How an answer calls itself. */
export function contentTypeOf(flavour: Flavour): string {
  return `${FLAVOURS.find(([, known]) => known === flavour)?.[0]}+proto`
}

const PREFIX_BYTES = 5
const TRAILERS = 0x80

/** A message in its frame. */
export function frame(flavour: Flavour, message: Uint8Array): Uint8Array | string {
  return encoded(flavour, framed(0, message))
}

/** The last frame of a gRPC-web answer. */
export function trailerFrame(flavour: Flavour, trailers: Readonly<Record<string, string>>): Uint8Array | string {
  const lines = Object.entries(trailers).map(([name, value]) => `${name}:${value}\r\n`)
  return encoded(flavour, framed(TRAILERS, Buffer.from(lines.join(''))))
}

function framed(flags: number, content: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + content.length)
  bytes.writeUInt8(flags, 0)
  bytes.writeUInt32BE(content.length, 1)
  bytes.set(content, PREFIX_BYTES)
  return bytes
}

/** In text each frame is a piece of base64 of its own. */
function encoded(flavour: Flavour, bytes: Buffer): Uint8Array | string {
  return flavour === 'webText' ? bytes.toString('base64') : bytes
}

/** The most bytes that a request with a message of `maxBytes` has. */
export function maxBodyBytes(flavour: Flavour, maxBytes: number): number {
  const bytes = PREFIX_BYTES + maxBytes
  return flavour === 'webText' ? Math.ceil(bytes / 3) * 4 : bytes
}

/**
 * The one message of a request.
 *
 * @throws {StatusError} UNIMPLEMENTED when it is compressed; INTERNAL when there is not exactly one
 */
export function messageIn(flavour: Flavour, body: Buffer): Uint8Array {
  const bytes = flavour === 'webText' ? decoded(body) : body
  if (bytes.length < PREFIX_BYTES) throw malformed('there is no whole message in it')
  const flags = bytes.readUInt8(0)
  if (flags === 1) throw new StatusError('UNIMPLEMENTED', 'Compressed messages are not supported')
  if (flags !== 0) throw malformed(`its frame has the unknown flags ${flags}`)
  const end = PREFIX_BYTES + bytes.readUInt32BE(1)
  if (end > bytes.length) throw malformed('it ends inside its message')
  if (end < bytes.length) throw malformed('there is more than one message in it')
  return bytes.subarray(PREFIX_BYTES)
}

/** Base64 in any number of pieces, each padded for itself. */
function decoded(body: Buffer): Buffer {
  const text = body.toString('latin1')
  const pieces = text.match(/[A-Za-z0-9+/]+={0,2}/g) ?? []
  const isWhole = pieces.join('').length === text.length && pieces.every((piece) => piece.length % 4 === 0)
  if (!isWhole) throw malformed('it is not base64')
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64')))
}

function malformed(why: string): StatusError {
  return new StatusError('INTERNAL', `Malformed request: ${why}`, 400)
}

/** How a call ended, as trailers. */
export function trailersOf(status: StatusName, details: string): Record<string, string> {
  const trailers = { 'grpc-status': String(STATUS[status]) }
  return details === '' ? trailers : { ...trailers, 'grpc-message': percentEncoded(details) }
}

/** Everything but printable ASCII, and the percent sign, as %XX of its UTF-8 bytes. */
function percentEncoded(text: string): string {
  return text.replace(/[^ -$&-~]+/g, (match) =>
    Array.from(Buffer.from(match), (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  )
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/**
 * `grpc-timeout` in ms; `Infinity` when there is none.
 *
 * @throws {StatusError} INTERNAL when it is no timeout
 */
export function timeoutMs(text: string | undefined): number {
  if (text === undefined) return Infinity
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  if (digits === undefined) throw malformed('its grpc-timeout is no timeout')
  return Number(digits) * (UNIT_MS[unit] ?? 1)
}
