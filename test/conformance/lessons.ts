/** Bugs that other libraries really had, each as the test that would have found it. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe } from 'node:test'
import type { Subscription } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, isSettled, never, recorder, turn } from './harness.ts'

export function lessons(create: Create): void {
  const it = claims(create)

  describe('lessons', () => {
    it('redelivers the same id when the first message fails, not the next one', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((_, nth) => (nth === 0 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { ordered: true, backoff: [5] })
      for (const id of ['1', '2']) await broker.publish('a', id, { id })
      await clock.advance(5)
      assert.deepEqual(
        seen.messages.map((message) => message.id),
        ['1', '1', '2'],
      )
    })

    it('skips no neighbour of one poison message', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', (message) => (message.data === 3 ? 'nack' : 'ack'), {
        maxDeliveries: 2,
        backoff: [5],
      })
      for (let i = 0; i < 7; i++) await broker.publish('a', i)
      await clock.advance(5)
      assertStats(subscription.stats(), { acked: 6, exhausted: 1 })
    })

    it('names in its close report what was delayed for redelivery', async ({ broker, subscribe }) => {
      subscribe('a', () => 'nack', { backoff: [60_000] })
      await broker.publish('a', 1)
      await turn()
      const { cancelled, deadLettered } = await broker.close()
      assert.deepEqual([cancelled, deadLettered], [1, 0])
    })

    it('sends nothing to the dead letter topic because of a shutdown', async ({ broker, clock, subscribe }) => {
      const dead = recorder()
      subscribe('d', dead.handler)
      subscribe('a', () => never, { deadLetterTopic: 'd', concurrency: 2 })
      for (let i = 0; i < 5; i++) await broker.publish('a', i)
      await turn()
      const closing = broker.close({ graceMs: 10 })
      await clock.advance(10)
      assert.equal((await closing).cancelled, 5)
      assert.deepEqual(dead.data(), [])
    })

    for (const outcome of ['ack', 'nack', 'drop'] as const) {
      it(`keeps to every kind of outcome during drain(): ${outcome}`, async ({ broker, clock, subscribe }) => {
        const subscription = subscribe('a', (message) => (message.redelivered ? 'ack' : outcome), { backoff: [5] })
        for (let i = 0; i < 3; i++) await broker.publish('a', i)
        const drained = subscription.drain()
        await clock.advance(20)
        await drained
        assertStats(subscription.stats(), outcome === 'drop' ? { dropped: 3 } : { acked: 3 })
      })
    }

    for (const [at, isKept] of [
      [9, true],
      [10, false],
      [11, false],
    ] as const) {
      it(`${isKept ? 'keeps' : 'does not keep'} a message extended ${at} ms into an ack wait of 10 ms`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const seen = recorder(() => never)
        subscribe('a', seen.handler, { ackWaitMs: 10 })
        await broker.publish('a', 1)
        await clock.advance(at)
        assert.equal(seen.at(0).extend(10), isKept)
      })
    }

    it('does not wedge a queue of concurrency 1 when its handler throws synchronously', async ({
      broker,
      subscribe,
    }) => {
      const subscription = subscribe(
        'a',
        () => {
          throw new Error('no')
        },
        { maxDeliveries: 1 },
      )
      for (let i = 0; i < 50; i++) await broker.publish('a', i)
      await turn()
      assertStats(subscription.stats(), { exhausted: 50, queued: 0 })
    })

    it('does not give its only slot away for ever to a handler that never settles', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) => (message.data === 0 ? never : undefined))
      subscribe('a', seen.handler, { ackWaitMs: 10, maxDeliveries: 1 })
      for (const data of [0, 1]) await broker.publish('a', data)
      await clock.advance(10)
      assert.deepEqual(seen.data(), [0, 1])
    })

    it('goes on after many times concurrency messages with overlapping filters', async ({ broker, subscribe }) => {
      for (const filter of ['a/b', 'a/+', '#']) subscribe(filter, async () => null, { concurrency: 100 })
      for (let i = 0; i < 1_000; i++) await broker.publish('a/b', i)
      await broker.settled()
      assertStats(broker.stats(), { acked: 3_000 })
    })

    it('does not starve a later subscription by one that never acks', async ({ broker, subscribe }) => {
      subscribe('a', () => never)
      const seen = recorder()
      subscribe('a', seen.handler)
      for (let i = 0; i < 10; i++) await broker.publish('a', i)
      await turn()
      assert.equal(seen.messages.length, 10)
    })

    it('keeps the siblings of a removed wildcard subscription', async ({ broker, subscribe }) => {
      const seen = recorder()
      const first = subscribe('a/+', seen.handler)
      subscribe('a/+', seen.handler)
      subscribe('a/b', seen.handler)
      await first.unsubscribe()
      await broker.publish('a/b', 1)
      await turn()
      assert.equal(seen.messages.length, 2)
    })

    it('reaches iterators by every way of publishing', async ({ broker, clock, subscribe }) => {
      const iterator = subscribe('a', undefined, { concurrency: 9 })[Symbol.asyncIterator]()
      subscribe('b', () => 'drop', { deadLetterTopic: 'a' })
      subscribe('c', () => void broker.publish('a', 'from inside'), { qos: 0 })
      const next = Promise.all([1, 2, 3, 4].map(() => iterator.next()))
      await broker.publish('a', 'plain')
      await broker.publish('b', 'dead letter')
      await turn()
      await broker.publish('c', 1)
      await broker.publish('a', 'delayed', { delayMs: 5 })
      await clock.advance(5)
      assert.deepEqual(
        (await next).map(({ value }) => value?.data),
        ['plain', 'dead letter', 'from inside', 'delayed'],
      )
    })

    it('ends a next() that is asked for after return()', async ({ subscribe }) => {
      const iterator = subscribe('a', undefined)[Symbol.asyncIterator]()
      await iterator.return?.()
      assert.equal((await iterator.next()).done, true)
    })

    it('tells overflow from the end: an iterator that lost events goes on', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { capacity: 1, overflow: 'dropOldest' })
      const iterator = subscription[Symbol.asyncIterator]()
      for (let i = 0; i < 4; i++) await broker.publish('a', i)
      assert.equal(subscription.skippedCount, 3)
      assert.deepEqual({ done: false, data: 3 }, { done: (await iterator.next()).done, data: 3 })
      const next = iterator.next()
      await broker.publish('a', 4)
      assert.equal((await next).value?.data, 4)
    })

    it('keeps 1 000 short subscriptions from piling listeners on a long-lived signal', async ({ subscribe }) => {
      const { signal } = new AbortController()
      for (let i = 0; i < 1_000; i++) await subscribe('a', i % 2 ? undefined : () => {}, { signal }).unsubscribe()
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })

    it('keeps 1 000 publishes from piling listeners on a long-lived signal', async ({ broker, subscribe }) => {
      const { signal } = new AbortController()
      subscribe('a', () => {}, { capacity: 1 })
      for (let i = 0; i < 1_000; i++) await broker.publish('a', i, { signal })
      assert.equal(getEventListeners(signal, 'abort').length, 0)
    })

    it('does not overflow the stack with 100 000 synchronous deliveries', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', (message) => (message.data === 0 ? 'ack' : void message.ack()), {
        capacity: Infinity,
      })
      for (let i = 0; i < 100_000; i++) void broker.publish('a', i)
      await broker.settled()
      assertStats(subscription.stats(), { acked: 100_000 })
    })

    it('does not deadlock when a handler awaits drain() or close() of itself', async ({ broker, clock, subscribe }) => {
      const own: Subscription = subscribe('a', async () => own.drain(), { ackWaitMs: 50, maxDeliveries: 1 })
      subscribe('b', () => broker.close({ graceMs: 60 }), { ackWaitMs: Infinity })
      await broker.publish('a', 1)
      await clock.advance(50)
      await own.closed
      await broker.publish('b', 1)
      await clock.advance(60)
      assert.equal(await isSettled(broker.close()), true)
    })

    it('refuses a second subscribe() after close() instead of hanging', async ({ broker }) => {
      await broker.close()
      for (let i = 0; i < 2; i++) assert.equal(await codeOf(() => broker.subscribe('a', () => {})), 'ERR_CLOSED')
    })

    it('delivers on close() what was accepted before it', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler)
      for (let i = 0; i < 300; i++) void broker.publish('a', i)
      await broker.close()
      assert.equal(seen.messages.length, 300)
    })

    it('makes gauges never negative when messages expire, overflow and end together', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder(() => never)
      const subscription = subscribe('a', seen.handler, {
        capacity: 2,
        overflow: 'dropOldest',
        ackWaitMs: 5,
        backoff: [5],
      })
      for (let i = 0; i < 6; i++) await broker.publish('a', i, { ttlMs: 5, delayMs: i % 2 ? 5 : 0 })
      await clock.advance(5)
      void subscription.unsubscribe()
      await clock.advance(50)
      for (const [name, value] of Object.entries(subscription.stats())) assert.ok(value >= 0, `${name} ${value}`)
    })

    it('keeps an event of 3 600 s alive after a second, whatever the wall clock says', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const subscription = subscribe('a', undefined)
      clock.setWallTime(new Date(0))
      await broker.publish('a', 1, { ttlMs: 3_600_000 })
      clock.setWallTime(new Date('2100-01-01'))
      await clock.advance(1_000)
      assertStats(subscription.stats(), { queued: 1, expired: 0 })
    })
  })
}
