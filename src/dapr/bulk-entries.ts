/**
 * The entries of a bulk publish: a JSON array, read as Go would read it into a
 * list of structs. Numbers in events go through a double on the way, as they do
 * in daprd.
 *
 * Layer 21. Source: daprd's `pkg/api/http/http.go` and `util.go`.
 */
import { CLOUD_EVENT, fromBase64, isMediaType, jsonText, OCTET_STREAM } from './content.ts'
import { firstValue } from './json-text.ts'
import type { Metadata } from './wire.ts'

/** One event of a bulk publish. */
export interface BulkEntry {
  /** Not empty, and no other entry has it. */
  readonly entryId: string
  readonly contentType: string
  readonly body: string | Uint8Array
  /** Undefined when the entry has none: then that of the request does not count either. */
  readonly metadata: Metadata | undefined
}

/** Why a bulk publish is refused: as a list, for an event in it, or for an id. */
export interface BulkFault {
  readonly fault: 'list' | 'event' | 'entryId'
  readonly why: string
}

/** An entry whose members are of the right types. */
interface Fields {
  readonly entryId: string
  readonly contentType: string
  readonly event: unknown
  readonly metadata: Metadata | undefined
}

type Members = Readonly<Record<string, unknown>>

/** More is refused, so that a request cannot ask for endless work. */
const MAX_ENTRIES = 10_000

const MISMATCH: BulkFault = { fault: 'event', why: 'error: mismatch between contentType and event' }

/** All entries, or what is wrong with the first that is not right; those of wrong types come before all others. */
export function readEntries(body: Uint8Array): readonly BulkEntry[] | BulkFault {
  const list = readList(body)
  if ('fault' in list) return list
  const entries: BulkEntry[] = []
  const ids = new Set([''])
  for (const { entryId, contentType, event, metadata } of list) {
    const content = contentOfEvent(contentType, event)
    if (typeof content !== 'string' && 'fault' in content) return content
    if (ids.has(entryId)) return { fault: 'entryId', why: 'entryId is duplicated or not present for entry' }
    ids.add(entryId)
    entries.push({ entryId, contentType, body: content, metadata })
  }
  return entries
}

function readList(body: Uint8Array): readonly Fields[] | BulkFault {
  const text = jsonText('', body)
  if (typeof text !== 'string') return unreadable(text.why)
  const read = firstValue(text)
  if ('fault' in read) return unreadable(read.fault)
  if (read.value === null) return []
  if (!Array.isArray(read.value)) return mistyped(read.value, 'value of type []http.bulkPublishMessageEntry')
  if (read.value.length > MAX_ENTRIES) return unreadable(`more than ${MAX_ENTRIES} entries`)
  const list: Fields[] = []
  for (const entry of read.value) {
    const fields = fieldsOf(entry)
    if ('fault' in fields) return fields
    list.push(fields)
  }
  return list
}

/** `null` is the same as nothing. */
function fieldsOf(entry: unknown): Fields | BulkFault {
  if (entry !== null && !isObject(entry)) return mistyped(entry, 'value of type http.bulkPublishMessageEntry')
  const { entryid: entryId, contenttype: contentType, event, metadata } = inLowerCase(entry ?? {})
  if (!isTextOrNothing(entryId)) return mistyped(entryId, structField('entryId', 'string'))
  if (!isTextOrNothing(contentType)) return mistyped(contentType, structField('contentType', 'string'))
  if (hasInfinity(event)) return unreadable('json: cannot unmarshal number into Go value of type float64')
  const fields = { entryId: entryId ?? '', contentType: contentType ?? '', event }
  if (metadata === undefined || metadata === null) return { ...fields, metadata: undefined }
  if (!isObject(metadata)) return mistyped(metadata, structField('metadata', 'map[string]string'))
  const values = Object.entries(metadata)
  const wrong = values.find(([, value]) => !isTextOrNothing(value))
  if (wrong !== undefined) return mistyped(wrong[1], structField('metadata', 'string'))
  return { ...fields, metadata: new Map(values.map(([key, value]) => [key, value === null ? '' : String(value)])) }
}

/** The bytes that would have been published alone. */
function contentOfEvent(contentType: string, event: unknown): string | Uint8Array | BulkFault {
  if (isMediaType(contentType, 'application/json') || isMediaType(contentType, CLOUD_EVENT)) {
    return JSON.stringify(event ?? null)
  }
  if (typeof event !== 'string') return MISMATCH
  if (/^text\//i.test(contentType) || isMediaType(contentType, 'application/xml')) return event
  if (!isMediaType(contentType, OCTET_STREAM)) return MISMATCH
  const bytes = fromBase64(event)
  if (typeof bytes !== 'number') return bytes
  const why = `error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte ${bytes}`
  return { fault: 'event', why }
}

/** Go matches names of members whatever their case; the last one counts. */
function inLowerCase(members: Members): Members {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Whether there is a number in it that no double can hold. */
function hasInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInfinity)
}

function isTextOrNothing(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string'
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function structField(name: string, type: string): string {
  return `struct field bulkPublishMessageEntry.${name} of type ${type}`
}

function mistyped(value: unknown, target: string): BulkFault {
  const type = typeof value === 'boolean' ? 'bool' : Array.isArray(value) ? 'array' : typeof value
  return unreadable(`json: cannot unmarshal ${type} into Go ${target}`)
}

function unreadable(why: string): BulkFault {
  return { fault: 'list', why }
}
