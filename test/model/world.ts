/**
 * The real broker and the reference side by side. Every call goes to both, and
 * every handler that the real one starts is shown to the reference first, so
 * that a difference is found in the very moment it appears.
 */
import assert from 'node:assert/strict'
import type * as fc from 'fast-check'
import {
  Broker,
  type BrokerOptions,
  type CloseReport,
  type Message,
  type Observation,
  type Subscription,
} from '../../src/index.ts'
import { naive } from '../topic/reference.ts'
import { compare } from './compare.ts'
import { assertOwn, type Data, type Kind, PLAIN, say } from './kinds.ts'
import { BACKOFFS, type OnceStep, type PublishStep, type SubscribeStep } from './plan.ts'
import { Reference, type Request } from './reference.ts'
import type { ReferenceQueue } from './reference-queue.ts'
import type { Delivery, End, Member, Outcome, RefEvent, RefOptions } from './reference-types.ts'
import { CountingClock, GROUP, isAny, isEven, ONCE, reach, turn } from './setting.ts'

/** A subscription in both worlds. */
export interface Sub {
  readonly real: Subscription
  readonly queue: ReferenceQueue
  readonly member: Member
  readonly abort: AbortController
  readonly script: SubscribeStep['script']
  /** One that its handler may subscribe to, and one that its filter matches; as in the plan. */
  readonly topic: string
  readonly same: string
  /** How often its handler was called. */
  calls: number
  /** What next() took, and how much of it has been seen. */
  readonly taken: Delivery[]
  seen: number
}

/** A message that somebody still holds. */
export interface Held {
  readonly sub: Sub
  readonly delivery: Delivery
  readonly message: Message
  /** Ends the handler; undefined for a message in hand of an iterator. */
  readonly resolve: ((value: unknown) => void) | undefined
}

/** A call of `once()` in both worlds. */
interface Once {
  readonly queue: ReferenceQueue
  readonly member: Member
  readonly abort: AbortController
  /** What it was given. */
  event: RefEvent | undefined
  /** Whether its signal ended it. */
  isGivenUp: boolean
  /** What its promise came to: the id of the message, or why it was rejected. */
  outcome: unknown
}

/** What was handed over, and when. */
interface Handed extends Observation {
  readonly at: number
}

/** What the two have in common; acts.ts knows what handlers do. */
export abstract class World {
  readonly clock: CountingClock = new CountingClock({ patienceMs: 0 })
  readonly broker: Broker
  readonly kind: Kind
  readonly reference: Reference
  readonly scheduler: fc.Scheduler
  readonly subs: Sub[] = []
  readonly requests: Map<string, Request> = new Map()
  /** What was published, by number. */
  readonly sent: Data[] = []
  readonly publishes: { readonly request: Request; readonly abort: AbortController | undefined; outcome: unknown }[] =
    []
  readonly onces: Once[] = []
  held: Held[] = []
  /** What happened, for whoever has to understand a counterexample. */
  readonly trace: string[] = []
  /** The first difference found, wherever it was. */
  fault: unknown
  /** How much may still be done from inside handlers. */
  budget = 40
  isHealed = false
  closing: { readonly promise: Promise<CloseReport>; readonly before: Record<string, number> } | undefined
  /** The publish that is being called just now. */
  #current: Request | undefined
  /** By the error: the publish that seems to have been refused with it. */
  readonly #guesses = new Map<unknown, Request>()
  /** What the broker has handed over, before it is known to whom. */
  #handed: Handed | undefined
  /** Calls from inside a handler, how deep. */
  depth = 0
  readonly errors: unknown[] = []

