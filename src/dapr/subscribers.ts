/**
 * All subscriptions of one sidecar: those that the app and its resources ask
 * for, which change as a whole, and those of handlers in this process, which
 * come and go one by one.
 *
 * Layer 24. Source: dapr/dapr, pkg/runtime/processor/subscriber/subscriber.go.
 */
import { BusbarError, quote } from '../errors.ts'
import type { SubscriptionStats } from '../stats.ts'
import type { Grace } from '../time/grace.ts'
import { AppSink } from './app-sink.ts'
import { GuardedSink } from './guarded-sink.ts'
import type { HandlerRequest } from './handler-request.ts'
import { HandlerSink } from './handler-sink.ts'
import { type Log, reasonOf } from './log.ts'
import { parseGoBoolean } from './metadata.ts'
import type { Pubsub } from './pubsub.ts'
import type { Policy } from './resiliency.ts'
import { DEAD_LETTER_AT_ONCE, UNTIL_HANDLED } from './retry.ts'
import { Routes } from './routing.ts'
import { Subscriber, type SubscriberParts } from './subscriber.ts'
import { TimedChannel } from './timed-channel.ts'
import type { AppChannel, SubscriptionSpec } from './wire.ts'

/** What the subscriptions of a sidecar have in common. */
export interface SubscribersParts {
  readonly pubsubs: ReadonlyMap<string, Pubsub>
  readonly channel: AppChannel | undefined
  /** Whether calls of the app wait in line for one another. */
  readonly hasLine: boolean
  readonly appId: string
  /** By component: what holds for its messages, where a Resiliency resource says anything. */
  readonly policies: ReadonlyMap<string, Policy>
  /** Time allowed for one delivery where no policy says otherwise, in ms. */
  readonly timeoutMs: number
  readonly newId: () => string
  readonly log: Log
}

/** A subscription as the metadata endpoint shows it; `stats` when it is active. */
export interface SubscriptionState {
  readonly pubsubname: string
  readonly topic: string
  readonly spec: SubscriptionSpec | undefined
  readonly deadLetterTopic: string | undefined
  readonly stats: SubscriptionStats | undefined
}

/** One of the app's; without a subscriber when it could not be started. */
interface AppSubscription {
  readonly spec: SubscriptionSpec
  readonly subscriber: Subscriber | undefined
}

/** How the messages of a subscription travel. */
type Way = Pick<SubscriberParts, 'sink' | 'group' | 'timeoutMs'>

type Asked = Pick<HandlerRequest, 'pubsubname' | 'topic' | 'deadLetterTopic' | 'bulk'>

export class Subscribers {
  readonly #parts: SubscribersParts
  /** By component and topic, in the order in which they were asked for. */
  #app = new Map<string, AppSubscription>()
  readonly #handlers = new Set<Subscriber>()
  /** Those that deliver what they have left. */
  readonly #leaving = new Set<Subscriber>()

  constructor(parts: SubscribersParts) {
    this.#parts = parts
  }

