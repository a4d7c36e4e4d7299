/**
 * From a route, as a subscription names it, to the path that is asked for at
 * the app: always below the app's own origin, whatever the route says.
 *
 * Layer 17. Source: dapr/dapr, pkg/channel/http/http_channel.go; Go `path.Clean`.
 */
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'

const MAX_ROUTE_LENGTH = 4096

/** Control characters (URL parsers drop some of them silently) and lone surrogates. */
const FORBIDDEN = /[\p{Cc}\p{Cs}]/u
/** What may stand in a path as it is, percent-encoded bytes included. */
const UNSAFE = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gu
const UNSAFE_IN_QUERY = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]/gu

/**
 * One `/` at the start, none at the end, no `.` or `..`; an empty route is `/`.
 * A query string stays.
 *
 * @throws {BusbarError} `ERR_OPTION_INVALID` for what cannot be a path: too long, control characters, lone surrogates
 */
export function appPathOf(route: string): string {
  if (route.length > MAX_ROUTE_LENGTH) refuseOption('route', `it is longer than ${MAX_ROUTE_LENGTH} characters`)
  if (FORBIDDEN.test(route)) refuseOption('route', `${quote(route)} holds a character that no path can hold`)
  const mark = route.indexOf('?')
  const path = mark === -1 ? route : route.slice(0, mark)
  const query = mark === -1 ? '' : `?${encoded(route.slice(mark + 1), UNSAFE_IN_QUERY)}`
  return encoded(cleanPath(path), UNSAFE) + query
}

/** As Go's `path.Clean` of the path below `/`. */
export function cleanPath(path: string): string {
  const levels: string[] = []
  for (const level of path.split('/')) {
    if (level === '..') levels.pop()
    else if (level !== '' && level !== '.') levels.push(level)
  }
  return `/${levels.join('/')}`
}

function encoded(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, encodeURIComponent)
}
