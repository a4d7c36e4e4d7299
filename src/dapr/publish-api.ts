/**
 * Publishing over HTTP, single and bulk: the checks in daprd's order, then the
 * broker. Nothing of a bulk publish is published unless all of it is valid.
 *
 * Layer 22. Source: daprd's `pkg/api/http/http.go`.
 */
import { BusbarError } from '../errors.ts'
import type { PublishOptions } from '../options.ts'
import { done } from '../promises.ts'
import type { Clock } from '../time/clock.ts'
import { type BulkEntry, type BulkFault, readEntries } from './bulk-entries.ts'
import { envelopeOf, type Occasion, type Publication, type Publishable } from './envelope.ts'
import {
  baggageInvalid,
  bulkFailed,
  bulkInvalid,
  cloudEventInvalid,
  entryIdInvalid,
  eventInvalid,
  metadataInvalid,
  type Place,
  publishFailed,
  pubsubNotFound,
  topicForbidden,
} from './errors.ts'
import { MAX_METADATA_KEYS, metadataOf, NO_METADATA, parseGoBoolean } from './metadata.ts'
import type { PublishRoute } from './paths.ts'
import type { Access } from './scopes.ts'
import { baggageFault, NO_TRACE, readTrace, type TraceContext } from './trace.ts'
import type { ApiRequest, ApiResponse, Metadata } from './wire.ts'

/** A component as publishing needs it. */
export interface PublishTarget {
  readonly access: Access
  /** As `Broker.publish`, by the topic's name for apps. */
  publish(topic: string, data: unknown, options: PublishOptions): Promise<void>
}

/** The sidecar as publishing needs it. */
export interface PublishPort {
  readonly appId: string
  readonly clock: Clock
  /** Whether trace context and baggage are looked at. */
  readonly isTracing: boolean
  pubsub(name: string): PublishTarget | undefined
  /** A moment of the clock as envelopes say it, see `localTime`. */
  localTime(wallTime: number): string
  /** An id that no other event has, a UUID. */
  newId(): string
}

/** A publish to a component that there is, with metadata that can be read. */
interface Job {
  readonly request: ApiRequest
  readonly target: PublishTarget
  readonly metadata: Metadata
  readonly occasion: Occasion
}

const DONE: ApiResponse = { status: 204, headers: {}, body: '' }
const TOO_LARGE = 'stream too large'

/** An answer: at once, unless the event has to wait for room. */
type Answer = ApiResponse | Promise<ApiResponse>

/** Publishes the body as one event. Never throws nor rejects. */
export function publishSingle(port: PublishPort, request: ApiRequest, route: PublishRoute): Answer {
  return run({ port, request, route }, single)
}

/** Publishes a JSON array of entries, each an event of its own. Never throws nor rejects. */
export function publishBulk(port: PublishPort, request: ApiRequest, route: PublishRoute): Answer {
  return run({ port, request, route }, bulk)
}

interface Call {
  readonly port: PublishPort
  readonly request: ApiRequest
  readonly route: PublishRoute
}

/** What both have in common: trace context and baggage come back in the answer, whatever it is. */
function run(call: Call, publish: (job: Job) => Answer): Answer {
  const { request, port } = call
  const baggage = (port.isTracing && request.header('baggage')) || ''
  const fault = baggageFault(baggage)
  if (fault !== undefined) return baggageInvalid(fault)
  const trace = port.isTracing ? readTrace(request) : NO_TRACE
  const job = jobOf(call, trace)
  const answer = 'status' in job ? job : publish(job)
  if (trace.traceparent === '' && baggage === '') return answer
  const echoed = Object.entries({ ...trace, baggage }).filter(([, value]) => value !== '')
  const withEcho = (response: ApiResponse): ApiResponse => ({
    ...response,
    headers: { ...response.headers, ...Object.fromEntries(echoed) },
  })
  return answer instanceof Promise ? answer.then(withEcho) : withEcho(answer)
}

