/**
 * The sidecar's HTTP API: from a request to what answers it.
 *
 * Layer 23. Source: dapr/dapr, pkg/api/http.
 */
import { quote } from '../errors.ts'
import { appIdMismatch, bodyUnreadable, notReady, notRouted, requestMalformed } from './errors.ts'
import { routeOf } from './paths.ts'
import { type PublishPort, publishBulk, publishSingle } from './publish-api.ts'
import type { ApiRequest, ApiResponse } from './wire.ts'

/** What the API is made of. */
export interface ApiParts {
  readonly appId: string
  readonly port: PublishPort
  /** Whether components are there and the app was asked for its subscriptions. */
  isReady(): boolean
  /** What `GET /v1.0/metadata` answers, but for `extended`. */
  metadata(): Readonly<Record<string, unknown>>
  shutdown(force: boolean): void
}

const NO_CONTENT: ApiResponse = { status: 204, headers: {}, body: '' }

/** What daprd calls itself where it was not built from a release. */
const VERSION = 'edge'

/** What others may put into the metadata, in bytes and, with all keys, in UTF-16 code units: each answer has it all. */
const MAX_VALUE_SIZE = 64 * 1024
const MAX_EXTENDED_SIZE = 1024 * 1024

export class Api {
  readonly #parts: ApiParts
  /** What was put into the metadata. */
  readonly #extended = new Map<string, string>()
  /** Of its keys and values, in UTF-16 code units. */
  #extendedSize = 0

  constructor(parts: ApiParts) {
    this.#parts = parts
    this.#extend('daprRuntimeVersion', VERSION)
  }

  /** Never rejects; throws what `shutdown` throws. */
  handle(request: ApiRequest): ApiResponse | Promise<ApiResponse> {
    const route = routeOf(request.method, request.target)
    switch (route.kind) {
      case 'publish':
        return publishSingle(this.#parts.port, request, route)
      case 'bulkPublish':
        return publishBulk(this.#parts.port, request, route)
      case 'healthz':
        return this.#health(route.appId)
      case 'outboundHealthz':
        // Components are there from the start.
        return NO_CONTENT
      case 'metadata':
        return this.#metadata()
      case 'setMetadata':
        return this.#setMetadata(route.key, request)
      case 'shutdown':
        this.#parts.shutdown(request.header('dapr-force-shutdown') === 'true')
        return NO_CONTENT
      case 'malformed':
        return requestMalformed(route.why)
      case 'unknown':
        return notRouted()
    }
  }

  #health(appId: string | undefined): ApiResponse {
    if (!this.#parts.isReady()) return notReady(['app'])
    return appId === undefined || appId === this.#parts.appId ? NO_CONTENT : appIdMismatch()
  }

  #metadata(): ApiResponse {
    const { appId, metadata } = this.#parts
    const extended = Object.fromEntries(this.#extended)
    const body = JSON.stringify({ id: appId, runtimeVersion: VERSION, ...metadata(), extended })
    return { status: 200, headers: { 'content-type': 'application/json' }, body }
  }

  #setMetadata(key: string, { body, isTooLarge = false }: ApiRequest): ApiResponse {
    if (isTooLarge || body.length > MAX_VALUE_SIZE) return bodyUnreadable('stream too large')
    const value = new TextDecoder().decode(body)
    return this.#extend(key, value) ? NO_CONTENT : requestMalformed(`the metadata has no room for ${quote(key)}`)
  }

  /** @returns whether there was room */
  #extend(key: string, value: string): boolean {
    const before = this.#extended.get(key)
    const added = value.length - (before?.length ?? -key.length)
    if (this.#extendedSize + added > MAX_EXTENDED_SIZE) return false
    this.#extendedSize += added
    this.#extended.set(key, value)
    return true
  }
}
