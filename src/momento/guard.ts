/**
 * Whom a server on this machine answers: not a page from elsewhere that runs in
 * the user's browser, neither directly nor by a name that leads here. Programs,
 * which send no `Origin`, are let in; gRPC over HTTP/2, which no page can speak,
 * does not come by here.
 *
 * Layer 29. Source: Fetch Standard (CORS); RFC 9110, 7.2.
 */
import { hostOf, isLoopback } from '../http/host.ts'
import type { RequestHeaders } from './exchange.ts'
import { StatusError } from './status.ts'

export interface GuardSettings {
  /** Names beyond this machine's loopback under which the server may be called, in lower case, without ports; `any` when it makes no difference. */
  readonly hosts: readonly string[] | 'any'
  /** Origins beyond this machine's whose pages may call. */
  readonly origins: readonly string[]
}

/**
 * Why a request is not answered, if it is not.
 *
 * @param hostHeaders every `Host` that came: more than one is an attack on whoever takes the other one
 */
export function refusalOf(
  headers: RequestHeaders,
  hostHeaders: readonly string[],
  { hosts, origins }: GuardSettings,
): StatusError | undefined {
  const host = hostHeaders.length === 1 ? hostOf(hostHeaders[0] as string) : undefined // there is one
  if (host === undefined) return new StatusError('INVALID_ARGUMENT', 'The request has no valid Host')
  if (hosts !== 'any' && !isLoopback(host) && !hosts.includes(host)) return denied('The Host is not one of this server')
  const origin = headers.origin
  if (origin !== undefined && !isAllowedOrigin(origin, origins)) {
    return denied('The Origin is not allowed')
  }
  const site = headers['sec-fetch-site']
  if (origin === undefined && (site === 'cross-site' || site === 'same-site')) {
    return denied('Pages of other sites are not allowed')
  }
  return undefined
}

function denied(detail: string): StatusError {
  return new StatusError('PERMISSION_DENIED', detail)
}

/** What a page may be told and what it may send, for the origin that asks. */
export function corsHeaders(headers: RequestHeaders): Readonly<Record<string, string>> {
  const { origin } = headers
  if (origin === undefined) return {}
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'grpc-status, grpc-message',
    vary: 'Origin',
  }
}

/** The same for a page that asks before it sends. */
export function preflightHeaders(headers: RequestHeaders): Readonly<Record<string, string>> {
  const wanted = headers['access-control-request-headers'] ?? ''
  return {
    ...corsHeaders(headers),
    'access-control-allow-methods': 'GET, POST',
    ...(/^[\w-]+(, ?[\w-]+)*$/.test(wanted) && { 'access-control-allow-headers': wanted }),
    'access-control-max-age': '600',
  }
}

function isAllowedOrigin(origin: string, origins: readonly string[]): boolean {
  if (origins.includes(origin)) return true
  const [, host] = /^https?:\/\/([^/]+)$/.exec(origin) ?? []
  const name = host === undefined ? undefined : hostOf(host)
  return name !== undefined && isLoopback(name)
}
