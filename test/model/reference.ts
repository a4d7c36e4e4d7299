/**
 * The reference broker: what the promises say, in arrays and linear scans.
 *
 * It follows the real one step by step. Where promises leave a choice (which
 * member of a group, which of two subscriptions first, the moment at which a
 * promise is noticed) it is told what was chosen and checks that it was
 * allowed; everything else it knows by itself.
 */
import assert from 'node:assert/strict'
import { ReferenceQueue } from './reference-queue.ts'
import { ENDS, type Member, type RefEvent, type RefOptions } from './reference-types.ts'

/** A publish and what has become of it. */
export interface Request {
  readonly id: string
  readonly topic: string
  readonly data: number
  readonly key: string | undefined
  readonly ttlMs: number
  readonly delayMs: number
  state: 'asked' | 'waiting' | 'accepted' | 'refused'
}

interface Letter {
  readonly event: RefEvent
  readonly topic: string
}

export class Reference {
  now = 0
  readonly queues: ReferenceQueue[] = []
  published = 0
  refused = 0
  /** Publishes that wait for room, the oldest first. */
  waiting: Request[] = []
  isClosed = false
  #graceEnd = Infinity
  #isCut = false
  /** Dead letters that have to be published in this very moment. */
  #letters: Letter[] = []
  #order = 0
  readonly #matches: (filter: string, topic: string) => boolean
  readonly #historySize: number
  /** Of each topic all its events, also those that are forgotten. */
  readonly #past = new Map<string, RefEvent[]>()

  /** How many times a wait or a limit has been decided; for the statistics of a run. */
  readonly reached: (what: string) => void

  /** @param matches (filter, topic) @param historySize events of each topic that are kept, 0 for none */
  constructor(
    matches: (filter: string, topic: string) => boolean,
    historySize: number,
    reached: (what: string) => void,
  ) {
    this.#matches = matches
    this.#historySize = historySize
    this.reached = reached
  }

  get isCut(): boolean {
    return this.#isCut
  }

  subscribe(options: RefOptions, concurrency: number, isIterator: boolean): { queue: ReferenceQueue; member: Member } {
    const isSame = (queue: ReferenceQueue): boolean =>
      options.group !== undefined && queue.options.group === options.group && queue.options.filter === options.filter
    let queue = this.queues.find((one) => isSame(one) && one.state === 'open')
    if (queue === undefined) {
      queue = new ReferenceQueue(
        options,
        () => this.now,
        (event, topic) => void this.#letters.push({ event, topic }),
      )
      this.queues.push(queue)
      this.#replay(queue)
    }
    const member: Member = { concurrency, isIterator, isPaused: false, isOpen: true, wanting: 0 }
    queue.members.push(member)
    return { queue, member }
  }

  /** A new queue begins with what is kept and was asked for. */
  #replay(queue: ReferenceQueue): void {
    const { from, filter, evenOnly } = queue.options
    if (from === 'now') return
    const kept: RefEvent[] = []
    for (const [topic, all] of this.#past) {
      if (!this.#matches(filter, topic)) continue
      const asked = from === 'oldest' ? all.slice(-this.#historySize) : all.slice(from.sequence - 1)
      kept.push(...asked.slice(-this.#historySize))
      queue.missed += Math.max(0, asked.length - this.#historySize)
    }
    kept.sort((x, y) => x.order - y.order)
    if (kept.length > 0) this.reached('history replayed')
    for (const event of kept)
      if (this.now < event.expiry && !(evenOnly && event.data % 2 === 1)) queue.replay(event, this.now)
  }

  #matching(topic: string, data: number): ReferenceQueue[] {
    const takes = ({ options, state, isClosing }: ReferenceQueue): boolean =>
      (state === 'open' || (isClosing && state === 'draining')) &&
      this.#matches(options.filter, topic) &&
      !(options.evenOnly && data % 2 === 1)
    return this.queues.filter(takes)
  }

  #full(request: Request, overflow: 'wait' | 'reject'): ReferenceQueue[] {
    return this.#matching(request.topic, request.data).filter(
      (queue) => queue.isFull && queue.options.overflow === overflow,
    )
  }

  #hasRoom(request: Request): boolean {
    return this.#full(request, 'wait').length === 0
  }

