/**
 * The subscriptions of one broker: how they come in, what they count together,
 * and how they all end.
 *
 * Layer 11.
 */
import { type Acceptance, admit } from './acceptance.ts'
import { refuseOption } from './checks.ts'
import { Direct } from './delivery/direct.ts'
import { Handling } from './delivery/handling.ts'
import { Iteration } from './delivery/iterator.ts'
import type { Handler } from './delivery/message.ts'
import { MessageQueue } from './delivery/queue.ts'
import type { BusbarError } from './errors.ts'
import type { Envelope } from './event/envelope.ts'
import type { History } from './history.ts'
import type { Hub } from './hub.ts'
import { DirectIntake, type IntakeHost, QueueIntake } from './intake.ts'
import { checkAgreement, type Settings, type SubscribeOptions, settle } from './options.ts'
import type { Router } from './router.ts'
import { addCounts, type Counts, zeroCounts } from './stats.ts'
import { closedError, type Intake, Subscription } from './subscription.ts'
import type { Dialect } from './topic/dialect.ts'
import { captureParams, matches } from './topic/params.ts'
import { checkFilter, checkTopic, isWildcard } from './topic/topic.ts'

/** What a registry is made of. */
export interface RegistryParts {
  readonly dialect: Dialect
  readonly defaults: SubscribeOptions
  readonly hub: Hub
  readonly router: Router
  readonly acceptance: Acceptance
  readonly history: History | undefined
}

/** A queue that several subscriptions may share, and what they have agreed on. */
interface Group {
  readonly queue: MessageQueue
  readonly settings: Settings
}

const NO_PARAMS: readonly string[] = Object.freeze([])

export class Registry implements IntakeHost {
  readonly #parts: RegistryParts
  /** Those that have not ended. */
  readonly #live = new Set<Subscription<never>>()
  readonly #groups = new Map<string, Group>()
  /** Whoever has counts that may still change. */
  readonly #targets = new Set<MessageQueue | Direct>()
  /** The counts of those that are gone. */
  readonly #past: Counts = zeroCounts()

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  /** How many subscriptions have not ended. */
  get size(): number {
    return this.#live.size
  }

