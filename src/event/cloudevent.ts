/**
 * The record of what happened, as CloudEvents 1.0.2 defines it, and the rules
 * for its attributes. How an event looks on a wire is said in json.ts and
 * http.ts; nothing here reads a clock.
 *
 * Layer 3. Rules: CloudEvents 1.0.2, "Context Attributes" and "Type System".
 */
import { BusbarError, quote } from '../errors.ts'

/**
 * Values that an extension attribute may have: strings, booleans and 32-bit
 * integers. Binary, URI and timestamp travel as strings.
 */
export type ExtensionValue = string | number | boolean

/** A CloudEvent as it comes over a wire, where `time` is optional. Frozen when this library made it. */
export interface WireEvent<T = unknown> {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  /** RFC 3339, as the publisher wrote it. */
  readonly time?: string
  readonly subject?: string
  readonly datacontenttype?: string
  readonly dataschema?: string
  /** Bytes are a `Uint8Array`; absent and `null` are two things. */
  readonly data?: T
  /** Extension attributes are own properties beside the core ones. */
  readonly [extension: string]: unknown
}

/** A frozen CloudEvent that went through a broker, which sees to it that there is a `time`. */
export interface CloudEvent<T = unknown> extends WireEvent<T> {
  /** RFC 3339; UTC with milliseconds unless the publisher gave another one. */
  readonly time: string
}

/** The core attributes that a publisher may choose. `undefined` is the same as absent. */
export interface EventAttributes {
  readonly id?: string | undefined
  readonly source?: string | undefined
  readonly type?: string | undefined
  readonly subject?: string | undefined
  /** A `Date` becomes its ISO string; a string is kept as it is. */
  readonly time?: string | Date | undefined
  readonly datacontenttype?: string | undefined
  readonly dataschema?: string | undefined
}

/** Attributes that obey the rules, as text. */
export type CheckedAttributes = { readonly [Name in keyof EventAttributes]?: string }

/**
 * What an attribute has to be, in words that follow "is no"; the form of its
 * text; and the form of most of it, in which there is nothing forbidden and
 * nothing that JSON escapes, so that one short look at it is enough.
 */
type Rule = readonly [kind: string, form: RegExp, plain: RegExp]