  /** Earlier publishes that wait for a queue which this one needs too. */
  #ahead(request: Request): Request[] {
    const needs = ({ topic, data }: Request): ReferenceQueue[] =>
      this.#matching(topic, data).filter(({ options }) => options.qos === 1 && options.overflow === 'wait')
    const own = new Set(needs(request))
    const at = this.waiting.indexOf(request)
    return this.waiting
      .slice(0, at < 0 ? undefined : at)
      .filter((other) => needs(other).some((queue) => own.has(queue)))
  }

  /** The broker says that it accepted an event. */
  accept(id: string, topic: string, requests: ReadonlyMap<string, Request>): void {
    const letter = this.#letters.find((one) => one.event.id === id && one.topic === topic)
    const request = requests.get(id)
    if (letter === undefined || (request?.topic === topic && request.state === 'asked'))
      return this.#acceptRequest(request, id)
    this.#letters = this.#letters.filter((one) => one !== letter)
    const { data, key, hops } = letter.event
    this.#accepted({ id, topic, data, key, hops: hops + 1, expiry: Infinity, due: this.now })
  }

  #acceptRequest(request: Request | undefined, id: string): void {
    assert.ok(
      request && (request.state === 'asked' || request.state === 'waiting'),
      `nobody asked to publish ${id}, or it had its answer`,
    )
    assert.ok(!this.isClosed, `${id} accepted after close()`)
    assert.equal(this.#full(request, 'reject').length, 0, `${id} accepted although a queue refuses`)
    assert.ok(this.#hasRoom(request), `${id} accepted although a queue is full`)
    const passed = this.#ahead(request).filter((other) => this.#hasRoom(other))
    assert.deepEqual(
      passed.map((other) => other.id),
      [],
      `${id} overtook publishes that waited`,
    )
    if (request.state === 'waiting') this.reached('waiting publisher released')
    this.#forget(request, 'accepted')
    const { topic, data, key, ttlMs, delayMs } = request
    this.#accepted({
      id,
      topic,
      data,
      key,
      hops: 0,
      expiry: this.now + ttlMs,
      due: this.now + delayMs,
    })
  }

  #accepted(facts: Omit<RefEvent, 'order' | 'sequence'>): void {
    this.published++
    const past = this.#past.get(facts.topic) ?? []
    const sequence = this.#historySize > 0 ? past.length + 1 : undefined
    const event = { ...facts, order: this.#order++, sequence }
    this.#past.set(facts.topic, [...past, event])
    for (const queue of this.#matching(event.topic, event.data)) {
      if (queue.isFull && event.hops === 0) this.reached(`overflow ${queue.options.overflow}`)
      queue.offer(event, this.now, event.hops > 0)
    }
  }

  /** publish() has returned without having accepted or refused: it waits, and must have a reason to. */
  wait(request: Request): void {
    assert.ok(!this.isClosed, `${request.id} waits although the broker is closed`)
    assert.equal(this.#full(request, 'reject').length, 0, `${request.id} waits although a queue refuses`)
    for (const queue of this.#full(request, 'wait')) queue.assertNothingIsOver(this.now)
    assert.ok(!this.#hasRoom(request) || this.#ahead(request).length > 0, `${request.id} waits although there is room`)
    request.state = 'waiting'
    this.waiting.push(request)
    this.reached('overflow wait')
  }

  /** publish() was refused at once. */
  refuse(request: Request): void {
    const full = this.#full(request, 'reject')
    const isFull = full.length > 0
    if (!this.isClosed) for (const queue of full) queue.assertNothingIsOver(this.now)
    assert.ok(this.isClosed || isFull, `${request.id} refused although there is room`)
    if (isFull && !this.isClosed) this.reached('overflow reject')
    this.#forget(request, 'refused')
  }

  /** A waiting publish had its turn, and one of the queues that it needs refused it. */
  refuseOne(topic: unknown): Request | undefined {
    const request = this.waiting.find((one) => one.topic === topic && this.#full(one, 'reject').length > 0)
    if (request) this.#forget(request, 'refused')
    return request
  }

  /** It was another one. */
  correct(guessed: Request, refused: Request): void {
    guessed.state = 'waiting'
    this.refused--
    this.waiting = [...this.waiting, guessed].sort((x, y) => x.data - y.data)
    this.#forget(refused, 'refused')
  }

  /** A waiting publish is given up. */
  giveUp(request: Request): void {
    if (request.state === 'waiting') this.#forget(request, 'refused')
  }

  #forget(request: Request, state: 'accepted' | 'refused'): void {
    request.state = state
    if (state === 'refused') this.refused++
    this.waiting = this.waiting.filter((other) => other !== request)
  }

  close(graceMs: number): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const request of [...this.waiting]) this.#forget(request, 'refused')
    this.#graceEnd = this.now + graceMs
    for (const queue of this.queues) if (queue.state !== 'over') queue.closeAt(this.#graceEnd)
    if (graceMs === 0) this.#cut()
  }

  #cut(): void {
    this.#isCut = true
    for (const queue of this.queues) {
      if (queue.count('inFlight') > 0) this.reached('close with in flight')
      queue.cut()
    }
  }

  /**
   * Time has come this far; nothing that was due before may have been left
   * undone. What ends in this very moment ends when the broker comes to it,
   * one queue after the other, or at the latest when it is at rest.
   */
  moveTo(to: number): void {
    for (;;) {
      // What was said before then has been noticed by now, and may bring deadlines of its own.
      if (to > this.now) this.assertQuiet()
      const next = this.#nextDeadline()
      if (next >= to) break
      this.now = Math.max(this.now, next)
      this.#passAll()
    }
    this.now = to
    for (const queue of this.queues) queue.passDue(to)
  }

  #passAll(): void {
    for (const queue of this.queues) this.#pass(queue)
    if (!this.#isCut && this.now >= this.#graceEnd) this.#cut()
  }

  #nextDeadline(): number {
    return Math.min(this.#isCut ? Infinity : this.#graceEnd, ...this.queues.map((queue) => queue.nextDeadline()))
  }

  #pass(queue: ReferenceQueue): void {
    for (const pair of queue.pairs) {
      if (pair.state === 'delayed' && pair.event.expiry <= this.now) this.reached('expiry while delayed')
    }
    queue.passEnds(this.now)
    queue.passDue(this.now)
  }

  /** Everything that could have happened by now has. */
  assertQuiet(): void {
    this.#passAll()
    for (const queue of this.queues) {
      for (const delivery of [...queue.deliveries]) if (delivery.said !== undefined) queue.notice(delivery, this.now)
      queue.loseUndeliverable()
    }
    const [letter] = this.#letters
    assert.equal(
      letter,
      undefined,
      `at ${this.now}: a dead letter of ${letter?.event.id} to ${letter?.topic} was not published`,
    )
    for (const queue of this.queues) {
      const late = queue.isReady() ? queue.next()?.event.id : undefined
      assert.equal(late, undefined, `at ${this.now}: ${late} was not delivered to ${queue.options.filter}`)
      assert.ok(!queue.isHeldUp, `at ${this.now}: a next() of ${queue.options.filter} waits for what is in hand`)
    }
    if (this.isClosed) return
    for (const request of this.waiting) {
      const isStuck = this.#hasRoom(request) && this.#ahead(request).length === 0
      assert.ok(!isStuck, `at ${this.now}: ${request.id} still waits although there is room`)
    }
  }

  /** The counters of one queue, as `subscription.stats()` shows them. */
  statsOf(queue: ReferenceQueue): Record<string, number> {
    return {
      ...queue.counts,
      skipped: queue.counts.overflowed + queue.missed,
      queued: queue.count('queued'),
      delayed: queue.count('delayed'),
      inFlight: queue.count('inFlight'),
      overdue: queue.overdue,
    }
  }

  /** The counters of the broker, as far as the reference knows them. */
  stats(): Record<string, number> {
    const sum: Record<string, number> = {
      published: this.published,
      refused: this.refused,
      waiting: this.queues.reduce((sum, { replaying }) => sum + replaying.length, this.waiting.length),
    }
    for (const queue of this.queues) {
      for (const [name, value] of Object.entries(this.statsOf(queue))) sum[name] = (sum[name] ?? 0) + value
    }
    return sum
  }
}

/** The seven ends and the three gauges add up to what matched. */
export function assertIdentity(stats: Readonly<Record<string, number>>, whose: string): void {
  const sum = [...ENDS, 'queued', 'delayed', 'inFlight'].reduce((total, name) => total + (stats[name] ?? NaN), 0)
  assert.equal(stats['matched'], sum, `${whose}: ${JSON.stringify(stats)}`)
  for (const [name, value] of Object.entries(stats)) assert.ok(value >= 0, `${whose}: ${name} is ${value}`)
}
