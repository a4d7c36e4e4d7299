/** At the edges: iterators. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Message, Subscription } from '../../src/index.ts'
import { assertStats, begin, type Create, claims, codeOf, isSettled, turn } from './harness.ts'

/** How a loop may be left. */
const exits: Readonly<Record<string, (subscription: Subscription) => Promise<unknown>>> = {
  break: async (subscription) => {
    for await (const _ of subscription) break
  },
  'a return from the function': async (subscription) => {
    for await (const message of subscription) return message
    return undefined
  },
  'a throw in the body': async (subscription) => {
    await assert.rejects(
      async () => {
        for await (const _ of subscription) throw new Error('body')
      },
      { message: 'body' },
    )
  },
  'return()': async (subscription) => {
    const iterator = subscription[Symbol.asyncIterator]()
    await iterator.next()
    assert.deepEqual(await iterator.return?.(), { done: true, value: undefined })
  },
  'throw()': async (subscription) => {
    const iterator = subscription[Symbol.asyncIterator]()
    await iterator.next()
    assert.equal(await codeOf(iterator.throw?.('mine') ?? assert.fail('no throw()')), 'mine')
  },
}

const values = (results: readonly IteratorResult<Message>[]): unknown[] =>
  results.map((result) => (result.done ? 'done' : result.value.data))

/** Some microtasks later. */
async function turnless(): Promise<void> {
  for (let i = 0; i < 5; i++) await undefined
}

