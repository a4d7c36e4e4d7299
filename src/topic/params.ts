/**
 * One filter laid upon one topic: do they match, and what did the wildcards
 * stand for? Both have been checked.
 *
 * Layer 4. Knows one pair at a time; `matcher.ts` finds the filters worth laying.
 */
import { none } from '../none.ts'
import { type Dialect, type Rules, rulesOf } from './dialect.ts'
import { isWildcard } from './topic.ts'

/** Whether a subscription to `filter` gets what is published under `topic`. */
export function matches(filter: string, topic: string, dialect: Dialect): boolean {
  return filter === topic || lay(filter, topic, rulesOf[dialect])
}

/**
 * What the wildcards of `filter` stood for, in order. A multi-level wildcard
 * gives the levels it took, joined by the separator, `''` for none. Of several
 * multi-level wildcards each takes as few levels as it can, the leftmost first.
 *
 * @param topic one that the filter matches
 */
export function captureParams(filter: string, topic: string, dialect: Dialect): readonly string[] {
  if (!isWildcard(filter, dialect)) return none
  const params: string[] = []
  lay(filter, topic, rulesOf[dialect], params)
  return params
}

/**
 * Unit by unit, and first as far as they are the same. Where they differ the filter has to have a wildcard; topics have
 * none, so a wildcard always differs. When there is no way on, the last
 * multi-level wildcard takes one more level and what stands behind it starts
 * again; the wildcards before that one need not, because it can take all that
 * they leave. So the work is at most the length of the filter times the levels
 * of the topic.
 */
function lay(filter: string, topic: string, rules: Rules, params?: string[]): boolean {
  const { separator, single, multi } = rules
  if (separator < 0) return layTail(filter, topic, multi, params)
  if (topic.charCodeAt(0) === rules.hidden && filter.charCodeAt(0) !== rules.hidden) return false
  // Both end in a separator that is not there, so that all levels are alike.
  let f = 0
  let t = 0
  // The last multi-level wildcard: what stands behind it, what it has taken, its place in `params`.
  let behind = -1
  let from = 0
  let taken = 0
  let place = 0
  while (f <= filter.length || t <= topic.length) {
    for (; f < filter.length && t < topic.length && filter.charCodeAt(f) === topic.charCodeAt(t); f++) t++
    const unit = f < filter.length ? filter.charCodeAt(f) : f === filter.length ? separator : -1
    if (t <= topic.length && unit === (t < topic.length ? topic.charCodeAt(t) : separator)) {
      f++
      t++
    } else if (unit === multi) {
      if (f + 1 === filter.length) {
        params?.push(topic.slice(t))
        return t <= topic.length || rules.least === 0
      }
      behind = f += 2
      from = taken = t
      if (params) place = params.push('') - 1
    } else if (unit === single && t <= topic.length) {
      const end = levelEnd(topic, t, separator)
      params?.push(topic.slice(t, end))
      f += 1
      t = end
    } else {
      if (behind < 0 || taken > topic.length) return false
      f = behind
      t = taken = levelEnd(topic, taken, separator) + 1
      params?.splice(place, params.length, topic.slice(from, taken - 1))
    }
  }
  return true
}

/** A filter without levels: a wildcard at its very end takes at least one unit. */
function layTail(filter: string, topic: string, multi: number, params?: string[]): boolean {
  const end = filter.length - 1
  params?.push(topic.slice(end))
  return filter.charCodeAt(end) === multi && topic.length > end && topic.startsWith(filter.slice(0, end))
}

function levelEnd(text: string, from: number, separator: number): number {
  let end = from
  while (end < text.length && text.charCodeAt(end) !== separator) end++
  return end
}
