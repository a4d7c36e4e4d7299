/**
 * Events between the wire and the broker. What was published over HTTP becomes
 * a CloudEvent in the bytes that daprd would make of it, and the same event for
 * handlers in this process; an event published in process becomes bytes when
 * an app wants it.
 *
 * Layer 21. Source: `pubsub/envelope.go` of Dapr's components.
 */
import type { Message } from '../delivery/message.ts'
import { type CloudEvent, parseTime } from '../event/cloudevent.ts'
import { bytesOf as binaryOf, dataMember as ownData } from '../event/json.ts'
import { type Draft, ENVELOPE, optionsOf, plainOptions } from './attributes.ts'
import {
  bytesOf,
  CLOUD_EVENT,
  type Content,
  type ContentFault,
  contentOf,
  fromBase64,
  isMediaType,
  jsonText,
  OCTET_STREAM,
  textOf,
  toBase64,
} from './content.ts'
import { utcTime } from './duration.ts'
import { firstValue, goString, isTooDeep, membersOf, writeObject, writeStrings } from './json-text.ts'
import { NO_METADATA, overridesOf, ttlOf } from './metadata.ts'
import { isTraceparent, type TraceContext, traceparentOf } from './trace.ts'
import { type Metadata, WireEvent } from './wire.ts'

/** What was published. */
export interface Publication {
  /** As the publisher wrote it; undefined or '' counts as `text/plain`. */
  readonly contentType: string | undefined
  readonly body: string | Uint8Array
  readonly metadata: Metadata
}

/** Where, when and how; the same for all entries of a bulk publish. */
export interface Occasion {
  readonly pubsubname: string
  readonly topic: string
  readonly appId: string
  /** Whether the body is the message, without an envelope. */
  readonly isRaw: boolean
  readonly trace: TraceContext
  /** ms since 1970. */
  readonly wallTime: number
  /** The same as the envelope says it, see `localTime`. */
  readonly time: string
  readonly newId: () => string
}

/** An event that is ready for its broker: `broker.publish(topic, data, options)`. */
export interface Publishable {
  readonly kind: 'event'
  /** A JSON value, a string, or a `Uint8Array`. */
  readonly data: unknown
  /** What its attributes and metadata ask for; its `attachment` is `wire`. */
  readonly options: Draft
  readonly wire: WireEvent
}

/** A body that cannot become an event, and why: it is no CloudEvent though it should be one, or its content is at fault. */
export interface EnvelopeFault {
  readonly kind: 'cloudEvent' | ContentFault['kind']
  readonly why: string
}

/** A raw event on its way to a subscription that wants it wrapped. */
export interface RawEvent {
  readonly id: string
  readonly topic: string
  readonly pubsubname: string
  readonly body: string | Uint8Array
  readonly metadata: Metadata
}

interface PlainFacts {
  readonly datacontenttype: string
  readonly metadata: Metadata
}

const SOURCE = 'Dapr'
const TYPE = 'com.dapr.event.sent'

/** An event for the broker from what was published. Nothing is validated that daprd lets pass. */
export function envelopeOf(publication: Publication, occasion: Occasion): Publishable | EnvelopeFault {
  const { body, metadata } = publication
  // Bytes are handed to handlers, who may change them; what goes out stays as it came.
  if (occasion.isRaw) return publishable(new WireEvent(body, true, metadata, undefined), bytesOf(body).slice(), {})
  const contentType = publication.contentType || 'text/plain'
  if (isMediaType(contentType, CLOUD_EVENT)) return customEvent(publication, contentType, occasion)
  const content = contentOf(contentType, body)
  return 'why' in content ? content : plainEvent(content, { datacontenttype: contentType, metadata }, occasion)
}

function publishable(wire: WireEvent, data: unknown, options: Draft): Publishable {
  options.attachment = wire
  return { kind: 'event', data, options, wire }
}