  get list(): readonly SubscriptionState[] {
    const app = Array.from(this.#app.values(), ({ spec, subscriber }) => ({ ...spec, spec, stats: subscriber?.stats }))
    const handlers = Array.from(this.#handlers, (subscriber) => ({
      ...subscriber.asked,
      spec: undefined,
      stats: subscriber.stats,
    }))
    return [...app, ...handlers]
  }

  /** What is not asked for any more delivers what it has and ends; what stays the same is left alone. */
  replace(specs: readonly SubscriptionSpec[]): void {
    const before = this.#app
    this.#app = new Map()
    for (const spec of specs) {
      const key = JSON.stringify([spec.pubsubname, spec.topic])
      const old = before.get(key)
      before.delete(key)
      if (old !== undefined && JSON.stringify(old.spec) === JSON.stringify(spec)) this.#app.set(key, old)
      else {
        this.#leave(old?.subscriber)
        this.#app.set(key, { spec, subscriber: this.#start(spec) })
      }
    }
    for (const { subscriber } of before.values()) this.#leave(subscriber)
  }

  /** @throws {BusbarError} `ERR_OPTION_INVALID` for an unknown component or a forbidden topic, and as `broker.subscribe()` */
  handle(request: HandlerRequest): Subscriber {
    const pubsub = this.#parts.pubsubs.get(request.pubsubname)
    if (pubsub === undefined) throw invalid('pubsubname', `pubsub ${request.pubsubname} is not found`)
    const forbidden = this.#forbidden(pubsub, request.topic)
    if (forbidden !== undefined) throw invalid('topic', forbidden)
    const sink = new HandlerSink(request.handle, {
      pubsubname: pubsub.name,
      nameOf: (topic) => pubsub.nameOf(topic),
      isRaw: request.isRaw,
    })
    const subscriber = this.#subscribe(pubsub, request, { sink, group: undefined, timeoutMs: this.#timeoutMs(pubsub) })
    this.#handlers.add(subscriber)
    void subscriber.closed.then(() => this.#handlers.delete(subscriber))
    return subscriber
  }

  /** Match no more and deliver what they have; what is left when the grace time is over is cancelled. */
  async close(grace: Grace): Promise<void> {
    if (grace.leftMs > 0) await grace.waitFor(Promise.all(this.#all().map((subscriber) => subscriber.drain())))
    await Promise.all(this.#all().map((subscriber) => subscriber.unsubscribe()))
  }

  #all(): readonly Subscriber[] {
    const app = Array.from(this.#app.values(), ({ subscriber }) => subscriber ?? [])
    return [...app.flat(), ...this.#handlers, ...this.#leaving]
  }

  #leave(subscriber: Subscriber | undefined): void {
    if (subscriber === undefined) return
    this.#leaving.add(subscriber)
    void subscriber.drain().then(() => this.#leaving.delete(subscriber))
  }

  /** A subscription that cannot be started is no reason not to start the others. */
  #start(spec: SubscriptionSpec): Subscriber | undefined {
    const { channel, hasLine, pubsubs, log, newId } = this.#parts
    const { pubsubname, topic } = spec
    const pubsub = pubsubs.get(pubsubname)
    const why = pubsub === undefined ? `pubsub ${pubsubname} is not found` : this.#forbidden(pubsub, topic)
    if (pubsub === undefined || why !== undefined || channel === undefined) {
      log({ level: 'error', message: `Not subscribed: ${why ?? 'there is no app'}`, pubsubname, topic })
      return undefined
    }
    try {
      const { clock } = pubsub.broker
      const timeoutMs = this.#timeoutMs(pubsub)
      const sink = new AppSink({
        channel: hasLine ? new TimedChannel(channel, { clock, timeoutMs }) : channel,
        pubsubname,
        topic,
        isRaw: parseGoBoolean(spec.metadata.rawPayload ?? ''),
        routes: new Routes(spec.rules),
        newId,
        wallTime: () => clock.wallTime(),
      })
      // In a line the time of a delivery is none of the broker's business: it is over when the call is.
      return this.#subscribe(pubsub, spec, { sink, group: pubsub.consumer, timeoutMs: hasLine ? Infinity : timeoutMs })
    } catch (error) {
      log({ level: 'error', message: 'Not subscribed', pubsubname, topic, reason: reasonOf(error) })
      return undefined
    }
  }

  #forbidden(pubsub: Pubsub, topic: string): string | undefined {
    if (pubsub.access.isAllowed('subscribe', this.#parts.appId, topic)) return undefined
    return `subscription to topic ${quote(topic)} on pubsub ${quote(pubsub.name)} is not allowed`
  }

  /** For one delivery, in ms. */
  #timeoutMs({ name }: Pubsub): number {
    return this.#parts.policies.get(name)?.timeoutMs ?? this.#parts.timeoutMs
  }

  #subscribe(pubsub: Pubsub, asked: Asked, { sink, group, timeoutMs }: Way): Subscriber {
    const { policies, log } = this.#parts
    const { clock } = pubsub.broker
    const { topic, bulk } = asked
    const deadLetterTopic = this.#deadLetterTopic(pubsub, asked)
    const hasLetters = deadLetterTopic !== undefined
    const { breaker, ...policy } = policies.get(pubsub.name) ?? {}
    const retry = { ...(hasLetters ? DEAD_LETTER_AT_ONCE : UNTIL_HANDLED), ...policy }
    const guarded = breaker === undefined ? sink : new GuardedSink(sink, { breaker, clock, hasLetters })
    return new Subscriber({ pubsub, topic, group, deadLetterTopic, bulk, sink: guarded, retry, timeoutMs, log })
  }

  /** Undefined where the app may not publish. */
  #deadLetterTopic(pubsub: Pubsub, { topic, deadLetterTopic }: Asked): string | undefined {
    if (deadLetterTopic === undefined) return undefined
    if (pubsub.access.isAllowed('publish', this.#parts.appId, deadLetterTopic)) return deadLetterTopic
    this.#parts.log({
      level: 'warn',
      message: 'There will be no dead letters: the app may not publish on the dead letter topic',
      pubsubname: pubsub.name,
      topic,
      deadLetterTopic,
    })
    return undefined
  }
}

function invalid(option: string, why: string): BusbarError {
  return new BusbarError('ERR_OPTION_INVALID', `Invalid option ${option}: ${why}`, { option })
}
