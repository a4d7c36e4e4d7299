/**
 * What the queues of one broker share: its clock and timer, the dispatcher, the
 * counts of work, and those who want to hear what happens. All effects of a
 * queue's decisions go through here.
 *
 * Layer 9.
 */
import type { Direct, DirectHost } from './delivery/direct.ts'
import { isThenable } from './delivery/handling.ts'
import type { Message } from './delivery/message.ts'
import { MessageQueue } from './delivery/queue.ts'
import type { QueueHost, QueueRules } from './delivery/rules.ts'
import { Turn } from './delivery/turn.ts'
import { Workload } from './delivery/workload.ts'
import { Dispatcher } from './dispatcher.ts'
import { BusbarError } from './errors.ts'
import { Line } from './line.ts'
import type { ErrorContext, Observation, Observer } from './observer.ts'
import type { End } from './stats.ts'
import type { Clock } from './time/clock.ts'
import { Alarm, Deadlines, type Timed } from './time/deadlines.ts'

/** What is called when its earliest deadline has come; a queue, mostly. */
export interface Scheduled extends Timed {
  readonly nextDeadline: number
  fire(now: number): void
}

/** Who is concerned: a queue, or the direct subscription in its place. */
interface Party {
  readonly filter: string | undefined
  readonly group?: string | undefined
}

type Told = Exclude<keyof Observer, 'refused'>
type Facts = Pick<Observation, 'deliveryCount' | 'end' | 'error'>

/** `qos: 0` has a queue only for what is delayed, and offers it once. */
const DELAYED_ONLY: QueueRules = {
  capacity: Infinity,
  overflow: 'wait',
  ackWaitMs: Infinity,
  maxDeliveries: 1,
  backoff: {},
  ordered: false,
  deadLetterTopic: undefined,
  where: undefined,
}

const resolved: Promise<void> = Promise.resolve()

export interface HubOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly observer: Observer | undefined
  readonly onError: (error: unknown, context: ErrorContext) => void
  /** Publishes a message that was given up on the dead letter topic of its queue. */
  readonly deadLetter: QueueHost<MessageQueue>['deadLetter']
}

export class Hub implements QueueHost<MessageQueue>, DirectHost {
  readonly clock: Clock
  readonly random: () => number
  readonly deadLetter: QueueHost<MessageQueue>['deadLetter']
  readonly workload: Workload = new Workload()
  readonly dispatcher: Dispatcher
  /** Publishes that wait for room. */
  readonly line: Line = new Line()
  readonly observed: boolean
  /** Called when nothing is queued and nothing is running. */
  #idle: (() => void)[] = []
  readonly #observer: Observer | undefined
  readonly #onError: HubOptions['onError']
  /** Queues by their earliest deadline, or an earlier time that has been taken back since. */
  readonly #schedule = new Deadlines<Scheduled>()
  readonly #alarm: Alarm
  #order = 0
  /** Queues with deliveries of this turn whose ack wait has not begun. */
  #unstamped: MessageQueue[] = []

  constructor({ clock, random, observer, onError, deadLetter }: HubOptions) {
    this.clock = clock
    this.random = random
    this.deadLetter = deadLetter
    this.observed = observer !== undefined
    this.#observer = observer
    this.#onError = onError
    this.dispatcher = new Dispatcher(clock, this.workload)
    this.#alarm = new Alarm(clock, (now) => this.#fire(now))
  }

  now(): number {
    return this.clock.now()
  }

  ready(queue: MessageQueue): void {
    this.dispatcher.ready(queue)
  }

  moved(queue: MessageQueue): void {
    if (queue.hasLine) this.line.advance(queue)
    if (this.workload.timed === 0 && this.#schedule.size > 0) this.#rest()
    queue.watch?.()
    if (this.workload.busy === 0) this.#tellIdle()
  }

  returned({ watch }: Direct): void {
    watch?.()
    if (this.workload.busy === 0) this.#tellIdle()
  }

  /** Calls `tell` when nothing is queued and nothing is in flight, at once if that is so now. */
  whenIdle(tell: () => void): void {
    if (this.workload.busy === 0) tell()
    else this.#idle.push(tell)
  }

  /** Calls `finish` once: when nothing is under way or delayed, or when the grace time is over. Never inside a handler. */
  whenDone(graceMs: number, finish: () => void): void {
    const { workload } = this
    const graceTime = { position: -1, order: 0, nextDeadline: Infinity, fire: (): void => void resolved.then(end) }
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      if (graceTime.position >= 0) this.#schedule.delete(graceTime)
      workload.timed--
      finish()
      this.#rest()
    }
    const look = (): void => {
      if (workload.busy + workload.delayed > 0) this.#idle.push(look)
      else void resolved.then(() => (workload.busy + workload.delayed > 0 ? look() : end()))
    }
    workload.timed++ // keeps the timer while the grace time runs
    if (graceMs === 0) graceTime.fire()
    else if (graceMs < Infinity) this.deadlineSet(graceTime, this.now() + graceMs)
    look()
  }

  deadlineSet(queue: Scheduled, time: number): void {
    if (queue.position >= 0 && this.#schedule.timeOf(queue) <= time) return
    this.#schedule.set(queue, time)
    this.#alarm.askFor(time)
  }

  /** The queue of the delayed events of a direct subscription. */
  laterOf(direct: Direct): MessageQueue {
    if (direct.later === undefined) {
      const { filter } = direct
      direct.later = new MessageQueue({ filter, group: undefined, rules: DELAYED_ONLY, order: this.nextOrder() }, this)
      direct.later.consumers.add(direct)
    }
    return direct.later
  }

  /** A number for a queue. */
  nextOrder(): number {
    return ++this.#order
  }

  unstamped(queue: MessageQueue): void {
    if (this.#unstamped.push(queue) === 1) this.clock.nextTurn(this.#stamp)
  }

  tell(kind: Told, party: Party, event: Message, facts: Facts): void {
    if (this.#observer === undefined) return
    try {
      this.#observer[kind]?.(observation(party, event, facts))
    } catch (error) {
      this.report(error, { kind: 'observer' })
    }
  }

  refused(error: unknown, topic: unknown): void {
    try {
      this.#observer?.refused?.(error, topic)
    } catch (thrown) {
      this.report(thrown, { kind: 'observer' })
    }
  }

  ended(party: MessageQueue | Direct, event: Message, facts: Facts & { readonly end: End }): void {
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

  /** Tells `onError`, whatever that does. */
  report(error: unknown, context: ErrorContext): void {
    const onError: (error: unknown, context: ErrorContext) => unknown = this.#onError
    try {
      const result = onError(error, context)
      if (isThenable(result)) Promise.resolve(result).catch(() => {})
    } catch {
      // There is nobody left to tell.
    }
  }

  /** Nothing has a deadline: no timer stays. */
  #rest(): void {
    this.#schedule.clear()
    this.#alarm.cancel()
  }

  #tellIdle(): void {
    if (this.#idle.length === 0) return
    const told = this.#idle
    this.#idle = []
    for (const tell of told) tell()
  }

  readonly #stamp = (): void => {
    const now = this.clock.now()
    for (const queue of this.#unstamped.splice(0)) queue.stamp(now)
  }

  /** The timer rang. @returns when it has to ring again */
  #fire(now: number): number {
    const turn = new Turn(() => this.clock.now())
    while (!turn.spend()) {
      const queue = this.#schedule.takeDue(now)
      if (queue === undefined) break
      queue.fire(now)
      if (queue.nextDeadline < Infinity) this.deadlineSet(queue, queue.nextDeadline)
    }
    return this.#schedule.next
  }
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
