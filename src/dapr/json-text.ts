/**
 * JSON as text, for what has to go on unchanged: taking an object apart and
 * putting it together again keeps every digit of its numbers, which parsing and
 * writing would not. Reads and writes as Go does: the first value of a text
 * counts and what follows is ignored; `<`, `>` and `&` are escaped.
 *
 * Layer 19.
 */

/** How deep arrays and objects may nest. Parsing survives more, writing and copying do not. */
const MAX_DEPTH = 128

/** The first value of a text: as it was written, and what it means. */
export interface JsonValue {
  readonly text: string
  readonly value: unknown
}

/** Why there is none, in Go's words where it has simple ones. */
export interface JsonFault {
  readonly fault: string
}

/** ASCII without what is escaped; most text is, and writing it so takes a third of the time. */
const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Looks at brackets outside of strings only, and never at more than it needs, so it costs little whatever the text. */
export function isTooDeep(text: string): boolean {
  // Nesting deeper takes an opening and a closing bracket each.
  if (text.length <= 2 * MAX_DEPTH) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      at = endOfString(text, at) - 1
      if (at < 0) return false
    } else if (isOpening(unit)) {
      if (++depth > MAX_DEPTH) return true
    } else if (isClosing(unit)) depth--
  }
  return false
}

/** The first JSON value of `text`; what follows it is ignored. A member that occurs twice counts where it is last. */
export function firstValue(text: string): JsonValue | JsonFault {
  const whole = parsed(text)
  if (whole !== undefined) return whole
  const start = skipBlanks(text, 0)
  if (start === text.length) return { fault: 'EOF' }
  const end = endOfValue(text, start)
  if (end < 0) return { fault: 'unexpected EOF' }
  if (end === start) return { fault: `invalid character '${text.charAt(start)}' looking for beginning of value` }
  return parsed(text.slice(start, end)) ?? { fault: 'invalid JSON' }
}

/**
 * The members of a JSON object, each value as it is written. Of two with one
 * name the last counts.
 *
 * @param text an object that `firstValue` has read
 */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>()
  let at = skipBlanks(text, text.indexOf('{') + 1)
  while (text.charCodeAt(at) === QUOTE) {
    const afterName = endOfString(text, at)
    const start = skipBlanks(text, text.indexOf(':', afterName) + 1)
    const end = endOfValue(text, start)
    members.set(JSON.parse(text.slice(at, afterName)), text.slice(start, end))
    const comma = skipBlanks(text, end)
    at = skipBlanks(text, comma + 1)
  }
  return members
}

/** The JSON object with these members, whose values are JSON already. */
export function writeObject(members: ReadonlyMap<string, string>): string {
  return `{${Array.from(members, ([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`
}

/**
 * The JSON object with these members, all of them text; those that are
 * undefined are left out.
 *
 * @param first a member that is written already, or ''
 */
export function writeStrings(first: string, members: Readonly<Record<string, string | undefined>>): string {
  let text = `{${first}`
  let separator = first === '' ? '' : ','
  for (const name of Object.keys(members)) {
    const value = members[name]
    if (value === undefined) continue
    text += `${separator}"${name}":${goString(value)}`
    separator = ','
  }
  return `${text}}`
}

/** A JSON string that is safe inside a page. */
export function goString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  const json = JSON.stringify(text)
  return /[<>&\u2028\u2029]/.test(json) ? json.replace(/[<>&\u2028\u2029]/g, unicodeEscape) : json
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function parsed(text: string): JsonValue | undefined {
  try {
    return { text, value: JSON.parse(text) }
  } catch {
    // Not JSON is an answer here: the caller asks what else the text may be.
    return undefined
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++
  return at
}

/** Behind the string that begins at `start`, or -1 when it does not end. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return -1
}

/** Behind the value that begins at `start`: -1 when it does not end, `start` when nothing begins there. */
function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return endOfString(text, start)
  if (!isOpening(first)) return endOfScalar(text, start)
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      at = endOfString(text, at) - 1
      if (at < 0) return -1
    } else if (isOpening(unit)) depth++
    else if (isClosing(unit) && --depth === 0) return at + 1
  }
  return -1
}

function endOfScalar(text: string, start: number): number {
  const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
  scalar.lastIndex = start
  return scalar.test(text) ? scalar.lastIndex : start
}

/** `[` or `{`: they differ in one bit. */
function isOpening(unit: number): boolean {
  return (unit | 0x20) === 0x7b
}

/** `]` or `}`. */
function isClosing(unit: number): boolean {
  return (unit | 0x20) === 0x7d
}
