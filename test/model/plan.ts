/**
 * The commands of the model, as plain data, and how fast-check makes them. A
 * run is a list of these; a counterexample is one that can be pasted.
 */
import * as fc from 'fast-check'

/** The waits after nack(7), for every handler that does that. */
export const NACK_MS: number = 7 * 64 + 1
/** How far extend() moves the end of an ack wait. */
export const EXTEND_MS: number = 30 * 64

/** What a handler does with one message. */
export interface Act {
  /** When: in the call, after a microtask, when the scheduler says so, or when a `release` says so. */
  readonly when: 'sync' | 'micro' | 'scheduled' | 'held'
  readonly how: How
  /** What it does first. */
  readonly inside?: Inside
}

export const HOWS = [
  'undefined',
  'ack',
  'nack',
  'drop',
  'other',
  'throw',
  'throw undefined',
  'reject text',
  'then throws',
  'then calls both',
  'ack()',
  'nack()',
  'nack(7)',
  'nack(0)',
  'drop()',
  'ack() twice',
  'ack() then throw',
  'nack() then ack',
  'extend then ack',
] as const
export type How = (typeof HOWS)[number]

/** What a handler may do to the broker from inside. */
export type Inside =
  | { readonly do: 'publish'; readonly topic: string }
  | { readonly do: 'publish same' | 'unsubscribe self' | 'drain self' | 'pause self' | 'subscribe' | 'close' }
  | { readonly do: 'unsubscribe'; readonly at: number }

export interface SubscribeStep {
  readonly do: 'subscribe'
  readonly filter: string
  readonly form: 'handler' | 'iterator'
  readonly qos: 0 | 1
  readonly group: boolean
  readonly concurrency: number
  readonly capacity: number
  readonly overflow: 'wait' | 'reject' | 'dropOldest' | 'dropNewest'
  readonly ackWaitMs: number
  readonly maxDeliveries: number
  readonly backoff: number
  readonly ordered: boolean
  readonly dead: 'none' | 'dead' | 'grave'
  readonly evenOnly: boolean
  readonly signal: 'none' | 'live' | 'aborted'
  /** A number stands for that sequence; without history it is always now. */
  readonly from: 'now' | 'oldest' | number
  readonly script: readonly Act[]
}

export interface PublishStep {
  readonly do: 'publish'
  readonly topic: string
  readonly many: number
  readonly key: 'none' | 'k' | 'l'
  readonly ttlMs: number
  readonly delayMs: number
  readonly signal: boolean
}

export interface OnceStep {
  readonly do: 'once'
  readonly filter: string
  readonly evenOnly: boolean
}

export type Step =
  | SubscribeStep
  | OnceStep
  | PublishStep
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'jump'; readonly ms: number }
  | {
      readonly do:
        | 'unsubscribe'
        | 'unsubscribe twice'
        | 'abort'
        | 'pause'
        | 'resume'
        | 'drain'
        | 'return'
        | 'throw'
        | 'abort publish'
        | 'abort once'
      readonly at: number
    }
  | { readonly do: 'next'; readonly at: number; readonly times: number }
  | { readonly do: 'release'; readonly at: number; readonly how: How; readonly thenAct: boolean }
  | { readonly do: 'tick'; readonly times: number }
  | { readonly do: 'close'; readonly graceMs: number }

export const TOPICS = ['a', 'a/b', 'a/b/c', 'b', 'dead', 'grave'] as const
const FILTERS = [...TOPICS, 'a', 'a/b', 'a/+', 'a/#', '#', '+', '+/b', 'a/+/c'] as const

/**
 * Durations are multiples of this and something of their kind, so that two
 * kinds never end in the same millisecond: which of them comes first there is
 * no promise to check.
 */
export const UNIT: number = 64
const BACKOFF_OFF = 1
const DELAY_OFF = 4
const TTL_OFF = 16
const times = (off: number, ...units: readonly number[]): number[] => units.map((unit) => unit && unit * UNIT + off)

