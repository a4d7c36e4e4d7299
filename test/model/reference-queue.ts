/**
 * The queue of the reference broker: one array, searched from end to end, and
 * told the time. Slow and plain on purpose; what it says is right.
 *
 * It does not decide when a delivery happens. It is told that one has begun
 * and says whether that was the one to begin; and it knows whether one is due.
 */
import assert from 'node:assert/strict'

import {
  type Delivery,
  deadline,
  type End,
  type Member,
  type Outcome,
  type Pair,
  type RefEvent,
  type RefOptions,
} from './reference-types.ts'

const MAX_HOPS = 8

const hasExpired = ({ state, event }: Pair, now: number): boolean => state !== 'inFlight' && now >= event.expiry
const byOrder = (x: Pair, y: Pair): number => x.event.order - y.event.order
const isLate = ({ isCurrent, ackBy }: Delivery, now: number): boolean => isCurrent && now >= ackBy

export class ReferenceQueue {
  readonly options: RefOptions
  readonly members: Member[] = []
  pairs: Pair[] = []
  /** Deliveries whose handler has not returned; messages in hand of iterators. */
  deliveries: Delivery[] = []
  state: 'open' | 'draining' | 'over' = 'open'
  /** It takes dead letters although it takes nothing else, because the broker closes. */
  isClosing: boolean = false
  /** Events from the history that wait for room. */
  replaying: RefEvent[] = []
  /** Events that were asked for and are no longer in the history. */
  missed: number = 0
  /** The event whose message the broker has just dropped for want of room, before it says what for. */
  overflowing: string | undefined
  /** What is due after this moment is cancelled at once. */
  graceEnd: number = Infinity
  readonly counts: Record<End | 'matched' | 'delivered' | 'redelivered', number> = {
    matched: 0,
    acked: 0,
    dropped: 0,
    expired: 0,
    deadLettered: 0,
    exhausted: 0,
    overflowed: 0,
    cancelled: 0,
    delivered: 0,
    redelivered: 0,
  }
  readonly #now: () => number
  readonly #letter: (event: RefEvent, topic: string) => void

  constructor(options: RefOptions, now: () => number, letter: (event: RefEvent, topic: string) => void) {
    this.options = options
    this.#now = now
    this.#letter = letter
  }

  count(state: Pair['state']): number {
    return this.pairs.filter((pair) => pair.state === state).length
  }

  get overdue(): number {
    return this.deliveries.filter((delivery) => delivery.isOverdue).length
  }

  get isFull(): boolean {
    return this.options.qos === 1 && this.pairs.length >= this.options.capacity
  }

  /** A matching event was accepted; dead letters find room where there is none. */
  offer(event: RefEvent, now: number, isForced: boolean): void {
    this.counts.matched++
    const hasRoom = isForced || !this.isFull || this.#makeRoom(now)
    this.overflowing = undefined
    if (!hasRoom) return void this.counts.overflowed++
    const state = event.due > now ? 'delayed' : 'queued'
    const entry = this.counts.matched
    this.pairs.push({ event, entry, since: now, state, count: 0, due: event.due, front: false, isRedelivery: false })
  }

  /** An event from the history: one that finds no room waits for it, unless others have to make way. */
  replay(event: RefEvent, now: number): void {
    const mayWait = this.options.overflow === 'wait' || this.options.overflow === 'reject'
    if (mayWait && this.isFull) this.replaying.push(event)
    else this.offer(event, now, false)
  }

  /** Whoever waits from the history comes before all others. */
  #goOn(): void {
    while (this.replaying[0] && !this.isFull) this.offer(this.replaying.shift() ?? assert.fail(), this.#now(), false)
  }

  /** Nobody waits any longer: what is left of the history comes in, beyond the capacity. */
  #replayAll(): void {
    for (const event of this.replaying.splice(0)) this.offer(event, this.#now(), true)
  }

