/** P6: limits are hard. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Overflow } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, deferred, isSettled, never, recorder, turn } from './harness.ts'

const take = async (iterable: AsyncIterable<{ data: unknown }>, count: number): Promise<unknown[]> => {
  const seen: unknown[] = []
  for await (const message of iterable) if (seen.push(message.data) === count) break
  return seen
}

export function limits(create: Create): void {
  const it = claims(create)

  describe('P6: limits are hard', () => {
    for (const capacity of [1, 2, 3, 8]) {
      for (const overflow of ['wait', 'reject', 'dropOldest', 'dropNewest'] as const satisfies Overflow[]) {
        it(`holds exactly ${capacity} with overflow ${overflow}`, async ({ broker, subscribe }) => {
          const subscription = subscribe('a', undefined, { capacity, overflow })
          for (let i = 0; i < capacity; i++) assert.equal(await codeOf(broker.publish('a', i)), undefined)
          assertStats(subscription.stats(), { queued: capacity, overflowed: 0 })
          void broker.publish('a', 'more')
          await turn()
          assertStats(subscription.stats(), { queued: capacity })
        })
      }
    }

    for (const [overflow, survivors] of [
      ['dropOldest', [3, 4]],
      ['dropNewest', [0, 1]],
    ] as const) {
      it(`keeps ${survivors} of 0 to 4 with ${overflow} and room for 2`, async ({ broker, subscribe }) => {
        const subscription = subscribe('a', undefined, { capacity: 2, overflow })
        for (let i = 0; i < 5; i++) await broker.publish('a', i)
        assert.equal(subscription.skippedCount, 3)
        assert.deepEqual(await take(subscription, 2), survivors)
      })
    }

    it('counts what is queued, delayed and in flight against the capacity', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', () => never, { capacity: 3, overflow: 'reject' })
      await broker.publish('a', 1)
      await turn()
      await broker.publish('a', 2, { delayMs: 50 })
      await broker.publish('a', 3)
      assertStats(subscription.stats(), { inFlight: 1, delayed: 1, queued: 1 })
      assert.equal(await codeOf(broker.publish('a', 4)), 'ERR_QUEUE_FULL')
    })

    it('does not count overdue handlers against the capacity', async ({ broker, clock, subscribe }) => {
      subscribe('a', () => never, { capacity: 1, overflow: 'reject', ackWaitMs: 5, maxDeliveries: 1 })
      await broker.publish('a', 1)
      await clock.advance(5)
      assert.equal(await codeOf(broker.publish('a', 2)), undefined)
    })

    it('gives room back the moment a message is settled', async ({ broker, subscribe }) => {
      const seen = recorder(() => never)
      subscribe('a', seen.handler, { capacity: 1, overflow: 'reject' })
      await broker.publish('a', 1)
      await turn()
      assert.equal(await codeOf(broker.publish('a', 2)), 'ERR_QUEUE_FULL')
      seen.at(0).ack()
      assert.equal(await codeOf(broker.publish('a', 3)), undefined)
    })

    for (const overflow of ['wait', 'reject', 'dropOldest', 'dropNewest'] as const) {
      it(`does not count what has expired against the capacity with overflow ${overflow}, though its timer is late`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const codes: Promise<unknown>[] = []
        // Both are due in the same millisecond, and this one's turn comes first.
        subscribe('b', () => void codes.push(codeOf(broker.publish('a', 'new'))), { qos: 0 })
        const full = subscribe('a', undefined, { capacity: 2, overflow })
        await broker.publish('b', 1, { delayMs: 10 })
        await broker.publish('a', 'live')
        await broker.publish('a', 'old', { ttlMs: 10 })
        await clock.advance(10)
        assert.deepEqual(await Promise.all(codes), [undefined])
        assertStats(full.stats(), { matched: 3, queued: 2, expired: 1 })
      })
    }

    it('keeps the line when two queues that an event waits for get room in the same millisecond', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const order: unknown[] = []
      const options = { capacity: 1, overflow: 'wait', ackWaitMs: 10, maxDeliveries: 1 } as const
      for (const filter of ['a/b', '#']) subscribe(filter, () => never, options)
      await broker.publish('a/b', 1)
      for (const [topic, data] of [
        ['a/b', 'first'],
        ['a', 'second'],
      ] as const)
        void broker.publish(topic, data).then(() => order.push(data))
      await clock.advance(20)
      assert.deepEqual(order, ['first', 'second'])
    })

    it('drops the oldest of those that are due and those that wait for their key', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder()
      const gate = deferred()
      const subscription = subscribe(
        'a',
        (message) => (seen.handler(message), message.data === 1 ? gate.promise : 'ack'),
        { capacity: 3, overflow: 'dropOldest', concurrency: 2 },
      )
      for (const data of [1, 2]) await broker.publish('a', data, { key: 'k' })
      await broker.publish('a', 3, { key: 'k', delayMs: 10 })
      subscription.pause()
      await clock.advance(10)
      await broker.publish('a', 4)
      subscription.resume()
      gate.resolve('ack')
      await turn()
      assert.deepEqual(seen.data(), [1, 4, 3])
    })

    it('refuses the whole publish when one queue with overflow reject is full: no partial fan-out', async ({
      broker,
      subscribe,
    }) => {
      const all = ['a', '+', '#'].map((filter) =>
        subscribe(filter, undefined, { capacity: filter === '+' ? 1 : 9, overflow: 'reject' }),
      )
      const inside = recorder()
      subscribe('a', inside.handler, { qos: 0 })
      await broker.publish('a', 1)
      assert.equal(await codeOf(broker.publish('a', 2)), 'ERR_QUEUE_FULL')
      for (const one of all) assertStats(one.stats(), { matched: 1, queued: 1, overflowed: 0 })
      assert.deepEqual(inside.data(), [1])
      assertStats(broker.stats(), { published: 1, refused: 1 })
    })

    it('names topic and filter when it refuses', async ({ broker, subscribe }) => {
      subscribe('a/+', undefined, { capacity: 1, overflow: 'reject' })
      await broker.publish('a/b', 1)
      await assert.rejects(broker.publish('a/c', 2), {
        name: 'BusbarError',
        code: 'ERR_QUEUE_FULL',
        topic: 'a/c',
        filter: 'a/+',
      })
    })

    for (const fullest of ['wait', 'reject', 'dropOldest', 'dropNewest'] as const) {
      it(`does not lose an older message elsewhere when ${fullest} comes with a refusal`, async ({
        broker,
        subscribe,
      }) => {
        const other = subscribe('+', undefined, { capacity: 1, overflow: fullest })
        subscribe('a', undefined, { capacity: 1, overflow: 'reject' })
        await broker.publish('a', 1)
        assert.equal(await codeOf(broker.publish('a', 2)), 'ERR_QUEUE_FULL')
        assertStats(other.stats(), { matched: 1, queued: 1, overflowed: 0 })
      })
    }

    it('holds the promise of the publisher until there is room everywhere', async ({ broker, subscribe }) => {
      const first = recorder(() => never)
      const second = recorder(() => never)
      const queues = [subscribe('a', first.handler, { capacity: 1 }), subscribe('+', second.handler, { capacity: 1 })]
      await broker.publish('a', 1)
      await turn()
      const waiting = broker.publish('a', 2)
      assert.equal(await isSettled(waiting), false)
      assertStats(broker.stats(), { published: 1, waiting: 1, matched: 2 })
      first.at(0).ack()
      assert.equal(await isSettled(waiting), false)
      for (const queue of queues) assertStats(queue.stats(), { matched: 1 })
      second.at(0).ack()
      assert.equal(await isSettled(waiting), true)
      assertStats(broker.stats(), { published: 2, waiting: 0, matched: 4 })
    })

    it('lets waiting publishes in one by one, in line', async ({ broker, subscribe }) => {
      const seen = recorder(() => never)
      subscribe('a', seen.handler, { capacity: 1, concurrency: 9 })
      const accepted: number[] = []
      for (let i = 0; i < 4; i++) void broker.publish('a', i).then(() => accepted.push(i))
      await turn()
      for (let i = 0; i < 4; i++) {
        assert.deepEqual(accepted, [0, 1, 2, 3].slice(0, i + 1))
        seen.at(i).ack()
        await turn()
      }
      assert.deepEqual(seen.data(), [0, 1, 2, 3])
    })

    it('does not let a new publish overtake those that wait in line', async ({ broker, subscribe }) => {
      const seen = recorder(() => never)
      subscribe('a', seen.handler, { capacity: 1, concurrency: 9 })
      await broker.publish('a', 1)
      await turn()
      void broker.publish('a', 2)
      seen.at(0).ack()
      void broker.publish('a', 3)
      await turn()
      seen.at(1).ack()
      await turn()
      assert.deepEqual(seen.data(), [1, 2, 3])
    })

    it('holds back nobody who publishes past the full queue', async ({ broker, subscribe }) => {
      subscribe('a', undefined, { capacity: 1 })
      const seen = recorder()
      subscribe('b', seen.handler)
      await broker.publish('a', 1)
      void broker.publish('a', 2)
      await broker.publish('b', 3)
      await turn()
      assert.deepEqual(seen.data(), [3])
    })

    it('matches a waiting publish when it is accepted', async ({ broker, subscribe }) => {
      const full = recorder(() => never)
      subscribe('a', full.handler, { capacity: 1 })
      await broker.publish('a', 1)
      await turn()
      void broker.publish('a', 2)
      const late = recorder()
      const gone = subscribe('a', late.handler)
      const stays = recorder()
      subscribe('a', stays.handler)
      await gone.unsubscribe()
      full.at(0).ack()
      await turn()
      assert.deepEqual([late.data(), stays.data()], [[], [2]])
    })

    it('accepts a waiting publish when the full subscription ends', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { capacity: 1 })
      await broker.publish('a', 1)
      const waiting = broker.publish('a', 2)
      await subscription.unsubscribe()
      assert.equal(await isSettled(waiting), true)
      assertStats(subscription.stats(), { matched: 1, cancelled: 1 })
      assertStats(broker.stats(), { published: 2, waiting: 0 })
    })

    it('counts the ttl of a waiting publish from its acceptance', async ({ broker, clock, subscribe }) => {
      const seen = recorder(() => never)
      const subscription = subscribe('a', seen.handler, { capacity: 1, concurrency: 9, ackWaitMs: Infinity })
      await broker.publish('a', 1)
      await turn()
      void broker.publish('a', 2, { ttlMs: 10 })
      await clock.advance(100)
      assertStats(subscription.stats(), { expired: 0 })
      seen.at(0).ack()
      await turn()
      assert.deepEqual(seen.data(), [1, 2])
    })

    for (const [what, publishSignal, reason] of [
      ['when its signal aborts', (signal: AbortSignal) => signal, 'gone'],
      ['when the broker closes', () => undefined, 'ERR_CLOSED'],
    ] as const) {
      it(`rejects a waiting publish ${what}, and leaves nothing behind`, async ({ broker, subscribe }) => {
        const gone = new AbortController()
        const subscription = subscribe('a', () => never, { capacity: 1 })
        await broker.publish('a', 1)
        const signal = publishSignal(gone.signal)
        const waiting = broker.publish('a', 2, signal ? { signal } : {})
        const outcome = codeOf(waiting)
        await turn()
        if (signal) gone.abort('gone')
        else void broker.close({ graceMs: 0 })
        assert.equal(await outcome, reason)
        assertStats(subscription.stats(), { matched: 1 })
        assertStats(broker.stats(), { published: 1, waiting: 0, refused: 1 })
      })
    }

    it('closes the gap that an aborted publish leaves in the line', async ({ broker, subscribe }) => {
      const seen = recorder(() => never)
      const gone = new AbortController()
      subscribe('a', seen.handler, { capacity: 1, concurrency: 9 })
      void broker.publish('a', 1)
      void broker.publish('a', 2, { signal: gone.signal })
      void broker.publish('a', 3)
      await turn()
      gone.abort()
      seen.at(0).ack()
      await turn()
      assert.deepEqual(seen.data(), [1, 3])
    })

    for (const [what, inFlight, queued, delays, lost] of [
      ['the oldest that is queued', 1, 2, [50], 'queued 1'],
      ['the delayed one due last', 1, 0, [50, 90, 70], 'delayed 90'],
      ['the new one when everything is in flight', 2, 0, [], 'new'],
    ] as const) {
      it(`loses ${what} with dropOldest`, async ({ broker, clock, subscribe }) => {
        const gate = deferred()
        const seen = recorder(() => gate.promise)
        const capacity = inFlight + queued + delays.length
        const subscription = subscribe('a', seen.handler, { capacity, overflow: 'dropOldest', concurrency: inFlight })
        const sent = [...Array(inFlight).keys()].map((i) => `in flight ${i}`)
        for (const data of sent) await broker.publish('a', data)
        await turn()
        for (let i = 1; i <= queued; i++) await broker.publish('a', sent[sent.push(`queued ${i}`) - 1])
        for (const delayMs of delays) await broker.publish('a', sent[sent.push(`delayed ${delayMs}`) - 1], { delayMs })
        await broker.publish('a', sent[sent.push('new') - 1])
        assertStats(subscription.stats(), { overflowed: 1, skipped: 1 })
        gate.resolve('ack')
        await clock.advance(100)
        assert.deepEqual(seen.data().sort(), sent.filter((data) => data !== lost).sort())
      })
    }

    it('takes 100 000 with capacity Infinity', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { capacity: Infinity })
      for (let i = 0; i < 100_000; i++) void broker.publish('a', i)
      assertStats(subscription.stats(), { queued: 100_000 })
    })

    it('holds 65 536 unless told otherwise', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { overflow: 'reject' })
      for (let i = 0; i < 65_537; i++) void broker.publish('a', i)
      assertStats(subscription.stats(), { queued: 65_536 })
      assertStats(broker.stats(), { refused: 1 })
    })
  })
}
