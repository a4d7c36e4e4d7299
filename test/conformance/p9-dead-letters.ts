/** P9: dead letters explain themselves and cannot loop. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Handler, SubscribeOptions } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, never, recorder, turn } from './harness.ts'

const fail = (why: unknown): never => {
  throw why
}
class OwnError extends Error {
  override readonly name = 'OwnError'
}

interface Case {
  readonly what: string
  readonly reason: string
  readonly deliveries: number
  /** What the error attribute has to contain. */
  readonly error?: RegExp
  readonly handler: Handler
  readonly options?: SubscribeOptions
  readonly ttlMs?: number
}

const cases: readonly Case[] = [
  { what: 'a drop', reason: 'dropped', deliveries: 1, handler: () => 'drop' },
  {
    what: 'a drop with a reason',
    reason: 'dropped',
    deliveries: 1,
    error: /too old/,
    handler: (message) => void message.drop('too old'),
  },
  {
    what: 'a drop with an error',
    reason: 'dropped',
    deliveries: 1,
    error: /OwnError.*bad input/,
    handler: (message) => void message.drop(new OwnError('bad input')),
  },
  {
    what: 'a drop after redelivery',
    reason: 'dropped',
    deliveries: 2,
    handler: (message) => (message.redelivered ? 'drop' : 'nack'),
  },
  {
    what: 'deliveries used up by throws',
    reason: 'exhausted',
    deliveries: 5,
    error: /OwnError.*no/,
    handler: () => fail(new OwnError('no')),
  },
  {
    what: 'deliveries used up by nacks',
    reason: 'exhausted',
    deliveries: 2,
    handler: () => 'nack',
    options: { maxDeliveries: 2 },
  },
  {
    what: 'deliveries used up by ack waits',
    reason: 'exhausted',
    deliveries: 2,
    handler: () => never,
    options: { maxDeliveries: 2, ackWaitMs: 50 },
  },
  {
    what: 'a thrown undefined',
    reason: 'exhausted',
    deliveries: 1,
    handler: () => fail(undefined),
    options: { maxDeliveries: 1 },
  },
  {
    what: 'a thrown string with control characters',
    reason: 'exhausted',
    deliveries: 1,
    error: /two/,
    handler: () => fail('one\n\0two\ud800'),
    options: { maxDeliveries: 1 },
  },
  {
    what: 'an error with a throwing message',
    reason: 'exhausted',
    deliveries: 1,
    handler: () => fail(Object.defineProperty(new Error(), 'message', { get: () => fail('get') })),
    options: { maxDeliveries: 1 },
  },
  {
    what: 'a proxy that throws at everything',
    reason: 'exhausted',
    deliveries: 1,
    handler: () => fail(new Proxy({}, { get: () => fail('get'), getPrototypeOf: () => fail('proto') })),
    options: { maxDeliveries: 1 },
  },
  {
    what: 'a ttl over while delayed',
    reason: 'expired',
    deliveries: 1,
    handler: () => 'nack',
    ttlMs: 5,
    options: { backoff: [10] },
  },
]

