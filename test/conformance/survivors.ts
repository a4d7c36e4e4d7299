/** What only a closer look tells apart: each test here fails when one small piece of a broker is taken out. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Clock, Message } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import {
  assertStats,
  begin,
  type Claim,
  type Create,
  claims,
  codeOf,
  isSettled,
  never,
  type Recorder,
  recorder,
  turn,
  watch,
} from './harness.ts'

/** Handlers that return when the test says so: by the data of their message. */
export function held(): Recorder & { release(data: unknown, outcome?: unknown): Promise<void> } {
  const gates = new Map<unknown, (outcome: unknown) => void>()
  const seen = recorder((message) => new Promise((resolve) => gates.set(message.data, resolve)))
  const release = async (data: unknown, outcome: unknown = 'ack'): Promise<void> => {
    gates.get(data)?.(outcome)
    await turn()
  }
  return { ...seen, release }
}

/** The latest message with this data. */
export function find(messages: readonly Message[], data: unknown): Message {
  const message = messages.findLast((one) => one.data === data)
  assert.ok(message, `no delivery of ${String(data)}`)
  return message
}

/** A manual clock that can wake late: time passes and no timer rings. It counts its timers. */
export class LateClock extends ManualClock implements Clock {
  late = 0
  readonly timers: Set<unknown> = new Set()
  /** Called when a timer has run, or what was put off to a turn of the event loop. */
  ran: () => void = () => {}

  constructor() {
    super({ patienceMs: 0 })
  }

  override now(): number {
    return super.now() + (this.late ?? 0) // the base class asks before the field is there
  }

  override setTimer(callback: () => void, delayMs: number): unknown {
    const handle: unknown = super.setTimer(() => (this.timers.delete(handle), callback(), this.ran()), delayMs)
    this.timers.add(handle)
    return handle
  }

  override nextTurn(callback: () => void): void {
    super.nextTurn(() => (callback(), this.ran()))
  }

  override clearTimer(handle: unknown): void {
    this.timers.delete(handle)
    super.clearTimer(handle)
  }
}

export function survivors(create: Create): void {
  const it = claims(create)
  waits(it, create)
  lines(it, create)
  closing(it, create)
}

function waits(it: Claim, create: Create): void {
  describe('Deadlines, closely', () => {
    for (const iterates of [false, true]) {
      it(`delivers nothing expired when the event loop wakes late, ${iterates ? 'to an iterator' : 'to a handler'}`, async () => {
        const clock = new LateClock()
        const { broker } = begin(create, { clock })
        const seen = recorder()
        const subscription = iterates ? broker.subscribe('a') : broker.subscribe('a', seen.handler)
        if (!iterates) subscription.pause()
        await broker.publish('a', 'old', { ttlMs: 10 })
        await broker.publish('a', 'new', { ttlMs: 50 })
        await turn()
        clock.late = 20
        subscription.resume()
        if (iterates) seen.messages.push((await subscription[Symbol.asyncIterator]().next()).value as Message)
        await turn()
        assert.deepEqual(seen.data(), ['new'])
        assertStats(subscription.stats(), { expired: 1 })
        await broker.close({ graceMs: 0 })
      })
    }

    for (const [ms, end] of [
      [100, 100],
      [1, 10],
    ] as const) {
      it(`ends an ack wait of 10 ms at ${end} when the handler begins with extend(${ms})`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const subscription = subscribe('a', (message) => (message.extend(ms), never), {
          ackWaitMs: 10,
          maxDeliveries: 1,
        })
        await broker.publish('a', 1)
        await clock.advance(end - 1)
        assertStats(subscription.stats(), { inFlight: 1, exhausted: 0 })
        await clock.advance(1)
        assertStats(subscription.stats(), { inFlight: 0, exhausted: 1 })
      })
    }

    it('takes its timer away with the last deadline, also when others have passed', async () => {
      const clock = new LateClock()
      const { broker } = begin(create, { clock })
      const endless = broker.subscribe('endless', (message) => (message.extend(5), never), { ackWaitMs: Infinity })
      await broker.publish('endless', 1)
      broker.subscribe('expires')
      await broker.publish('expires', 1, { ttlMs: 5 })
      const held = broker.subscribe('acked')
      await broker.publish('acked', 1)
      const message = (await held[Symbol.asyncIterator]().next()).value
      await clock.advance(10)
      const subscription = broker.subscribe('a')
      await broker.publish('a', 1, { delayMs: 60_000 })
      await turn()
      assert.equal(clock.timers.size, 1)
      await subscription.unsubscribe()
      message?.ack()
      assert.equal(clock.timers.size, 0)
      assertStats(endless.stats(), { inFlight: 1 })
      await broker.close({ graceMs: 0 })
    })

    it('is not settled between the end of a message and its dead letter', async ({ broker, clock, subscribe }) => {
      const dead = recorder()
      const paused = subscribe('a', () => {}, { deadLetterTopic: 'dead' })
      subscribe('dead', dead.handler)
      paused.pause()
      await broker.publish('a', 1, { ttlMs: 10 })
      const seen = broker.settled().then(() => dead.messages.length)
      await clock.advance(10)
      assert.equal(await seen, 1)
    })

    it('leaves the next message alone when an overdue handler returns', async ({ broker, clock, subscribe }) => {
      const { handler, release } = held()
      const subscription = subscribe('a', handler, { ackWaitMs: 10, maxDeliveries: 1 })
      await broker.publish('a', 1)
      await clock.advance(5)
      await broker.publish('a', 2)
      await clock.advance(5)
      assertStats(subscription.stats(), { exhausted: 1, overdue: 1, inFlight: 1 })
      await release(1)
      assertStats(subscription.stats(), { acked: 0, overdue: 0, inFlight: 1 })
    })

    it('lets nobody pass those who wait for room, from inside onError either', async () => {
      const onError = (): void => void (tries++ === 0 && broker.publish('a', 'inside'))
      let tries = 0
      const bench = begin(create, { onError })
      const { broker } = bench
      const seen = recorder((message) => (message.data === 1 ? 'drop' : 'ack'))
      bench.subscribe('a', seen.handler, { capacity: 1 })
      void broker.publish('a', 1)
      void broker.publish('a', 'waits')
      await turn()
      assert.deepEqual(seen.data(), [1, 'waits', 'inside'])
      await broker.close()
    })
  })
}

