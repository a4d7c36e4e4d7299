/**
 * The API as a web-standard handler, for whoever has a server already: a
 * `Request` in, a `Response` out, with the same checks and limits as our own
 * server. Which hosts may be named is up to the server in front.
 *
 * Layer 21.
 */
import { bodyInit, readStream } from '../http/bytes.ts'
import { type GuardSettings, guardRequest, hostCheck, type RequestHead, refusal } from './guard.ts'
import type { ApiRequest, ApiResponse } from './wire.ts'

/** Answers a request, now or later. */
export type Handle = (request: ApiRequest) => ApiResponse | Promise<ApiResponse>

export interface FetchOptions {
  readonly handle: Handle
  /** Told of what `handle` throws; the client only learns that something went wrong. */
  readonly onError: (error: unknown) => void
  readonly tokens: GuardSettings['tokens']
  /** Bytes; `Infinity` for no limit. */
  readonly maxBodySize: number
}

/** @returns never rejects because of `handle`; rejects when the body of the request cannot be read */
export function fetchHandler(options: FetchOptions): (request: Request) => Promise<Response> {
  const settings: GuardSettings = { hosts: hostCheck('any'), tokens: options.tokens }
  return async (request) => {
    const refused = guardRequest(headOf(request), settings)
    if (refused !== undefined) return toResponse(refused)
    const asked = await toApiRequest(request, options.maxBodySize)
    try {
      return toResponse(await options.handle(asked))
    } catch (error) {
      options.onError(error)
      return toResponse(refusal(500, 'ERR_INTERNAL', 'Something went wrong in the sidecar'))
    }
  }
}

/** Reads the body, up to `maxBodySize` bytes. */
export async function toApiRequest(request: Request, maxBodySize: number): Promise<ApiRequest> {
  const { bytes, isCut } = await readStream(request.body, maxBodySize)
  return {
    method: request.method.toUpperCase(),
    target: targetOf(request.url),
    header: (name) => request.headers.get(name) ?? undefined,
    body: isCut ? new Uint8Array(0) : bytes,
    isTooLarge: isCut,
    signal: request.signal,
  }
}

export function toResponse({ status, headers, body }: ApiResponse): Response {
  return new Response(bodyInit(body), { status, headers })
}

function headOf(request: Request): RequestHead {
  const { headers } = request
  return {
    method: request.method.toUpperCase(),
    target: targetOf(request.url),
    httpMajor: 1,
    headerCount: [...headers.keys()].length,
    header: (name) => (name === 'host' ? new URL(request.url).host : (headers.get(name) ?? undefined)),
  }
}

/** Path and query of an absolute URL, as they are. */
function targetOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}
