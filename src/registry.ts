/**
 * The subscriptions of one broker: how they come in, what they count together,
 * and how they all end.
 *
 * Layer 15.
 */
import { refuseOption } from './checks.ts'
import { Direct } from './delivery/direct.ts'
import { Handling } from './delivery/handling.ts'
import { Iteration } from './delivery/iterator.ts'
import type { Handler } from './delivery/message.ts'
import { MessageQueue } from './delivery/queue.ts'
import type { DirectParts } from './delivery/rules.ts'
import type { BusbarError } from './errors.ts'
import type { Replay } from './history.ts'
import type { Hub } from './hub.ts'
import { none } from './none.ts'
import { checkAgreement, type Settings, type SubscribeOptions, settle } from './options.ts'
import { done } from './promises.ts'
import { addCounts, type Counts, heldIn, zeroCounts } from './stats.ts'
import { closedError, type Intake, type Keeper, Subscription } from './subscription.ts'
import { matches } from './topic/params.ts'
import { checkFilter, checkTopic } from './topic/topic.ts'

/** A queue that several subscriptions may share, and what they have agreed on. */
interface Group {
  readonly queue: MessageQueue
  readonly settings: Settings
}

export class Registry implements Keeper {
  readonly #hub: Hub
  readonly #defaults: SubscribeOptions
  /** Those that have not ended. */
  readonly #live = new Set<Subscription<unknown>>()
  readonly #groups = new Map<string | undefined, Group>()
  /** Whoever has counts that may still change. */
  readonly #targets = new Set<MessageQueue | Direct>()
  /** Why nobody comes in any more. */
  #closed: BusbarError | undefined
  /** The counts of those that are gone. */
  readonly #past: Counts = zeroCounts()

  constructor(hub: Hub, defaults: SubscribeOptions) {
    this.#hub = hub
    this.#defaults = defaults
  }

  /** How many subscriptions have not ended. */
  get size(): number {
    return this.#live.size
  }

