/**
 * The one error class of the library. Callers branch on `code`, never on the
 * message and never on `instanceof`: two copies of a package have two classes.
 *
 * Layer 0.
 */

/** Adding a code is a minor release; renaming or removing one is major. */
export type ErrorCode =
  /** A published topic breaks the grammar of its dialect. Facts: `topic`, `position`. */
  | 'ERR_TOPIC_INVALID'
  /** A filter breaks the grammar of its dialect. Facts: `filter`, `position`. */
  | 'ERR_FILTER_INVALID'
  /** An event, or one of its attributes, breaks CloudEvents 1.0.2. Facts: `attribute`. */
  | 'ERR_EVENT_INVALID'
  /** An option is outside its range, or does not go with another one. Facts: `option`. */
  | 'ERR_OPTION_INVALID'
  /** A subscription with `overflow: 'reject'` has no room. Facts: `topic`, `filter`. */
  | 'ERR_QUEUE_FULL'
  /** The time for settling a message ran out. Facts: `topic`, `filter`. */
  | 'ERR_ACK_WAIT'
  /** A message was dropped and had no dead letter topic. Facts: `topic`, `filter`. */
  | 'ERR_DROPPED'
  /** A message used up its deliveries without an error of its own. Facts: `topic`, `filter`. */
  | 'ERR_EXHAUSTED'
  /** The broker or the subscription has ended. */
  | 'ERR_CLOSED'
  /** `ManualClock.runAll()` found timers that arm each other for ever. */
  | 'ERR_LIVELOCK'

/** What an error is about; each fact is also a property of the error. */
export interface ErrorFacts extends ErrorOptions {
  readonly topic?: string
  readonly filter?: string
  /** Where in the topic, filter or text the trouble is, in UTF-16 code units from 0. */
  readonly position?: number
  /** The name of the option at fault, `backoff.delayMs` for nested ones. */
  readonly option?: string
  /** The name of the CloudEvents attribute at fault. */
  readonly attribute?: string
}

/**
 * Every error that Busbar itself makes.
 *
 * @example
 * try {
 *   await broker.publish('a/+', 1)
 * } catch (error) {
 *   if (error.code === 'ERR_TOPIC_INVALID') console.log(error.position)
 * }
 */
export class BusbarError extends Error {
  override readonly name: string = 'BusbarError'
  readonly code: ErrorCode
  declare readonly topic?: string
  declare readonly filter?: string
  declare readonly position?: number
  declare readonly option?: string
  declare readonly attribute?: string

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    const { cause, ...named } = facts
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    Object.assign(this, named)
  }
}

/**
 * A value as an error message shows it: quoted, on one line, at most 80
 * characters. Never throws, whatever the value.
 */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : describe(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  try {
    return Array.isArray(value) ? 'an array' : 'an object'
  } catch {
    return 'a revoked proxy'
  }
}