  #makeRoom(now: number): boolean {
    this.assertNothingIsOver(now)
    assert.notEqual(this.options.overflow, 'wait', 'accepted although a queue is full')
    assert.notEqual(this.options.overflow, 'reject', 'accepted although a queue refuses')
    if (this.options.overflow === 'dropNewest') return false
    const victim = this.#victim()
    if (victim === undefined) return false
    this.#end(victim, 'overflowed')
    return true
  }

  /** What goes for a new event: the next in line; one that waits only for its key may count as that. */
  #victim(): Pair | undefined {
    const queued = this.#queued()
    const keyed = queued.filter(({ event }) => event.key !== undefined).sort(byOrder)[0]
    return keyed && keyed.event.id === this.overflowing ? keyed : (queued[0] ?? this.#dueLast())
  }

  /** What has come to its end takes no room. */
  assertNothingIsOver(now: number): void {
    assert.ok(this.nextDeadline() > now, `${this.options.filter} is full, but something in it is over`)
  }

  #dueLast(): Pair | undefined {
    const delayed = this.pairs.filter((pair) => pair.state === 'delayed')
    return delayed.sort((x, y) => deadline(y) - deadline(x) || y.event.order - x.event.order)[0]
  }

  /** Queued messages, the next one first. */
  #queued(): Pair[] {
    const queued = this.pairs.filter((pair) => pair.state === 'queued')
    const byEntry = (x: Pair, y: Pair): number => (x.front ? byOrder(x, y) : x.entry - y.entry)
    return queued.sort((x, y) => Number(y.front) - Number(x.front) || byEntry(x, y))
  }

  /**
   * The message that has to be delivered next, if there is one that may. What
   * falls due in the very millisecond in which something else makes way may
   * come before or after it, so there the event that was delivered decides.
   */
  next(id?: string, now?: number): Pair | undefined {
    const ready = this.#queued().filter((pair) => !this.#isHeldBack(pair))
    const [first] = ready
    if (id === undefined || first?.event.id === id) return first
    // What had its turn but for its key stands among those that are due.
    const keyed = ready.filter((pair) => pair.event.key !== undefined).sort(byOrder)[0]
    if (keyed?.event.id === id) return keyed
    // In an ordered queue the message that held back its key may go on before those that it held back; others pass them meanwhile.
    const at = ready.findIndex((pair) => pair.event.id === id)
    const chosen = ready[at]
    const hasHolder = (key: string): boolean => ready.slice(at).some((one) => one.isRedelivery && one.event.key === key)
    const waits = ({ event: { key }, front }: Pair): boolean => front && key !== undefined && hasHolder(key)
    const mayGoOn = this.options.ordered && chosen !== undefined && (chosen.isRedelivery || !waits(chosen))
    if (mayGoOn && ready.slice(0, at).every(waits)) return chosen
    const before = ready.find((pair) => pair.due !== now || (pair.due === pair.event.due && !pair.front))
    return before?.event.id === id ? before : first
  }

  #isHeldBack(pair: Pair): boolean {
    const { key, order } = pair.event
    const { ordered, qos } = this.options
    if (qos === 0) return false
    if (key !== undefined && this.deliveries.some((one) => one.isCurrent && one.pair.event.key === key)) return true
    if (!ordered) return false
    const waits = (other: Pair): boolean => other.state === 'delayed' && other.isRedelivery
    // Of a key, the one that waits also holds back an older one that was published with a delay.
    const holds = (other: Pair): boolean =>
      other.event.key === undefined ? other.event.order < order : other.event.key === key
    return this.pairs.some((other) => waits(other) && holds(other))
  }

  hasSlot(member: Member): boolean {
    if (!member.isOpen || member.isPaused) return false
    if (this.options.qos === 0) return true
    // A waiting next() takes the place of the oldest message in hand.
    if (member.isIterator) return member.wanting > 0
    const used = this.deliveries.filter((one) => one.member === member && !one.isOverdue)
    return used.length < member.concurrency
  }

  /** Whether some member could be given something now. */
  isReady(): boolean {
    return this.next() !== undefined && this.members.some((member) => this.hasSlot(member))
  }

  /** Whether an iterator has to let go of the oldest in hand for the next one; in a group others may have had their turn. */
  get isHeldUp(): boolean {
    const [member, ...others] = this.members
    return this.count('queued') > 0 && member !== undefined && others.length === 0 && this.#holdsTooMuch(member)
  }

  #holdsTooMuch(member: Member): boolean {
    return member.isIterator && this.hasSlot(member) && this.#held(member).length >= member.concurrency
  }

  /** The broker has handed something over: it must be this. */
  start(member: Member, now: number, id?: string): Delivery {
    const pair = this.next(id, now)
    assert.ok(pair, 'delivered although nothing may be')
    pair.state = 'inFlight'
    pair.count++
    this.counts.delivered++
    if (pair.count > 1) this.counts.redelivered++
    const { qos, ackWaitMs } = this.options
    const ackBy = qos === 0 ? Infinity : now + ackWaitMs
    const delivery: Delivery = {
      pair,
      member,
      count: pair.count,
      ackBy,
      isCurrent: true,
      isOverdue: false,
      said: undefined,
    }
    this.deliveries.push(delivery)
    if (member.isIterator) member.wanting--
    return delivery
  }

  /** When an iterator holds as many as it may, asking for more acks the oldest. */
  ackOldest(member: Member, now: number): void {
    const inHand = this.#held(member)
    if (inHand[0] && inHand.length >= member.concurrency) this.#settle(inHand[0], 'ack', now)
  }

  /**
   * The broker has acked a message of its own accord: an iterator was asked for
   * more, and it was the oldest in hand. Of several it is not known yet who holds what.
   */
  ackInHand(id: string, topic: string): void {
    assert.ok(this.count('queued') > 0, `${id} acked although there is nothing to take its place`)
    const iterators = this.members.filter((member) => member.isIterator && member.isOpen)
    const inHand =
      iterators.length > 1
        ? iterators.flatMap((member) => this.#held(member))
        : iterators.filter((member) => this.#holdsTooMuch(member)).flatMap((member) => this.#held(member).slice(0, 1))
    const acked = inHand.find(({ pair: { event } }) => event.id === id && event.topic === topic)
    assert.ok(acked, `${id} acked by nobody`)
    this.#settle(acked, 'ack', 0)
  }

  /** @returns whether it was this that settled the message */
  settle(delivery: Delivery, outcome: Outcome, now: number, delayMs?: number): boolean {
    if (!delivery.isCurrent || this.options.qos === 0) return false
    this.#settle(delivery, outcome, now, delayMs)
    return true
  }

  #settle(delivery: Delivery, outcome: Outcome, now: number, delayMs?: number): void {
    const { pair } = delivery
    delivery.isCurrent = false
    if (delivery.member.isIterator) this.#forget(delivery)
    if (outcome === 'ack') this.#end(pair, 'acked')
    else if (this.state === 'over') this.#end(pair, 'cancelled')
    else if (this.options.qos === 0) this.#end(pair, 'dropped')
    else if (now >= pair.event.expiry) this.#giveUp(pair, 'expired')
    else if (outcome === 'drop') this.#giveUp(pair, 'dropped')
    else if (pair.count >= this.options.maxDeliveries) this.#giveUp(pair, 'exhausted')
    else this.#again(pair, now, delayMs ?? this.#backoff(pair.count))
  }

  #backoff(count: number): number {
    const { backoff } = this.options
    return backoff[Math.min(count, backoff.length) - 1] ?? assert.fail('empty backoff')
  }

  #again(pair: Pair, now: number, delayMs: number): void {
    pair.front = true
    pair.isRedelivery = true
    pair.due = now + delayMs
    pair.state = delayMs === 0 ? 'queued' : 'delayed'
    if (deadline(pair) > this.graceEnd) this.#end(pair, 'cancelled')
  }

  /** The broker has noticed what the handler said. */
  notice(delivery: Delivery, now: number): void {
    const { said, isCurrent, member } = delivery
    assert.ok(said !== undefined)
    if (!member.isIterator) this.#forget(delivery)
    if (!isCurrent) return
    // A qos 0 handler settles nothing by what it returns; only its failure tells.
    this.#settle(delivery, said === 'nothing' ? 'ack' : said, now)
  }

  #forget(delivery: Delivery): void {
    this.deliveries = this.deliveries.filter((one) => one !== delivery)
  }

  #end(pair: Pair, end: End): void {
    pair.state = end
    this.counts[end]++
    this.pairs = this.pairs.filter((one) => one !== pair)
    this.#goOn()
  }

  #giveUp(pair: Pair, reason: 'dropped' | 'exhausted' | 'expired'): void {
    const { deadLetterTopic } = this.options
    if (deadLetterTopic === undefined) return this.#end(pair, reason)
    if (pair.event.hops >= MAX_HOPS) return this.#end(pair, 'exhausted')
    this.#end(pair, 'deadLettered')
    this.#letter(pair.event, deadLetterTopic)
  }

  /** When time changes something here the next time. */
  nextDeadline(): number {
    const waits = this.pairs.filter((pair) => pair.state === 'queued' || pair.state === 'delayed')
    return Math.min(
      ...waits.map((pair) => Math.max(pair.event.expiry, pair.since)),
      ...waits.filter((pair) => pair.state === 'delayed').map((pair) => Math.max(pair.due, pair.since)),
      ...this.deliveries.filter((one) => one.isCurrent).map((one) => one.ackBy),
    )
  }

  /** Ends what time has ended by `now`: ttls first, then ack waits. */
  passEnds(now: number): void {
    for (const pair of [...this.pairs]) if (hasExpired(pair, now)) this.#giveUp(pair, 'expired')
    for (const delivery of [...this.deliveries]) if (isLate(delivery, now)) this.#takeAway(delivery, now)
  }

  /** The same for one message of this event: two of its dead letters may be here. */
  passEnd(now: number, id: string, topic: string): void {
    const isMeant = ({ event }: Pair): boolean => event.id === id && event.topic === topic
    const pair = this.pairs.find((one) => isMeant(one) && hasExpired(one, now))
    if (pair) return this.#giveUp(pair, 'expired')
    const delivery = this.deliveries.find((one) => isMeant(one.pair) && isLate(one, now))
    if (delivery) this.#takeAway(delivery, now)
  }

  #takeAway(delivery: Delivery, now: number): void {
    delivery.isOverdue = !delivery.member.isIterator
    this.#settle(delivery, 'nack', now)
  }

  /** Queues what is due by `now` and has not expired. */
  passDue(now: number): void {
    for (const pair of this.pairs) {
      if (pair.state !== 'delayed' || now < pair.due || now >= pair.event.expiry) continue
      pair.state = 'queued'
      pair.front = true
    }
  }

  /** A paused qos 0 subscription has nowhere to keep what is dispatched to it. */
  loseUndeliverable(): void {
    if (this.options.qos === 1 || this.members.some((member) => !member.isPaused)) return
    for (const pair of [...this.pairs]) if (pair.state === 'queued') this.#end(pair, 'overflowed')
  }

  /** One member goes; what it holds goes back to the others, or is left to its handler. */
  leave(member: Member, now: number): void {
    if (!member.isOpen) return
    member.isOpen = false
    member.wanting = 0
    if (this.members.some((other) => other.isOpen)) {
      for (const delivery of this.#held(member)) this.#giveBack(delivery, now)
      return
    }
    this.#replayAll()
    this.state = 'over'
    for (const pair of [...this.pairs]) if (pair.state !== 'inFlight') this.#end(pair, 'cancelled')
  }

  #held(member: Member): Delivery[] {
    return this.deliveries.filter((one) => one.member === member && one.isCurrent)
  }

  #giveBack(delivery: Delivery, now: number): void {
    const { pair } = delivery
    delivery.isCurrent = false
    if (delivery.member.isIterator) this.#forget(delivery)
    else delivery.isOverdue = true
    if (now >= pair.event.expiry) return this.#giveUp(pair, 'expired')
    pair.state = 'queued'
    pair.front = true
    if (pair.count >= this.options.maxDeliveries) pair.count--
  }

  /** What an ended iterator held ends with it. */
  cancelHeld(member: Member): void {
    for (const delivery of this.#held(member)) {
      delivery.isCurrent = false
      this.#forget(delivery)
      this.#end(delivery.pair, 'cancelled')
    }
  }

  /** Nothing is matched for it any more, not even dead letters. */
  drain(): void {
    this.#replayAll()
    this.isClosing = false
    if (this.state === 'open') this.state = 'draining'
  }

  /** The broker closes: what is delayed beyond `graceEnd` has no chance any more. */
  closeAt(graceEnd: number): void {
    this.graceEnd = graceEnd
    this.#replayAll()
    this.isClosing = this.state === 'open'
    if (this.isClosing) this.state = 'draining'
    for (const pair of [...this.pairs])
      if (pair.state === 'delayed' && deadline(pair) > graceEnd) this.#end(pair, 'cancelled')
  }

  /** The grace time is over. */
  cut(): void {
    this.state = 'over'
    for (const pair of [...this.pairs]) this.#end(pair, 'cancelled')
    for (const member of this.members) member.isOpen = false
    for (const delivery of this.deliveries) delivery.isCurrent = false
  }
}