export function deadLetters(create: Create): void {
  const it = claims(create)

  describe('P9: dead letters', () => {
    for (const { what, reason, deliveries, error, handler, options, ttlMs } of cases) {
      it(`carry source topic, reason, deliveries and error after ${what}`, async ({
        broker,
        clock,
        errors,
        subscribe,
      }) => {
        const dead = recorder()
        subscribe('dead', dead.handler)
        subscribe('orders/+', handler, { deadLetterTopic: 'dead', ...options })
        const data = { n: 1 }
        await broker.publish('orders/1', data, {
          id: 'x',
          type: 'order',
          subject: 's',
          extensions: { tenant: 't' },
          ...(ttlMs ? { ttlMs } : {}),
        })
        await clock.advance(100_000)
        assert.equal(dead.messages.length, 1)
        const { topic, id, event, data: carried } = dead.at(0)
        assert.deepEqual(
          { topic, id, type: event.type, source: event.source, subject: event.subject, tenant: event['tenant'] },
          {
            topic: 'dead',
            id: 'x',
            type: 'order',
            source: 'busbar',
            subject: 's',
            tenant: 't',
          },
        )
        assert.equal(carried, data)
        assert.equal(event['deadlettertopic'], 'orders/1')
        assert.equal(event['deadletterreason'], reason)
        assert.equal(event['deadletterdeliveries'], deliveries)
        if (error) assert.match(String(event['deadlettererror']), error)
        // Whatever was thrown, the attribute is a legal CloudEvents string.
        if (event['deadlettererror'] !== undefined)
          assert.doesNotMatch(String(event['deadlettererror']), /[\p{Cc}\p{Cs}]/u)
        assert.deepEqual(errors, [])
      })
    }

    it('say 0 deliveries of an event that expired while queued', async ({ broker, clock, subscribe }) => {
      const dead = recorder()
      subscribe('dead', dead.handler)
      subscribe('a', undefined, { deadLetterTopic: 'dead' })
      await broker.publish('a', 1, { ttlMs: 5 })
      await clock.advance(5)
      assert.equal(dead.at(0).event['deadletterdeliveries'], 0)
    })

    it('do not carry the ttl over', async ({ broker, clock, subscribe }) => {
      subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
      const dead = subscribe('dead', undefined)
      await broker.publish('a', 1, { ttlMs: 5 })
      await clock.advance(50)
      assertStats(dead.stats(), { queued: 1, expired: 0 })
      const { value } = await dead[Symbol.asyncIterator]().next()
      assert.equal(value?.event.expirytime, undefined)
    })

    it('name the subscription that gave up, and its group', async ({ broker, subscribe }) => {
      const dead = recorder()
      subscribe('dead', dead.handler)
      subscribe('a/+', () => 'drop', { deadLetterTopic: 'dead' })
      subscribe('a/#', () => 'drop', { deadLetterTopic: 'dead', group: 'g' })
      await broker.publish('a/b', 1)
      await turn()
      const named = dead.messages.map(({ event }) => [event['deadletterfilter'], event['deadlettergroup']])
      assert.deepEqual(named, [
        ['a/+', undefined],
        ['a/#', 'g'],
      ])
    })

    it('are published once for each subscription that gives up', async ({ broker, subscribe }) => {
      const dead = recorder()
      subscribe('dead', dead.handler)
      subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
      subscribe('a/#', () => 'drop', { deadLetterTopic: 'b/dead' })
      subscribe('a', () => 'ack', { deadLetterTopic: 'dead' })
      await broker.publish('a', 1)
      await turn()
      assertStats(broker.stats(), { published: 3, deadLettered: 2 })
      assert.equal(dead.messages.length, 1)
    })

    for (const [filter, deadLetterTopic] of [
      ['a', 'a'],
      ['a/+', 'a/dead'],
      ['#', 'dead'],
      ['+/b', 'c/b'],
    ] as const) {
      it(`are refused at subscribe("${filter}") when they would lead to "${deadLetterTopic}"`, async ({ broker }) => {
        assert.equal(await codeOf(() => broker.subscribe(filter, () => {}, { deadLetterTopic })), 'ERR_OPTION_INVALID')
        assertStats(broker.stats(), { subscriptions: 0 })
      })
    }

    for (const deadLetterTopic of ['', 'a/+', '#', 'a\0', 7 as never]) {
      it(`are refused at subscribe() when their topic is ${JSON.stringify(deadLetterTopic)}`, async ({ broker }) => {
        const code = await codeOf(() => broker.subscribe('x', () => {}, { deadLetterTopic }))
        assert.ok(code === 'ERR_OPTION_INVALID' || code === 'ERR_TOPIC_INVALID', String(code))
      })
    }

    it('end as exhausted after 8 hops in a circle', async ({ broker, clock, subscribe }) => {
      const one = subscribe('a', () => 'drop', { deadLetterTopic: 'b' })
      const two = subscribe('b', () => 'drop', { deadLetterTopic: 'a' })
      await broker.publish('a', 1)
      await clock.advance(1_000)
      const { deadLettered, exhausted, published } = broker.stats()
      assert.deepEqual({ deadLettered, exhausted, published }, { deadLettered: 8, exhausted: 1, published: 9 })
      assert.equal(one.stats().matched + two.stats().matched, 9)
    })

    for (const overflow of ['wait', 'reject', 'dropOldest', 'dropNewest'] as const) {
      it(`go into a full queue beyond its capacity (${overflow})`, async ({ broker, subscribe }) => {
        const dead = subscribe('dead', undefined, { capacity: 1, overflow })
        subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
        for (let i = 0; i < 3; i++) await broker.publish('a', i)
        await turn()
        assertStats(dead.stats(), { queued: 3, overflowed: 0 })
      })
    }

    it('are no failure of a qos 0 subscriber that drops them', async ({ broker, errors, subscribe }) => {
      subscribe('dead', () => fail('dead'), { qos: 0 })
      const subscription = subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
      await broker.publish('a', 1)
      await turn()
      assertStats(subscription.stats(), { deadLettered: 1 })
      assert.deepEqual(
        errors.map(({ error }) => error),
        ['dead'],
      )
    })

    it('start again at delivery 1', async ({ broker, clock, subscribe }) => {
      const dead = recorder((message) => (message.deliveryCount < 3 ? 'nack' : 'ack'))
      subscribe('dead', dead.handler)
      subscribe('a', () => fail('no'), { deadLetterTopic: 'dead' })
      await broker.publish('a', 1)
      await clock.advance(1_000_000)
      assert.deepEqual(dead.counts(), [1, 2, 3])
    })
  })
}
