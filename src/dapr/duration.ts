/**
 * Time as Go writes it: durations, `1h30m` or `250ms`, in metadata and in
 * resources; moments, in envelopes.
 *
 * Layer 19. Source: Go's `time.ParseDuration` and `time.RFC3339`.
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

/** RFC 3339 in the zone of this machine, whole seconds. */
export function localTime(wallTime: number): string {
  const offset = -new Date(wallTime).getTimezoneOffset()
  const text = new Date(wallTime + offset * 60_000).toISOString().slice(0, 19)
  if (offset === 0) return `${text}Z`
  const [hours, minutes] = [Math.abs(offset) / 60, Math.abs(offset) % 60].map((part) => String(Math.floor(part)))
  return `${text}${offset < 0 ? '-' : '+'}${hours?.padStart(2, '0')}:${minutes?.padStart(2, '0')}`
}

/** As `localTime`, for one moment after the other: many of them lie in the same second, and have the same text. */
export function localTimes(): (wallTime: number) => string {
  let latest = Number.NaN
  let text = ''
  return (wallTime) => {
    const second = Math.floor(wallTime / 1000)
    if (second !== latest) {
      text = localTime(wallTime)
      latest = second
    }
    return text
  }
}

/** RFC 3339 in UTC, cut to whole seconds. */
export function utcTime(wallTime: number): string {
  return `${new Date(Math.min(wallTime, LAST_TIME)).toISOString().slice(0, 19)}Z`
}
