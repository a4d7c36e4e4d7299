/** P2: at least once, until an end, and never after it. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Message } from '../../src/index.ts'
import { assertStats, type Create, claims, deferred, never, recorder, turn } from './harness.ts'

const hostile = {
  'a frozen error': Object.freeze(new Error('frozen')),
  'a proxy that throws at everything': new Proxy(
    {},
    { get: () => assert.fail(), has: () => assert.fail(), getPrototypeOf: () => assert.fail() },
  ),
  'an error with a throwing message': Object.defineProperty(new Error(), 'message', { get: () => assert.fail() }),
  undefined: undefined,
  null: null,
  'a string': 'no',
  'a symbol': Symbol('no'),
  'a bigint': 1n,
  'the word ack': 'ack',
}

/** What a handler may return to ack. */
const acks: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ["'ack'", 'ack'],
  ['null', null],
  ['false', false],
  ['0', 0],
  ["'NACK'", 'NACK'],
  ['an object', {}],
  ['a symbol', Symbol('ack')],
  ['a promise', Promise.resolve()],
  ["a promise of 'ack'", Promise.resolve('ack')],
  ['a thenable that resolves twice', { then: (yes: (value?: unknown) => void) => (yes(), yes('nack')) }],
  [
    'a thenable that resolves, then throws',
    {
      then: (yes: () => void) => {
        yes()
        throw new Error('late')
      },
    },
  ],
  ['an object whose then is no function', { then: 'nack' }],
]

/** Handlers that fail without throwing. */
const failures: readonly (readonly [string, () => unknown])[] = [
  ["returns 'nack'", () => 'nack'],
  ["resolves to 'nack'", async () => 'nack'],
  [
    'returns a thenable that throws',
    () => ({
      then() {
        throw new Error('then')
      },
    }),
  ],
  [
    'returns an object whose then getter throws',
    () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw new Error('get')
        },
      }),
  ],
  [
    'returns a thenable that rejects twice',
    () => ({ then: (_: unknown, no: (why?: unknown) => void) => (no(), no()) }),
  ],
  ['returns a promise of a promise that rejects', async () => Promise.reject(new Error('inner'))],
]

type Settle = (message: Message) => boolean
const settle: Readonly<Record<string, Settle>> = {
  ack: (message) => message.ack(),
  nack: (message) => message.nack(),
  drop: (message) => message.drop(),
}

