/**
 * The words and shapes that the rooms of the Dapr door share: an HTTP request
 * and its answer as plain data, whichever way they travelled, and what a
 * component, a subscription and an event on the wire are.
 *
 * Layer 19. Source of the words: Dapr's pub/sub API reference and daprd itself.
 */

/** A request to the sidecar, its body read whole. */
export interface ApiRequest {
  /** In upper case. */
  readonly method: string
  /** Path and query as they came, still percent-encoded. */
  readonly target: string
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined
  readonly body: Uint8Array
  /** The body was over the limit: it was not kept, `body` is empty. What that answers depends on the route. */
  readonly isTooLarge?: boolean
  /** Aborts when the client has gone: what is not done by then need not be done any more. */
  readonly signal?: StopSignal
}

/** What the sidecar answers. Names of headers are in lower case. */
export interface ApiResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Text goes out as UTF-8. */
  readonly body: string | Uint8Array
}

/** What ends a call from outside: an `AbortSignal`, or as much of one as is needed. */
export interface StopSignal {
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: StopListener): void
  removeEventListener(type: 'abort', listener: StopListener): void
}

export interface StopListener {
  /** The signal has aborted. */
  handleEvent(): void
}

/** A call of the app. Its body is sent as it is. */
export interface AppRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, with one `/` at the start, percent-encoded. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Bytes of the answer's body that are read; default 64 KiB for POST, 1 MiB for GET. */
  readonly maxResponseSize?: number
  /** Called when the call begins: it may have waited in line for others. */
  readonly onBegin?: () => void
  /** Ends the call: it rejects with the signal's reason. */
  readonly signal?: StopSignal
}

/** What the app answered: the status, and as much of the body as is read. */
export interface AppResponse {
  readonly status: number
  readonly body: string
  /** The body goes on beyond what is read. */
  readonly isCut?: boolean
}

/** The way to the app. */
export interface AppChannel {
  /** @returns rejects when there was no whole answer: connection error, abort, broken HTTP */
  call(request: AppRequest): Promise<AppResponse>
  /** Whether the app can be reached: a TCP connect for a URL, always for a function. */
  isListening(): Promise<boolean>
  /** Closes idle connections, aborts calls that run. */
  close(): Promise<void>
}

/** Metadata as it came with a publish, a subscription or a component: own keys only, first value wins. */
export type Metadata = ReadonlyMap<string, string>

/**
 * What Busbar keeps with an event that came in over Dapr's API (as the
 * `attachment` of its publish): the bytes that go out again, unchanged.
 */
export class WireEvent {
  readonly isRaw: boolean
  /** Travels on: becomes headers of the delivery. */
  readonly metadata: Metadata
  /** For the header of the delivery: W3C trace context of the publisher, '' when there was none, undefined in raw events. */
  readonly traceparent: string | undefined
  #body: WireBody | (() => WireBody)

  /** @param body or what makes it, which is called once at most: many an event is delivered to handlers only, which need none */
  constructor(body: WireBody | (() => WireBody), isRaw: boolean, metadata: Metadata, traceparent: string | undefined) {
    this.#body = body
    this.isRaw = isRaw
    this.metadata = metadata
    this.traceparent = traceparent
  }

  /** UTF-8. The whole CloudEvent as JSON, or, when `isRaw`, just what was published. */
  get body(): WireBody {
    if (typeof this.#body === 'function') this.#body = this.#body()
    return this.#body
  }
}

/** Text goes out as UTF-8. */
export type WireBody = string | Uint8Array

/** One rule of a subscription: an empty `match` holds always. */
export interface Rule {
  readonly match: string
  readonly path: string
}

/** How large a batch of bulk subscribe grows, and how long its first message waits, in ms. */
export interface BatchLimits {
  readonly maxMessagesCount: number
  readonly maxAwaitDurationMs: number
}

export const DEFAULT_BATCH: BatchLimits = { maxMessagesCount: 100, maxAwaitDurationMs: 1000 }

/** A subscription as it was asked for, whichever form it came in. */
export interface SubscriptionSpec {
  readonly pubsubname: string
  readonly topic: string
  readonly metadata: Readonly<Record<string, string>>
  /** In order; the default is a last rule with an empty `match`. Not empty. */
  readonly rules: readonly Rule[]
  readonly deadLetterTopic: string | undefined
  readonly bulk: BatchLimits | undefined
  /** Resource name of a declarative one, for replacing. */
  readonly name?: string
  readonly type: 'DECLARATIVE' | 'PROGRAMMATIC'
}

/** A pub/sub component as its resource describes it. */
export interface ComponentSpec {
  readonly name: string
  /** `pubsub.in-memory`, `pubsub.redis`, ... */
  readonly type: string
  readonly version: string
  /** Keys as written; `componentMetadata()` looks them up whatever their case. */
  readonly metadata: Readonly<Record<string, string>>
  /** App ids that may see it; empty: all. */
  readonly scopes: readonly string[]
}