const TIME =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))T((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

// RFC 3986: every % escapes; a scheme, or no colon before the first slash; [ and ] around an address only; path, query,
// fragment. What a scheme makes of its authority (a port that is no number, say) is not looked at.
const URI_REFERENCE =
  /^(?!$|.*%(?![\da-f]{2}))(?:[a-z][a-z\d+.-]*:|(?![^/?#]*:))(?:\/\/[!$%-.\w:;=~@]*\[[\w.:]+](?=[:/?#]|$))?[!$%-;=@\w~]*(?:\?[!$%-;=?@\w~]*)?(?:#[!$%-;=?@\w~]*)?$/i

// RFC 2046, with the blanks that HTTP allows: type/subtype, then parameters with a token or a quoted string, all ASCII.
const MEDIA_TYPE =
  /^[!#-'*+.^`|~\w-]+\/[!#-'*+.^`|~\w-]+(?: *; *[!#-'*+.^`|~\w-]+=(?:[!#-'*+.^`|~\w-]+|"(?:[ !#-[\]-~]|\\[ -~])*"))*$/

/** The last two of each of the 17 planes of Unicode. */
const LAST_TWO = Array.from({ length: 17 }, (_, plane) =>
  String.fromCodePoint(plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff),
)

/**
 * Control characters, lone surrogates and noncharacters: what the type String leaves out. Not as `\p{NChar}` and the
 * like, for which engines look through all of Unicode: a tenth of the time to import the broker.
 */
export const FORBIDDEN: RegExp = RegExp(
  `[\\0-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufdd0-\\ufdef${LAST_TWO.join('')}]`,
  'gu',
)

/** Printable ASCII but for `"` and `\`. */
const PLAIN = /^[ !#-[\]-~]*$/
/** In UTC, and on a day that every month has. */
const PLAIN_TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z$/

const URI: Rule = ['URI-reference', URI_REFERENCE, /^[\w./~-]+$/]
const TEXT: Rule = ['printable text', /\S/, /^[!#-[\]-~][ !#-[\]-~]*$/]
/** Its form is left to parseTime. */
const TIMESTAMP: Rule = ['RFC 3339 time', /^/, PLAIN_TIME]
const EXTENSION: Rule = ['printable text, boolean or 32-bit integer', /^/, PLAIN]

/** The core attributes; everything else in an event is `data` or an extension. */
const CORE: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['id', TEXT],
  ['type', TEXT],
  ['subject', TEXT],
  ['time', TIMESTAMP],
  ['source', URI],
  // RFC 3986 4.3 has no fragment, but a schema inside a document is named by one and every SDK takes it.
  ['dataschema', ['absolute URI', RegExp(`(?=[^/?#]+:)${URI_REFERENCE.source}`, 'i'), /^https?:\/\/[\w./-]+$/]],
  ['datacontenttype', ['media type', MEDIA_TYPE, /^\w+\/[\w.+-]+$/]],
  ['specversion', ['1.0', /^1\.0$/, /^1\.0$/]],
])

/** An own property of an event; what a polluted prototype adds is nothing. */
export function own(event: object, name: string): unknown {
  return Object.hasOwn(event, name) ? Reflect.get(event, name) : undefined
}

/** @throws {BusbarError} `ERR_EVENT_INVALID`, always: the attribute's name, its value and why, as `is missing` */
export function refuse(attribute: string, value: unknown, why: string): never {
  throw new BusbarError('ERR_EVENT_INVALID', `Invalid attribute ${quote(attribute)}: ${quote(value)} ${why}`, {
    attribute,
  })
}

/**
 * One attribute, core or extension: its name and its value.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function checkAttribute(name: string, value: unknown): void {
  const rule = CORE.get(name) ?? extensionRule(name)
  if (!isPlain(value, rule)) checkClosely(name, value, rule)
}

/**
 * One attribute as JSON text.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function printAttribute(name: string, value: unknown): string {
  const rule = CORE.get(name) ?? extensionRule(name)
  if (isPlain(value, rule)) return `"${value}"`
  checkClosely(name, value, rule)
  return JSON.stringify(value)
}

/** What a broker stamps on every event as the beginning of a JSON object. @returns '' when it takes a closer look than most of it needs */
export function printStamps({ specversion, id, source, type, time }: WireEvent): string {
  const arePlain = isPlain(id, TEXT) && isPlain(source, URI) && isPlain(type, TEXT) && isPlain(time, TIMESTAMP)
  if (specversion !== '1.0' || !arePlain) return ''
  return `{"specversion":"1.0","id":"${id}","source":"${source}","type":"${type}","time":"${time}"`
}

function isPlain(value: unknown, rule: Rule): boolean {
  return typeof value === 'string' && rule[2].test(value)
}

function checkClosely(name: string, value: unknown, rule: Rule): void {
  const [kind, form] = rule
  const holds =
    typeof value === 'string'
      ? form.test(value) && value.search(FORBIDDEN) < 0 && (rule !== TIMESTAMP || parseTime(value) !== undefined)
      : rule === EXTENSION && (typeof value === 'boolean' || (typeof value === 'number' && (value | 0) === value))
  if (!holds) refuse(name, value, `is no ${kind}`)
}

/** CloudEvents 1.0.2, "Naming Conventions": a-z and 0-9, and `data` is no attribute. */
function extensionRule(name: string): Rule {
  if (!/^(?!data$)[a-z\d]+$/.test(name)) refuse(name, name, 'is no attribute name')
  return name === 'expirytime' ? TIMESTAMP : EXTENSION
}

/**
 * A checked copy of the core attributes among the own properties of `given`;
 * other properties are left out.
 *
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function checkAttributes(given: EventAttributes): CheckedAttributes {
  const checked: Record<string, string> = {}
  // Not Object.entries, which makes a list for each of them; this is done for every publish with attributes.
  for (const name of Object.keys(given)) {
    const value = given[name as keyof EventAttributes] // if it is none of them, the next line leaves it out
    if (value === undefined || !CORE.has(name)) continue
    // toJSON, because toISOString throws for a Date that is none.
    const text: unknown = name === 'time' && value instanceof Date ? value.toJSON() : value
    checkAttribute(name, text)
    checked[name] = text as string // the rules of core attributes hold for strings only
  }
  return checked
}

/**
 * A checked copy of extension attributes, own properties only; what is
 * `undefined` is left out. Names longer than 20 characters are legal.
 *
 * @param checked what they are added to, and which is returned
 * @throws {BusbarError} `ERR_EVENT_INVALID`
 */
export function checkExtensions(
  given: Readonly<Record<string, ExtensionValue | undefined>>,
  checked: CheckedAttributes = {},
): CheckedAttributes & Readonly<Record<string, ExtensionValue>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) refuse('extensions', given, 'is no object')
  // One property after the other, because V8 takes several times as long to spread this many into one object.
  const added = checked as CheckedAttributes & Record<string, ExtensionValue>
  for (const name of Object.keys(given)) {
    const value = given[name]
    if (value === undefined) continue
    if (CORE.has(name)) refuse(name, value, 'is no extension')
    checkAttribute(name, value)
    added[name] = value
  }
  return added
}

/**
 * The moment that an RFC 3339 text names, in ms since 1970-01-01T00:00Z. What
 * is finer than a millisecond is cut off. A leap second is legal at the end of
 * a month in UTC and counts as the second after it.
 *
 * @returns undefined when `text` is not RFC 3339 or names a day that does not exist
 */
export function parseTime(text: string): number | undefined {
  const match = TIME.exec(String(text).toUpperCase())
  if (match === null) return undefined
  const [, date, day, minute, second, fraction = '', zone] = match
  // Of 30 February some engines make a day of March.
  if (Number(day) > 28 && new Date(`${date}T00:00Z`).getUTCDate() !== Number(day)) return undefined
  const ms = Date.parse(`${date}T${minute}${zone}`) + Number(second) * 1000 + Number(`${fraction}000`.slice(0, 3))
  return second === '60' && !new Date(ms).toISOString().includes('-01T00:00:00') ? undefined : ms
}