function lines(it: Claim, create: Create): void {
  describe('Waiting for room, closely', () => {
    it('stands before all that came later in the next line, too', async ({ broker, subscribe }) => {
      const only = subscribe('x', undefined, { capacity: 1 })[Symbol.asyncIterator]()
      const both = subscribe('#', undefined, { capacity: 1 })[Symbol.asyncIterator]()
      for (const [topic, data] of [
        ['x', 0],
        ['x', 1],
        ['y', 2],
      ] as const)
        void broker.publish(topic, data)
      await only.next()
      void only.next()
      await turn()
      const seen: unknown[] = []
      for (let i = 0; i < 3; i++) seen.push((await both.next()).value?.data)
      assert.deepEqual(seen, [0, 1, 2])
    })

    it('waits no longer for a queue that drains', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { capacity: 1 })
      await broker.publish('a', 1)
      const waiting = broker.publish('a', 2)
      void subscription.drain()
      assert.equal(await isSettled(waiting), true)
      assertStats(subscription.stats(), { matched: 1 })
    })

    it('rejects a refused publish also when the observer of that fails', async () => {
      const failure = new Error('an observer')
      const { broker, errors } = begin(create, {
        observer: {
          refused: () => {
            throw failure
          },
        },
      })
      assert.equal(await codeOf(broker.publish('', 1)), 'ERR_TOPIC_INVALID')
      assert.deepEqual(errors, [{ error: failure, context: { kind: 'observer' } }])
      await broker.close()
    })

    for (const [end, options, event] of [
      ['expired', {}, { ttlMs: 5 }],
      ['overflowed', { capacity: 1, overflow: 'dropNewest' }, {}],
      ['deadLettered', { deadLetterTopic: 'dead' }, { ttlMs: 5 }],
    ] as const) {
      it(`tells an observer by name of what has ${end}`, async () => {
        const { log, observer } = watch()
        const { broker, clock } = begin(create, { observer })
        broker.subscribe('a', options)
        for (const data of [1, 2]) await broker.publish('a', data, event)
        await clock.advance(5)
        assert.ok(log.includes(`${end} a 0 ${end}`), log.join())
        assert.ok(log.includes(`settled a 0 ${end}`), log.join())
        await broker.close({ graceMs: 0 })
      })
    }
  })

  describe('Fairness, closely', () => {
    it('serves queues in turns', async ({ broker, subscribe }) => {
      const seen: string[] = []
      for (const name of ['a', 'b']) subscribe(name, () => void seen.push(name))
      for (const name of ['a', 'b']) for (let i = 0; i < 200; i++) void broker.publish(name, i)
      await turn()
      const first = seen.indexOf('b')
      assert.ok(first > 0 && first < 100, `${first}`)
      assert.ok(seen.indexOf('a', first) > 0)
    })

    it('gives the event loop a turn while an iterator empties its queue', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      for (let i = 0; i < 5_000; i++) void broker.publish('a', i)
      let taken = 0
      let atTurn = -1
      setImmediate(() => {
        atTurn = taken
      })
      for await (const _ of subscription) if (++taken === 5_000) break
      assert.ok(atTurn >= 0 && atTurn <= 1_000, `${atTurn}`)
    })

    it('gives the event loop a turn after 10 ms of handlers that take their time', async () => {
      const clock = new LateClock()
      const { broker } = begin(create, { clock })
      let count = 0
      broker.subscribe('a', () => {
        clock.late += 10
        count++
      })
      for (let i = 0; i < 20; i++) void broker.publish('a', i)
      let atTurn = -1
      setImmediate(() => {
        atTurn = count
      })
      await broker.settled()
      assert.ok(atTurn > 0 && atTurn <= 3, `${atTurn}`)
      await broker.close()
    })

    it('ends at most 1 000 messages in one go when their time has come', async () => {
      const clock = new LateClock()
      const { broker } = begin(create, { clock })
      const subscription = broker.subscribe('a')
      for (let i = 0; i < 3_000; i++) void broker.publish('a', i, { ttlMs: 10 })
      await turn()
      const steps: number[] = []
      clock.ran = () => void steps.push(subscription.stats().expired)
      await clock.advance(10)
      assert.equal(steps.at(-1), 3_000)
      for (const [i, now] of steps.entries()) assert.ok(now - (steps[i - 1] ?? 0) <= 1_000, steps.join())
      await broker.close()
    })
  })
}

