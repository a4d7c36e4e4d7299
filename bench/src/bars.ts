/**
 * Whether Busbar clears the bars that it is held to.
 */
import { type Bar, BUSBAR } from './question.ts'
import type { Figure } from './statistics.ts'

export interface Verdict {
  /** The bar, in words. */
  readonly says: string
  /** What was measured, in the unit of the bar; undefined when the run has no figure for it. */
  readonly measured: number | undefined
  readonly unit: '×' | 'ms'
  readonly isMet: boolean
}

export function judge(bar: Bar, figures: readonly Figure[]): Verdict {
  if (bar.kind === 'within') {
    const measured = figureOf(figures, bar.row, BUSBAR)?.ns
    const ms = measured === undefined ? undefined : measured / 1e6
    return { says: `${bar.row}: at most ${bar.ms} ms`, measured: ms, unit: 'ms', isMet: isAtMost(ms, bar.ms) }
  }
  if (bar.kind === 'flat') {
    const measured = growthOf(figures.filter(({ contender }) => contender === bar.curve))
    const says = `${bar.curve}: never more than ${bar.times} × what a smaller size costs`
    return { says, measured, unit: '×', isMet: isAtMost(measured, bar.times) }
  }
  const peers = typeof bar.than === 'string' ? [bar.than] : bar.than
  const ratios = peers.flatMap((peer) => {
    const figure = figureOf(figures, bar.row, peer)
    return (bar.of === 'time' ? figure?.timeRatio : figure?.bytesRatio) ?? []
  })
  const measured = ratios.length === 0 ? undefined : Math.min(...ratios)
  const who = peers.length === 1 ? peers[0] : 'the best peer'
  const speed = bar.atLeast === 1 ? `no slower than ${who}` : `${bar.atLeast} × the speed of ${who}`
  const what = bar.of === 'time' ? speed : `1/${bar.atLeast} of the bytes of ${who}`
  return { says: `${bar.row}: ${what}`, measured, unit: '×', isMet: measured !== undefined && measured >= bar.atLeast }
}

/** The largest cost, in terms of the lowest one at a smaller size. @param curve by size, the smallest first */
function growthOf(curve: readonly Figure[]): number | undefined {
  let lowest = Infinity
  let growth: number | undefined
  for (const { ns } of curve) {
    lowest = Math.min(lowest, ns)
    growth = Math.max(growth ?? 1, ns / lowest)
  }
  return growth
}

function figureOf(figures: readonly Figure[], row: string, contender: string): Figure | undefined {
  return figures.find((figure) => figure.row === row && figure.contender === contender)
}

function isAtMost(measured: number | undefined, limit: number): boolean {
  return measured !== undefined && measured <= limit
}
