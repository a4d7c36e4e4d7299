/**
 * What handlers do in a run, and how a run goes: step by step, each compared,
 * and at the end everything is healed and must come to its end.
 */
import assert from 'node:assert/strict'
import type { Message } from '../../src/index.ts'
import { assertClean } from './compare.ts'
import { type Act, EXTEND_MS, type How, type Inside, NACK_MS, type Step, UNIT } from './plan.ts'
import type { Outcome } from './reference-types.ts'
import { simple, turn } from './setting.ts'
import { type Held, type Sub, World } from './world.ts'

/** What a handler comes to: a value to return, or a thing to throw. */
type Coming = { readonly value: unknown } | { readonly thrown: unknown }

/** Which settle methods it calls first. */
const METHODS: Readonly<Partial<Record<How, readonly (readonly [Outcome, number?])[]>>> = {
  'ack()': [['ack']],
  'nack()': [['nack']],
  'nack(7)': [['nack', NACK_MS]],
  'nack(0)': [['nack', 0]],
  'drop()': [['drop']],
  'ack() twice': [['ack'], ['ack']],
  'ack() then throw': [['ack']],
  'nack() then ack': [['nack'], ['ack']],
}

/** What it returns or throws then. */
const COMINGS: Readonly<Partial<Record<How, () => Coming>>> = {
  ack: () => ({ value: 'ack' }),
  nack: () => ({ value: 'nack' }),
  drop: () => ({ value: 'drop' }),
  other: () => ({ value: { any: 'thing' } }),
  throw: () => ({ thrown: new Error('thrown') }),
  'throw undefined': () => ({ thrown: undefined }),
  'reject text': () => ({ value: Promise.reject('text') }),
  'then throws': () => ({ value: { then: () => assert.fail('then') } }),
  'then calls both': () => ({ value: { then: (yes: (value: string) => void, no: () => void) => (yes('drop'), no()) } }),
  'ack() then throw': () => ({ thrown: new Error('after ack') }),
  'nack() then ack': () => ({ value: 'ack' }),
}

/** What the broker has to make of it. */
const SAID: Readonly<Partial<Record<How, Outcome>>> = {
  nack: 'nack',
  drop: 'drop',
  throw: 'nack',
  'throw undefined': 'nack',
  'reject text': 'nack',
  'then throws': 'nack',
  'then calls both': 'drop',
}
const FAILS: ReadonlySet<How> = new Set<How>([
  'throw',
  'throw undefined',
  'reject text',
  'then throws',
  'ack() then throw',
])

const GOOD: Act = { when: 'sync', how: 'ack' }

export class Run extends World {
  drain({ queue, member, real }: Sub): void {
    // One that has left its group has nothing to drain.
    if (!member.isOpen) return void real.drain()
    if (queue.members.filter((one) => one.isOpen).length > 1) return
    this.guard(() => {
      this.sync()
      queue.drain()
    })
    void real.drain()
  }

  close(graceMs: number): void {
    this.guard(() => this.sync())
    const before = this.reference.stats()
    this.guard(() => this.reference.close(graceMs))
    const promise = this.broker.close({ graceMs })
    this.closing ??= { promise, before }
    this.guard(() => assert.equal(promise, this.closing?.promise, 'close() gave another promise'))
  }

  /** Does from inside a handler what its plan says. */
  inside(what: Inside | undefined, sub: Sub): void {
    if (what === undefined || this.isHealed || this.budget-- <= 0) return
    const plain = { do: 'publish', many: 1, key: 'none', ttlMs: Infinity, delayMs: 0, signal: false } as const
    this.depth++
    if (what.do === 'publish') this.publish({ ...plain, topic: what.topic })
    if (what.do === 'publish same') this.publish({ ...plain, topic: sub.same })
    if (what.do === 'unsubscribe self') this.end(sub, 'unsubscribe')
    if (what.do === 'drain self') this.drain(sub)
    if (what.do === 'pause self') this.pause(sub)
    if (what.do === 'subscribe') this.subscribe(simple(sub.topic))
    if (what.do === 'close' && this.budget % 4 === 0) this.close(997)
    const other = what.do === 'unsubscribe' ? this.subs[what.at % this.subs.length] : undefined
    if (other) this.end(other, 'unsubscribe')
    this.depth--
  }

