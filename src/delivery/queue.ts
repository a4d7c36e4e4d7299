/**
 * The queue of one subscription or group: which message is next, which wait for
 * their time, which are in flight, and how each of them ends. Pure state that
 * is told the time; whatever has to happen outside is asked of its `QueueHost`.
 *
 *   offer --> fresh ring ---+                 +--> acked
 *     |                     +--> in flight ---+--> given up: dropped, exhausted, expired, dead lettered
 *     +--> delayed --> returned, oldest first |
 *             ^--------------- nack ----------+
 *
 * An entry that ends while it stands in a ring stays there until it is passed
 * or swept: its `state` says that it is over.
 *
 * Layer 6.
 */
import { BusbarError } from '../errors.ts'
import type { CloudEvent } from '../event/cloudevent.ts'
import type { Envelope } from '../event/envelope.ts'
import { type Counts, type End, zeroCounts } from '../stats.ts'
import { Deadlines, type Timed } from '../time/deadlines.ts'
import type { Settlement } from './delivery.ts'
import { comesAfter, Entry, isQueued } from './entry.ts'
import { firstLive, Lanes } from './lanes.ts'
import { type Backoff, redeliveryDelayMs } from './redelivery.ts'
import { Ring } from './ring.ts'
import type { Workload } from './workload.ts'

/** How messages of a queue are treated; see `SubscribeOptions`. */
export interface QueueRules {
  readonly qos: 0 | 1
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
export interface QueueHost {
  readonly workload: Workload
  random(): number
  now(): number
  /** Something can be delivered. */
  ready(queue: MessageQueue): void
  /** A message entered or left; somebody may be waiting for that. */
  moved(queue: MessageQueue): void
  /** The queue's earliest deadline may have become earlier. */
  deadlineSet(queue: MessageQueue, time: number): void
  /** Messages are in flight whose ack wait has to begin at the end of this turn of the event loop. */
  unstamped(queue: MessageQueue): void
  /** Whether somebody wants to hear of everything, also of acks. */
  readonly observed: boolean
  tell(what: 'delivered' | 'redelivered', queue: MessageQueue, event: Envelope, facts: Facts): void
  ended(queue: MessageQueue, event: Envelope, facts: Facts & { readonly end: End }): void
  deadLetter(queue: MessageQueue, entry: Entry, reason: GivenUp, error: unknown): void
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

const MAX_HOPS = 8
/** Ended entries that may stand in the rings beside as many living ones. */
const SWEEP_AT = 64

export class MessageQueue implements Timed {
  readonly filter: string
  readonly group: string | undefined
  readonly rules: QueueRules
  readonly counts: Counts = zeroCounts()
  /** Those among whom messages are shared out in turn. */
  readonly consumers: Consumer[] = []
  /** Written by the broker's schedule of queues. */
  position = -1
  readonly order: number
  /** Whether it waits in the dispatcher for its turn. */
  isReady = false
  /** Whether publishes stand in line for room: nobody may pass them. */
  hasLine = false
  /** After the last unsubscribe: nothing enters, and whatever is not acked is cancelled. */
  isOver = false
  /** What would be offered again only after this moment is cancelled: the end of the grace time of `close()`. */
  horizon: number = Infinity
  readonly #host: QueueHost
  /** Never delivered, in order of acceptance. */
  readonly #fresh = new Ring<Entry>()
  /** Delayed before, and their time has come: before all fresh ones, the oldest event first. */
  readonly #returned = new Ring<Entry>()
  /** Ended entries that still stand in a ring. */
  #dead = 0
  readonly #deadlines = new Deadlines<Entry>()
  #lanes: Lanes | undefined
  /** With `ordered`: messages without a key that wait for redelivery and hold back all that come after them. */
  #holding: Set<Entry> | undefined
  /** In flight, ack wait not begun. */
  #unstamped: Entry[] = []
  /** The consumer after the one that was served last. */
  #turn = 0

  /** Called when a message came to its end or a handler returned; see `drain()`. */
  watch: (() => void) | undefined

  constructor({ filter, group, rules, order }: QueueParts, host: QueueHost) {
    this.filter = filter
    this.group = group
    this.rules = rules
    this.order = order
    this.#host = host
  }

  get size(): number {
    return this.counts.queued + this.counts.delayed + this.counts.inFlight
  }

  get hasRoom(): boolean {
    return this.size < this.rules.capacity
  }

  /** Whether a new event has to wait, or whatever else `overflow` says. */
  get isFull(): boolean {
    return this.hasLine || !this.hasRoom
  }

  get nextDeadline(): number {
    return this.#deadlines.next
  }

  /** Takes an event in, whether there is room or not. @param dueAt when it may be delivered, undefined for at once */
  offer(event: Envelope, dueAt: number | undefined): void {
    const entry = new Entry(event)
    this.counts.matched++
    if (event.key !== undefined) this.#lanes ??= new Lanes()
    if (dueAt !== undefined) return this.#delay(entry, dueAt)
    this.#enqueue(entry)
    this.#fresh.push(entry)
    if (event.expiresAt !== undefined) this.#setDeadline(entry, event.expiresAt)
    this.#host.ready(this)
  }

