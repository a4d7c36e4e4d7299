/** P1: nothing is lost without a name. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Handler, Message, PublishOptions, SubscribeOptions, Subscription } from '../../src/index.ts'
import {
  assertBalanced,
  assertStats,
  type Bench,
  type Create,
  claims,
  never,
  recorder,
  turn,
  watch,
} from './harness.ts'

/** How to bring one message to one end. */
interface Way {
  readonly end: string
  readonly by: string
  readonly handler?: Handler
  readonly options?: SubscribeOptions
  readonly publish?: PublishOptions
  readonly then?: (bench: Bench, subscription: Subscription) => unknown
}

const advance = (ms: number) => (bench: Bench) => bench.clock.advance(ms)
const fails = (): never => {
  throw new Error('no')
}

const ways: readonly Way[] = [
  { end: 'acked', by: 'a handler that returns', handler: () => {} },
  { end: 'acked', by: 'message.ack()', handler: (message) => void message.ack() },
  { end: 'acked', by: 'a qos 0 handler that returns', handler: () => {}, options: { qos: 0 } },
  {
    end: 'acked',
    by: 'an expired message acked in flight',
    handler: () => never,
    publish: { ttlMs: 5 },
    options: { concurrency: 2 },
    then: ackLate,
  },
  { end: 'dropped', by: "a handler that returns 'drop'", handler: () => 'drop' },
  { end: 'dropped', by: 'message.drop()', handler: (message) => void message.drop('bad') },
  { end: 'dropped', by: 'a qos 0 handler that throws', handler: fails, options: { qos: 0 } },
  { end: 'dropped', by: 'a qos 0 handler that rejects', handler: async () => fails(), options: { qos: 0 } },
  {
    end: 'dropped',
    by: 'a qos 0 handler that rejects after the ttl',
    handler: lateReject,
    options: { qos: 0 },
    publish: { ttlMs: 5 },
    then: rejectLate,
  },
  {
    end: 'dropped',
    by: 'a delayed qos 0 handler that rejects after the ttl',
    handler: lateReject,
    options: { qos: 0 },
    publish: { ttlMs: 5, delayMs: 1 },
    then: rejectLate,
  },
  { end: 'expired', by: 'a ttl over while queued', publish: { ttlMs: 5 }, then: advance(5) },
  {
    end: 'expired',
    by: 'a ttl over while delayed',
    handler: () => {},
    publish: { ttlMs: 5, delayMs: 6 },
    then: advance(6),
  },
  {
    end: 'expired',
    by: 'a ttl over while delayed for redelivery',
    handler: () => 'nack',
    publish: { ttlMs: 5 },
    options: { backoff: [9] },
    then: advance(9),
  },
  { end: 'expired', by: 'a nack after the ttl', handler: () => never, publish: { ttlMs: 5 }, then: nackLate },
  { end: 'expired', by: 'a drop after the ttl', handler: () => never, publish: { ttlMs: 5 }, then: dropLate },
  {
    end: 'expired',
    by: 'an ack wait over after the ttl',
    handler: () => never,
    publish: { ttlMs: 5 },
    options: { ackWaitMs: 9 },
    then: advance(9),
  },
  {
    end: 'exhausted',
    by: 'a handler that throws each time',
    handler: fails,
    options: { maxDeliveries: 2, backoff: [1] },
    then: advance(1),
  },
  { end: 'exhausted', by: 'a single delivery nacked', handler: () => 'nack', options: { maxDeliveries: 1 } },
  {
    end: 'exhausted',
    by: 'an ack wait over for the last time',
    handler: () => never,
    options: { maxDeliveries: 1, ackWaitMs: 3 },
    then: advance(3),
  },
  {
    end: 'deadLettered',
    by: 'a drop with a dead letter topic',
    handler: () => 'drop',
    options: { deadLetterTopic: 'dead' },
  },
  {
    end: 'deadLettered',
    by: 'deliveries used up with a dead letter topic',
    handler: fails,
    options: { deadLetterTopic: 'dead', maxDeliveries: 1 },
  },
  {
    end: 'deadLettered',
    by: 'a ttl over with a dead letter topic',
    options: { deadLetterTopic: 'dead' },
    publish: { ttlMs: 5 },
    then: advance(5),
  },
  { end: 'cancelled', by: 'unsubscribing while queued', then: (_, subscription) => subscription.unsubscribe() },
  {
    end: 'cancelled',
    by: 'unsubscribing while delayed',
    handler: () => {},
    publish: { delayMs: 9 },
    then: (_, subscription) => subscription.unsubscribe(),
  },
  { end: 'cancelled', by: 'a nack after unsubscribing', handler: () => never, then: unsubscribeThenNack },
  {
    end: 'cancelled',
    by: 'an ack wait over after unsubscribing',
    handler: () => never,
    options: { ackWaitMs: 5 },
    then: unsubscribeThenWait,
  },
  { end: 'cancelled', by: 'closing the broker with no grace', then: (bench) => bench.broker.close({ graceMs: 0 }) },
  { end: 'cancelled', by: 'leaving the loop of an iterator', then: leaveLoop },
]

