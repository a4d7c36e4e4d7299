/**
 * Metadata of a publish: what the query says about the event. Request headers
 * never become metadata.
 *
 * Layer 20. Source: daprd's pub/sub API and `metadata/utils.go` of its components.
 */
import { MAX_DURATION_MS, parseGoDuration } from './duration.ts'
import type { Metadata } from './wire.ts'

/** What a publisher may say about the envelope of a plain event; '' is not the same as absent. */
export type Overrides = Readonly<Partial<Record<Override, string>>>
type Override = 'id' | 'source' | 'type' | 'subject' | 'traceid' | 'traceparent' | 'tracestate'

export const NO_METADATA: Metadata = new Map()

/** More is refused. */
export const MAX_METADATA_KEYS = 100

const PREFIX = 'metadata.'
const OVERRIDE = /^cloudevent\.(id|source|type|subject|traceid|traceparent|tracestate)$/i

/** Every query parameter that begins with `metadata.`, without that; the first of equal names counts. */
export function metadataOf(query: string): Metadata {
  if (query === '') return NO_METADATA
  const metadata = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    const key = name.slice(PREFIX.length)
    if (name.startsWith(PREFIX) && !metadata.has(key)) metadata.set(key, value)
  }
  return metadata
}

/**
 * How long the event may wait: `ttl`, else `ttlInSeconds`, whatever their case,
 * as a Go duration or in whole seconds.
 *
 * @returns ms, 0 or more and at most what Go can hold; undefined when there is none, and also for junk, which daprd ignores
 */
export function ttlOf(metadata: Metadata): number | undefined {
  const text = lookUp(metadata, 'ttl') ?? lookUp(metadata, 'ttlinseconds')
  if (text === undefined) return undefined
  const duration = parseGoDuration(text)
  if (duration !== undefined) return Math.max(0, duration)
  // 0 is a duration, and fewer seconds than that are junk.
  if (!/^\+?\d+$/.test(text) || Number(text) === 0) return undefined
  return Math.min(Number(text) * 1000, MAX_DURATION_MS)
}

/** A boolean as Go reads it; '' is false. @returns undefined when `text` is none */
export function parseGoBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  return /^(?:0|f|F|FALSE|false|False|)$/.test(text) ? false : undefined
}

/** The keys `cloudevent.*`, whatever their case. */
export function overridesOf(metadata: Metadata): Overrides {
  const overrides: Partial<Record<Override, string>> = {}
  for (const [key, value] of metadata) {
    const name = OVERRIDE.exec(key)?.[1]?.toLowerCase()
    if (name !== undefined) overrides[name as Override] = value // the expression lists them all
  }
  return overrides
}

function lookUp(metadata: Metadata, lowerCaseName: string): string | undefined {
  for (const [key, value] of metadata) if (key.toLowerCase() === lowerCaseName) return value
  return undefined
}
