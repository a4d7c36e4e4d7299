/**
 * The five dialects of topics and filters, each as a record of its rules.
 * Facts only; `topic.ts` reads them to check, `params.ts` to compare,
 * `matcher.ts` to match.
 *
 * Layer 1. Sources: MQTT 5.0 section 4.7; NATS subject-based messaging;
 * AMQP 0-9-1 topic exchanges; Dapr's in-memory pub/sub (`prefix`).
 */

/** How topics are divided into levels, and what stands for any level in a filter. */
export type Dialect = 'mqtt' | 'nats' | 'amqp' | 'prefix' | 'exact'

/** Characters are code units; -1 where the dialect has none. */
export interface Rules {
  /** Stands between two levels. */
  readonly separator: number
  /** Stands for exactly one level. */
  readonly single: number
  /** Stands for several levels; in `prefix`, at the very end, for the rest of the topic. */
  readonly multi: number
  /** The fewest levels that `multi` stands for. */
  readonly least: 0 | 1
  /** How many `multi` a filter may hold; only where there may be several can one stand before the last level. */
  readonly multis: 1 | 3
  /** Whether a level may be empty. */
  readonly emptyLevels: boolean
  /** A topic that begins with it is hidden from filters that begin with a wildcard. */
  readonly hidden: number
}

const slash = 0x2f
const dot = 0x2e
const plus = 0x2b
const hash = 0x23
const star = 0x2a
const greater = 0x3e
const dollar = 0x24

/** Without levels and wildcards. */
const plain: Rules = {
  separator: -1,
  single: -1,
  multi: -1,
  least: 1,
  multis: 1,
  emptyLevels: true,
  hidden: -1,
}

/** The rules that `dialect` goes by. */
export const rulesOf: Readonly<Record<Dialect, Rules>> = {
  mqtt: { ...plain, separator: slash, single: plus, multi: hash, least: 0, hidden: dollar },
  nats: { ...plain, separator: dot, single: star, multi: greater, emptyLevels: false },
  amqp: { ...plain, separator: dot, single: star, multi: hash, least: 0, multis: 3, emptyLevels: false },
  prefix: { ...plain, multi: star },
  exact: plain,
}