let rejectNow = (_: unknown): void => {}
function lateReject(): Promise<never> {
  return new Promise((_, reject) => (rejectNow = reject))
}
async function rejectLate(bench: Bench): Promise<void> {
  await bench.clock.advance(9)
  rejectNow('late')
}

const inHand = new WeakMap<object, Message>()

async function ackLate(bench: Bench): Promise<void> {
  await bench.clock.advance(7)
  inHand.get(bench)?.ack()
}
async function nackLate(bench: Bench): Promise<void> {
  await bench.clock.advance(5)
  inHand.get(bench)?.nack()
}
async function dropLate(bench: Bench): Promise<void> {
  await bench.clock.advance(5)
  inHand.get(bench)?.drop()
}
async function unsubscribeThenNack(bench: Bench, subscription: Subscription): Promise<void> {
  await subscription.unsubscribe()
  assertStats(subscription.stats(), { inFlight: 1, cancelled: 0 })
  inHand.get(bench)?.nack()
}
async function unsubscribeThenWait(bench: Bench, subscription: Subscription): Promise<void> {
  await subscription.unsubscribe()
  await bench.clock.advance(5)
}
async function leaveLoop(_: Bench, subscription: Subscription): Promise<void> {
  for await (const message of subscription) if (message.data === 1) break
}

