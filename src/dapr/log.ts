/**
 * What a sidecar has to say: entries with a level, a sentence and facts. Who
 * writes them, and how, is the user's business.
 *
 * Layer 19.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Never holds a token or the data of an event. */
export interface LogEntry {
  readonly level: LogLevel
  /** One sentence. What came from outside stands in the facts, or quoted. */
  readonly message: string
  readonly [fact: string]: unknown
}

/** Told of everything that a user may want to know; what it throws is ignored. */
export type Log = (entry: LogEntry) => void

/** A log that never throws. */
export function safeLog(log: Log | undefined): Log {
  if (log === undefined) return () => {}
  return (entry) => {
    try {
      log(entry)
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** What an error says. Whatever was thrown, this throws nothing. */
export function reasonOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'something was thrown that cannot be shown' // an object without a prototype, or with a hostile one
  }
}
