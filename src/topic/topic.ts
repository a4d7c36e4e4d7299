/**
 * The grammar of topics and filters: what may be published and what may be
 * subscribed to. Everything behind these checks takes well-formed text for
 * granted.
 *
 * Layer 3. One pass over the text, which ends at the first fault.
 */
import { BusbarError, quote } from '../errors.ts'
import { type Dialect, type Rules, rulesOf } from './dialect.ts'

const MAX_BYTES = 65_535
const MAX_LEVELS = 128

/**
 * Accepts a topic that may be published: 1 to 65 535 bytes of well-formed
 * UTF-8 without NUL, at most 128 levels, no wildcards.
 *
 * @throws {BusbarError} `ERR_TOPIC_INVALID` with the position of the first fault
 */
export function checkTopic(topic: unknown, dialect: Dialect): asserts topic is string {
  check(topic, 'topic', rulesOf[dialect])
}

/**
 * Accepts a filter that may be subscribed to: as a topic, but with wildcards
 * where the dialect allows them.
 *
 * @throws {BusbarError} `ERR_FILTER_INVALID` with the position of the first fault
 */
export function checkFilter(filter: unknown, dialect: Dialect): asserts filter is string {
  check(filter, 'filter', rulesOf[dialect])
}

/** Whether a checked filter can match anything but the topic of the same name. */
export function isWildcard(filter: string, dialect: Dialect): boolean {
  const { separator, single, multi } = rulesOf[dialect]
  // Without levels a wildcard is one only at the very end.
  for (let i = separator < 0 ? filter.length - 1 : 0; i < filter.length; i++) {
    const unit = filter.charCodeAt(i)
    if (unit === single || unit === multi) return true
  }
  return false
}

type Kind = 'topic' | 'filter'

/** The first fault ends it, so hostile text costs no more than the longest legal one. */
function check(text: unknown, kind: Kind, rules: Rules): void {
  if (typeof text !== 'string') refuse(kind, text, 0, 'not a string')
  if (text === '') refuse(kind, text, 0, 'empty')
  const { separator, single, emptyLevels } = rules
  // Without levels a wildcard character is never out of place.
  const multi = separator < 0 ? -1 : rules.multi
  let bytes = 0
  let levels = 1
  let multis = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === separator) {
      if (i === start && !emptyLevels) refuse(kind, text, i, 'empty level')
      start = i + 1
      if (++levels > MAX_LEVELS) refuse(kind, text, start, `more than ${MAX_LEVELS} levels`)
    } else if (unit === single || unit === multi) {
      if (kind === 'topic') refuse(kind, text, i, 'wildcard in a topic')
      if (i > start || (i + 1 < text.length && text.charCodeAt(i + 1) !== separator)) {
        refuse(kind, text, i, 'wildcard inside a level')
      }
      if (unit === multi) {
        if (++multis > rules.multis) refuse(kind, text, i, 'too many multi-level wildcards')
        if (rules.multis === 1 && i + 1 < text.length)
          refuse(kind, text, i, 'multi-level wildcard before the last level')
      }
    } else if (unit === 0) {
      refuse(kind, text, i, 'NUL')
    }
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
    if ((unit & 0xf800) === 0xd800) {
      // A high surrogate and the low one behind it are four bytes together.
      if (unit > 0xdbff || (text.charCodeAt(i + 1) & 0xfc00) !== 0xdc00) refuse(kind, text, i, 'lone surrogate')
      i++
      bytes++
    }
    if (bytes > MAX_BYTES) refuse(kind, text, i, `more than ${MAX_BYTES} bytes`)
  }
  if (start === text.length && !emptyLevels) refuse(kind, text, start, 'empty level')
}

function refuse(kind: Kind, text: unknown, position: number, why: string): never {
  const facts = typeof text === 'string' ? { [kind]: text, position } : { position }
  const code = kind === 'topic' ? 'ERR_TOPIC_INVALID' : 'ERR_FILTER_INVALID'
  throw new BusbarError(code, `Invalid ${kind} ${quote(text)} at ${position}: ${why}`, facts)
}