  /**
   * Takes an event into a full queue: the oldest that is queued goes for it,
   * else the delayed one whose time comes last, else the event itself.
   */
  offerInsteadOfOldest(event: Envelope, dueAt: number | undefined): void {
    const victim = this.#oldestQueued() ?? this.#lastDelayed()
    if (victim === undefined) return this.overflow(event)
    this.offer(event, dueAt)
    this.counts.skipped++
    this.#end(victim, 'overflowed')
  }

  /** An event that matched and finds no room. */
  overflow(event: Envelope): void {
    this.counts.matched++
    this.counts.overflowed++
    this.counts.skipped++
    this.#host.ended(this, event, { deliveryCount: 0, end: 'overflowed' })
  }

  /** The consumer whose turn it is among those that are free. */
  nextConsumer(): Consumer | undefined {
    const { consumers } = this
    for (let i = 0; i < consumers.length; i++) {
      if (this.#turn >= consumers.length) this.#turn = 0
      const consumer = consumers[this.#turn++]
      if (consumer?.isFree) return consumer
    }
    return undefined
  }

  /** The next message: from now on it is in flight. */
  take(now: number): Entry | undefined {
    for (;;) {
      const ring = this.#nextRing()
      const entry = ring.first
      if (entry === undefined || this.#isHeldBack(entry)) return undefined
      ring.shift()
      if (isExpired(entry, now)) this.#giveUp(entry, 'expired', undefined)
      else if (this.#lanes === undefined || this.#lanes.claim(entry)) return this.#start(entry)
    }
  }

  /** Whether `take` needs the exact time. */
  get hasDeadlines(): boolean {
    return this.#deadlines.size > 0
  }

  /** What most messages come to: as `#end`, without what the others need. */
  ack(entry: Entry): void {
    this.#leave(entry)
    entry.state = 'ended'
    this.counts.acked++
    if (this.#lanes !== undefined) this.#passOn(entry)
    if (this.#host.observed) this.#host.ended(this, entry.event, { deliveryCount: entry.deliveryCount, end: 'acked' })
    this.#host.moved(this)
  }

  /** An entry in flight is no longer this queue's business, as if it had never matched. */
  withdraw(entry: Entry): void {
    this.#leave(entry)
    this.counts.matched--
    this.counts.delivered--
  }

  /** A message in flight is not acked: offered again, or at its end. */
  reject(entry: Entry, { outcome, delayMs, error }: Settlement): void {
    const now = this.#host.now()
    if (this.isOver) return this.#end(entry, 'cancelled')
    if (isExpired(entry, now)) return this.#giveUp(entry, 'expired', error)
    if (outcome === 'drop') return this.#giveUp(entry, 'dropped', error)
    if (entry.deliveryCount >= this.rules.maxDeliveries) {
      return this.#giveUp(entry, this.rules.qos === 0 ? 'dropped' : 'exhausted', error)
    }
    const wait = delayMs ?? redeliveryDelayMs(this.rules.backoff, entry.deliveryCount, this.#host.random)
    if (now + wait > this.horizon) return this.#end(entry, 'cancelled')
    if (this.#host.observed) this.#host.tell('redelivered', this, entry.event, { deliveryCount: entry.deliveryCount, error })
    this.#offerAgain(entry, now, wait)
  }

  /**
   * A consumer left a group in the middle of a delivery, which is nobody's
   * failure: the message keeps its count, but never loses its last delivery.
   */
  giveBack(entry: Entry): void {
    entry.deliveryCount = Math.min(entry.deliveryCount, this.rules.maxDeliveries - 1)
    this.#offerAgain(entry, 0, 0)
  }

  /** A message in flight whose consumer is given up on. */
  cancel(entry: Entry): void {
    this.#end(entry, 'cancelled')
  }

  /** Everything that is queued or delayed ends as cancelled. */
  cancelWaiting(): void {
    const parked = this.#lanes?.parked() ?? []
    const waiting = [...this.#returned.toArray(), ...parked, ...this.#fresh.toArray(), ...this.#deadlines.items()]
    this.#fresh.clear()
    this.#returned.clear()
    for (const entry of waiting) {
      if (entry.state === 'queued' || entry.state === 'delayed') this.#end(entry, 'cancelled')
    }
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
    if (this.#unstamped.length === 0) this.#host.unstamped(this)
    this.#unstamped.push(entry)
  }

  /** The turn is over. */
  stamp(now: number): void {
    const entries = this.#unstamped
    this.#unstamped = []
    for (const entry of entries) {
      if (entry.state === 'inFlight' && entry.position < 0) this.#setDeadline(entry, now + this.rules.ackWaitMs)
    }
  }

  /** Moves the end of the ack wait to `ms` from now, never back. */
  extend(entry: Entry, ms: number): void {
    const { ackWaitMs } = this.rules
    if (ackWaitMs === Infinity) return
    const now = this.#host.now()
    const end = entry.position < 0 ? now + ackWaitMs : this.#deadlines.timeOf(entry)
    this.#setDeadline(entry, Math.max(end, now + ms))
  }

  /** Does the first thing that is due. */
  fire(now: number): void {
    const entry = this.#deadlines.takeDue(now)
    if (entry === undefined) return
    this.#host.workload.timed--
    if (entry.state === 'inFlight') {
      const error = new BusbarError('ERR_ACK_WAIT', `No settlement within ${this.rules.ackWaitMs} ms`, this.#facts(entry))
      entry.delivery?.expire(error)
    } else if (isExpired(entry, now)) this.#giveUp(entry, 'expired', undefined)
    else this.#offerAgain(entry, now, 0)
  }

  #facts({ event: { topic } }: Entry): { topic: string; filter: string } {
    return { topic, filter: this.filter }
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
    if (entry.position >= 0) this.#dropDeadline(entry)
    if (entry.state === 'inFlight') {
      counts.inFlight--
      entry.delivery = undefined
    } else if (entry.state === 'queued') {
      counts.queued--
      workload.busy--
    } else {
      counts.delayed--
      workload.delayed--
      if (this.#holding?.delete(entry)) this.#host.ready(this)
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
    if (this.#host.observed && this.rules.qos > 0) {
      this.#host.tell('delivered', this, entry.event, { deliveryCount: entry.deliveryCount })
    }
    return entry
  }

  #delay(entry: Entry, dueAt: number): void {
    entry.state = 'delayed'
    this.counts.delayed++
    this.#host.workload.delayed++
    this.#setDeadline(entry, Math.min(dueAt, entry.event.expiresAt ?? Infinity))
    if (entry.deliveryCount > 0) this.#holdBack(entry)
  }

  #holdBack(entry: Entry): void {
    if (!this.rules.ordered) this.#passOn(entry)
    else if (entry.event.key === undefined) (this.#holding ??= new Set()).add(entry)
  }

  #isHeldBack(entry: Entry): boolean {
    if (this.#holding === undefined || this.#holding.size === 0) return false
    return [...this.#holding].some((holding) => comesAfter(entry, holding))
  }

  /** An entry that is in flight or delayed waits, or is queued again at once. */
  #offerAgain(entry: Entry, now: number, wait: number): void {
    this.#leave(entry)
    if (wait > 0) return this.#delay(entry, now + wait)
    this.#enqueue(entry)
    this.#returnToQueue(entry)
    if (entry.event.expiresAt !== undefined) this.#setDeadline(entry, entry.event.expiresAt)
  }

  #returnToQueue(entry: Entry): void {
    this.#returned.insert(entry, comesAfter)
    this.#host.ready(this)
  }

  /** The next message of the same key, if there is one, can go on. */
  #passOn(entry: Entry): void {
    const next = this.#lanes?.release(entry)
    if (next !== undefined) this.#returnToQueue(next)
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
    if (this.#lanes !== undefined) this.#passOn(entry)
    if (wasQueued) this.#bury()
    this.#host.ended(this, entry.event, { deliveryCount: entry.deliveryCount, end, error })
    this.#host.moved(this)
  }

  /** An entry ended in the middle of a ring: when too many have, the rings are swept. */
  #bury(): void {
    const living = this.counts.queued
    if (++this.#dead < SWEEP_AT + living && living > 0) return
    this.#dead = 0
    this.#fresh.keep(isQueued)
    this.#returned.keep(isQueued)
    this.#lanes?.sweep()
  }

  #nextRing(): Ring<Entry> {
    return firstLive(this.#returned) === undefined ? (firstLive(this.#fresh), this.#fresh) : this.#returned
  }

  #oldestQueued(): Entry | undefined {
    const returned = firstLive(this.#returned)
    if (returned !== undefined) return returned
    const parked = this.#lanes?.oldest()
    const fresh = firstLive(this.#fresh)
    return parked === undefined || (fresh !== undefined && comesAfter(parked, fresh)) ? fresh : parked
  }

  /** Looks at all of them: the heap knows only the earliest. */
  #lastDelayed(): Entry | undefined {
    let last: Entry | undefined
    for (const entry of this.#deadlines.items()) {
      if (entry.state !== 'delayed') continue
      const later = last === undefined ? 1 : this.#deadlines.timeOf(entry) - this.#deadlines.timeOf(last)
      if (last === undefined || later > 0 || (later === 0 && comesAfter(entry, last))) last = entry
    }
    return last
  }

  #setDeadline(entry: Entry, time: number): void {
    if (entry.position < 0) this.#host.workload.timed++
    this.#deadlines.set(entry, time)
    this.#host.deadlineSet(this, time)
  }

  #dropDeadline(entry: Entry): void {
    this.#deadlines.delete(entry)
    this.#host.workload.timed--
  }
}

function isExpired(entry: Entry, now: number): boolean {
  return entry.event.expiresAt !== undefined && entry.event.expiresAt <= now
}