export function atLeastOnce(create: Create): void {
  const it = claims(create)

  describe('P2: at least once', () => {
    it('delivers the same message again until it is acked', async ({ broker, clock, subscribe }) => {
      const seen = recorder((_, nth) => (nth < 3 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { backoff: [10] })
      await broker.publish('a', { n: 1 })
      await clock.advance(30)
      assert.deepEqual(seen.counts(), [1, 2, 3, 4])
      assert.deepEqual(
        seen.messages.map((message) => message.redelivered),
        [false, true, true, true],
      )
      assert.equal(new Set(seen.messages.map((message) => message.id)).size, 1)
      assert.equal(new Set(seen.messages.map((message) => message.data)).size, 1)
    })

    for (const [what, value] of acks) {
      it(`acks when the handler returns ${what}`, async ({ broker, subscribe }) => {
        const subscription = subscribe('a', () => value)
        await broker.publish('a', 1)
        await turn()
        assertStats(subscription.stats(), { acked: 1, inFlight: 0 })
      })
    }

    for (const [what, value] of Object.entries(hostile)) {
      for (const how of ['throws', 'rejects with'] as const) {
        it(`nacks when the handler ${how} ${what}`, async ({ broker, clock, subscribe }) => {
          const fail = (): unknown => {
            if (how === 'rejects with') return Promise.reject(value)
            throw value
          }
          const seen = recorder((message) => (message.deliveryCount === 1 ? fail() : undefined))
          const subscription = subscribe('a', seen.handler, { backoff: [1] })
          await broker.publish('a', 1)
          await clock.advance(1)
          assertStats(subscription.stats(), { acked: 1, redelivered: 1, dropped: 0 })
        })
      }
    }

    for (const [what, fail] of failures) {
      it(`nacks when the handler ${what}`, async ({ broker, clock, subscribe }) => {
        const seen = recorder((message) => (message.deliveryCount === 1 ? fail() : undefined))
        const subscription = subscribe('a', seen.handler, { backoff: [1] })
        await broker.publish('a', 1)
        await clock.advance(1)
        assertStats(subscription.stats(), { acked: 1, redelivered: 1 })
      })
    }

    for (const [first, settleFirst] of Object.entries(settle)) {
      for (const [second, settleSecond] of Object.entries(settle)) {
        it(`lets ${first}() win over a later ${second}()`, async ({ broker, subscribe }) => {
          const results: boolean[] = []
          const seen = recorder((message) => void results.push(settleFirst(message), settleSecond(message)))
          const subscription = subscribe('a', seen.handler, { backoff: [50] })
          await broker.publish('a', 1)
          await turn()
          assert.deepEqual(results, [true, false])
          const expected = { ack: { acked: 1 }, nack: { delayed: 1 }, drop: { dropped: 1 } }[first]
          assertStats(subscription.stats(), { acked: 0, delayed: 0, dropped: 0, ...expected })
        })
      }
      for (const outcome of ['ack', 'nack', 'drop', 'throw'] as const) {
        it(`leaves a message alone that settled with ${first}() when its handler ends with ${outcome}`, async ({
          broker,
          errors,
          subscribe,
        }) => {
          const subscription = subscribe(
            'a',
            (message) => {
              settleFirst(message)
              if (outcome === 'throw') throw new Error('afterwards')
              return outcome
            },
            { backoff: [50], deadLetterTopic: 'd' },
          )
          await broker.publish('a', 1)
          await turn()
          const expected = { ack: { acked: 1 }, nack: { delayed: 1 }, drop: { deadLettered: 1 } }[first]
          assertStats(subscription.stats(), { acked: 0, delayed: 0, deadLettered: 0, ...expected })
          assert.deepEqual(errors, [])
        })
      }
    }

    it('ignores the settle methods of a delivery whose ack wait is over', async ({ broker, clock, subscribe }) => {
      const seen = recorder(() => never)
      const subscription = subscribe('a', seen.handler, { ackWaitMs: 10, backoff: [5] })
      await broker.publish('a', 1)
      await clock.advance(15)
      assert.deepEqual(seen.counts(), [1, 2])
      const stale = seen.at(0)
      assert.deepEqual([stale.ack(), stale.nack(), stale.drop(), stale.extend(99)], [false, false, false, false])
      assertStats(subscription.stats(), { inFlight: 1, acked: 0, overdue: 1 })
      assert.equal(seen.at(1).ack(), true)
      assertStats(subscription.stats(), { inFlight: 0, acked: 1 })
    })

    it('ignores what a handler returns after its ack wait', async ({ broker, clock, errors, subscribe }) => {
      const late = deferred()
      const seen = recorder((_, nth) => (nth === 0 ? late.promise : undefined))
      const subscription = subscribe('a', seen.handler, { ackWaitMs: 10, backoff: [5] })
      await broker.publish('a', 1)
      await clock.advance(10)
      late.reject(new Error('late'))
      await clock.advance(5)
      assertStats(subscription.stats(), { delivered: 2, acked: 1, overdue: 0, dropped: 0, exhausted: 0 })
      assert.deepEqual(errors, [])
    })

    for (const outcome of ['ack', 'drop'] as const) {
      it(`never delivers again after ${outcome}`, async ({ broker, clock, subscribe }) => {
        const seen = recorder(() => outcome)
        subscribe('a', seen.handler)
        await broker.publish('a', 1)
        await clock.advance(1_000_000)
        assert.deepEqual(seen.counts(), [1])
      })
    }

    for (const [called, settle] of Object.entries({
      ack: (message: Message) => message.ack(),
      nack: (message: Message) => message.nack(),
      drop: (message: Message) => message.drop(),
      extend: (message: Message) => message.extend(1000),
    })) {
      it(`ignores ${called}() of a message whose handler has returned`, async ({ broker, clock, subscribe }) => {
        const kept: Message[] = []
        const subscription = subscribe('a', (message) => void kept.push(message))
        for (let i = 0; i < 3; i++) void broker.publish('a', i)
        await broker.settled()
        assert.deepEqual(kept.map(settle), [false, false, false])
        await clock.runAll()
        assertStats(subscription.stats(), { acked: 3, delivered: 3 })
        assert.equal(kept[0]?.deliveryCount, 1)
      })
    }

    it('settles once what a handler settles before it returns, sync and async in turn', async (bench) => {
      const { broker, clock, subscribe } = bench
      const settled: boolean[] = []
      const subscription = subscribe('a', (message) => {
        const { data, redelivered } = message
        if (data === 'ack' || redelivered) settled.push(message.ack())
        if (data === 'nack' && !redelivered) settled.push(message.nack({ delayMs: 1 }))
        if (data === 'extend') settled.push(message.extend(60_000))
        return data === 'later' ? Promise.resolve() : undefined
      })
      for (const data of ['plain', 'ack', 'later', 'extend', 'later', 'nack', 'plain']) void broker.publish('a', data)
      await broker.settled()
      await clock.runAll()
      assert.deepEqual(settled, [true, true, true, true])
      assertStats(subscription.stats(), { acked: 7, delivered: 8, redelivered: 1 })
    })

    it('never delivers again after the ttl', async ({ broker, clock, subscribe }) => {
      const seen = recorder(() => 'nack')
      const subscription = subscribe('a', seen.handler, { backoff: [4], maxDeliveries: Infinity })
      await broker.publish('a', 1, { ttlMs: 10 })
      await clock.advance(1_000)
      assert.deepEqual(seen.counts(), [1, 2, 3])
      assertStats(subscription.stats(), { expired: 1 })
    })

    it('gives each delivery its own message', async ({ broker, clock, subscribe }) => {
      const seen = recorder((message) => {
        if (message.deliveryCount > 1) return 'ack'
        Object.assign(message, { note: 'mine' })
        return 'nack'
      })
      subscribe('a', seen.handler, { backoff: [1] })
      await broker.publish('a', 1)
      await clock.advance(1)
      assert.notEqual(seen.at(0), seen.at(1))
      assert.equal('note' in seen.at(1), false)
    })
  })
}
