/** P10: time is one thing. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { type Clock, SystemClock } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { assertStats, begin, type Create, claims, DAY, EPOCH, HOUR, never, recorder, turn } from './harness.ts'

/** A manual clock that knows how many timers are set, and the most there ever were. */
function counting(): Clock & {
  advance(ms: number): Promise<void>
  readonly set: Set<unknown>
  most: number
  longest: number
} {
  const inner = new ManualClock({ now: EPOCH, patienceMs: 0 })
  const set = new Set<unknown>()
  return {
    set,
    most: 0,
    longest: 0,
    now: () => inner.now(),
    wallTime: () => inner.wallTime(),
    nextTurn: (callback) => inner.nextTurn(callback),
    attach: (activity) => inner.attach?.(activity) ?? (() => {}),
    advance: (ms) => inner.advance(ms),
    setTimer(callback, delayMs) {
      const handle: unknown = inner.setTimer(() => (set.delete(handle), callback()), delayMs)
      set.add(handle)
      this.most = Math.max(this.most, set.size)
      this.longest = Math.max(this.longest, delayMs)
      return handle
    },
    clearTimer(handle) {
      set.delete(handle)
      inner.clearTimer(handle)
    },
  }
}

export function time(create: Create): void {
  const it = claims(create)

  describe('P10: time is one thing', () => {
    it('shows the clock that it was made with', async ({ broker, clock }) => {
      assert.equal(broker.clock, clock)
    })

    for (const ttlMs of [1, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 400 * DAY]) {
      it(`delivers at ${ttlMs} - 1 ms and ends the event at its ttl of ${ttlMs} ms`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const iterator = subscribe('a', undefined)[Symbol.asyncIterator]()
        const other = subscribe('a', undefined)
        await broker.publish('a', 1, { ttlMs })
        await clock.advance(ttlMs - 1)
        assert.equal((await iterator.next()).value?.data, 1)
        assertStats(other.stats(), { queued: 1, expired: 0 })
        await clock.advance(1)
        assertStats(other.stats(), { queued: 0, expired: 1 })
      })
    }

    for (const delayMs of [1, 10, 2 ** 31, 2 ** 32 + 5]) {
      it(`delivers an event delayed by ${delayMs} ms at that millisecond`, async ({ broker, clock, subscribe }) => {
        const seen: number[] = []
        subscribe('a', () => void seen.push(clock.now()))
        subscribe('a', () => void seen.push(clock.now()), { qos: 0 })
        await broker.publish('a', 1, { delayMs })
        await clock.advance(delayMs - 1)
        assert.deepEqual(seen, [])
        await clock.advance(1)
        assert.deepEqual(seen, [delayMs, delayMs])
      })
    }

    for (const ackWaitMs of [1, 50, 2 ** 31 + 7]) {
      it(`takes a message from its handler after an ack wait of ${ackWaitMs} ms`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const seen = recorder(() => never)
        const subscription = subscribe('a', seen.handler, { ackWaitMs, maxDeliveries: 1 })
        await broker.publish('a', 1)
        await clock.advance(ackWaitMs - 1)
        assert.equal(seen.at(0).signal.aborted, false)
        await clock.advance(1)
        const { aborted, reason } = seen.at(0).signal
        assert.deepEqual([aborted, reason.code], [true, 'ERR_ACK_WAIT'])
        assertStats(subscription.stats(), { exhausted: 1, overdue: 1, inFlight: 0 })
      })
    }

    for (const [what, jump] of [
      ['an hour back', -HOUR],
      ['an hour on', HOUR],
      ['ten years back', -3650 * DAY],
      ['ten years on', 3650 * DAY],
    ] as const) {
      it(`changes no ttl, delay, ack wait or redelivery when the wall clock jumps ${what}`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const seen: string[] = []
        const note = (name: string) => void seen.push(`${name} ${clock.now()}`)
        const ttl = subscribe('ttl', undefined)
        subscribe('delay', () => note('delay'))
        subscribe('wait', (message) => (note('wait'), message.redelivered ? undefined : never), {
          ackWaitMs: 30,
          backoff: [5],
        })
        await broker.publish('ttl', 1, { ttlMs: 20 })
        await broker.publish('delay', 1, { delayMs: 10 })
        await broker.publish('wait', 1)
        await clock.advance(1)
        clock.setWallTime(new Date(EPOCH + jump))
        await clock.advance(18)
        assertStats(ttl.stats(), { queued: 1 })
        await clock.advance(1)
        assertStats(ttl.stats(), { expired: 1 })
        await clock.advance(100)
        assert.deepEqual(seen, ['wait 0', 'delay 10', 'wait 35'])
      })
    }

    it('has one timer at most, none when nothing waits, and none after close()', async () => {
      const clock = counting()
      const bench = begin(create, { clock })
      const { broker } = bench
      assert.equal(clock.set.size, 0)
      const held = bench.subscribe('a', () => never, { ackWaitMs: 77, concurrency: 3, maxDeliveries: 2, backoff: [9] })
      bench.subscribe('a', undefined)
      bench.subscribe('b', () => {})
      assert.equal(clock.set.size, 0)
      for (let i = 0; i < 20; i++) await broker.publish('a', i, { ttlMs: 5 * i + 3, delayMs: i % 3 })
      for (let i = 0; i < 20; i++) await broker.publish('b', i, { delayMs: 100 - i })
      await turn()
      assert.equal(clock.set.size, 1)
      await clock.advance(1_000)
      assert.equal(clock.most, 1)
      assert.equal(clock.set.size, 0)
      assertStats(held.stats(), { queued: 0, delayed: 0, inFlight: 0 })
      await broker.publish('b', 1, { delayMs: 400 * DAY })
      await turn()
      assert.equal(clock.set.size, 1)
      await broker.close({ graceMs: 0 })
      assert.equal(clock.set.size, 0)
      assert.ok(clock.longest <= 2 ** 31 - 1)
    })

    it('takes its timer away when the last thing that waited has ended', async () => {
      const clock = counting()
      const { broker } = begin(create, { clock })
      const subscription = broker.subscribe('a', () => {})
      await broker.publish('a', 1, { delayMs: 1_000 })
      await turn() // the timer is armed a turn later
      assert.equal(clock.set.size, 1)
      await subscription.unsubscribe()
      assert.equal(clock.set.size, 0)
      await broker.close()
    })

    it('makes one transition of each message when the event loop wakes late', async ({ broker, clock, subscribe }) => {
      const seen = recorder()
      const subscription = subscribe('a', seen.handler, { backoff: [1] })
      for (let i = 0; i < 10; i++) await broker.publish('a', i, { delayMs: i + 1 })
      await clock.advance(10_000)
      assert.deepEqual(seen.data(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      assertStats(subscription.stats(), { delivered: 10, redelivered: 0 })
    })

    it('lets the ttl win when it falls on the same millisecond as a delivery', async ({ broker, clock, subscribe }) => {
      const seen = recorder(() => 'nack')
      const subscription = subscribe('a', seen.handler, { backoff: [10] })
      await broker.publish('a', 1, { delayMs: 10, ttlMs: 10 })
      await broker.publish('a', 2, { ttlMs: 10 })
      await clock.advance(10)
      assert.deepEqual(seen.data(), [2])
      assertStats(subscription.stats(), { expired: 2 })
    })

    it('counts delayMs within the ttl', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', undefined)
      await broker.publish('a', 1, { delayMs: 10, ttlMs: 15 })
      await clock.advance(14)
      assertStats(subscription.stats(), { queued: 1 })
      await clock.advance(1)
      assertStats(subscription.stats(), { expired: 1 })
    })

    it('gives events the wall time of their publish, and a moment when they expire', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder()
      subscribe('a', seen.handler)
      await clock.advance(1_500)
      await broker.publish('a', 1, { ttlMs: 500 })
      await turn()
      const { time: stamped, expirytime } = seen.at(0).event
      assert.deepEqual([stamped, expirytime], ['2030-01-01T00:00:01.500Z', '2030-01-01T00:00:02.000Z'])
    })

    for (const [what, at, alive] of [
      ['before', 60, true],
      ['past', -1, false],
    ] as const) {
      it(`takes an expirytime from outside: ${what} is ${alive ? 'alive' : 'over'}`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const subscription = subscribe('a', undefined)
        const expirytime = new Date(EPOCH + at).toISOString()
        await broker.publish('a', 1, { extensions: { expirytime } })
        await clock.advance(59)
        assertStats(subscription.stats(), { queued: alive ? 1 : 0, expired: alive ? 0 : 1 })
        await clock.advance(1)
        assertStats(subscription.stats(), { expired: 1 })
      })
    }

    it('works on the system clock too', async () => {
      const { broker } = begin(create, { clock: new SystemClock() })
      const seen = recorder((message) => (message.redelivered ? 'ack' : 'nack'))
      const subscription = broker.subscribe('a', seen.handler, { backoff: [2] })
      await broker.publish('a', 1, { delayMs: 2 })
      await subscription.drain()
      assert.deepEqual(seen.counts(), [1, 2])
      await broker.close()
    })
  })
}