  constructor(scheduler: fc.Scheduler, kind: Kind = PLAIN) {
    this.scheduler = scheduler
    this.kind = kind
    const { dialect, isolation, history } = kind
    this.reference = new Reference((filter, topic) => naive(filter, topic, dialect), history, reach)
    const options: BrokerOptions = {
      dialect,
      isolation,
      ...(history > 0 && { history: { size: history } }),
      clock: this.clock,
      random: () => 0.5,
      onError: (error) => void this.errors.push(error),
      observer: {
        published: ({ id, topic }) =>
          this.guard(
            () => (
              this.note(`accepted ${id} on ${topic}`), this.sync(), this.reference.accept(id, topic, this.requests)
            ),
          ),
        delivered: (seen) =>
          this.guard(() => {
            this.sync()
            this.#handed = { ...seen, at: this.clock.now() }
          }),
        redelivered: (seen) => this.#noticed('nacked', seen),
        settled: (seen) => this.#noticed(seen.end ?? assert.fail('settled without an end'), seen),
        refused: (error, topic) => this.guard(() => this.#refused(error, topic)),
      },
    }
    // A union of dialects fits no signature.
    this.broker = new Broker(options as BrokerOptions & { dialect: 'mqtt' })
  }

  note(what: string): void {
    if (this.fault === undefined) this.trace.push(`${this.clock.now()}: ${what}`)
  }

  /** Remembers the first fault; after it nothing is compared any more. */
  guard(check: () => void): void {
    if (this.fault !== undefined) return
    try {
      check()
    } catch (error) {
      this.fault = error
    }
  }

  /** Brings the reference to this moment. */
  sync(): void {
    if (this.#handed) this.#take(this.#handed)
    this.reference.moveTo(this.clock.now())
  }

  /** What was handed over and to no handler was taken by an iterator, or by once(); by which one of a group is seen later. */
  #take(handed: Handed): void {
    const { id, topic, filter, deliveryCount, at } = handed
    this.#handed = undefined
    this.reference.moveTo(at)
    const isBehind = ({ real, queue }: Sub): boolean => real.stats().delivered > queue.counts.delivered
    const mayTake = (one: Sub): boolean =>
      one.queue.options.filter === filter && one.member.isIterator && isBehind(one) && one.queue.hasSlot(one.member)
    // Two queues may have the same filter, and both be behind.
    const isNext = ({ queue }: Sub): boolean => {
      const pair = queue.next(id, at)
      return pair?.event.id === id && pair.count + 1 === deliveryCount
    }
    const takers = this.subs.filter(mayTake)
    const taker = takers.find(isNext) ?? takers[0]
    if (taker === undefined && this.#takeOnce(handed)) return
    assert.ok(taker, `${id} handed over although nobody asked for it`)
    const delivery = taker.queue.start(taker.member, at, id)
    const { event } = delivery.pair
    assert.deepEqual(
      [id, topic, deliveryCount],
      [event.id, event.topic, delivery.count],
      `wrong message from ${filter}`,
    )
    taker.taken.push(delivery)
  }

  /** @returns whether there was one */
  #takeOnce({ id, topic, filter, at }: Handed): boolean {
    const once = this.onces.find(({ queue, member }) => {
      const event = queue.hasSlot(member) ? queue.next(id, at)?.event : undefined
      return queue.options.filter === filter && event?.id === id && event.topic === topic
    })
    if (once === undefined) return false
    const { queue, member } = once
    const delivery = queue.start(member, at, id)
    once.event = delivery.pair.event
    delivery.said = 'nothing'
    queue.leave(member, at)
    queue.notice(delivery, at)
    reach('once')
    return true
  }

  /** Either the publish that is being called, or one that waited: its turn came, and another queue refused it. */
  #refused(error: unknown, topic: unknown): void {
    const current = this.#current
    if (current?.state === 'asked' && current.topic === topic) return this.reference.refuse(current)
    if (Object(error).code !== 'ERR_QUEUE_FULL') return
    const guessed = this.reference.refuseOne(topic)
    if (guessed) this.#guesses.set(error, guessed)
  }

  /** Which of the waiting publishes was refused is known for sure when its promise says so. */
  #rejected(request: Request, error: unknown): void {
    const guessed = this.#guesses.get(error)
    if (guessed === undefined || guessed === request) return
    const [other] = [...this.#guesses].find(([, one]) => one === request) ?? []
    if (other) this.#guesses.set(other, guessed)
    else this.reference.correct(guessed, request)
  }

