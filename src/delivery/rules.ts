/**
 * What goes into a queue, or stands in its place, from outside: its rules, those
 * who take its messages, and the broker that performs what it decides. Types only.
 *
 * Layer 7.
 */
import type { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope } from '../event/envelope.ts'
import type { End } from '../stats.ts'
import type { Delivery } from './delivery.ts'
import type { Handler, Message } from './message.ts'
import type { Backoff } from './redelivery.ts'
import type { TimeHost } from './timetable.ts'
import type { Turn } from './turn.ts'
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

/** What whoever has a filter asks of the broker. */
interface Host extends TimeHost {
  /** What the wildcards of `filter` stood for in a topic that it matches. */
  params(filter: string, topic: string): readonly string[]
}

/** What a queue asks of the broker. */
export interface QueueHost<Queue> extends Host {
  readonly workload: Workload
  readonly dispatcher: Server<Queue>
  random(): number
  /** Nothing is matched for it any more. */
  retire(queue: Queue): void
  /** A message left, or a handler returned; somebody may be waiting for that. */
  moved(queue: Queue): void
  /** Whether somebody wants to hear of everything, also of acks. */
  readonly observed: boolean
  tell(what: 'delivered' | 'redelivered', queue: Queue, event: Envelope, facts: Facts): void
  ended(queue: Queue, event: Envelope, facts: Facts & { readonly end: End }): void
  deadLetter(queue: Queue, delivery: Delivery, reason: GivenUp, error: unknown): void
}

/** Who gives queues their turn. */
export interface Server<Queue> {
  /** Something can be delivered. */
  ready(queue: Queue): void
  /** As `ready`, told by a promise: nobody waits on the stack, so whoever is free again has the next message at once. */
  resume(queue: Queue, taker: Taker): void
  /** What may be delivered before the event loop has to turn. */
  readonly turn: Turn
}

/** What a subscription that is called inside `publish()` asks of the broker. */
export interface DirectHost<Direct> extends Host {
  readonly workload: Workload
  readonly observed: boolean
  readonly dispatcher: Caller<Direct>
  tell(what: 'delivered', direct: Direct, message: Message, facts: Facts): void
  ended(direct: Direct, message: Message, facts: Facts & { readonly end: End }): void
  /** A handler has returned, or a delayed event has gone; somebody may be waiting for that. */
  moved(direct: Direct): void
  retire(direct: Direct): void
}

/** Who calls the handlers of several subscriptions, and counts that at first for all of them. */
export interface Caller<Direct> {
  /** A subscription does something else with a message than it did before. */
  changed(): void
  /** Calls the handlers of `targets`, at once or when those of earlier events have been called. */
  fanOut(event: Envelope, targets: readonly Direct[]): void
  /** Puts what was counted on the books of the subscriptions. @returns whose handler is being called, which is not on its books */
  book(): Direct | undefined
}

/** Who takes messages from a queue. */
export interface Taker {
  /** Whether it can take another message now. */
  readonly isFree: boolean
  /** The deliveries that are waited for. */
  readonly running: readonly Delivery[]
  /** The next message of its queue, if there is one that can be delivered. */
  take(): Delivery | undefined
  /** Hands a message over. */
  deliver(delivery: Delivery): void
  /** Gives up on what it has in hand, and gives back what is not settled. */
  abandon(reason: BusbarError): void
}

/** A taker that runs none of the user's code when it is given a message. */
export interface Reader {
  /** Takes the only message that is queued. @returns whether it did */
  read(): boolean
}

/** What a queue is made of. */
export interface QueueParts {
  readonly filter: string
  readonly group: string | undefined
  readonly rules: QueueRules
  /** Its number in the broker. */
  readonly order: number
}

/** What a `Direct` is made of. */
export interface DirectParts {
  readonly filter: string
  readonly handler: Handler
  readonly where: ((event: Message['event']) => boolean) | undefined
  /** Its number in the broker. */
  readonly order: number
}
