/**
 * What a question is: scenarios that measure Busbar beside its peers, and the
 * bars that Busbar is held to.
 */
import type { Bench } from './bench.ts'

/** The name of the contender that all others are compared with. */
export const BUSBAR = 'Busbar'

export interface Question {
  readonly title: string
  /** What is measured, for readers: what one operation is, what the handlers do, who does more or less than others. */
  readonly about: string
  readonly scenarios: readonly Scenario[]
  readonly bars: readonly Bar[]
  /** What the bytes of a figure are. Default: allocated for one operation. */
  readonly bytes?: string
  /** Draw a curve for each contender over rows that are sizes, instead of bars. */
  readonly isCurve?: boolean
}

/** What runs in one process: all contenders of some rows, in turns. */
export interface Scenario {
  readonly name: string
  readonly measure: (bench: Bench) => Promise<void>
  /** In how many processes, one after the other. Default 3; less for what takes long by itself. */
  readonly processes?: number
}

/** What the figures have to show. Held in data, so that a report can say of each one whether it is met. */
export type Bar =
  /** Each peer (or the best of them) takes at least `atLeast` times what Busbar takes, in one row. */
  | {
      readonly kind: 'less'
      readonly of: 'time' | 'bytes'
      readonly row: string
      readonly than: string | readonly string[]
      readonly atLeast: number
    }
  /** Busbar takes at most so many ms in one row. */
  | { readonly kind: 'within'; readonly row: string; readonly ms: number }
  /** The cost at no size is more than `times` the lowest one at a smaller size. */
  | { readonly kind: 'flat'; readonly curve: string; readonly times: number }

/** What one process has measured of one contender in one row. */
export interface Sample {
  readonly row: string
  readonly contender: string
  /** Nanoseconds for one operation, of each round. */
  readonly ns: readonly number[]
  /** Bytes for one operation; see `Question.bytes`. */
  readonly bytes?: number | undefined
}

/** Time bars of one row, one for each peer. */
export function faster(row: string, peers: Readonly<Record<string, number>>): readonly Bar[] {
  return Object.entries(peers).map(([than, atLeast]) => ({ kind: 'less', of: 'time', row, than, atLeast }))
}
