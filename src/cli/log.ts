/**
 * Lines of a log, as text or as JSON: told an entry, makes one line of it. What
 * others said (topics, ids, errors) cannot break out of its line, colour a
 * terminal, flood the log or show a token.
 *
 * Layer 34. Source of the JSON keys: daprd's log.
 */

import type { Log, LogEntry, LogLevel } from '../dapr/log.ts'

export interface LogOptions {
  /** The lowest level that is written. */
  readonly level: LogLevel
  readonly asJson: boolean
  readonly appId: string
  /** Texts that no line shows. */
  readonly secrets: readonly string[]
  /** Milliseconds since 1970. */
  wallTime(): number
  /** Takes one line with its end. */
  write(line: string): void
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Characters of one text that a line shows. */
const MAX_TEXT = 2_000

/** Never throws, whatever the facts are. */
export function createLog(options: LogOptions): Log {
  const { level: lowest, asJson, write, wallTime } = options
  const line = asJson ? jsonLine : textLine
  return (entry) => {
    if (RANK[entry.level] < RANK[lowest]) return
    const time = new Date(wallTime()).toISOString()
    write(`${line(time, entry, options).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escaped)}\n`)
  }
}

function jsonLine(time: string, { level, message, ...facts }: LogEntry, { appId, secrets }: LogOptions): string {
  const entry = { time, level, type: 'log', app_id: appId, msg: message }
  const members = Object.entries({ ...facts, ...entry }).map(
    ([name, value]) => `${JSON.stringify(name)}:${show(value, secrets)}`,
  )
  return `{${members.join(',')}}`
}

function textLine(time: string, { level, message, ...facts }: LogEntry, { secrets }: LogOptions): string {
  const shown = Object.entries(facts).map(
    ([name, value]) => ` ${name}=${show(value, secrets).replace(/^"([\w.:/@+-]+)"$/, '$1')}`,
  )
  return `${time} ${level.padEnd(5)} ${clean(message, secrets)}${shown.join('')}`
}

/** Any value as JSON. */
function show(value: unknown, secrets: readonly string[]): string {
  try {
    return JSON.stringify(value, (_, inner: unknown) => simple(inner, secrets)) ?? 'null'
  } catch {
    return '"(cannot be shown)"' // a circle, or a getter that throws: the rest of the line is worth more
  }
}

function simple(value: unknown, secrets: readonly string[]): unknown {
  if (value instanceof Error) return clean(describe(value), secrets)
  if (typeof value === 'string') return clean(value, secrets)
  return typeof value === 'bigint' ? String(value) : value
}

/** An error and what caused it, without stacks. */
function describe(error: Error): string {
  const text = `${error.name}: ${error.message}`
  return error.cause instanceof Error && error.cause !== error ? `${text} (${describe(error.cause)})` : text
}

function clean(text: string, secrets: readonly string[]): string {
  const hidden = secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  return hidden.length > MAX_TEXT ? `${hidden.slice(0, MAX_TEXT)}... (${hidden.length} characters)` : hidden
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
