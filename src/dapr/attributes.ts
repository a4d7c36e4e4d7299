/**
 * From the attributes of an event on the wire to what the broker is told about
 * it: those that CloudEvents allows, and when it expires.
 *
 * Layer 20.
 */
import { checkAttribute } from '../event/cloudevent.ts'
import type { PublishOptions } from '../options.ts'
import { utcTime } from './duration.ts'
import { isTraceparent, isTracestate } from './trace.ts'

type Attributes = Readonly<Record<string, unknown>>
/** Publish options that are being put together. */
export type Draft = { -readonly [Name in keyof PublishOptions]: PublishOptions[Name] }
type Extensions = NonNullable<Draft['extensions']>

/** What daprd says about an event that was published without an envelope. */
export interface PlainAttributes extends Attributes {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject: string | undefined
  readonly datacontenttype: string
  readonly traceparent: string
  readonly tracestate: string
}

/** What Dapr adds to the attributes of an event. */
export const ENVELOPE: readonly string[] = ['topic', 'pubsubname', 'traceid', 'traceparent', 'tracestate', 'expiration']

/** What the broker is not told, or is told in another way. */
const ELSEWHERE: ReadonlySet<string> = new Set([...ENVELOPE, 'specversion', 'data', 'data_base64'])

/** What publish options have names for; the others are extensions. */
const NAMED: ReadonlySet<string> = new Set(['id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema'])

/**
 * Options for `broker.publish`. An attribute that breaks the rules of
 * CloudEvents is left out: it stays in the bytes alone.
 *
 * @param ttlMs how long the event may wait; 0 or less when it has expired already
 */
export function optionsOf(attributes: Attributes, ttlMs: number | undefined, wallTime: number): Draft {
  const named: Record<string, unknown> = {}
  const extensions: Record<string, unknown> = traceOf(attributes)
  for (const name of Object.keys(attributes)) {
    const value = attributes[name]
    if (value === undefined || ELSEWHERE.has(name) || !isLegal(name, value)) continue
    if (NAMED.has(name)) named[name] = value
    else extensions[name] = value
  }
  const options: Draft = named // whose names are options, with values that are text
  if (Object.keys(extensions).length > 0) options.extensions = extensions as Extensions // isLegal has looked at each
  return withExpiry(options, ttlMs, wallTime)
}

/** As `optionsOf`, for one name after the other, which takes half the time. */
export function plainOptions(attributes: PlainAttributes, ttlMs: number | undefined, wallTime: number): Draft {
  const { id, source, type, subject, datacontenttype, traceparent } = attributes
  const options: Draft = {}
  if (isLegal('id', id)) options.id = id
  if (isLegal('source', source)) options.source = source
  if (isLegal('type', type)) options.type = type
  if (subject !== undefined && isLegal('subject', subject)) options.subject = subject
  if (isLegal('datacontenttype', datacontenttype)) options.datacontenttype = datacontenttype
  if (traceparent !== '') options.extensions = traceOf(attributes)
  return withExpiry(options, ttlMs, wallTime)
}

function withExpiry(options: Draft, ttlMs: number | undefined, wallTime: number): Draft {
  // The broker has no ttl of 0, but it has a moment when an event expires.
  if (ttlMs !== undefined && ttlMs > 0) options.ttlMs = ttlMs
  else if (ttlMs !== undefined) options.extensions = { ...options.extensions, expirytime: utcTime(wallTime + ttlMs) }
  return options
}

function traceOf({ traceparent, tracestate }: Attributes): Record<string, string> {
  if (typeof traceparent !== 'string' || !isTraceparent(traceparent)) return {}
  return typeof tracestate === 'string' && isTracestate(tracestate) ? { traceparent, tracestate } : { traceparent }
}

function isLegal(name: string, value: unknown): boolean {
  try {
    checkAttribute(name, value)
    return true
  } catch {
    // Breaking a rule is all that checkAttribute throws for.
    return false
  }
}
