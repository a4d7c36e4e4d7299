/**
 * Figures as readers see them. A figure has as many digits as it deserves:
 * measured twice, the third one is another one.
 */
import type { Verdict } from './bars.ts'
import type { Figure } from './statistics.ts'

/** @example time(7.71) // '7.7 ns' */
export function time(ns: number): string {
  return ns < 1e6 ? `${digits(ns)} ns` : `${digits(ns / 1e6)} ms`
}

export function size(bytes: number): string {
  return bytes < 1e5 ? `${digits(bytes)} B` : `${digits(bytes / 1024)} KiB`
}

export function ratio(value: number): string {
  return `${value < 9.95 ? value.toPrecision(2) : digits(value)} ×`
}

/** Half of the way between the quartiles, in terms of the median. */
export function spread({ ns, low, high }: Figure): string {
  return `± ${digits((100 * (high - low)) / 2 / ns)} %`
}

export function measured({ measured, unit }: Verdict): string {
  if (measured === undefined) return 'not measured'
  return unit === '×' ? ratio(measured) : `${digits(measured)} ${unit}`
}

/** @example count(65536) // '65 536' */
export function count(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** One decimal below 10. */
function digits(value: number): string {
  return Math.abs(value) < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : count(Math.round(value))
}
