/**
 * The sidecar's HTTP API: from a request to what answers it.
 *
 * Layer 23. Source: dapr/dapr, pkg/api/http.
 */
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

/** What others may put into the metadata: so many values of so many bytes. */
const MAX_EXTENDED = 1000
const MAX_VALUE_SIZE = 64 * 1024

export class Api {
  readonly #parts: ApiParts
  /** What was put into the metadata. */
  readonly #extended = new Map<string, string>([['daprRuntimeVersion', VERSION]])

  constructor(parts: ApiParts) {
    this.#parts = parts
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
    if (!this.#extended.has(key) && this.#extended.size >= MAX_EXTENDED) {
      return requestMalformed(`there are ${MAX_EXTENDED} values already`)
    }
    this.#extended.set(key, new TextDecoder().decode(body))
    return NO_CONTENT
  }
}