export function iterators(create: Create): void {
  const it = claims(create)

  describe('iterators', () => {
    it('hand out the events in order and end with the subscription', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      const drained = subscription.drain()
      const seen: unknown[] = []
      for await (const message of subscription) seen.push(message.data)
      await drained
      assert.deepEqual(seen, [1, 2, 3])
      assertStats(subscription.stats(), { acked: 3 })
    })

    it('serve calls of next() that wait in order, whatever the keys of the messages', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      const iterator = subscription[Symbol.asyncIterator]()
      const calls = [iterator.next(), iterator.next(), iterator.next()]
      await broker.publish('a', 1, { key: 'k' })
      await turn()
      assertStats(subscription.stats(), { inFlight: 1, acked: 0 })
      await broker.publish('a', 2, { key: 'k' })
      await broker.publish('a', 3)
      assert.deepEqual(values(await Promise.all(calls)), [1, 2, 3])
    })

    it('are one for each subscription', ({ subscribe }) => {
      const subscription = subscribe('a', undefined)
      const iterator = subscription[Symbol.asyncIterator]()
      assert.equal(subscription[Symbol.asyncIterator](), iterator)
      assert.equal(iterator[Symbol.asyncIterator](), iterator)
    })

    it('are refused for a subscription that has a handler', async ({ subscribe }) => {
      assert.equal(await codeOf(() => subscribe('a', () => {})[Symbol.asyncIterator]()), 'ERR_OPTION_INVALID')
    })

    it('queue a second next() while the first waits', async ({ broker, subscribe }) => {
      const iterator = subscribe('a', undefined, { concurrency: 5 })[Symbol.asyncIterator]()
      const waiting = Promise.all([iterator.next(), iterator.next(), iterator.next()])
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      assert.deepEqual(values(await waiting), [1, 2, 3])
    })

    it('serve concurrent next() calls in order of what is queued', async ({ broker, subscribe }) => {
      const iterator = subscribe('a', undefined, { concurrency: 2 })[Symbol.asyncIterator]()
      for (const data of [1, 2]) await broker.publish('a', data)
      assert.deepEqual(values(await Promise.all([iterator.next(), iterator.next()])), [1, 2])
    })

    it('ack the message before when asked for the next', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      const iterator = subscription[Symbol.asyncIterator]()
      for (const data of [1, 2]) await broker.publish('a', data)
      await iterator.next()
      assertStats(subscription.stats(), { inFlight: 1, acked: 0 })
      await iterator.next()
      assertStats(subscription.stats(), { inFlight: 1, acked: 1 })
      void iterator.next()
      assertStats(subscription.stats(), { inFlight: 0, acked: 2 })
    })

    it('hold up to concurrency messages before they ack the oldest', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { concurrency: 2 })
      const iterator = subscription[Symbol.asyncIterator]()
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      await iterator.next()
      const second = await iterator.next()
      assertStats(subscription.stats(), { inFlight: 2, acked: 0 })
      second.value?.ack()
      await iterator.next()
      assertStats(subscription.stats(), { inFlight: 2, acked: 1 })
    })

    it('leave a message alone that was settled in the body', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', undefined, { backoff: [5] })
      const iterator = subscription[Symbol.asyncIterator]()
      await broker.publish('a', 1)
      const { value } = await iterator.next()
      assert.equal(value?.nack(), true)
      const next = iterator.next()
      assertStats(subscription.stats(), { acked: 0, delayed: 1 })
      await clock.advance(5)
      assert.equal((await next).value?.deliveryCount, 2)
    })

    for (const [what, exit] of Object.entries(exits)) {
      it(`cancel the message in hand and the rest when the loop is left by ${what}`, async ({ broker, subscribe }) => {
        const subscription = subscribe('a', undefined, { deadLetterTopic: 'd', maxDeliveries: 1 })
        for (const data of [1, 2, 3]) await broker.publish('a', data)
        await exit(subscription)
        await subscription.closed
        assertStats(subscription.stats(), { acked: 0, cancelled: 3, deadLettered: 0 })
        assertStats(broker.stats(), { subscriptions: 0 })
        assert.deepEqual(await subscription[Symbol.asyncIterator]().next(), { done: true, value: undefined })
      })
    }

    it('settle return() at once while a next() waits, and end that next()', async ({ broker, subscribe }) => {
      const iterator = subscribe('a', undefined, { concurrency: 3 })[Symbol.asyncIterator]()
      const waiting = Promise.all([iterator.next(), iterator.next()])
      assert.deepEqual(await iterator.return?.('value' as never), { done: true, value: 'value' })
      assert.deepEqual(values(await waiting), ['done', 'done'])
      assert.deepEqual(await iterator.return?.(), { done: true, value: undefined })
      assertStats(broker.stats(), { subscriptions: 0 })
    })

    for (const [what, end] of [
      ['unsubscribe()', (one: Subscription) => one.unsubscribe()],
      ['drain()', (one: Subscription) => one.drain()],
    ] as const) {
      it(`end a waiting next() on ${what}`, async ({ subscribe }) => {
        const subscription = subscribe('a', undefined)
        const waiting = subscription[Symbol.asyncIterator]().next()
        await turn()
        await end(subscription)
        assert.deepEqual(await waiting, { done: true, value: undefined })
      })
    }

    for (const graceMs of [0, 5_000]) {
      it(`end a waiting next() on close({ graceMs: ${graceMs} })`, async ({ broker, subscribe }) => {
        const waiting = subscribe('a', undefined)[Symbol.asyncIterator]().next()
        await broker.close({ graceMs })
        assert.equal((await waiting).done, true)
      })
    }

    it('keep the message in hand when what gets in for the one before has to wait', async (bench) => {
      const { broker, clock, subscribe } = bench
      const subscription = subscribe('a', undefined, { capacity: 2 })
      const iterator = subscription[Symbol.asyncIterator]()
      const asked = [iterator.next(), iterator.next(), iterator.next()]
      for (const delayMs of [0, 5, 9]) void broker.publish('a', delayMs, { delayMs })
      await clock.advance(5)
      assert.deepEqual(values(await Promise.all(asked.slice(0, 2))), [0, 5])
      assertStats(subscription.stats(), { acked: 1, inFlight: 1, delayed: 1 })
    })

    it('still hand out what is queued while the broker closes', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      for (const data of [1, 2]) await broker.publish('a', data)
      const closing = broker.close()
      const seen: unknown[] = []
      for await (const message of subscription) seen.push(message.data)
      assert.deepEqual(seen, [1, 2])
      assert.equal((await closing).acked, 2)
    })

    it('lose a message in hand to its ack wait and hand it out again', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', undefined, { ackWaitMs: 10, backoff: [5] })
      const iterator = subscription[Symbol.asyncIterator]()
      await broker.publish('a', 1)
      const { value: first } = await iterator.next()
      await clock.advance(10)
      assertStats(subscription.stats(), { inFlight: 0, delayed: 1, acked: 0 })
      assert.equal(first?.ack(), false)
      assert.equal(first?.signal.aborted, true)
      const again = iterator.next()
      await clock.advance(5)
      assert.equal((await again).value?.deliveryCount, 2)
    })

    for (const concurrency of [1, 3]) {
      it(`lose the last of what they took in one turn to its ack wait, ${concurrency} in hand`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const subscription = subscribe('a', undefined, { ackWaitMs: 10, backoff: [99], concurrency })
        const iterator = subscription[Symbol.asyncIterator]()
        for (const data of [1, 2, 3]) await broker.publish('a', data)
        for (let i = 0; i < 3; i++) await iterator.next()
        await clock.advance(9)
        assertStats(subscription.stats(), { acked: 3 - concurrency, inFlight: concurrency })
        await clock.advance(1)
        assertStats(subscription.stats(), { inFlight: 0, delayed: concurrency })
      })
    }

    let asked: AsyncIterator<unknown> | undefined
    it(
      'may be asked for more by an observer who hears how the message in hand has ended',
      async ({ broker, subscribe }) => {
        const subscription = subscribe('a', undefined)
        await broker.publish('a', 1)
        asked = subscription[Symbol.asyncIterator]()
        await asked.next()
        await broker.close({ graceMs: 0 })
        assertStats(subscription.stats(), { acked: 0, cancelled: 1 })
      },
      { observer: { settled: () => void asked?.next() } },
    )

    for (const when of ['before the events', 'after the events', 'while paused'])
      for (const concurrency of [1, 2])
        it(`serve a next() of an observer after the one whose message it is told of, asked ${when}, ${concurrency} in hand`, async () => {
          const read: unknown[] = []
          const ask = (): void =>
            void iterator.next().then(({ done, value }) => {
              read.push(done ? 'done' : value.data)
            })
          let isAsked = false
          const delivered = (): void => {
            if (!isAsked) ask()
            isAsked = true
          }
          const { broker, subscribe } = begin(create, { observer: { delivered } })
          const subscription = subscribe('a', undefined, { concurrency })
          const iterator = subscription[Symbol.asyncIterator]()
          if (when === 'while paused') subscription.pause()
          if (when !== 'after the events') ask()
          await broker.publish('a', 1)
          await broker.publish('a', 2)
          if (when === 'after the events') ask()
          subscription.resume()
          await turn()
          assert.deepEqual(read, [1, 2])
          assertStats(subscription.stats(), { delivered: 2, acked: 2 - concurrency, inFlight: concurrency })
        })

    it('are done when an observer who is told of what has expired unsubscribes', async () => {
      const { broker, clock, subscribe } = begin(create, { observer: { expired: () => void one.unsubscribe() } })
      const one = subscribe('a', undefined)
      void broker.publish('a', 1, { ttlMs: 5 })
      void broker.publish('a', 2)
      const now = clock.now.bind(clock)
      clock.now = () => now() + 5
      assert.deepEqual(values([await one[Symbol.asyncIterator]().next()]), ['done'])
      assertStats(one.stats(), { expired: 1, cancelled: 1 })
    })

    it('count a message as cancelled when an observer who is told of it unsubscribes and asks for more', async () => {
      const { broker, subscribe } = begin(create, {
        observer: {
          delivered: () => {
            void subscription.unsubscribe()
            void iterator.next()
          },
        },
      })
      const subscription = subscribe('a', undefined)
      const iterator = subscription[Symbol.asyncIterator]()
      const waiting = iterator.next()
      await broker.publish('a', 1)
      assert.deepEqual(values([await waiting]), ['done'])
      assertStats(subscription.stats(), { acked: 0, cancelled: 1 })
    })

    it('expire what nobody reads on time', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', undefined)
      await broker.publish('a', 1, { ttlMs: 5 })
      await broker.publish('a', 2)
      await clock.advance(5)
      assertStats(subscription.stats(), { expired: 1, queued: 1 })
      assert.equal((await subscription[Symbol.asyncIterator]().next()).value?.data, 2)
    })

    it('keep to their capacity however slowly they are read', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined, { capacity: 2 })
      for (let i = 0; i < 5; i++) void broker.publish('a', i)
      await turn()
      assertStats(broker.stats(), { waiting: 3, queued: 2 })
      const iterator = subscription[Symbol.asyncIterator]()
      const seen: unknown[] = []
      for (let i = 0; i < 5; i++) {
        seen.push((await iterator.next()).value?.data)
        assert.ok(subscription.queuedCount + subscription.inFlightCount <= 2)
      }
      assert.deepEqual(seen, [0, 1, 2, 3, 4])
    })

    it('go on waiting while paused', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      subscription.pause()
      await broker.publish('a', 1)
      const next = subscription[Symbol.asyncIterator]().next()
      assert.equal(await isSettled(next), false)
      subscription.resume()
      assert.equal((await next).value?.data, 1)
    })

    for (const [what, options] of [
      ['', {}],
      [', also while somebody watches', { observer: {} }],
    ] as const) {
      it(
        `give a waiting next() its message before publish() returns, and run nothing of the loop in it${what}`,
        async ({ broker, subscribe }) => {
          const seen: unknown[] = []
          const iterating = subscribe('a', undefined)
          const next = iterating[Symbol.asyncIterator]().next()
          void next.then(({ value }) => seen.push(['loop', value?.data]))
          const handling = subscribe('#', () => {})
          subscribe('a', () => void seen.push(['direct', handling.queuedCount]), { qos: 0 })
          void broker.publish('a', 1)
          assertStats(iterating.stats(), { queued: 0, inFlight: 1 })
          assert.deepEqual(seen, [['direct', 1]])
          iterating.pause()
          void broker.publish('a', 2)
          assertStats(iterating.stats(), { queued: 1, inFlight: 1 })
          await next
          assert.deepEqual(seen, [
            ['direct', 1],
            ['direct', 2],
            ['loop', 1],
          ])
        },
        options,
      )
    }

    it('settle nothing inside publish()', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      const iterator = subscription[Symbol.asyncIterator]()
      const both = Promise.all([iterator.next(), iterator.next()])
      for (const data of [1, 2]) void broker.publish('a', data)
      assertStats(subscription.stats(), { queued: 1, inFlight: 1, acked: 0 })
      assert.deepEqual(values(await both), [1, 2])
      assertStats(subscription.stats(), { inFlight: 1, acked: 1 })
    })

    it('take turns with the other members of their group', async ({ broker, subscribe }) => {
      const seen: string[] = []
      for (const name of ['first', 'second']) {
        const iterator = subscribe('a', undefined, { group: 'g' })[Symbol.asyncIterator]()
        const read = (): unknown => iterator.next().then(({ done }) => done || (seen.push(name), read()))
        void read()
      }
      for (let i = 0; i < 4; i++) {
        await broker.publish('a', i)
        await turn()
      }
      assert.deepEqual(seen, ['first', 'second', 'first', 'second'])
    })

    it(
      'are given what has waited for room',
      async ({ broker, subscribe }) => {
        for (const data of [1, 2]) await broker.publish('a', data)
        const iterator = subscribe('a', undefined, { from: 'oldest', capacity: 1, concurrency: 2 })[
          Symbol.asyncIterator
        ]()
        const { value: first } = await iterator.next()
        const second = iterator.next()
        assert.equal(first?.ack(), true)
        assert.equal((await second).value?.data, 2)
      },
      { history: { size: 2 } },
    )

    it('let the event loop turn while a loop publishes to itself', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      let taken = 0
      let atTurn = -1
      void broker.publish('a', 0)
      for await (const _ of subscription) {
        if (++taken === 5_000) break
        if (taken === 1) {
          setImmediate(() => {
            atTurn = taken
          })
        }
        // The next() that follows waits by then.
        void turnless().then(() => broker.publish('a', taken))
      }
      assert.ok(atTurn > 0 && atTurn <= 1_001, `${atTurn}`)
    })

    it('unsubscribe at the end of an await using block', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      await broker.publish('a', 1)
      await subscription[Symbol.asyncDispose]()
      assertStats(broker.stats(), { subscriptions: 0, cancelled: 1 })
    })
  })
}
