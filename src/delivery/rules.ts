/**
 * What goes into a queue from outside: its rules, those who take its messages,
 * and the broker that performs what it decides. Types only.
 *
 * Layer 6.
 */
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope } from '../event/envelope.ts'
import type { End } from '../stats.ts'
import type { Entry } from './entry.ts'
import type { Backoff } from './redelivery.ts'
import type { Workload } from './workload.ts'

/** How messages of a queue are treated; see `SubscribeOptions`. */
export interface QueueRules {
  readonly capacity: number
  readonly overflow: 'wait' | 'reject' | 'dropOldest' | 'dropNewest'
  readonly ackWaitMs: number
  readonly maxDeliveries: number
  readonly backoff: Backoff
  readonly ordered: boolean
  readonly deadLetterTopic: string | undefined
  readonly where: ((event: CloudEvent) => boolean) | undefined
}

/** What there is to say about a message that something happened to. */
export interface Facts {
  readonly deliveryCount: number
  readonly error?: unknown
}

/** Why a message is given up. */
export type GivenUp = 'dropped' | 'exhausted' | 'expired'

/** What a queue asks of the broker. */
export interface QueueHost<Queue> {
  readonly workload: Workload
  random(): number
  now(): number
  /** Something can be delivered. */
  ready(queue: Queue): void
  /** A message entered or left; somebody may be waiting for that. */
  moved(queue: Queue): void
  /** The queue's earliest deadline may have become earlier. */
  deadlineSet(queue: Queue, time: number): void
  /** Messages are in flight whose ack wait has to begin at the end of this turn of the event loop. */
  unstamped(queue: Queue): void
  /** Whether somebody wants to hear of everything, also of acks. */
  readonly observed: boolean
  tell(what: 'delivered' | 'redelivered', queue: Queue, event: Envelope, facts: Facts): void
  ended(queue: Queue, event: Envelope, facts: Facts & { readonly end: End }): void
  deadLetter(queue: Queue, entry: Entry, reason: GivenUp, error: unknown): void
}

/** Who takes messages from a queue. */
export interface Consumer {
  /** Whether it can take another message now. */
  readonly isFree: boolean
  deliver(entry: Entry): void
  /** Gives up on what it has in hand; what is not settled goes to `dispose`. */
  abandon(reason: BusbarError, dispose: (entry: Entry) => void): void
}

/** What a queue is made of. */
export interface QueueParts {
  readonly filter: string
  readonly group: string | undefined
  readonly rules: QueueRules
  /** Its number in the broker. */
  readonly order: number
}
