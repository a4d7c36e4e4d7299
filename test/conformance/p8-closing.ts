/** P8: closing the broker. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { assertStats, type Create, claims, codeOf, deferred, isSettled, never, recorder, turn } from './harness.ts'

export function closing(create: Create): void {
  const it = claims(create)

  describe('P8: closing is clean', () => {
    for (const call of ['publish', 'subscribe', 'once'] as const) {
      it(`refuses ${call}() with ERR_CLOSED from the moment close() is called`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        subscribe('a', () => never)
        await broker.publish('a', 1)
        await turn()
        const closing = broker.close({ graceMs: 50 })
        const calls = {
          publish: () => broker.publish('a', 1),
          subscribe: () => broker.subscribe('a', () => {}),
          once: () => broker.once('a'),
        }
        assert.equal(await codeOf(calls[call]), 'ERR_CLOSED')
        await clock.advance(50)
        await closing
      })
    }

    it('delivers on close() what is queued and waits for what is in flight', async ({ broker, clock, subscribe }) => {
      const gate = deferred()
      const seen = recorder((_, nth) => (nth === 0 ? gate.promise : 'ack'))
      subscribe('a', seen.handler)
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      await turn()
      const closing = broker.close()
      await clock.advance(4_999)
      assert.equal(await isSettled(closing), false)
      gate.resolve('ack')
      assert.deepEqual(await closing, {
        acked: 3,
        dropped: 0,
        expired: 0,
        deadLettered: 0,
        exhausted: 0,
        overflowed: 0,
        cancelled: 0,
      })
      assert.deepEqual(seen.data(), [1, 2, 3])
    })

    for (const [graceMs, endsAt] of [
      [undefined, 5_000],
      [20, 20],
      [0, 0],
    ] as const) {
      it(`cancels at ${endsAt} ms what has not ended with graceMs ${graceMs}, and says so`, async ({
        broker,
        clock,
        errors,
        subscribe,
      }) => {
        const seen = recorder(() => never)
        subscribe('a', seen.handler, { deadLetterTopic: 'd' })
        const dead = recorder()
        subscribe('d', dead.handler)
        for (const data of [1, 2]) await broker.publish('a', data)
        await turn()
        const closing = broker.close(graceMs === undefined ? {} : { graceMs })
        if (endsAt > 0) {
          await clock.advance(endsAt - 1)
          assert.equal(await isSettled(closing), false)
          await clock.advance(1)
        }
        assert.deepEqual(await closing, {
          acked: 0,
          dropped: 0,
          expired: 0,
          deadLettered: 0,
          exhausted: 0,
          overflowed: 0,
          cancelled: 2,
        })
        const { aborted, reason } = seen.at(0).signal
        assert.deepEqual([aborted, reason.code], [true, 'ERR_CLOSED'])
        assert.deepEqual([dead.data(), errors], [[], []])
      })
    }

    it('cancels at once what is delayed beyond the grace time, and delivers what is due within it', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) =>
        message.data === 'late nack' ? void message.nack({ delayMs: 500 }) : undefined,
      )
      const subscription = subscribe('a', seen.handler)
      await broker.publish('a', 'soon', { delayMs: 50 })
      await broker.publish('a', 'later', { delayMs: 150 })
      const closing = broker.close({ graceMs: 100 })
      assertStats(subscription.stats(), { cancelled: 1, delayed: 1 })
      await clock.advance(50)
      assert.equal((await closing).acked, 1)
      assert.deepEqual(seen.data(), ['soon'])
    })

    it('cancels a message nacked beyond the grace time', async ({ broker, subscribe }) => {
      subscribe('a', () => 'nack', { backoff: [500] })
      await broker.publish('a', 1)
      assert.equal((await broker.close({ graceMs: 100 })).cancelled, 1)
    })

    it('lets a message expire within the grace time that is nacked beyond it', async ({ broker, clock, subscribe }) => {
      const seen = recorder(() => never)
      subscribe('a', seen.handler)
      await broker.publish('a', 1, { ttlMs: 50 })
      const closing = broker.close({ graceMs: 100 })
      seen.at(0).nack({ delayMs: 500 })
      await clock.advance(100)
      const { cancelled, expired } = await closing
      assert.deepEqual([cancelled, expired], [0, 1])
    })

    it('lets dead letters out during the grace time', async ({ broker, subscribe }) => {
      const dead = recorder()
      subscribe('a', () => 'drop', { deadLetterTopic: 'd' })
      subscribe('d', dead.handler)
      void broker.publish('a', 1)
      const { deadLettered, acked } = await broker.close()
      assert.deepEqual([deadLettered, acked, dead.data()], [1, 1, [1]])
    })

    it('delivers the dead letter of the very last message during the grace time', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const dead = recorder()
      subscribe('d', dead.handler)
      subscribe('a', () => {}, { deadLetterTopic: 'd' })
      void broker.publish('a', 1, { ttlMs: 1, delayMs: 1 })
      const closing = broker.close()
      await clock.advance(1)
      const { deadLettered, acked, cancelled } = await closing
      assert.deepEqual([deadLettered, acked, cancelled, dead.data()], [1, 1, 0, [1]])
    })

    it('gives every close() the same promise', async ({ broker, subscribe }) => {
      subscribe('a', () => {})
      const first = broker.close()
      assert.equal(broker.close({ graceMs: 0 }), first)
      assert.equal(broker.close(), first)
      assert.equal(broker.close(), (await first, first))
    })

    it('shows its stats after close()', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', () => {})
      await broker.publish('a', 1)
      await broker.close()
      assertStats(broker.stats(), { published: 1, acked: 1, subscriptions: 0 })
      assertStats(subscription.stats(), { acked: 1 })
    })
  })
}