  /** See `Broker.subscribe`. */
  subscribe(filter: string, handler: Handler | undefined, options: SubscribeOptions): Subscription<never> {
    const hub = this.#hub
    checkFilter(filter, hub.dialect)
    const settings = settle(options, this.#defaults, handler !== undefined)
    this.#check(filter, settings)
    const { signal, where } = settings
    const intake =
      handler !== undefined && settings.qos === 0
        ? this.#direct(filter, handler, where)
        : this.#consumer(filter, handler, settings, () => subscription.end(closedError('left'), true))
    const subscription: Subscription<never> = new Subscription(intake, signal, this)
    this.#live.add(subscription)
    if (signal?.aborted) subscription.end(closedError('aborted', signal.reason))
    return subscription
  }

  /** The sums over all subscriptions that there ever were. */
  totals(): Counts {
    this.#forgetEnded()
    const sum = { ...this.#past }
    for (const { counts } of this.#targets) addCounts(sum, counts)
    return sum
  }

  /** The end begins: what is delayed beyond the grace time is cancelled, now and later; without one nothing is delivered any more. */
  close(graceMs: number, reason: BusbarError): void {
    this.#closed = reason
    for (const target of this.#targets) {
      if (graceMs > 0) target.setHorizon(this.#hub.clock.now() + graceMs)
      else {
        this.#hub.retire(target)
        target.close(reason)
      }
    }
  }

  /** Ends everything; what is in flight is cancelled. */
  endAll(reason: BusbarError): void {
    for (const subscription of this.#live) subscription.end(reason, true)
    for (const target of this.#targets) target.abandon(reason)
  }

  /** The filters of those that have something to do, for an error message. */
  describe(): string {
    const busy = [...this.#targets].filter(({ counts }) => heldIn(counts) > 0)
    return busy.map(({ filter }) => filter).join(', ')
  }

  /** A subscription has ended. */
  ended(subscription: Subscription<unknown>): void {
    const { filter, group } = subscription
    this.#live.delete(subscription)
    const key = groupKey(filter, group)
    if (this.#groups.get(key)?.queue.isRetired) this.#groups.delete(key)
    if (this.#hub.dispatcher.isCalling) void done.then(this.#forgetMost)
    else this.#forgetMost()
  }

  /** Most have nothing left when they end; looking at all of them each time would be too much. */
  readonly #forgetMost = (): void => {
    if (this.#targets.size > 2 * this.#live.size + 16) this.#forgetEnded()
  }

  #forgetEnded(): void {
    if (this.#hub.dispatcher.isCalling) return
    for (const target of this.#targets) {
      const { isOver, counts } = target
      // It may be about to cancel what is queued and delayed, and this is asked by whoever is told of that.
      if (!isOver || heldIn(counts) + counts.overdue > 0) continue
      // A handler that has settled its message becomes overdue when the broker closes and does not wait for it.
      if (target instanceof MessageQueue && target.consumers.isRunning) continue
      this.#targets.delete(target)
      addCounts(this.#past, counts)
    }
  }

  #check(filter: string, { deadLetterTopic, from }: Settings): void {
    const { dialect, history } = this.#hub
    if (from !== 'now' && history === undefined) refuseOption('from', 'the broker keeps no history')
    if (deadLetterTopic === undefined) return
    try {
      checkTopic(deadLetterTopic, dialect)
    } catch (cause) {
      // What the check throws.
      refuseOption('deadLetterTopic', (cause as BusbarError).message, cause)
    }
    if (matches(filter, deadLetterTopic, dialect)) refuseOption('deadLetterTopic', 'the filter matches it')
  }

  #direct(filter: string, handler: Handler, where: DirectParts['where']): Direct {
    const hub = this.#hub
    const direct = new Direct({ filter, handler, where, order: ++hub.order }, hub)
    this.#targets.add(direct)
    hub.router.add(direct)
    return direct
  }

  /** @param leave what an iterator does in the end */
  #consumer(filter: string, handler: Handler | undefined, settings: Settings, leave: () => void): Intake {
    const hub = this.#hub
    const key = groupKey(filter, settings.group)
    const past = this.#shared(key, settings) === undefined ? this.#recall(filter, settings) : nothing
    // A `where` that was asked about the past may have closed the broker, or made or ended the group.
    if (this.#closed !== undefined) throw this.#closed
    const shared = this.#shared(key, settings)
    const queue = shared ?? this.#open(filter, settings, key)
    const consumer =
      handler === undefined
        ? new Iteration(queue, hub, settings.concurrency, leave)
        : new Handling(queue, hub, settings.concurrency, handler)
    // Who watches this may join and leave, but never as the last one.
    if (shared === undefined) this.#replay(queue, past)
    return consumer
  }

  /** The queue of a group that has members. */
  #shared(key: string | undefined, settings: Settings): MessageQueue | undefined {
    const group = this.#groups.get(key)
    if (group === undefined || group.queue.isRetired) return undefined
    checkAgreement(settings, group.settings)
    return group.queue
  }

  /** A queue for a subscription, or for a group. */
  #open(filter: string, settings: Settings, key: string | undefined): MessageQueue {
    const hub = this.#hub
    const { group } = settings
    const queue = new MessageQueue({ filter, group, rules: settings, order: ++hub.order }, hub)
    this.#targets.add(queue)
    if (key !== undefined) this.#groups.set(key, { queue, settings })
    hub.router.add(queue)
    return queue
  }

  /** What there was before, as far as it is wanted. What a `where` publishes meanwhile came before the subscription. */
  #recall(filter: string, { from, where, signal }: Settings): Replay {
    const { history, dialect, clock } = this.#hub
    if (history === undefined || from === 'now' || signal?.aborted) return nothing
    const sequence = from === 'oldest' ? undefined : from.sequence
    const { events, missing } = history.replay((topic) => matches(filter, topic, dialect), sequence)
    const now = clock.now()
    const wanted = events.filter((event) => event.expiresAt > now && this.#hub.accepts({ where, filter }, event))
    return { events: wanted, missing }
  }

  /** What finds no room by the rules of the queue waits at the head of its line, and goes beyond its capacity when the line ends. */
  #replay(queue: MessageQueue, { events, missing }: Replay): void {
    queue.counts.skipped += missing
    for (const event of events) {
      const enter = (): undefined => {
        if (queue.isOver) return
        queue.offer(event, false)
        queue.wake()
      }
      const waiter = { order: 0, isOver: false, enter, refuse: enter }
      if (queue.mayWait && queue.isFull) this.#hub.line.join(queue, waiter)
      else enter()
    }
  }
}

const nothing: Replay = { events: none, missing: 0 }

function groupKey(filter: string, group: string | undefined): string | undefined {
  return group && `${filter.length} ${filter}${group}`
}
