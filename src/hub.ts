/**
 * What the queues of one broker share: its clock and timer, the dispatcher, the
 * counts of work, and those who want to hear what happens. All effects of a
 * queue's decisions go through here.
 *
 * Layer 14.
 */
import { refuseOption } from './checks.ts'
import type { Direct } from './delivery/direct.ts'
import type { Message } from './delivery/message.ts'
import type { MessageQueue } from './delivery/queue.ts'
import type { DirectHost, QueueHost } from './delivery/rules.ts'
import { Workload } from './delivery/workload.ts'
import { Dispatcher } from './dispatcher.ts'
import { BusbarError } from './errors.ts'
import type { Envelope } from './event/envelope.ts'
import { History } from './history.ts'
import { Line } from './line.ts'
import type { ErrorContext, Observation, Observer } from './observer.ts'
import type { BrokerSettings } from './options.ts'
import { contain, done, isThenable } from './promises.ts'
import { Router } from './router.ts'
import type { End } from './stats.ts'
import type { Clock } from './time/clock.ts'
import { Schedule } from './time/schedule.ts'
import { NOWHERE } from './time/timed.ts'
import type { Dialect } from './topic/dialect.ts'
import { captureParams } from './topic/params.ts'

/** Who is concerned: a queue, or the direct subscription in its place; with a publish nobody. */
interface Party {
  readonly filter?: string
  readonly group?: string | undefined
}

type Kind = Exclude<keyof Observer, 'refused'>
/** Tells an observer of something. */
type Told = (observer: Observer) => unknown
type Facts = Pick<Observation, 'deliveryCount' | 'end' | 'error'>

type Target = MessageQueue | Direct

export class Hub implements QueueHost<MessageQueue>, DirectHost<Direct> {
  readonly clock: Clock
  readonly dialect: Dialect
  readonly router: Router
  readonly history: History | undefined
  readonly workload: Workload = new Workload()
  readonly dispatcher: Dispatcher
  /** Publishes that wait for room. */
  readonly line: Line = new Line()
  readonly observed: boolean
  /** Publishes a message that was given up on the dead letter topic of its queue. */
  readonly deadLetter: QueueHost<MessageQueue>['deadLetter']
  /** Queues and their like, so far. */
  order = 0
  /** Resolves when nothing is queued and nothing is running, if somebody waits for that. */
  #settled: Promise<void> | undefined
  /** Resolves it. */
  #settle: (() => void) | undefined
  /** Called then. */
  #idle: (() => void)[] = []
  readonly #observer: Observer | undefined
  /** What the observer is told of when it is done. */
  #untold: Told[] | undefined
  readonly #onError: BrokerSettings['onError']
  readonly #random: () => number
  readonly schedule: Schedule