  pause({ member, real }: Sub): void {
    this.guard(() => this.sync())
    member.isPaused = true
    real.pause()
  }

  resume({ member, real }: Sub): void {
    this.guard(() => this.sync())
    member.isPaused = false
    real.resume()
  }

  handle(sub: Sub, message: Message): unknown {
    const delivery = this.started(sub, message)
    if (delivery === undefined || this.fault !== undefined) return undefined
    const act = this.isHealed ? GOOD : (sub.script[sub.calls++ % sub.script.length] ?? GOOD)
    const held = { sub, delivery, message, resolve: undefined }
    if (act.when === 'sync') return this.#act(act, held)
    if (act.when === 'micro') return Promise.resolve().then(() => this.#act(act, held))
    if (act.when === 'scheduled')
      return this.scheduler.schedule(Promise.resolve(), message.id).then(() => this.#act(act, held))
    return new Promise((resolve) => {
      this.guard(() => this.inside(act.inside, sub))
      this.held.push({ ...held, resolve })
    })
  }

  #act({ how, inside }: Act, held: Held): unknown {
    this.inside(inside, held.sub)
    this.#call(how, held)
    const coming = COMINGS[how]?.() ?? { value: undefined }
    this.#say(held, how)
    if ('thrown' in coming) throw coming.thrown
    return coming.value
  }

  #call(how: How, held: Held): void {
    for (const [outcome, delayMs] of METHODS[how] ?? []) this.settle(held, outcome, delayMs)
    if (how === 'extend then ack') this.#extend(held)
  }