/** The envelope that daprd makes. */
function plainEvent(content: Content, facts: PlainFacts, occasion: Occasion): Publishable {
  const { datacontenttype, metadata } = facts
  const { trace, wallTime, time, appId, pubsubname, topic, newId } = occasion
  const overrides = overridesOf(metadata)
  const traceparent = overrides.traceparent ?? overrides.traceid ?? trace.traceparent
  const tracestate = overrides.tracestate ?? trace.tracestate
  const id = overrides.id || newId()
  const source = (overrides.source ?? appId) || SOURCE
  const type = overrides.type || TYPE
  const subject = overrides.subject || undefined
  const ttlMs = ttlOf(metadata)
  const members = {
    datacontenttype,
    expiration: ttlMs === undefined ? undefined : utcTime(wallTime + ttlMs),
    id,
    pubsubname,
    source,
    specversion: '1.0',
    subject,
    time,
    topic,
    traceid: traceparent,
    traceparent,
    tracestate,
    type,
  }
  // Its time is left to the broker, whose clock says the same and more exactly.
  const attributes = { id, source, type, subject, datacontenttype, traceparent, tracestate }
  const toBody = (): string => writeStrings(dataMember(content), members)
  // As above: what is made later would say what handlers made of it.
  const body = content.kind === 'bytes' ? toBody() : toBody
  const wire = new WireEvent(body, false, metadata, isTraceparent(traceparent) ? traceparent : '')
  return publishable(
    wire,
    decodedData(content),
    plainOptions(attributes, isBinary(metadata) ? undefined : ttlMs, wallTime),
  )
}

/** A whole CloudEvent as the publisher made it: what is missing is filled in, where it goes is set, the rest stays. */
function customEvent(
  { body, metadata }: Publication,
  contentType: string,
  occasion: Occasion,
): Publishable | EnvelopeFault {
  const { wallTime } = occasion
  const json = jsonText(contentType, body)
  if (typeof json !== 'string') return json
  const read = firstValue(json)
  if ('fault' in read) return { kind: 'cloudEvent', why: read.fault }
  if (!isRecord(read.value)) {
    const why = `json: cannot unmarshal ${goTypeOf(read.value)} into Go value of type map[string]interface {}`
    return { kind: 'cloudEvent', why }
  }
  const members = completed(membersOf(read.text), occasion)
  const ttlMs = ttlOf(metadata)
  if (ttlMs !== undefined) members.set('expiration', goString(utcTime(wallTime + ttlMs)))
  const text = writeObject(members)
  const event = JSON.parse(text) as Record<string, unknown> // written from members, so it is an object
  const wire = new WireEvent(text, false, metadata, traceparentOf(event))
  return publishable(wire, dataOf(event), optionsOf(event, ttlMs ?? restOf(event, wallTime), wallTime))
}

/** The members with what daprd adds. A `traceid` of the publisher, whatever it is, keeps both trace attributes as they are. */
function completed(members: Map<string, string>, occasion: Occasion): Map<string, string> {
  const { trace, topic, pubsubname, time } = occasion
  if (!members.has('time')) members.set('time', goString(time))
  if (!members.has('traceid')) {
    members.set('traceid', goString(trace.traceparent))
    members.set('traceparent', goString(trace.traceparent))
  }
  if (!members.has('tracestate')) members.set('tracestate', goString(trace.tracestate))
  members.set('topic', goString(topic))
  members.set('pubsubname', goString(pubsubname))
  for (const [name, value] of [
    ['source', SOURCE],
    ['type', TYPE],
    ['specversion', '1.0'],
  ] as const) {
    if ((members.get(name) ?? 'null') === 'null') members.set(name, goString(value))
  }
  return members
}

function decodedData(content: Content): unknown {
  switch (content.kind) {
    case 'json':
      return content.value
    case 'text':
      return content.text
    case 'bytes':
      return content.bytes
  }
}

/** How long an event with an `expiration` has left: 0 or less when that is over; undefined when it says nothing that can be read. */
function restOf({ expiration }: Readonly<Record<string, unknown>>, wallTime: number): number | undefined {
  const end = typeof expiration === 'string' ? parseTime(expiration) : undefined
  return end === undefined ? undefined : end - wallTime
}

/** What handlers in process are given: base64 that is none stays text. */
function dataOf({ data, data_base64: base64 }: Readonly<Record<string, unknown>>): unknown {
  if (data !== undefined) return data
  if (typeof base64 !== 'string') return base64
  const bytes = fromBase64(base64)
  return typeof bytes === 'number' ? base64 : bytes
}