  constructor(settings: BrokerSettings, deadLetter: Hub['deadLetter']) {
    const { clock, random, dialect, history, observer, onError } = settings
    this.clock = clock
    this.#random = random
    this.dialect = dialect
    this.router = new Router(dialect)
    this.history = history && new History(history.size)
    this.observed = observer !== undefined
    this.#observer = observer
    this.#onError = onError
    this.deadLetter = deadLetter
    this.dispatcher = new Dispatcher(clock, this.workload, () => this.#tellIdle())
    this.schedule = new Schedule(clock)
  }

  /** A number for jitter; 1, which is none, when the user's is out of bounds. */
  readonly random = (): number => {
    try {
      const number = Number(this.#random())
      return number >= 0 && number < 1 ? number : refuseOption('random', `it returned ${number}`)
    } catch (error) {
      // Later, because a message is about to be settled.
      void done.then(() => this.report(error, { kind: 'random' }))
      return 1
    }
  }

  params(filter: string, topic: string): readonly string[] {
    return captureParams(filter, topic, this.dialect)
  }

  moved(target: Target): void {
    this.#advance(target)
    if (target.watchers !== undefined) tellAll(target.watchers)
    if (this.workload.busy === 0) this.#tellIdle()
  }

  retire(target: Target): void {
    this.router.remove(target)
    target.isRetired = true
    this.#advance(target)
  }

  /** Handlers have to wait meanwhile: what they publish comes after those that stood in line. */
  #advance(target: Target): void {
    if (target.hasLine) this.dispatcher.hold(() => this.line.advance(target))
  }

  /** See `Broker.settled`. Those who wait for the same moment share one promise. */
  settled(): Promise<void> {
    if (this.workload.busy === 0) return done
    return (this.#settled ??= new Promise((resolve) => {
      this.#settle = resolve
    }))
  }

  /** Calls `finish` once: when nothing is under way or delayed, or when the grace time is over. Never inside a handler. */
  whenDone(graceMs: number, finish: () => void): void {
    const { workload } = this
    const graceTime = { position: NOWHERE, order: 0, nextDeadline: Infinity, fire: (): void => void done.then(end) }
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      this.schedule.delete(graceTime)
      finish()
      this.#tellIdle()
    }
    const look = (): void => {
      if (workload.busy + workload.delayed > 0) this.#idle.push(look)
      else void done.then(() => (workload.busy + workload.delayed > 0 ? look() : end()))
    }
    if (graceMs === 0) graceTime.fire()
    else if (graceMs < Infinity) this.schedule.set(graceTime, this.clock.now() + graceMs)
    look()
  }

  tell(kind: Kind, party: Party, event: Message, facts: Facts): void {
    if (this.observed) this.#watch((observer) => observer[kind]?.(observation(party, event, facts)))
  }

  refused(error: unknown, topic: unknown): void {
    this.#watch((observer) => observer.refused?.(error, topic))
  }

  /** Does something at one blow: observers hear of it, and `qos: 0` handlers are called, when it is done. What they publish comes after it. */
  atOnce(work: () => void): void {
    this.dispatcher.hold(() => {
      const untold: Told[] = []
      this.#untold = untold
      work()
      this.#untold = undefined
      for (const call of untold) this.#watch(call)
    })
  }

  /** An observer that throws or rejects is reported. */
  #watch(call: Told): void {
    if (this.#untold !== undefined) return void this.#untold.push(call)
    const observer = this.#observer
    if (observer === undefined) return
    contain(
      () => call(observer),
      (error) => this.report(error, { kind: 'observer' }),
    )
  }

  ended(party: Target, event: Message, facts: Facts & { readonly end: End }): void {
    const { end, error } = facts
    this.tell('settled', party, event, facts)
    if (end === 'deadLettered' || end === 'expired' || end === 'overflowed') this.tell(end, party, event, facts)
    if (end !== 'dropped' && end !== 'exhausted') return
    const { filter } = party
    const { topic } = event
    const reason =
      error ?? new BusbarError(end === 'dropped' ? 'ERR_DROPPED' : 'ERR_EXHAUSTED', `Message ${end}`, { topic, filter })
    this.report(reason, { kind: 'handler', topic, filter, deliveryCount: facts.deliveryCount, end, event: event.event })
  }

  /** Whether a `where` lets the event through; one that throws does not. */
  accepts({ where, filter }: Pick<Target, 'where' | 'filter'>, event: Envelope): boolean {
    if (where === undefined) return true
    try {
      const wanted: unknown = where(event.event)
      if (!isThenable(wanted)) return Boolean(wanted)
      contain(() => wanted)
      return refuseOption('where', 'it returned a promise')
    } catch (error) {
      this.report(error, { kind: 'where', topic: event.topic, filter, event: event.event })
      return false
    }
  }

  /** Tells `onError`, whatever that does. */
  report(error: unknown, context: ErrorContext): void {
    const onError: (error: unknown, context: ErrorContext) => unknown = this.#onError
    // When that fails there is nobody left to tell.
    contain(() => onError(error, context))
  }

  #tellIdle(): void {
    if (this.workload.busy > 0) return
    if (this.#settled !== undefined) {
      this.#settled = undefined
      this.#settle?.()
    }
    if (this.#idle.length === 0) return
    const told = this.#idle
    this.#idle = []
    tellAll(told)
  }
}

function tellAll(who: Iterable<() => void>): void {
  for (const tell of who) tell()
}

function observation(party: Party, event: Message, facts: Facts): Observation {
  return {
    topic: event.topic,
    id: event.id,
    get event() {
      return event.event
    },
    ...(party.filter !== undefined && { filter: party.filter }),
    ...(party.group !== undefined && { group: party.group }),
    ...facts,
  }
}