/** @returns the answer when it ends here */
function jobOf({ port, request, route }: Call, trace: TraceContext): Job | ApiResponse {
  const { pubsubname, topic } = route
  const place = { pubsubname, topic, appId: port.appId }
  const metadata = metadataOf(route.query)
  const target = port.pubsub(pubsubname)
  if (target === undefined) return pubsubNotFound(pubsubname, metadata)
  if (request.isTooLarge && route.kind === 'publish') return publishFailed(place, TOO_LARGE)
  if (metadata.size > MAX_METADATA_KEYS) {
    return metadataInvalid(pubsubname, NO_METADATA, `more than ${MAX_METADATA_KEYS} keys`)
  }
  const rawPayload = metadata.get('rawPayload') ?? ''
  const isRaw = parseGoBoolean(rawPayload)
  if (isRaw === undefined) {
    const why = `rawPayload value must be a valid boolean: actual is '${rawPayload}'`
    return metadataInvalid(pubsubname, metadata, why)
  }
  const wallTime = port.clock.wallTime()
  const occasion = {
    pubsubname,
    topic,
    appId: port.appId,
    isRaw,
    trace,
    wallTime,
    time: port.localTime(wallTime),
    newId: () => port.newId(),
  }
  return { request, target, metadata, occasion }
}

function single(job: Job): Answer {
  const { request, metadata, occasion } = job
  const event = eventOf({ contentType: request.header('content-type'), body: request.body, metadata }, occasion)
  if ('status' in event) return event
  if (!isAllowed(job)) return topicForbidden(occasion)
  const waiting = publish(job, event)
  if (waiting === undefined) return DONE
  return waiting.then((failure) =>
    failure === undefined ? DONE : publishFailed(occasion, failure.why, failure.status),
  )
}

async function bulk(job: Job): Promise<ApiResponse> {
  const { request, metadata, occasion } = job
  if (request.isTooLarge) return bulkInvalid(occasion, TOO_LARGE)
  const entries = readEntries(request.body)
  if ('fault' in entries) return refusalOfBulk(occasion, entries)
  const events: Publishable[] = []
  for (const entry of entries) {
    const { contentType, body } = entry
    const event = eventOf({ contentType, body, metadata: mergedMetadata(metadata, entry) }, occasion)
    if ('status' in event) return event
    events.push(event)
  }
  if (!isAllowed(job)) return topicForbidden(occasion)
  return outcomeOfBulk(occasion, entries, await Promise.all(events.map((event) => publish(job, event))))
}

/** What the request says counts only for an entry that has metadata of its own, which goes before. */
function mergedMetadata(metadata: Metadata, entry: BulkEntry): Metadata {
  return entry.metadata === undefined ? NO_METADATA : new Map([...metadata, ...entry.metadata])
}

function refusalOfBulk(place: Place, { fault, why }: BulkFault): ApiResponse {
  switch (fault) {
    case 'list':
      return bulkInvalid(place, why)
    case 'event':
      return eventInvalid(place, why)
    case 'entryId':
      return entryIdInvalid(place)
  }
}

function outcomeOfBulk(
  place: Place,
  entries: readonly BulkEntry[],
  failures: readonly (Failure | undefined)[],
): ApiResponse {
  const wrongTopic = failures.find((failure) => failure?.status === 400)
  if (wrongTopic !== undefined) return publishFailed(place, wrongTopic.why, 400)
  const failed = entries.flatMap(({ entryId }, index) => {
    const failure = failures[index]
    return failure === undefined ? [] : [{ entryId, error: failure.why }]
  })
  return failed.length === 0 ? DONE : bulkFailed(failed)
}

/** @returns the answer when the body cannot become an event */
function eventOf(publication: Publication, occasion: Occasion): Publishable | ApiResponse {
  const event = envelopeOf(publication, occasion)
  switch (event.kind) {
    case 'event':
      return event
    case 'cloudEvent':
      return cloudEventInvalid(occasion, event.why)
    case 'broken':
      return eventInvalid(occasion, event.why)
    case 'charset':
      return eventInvalid(occasion, event.why, 415)
  }
}

function isAllowed({ target, occasion: { appId, topic } }: Job): boolean {
  return target.access.isAllowed('publish', appId, topic)
}

/** Why the broker refused an event: 400 when it was for its topic. */
interface Failure {
  readonly status: 400 | 500
  readonly why: string
}

/** @returns undefined when the broker has accepted the event; else why it did not, once that is known */
function publish(job: Job, { data, options }: Publishable): Promise<Failure | undefined> | undefined {
  const { request, target, occasion } = job
  try {
    // It has what a publish needs of one.
    if (request.signal !== undefined) options.signal = request.signal as AbortSignal
    const accepted = target.publish(occasion.topic, data, options)
    return accepted === done ? undefined : accepted.then(() => undefined, failureFrom)
  } catch (error) {
    return Promise.resolve(failureFrom(error))
  }
}

function failureFrom(error: unknown): Failure {
  const isTopic = error instanceof BusbarError && error.code === 'ERR_TOPIC_INVALID'
  return { status: isTopic ? 400 : 500, why: error instanceof Error ? error.message : String(error) }
}
