/**
 * From samples to figures: medians, their spread, and ratios. Nothing here
 * knows what was measured.
 */
import { BUSBAR, type Sample } from './question.ts'

/** What all processes together say of one contender in one row. */
export interface Figure {
  readonly row: string
  readonly contender: string
  /** Median over the processes of the median over their rounds. */
  readonly ns: number
  /** Quartiles over all rounds. */
  readonly low: number
  readonly high: number
  readonly bytes: number | undefined
  /** What Busbar takes, times this, is what the contender takes; 1 for Busbar, undefined where it has no part. */
  readonly timeRatio: number | undefined
  readonly bytesRatio: number | undefined
}

/** @param q from 0, the smallest, to 1, the largest; between two values the line is straight */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** One figure for each row and contender, in the order of the first process. @param processes the samples of each */
export function figuresOf(processes: readonly (readonly Sample[])[]): readonly Figure[] {
  const first = processes[0] ?? []
  return first.map(({ row, contender }) => {
    // Some rows are measured in fewer processes than others.
    const found = processes.flatMap((samples): readonly Pair[] => {
      const own = find(samples, row, contender)
      return own === undefined ? [] : [{ own, base: find(samples, row, BUSBAR) }]
    })
    const rounds = found.flatMap(({ own }) => own.ns)
    return {
      row,
      contender,
      ns: median(found.map(({ own }) => timeOf(own))),
      low: quantile(rounds, 0.25),
      high: quantile(rounds, 0.75),
      bytes: known(median(found.map(({ own }) => bytesOf(own)))),
      // A ratio holds within one process; of these the median counts.
      timeRatio: known(median(found.map(({ own, base }) => timeOf(own) / timeOf(base)))),
      bytesRatio: known(median(found.map(({ own, base }) => bytesOf(own) / bytesOf(base)))),
    }
  })
}

/** A contender and Busbar, in the same row and process. */
interface Pair {
  readonly own: Sample
  readonly base: Sample | undefined
}

function find(samples: readonly Sample[], row: string, contender: string): Sample | undefined {
  return samples.find((sample) => sample.row === row && sample.contender === contender)
}

function timeOf(sample: Sample | undefined): number {
  return sample === undefined ? Number.NaN : median(sample.ns)
}

function bytesOf(sample: Sample | undefined): number {
  return sample?.bytes ?? Number.NaN
}

function known(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}
