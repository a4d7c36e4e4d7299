/**
 * What a broker tells those who watch it. Nothing is made for an observer that
 * is not there.
 *
 * Layer 4.
 */
import type { CloudEvent } from './event/cloudevent.ts'
import type { End } from './stats.ts'

/** One thing that happened to an event. */
export interface Observation {
  readonly topic: string
  readonly id: string
  /** Made when first read. */
  readonly event: CloudEvent
  /** The filter of the subscription, when one is concerned. */
  readonly filter?: string
  readonly group?: string
  /** Deliveries so far. */
  readonly deliveryCount: number
  /** How the message ended, if it did. */
  readonly end?: End
  /** What a handler threw, or why the message was given up. */
  readonly error?: unknown
}

/**
 * Called synchronously, but of the acceptance of an event only when all who take it have it: what an observer does
 * then comes after it. A failing observer is reported to `onError` and disturbs nothing else.
 */
export interface Observer {
  /** An event was accepted. */
  published?(observation: Observation): void
  /** A publish was rejected. */
  refused?(error: unknown, topic: unknown): void
  /** A message was handed over. */
  delivered?(observation: Observation): void
  /** A message was nacked, or its ack wait ended, and it will be offered again. */
  redelivered?(observation: Observation): void
  /** A message came to its end, whichever; once a message. */
  settled?(observation: Observation): void
  /** The end `deadLettered`. */
  deadLettered?(observation: Observation): void
  /** The end `expired`. */
  expired?(observation: Observation): void
  /** The end `overflowed`. */
  overflowed?(observation: Observation): void
}

/** Where an error given to `onError` comes from. */
export interface ErrorContext {
  /** A handler failed for the last time, a `where` threw, an observer did, or `random` gave no number in [0, 1). */
  readonly kind: 'handler' | 'where' | 'observer' | 'random'
  readonly topic?: string
  readonly filter?: string
  readonly deliveryCount?: number
  readonly end?: End
  readonly event?: CloudEvent
}
