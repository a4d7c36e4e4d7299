/**
 * The queue of one subscription or group: which message is next, which wait for
 * their time, which are in flight, and how each of them ends. Pure state that
 * is told the time; whatever has to happen outside is asked of its `QueueHost`.
 *
 *   offer --> queued --> in flight --> acked
 *     |        ^  |       |   |
 *     |        |  |       |   +------> given up: dropped, exhausted, expired, dead lettered
 *     +--> delayed <-nack-+
 *
 * Layer 9.
 */
import { BusbarError } from '../errors.ts'
import type { Envelope } from '../event/envelope.ts'
import { type Counts, type End, zeroCounts } from '../stats.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { Scheduled } from '../time/schedule.ts'
import { Backlog } from './backlog.ts'
import { Entry, isQueued } from './entry.ts'
import { redeliveryDelayMs } from './redelivery.ts'
import { Rotation } from './rotation.ts'
import type { GivenUp, QueueHost, QueueParts, QueueRules, Settlement } from './rules.ts'

/** Dead letter topics that an event may go through. */
const MAX_HOPS = 8

export class MessageQueue implements Scheduled {
  readonly filter: string
  readonly group: string | undefined
  readonly rules: QueueRules
  readonly counts: Counts = zeroCounts()
  readonly consumers: Rotation = new Rotation()
  /** Written by the broker's schedule of queues. */
  position = -1
  readonly order: number
  /** Whether it waits in the dispatcher for its turn. */
  isReady = false
  /** Whether publishes stand in line for room: nobody may pass them. */
  hasLine: boolean = false
  /** Nothing is matched for it any more: nobody has to wait for room in it. */
  isRetired = false
  /** After the last unsubscribe: nothing enters, and whatever is not acked is cancelled. */
  isOver = false
  /** What would be offered again only after this moment is cancelled: the end of the grace time of `close()`. */
  horizon: number = Infinity
  readonly #host: QueueHost<MessageQueue>
  readonly #backlog = new Backlog()
  readonly #deadlines = new Deadlines<Entry>()
  /** In flight, ack wait not begun. */
  readonly #unstamped: Entry[] = []
  /** Called when a message came to its end or a handler returned; see `drain()`. */
  watchers: Set<() => void> | undefined

  constructor({ filter, group, rules, order }: QueueParts, host: QueueHost<MessageQueue>) {
    this.filter = filter
    this.group = group
    this.rules = rules
    this.order = order
    this.#host = host
  }

  get where(): QueueRules['where'] {
    return this.rules.where
  }

  get size(): number {
    return this.counts.queued + this.counts.delayed + this.counts.inFlight
  }

  get hasRoom(): boolean {
    return this.size < this.rules.capacity
  }

  /** Whether it never loses an event for want of room. */
  get mayWait(): boolean {
    return this.rules.overflow === 'wait' || this.rules.overflow === 'reject'
  }

  /** Whether a new event has to wait, or whatever else `overflow` says. */
  get isFull(): boolean {
    return this.hasLine || !this.hasRoom
  }

  get nextDeadline(): number {
    return this.#deadlines.next
  }

