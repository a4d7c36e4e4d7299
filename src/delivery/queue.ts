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
import { Envelope } from '../event/envelope.ts'
import { none } from '../none.ts'
import { type Counts, type End, heldIn, zeroCounts } from '../stats.ts'
import type { Scheduled } from '../time/schedule.ts'
import { NOWHERE } from '../time/timed.ts'
import { Backlog } from './backlog.ts'
import { Delivery, isQueued, type Settlement } from './delivery.ts'
import { redeliveryDelayMs } from './redelivery.ts'
import { Rotation } from './rotation.ts'
import type { GivenUp, QueueHost, QueueParts, QueueRules, Reader, Taker } from './rules.ts'
import { Timetable } from './timetable.ts'

/** Dead letter topics that an event may go through. */
const MAX_HOPS = 8

/** It is also the route of the topics that lead to it alone. */
export class MessageQueue implements Scheduled {
  readonly only: undefined
  readonly queues: readonly MessageQueue[] = [this]
  readonly directs: readonly never[] = none
  readonly isSelective: boolean
  readonly filter: string
  readonly group: string | undefined
  readonly rules: QueueRules
  /** Whether it never loses an event for want of room. */
  readonly mayWait: boolean
  readonly counts: Counts = zeroCounts()
  readonly consumers: Rotation = new Rotation()
  /** Set while a consumer waits that can be given a message at any time. */
  reader: Reader | undefined
  readonly times: Timetable
  /** Written by the broker's schedule of queues. */
  position: number = NOWHERE
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
  readonly #backlog: Backlog
  /** Called when a message came to its end or a handler returned; see `drain()`. */
  watchers: Set<() => void> | undefined

  constructor({ filter, group, rules, order }: QueueParts, host: QueueHost<MessageQueue>) {
    this.filter = filter
    this.group = group
    this.rules = rules
    this.isSelective = rules.where !== undefined
    this.mayWait = rules.overflow === 'wait' || rules.overflow === 'reject'
    this.order = order
    this.#host = host
    this.times = new Timetable(this, host, rules.ackWaitMs)
    this.#backlog = new Backlog(this.times)
  }

  get where(): QueueRules['where'] {
    return this.rules.where
  }

  get hasRoom(): boolean {
    return heldIn(this.counts) < this.rules.capacity
  }

  /** Whether a new event has to wait, or whatever else `overflow` says. */
  get isFull(): boolean {
    return this.hasLine || !this.hasRoom
  }