/**
 * A message for an app. One that came in over the wire goes out in the bytes
 * that it came in as; one that was published in process becomes a CloudEvent.
 *
 * @param topic as the app knows it
 * @throws {BusbarError} `ERR_EVENT_INVALID` when the data cannot be written, such as a function
 */
export function wireOf(message: Message, pubsubname: string, topic: string = message.topic): WireEvent {
  if (message.attachment instanceof WireEvent) return message.attachment
  const { event } = message
  const { traceparent, tracestate, expirytime } = event
  const trace = typeof traceparent === 'string' && isTraceparent(traceparent) ? traceparent : ''
  const members = {
    expiration: expirytime === undefined ? undefined : String(expirytime),
    pubsubname,
    topic,
    traceid: trace,
    traceparent: trace,
    tracestate: trace === '' || tracestate === undefined ? '' : String(tracestate),
  }
  return new WireEvent(writeStrings(ownMembers(event), members), false, NO_METADATA, trace)
}

/** What an event says but for the words of the envelope. The broker has checked its attributes. */
function ownMembers(event: CloudEvent): string {
  let text = ''
  for (const name of Object.keys(event)) {
    const value = event[name]
    if (name === 'data' || ENVELOPE.includes(name)) continue
    text += `${text === '' ? '' : ','}"${name}":${typeof value === 'string' ? goString(value) : JSON.stringify(value)}`
  }
  const { data, datacontenttype = contentTypeOf(data) } = event
  if (event.datacontenttype === undefined && datacontenttype !== undefined) {
    text += `,"datacontenttype":"${datacontenttype}"`
  }
  return text + ownData(data, datacontenttype)
}

/** What daprd would take data for that came without a content type. */
function contentTypeOf(data: unknown): string | undefined {
  if (data === undefined) return undefined
  if (typeof data === 'string') return 'text/plain'
  return binaryOf(data) === undefined ? 'application/json' : OCTET_STREAM
}

/** The envelope in which a subscription with `rawPayload` gets whatever was published: no time, and no trace unless the metadata has one. */
export function rawWrapper({ id, topic, pubsubname, body, metadata }: RawEvent): string {
  const traceid = metadata.get('traceparent') ?? metadata.get('traceid')
  return writeStrings(`"data_base64":"${toBase64(body)}"`, {
    datacontenttype: OCTET_STREAM,
    id,
    pubsubname,
    source: SOURCE,
    specversion: '1.0',
    topic,
    traceid,
    traceparent: traceid,
    tracestate: metadata.get('tracestate'),
    type: TYPE,
  })
}

/** Whether an event's attributes are taken from the metadata, and its bytes, `expiration` included, are not looked at. */
function isBinary(metadata: Metadata): boolean {
  return isMediaType(metadata.get('content-type') ?? '', OCTET_STREAM)
}

/**
 * The `event` that routing rules look at, and that says whether it has expired.
 * With the metadata `content-type` of `application/octet-stream` the attributes
 * are the metadata that begins with `ce_`, and the bytes are not looked at.
 *
 * @returns undefined when the bytes are no JSON object
 */
export function eventOf({ body, isRaw, metadata }: WireEvent): Readonly<Record<string, unknown>> | undefined {
  if (isBinary(metadata)) {
    const named = [...metadata].filter(([key]) => key.startsWith('ce_'))
    return Object.fromEntries(named.map(([key, value]) => [key.slice('ce_'.length), value]))
  }
  const text = textOf(body)
  // What has an envelope was looked at when it came in.
  if (isRaw && isTooDeep(text)) return undefined
  const read = firstValue(text)
  return 'value' in read && isRecord(read.value) ? read.value : undefined
}

function dataMember(content: Content): string {
  switch (content.kind) {
    case 'json':
      return `"data":${content.text}`
    case 'text':
      return `"data":${goString(content.text)}`
    case 'bytes':
      return `"data_base64":"${toBase64(content.bytes)}"`
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function goTypeOf(value: unknown): string {
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
}
