/**
 * The headers of a delivery: fixed ones, and the message's metadata as far as
 * it may become headers at all.
 *
 * Layer 20. Source: dapr/dapr, pkg/messaging/v1/util.go and pkg/channel/http/http_channel.go.
 */
import type { Metadata, WireEvent } from './wire.ts'

export const EVENT_TYPE = 'application/cloudevents+json'
export const BATCH_TYPE = 'application/json'

/** What daprd sends when the publisher had no trace context. */
const NO_TRACE = '00-00000000000000000000000000000000-0000000000000000-00'

/** What metadata may become; servers take 16 KiB of headers or less. */
const MAX_HEADERS = 64
const MAX_SIZE = 8 * 1024

/** Set by us, by the connection, or by nobody. */
const RESERVED: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'dapr-api-token',
  'destination-app-id',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'pubsubname',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** A header's name (RFC 9110, token). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** What a header's value can hold as it is, and what not. */
const PRINTABLE = /^[\t\x20-\x7e]*$/
const NOT_PRINTABLE = /[^\t\x20-\x7e]/gu
const LONE_SURROGATE = /\p{Cs}/gu

/** @param contentType of the whole request */
export function headersOf(pubsubname: string, contentType: string, wire: WireEvent): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': contentType, pubsubname: printable(pubsubname) }
  const trace = traceHeader(wire.traceparent)
  if (trace !== undefined) headers.traceparent = trace
  if (wire.metadata.size > 0) addMetadata(headers, wire.metadata)
  return headers
}

function traceHeader(traceparent: string | undefined): string | undefined {
  return traceparent === '' ? NO_TRACE : traceparent
}

/** What no app would take would make the message undeliverable for ever, so it stays behind. */
function addMetadata(headers: Record<string, string>, metadata: Metadata): void {
  let count = 0
  let size = 0
  for (const [key, value] of metadata) {
    const name = headerName(key)
    if (name === undefined || Object.hasOwn(headers, name)) continue
    const text = printable(value)
    if (size + name.length + text.length > MAX_SIZE) continue
    if (++count > MAX_HEADERS) return
    size += name.length + text.length
    headers[name] = text
  }
}

function headerName(key: string): string | undefined {
  const name = key.toLowerCase()
  if (RESERVED.has(name) || name.endsWith('-bin') || !TOKEN.test(name)) return undefined
  return name.startsWith('grpc-') ? `dapr-${name}` : name
}

function printable(value: string): string {
  if (PRINTABLE.test(value)) return value
  return value.replace(LONE_SURROGATE, '\ufffd').replace(NOT_PRINTABLE, encodeURIComponent)
}
