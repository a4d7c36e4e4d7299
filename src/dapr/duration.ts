/**
 * Time as Go writes it: durations, `1h30m` or `250ms`, in metadata, in resources
 * and in what the sidecar says about itself; moments, in envelopes.
 *
 * Layer 17. Source: Go's `time.ParseDuration`, `time.Duration.String`, and
 * `time.RFC3339`.
 */

/** Units in ms. The micro sign comes in two code points. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['\u00b5s', 1e-3],
  ['\u03bcs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** The longest duration that Go has, 2^63 - 1 ns, in ms: about 292 years. */
export const MAX_DURATION_MS: number = 2 ** 63 / 1e6

/** The last moment that RFC 3339 has a name for. */
const LAST_TIME = 253_402_300_799_000

/** @returns ms, may be fractional or negative; undefined when `text` is no duration, as `5d` and `1.5`, or too long for Go */
export function parseGoDuration(text: string): number | undefined {
  const unsigned = text.replace(/^[+-]/, '')
  if (unsigned === '0') return 0
  const step = /(\d+(?:\.\d*)?|\.\d+)([a-z\u00b5\u03bc]+)/y
  let ms = 0
  while (step.lastIndex < unsigned.length) {
    const [, count, unit = ''] = step.exec(unsigned) ?? []
    const factor = UNITS.get(unit)
    if (factor === undefined) return undefined
    ms += Number(count) * factor
  }
  if (unsigned === '' || ms > MAX_DURATION_MS) return undefined
  return text.startsWith('-') ? -ms : ms
}

/** @param ms finite @returns as `1h0m0s`, `1.5s`, `100ms`, `0s` */
export function formatGoDuration(ms: number): string {
  if (ms < 0) return `-${formatGoDuration(-ms)}`
  const ns = Math.round(ms * 1e6)
  if (ns === 0) return '0s'
  if (ns < 1e3) return `${ns}ns`
  if (ns < 1e6) return `${ns / 1e3}\u00b5s`
  if (ns < 1e9) return `${ns / 1e6}ms`
  const minutes = Math.floor(ns / 60e9)
  const seconds = `${((ns - minutes * 60e9) / 1e9).toFixed(9).replace(/\.?0+$/, '')}s`
  if (minutes === 0) return seconds
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`
}

/** RFC 3339 in the zone of this machine, whole seconds. */
export function localTime(wallTime: number): string {
  const offset = -new Date(wallTime).getTimezoneOffset()
  const text = new Date(wallTime + offset * 60_000).toISOString().slice(0, 19)
  if (offset === 0) return `${text}Z`
  const [hours, minutes] = [Math.abs(offset) / 60, Math.abs(offset) % 60].map((part) => String(Math.floor(part)))
  return `${text}${offset < 0 ? '-' : '+'}${hours?.padStart(2, '0')}:${minutes?.padStart(2, '0')}`
}

/** RFC 3339 in UTC, cut to whole seconds. */
export function utcTime(wallTime: number): string {
  return `${new Date(Math.min(wallTime, LAST_TIME)).toISOString().slice(0, 19)}Z`
}