/** Waits between deliveries; the model needs them to be exact. */
export const BACKOFFS: readonly (readonly number[])[] = [[5], [0], [3, 9], [20], [4, 8, 16]].map((waits) =>
  times(BACKOFF_OFF, ...waits),
)

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const index = fc.nat(11)
const how = pick(...HOWS)

const TO_SELF = ['publish same', 'unsubscribe self', 'drain self', 'pause self', 'subscribe', 'close'] as const

const inside: fc.Arbitrary<Inside> = fc.oneof(
  fc.record({ do: fc.constant('publish' as const), topic: pick(...TOPICS) }),
  fc.record({ do: pick<(typeof TO_SELF)[number]>('publish same', ...TO_SELF) }),
  fc.record({ do: fc.constant('unsubscribe' as const), at: index }),
)

const act: fc.Arbitrary<Act> = fc.record(
  { when: pick('sync' as const, 'sync', 'micro', 'scheduled', 'held'), how, inside },
  { requiredKeys: ['when', 'how'] },
)

const subscribe: fc.Arbitrary<SubscribeStep> = fc.record({
  do: fc.constant('subscribe' as const),
  filter: pick(...FILTERS),
  form: pick('handler' as const, 'handler', 'handler', 'iterator'),
  qos: pick(1 as const, 1, 1, 1, 0),
  group: pick(false, false, true),
  concurrency: pick(1, 2, 5),
  capacity: pick(1, 2, 3, 8),
  overflow: pick('wait' as const, 'reject', 'dropOldest', 'dropNewest'),
  ackWaitMs: pick(...times(0, 10, 50), Infinity),
  maxDeliveries: pick(1, 2, 5),
  backoff: fc.nat(BACKOFFS.length - 1),
  ordered: fc.boolean(),
  dead: pick('none' as const, 'dead', 'grave'),
  evenOnly: pick(false, false, false, true),
  signal: pick('none' as const, 'live', 'live', 'aborted'),
  from: pick<SubscribeStep['from']>('now', 'oldest', 1, 3),
  script: fc.array(act, { minLength: 1, maxLength: 4 }),
})

const publish: fc.Arbitrary<PublishStep> = fc.record({
  do: fc.constant('publish' as const),
  topic: pick(...TOPICS),
  many: pick(1, 1, 1, 2, 5),
  key: pick('none' as const, 'none', 'k', 'l'),
  ttlMs: pick(Infinity, Infinity, ...times(TTL_OFF, 1, 5, 20, 100)),
  delayMs: pick(0, 0, 0, ...times(DELAY_OFF, 1, 5, 20)),
  signal: fc.boolean(),
})

const once: fc.Arbitrary<OnceStep> = fc.record({
  do: fc.constant('once' as const),
  filter: pick(...FILTERS),
  evenOnly: fc.boolean(),
})

/** In units. */
const HOUR = 3_600_000 / UNIT
const at = (...names: Extract<Step, { readonly at: number }>['do'][]): fc.Arbitrary<Step> =>
  fc.record({ do: pick(...names), at: index }) as fc.Arbitrary<Step> // the steps named have no other fields

/** One step; the weights make runs that fill queues and then let time pass. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: subscribe },
  { weight: 9, arbitrary: publish },
  { weight: 1, arbitrary: once },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: pick(...times(0, 0, 1, 2, 4, 5, 9, 10, 20, 21, 50, 100, HOUR, 720 * HOUR)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump' as const), ms: pick(...times(0, -HOUR, HOUR, -87_600 * HOUR)) }),
  },
  { weight: 2, arbitrary: at('unsubscribe', 'unsubscribe', 'unsubscribe twice', 'abort', 'drain', 'return', 'throw') },
  { weight: 2, arbitrary: at('pause', 'resume', 'resume') },
  { weight: 2, arbitrary: at('abort publish', 'abort publish', 'abort publish', 'abort once') },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('next' as const), at: index, times: pick(1, 1, 2, 4) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release' as const), at: index, how, thenAct: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const), times: pick(1, 1, 2) }) },
)

/** Rare, because little happens after it. Grace times that fall on nothing else. */
export const closing: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('close' as const),
  graceMs: pick(0, 997, 100_003),
})
