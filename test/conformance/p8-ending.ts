/** P8: ending is clean. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe } from 'node:test'
import type { Broker, Subscription } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, deferred, isSettled, never, recorder, turn } from './harness.ts'

/** Every way to end one subscription. */
const endings: Readonly<
  Record<string, (subscription: Subscription, broker: Broker, abort: AbortController) => unknown>
> = {
  'unsubscribe()': (subscription) => subscription.unsubscribe(),
  'an abort': (_, __, abort) => abort.abort(),
  'await using': (subscription) => subscription[Symbol.asyncDispose](),
  'drain()': (subscription) => subscription.drain(),
  'close()': (_, broker) => broker.close(),
  'close() without grace': (_, broker) => broker.close({ graceMs: 0 }),
  'the end of an await using broker': (_, broker) => broker[Symbol.asyncDispose](),
}

export function ending(create: Create): void {
  const it = claims(create)

  describe('P8: ending is clean', () => {
    for (const [what, end] of Object.entries(endings)) {
      for (const form of ['handler', 'iterator', 'qos 0', 'group'] as const) {
        it(`ends a subscription (${form}) by ${what}, once, and leaves no listener on its signal`, async ({
          broker,
          subscribe,
        }) => {
          const abort = new AbortController()
          const options = {
            signal: abort.signal,
            ...(form === 'qos 0' ? { qos: 0 as const } : form === 'group' ? { group: 'g' } : {}),
          }
          const subscription = subscribe('a', form === 'iterator' ? undefined : () => {}, options)
          assert.equal(getEventListeners(abort.signal, 'abort').length, 1)
          await Promise.all([end(subscription, broker, abort), end(subscription, broker, abort)])
          await end(subscription, broker, abort)
          await subscription.closed
          assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
          assertStats(broker.stats(), { subscriptions: 0 })
          void broker.publish('a', 1)
          await turn()
          assertStats(broker.stats(), { matched: 0, delivered: 0 })
        })

        if (form === 'iterator') continue
        it(`may be ended by ${what} from inside its own handler (${form})`, async ({ broker, clock, subscribe }) => {
          const abort = new AbortController()
          const seen = recorder(() => void end(subscription, broker, abort))
          const options = {
            signal: abort.signal,
            ...(form === 'qos 0' ? { qos: 0 as const } : form === 'group' ? { group: 'g' } : {}),
          }
          const subscription: Subscription = subscribe('a', seen.handler, options)
          await broker.publish('a', 1)
          await clock.advance(10_000)
          await subscription.closed
          assert.deepEqual(seen.data(), [1])
          assertStats(subscription.stats(), { matched: 1, acked: 1, inFlight: 0 })
        })
      }
    }

    it('may be awaited inside its own handler: unsubscribe() waits for nobody', async ({ broker, subscribe }) => {
      const seen = recorder(async () => subscription.unsubscribe())
      const subscription: Subscription = subscribe('a', seen.handler)
      await broker.publish('a', 1)
      await turn()
      await subscription.closed
      assertStats(subscription.stats(), { acked: 1 })
    })

    it('starts no handler after unsubscribe() was called', async ({ broker, clock, subscribe }) => {
      const seen = recorder(() => 'nack')
      const subscription = subscribe('a', seen.handler, { backoff: [5], concurrency: 2 })
      for (let i = 0; i < 5; i++) await broker.publish('a', i, i > 3 ? { delayMs: 3 } : {})
      const before = seen.messages.length
      void subscription.unsubscribe()
      await clock.advance(1_000)
      assert.equal(seen.messages.length, before)
      assertStats(subscription.stats(), { cancelled: 5 })
    })

    for (const [outcome, expected] of [
      ['ack', { acked: 1 }],
      ['nack', { cancelled: 1 }],
      ['drop', { cancelled: 1 }],
      ['throw', { cancelled: 1 }],
    ] as const) {
      it(`lets a running handler finish after unsubscribe(): ${outcome} counts as ${Object.keys(expected)[0]}`, async ({
        broker,
        errors,
        subscribe,
      }) => {
        const gate = deferred()
        const seen = recorder(() => gate.promise)
        const subscription = subscribe('a', seen.handler, { deadLetterTopic: 'd', maxDeliveries: 1 })
        await broker.publish('a', 1)
        await turn()
        await subscription.unsubscribe()
        assert.equal(seen.at(0).signal.aborted, true)
        assertStats(subscription.stats(), { inFlight: 1, cancelled: 0 })
        if (outcome === 'throw') gate.reject(new Error('no'))
        else gate.resolve(outcome)
        await turn()
        assertStats(subscription.stats(), { acked: 0, cancelled: 0, inFlight: 0, deadLettered: 0, ...expected })
        assert.deepEqual(errors, [])
      })
    }

    for (const deadLetterTopic of [undefined, 'd']) {
      it(`cancels what expires while its handler still runs after unsubscribe() (dead letter topic ${deadLetterTopic})`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const seen = recorder(() => never)
        const dead = subscribe('d', undefined)
        const subscription = subscribe('a', seen.handler, {
          concurrency: 2,
          ackWaitMs: 50,
          ...(deadLetterTopic ? { deadLetterTopic } : {}),
        })
        for (const data of [1, 2]) await broker.publish('a', data, { ttlMs: 5 })
        await turn()
        await subscription.unsubscribe()
        await clock.advance(10)
        assert.equal(seen.at(0).nack(), true)
        await clock.advance(40)
        assertStats(subscription.stats(), { cancelled: 2, expired: 0, deadLettered: 0 })
        assertStats(dead.stats(), { matched: 0 })
      })
    }

    it('delivers on drain() what is queued and what is delayed when it is due, but nothing new', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) => (message.data === 'again' && !message.redelivered ? 'nack' : 'ack'))
      const subscription = subscribe('a', seen.handler, { backoff: [30] })
      await broker.publish('a', 'again')
      await broker.publish('a', 'queued')
      await broker.publish('a', 'delayed', { delayMs: 50 })
      const drained = subscription.drain()
      await broker.publish('a', 'new')
      await clock.advance(49)
      assert.equal(await isSettled(drained), false)
      await clock.advance(1)
      await drained
      assert.deepEqual(seen.data(), ['again', 'queued', 'again', 'delayed'])
      await subscription.closed
      assertStats(subscription.stats(), { matched: 3, acked: 3 })
    })

    it('waits on drain() for handlers that settled by themselves, and not for overdue ones', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const gate = deferred()
      const acked = subscribe('a', (message) => (message.ack(), gate.promise))
      const overdue = subscribe('a', () => never, { ackWaitMs: 10, maxDeliveries: 1 })
      await broker.publish('a', 1)
      await turn()
      const drains = [acked.drain(), overdue.drain()] as const
      await clock.advance(10)
      assert.equal(await isSettled(drains[1]), true)
      assert.equal(await isSettled(drains[0]), false)
      gate.resolve(undefined)
      await drains[0]
    })

    it('forgets on unsubscribe() what drain() was still waiting for', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', () => {})
      await broker.publish('a', 1, { delayMs: 1_000 })
      const drained = subscription.drain()
      await subscription.unsubscribe()
      await drained
      assertStats(subscription.stats(), { cancelled: 1 })
    })

    it('resolves settled() when nothing is queued or in flight, and does not wait for what is delayed', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const gate = deferred()
      const seen = recorder((_, nth) => (nth === 0 ? gate.promise : undefined))
      subscribe('a', seen.handler)
      await broker.settled()
      await broker.publish('a', 1)
      await broker.publish('a', 2)
      await broker.publish('a', 3, { delayMs: 100 })
      const settled = broker.settled()
      assert.equal(await isSettled(settled), false)
      gate.resolve(undefined)
      await settled
      assertStats(broker.stats(), { acked: 2, delayed: 1 })
      await clock.advance(100)
      await broker.settled()
    })

    it('does not wait on settled() for overdue handlers', async ({ broker, clock, subscribe }) => {
      subscribe('a', () => never, { ackWaitMs: 5, maxDeliveries: 1 })
      await broker.publish('a', 1)
      await clock.advance(5)
      await broker.settled()
      assertStats(broker.stats(), { overdue: 1 })
    })

    for (const how of ['accepted', 'aborted', 'closed', 'refused'] as const) {
      it(`leaves no listener on the signal of a publish that was ${how}`, async ({ broker, subscribe }) => {
        const abort = new AbortController()
        const seen = recorder(() => never)
        subscribe('a', seen.handler, { capacity: 1 })
        await broker.publish('a', 1)
        await turn()
        if (how === 'refused') subscribe('a', undefined, { qos: 1, capacity: 1, overflow: 'reject' })
        if (how === 'refused') seen.at(0).ack()
        if (how === 'refused') await broker.publish('a', 1)
        const publishing = codeOf(broker.publish('a', 2, { signal: abort.signal }))
        if (how === 'accepted') seen.at(0).ack()
        if (how === 'aborted') abort.abort()
        if (how === 'closed') await broker.close({ graceMs: 0 })
        if (how === 'refused') await turn()
        else await publishing
        if (how !== 'refused') assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
        await broker.close({ graceMs: 0 })
        assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
      })
    }
  })
}
