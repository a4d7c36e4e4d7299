/**
 * Who may speak to the sidecar: decided from the head of a request, before its
 * body is read. A server on a developer's machine can be reached by every web
 * page that its browser shows; pages of other sites, and names that were rebound
 * to this machine, are turned away. So is whatever two parsers could read in two
 * ways.
 *
 * Layer 20. Source of the token's rules: dapr/dapr, pkg/api/http/middlewares.go.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { refuseOption } from '../checks.ts'
import { quote } from '../errors.ts'
import { hostOf, isLoopback } from '../http/host.ts'
import type { ApiResponse } from './wire.ts'

/** A request without its body. */
export interface RequestHead {
  readonly method: string
  /** As it came. */
  readonly target: string
  /** The first number of the protocol's version. */
  readonly httpMajor: number
  readonly headerCount: number
  /** All values of a header, joined with `, `, by its name in lower case. */
  header(name: string): string | undefined
}

export interface GuardSettings {
  readonly hosts: HostCheck
  /** One of them has to be shown; empty: none. */
  readonly tokens: readonly TokenDigest[]
}

/** Looks at what a request says it is for. @returns the answer when that is not allowed */
export type HostCheck = (authority: string | undefined) => ApiResponse | undefined

/** SHA-256 of an API token. */
export type TokenDigest = Uint8Array

const MAX_HEADERS = 100

/** What needs no token. Anchored at its start, so that a hostile path is read once. */
const OPEN_PATH = /^\/*v1\.0\/healthz(?:\/outbound)?\/*$/

/** `http://authority/path`, as proxies are asked. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/i

const NO_HOST: ApiResponse = refusal(400, 'ERR_MALFORMED_REQUEST', 'A request names one host that it is for')

/** @returns what to answer instead of handling the request; undefined when it may come in */
export function guardRequest(head: RequestHead, settings: GuardSettings): ApiResponse | undefined {
  return (
    refuseFraming(head) ??
    refuseHost(head, settings.hosts) ??
    answerPreflight(head) ??
    refuseOtherSite(head) ??
    refuseToken(head, settings.tokens)
  )
}

/** An answer in the shape of Dapr's errors that never stays in a cache and never becomes a page. */
export function refusal(status: number, errorCode: string, message: string): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' },
    body: JSON.stringify({ errorCode, message }),
  }
}

/** A target without the scheme and authority that it may begin with. */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target
  const rest = ABSOLUTE_FORM.exec(target)?.[2]
  if (rest === undefined) return target
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** @param allowed what may be named besides this machine's loopback, without ports; `any` when it makes no difference */
export function hostCheck(allowed: readonly string[] | 'any'): HostCheck {
  const names = new Set(allowed === 'any' ? [] : allowed.map((name) => name.toLowerCase()))
  /** Nearly all requests name the same host. */
  let lastAllowed: string | undefined
  return (authority) => {
    if (authority !== undefined && authority === lastAllowed) return undefined
    const host = hostOf(authority ?? '')
    if (host === undefined) return NO_HOST
    if (allowed !== 'any' && !isLoopback(host) && !names.has(host)) {
      return refusal(403, 'ERR_HOST_NOT_ALLOWED', `The host ${quote(host)} is not allowed`)
    }
    lastAllowed = authority
    return undefined
  }
}

/** @throws {BusbarError} `ERR_OPTION_INVALID` for a token that no header can carry, which nobody could show */
export function digestOf(token: string, option: string): TokenDigest {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(token)) {
    refuseOption(option, 'a token is one or more printable ASCII characters, without spaces around them')
  }
  return sha256(token)
}

function refuseFraming(head: RequestHead): ApiResponse | undefined {
  if (head.headerCount > MAX_HEADERS) {
    return refusal(431, 'ERR_HEADERS_TOO_LARGE', `There are more than ${MAX_HEADERS} headers`)
  }
  if (head.httpMajor !== 1) return refusal(505, 'ERR_HTTP_VERSION', 'This is HTTP/1.1')
  const transfer = head.header('transfer-encoding')
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked') {
    return refusal(400, 'ERR_MALFORMED_REQUEST', 'The only transfer encoding here is chunked')
  }
  const content = head.header('content-encoding')
  if (content !== undefined && content.toLowerCase() !== 'identity') {
    return refusal(415, 'ERR_CONTENT_ENCODING', 'Bodies are taken as they are: nothing is decompressed')
  }
  const expected = head.header('expect')
  if (expected !== undefined && expected.toLowerCase() !== '100-continue') {
    return refusal(417, 'ERR_EXPECTATION', 'The only expectation here is 100-continue')
  }
  return undefined
}

function refuseHost(head: RequestHead, hosts: HostCheck): ApiResponse | undefined {
  const refused = hosts(head.header('host'))
  if (refused !== undefined || head.target.startsWith('/')) return refused
  // A proxy's form names the host a second time. Both have to be right, so that nobody can choose one.
  const authority = ABSOLUTE_FORM.exec(head.target)?.[1]
  return authority === undefined || hosts(authority) === undefined ? undefined : NO_HOST
}

/** A browser asks before it sends; no other site is ever allowed. */
function answerPreflight(head: RequestHead): ApiResponse | undefined {
  const isPreflight = head.method === 'OPTIONS' && head.header('access-control-request-method') !== undefined
  return isPreflight ? { status: 204, headers: {}, body: '' } : undefined
}

function refuseOtherSite(head: RequestHead): ApiResponse | undefined {
  const site = head.header('sec-fetch-site')
  const origin = head.header('origin')
  const isOther = site !== undefined && site !== 'same-origin' && site !== 'none'
  if (!isOther && (origin === undefined || isOwnOrigin(origin, head.header('host')))) return undefined
  return refusal(403, 'ERR_ORIGIN_NOT_ALLOWED', 'Web pages of other sites are not allowed to come here')
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const own = host?.toLowerCase()
  return origin === `http://${own}` || origin === `https://${own}`
}

function refuseToken(head: RequestHead, tokens: readonly TokenDigest[]): ApiResponse | undefined {
  if (tokens.length === 0 || isOpen(head) || isKnown(head.header('dapr-api-token') ?? '', tokens)) return undefined
  return {
    status: 401,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: 'invalid api token\n',
  }
}

/** What needs no token is compared as it came: nothing in these paths could be cleaned into another one. */
function isOpen({ method, target }: RequestHead): boolean {
  const path = originForm(target).split('?', 1)[0] ?? ''
  return method === 'GET' && OPEN_PATH.test(path)
}

/** Takes the same time whatever was shown: digests are equally long, and all are compared. */
function isKnown(shown: string, tokens: readonly TokenDigest[]): boolean {
  const digest = sha256(shown)
  return tokens.map((token) => timingSafeEqual(digest, token)).includes(true)
}

function sha256(text: string): TokenDigest {
  return createHash('sha256').update(text).digest()
}
