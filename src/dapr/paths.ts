/**
 * From a method and a request target to what is asked for. As daprd: the path
 * is cleaned while it is still percent-encoded, then each of its parameters is
 * unescaped once, by the rules of queries, so `+` is a space and `%2F` belongs
 * to the topic. There is no "method not allowed": what no route fits is
 * `unknown`.
 *
 * Layer 19. Source: daprd's router and its middlewares.
 */
import { quote } from '../errors.ts'

/** A publish, single or bulk. */
export interface PublishRoute {
  readonly kind: 'publish' | 'bulkPublish'
  readonly pubsubname: string
  /** May hold slashes; 1 to 1 024 bytes without control characters. */
  readonly topic: string
  /** What follows the `?`, still percent-encoded; '' when there is nothing. */
  readonly query: string
}

/** What a request asks for. */
export type Route =
  | PublishRoute
  /** With the app id that the caller expects, if any. */
  | { readonly kind: 'healthz'; readonly appId: string | undefined }
  | { readonly kind: 'outboundHealthz' | 'metadata' | 'shutdown' | 'unknown' }
  | { readonly kind: 'setMetadata'; readonly key: string }
  /** A parameter that cannot be read or used, and why. */
  | { readonly kind: 'malformed'; readonly why: string }

const UNKNOWN: Route = { kind: 'unknown' }

const PUBLISH = '/v1.0/publish/'
const BULK = 'bulk/'
const ALPHA_BULK = '/v1.0-alpha1/publish/bulk/'
const SET_METADATA = '/v1.0/metadata/'

/** Longer ones are refused: no broker that the sidecar stands for takes them. */
const MAX_TOPIC_BYTES = 1024

/** C0, DEL and C1. */
const CONTROL = /\p{Cc}/u

/**
 * @param method in upper case
 * @param target path and query, percent-encoded; also in absolute form
 */
export function routeOf(method: string, target: string): Route {
  const mark = target.indexOf('?')
  const path = cleanPath(mark < 0 ? target : target.slice(0, mark))
  const query = mark < 0 ? '' : target.slice(mark + 1)
  try {
    return (
      (method === 'POST' || method === 'PUT' ? publishRoute(path, query) : undefined) ??
      otherRoute(method, path, query) ??
      UNKNOWN
    )
  } catch (error) {
    if (error instanceof URIError) return { kind: 'malformed', why: error.message }
    throw error
  }
}

/** `/v1.0/publish/bulk/x` has no topic for a bulk publish: it is a single one to a component named `bulk`. */
function publishRoute(path: string, query: string): Route | undefined {
  if (path.startsWith(ALPHA_BULK)) return withTopic('bulkPublish', path.slice(ALPHA_BULK.length), query)
  if (!path.startsWith(PUBLISH)) return undefined
  const rest = path.slice(PUBLISH.length)
  const bulk = rest.startsWith(BULK) ? withTopic('bulkPublish', rest.slice(BULK.length), query) : undefined
  return bulk ?? withTopic('publish', rest, query)
}

/** @returns undefined when there is no topic */
function withTopic(kind: PublishRoute['kind'], rest: string, query: string): Route | undefined {
  const slash = rest.indexOf('/')
  if (slash < 0) return undefined
  const pubsubname = decoded('pubsubname', rest.slice(0, slash))
  const topic = decoded('topic', rest.slice(slash + 1))
  // A UTF-16 code unit takes at most three bytes.
  const isLong = topic.length * 3 > MAX_TOPIC_BYTES && Buffer.byteLength(topic) > MAX_TOPIC_BYTES
  if (isLong) return { kind: 'malformed', why: `topic ${quote(topic)} has more than ${MAX_TOPIC_BYTES} bytes` }
  if (CONTROL.test(topic)) return { kind: 'malformed', why: `topic ${quote(topic)} has a control character` }
  return { kind, pubsubname, topic, query }
}

function otherRoute(method: string, path: string, query: string): Route | undefined {
  switch (`${method} ${path}`) {
    case 'GET /v1.0/healthz':
      return { kind: 'healthz', appId: new URLSearchParams(query).get('appid') ?? undefined }
    case 'GET /v1.0/healthz/outbound':
      return { kind: 'outboundHealthz' }
    case 'GET /v1.0/metadata':
      return { kind: 'metadata' }
    case 'POST /v1.0/shutdown':
      return { kind: 'shutdown' }
  }
  const key = path.slice(SET_METADATA.length)
  return method === 'PUT' && path.startsWith(SET_METADATA) && !key.includes('/')
    ? { kind: 'setMetadata', key: decoded('key', key) }
    : undefined
}

/**
 * No empty, `.` or `..` parts, no slash at the end, also where the dots are
 * escaped: a web standard `Request` cannot hold those, and both doors should
 * lead to the same place.
 */
function cleanPath(path: string): string {
  const local = path.startsWith('/') ? path : path.replace(/^https?:\/\/[^/]*/i, '')
  if (!/\/(?:[/.]|%2e|$)/i.test(local)) return local
  const parts: string[] = []
  for (const part of local.split('/')) {
    const dots = part.replace(/%2e/gi, '.')
    if (dots === '..') parts.pop()
    else if (dots !== '' && dots !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** @throws {URIError} when `text` is not percent-encoded UTF-8 */
function decoded(parameter: string, text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new URIError(
      `failed to unescape request parameter "${parameter}". Error: invalid URL escape in ${quote(text)}`,
    )
  }
}