function closing(it: Claim, create: Create): void {
  describe('Ending, closely', () => {
    it('aborts the signal of a message whose handler unsubscribes before it returns', async ({ broker, subscribe }) => {
      const seen: unknown[] = []
      const subscription = subscribe('a', (message) => {
        void subscription.unsubscribe()
        seen.push(message.signal.aborted, message.signal.reason?.code)
      })
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen, [true, 'ERR_CLOSED'])
    })

    it('cancels at once what is nacked to beyond the grace time, and only that', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const { handler, release } = held()
      const subscription = subscribe('a', handler, { concurrency: 2, backoff: [50] })
      for (const name of [1, 2]) await broker.publish('a', name)
      await turn()
      const closed = broker.close({ graceMs: 60 })
      await clock.advance(10)
      await release(1, 'nack')
      assertStats(subscription.stats(), { cancelled: 0, delayed: 1 })
      await clock.advance(1)
      await release(2, 'nack')
      assertStats(subscription.stats(), { cancelled: 1, delayed: 1 })
      await clock.advance(49)
      assert.equal((await closed).cancelled, 2)
    })

    it('leaves no timer behind when close() is done before its grace time', async () => {
      const clock = new LateClock()
      const { broker } = begin(create, { clock })
      const { handler, release } = held()
      broker.subscribe('a', handler, { ackWaitMs: Infinity })
      await broker.publish('a', 1)
      await turn()
      const closed = broker.close({ graceMs: 1_000 })
      await turn()
      assert.equal(clock.timers.size, 1)
      await release(1)
      assert.equal((await closed).acked, 1)
      assert.equal(clock.timers.size, 0)
    })

    it('hands no message on that a member of a group handles while it drains', async ({ broker, subscribe }) => {
      const seen: string[] = []
      const leaving = subscribe(
        'a',
        () => {
          seen.push('leaving')
          void leaving.drain()
        },
        { group: 'g' },
      )
      subscribe('a', () => void seen.push('staying'), { group: 'g' })
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen, ['leaving'])
      await broker.publish('a', 2)
      await turn()
      assert.deepEqual(seen, ['leaving', 'staying'])
    })

    it('waits in drain() for what an iterator of a group has in hand', async ({ broker, subscribe }) => {
      const leaving = subscribe('a', undefined, { group: 'g' })
      const other = recorder()
      const { value } = await Promise.all([leaving[Symbol.asyncIterator]().next(), broker.publish('a', 1)]).then(
        ([one]) => one,
      )
      subscribe('a', other.handler, { group: 'g' })
      const drained = leaving.drain()
      assert.equal(await isSettled(drained), false)
      value?.ack()
      assert.equal(await isSettled(drained), true)
      assert.deepEqual(other.data(), [])
    })

    it('shares out among those of a group who stay', async ({ broker, subscribe }) => {
      const seen: number[] = []
      const members = [0, 1, 2].map((i) => subscribe('a', () => void seen.push(i), { group: 'g' }))
      await members[1]?.unsubscribe()
      for (let i = 0; i < 4; i++) void broker.publish('a', i)
      await turn()
      assert.deepEqual(seen.sort(), [0, 0, 2, 2])
    })

    it('drains members of a group side by side', async ({ broker, subscribe }) => {
      const members = [1, 2].map(() => subscribe('a', undefined, { group: 'g' }))
      const taken = members.map((member) => member[Symbol.asyncIterator]().next())
      for (const data of [1, 2]) await broker.publish('a', data)
      const drained = members.map((member) => member.drain())
      for (const next of taken) (await next).value?.ack()
      assert.deepEqual(await Promise.all(drained.map(isSettled)), [true, true])
    })

    it('gives up at the end of the grace time on handlers of those that had unsubscribed', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const subscription = subscribe('a', () => never)
      await broker.publish('a', 1)
      await turn()
      await subscription.unsubscribe()
      const closed = broker.close({ graceMs: 10 })
      await clock.advance(10)
      assert.equal((await closed).cancelled, 1)
      assertStats(subscription.stats(), { inFlight: 0, cancelled: 1, overdue: 1 })
    })

    for (const qos of [0, 1] as const) {
      it(`lets settled() go when close() gives up on a handler of qos ${qos}`, async ({ broker, clock, subscribe }) => {
        subscribe('a', (message) => (message.ack(), never), { qos })
        await broker.publish('a', 1)
        await turn()
        const settled = broker.settled()
        const closed = broker.close({ graceMs: 10 })
        await clock.advance(9)
        assert.equal(await isSettled(settled), false)
        await clock.advance(1)
        assert.deepEqual([await isSettled(closed), await isSettled(settled)], [true, true])
      })
    }

    it('leaves a throw() alone that nobody waits for', async ({ subscribe }) => {
      const subscription = subscribe('a', undefined)
      void subscription[Symbol.asyncIterator]().throw?.(new Error('left alone'))
      await turn()
      assert.equal(await isSettled(subscription.closed), true)
    })

    it('serves a next() that waited through a pause before a later one', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { concurrency: 2 })
      const iterator = subscription[Symbol.asyncIterator]()
      subscription.pause()
      const first = iterator.next()
      for (const data of [1, 2]) await broker.publish('a', data)
      subscription.resume()
      const second = iterator.next()
      assert.deepEqual([(await first).value?.data, (await second).value?.data], [1, 2])
    })

    it('refuses no publish again at close() that was given up before', async ({ broker, subscribe }) => {
      subscribe('a', undefined, { capacity: 1 })
      await broker.publish('a', 1)
      const controller = new AbortController()
      for (let i = 0; i < 3; i++) void broker.publish('a', i, { signal: controller.signal })
      void broker.publish('a', 'waits')
      controller.abort()
      assertStats(broker.stats(), { refused: 3, waiting: 1 })
      await broker.close({ graceMs: 0 })
      assertStats(broker.stats(), { refused: 4, waiting: 0 })
    })

    it('tells an observer of what an iterator takes', async () => {
      const { log, observer } = watch()
      const { broker } = begin(create, { observer })
      const iterator = broker.subscribe('a')[Symbol.asyncIterator]()
      await broker.publish('a', 1)
      ;(await iterator.next()).value?.ack()
      assert.deepEqual(log, ['published a 0', 'delivered a 1', 'settled a 1 acked'])
      await broker.close()
    })

    for (const qos of [0, 1] as const) {
      it(`tells an observer of deliveries and ends with qos ${qos}`, async () => {
        const { log, observer } = watch()
        const bench = begin(create, { observer })
        bench.subscribe('a', (message) => (message.data === 1 ? undefined : 'drop'), { qos })
        await bench.broker.publish('a', 1)
        await turn()
        assert.deepEqual([...log].sort(), ['delivered a 1', 'published a 0', 'settled a 1 acked'])
        await bench.broker.close()
      })
    }

    it(
      'gives one copy of the data to each delivery, however often it is read',
      async ({ broker, subscribe }) => {
        const seen = recorder()
        subscribe('a', seen.handler)
        subscribe('a', seen.handler, { qos: 0 })
        subscribe('a', seen.handler, { qos: 0 })
        await broker.publish('a', {})
        await turn()
        for (const message of seen.messages) {
          assert.equal(message.data, message.data)
          assert.equal(message.data, message.event.data)
        }
        assert.equal(new Set(seen.data()).size, 3)
      },
      { isolation: 'clone' },
    )
  })
}