  /**
   * An event that matches. In a full queue with `dropOldest` the oldest that is
   * queued goes for it, else the delayed one whose time comes last, else the
   * event itself. @param isForced whether it is taken in beyond the capacity
   */
  offer(event: Envelope, isForced: boolean): void {
    this.counts.matched++
    if (isForced || this.mayWait || this.hasRoom) return this.#accept(event)
    const victim =
      this.rules.overflow === 'dropOldest'
        ? (this.#backlog.oldest() ?? this.#deadlines.last(({ state }) => state === 'delayed'))
        : undefined
    this.counts.skipped++
    if (victim === undefined) {
      this.counts.overflowed++
      this.#host.ended(this, event, { deliveryCount: 0, end: 'overflowed' })
      return
    }
    this.#accept(event)
    this.#end(victim, 'overflowed')
  }

  /** The next message: from now on it is in flight. */
  take(): Entry | undefined {
    // Reading the clock costs as much as some deliveries, and without deadlines nothing has expired.
    const now = this.#deadlines.size === 0 ? 0 : this.#host.clock.now()
    for (;;) {
      const entry = this.#backlog.shift()
      if (entry === undefined) return undefined
      if (entry.event.isExpired(now)) this.#giveUp(entry, 'expired', undefined)
      else if (this.#backlog.claim(entry)) return this.#start(entry)
    }
  }

  /** What most messages come to: as `#end`, without what the others need. */
  ack(entry: Entry): void {
    this.#leave(entry)
    entry.state = 'ended'
    this.counts.acked++
    this.#passOn(entry)
    if (this.#host.observed) this.#host.ended(this, entry.event, { deliveryCount: entry.deliveryCount, end: 'acked' })
    this.#host.moved(this)
  }

  /** A message in flight is not acked: offered again, or at its end. */
  reject(entry: Entry, { outcome, delayMs, error }: Settlement): void {
    const now = this.#host.clock.now()
    if (this.isOver) return this.#end(entry, 'cancelled')
    if (entry.event.isExpired(now)) return this.#giveUp(entry, 'expired', error)
    if (outcome === 'drop') return this.#giveUp(entry, 'dropped', error)
    if (entry.deliveryCount >= this.rules.maxDeliveries) return this.#giveUp(entry, 'exhausted', error)
    const wait = delayMs ?? redeliveryDelayMs(this.rules.backoff, entry.deliveryCount, this.#host.random)
    if (now + wait > this.horizon) return this.#end(entry, 'cancelled')
    this.#offerAgain(entry, now, wait)
    this.#host.tell('redelivered', this, entry.event, { deliveryCount: entry.deliveryCount, error })
  }

  /**
   * A consumer left a group in the middle of a delivery, which is nobody's
   * failure: the message keeps its count, but never loses its last delivery.
   */
  giveBack(entry: Entry): void {
    if (this.isOver) return this.#end(entry, 'cancelled')
    entry.deliveryCount = Math.min(entry.deliveryCount, this.rules.maxDeliveries - 1)
    this.#offerAgain(entry, 0, 0)
  }

  /** Nothing enters or is delivered any more: everything that is queued or delayed ends as cancelled. */
  close(): void {
    this.isOver = true
    for (const entry of this.#backlog.clear()) if (isQueued(entry)) this.#end(entry, 'cancelled')
    this.setHorizon(-Infinity)
  }

  /** What is in flight is cancelled, too. */
  abandon(reason: BusbarError): void {
    for (const taker of this.consumers.all()) taker.abandon(reason, (entry) => this.#end(entry, 'cancelled'))
  }

  /** What is delayed beyond `time` ends as cancelled, now and later. */
  setHorizon(time: number): void {
    this.horizon = time
    for (const entry of [...this.#deadlines.items()]) {
      if (entry.state === 'delayed' && this.#deadlines.timeOf(entry) > time) this.#end(entry, 'cancelled')
    }
  }

  /** An async delivery: its ack wait begins at the end of this turn, if it is still in flight by then. */
  beginAckWait(entry: Entry): void {
    if (this.rules.ackWaitMs === Infinity) return
    if (this.#unstamped.push(entry) === 1) this.#host.clock.nextTurn(this.#stamp)
  }

  readonly #stamp = (): void => {
    const end = this.#host.clock.now() + this.rules.ackWaitMs
    for (const entry of this.#unstamped.splice(0)) {
      if (entry.state === 'inFlight' && entry.position < 0) this.#setDeadline(entry, end)
    }
  }

  /** Moves the end of the ack wait to `ms` from now, never back. */
  extend(entry: Entry, ms: number): void {
    const { ackWaitMs } = this.rules
    if (ackWaitMs === Infinity) return
    const now = this.#host.clock.now()
    const end = entry.position < 0 ? now + ackWaitMs : this.#deadlines.timeOf(entry)
    this.#setDeadline(entry, Math.max(end, now + ms))
  }

  /** Does the first thing that is due. */
  fire(now: number): void {
    const entry = this.#deadlines.takeDue(now)
    if (entry === undefined) return
    this.#host.workload.timed--
    if (entry.state === 'inFlight') {
      const { topic } = entry.event
      const facts = { topic, filter: this.filter }
      entry.delivery?.expire(new BusbarError('ERR_ACK_WAIT', `No settlement within ${this.rules.ackWaitMs} ms`, facts))
    } else if (entry.event.isExpired(now)) this.#giveUp(entry, 'expired', undefined)
    else this.#offerAgain(entry, now, 0)
  }

  #accept(event: Envelope): void {
    const entry = new Entry(event)
    const dueAt = event.extras?.dueAt
    // An event from the history may have been due long ago.
    if (dueAt !== undefined && dueAt > this.#host.clock.now()) return this.#delay(entry, dueAt)
    this.#enqueue(entry)
    this.#backlog.push(entry)
    if (event.expiresAt !== undefined) this.#setDeadline(entry, event.expiresAt)
    this.#host.ready(this)
  }

  #enqueue(entry: Entry): void {
    entry.state = 'queued'
    this.counts.queued++
    this.#host.workload.busy++
  }

  /** Takes an entry out of the state that it is in. */
  #leave(entry: Entry): void {
    const { counts } = this
    const { workload } = this.#host
    workload.progress++
    if (entry.position >= 0) {
      this.#deadlines.delete(entry)
      workload.timed--
    }
    if (entry.state === 'inFlight') {
      counts.inFlight--
      entry.delivery = undefined
    } else if (entry.state === 'queued') {
      counts.queued--
      workload.busy--
    } else {
      counts.delayed--
      workload.delayed--
      if (this.#backlog.letGo(entry)) this.#host.ready(this)
    }
  }

  #start(entry: Entry): Entry {
    const { counts } = this
    this.#leave(entry)
    entry.state = 'inFlight'
    counts.inFlight++
    this.#host.workload.busy++ // until the consumer says that it is done
    counts.delivered++
    if (entry.deliveryCount++ > 0) counts.redelivered++
    return entry
  }

  #delay(entry: Entry, dueAt: number): void {
    entry.state = 'delayed'
    this.counts.delayed++
    this.#host.workload.delayed++
    this.#setDeadline(entry, Math.min(dueAt, entry.event.expiresAt ?? Infinity))
    if (entry.deliveryCount === 0) return
    if (this.rules.ordered) this.#backlog.hold(entry)
    else this.#passOn(entry)
  }

  /** An entry that is in flight or delayed waits, or is queued again at once. */
  #offerAgain(entry: Entry, now: number, wait: number): void {
    const keepsLane = entry.state === 'delayed' || this.rules.ordered
    this.#leave(entry)
    if (wait > 0) this.#delay(entry, now + wait)
    else {
      this.#enqueue(entry)
      this.#backlog.pushBack(entry)
      // An older message of the key may have come back meanwhile; they line up anew, the oldest first.
      if (!keepsLane) this.#passOn(entry)
      if (entry.event.expiresAt !== undefined) this.#setDeadline(entry, entry.event.expiresAt)
      this.#host.ready(this)
    }
    this.#host.moved(this)
  }

  /** The next message of the same key, if there is one, can go on. */
  #passOn(entry: Entry): void {
    if (entry.event.key !== undefined && this.#backlog.release(entry)) this.#host.ready(this)
  }

  #giveUp(entry: Entry, reason: GivenUp, error: unknown): void {
    if (this.rules.deadLetterTopic === undefined) return this.#end(entry, reason, error)
    if ((entry.event.extras?.hops ?? 0) >= MAX_HOPS) return this.#end(entry, 'exhausted', error)
    const { workload } = this.#host
    workload.busy++ // until the dead letter has been published, so that nobody takes the broker for idle in between
    this.#end(entry, 'deadLettered', error)
    this.#host.deadLetter(this, entry, reason, error)
    workload.busy--
    this.#host.moved(this)
  }

  #end(entry: Entry, end: End, error?: unknown): void {
    const wasQueued = entry.state === 'queued'
    this.#leave(entry)
    entry.state = 'ended'
    this.counts[end]++
    this.#passOn(entry)
    if (wasQueued) this.#backlog.bury(this.counts.queued)
    this.#host.ended(this, entry.event, { deliveryCount: entry.deliveryCount, end, error })
    this.#host.moved(this)
  }

  #setDeadline(entry: Entry, time: number): void {
    if (entry.position < 0) this.#host.workload.timed++
    this.#deadlines.set(entry, time)
    this.#host.schedule.set(this, time)
  }
}