  get nextDeadline(): number {
    return Math.min(this.times.next, this.#backlog.nextExpiry)
  }

  /** An event that matches; `wake` follows when it is accepted. @param isForced whether it is taken in beyond the capacity */
  offer(event: Envelope, isForced: boolean): void {
    this.counts.matched++
    if (isForced || this.mayWait || this.hasRoom) this.#accept(event)
    else this.#overflow(event)
  }

  /** An event has been accepted: a reader that waits is given it at once, because whatever it does with it happens later. */
  wake(): void {
    if (!this.reader?.read()) this.#host.dispatcher.ready(this)
  }

  /** The next message: from now on it is in flight. */
  take(taker: Taker): Delivery | undefined {
    for (;;) {
      const item = this.#backlog.shift()
      if (item === undefined) return undefined
      const delivery = item instanceof Envelope ? new Delivery(item, 0) : item
      if (delivery.state !== 'queued') continue
      if (delivery.envelope.extras === undefined || this.#mayStart(delivery)) return this.#start(delivery)
      // Whoever was told that it has expired may have ended the taker, or paused it.
      if (!taker.isFree) return undefined
    }
  }

  /** What most messages come to: as `#end`, without what the others need. */
  ack(delivery: Delivery): void {
    const { counts } = this
    if (delivery.position !== NOWHERE) this.times.clear(delivery)
    delivery.state = 'ended'
    counts.inFlight--
    counts.acked++
    if (delivery.envelope.extras !== undefined || this.#host.observed) this.#finish(delivery, 'acked')
    this.#host.moved(this)
  }

  /** A message in flight is not acked: offered again, or at its end. */
  reject(delivery: Delivery, { outcome, delayMs, error }: Settlement): void {
    const now = this.#host.clock.now()
    if (this.isOver) return this.#end(delivery, 'cancelled')
    if (delivery.envelope.expiresAt <= now) return this.#giveUp(delivery, 'expired', error)
    if (outcome === 'drop') return this.#giveUp(delivery, 'dropped', error)
    if (delivery.deliveryCount >= this.rules.maxDeliveries) return this.#giveUp(delivery, 'exhausted', error)
    const wait = delayMs ?? redeliveryDelayMs(this.rules.backoff, delivery.deliveryCount, this.#host.random)
    if (delivery.envelope.endOfDelay(now + wait) > this.horizon) return this.#end(delivery, 'cancelled')
    this.#offerAgain(delivery, now, wait)
    this.#host.tell('redelivered', this, delivery.envelope, { deliveryCount: delivery.deliveryCount, error })
  }

  /** A consumer left a group in the middle of a delivery, which is nobody's failure: the message keeps its count, but never loses its last delivery. */
  giveBack(delivery: Delivery): void {
    if (this.isOver) return this.#end(delivery, 'cancelled')
    this.#offerAgain(delivery, 0, 0)
  }

  /** Nothing enters or is delivered any more: everything that is queued or delayed ends as cancelled. */
  close(): void {
    this.isOver = true
    for (const delivery of this.#backlog.clear()) if (isQueued(delivery)) this.#end(delivery, 'cancelled')
    this.setHorizon(-Infinity)
  }

  /** After its end: what is in flight is cancelled, too. */
  abandon(reason: BusbarError): void {
    for (const taker of this.consumers.all()) taker.abandon(reason)
  }

  /** What is delayed beyond `time` ends as cancelled, now and later. */
  setHorizon(time: number): void {
    this.horizon = time
    this.times.endDelayed(time, (delivery) => this.#end(delivery, 'cancelled'))
  }

  /** Does the first thing that is due. */
  fire(now: number): void {
    const delivery = this.#backlog.takeExpired(now) ?? this.times.takeDue(now)
    if (delivery === undefined) return
    if (delivery.state === 'inFlight') {
      const facts = { topic: delivery.envelope.topic, filter: this.filter }
      const error = new BusbarError('ERR_ACK_WAIT', `No settlement within ${this.rules.ackWaitMs} ms`, facts)
      delivery.holder?.expire(error)
    } else if (delivery.envelope.expiresAt <= now) this.#giveUp(delivery, 'expired')
    else {
      this.#leave(delivery)
      this.#return(delivery)
      this.#host.moved(this)
    }
  }

  #accept(event: Envelope): void {
    if (event.extras === undefined) this.#backlog.push(event)
    else if (!this.#acceptSpecial(event)) return
    this.counts.queued++
    this.#host.workload.busy++
  }

  /** @returns whether it is queued, and not delayed */
  #acceptSpecial(event: Envelope): boolean {
    // An event from the history, where all have a number, may have been due long ago.
    const isOld = event.sequence !== undefined
    const isDue = event.dueAt === -Infinity || (isOld && event.dueAt <= this.#host.clock.now())
    if (isDue) this.#backlog.pushSpecial(event)
    else this.#delay(new Delivery(event, 0), event.dueAt)
    return isDue
  }

  /**
   * There is no room: with `dropOldest` the oldest that is queued goes for the
   * event, else the delayed one whose time comes last, else the event itself.
   */
  #overflow(event: Envelope): void {
    this.counts.skipped++
    const victim = this.rules.overflow === 'dropOldest' && (this.#backlog.oldest() ?? this.times.lastDelayed())
    if (!victim) {
      this.counts.overflowed++
      this.#host.ended(this, event, { deliveryCount: 0, end: 'overflowed' })
      return
    }
    this.#accept(event)
    this.#end(victim, 'overflowed')
  }

  /** Takes a message out of the state that it is in. */
  #leave(delivery: Delivery): void {
    const { state } = delivery
    const { workload } = this.#host
    workload.progress++
    this.times.clear(delivery)
    if (state === 'ended') return
    this.counts[state]--
    if (state === 'queued') workload.busy--
    if (state === 'delayed') {
      workload.delayed--
      if (this.#backlog.letGo(delivery)) this.#host.dispatcher.ready(this)
    }
  }

  /** Whether it has neither expired nor to wait for another message of its key. As most events have neither time nor key, they are not asked. */
  #mayStart(delivery: Delivery): boolean {
    const { expiresAt } = delivery.envelope
    if (expiresAt === Infinity) return this.#backlog.claim(delivery)
    const isExpired = expiresAt <= this.#host.clock.now()
    if (isExpired) this.#giveUp(delivery, 'expired')
    const mayStart = !isExpired && this.#backlog.claim(delivery)
    if (mayStart) this.times.clear(delivery)
    return mayStart
  }

  /** It stays what the broker is busy with, until the consumer says that it is done. */
  #start(delivery: Delivery): Delivery {
    const { counts } = this
    delivery.state = 'inFlight'
    counts.queued--
    counts.inFlight++
    counts.delivered++
    if (delivery.deliveryCount++ > 0) counts.redelivered++
    return delivery
  }

  #delay(delivery: Delivery, dueAt: number): void {
    delivery.state = 'delayed'
    this.counts.delayed++
    this.#host.workload.delayed++
    this.times.set(delivery, delivery.envelope.endOfDelay(dueAt))
  }

  /** A message that was delivered is queued, before those that were not. */
  #return(delivery: Delivery): void {
    delivery.state = 'queued'
    this.counts.queued++
    this.#host.workload.busy++
    this.#backlog.pushBack(delivery)
    const { expiresAt } = delivery.envelope
    if (expiresAt < Infinity) this.times.set(delivery, expiresAt)
    this.#host.dispatcher.ready(this)
  }

  /** What was in flight waits for its next delivery. */
  #offerAgain(delivery: Delivery, now: number, wait: number): void {
    const { ordered, maxDeliveries } = this.rules
    this.#leave(delivery)
    delivery.state = 'ended'
    const next = new Delivery(delivery.envelope, Math.min(delivery.deliveryCount, maxDeliveries - 1))
    if (ordered) this.#backlog.pass(delivery, next)
    if (wait > 0) this.#delay(next, now + wait)
    else this.#return(next)
    if (ordered && wait > 0) this.#backlog.hold(next)
    // Another message of the key may go on, or an older one may have come back meanwhile and go first.
    if (!ordered) this.#passOn(delivery)
    this.#host.moved(this)
  }

  /** The next message of the same key, if there is one, can go on. */
  #passOn(delivery: Delivery): void {
    if (delivery.key !== undefined && this.#backlog.release(delivery)) this.#host.dispatcher.ready(this)
  }

  #giveUp(delivery: Delivery, reason: GivenUp, error?: unknown): void {
    if (this.rules.deadLetterTopic === undefined) return this.#end(delivery, reason, error)
    if (delivery.envelope.hops >= MAX_HOPS) return this.#end(delivery, 'exhausted', error)
    const { workload } = this.#host
    workload.busy++ // until the dead letter has been published, so that nobody takes the broker for idle in between
    this.#end(delivery, 'deadLettered', error)
    this.#host.deadLetter(this, delivery, reason, error)
    workload.busy--
    this.#host.moved(this)
  }

  #end(delivery: Delivery, end: End, error?: unknown): void {
    const wasQueued = delivery.state === 'queued'
    this.#leave(delivery)
    delivery.state = 'ended'
    this.counts[end]++
    if (wasQueued) this.#backlog.bury(this.counts.queued)
    this.#finish(delivery, end, error)
    this.#host.moved(this)
  }

  /** It is over: another message of its key can go on, and who wants to hear of it is told. */
  #finish(delivery: Delivery, end: End, error?: unknown): void {
    this.#passOn(delivery)
    this.#host.ended(this, delivery.envelope, { deliveryCount: delivery.deliveryCount, end, error })
  }
}
