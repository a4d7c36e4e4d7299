/** What the reference broker is made of. */
export const ENDS = ['acked', 'dropped', 'expired', 'deadLettered', 'exhausted', 'overflowed', 'cancelled'] as const
export type End = (typeof ENDS)[number]
export type Outcome = 'ack' | 'nack' | 'drop'

export interface RefEvent {
  readonly id: string
  readonly topic: string
  readonly data: number
  readonly key: string | undefined
  /** Dead letter hops behind it. */
  readonly hops: number
  /** Number on its topic, when the broker keeps a history. */
  readonly sequence: number | undefined
  /** Place in the order of acceptance. */
  readonly order: number
  readonly expiry: number
  readonly due: number
}

export interface RefOptions {
  readonly filter: string
  readonly qos: 0 | 1
  readonly group: string | undefined
  readonly capacity: number
  readonly overflow: 'wait' | 'reject' | 'dropOldest' | 'dropNewest'
  readonly ackWaitMs: number
  readonly maxDeliveries: number
  readonly backoff: readonly number[]
  readonly ordered: boolean
  readonly deadLetterTopic: string | undefined
  /** Takes only events with even data. */
  readonly evenOnly: boolean
  readonly from: 'now' | 'oldest' | { readonly sequence: number }
}

/** One message: an event on its way to this queue. */
export interface Pair {
  readonly event: RefEvent
  /** Its number in this queue: what waited from the history may come after what is younger. */
  readonly entry: number
  /** When it came into this queue: what waited from the history may be over by then. */
  readonly since: number
  state: 'queued' | 'delayed' | 'inFlight' | End
  count: number
  due: number
  /** Offered before: goes before what was never delivered. */
  front: boolean
  /** Delayed because it was nacked. */
  isRedelivery: boolean
}

export interface Delivery {
  pair: Pair
  member: Member
  count: number
  ackBy: number
  /** It may still settle its message. */
  isCurrent: boolean
  /** Its message was taken from it while it ran. */
  isOverdue: boolean
  /** What its handler has said; the broker may not have noticed yet. */
  said: Outcome | 'nothing' | undefined
}

export interface Member {
  readonly concurrency: number
  readonly isIterator: boolean
  isPaused: boolean
  isOpen: boolean
  /** Calls of next() that wait. */
  wanting: number
}

/** When a delayed message stops being delayed. */
export const deadline = (pair: Pair): number => Math.min(pair.due, pair.event.expiry)