  /** See `Broker.subscribe`. */
  subscribe(filter: string, handler: Handler | undefined, options: SubscribeOptions): Subscription<never> {
    const { dialect, defaults } = this.#parts
    checkFilter(filter, dialect)
    const settings = settle(options, defaults, handler !== undefined)
    this.#check(filter, settings)
    const { signal } = settings
    const isOver = signal?.aborted ?? false
    const found =
      settings.group === undefined || isOver ? undefined : this.#groups.get(groupKey(filter, settings.group))
    if (found !== undefined) checkAgreement(settings, found.settings)
    // Nothing throws from here on.
    const leave = (): void => subscription.end(closedError('left'), true)
    const intake =
      settings.qos === 0 && handler !== undefined
        ? this.#direct(filter, handler, settings, isOver)
        : this.#join(found?.queue ?? this.#queue(filter, settings, isOver), { handler, settings, leave })
    const subscription: Subscription<never> = new Subscription(intake, signal, () => this.#ended(subscription))
    this.#live.add(subscription)
    if (isOver) subscription.end(closedError('aborted', signal?.reason))
    return subscription
  }

  retire(target: MessageQueue | Direct): void {
    const { hub, router } = this.#parts
    router.remove(target)
    if (target instanceof Direct || target.isRetired) return
    target.isRetired = true
    const key = groupKey(target.filter, target.group ?? '')
    // A subscription that was over from the start has a queue of its own.
    if (this.#groups.get(key)?.queue === target) this.#groups.delete(key)
    hub.line.advance(target)
  }

  ready(queue: MessageQueue): void {
    this.#parts.hub.ready(queue)
  }

  moved(queue: MessageQueue): void {
    this.#parts.hub.moved(queue)
  }

  returned(direct: Direct): void {
    this.#parts.hub.returned(direct)
  }

  /** The sums over all subscriptions that there ever were. */
  totals(): Counts {
    this.#forgetEnded()
    const sum = { ...this.#past }
    for (const { counts } of this.#targets) addCounts(sum, counts)
    return sum
  }

  /** What is delayed beyond `time` is cancelled, now and later. */
  setHorizon(time: number): void {
    for (const target of this.#targets) {
      const queue = target instanceof Direct ? target.later : target
      queue?.setHorizon(time)
    }
  }

  /** Nothing is delivered any more; what runs may finish. */
  stop(reason: BusbarError): void {
    for (const target of this.#targets) {
      this.retire(target)
      if (target instanceof Direct) target.end(reason)
      else target.close()
    }
  }

  /** Ends everything; what is in flight is cancelled. */
  endAll(reason: BusbarError): void {
    for (const subscription of this.#live) subscription.end(reason, true)
    for (const target of this.#targets) {
      if (target instanceof Direct) target.abandon()
      else for (const consumer of target.consumers.all()) consumer.abandon(reason, (entry) => target.cancel(entry))
    }
  }

  /** The filters of those that have something to do, for an error message. */
  describe(): string {
    const busy = [...this.#targets].filter(({ counts }) => counts.queued + counts.delayed + counts.inFlight > 0)
    return busy.map(({ filter }) => filter).join(', ')
  }

  #ended(subscription: Subscription<never>): void {
    this.#live.delete(subscription)
    // Most have nothing left when they end; looking at all of them each time would be too much.
    if (this.#targets.size > 2 * this.#live.size + 16) this.#forgetEnded()
  }

  #forgetEnded(): void {
    for (const target of this.#targets) {
      const { inFlight, overdue } = target.counts
      if (!target.isOver || inFlight + overdue > 0) continue
      this.#targets.delete(target)
      addCounts(this.#past, target.counts)
    }
  }

  #check(filter: string, { deadLetterTopic, from }: Settings): void {
    const { dialect, history } = this.#parts
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

  #direct(filter: string, handler: Handler, { where }: Settings, isOver: boolean): Intake {
    const isLiteral = !isWildcard(filter, this.#parts.dialect)
    const params = this.#paramsOf(filter, isLiteral)
    const direct = new Direct({ filter, handler, where, params, isLiteral }, this.#parts.hub)
    this.#targets.add(direct)
    if (!isOver) this.#parts.router.add(direct)
    return new DirectIntake(direct, this)
  }

  #queue(filter: string, settings: Settings, isOver: boolean): MessageQueue {
    const { hub, router } = this.#parts
    const { group } = settings
    const queue = new MessageQueue({ filter, group, rules: settings, order: hub.nextOrder() }, hub)
    this.#targets.add(queue)
    if (isOver) return queue
    if (group !== undefined) this.#groups.set(groupKey(filter, group), { queue, settings })
    router.add(queue)
    this.#replay(queue, settings)
    return queue
  }

  #join(
    queue: MessageQueue,
    { handler, settings, leave }: { handler: Handler | undefined; settings: Settings; leave: () => void },
  ): Intake {
    const { hub, dialect } = this.#parts
    const { concurrency } = settings
    const options = {
      concurrency,
      params: this.#paramsOf(queue.filter, !isWildcard(queue.filter, dialect)),
      leave,
      mustYield: hub.dispatcher.mustYield,
    }
    const consumer =
      handler === undefined ? new Iteration(queue, hub, options) : new Handling(handler, queue, hub, options)
    const intake = new QueueIntake(queue, consumer, this)
    hub.ready(queue)
    return intake
  }

  #paramsOf(filter: string, isLiteral: boolean): (topic: string) => readonly string[] {
    if (isLiteral) return () => NO_PARAMS
    const { dialect } = this.#parts
    return (topic) => captureParams(filter, topic, dialect)
  }

  /** What there was before, as far as it is wanted: what finds no room by the rules of the queue waits at the head of its line. */
  #replay(queue: MessageQueue, { from }: Settings): void {
    const { history, hub, dialect, acceptance } = this.#parts
    if (history === undefined || from === 'now') return
    const sequence = from === 'oldest' ? undefined : from.sequence
    const { events, missing } = history.replay((topic) => matches(queue.filter, topic, dialect), sequence)
    queue.counts.skipped += missing
    const now = hub.now()
    const enter = (event: Envelope) => (): undefined => {
      if (!queue.isRetired) admit(queue, event, false)
    }
    for (const event of events) {
      if (event.isExpired(now) || !acceptance.accepts({ where: queue.rules.where, filter: queue.filter }, event))
        continue
      const { overflow } = queue.rules
      const mayWait = overflow === 'wait' || overflow === 'reject'
      if (mayWait && queue.isFull)
        hub.line.join(queue, { order: event.serial, isOver: false, enter: enter(event), refuse: () => {} })
      else admit(queue, event, false)
    }
  }
}

function groupKey(filter: string, group: string): string {
  return `${filter.length} ${filter}${group}`
}
