/** P4: order. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { assertStats, type Create, claims, type Deferred, deferred, never, recorder, turn } from './harness.ts'

export function order(create: Create): void {
  const it = claims(create)

  describe('P4: order', () => {
    for (const concurrency of [1, 3]) {
      it(`starts first deliveries in publish order with concurrency ${concurrency}`, async ({ broker, subscribe }) => {
        const seen = recorder()
        subscribe('+', seen.handler, { concurrency })
        for (let i = 0; i < 50; i++) await broker.publish(i % 2 ? 'a' : 'b', i)
        await turn()
        assert.deepEqual(seen.data(), [...Array(50).keys()])
      })
    }

    it('keeps the order of publishes that were not awaited', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler)
      for (let i = 0; i < 20; i++) void broker.publish('a', i)
      await turn()
      assert.deepEqual(seen.data(), [...Array(20).keys()])
    })

    for (const qos of [0, 1] as const) {
      it(`shows every subscription the same order of events published from inside qos ${qos} handlers`, async ({
        broker,
        subscribe,
      }) => {
        const orders: unknown[][] = [[], [], []]
        orders.forEach((seen, i) => {
          subscribe(
            '#',
            (message) => {
              seen.push(message.data)
              if (Number(message.data) < 30) void broker.publish('b', Number(message.data) * 3 + i)
            },
            { qos },
          )
        })
        await broker.publish('a', 1)
        await turn()
        assert.ok(orders[0] && orders[0].length > 10)
        assert.deepEqual(orders[1], orders[0])
        assert.deepEqual(orders[2], orders[0])
      })
    }

    it('delivers what a handler publishes after all that was published before', async ({ broker, subscribe }) => {
      const seen = recorder((message) => void (message.data === 1 && broker.publish('a', 'inner')))
      subscribe('a', seen.handler)
      for (const data of [1, 2, 3]) void broker.publish('a', data)
      await turn()
      assert.deepEqual(seen.data(), [1, 2, 3, 'inner'])
    })

    it(
      'keeps the history before a publish that waited for room when it was asked for',
      async ({ broker, subscribe }) => {
        const gate = deferred()
        subscribe('a', () => gate.promise, { capacity: 1 })
        await broker.publish('a', 1)
        void broker.publish('a', 'waits')
        await broker.publish('b', 2)
        const seen = recorder()
        const late = subscribe('#', seen.handler, { capacity: 1, from: 'oldest' })
        late.pause()
        gate.resolve('ack')
        await turn()
        late.resume()
        await turn()
        assert.deepEqual(seen.data(), [1, 2, 'waits'])
      },
      { history: { size: 5 } },
    )

    it('lets later messages overtake one that waits for redelivery, which then goes first', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const gate = deferred()
      const seen = recorder((message) => {
        if (message.data === 1 && message.deliveryCount === 1) return 'nack'
        return message.data === 2 ? gate.promise : undefined
      })
      subscribe('a', seen.handler, { backoff: [10] })
      for (const data of [1, 2, 3, 4]) await broker.publish('a', data)
      await clock.advance(10)
      gate.resolve('ack')
      await turn()
      assert.deepEqual(seen.data(), [1, 2, 1, 3, 4])
    })

    it('offers redelivered messages oldest event first', async ({ broker, clock, subscribe }) => {
      const gate = deferred()
      const seen = recorder((message) => {
        if (message.data === 'gate') return gate.promise
        return message.deliveryCount === 1 ? void message.nack({ delayMs: 10 - Number(message.data) }) : undefined
      })
      subscribe('a', seen.handler)
      for (const data of [1, 2, 3, 'gate']) await broker.publish('a', data)
      await clock.advance(10)
      gate.resolve('ack')
      await turn()
      assert.deepEqual(seen.data(), [1, 2, 3, 'gate', 1, 2, 3])
    })

    it('holds back everything behind a message that waits for redelivery when ordered', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) => (message.data === 1 && message.deliveryCount < 3 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { ordered: true, backoff: [10], concurrency: 1 })
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      await clock.advance(19)
      assert.deepEqual(seen.data(), [1, 1])
      await clock.advance(1)
      assert.deepEqual(seen.data(), [1, 1, 1, 2, 3])
    })

    for (const end of ['drop', 'nack'] as const) {
      it(`lets go of what ordered holds back when the message ends by ${end}`, async ({ broker, clock, subscribe }) => {
        const seen = recorder((message) => (message.data !== 1 ? 'ack' : message.deliveryCount === 2 ? end : 'nack'))
        subscribe('a', seen.handler, { ordered: true, backoff: [10], maxDeliveries: 2 })
        for (const data of [1, 2]) await broker.publish('a', data)
        await clock.advance(10)
        assert.deepEqual(seen.data(), [1, 1, 2])
      })
    }

    it('lets go of what ordered holds back when the ttl of the message is over', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) => (message.data === 1 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { ordered: true, backoff: [10] })
      await broker.publish('a', 1, { ttlMs: 5 })
      await broker.publish('a', 2)
      await clock.advance(4)
      assert.deepEqual(seen.data(), [1])
      await clock.advance(1)
      assert.deepEqual(seen.data(), [1, 2])
    })

    it('holds back only what is behind when ordered, though one of those stands at the front', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder(({ data, deliveryCount }) =>
        deliveryCount === 1 && (data === 'first' || data === 'due') ? 'nack' : 'ack',
      )
      subscribe('a', seen.handler, { ordered: true, backoff: [10] })
      for (const data of ['first', 'second']) await broker.publish('a', data)
      for (const data of ['due', 'due too']) await broker.publish('a', data, { delayMs: 5 })
      await clock.advance(10)
      assert.deepEqual(seen.data(), ['first', 'first', 'due', 'second'])
      await clock.advance(10)
      assert.deepEqual(seen.data(), ['first', 'first', 'due', 'second', 'due', 'due too'])
    })

    it('holds back only the same key when ordered', async ({ broker, clock, subscribe }) => {
      const seen = recorder((message) => (message.data === 'x1' && message.deliveryCount === 1 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { ordered: true, backoff: [10], concurrency: 2 })
      for (const data of ['x1', 'y1', 'x2', 'y2']) await broker.publish('a', data, { key: data[0] ?? '' })
      await turn()
      assert.deepEqual(seen.data(), ['x1', 'y1', 'y2'])
      await clock.advance(10)
      assert.deepEqual(seen.data(), ['x1', 'y1', 'y2', 'x1', 'x2'])
    })

    it('lets later messages of the key pass one that waits for redelivery when not ordered', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) => (message.data === 1 && message.deliveryCount === 1 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { backoff: [10], concurrency: 2 })
      for (const data of [1, 2]) await broker.publish('a', data, { key: 'k' })
      await clock.advance(10)
      assert.deepEqual(seen.data(), [1, 2, 1])
    })

    it('handles one message of a key at a time, and different keys side by side', async ({ broker, subscribe }) => {
      const gates: Deferred<unknown>[] = []
      const seen = recorder((_, nth) => (gates[nth] = deferred()).promise)
      const subscription = subscribe('a', seen.handler, { concurrency: 3 })
      for (const data of ['x1', 'x2', 'y1', 'x3', 'z1', 'y2']) await broker.publish('a', data, { key: data[0] ?? '' })
      await turn()
      assert.deepEqual(seen.data(), ['x1', 'y1', 'z1'])
      gates[0]?.resolve('ack')
      await turn()
      assert.deepEqual(seen.data(), ['x1', 'y1', 'z1', 'x2'])
      gates[2]?.resolve('ack')
      await turn()
      assertStats(subscription.stats(), { inFlight: 2, queued: 2 })
      gates[1]?.resolve('ack')
      await turn()
      assert.deepEqual(seen.data(), ['x1', 'y1', 'z1', 'x2', 'y2'])
    })

    it('does not restrict messages without a key', async ({ broker, subscribe }) => {
      const seen = recorder(() => never)
      subscribe('a', seen.handler, { concurrency: 3 })
      for (let i = 0; i < 3; i++) await broker.publish('a', i)
      await turn()
      assert.deepEqual(seen.data(), [0, 1, 2])
    })

    it('starts no more messages at once than concurrency, also right after an ack wait', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const subscription = subscribe('a', () => never, {
        concurrency: 2,
        ackWaitMs: 10,
        backoff: [0],
        maxDeliveries: 3,
      })
      for (let i = 0; i < 5; i++) await broker.publish('a', i)
      for (let i = 0; i < 10; i++) {
        await clock.advance(5)
        assert.ok(subscription.inFlightCount <= 2)
      }
      assertStats(subscription.stats(), { exhausted: 2, overdue: 10 })
    })

    it('keeps the slot of a message that settled by itself until its handler returns', async ({
      broker,
      subscribe,
    }) => {
      const gate = deferred()
      const seen = recorder((message, nth) => (nth === 0 ? (message.ack(), gate.promise) : undefined))
      const subscription = subscribe('a', seen.handler)
      for (const data of [1, 2]) await broker.publish('a', data)
      await turn()
      assert.deepEqual(seen.data(), [1])
      assertStats(subscription.stats(), { acked: 1, inFlight: 0, queued: 1 })
      gate.resolve(undefined)
      await turn()
      assert.deepEqual(seen.data(), [1, 2])
    })

    it('calls qos 1 handlers after publish() has returned, and qos 0 handlers inside it', ({ broker, subscribe }) => {
      const log: string[] = []
      subscribe('a', () => void log.push('qos 1'))
      subscribe('a', () => void log.push('qos 0'), { qos: 0 })
      void broker.publish('a', 1)
      log.push('returned')
      assert.deepEqual(log, ['qos 0', 'returned'])
    })

    it('dispatches an event to all qos 0 handlers before one published from inside, all within the outer publish()', ({
      broker,
      subscribe,
    }) => {
      const log: unknown[] = []
      subscribe(
        'a',
        (message) => {
          log.push(`first ${message.data}`)
          if (message.data === 1) void broker.publish('a', 2)
        },
        { qos: 0 },
      )
      subscribe('a', (message) => void log.push(`second ${message.data}`), { qos: 0 })
      void broker.publish('a', 1)
      assert.deepEqual(log, ['first 1', 'second 1', 'first 2', 'second 2'])
    })
  })
}