  /** The broker has acted: on what some handler said, or because of the time. */
  #noticed(end: End | 'nacked', seen: Observation): void {
    const { id, topic, filter, deliveryCount } = seen
    this.note(`${end} ${id} of ${filter}, delivery ${deliveryCount}`)
    this.guard(() => {
      this.sync()
      const queue = this.#behind(end, filter)
      if (queue === undefined) return this.#noticedOnce(seen)
      const fits = ({ said, isCurrent, count, pair: { event } }: Delivery): boolean =>
        isCurrent && said !== undefined && event.id === id && event.topic === topic && count === deliveryCount
      const delivery = queue.deliveries.find(fits)
      if (delivery) return queue.notice(delivery, this.clock.now())
      if (end === 'overflowed') {
        if (queue.options.qos === 1) queue.overflowing = id
        return queue.loseUndeliverable()
      }
      if (end === 'acked') return queue.ackInHand(id, topic)
      if (queue.pairs.some(({ state, event }) => state === 'delayed' && event.id === id)) reach('expiry while delayed')
      queue.passEnd(this.clock.now(), id, topic)
    })
  }

  /** What time has ended for a call of once(), which has no counters to tell. */
  #noticedOnce({ id, topic, filter }: Observation): void {
    const isMeant = ({ queue }: Once): boolean =>
      queue.options.filter === filter && queue.pairs.some(({ event }) => event.id === id && event.topic === topic)
    this.onces.find(isMeant)?.queue.passEnd(this.clock.now(), id, topic)
  }

  /** Whose counters the reference has not brought up to date; two subscriptions may have the same filter. */
  #behind(end: End | 'nacked', filter: string | undefined): ReferenceQueue | undefined {
    const isBehind = ({ real, queue }: Sub): boolean => {
      if (end === 'nacked') return real.inFlightCount < queue.count('inFlight')
      const told = queue.counts[end] + Number(end === 'overflowed' && queue.overflowing !== undefined)
      return real.stats()[end] > told
    }
    return this.subs.find((one) => one.queue.options.filter === filter && isBehind(one))?.queue
  }

  publish({ topic: asked, many, key, ttlMs, delayMs, signal }: PublishStep): void {
    const topic = say(asked, this.kind.dialect)
    for (let i = 0; i < many; i++) {
      const data = this.publishes.length
      const id = `e${data}`
      const request: Request = {
        id,
        topic,
        data,
        key: key === 'none' ? undefined : key,
        ttlMs,
        delayMs,
        state: 'asked',
      }
      this.requests.set(id, request)
      const abort = signal ? new AbortController() : undefined
      const entry = { request, abort, outcome: undefined as unknown } // filled in when the promise settles
      this.publishes.push(entry)
      if (this.depth > 0) reach('publish during dispatch')
      this.guard(() => this.sync())
      const outer = this.#current
      this.#current = request
      const options = {
        id,
        delayMs,
        ...(request.key === undefined ? {} : { key: request.key }),
        ...(ttlMs === Infinity ? {} : { ttlMs }),
        ...(abort ? { signal: abort.signal } : {}),
      }
      const sent: Data = { n: data }
      this.sent.push(sent)
      const promise = this.broker.publish(topic, sent, options)
      this.#current = outer
      if (this.kind.isolation === 'clone' || this.kind.isolation === 'json') sent.n = -2
      promise.then(
        () => (entry.outcome = 'accepted'),
        (error: unknown) => {
          entry.outcome = error
          this.guard(() => this.#rejected(request, error))
        },
      )
      if (request.state === 'asked') this.guard(() => this.reference.wait(request))
    }
  }

  abortPublish(at: number): void {
    const waiting = this.publishes.filter(({ request, abort }) => request.state === 'waiting' && abort)
    const entry = waiting[at % waiting.length]
    if (entry === undefined) return
    reach('waiting publisher aborted')
    this.guard(() => (this.sync(), this.reference.giveUp(entry.request)))
    entry.abort?.abort('given up')
  }

  subscribe(asked: SubscribeStep): void {
    if (this.reference.isClosed) return
    const step = asked.group
      ? { ...asked, ...GROUP, filter: asked.filter.length > 1 ? 'a/#' : 'a' }
      : asked.qos === 0
        ? { ...asked, form: 'handler' as const }
        : asked
    if (
      asked.group &&
      this.reference.queues.some(
        ({ options, state }) =>
          options.group && options.filter === say(step.filter, this.kind.dialect) && state === 'draining',
      )
    )
      return
    const { dialect } = this.kind
    const filter = say(step.filter, dialect)
    const isLoop = step.dead !== 'none' && naive(filter, step.dead, dialect)
    const options: RefOptions = {
      filter,
      qos: step.qos,
      group: step.group ? 'g' : undefined,
      capacity: step.capacity,
      overflow: step.overflow,
      ackWaitMs: step.ackWaitMs,
      maxDeliveries: step.maxDeliveries,
      backoff: BACKOFFS[step.backoff] ?? assert.fail(),
      ordered: step.ordered,
      deadLetterTopic: step.qos === 0 || step.dead === 'none' || isLoop ? undefined : step.dead,
      evenOnly: step.evenOnly,
      from: this.kind.history === 0 || step.qos === 0 ? 'now' : fromOf(step.from),
    }
    const abort = new AbortController()
    if (step.signal === 'aborted') abort.abort()
    const real = this.#subscribeReal(step, options, abort.signal)
    if (step.signal === 'aborted') return
    const { queue, member } = this.reference.subscribe(options, step.concurrency, step.form === 'iterator')
    const topic = this.requests.size % 2 ? 'a' : 'b'
    const same = step.filter.replace(/[+#]/g, 'b')
    this.subs.push({ real, queue, member, abort, script: step.script, topic, same, calls: 0, taken: [], seen: 0 })
  }

  once({ filter: asked, evenOnly }: OnceStep): void {
    if (this.reference.isClosed) return
    const filter = say(asked, this.kind.dialect)
    const { queue, member } = this.reference.subscribe({ ...ONCE, filter, evenOnly }, 1, false)
    const abort = new AbortController()
    const once: Once = { queue, member, abort, event: undefined, isGivenUp: false, outcome: undefined }
    this.onces.push(once)
    this.broker.once(filter, { where: evenOnly ? isEven : isAny, signal: abort.signal }).then(
      (message) => {
        once.outcome = message.id
        this.guard(() => this.#read(message, once.event ?? assert.fail('once() resolved with nothing')))
      },
      (error: unknown) => (once.outcome = error),
    )
  }

  abortOnce(at: number): void {
    const once = this.onces[at % this.onces.length]
    if (once === undefined) return
    this.guard(() => {
      this.sync()
      once.isGivenUp ||= once.member.isOpen && once.outcome === undefined
      once.queue.leave(once.member, this.clock.now())
    })
    once.abort.abort('given up')
  }

  #subscribeReal(step: SubscribeStep, options: RefOptions, signal: AbortSignal): Subscription {
    const own = this.subs.length
    const { filter, qos, group, deadLetterTopic, evenOnly, ...rest } = options
    const queueing = { concurrency: step.concurrency, ...rest }
    const shared = { where: evenOnly ? isEven : isAny, signal: signal }
    const all = {
      ...shared,
      ...(qos === 0 ? { qos } : queueing),
      ...(group ? { group } : {}),
      ...(deadLetterTopic ? { deadLetterTopic } : {}),
    }
    if (step.form === 'iterator') return this.broker.subscribe(filter, all)
    return this.broker.subscribe(
      filter,
      (message) => this.handle(this.subs[own] ?? assert.fail('delivered inside subscribe()'), message),
      all,
    )
  }

  /** The handler of every subscription. */
  abstract handle(sub: Sub, message: Message): unknown

  /** The real broker has started a handler. */
  started(sub: Sub, message: Message): Delivery | undefined {
    let delivery: Delivery | undefined
    this.guard(() => {
      const { queue, member } = sub
      const now = this.clock.now()
      this.note(`delivered ${message.id} to ${queue.options.filter}, delivery ${message.deliveryCount}`)
      this.#handed = undefined
      this.sync()
      this.#makeWay(sub, message)
      assert.ok(
        queue.hasSlot(member),
        `${message.id} delivered to ${queue.options.filter} although it is paused, over or has no slot`,
      )
      delivery = queue.start(member, now, message.id)
      const {
        pair: { event },
        count,
      } = delivery
      assert.deepEqual(
        { id: message.id, topic: message.topic, count: message.deliveryCount, redelivered: message.redelivered },
        { id: event.id, topic: event.topic, count, redelivered: count > 1 },
        `wrong delivery to ${queue.options.filter} at ${now}`,
      )
      this.#read(message, event)
      assert.ok(now < event.expiry, `${event.id} delivered at ${now}, expired at ${event.expiry}`)
      if (queue.deliveries.some((one) => one.isOverdue && one.pair === delivery?.pair))
        reach('redelivery after ack wait')
    })
    return delivery
  }

  /** What a handler, or whoever has called next(), finds in a message. */
  #read(message: Message, { data, sequence }: RefEvent): void {
    assert.equal(message.sequence, sequence, `sequence of ${message.id}`)
    assertOwn(message.data, this.sent[data] ?? assert.fail(), data, this.kind)
  }

  /** What handlers have said is noticed when the broker acts on it. */
  #makeWay({ queue, member }: Sub, message: Message): void {
    const fits = (): boolean =>
      queue.hasSlot(member) && queue.next(message.id, this.clock.now())?.event.id === message.id
    for (;;) {
      if (fits()) return
      // Whoever has settled already only gives its slot back; that comes first.
      const all = queue.deliveries.filter((one) => one.said !== undefined)
      const said = all.find((one) => !one.isCurrent) ?? all[0]
      if (said === undefined) return
      queue.notice(said, this.clock.now())
    }
  }

  /** Settles by a method of the message, in both worlds, and compares the answers. */
  settle({ sub, delivery, message }: Held, outcome: Outcome, delayMs?: number): void {
    this.guard(() => {
      this.sync()
      const expected = sub.queue.settle(delivery, outcome, this.clock.now(), delayMs)
      const nack = (): boolean => message.nack(delayMs === undefined ? undefined : { delayMs })
      const answer = outcome === 'ack' ? message.ack() : outcome === 'drop' ? message.drop('why') : nack()
      assert.equal(answer, expected, `${outcome} of ${message.id}, delivery ${message.deliveryCount}`)
    })
  }

  end(sub: Sub, how: 'unsubscribe' | 'abort' | 'return' | 'throw'): void {
    const { queue, member, real, abort } = sub
    const hasFlight = queue.deliveries.some((one) => one.member === member && one.isCurrent)
    if (this.depth > 0) reach('unsubscribe during dispatch')
    this.guard(() => {
      this.sync()
      if (member.isOpen && hasFlight && queue.members.some((one) => one !== member && one.isOpen))
        reach('group member leaving with in flight')
      queue.leave(member, this.clock.now())
      if (how === 'return' || how === 'throw') queue.cancelHeld(member)
    })
    if (how === 'unsubscribe') void real.unsubscribe()
    if (how === 'abort') abort.abort()
    if (how === 'return') void real[Symbol.asyncIterator]().return?.()
    if (how === 'throw')
      real[Symbol.asyncIterator]()
        .throw?.('mine')
        .catch(() => {})
    // What unsubscribe() does to a message in hand is left to the broker: still to be acked, or cancelled.
    if (member.isIterator && real.inFlightCount === 0) this.guard(() => queue.cancelHeld(member))
  }

  next(sub: Sub): void {
    const { queue, member, real } = sub
    this.guard(() => {
      this.sync()
      queue.ackOldest(member, this.clock.now())
      if (member.isOpen && queue.state !== 'over') member.wanting++
    })
    void real[Symbol.asyncIterator]()
      .next()
      .then((result) =>
        this.guard(() => {
          this.sync()
          if (result.done)
            return assert.ok(
              queue.state !== 'open' || !member.isOpen,
              'next() gave done although the subscription is open',
            )
          const message = result.value
          if (sub.taken[sub.seen]?.pair.event.id !== message.id) this.#takeOver(sub, message.id)
          const delivery = sub.taken[sub.seen++]
          assert.equal(
            `${message.id} ${message.deliveryCount}`,
            `${delivery?.pair.event.id} ${delivery?.count}`,
            'wrong message from next()',
          )
          if (delivery === undefined) return
          this.#read(message, delivery.pair.event)
          this.held.push({ sub, delivery, message, resolve: undefined })
        }),
      )
    this.guard(() => this.sync())
  }

  /** Which iterator of a group took a message is seen only now. */
  #takeOver(sub: Sub, id: string): void {
    for (const other of this.subs) {
      const at =
        other.queue === sub.queue && other !== sub
          ? other.taken.findIndex((one, i) => i >= other.seen && one.pair.event.id === id)
          : -1
      const [delivery] = at < 0 ? [] : other.taken.splice(at, 1)
      if (delivery === undefined) continue
      delivery.member = sub.member
      other.member.wanting++
      sub.member.wanting--
      sub.taken.splice(sub.seen, 0, delivery)
      return
    }
  }

  /** Lets everything come to rest and compares all there is to compare. */
  async quiet(): Promise<void> {
    await this.clock.advance(0)
    await turn()
    this.guard(() => {
      this.sync()
      this.reference.assertQuiet()
      compare(this)
    })
    if (this.fault === undefined) return
    const why = this.fault instanceof Error ? this.fault.message : String(this.fault)
    throw new Error([why, ...this.trace.slice(-40)].join('\n    '), { cause: this.fault })
  }
}

function fromOf(from: SubscribeStep['from']): RefOptions['from'] {
  return typeof from === 'number' ? { sequence: from } : from
}