  #extend({ delivery, message }: Held): void {
    this.guard(() => {
      this.sync()
      const isInFlight = delivery.isCurrent && delivery.ackBy !== undefined && message.deliveryCount === delivery.count
      const answer = message.extend(EXTEND_MS)
      if (
        delivery.member &&
        this.subs.some(({ queue, member }) => member === delivery.member && queue.options.qos === 0)
      )
        return
      assert.equal(answer, isInFlight, `extend of ${message.id}`)
      if (isInFlight) delivery.ackBy = Math.max(delivery.ackBy, this.clock.now() + EXTEND_MS)
    })
  }

  #say({ sub, delivery }: Held, how: How): void {
    if (sub.queue.options.qos === 0) delivery.said = FAILS.has(how) ? 'drop' : 'nothing'
    else delivery.said = SAID[how] ?? 'ack'
  }

  /** Somebody who held a message makes up his mind; he may come back to it later. */
  #release(at: number, how: How, thenAct: boolean): void {
    const held = this.held[at % this.held.length]
    if (held === undefined) return
    this.#call(how, held)
    if (!thenAct || held.resolve === undefined) return
    this.held = this.held.filter((one) => one !== held)
    const coming = COMINGS[how]?.() ?? { value: undefined }
    this.guard(() => this.sync())
    this.#say(held, how)
    held.resolve('thrown' in coming ? Promise.reject(coming.thrown) : coming.value)
  }

  #sub(at: number, isIterator?: boolean): Sub | undefined {
    const all = this.subs.filter(({ member }) => isIterator === undefined || member.isIterator === isIterator)
    return all[at % all.length]
  }

  async do(step: Step): Promise<void> {
    this.note(`${step.do} ${'at' in step ? step.at : ''}`)
    await this.#do(step)
    await this.quiet()
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'subscribe':
        return this.subscribe(step)
      case 'publish':
        return this.publish(step)
      case 'advance':
        return this.clock.advance(step.ms)
      case 'jump':
        return this.clock.setWallTime(this.clock.wallTime() + step.ms)
      case 'release':
        return this.#release(step.at, step.how, step.thenAct)
      case 'tick':
        if (this.scheduler.count() > 0) await this.scheduler.waitNext(Math.min(step.times, this.scheduler.count()))
        return
      case 'close':
        return this.close(step.graceMs)
      case 'once':
        return this.once(step)
      case 'abort once':
        return this.abortOnce(step.at)
      case 'abort publish':
        return this.abortPublish(step.at)
      default:
        return this.#toSub(step)
    }
  }

  #toSub(step: Extract<Step, { readonly at: number }>): void {
    const needsIterator = step.do === 'next' || step.do === 'return' || step.do === 'throw'
    const sub = this.#sub(step.at, needsIterator ? true : undefined)
    if (sub === undefined) return
    if (step.do === 'next') for (let i = 0; i < step.times; i++) this.next(sub)
    if (step.do === 'unsubscribe' || step.do === 'abort' || step.do === 'return' || step.do === 'throw')
      this.end(sub, step.do)
    if (step.do === 'unsubscribe twice') this.end(sub, 'unsubscribe'), this.end(sub, 'unsubscribe')
    if (step.do === 'pause' || step.do === 'resume' || step.do === 'drain') this[step.do](sub)
  }

  /** Everything behaves from now on; all there is must come to its end. */
  async heal(): Promise<void> {
    this.isHealed = true
    for (const sub of this.subs) this.resume(sub)
    await this.#letGo()
    await this.#readAll()
    const wasClosed = this.reference.isClosed
    if (!wasClosed) this.close(10 * 24 * 3_600_000 + 1)
    await this.#readAll()
    // Everybody behaved and there was time enough: nothing was left for the end of the grace time.
    if (!wasClosed)
      assert.ok(
        !this.reference.isCut && this.reference.queues.every(({ pairs }) => pairs.length === 0),
        'healed, and yet something is left',
      )
    await this.clock.advance(20 * 24 * 3_600_000)
    await this.#letGo()
    await this.quiet()
    await this.#finish()
  }

  async #letGo(): Promise<void> {
    while (this.held.some((one) => one.resolve)) {
      this.#release(
        this.held.findIndex((one) => one.resolve),
        'ack',
        true,
      )
      await this.quiet()
    }
    while (this.scheduler.count() > 0) {
      await this.scheduler.waitNext(1)
      await this.quiet()
    }
  }

  /** Reads iterators to the end, and lets time pass for what is delayed. */
  async #readAll(): Promise<void> {
    const isReading = ({ member }: Sub): boolean => member.isIterator && member.isOpen
    for (let i = 0; i < 100; i++) {
      const left = this.reference.queues.flatMap((queue) => queue.pairs)
      if (left.length === 0 && this.reference.waiting.length === 0) return
      for (const sub of this.subs) if (isReading(sub) && sub.member.wanting === 0) this.next(sub)
      await this.quiet()
      for (const held of this.held) if (held.resolve === undefined && held.delivery.isCurrent) this.settle(held, 'ack')
      if (i % 2) await this.clock.advance(60 * UNIT)
      await this.quiet()
    }
  }

  async #finish(): Promise<void> {
    const stats = this.broker.stats()
    const { queued, delayed, inFlight, waiting, subscriptions } = stats
    assert.deepEqual(
      { queued, delayed, inFlight, waiting, subscriptions },
      { queued: 0, delayed: 0, inFlight: 0, waiting: 0, subscriptions: 0 },
    )
    assert.ok(this.closing)
    const report: Record<string, number> = { ...(await this.closing.promise) }
    const after = this.reference.stats()
    for (const [end, count] of Object.entries(report))
      assert.equal(count, (after[end] ?? 0) - (this.closing.before[end] ?? 0), `close report: ${end}`)
    await turn()
    assertClean(this)
    for (const sub of this.subs) await sub.real.closed
    for (const { event, isGivenUp, outcome } of this.onces) {
      const code = Object(outcome).code ?? outcome
      assert.equal(code, event?.id ?? (isGivenUp ? 'given up' : 'ERR_CLOSED'), 'outcome of once()')
    }
  }
}
