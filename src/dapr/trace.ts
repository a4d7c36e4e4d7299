/**
 * Trace context and baggage: whether what came in a header is fit to travel on.
 * Nothing is traced here: as daprd without an exporter, the sidecar hands on
 * what the publisher sent.
 *
 * Layer 19. Sources: W3C Trace Context, W3C Baggage.
 */

/** Where an event comes from. Both are '' when there is none, or none that is valid. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate: string
}

export const NO_TRACE: TraceContext = { traceparent: '', tracestate: '' }

const TRACEPARENT = /^(?!ff)([\da-f]{2})-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(-[!-~]{0,200})?$/

const TRACESTATE_MEMBER = /^[a-z\d][a-z\d_*/-]{0,255}(?:@[a-z][a-z\d_*/-]{0,13})?=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
const MAX_TRACESTATE_LENGTH = 512
const MAX_TRACESTATE_MEMBERS = 32

const MAX_BAGGAGE_LENGTH = 8192
const BAGGAGE_NAME = "[!#$%&'*+.^_`|~\\w-]+"
const BAGGAGE_VALUE = '[!#-+\\--:<-[\\]-~]*'
const BAGGAGE_MEMBER = RegExp(`^\\s*${BAGGAGE_NAME}\\s*=\\s*${BAGGAGE_VALUE}\\s*$`)
const BAGGAGE_PROPERTY = RegExp(`^\\s*(?:${BAGGAGE_NAME}\\s*(?:=\\s*${BAGGAGE_VALUE}\\s*)?)?$`)

/** Trace Context 2.2: a version from the future may say more, version 00 may not. */
export function isTraceparent(text: string): boolean {
  const match = TRACEPARENT.exec(text)
  return match !== null && (match[2] === undefined || match[1] !== '00')
}

/** Trace Context 2.3. Longer ones than 512 characters are not handed on. */
export function isTracestate(text: string): boolean {
  if (text.length > MAX_TRACESTATE_LENGTH) return false
  const members = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  const given = members.filter((member) => member !== '')
  const names = new Set(given.map((member) => member.slice(0, member.indexOf('='))))
  return (
    given.length > 0 &&
    given.length <= MAX_TRACESTATE_MEMBERS &&
    names.size === given.length &&
    given.every((member) => TRACESTATE_MEMBER.test(member))
  )
}

/** The trace context of a request. Without a valid `traceparent` its `tracestate` does not count. */
export function readTrace(request: { header(name: string): string | undefined }): TraceContext {
  const traceparent = request.header('traceparent')
  if (traceparent === undefined || !isTraceparent(traceparent)) return NO_TRACE
  const tracestate = request.header('tracestate')
  return { traceparent, tracestate: tracestate !== undefined && isTracestate(tracestate) ? tracestate : '' }
}

/**
 * What an event on the wire says for the header of its delivery: the text of
 * `traceparent`, else of `traceid`.
 *
 * @returns '' when it is not valid; undefined when neither is text, which means no header at all
 */
export function traceparentOf(event: Readonly<Record<string, unknown>>): string | undefined {
  const text = [event['traceparent'], event['traceid']].find((value) => typeof value === 'string')
  if (typeof text !== 'string') return undefined
  return isTraceparent(text) ? text : ''
}

/** What is wrong with a `baggage` header, in the words of daprd's parser; undefined when nothing is. */
export function baggageFault(text: string): string | undefined {
  if (text === '') return undefined
  if (text.length > MAX_BAGGAGE_LENGTH) return `baggage-string too large: ${text.length}`
  for (const member of text.split(',')) {
    const [pair = '', ...properties] = member.split(';')
    if (!BAGGAGE_MEMBER.test(pair)) return `invalid baggage list-member: ${JSON.stringify(member)}`
    const wrong = properties.find((property) => !BAGGAGE_PROPERTY.test(property))
    if (wrong !== undefined) return `invalid baggage list-member property: ${JSON.stringify(wrong)}`
  }
  return undefined
}