export function accounting(create: Create): void {
  const it = claims(create)
  const ends = ['acked', 'dropped', 'expired', 'deadLettered', 'exhausted', 'overflowed', 'cancelled']
  const only = (end: string): Record<string, number> =>
    Object.fromEntries(ends.map((name) => [name, name === end ? 1 : 0]))

  describe('P1: nothing is lost without a name', () => {
    for (const { end, by, handler, options, publish, then } of ways) {
      it(`counts one message as ${end}, once, after ${by}`, async (bench) => {
        const remember: Handler | undefined = handler && ((message) => (inHand.set(bench, message), handler(message)))
        const subscription = bench.subscribe('a', remember, options)
        await bench.broker.publish('a', 1, publish)
        await turn()
        await then?.(bench, subscription)
        await turn()
        assertStats(subscription.stats(), { matched: 1, ...only(end) })
        assertStats(bench.broker.stats(), { matched: 1, ...only(end) })
      })
    }

    for (const overflow of ['dropOldest', 'dropNewest'] as const) {
      it(`counts what ${overflow} loses as overflowed`, async ({ broker, subscribe }) => {
        const subscription = subscribe('a', undefined, { capacity: 2, overflow })
        for (let i = 0; i < 5; i++) await broker.publish('a', i)
        assertStats(subscription.stats(), { matched: 5, overflowed: 3, queued: 2, skipped: 3 })
      })
    }

    it('begins with every counter at zero', ({ broker, subscribe }) => {
      const subscription = subscribe('a', () => {})
      for (const [name, value] of Object.entries(subscription.stats())) assert.equal(value, 0, name)
      for (const [name, value] of Object.entries(broker.stats()))
        assert.equal(value, name === 'subscriptions' ? 1 : 0, name)
    })

    it('counts an event that nobody wants as published and not as matched', async ({ broker }) => {
      await broker.publish('a', 1)
      assertStats(broker.stats(), { published: 1, matched: 0 })
    })

    it('counts an event once for each subscription it matches, also when filters overlap', async ({
      broker,
      subscribe,
    }) => {
      for (const filter of ['a/b', 'a/+', '+/b', 'a/#', '#', 'c']) subscribe(filter, () => {})
      await broker.publish('a/b', 1)
      await turn()
      assertStats(broker.stats(), { published: 1, matched: 5, acked: 5, delivered: 5 })
    })

    it('counts deliveries and redeliveries', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', (message) => (message.deliveryCount < 3 ? 'nack' : 'ack'), { backoff: [1] })
      await broker.publish('a', 1)
      await clock.advance(2)
      assertStats(subscription.stats(), { delivered: 3, redelivered: 2, acked: 1 })
    })

    it('shows where a message is: queued, delayed, in flight', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', () => never, { concurrency: 1 })
      await broker.publish('a', 1)
      await broker.publish('a', 2)
      await broker.publish('a', 3, { delayMs: 10 })
      await turn()
      assertStats(subscription.stats(), { inFlight: 1, queued: 1, delayed: 1 })
      const { inFlightCount, queuedCount, delayedCount } = subscription
      assert.deepEqual([inFlightCount, queuedCount, delayedCount], [1, 1, 1])
      await clock.advance(10)
      assertStats(subscription.stats(), { inFlight: 1, queued: 2, delayed: 0 })
    })

    it('keeps the counts of ended subscriptions in the totals of the broker', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', () => {})
      await broker.publish('a', 1)
      await turn()
      await subscription.unsubscribe()
      assertStats(broker.stats(), { matched: 1, acked: 1, subscriptions: 0 })
    })

    it('adds the subscriptions up in the broker', async ({ broker, clock, subscribe }) => {
      const all = [
        subscribe('a', () => {}),
        subscribe('a', () => 'drop'),
        subscribe('+', () => 'nack', { backoff: [5], maxDeliveries: 3 }),
        subscribe('#', undefined, { capacity: 1, overflow: 'dropOldest' }),
        subscribe('a', () => {}, { qos: 0 }),
      ]
      for (let i = 0; i < 4; i++) await broker.publish('a', i)
      await clock.advance(7)
      const sum = (name: 'matched' | 'acked' | 'dropped' | 'delivered' | 'overflowed' | 'delayed') =>
        all.reduce((total, one) => total + one.stats()[name], 0)
      for (const name of ['matched', 'acked', 'dropped', 'delivered', 'overflowed', 'delayed'] as const) {
        assert.equal(broker.stats()[name], sum(name), name)
      }
    })

    it('balances at every step, seen from inside handlers too', async ({ broker, clock, subscribe }) => {
      const check = (): void => assertBalanced(broker.stats(), 'inside')
      subscribe('a', (message) => (check(), message.ack(), check()))
      subscribe('a', (message) => (check(), message.nack(), check()), {
        backoff: [1],
        maxDeliveries: 2,
        deadLetterTopic: 'd',
      })
      subscribe('a', (message) => (check(), message.drop(), check()), { deadLetterTopic: 'd' })
      subscribe('a', check, { qos: 0 })
      subscribe('d', check)
      for (let i = 0; i < 3; i++) await broker.publish('a', i)
      check()
      await clock.advance(1)
      assertStats(broker.stats(), { published: 9, matched: 18, acked: 12, deadLettered: 6 })
    })

    const { log, observer } = watch()
    it(
      'tells the observer of each step, and of each end once',
      async ({ broker, clock, subscribe }) => {
        const { handler } = recorder((_, nth) => (nth === 0 ? 'nack' : 'ack'))
        subscribe('a', handler, { backoff: [1] })
        await broker.publish('a', 1)
        await clock.advance(1)
        assert.deepEqual(log, [
          'published a 0',
          'delivered a 1',
          'redelivered a 1',
          'delivered a 2',
          'settled a 2 acked',
        ])
      },
      { observer },
    )

    it('counts each message once when whoever is told of its end asks for the sums', async () => {
      const asks = (): void => void broker.stats()
      const broker = create({ observer: { settled: asks } })
      const ending = broker.subscribe('a')
      for (let i = 0; i < 3; i++) await broker.publish('a', i, i === 2 ? { delayMs: 5 } : {})
      void ending.unsubscribe()
      assertStats(broker.stats(), { matched: 3, cancelled: 3 })
    })
  })
}
