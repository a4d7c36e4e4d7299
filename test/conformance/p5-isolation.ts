/** P5: trouble stays where it is. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Handler, Observer, Subscription } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, never, recorder, turn } from './harness.ts'

const fail = (why: unknown): never => {
  throw why
}

const troubles: Readonly<Record<string, Handler>> = {
  'throws an error': () => fail(new Error('no')),
  'throws undefined': () => fail(undefined),
  rejects: async () => fail(new Error('no')),
  'rejects with undefined': () => Promise.reject(undefined),
  'never settles': () => never,
  'settles twice': (message) => (message.ack(), message.nack(), 'drop'),
  'acks, then throws': (message) => (message.ack(), fail('late')),
  'acks, then rejects': async (message) => (message.ack(), fail('late')),
  'returns a thenable that throws': () => ({ then: () => fail('then') }),
  'returns a thenable that never calls back': () => ({ then: () => {} }),
  'tries to edit its message': (message) => void Reflect.set(message, 'data', 'edited'),
}

export function isolation(create: Create): void {
  const it = claims(create)

  describe('P5: isolation of trouble', () => {
    for (const [what, handler] of Object.entries(troubles)) {
      for (const qos of [0, 1] as const) {
        it(`keeps a qos ${qos} handler that ${what} away from publisher and neighbours`, async ({
          broker,
          clock,
          subscribe,
        }) => {
          const before = recorder()
          const after = recorder()
          subscribe('a', before.handler, { qos })
          subscribe('a', handler, { qos })
          subscribe('a', after.handler)
          for (const data of [1, 2, 3]) assert.equal(await codeOf(broker.publish('a', data)), undefined)
          await clock.advance(1_000_000)
          assert.deepEqual(before.data(), [1, 2, 3])
          assert.deepEqual(after.data(), [1, 2, 3])
        })
      }
    }

    for (const qos of [0, 1] as const) {
      it(`does not skip siblings when a qos ${qos} handler unsubscribes itself`, async ({ broker, subscribe }) => {
        const seen = recorder()
        subscribe('a', seen.handler, { qos })
        const own: Subscription = subscribe('a', (message) => (void own.unsubscribe(), void message.ack()), { qos })
        subscribe('a', seen.handler, { qos })
        subscribe('a', seen.handler, { qos })
        await broker.publish('a', 1)
        await broker.publish('a', 2)
        await turn()
        assert.equal(seen.messages.length, 6)
        assertStats(own.stats(), { matched: 1, acked: 1 })
      })
    }

    it('stops a sibling that a qos 0 handler unsubscribes before its turn', async ({ broker, subscribe }) => {
      const seen = recorder()
      const victims: Subscription[] = []
      subscribe('a', () => victims.forEach((victim) => void victim.unsubscribe()), { qos: 0 })
      victims.push(subscribe('a', seen.handler, { qos: 0 }))
      await broker.publish('a', 1)
      await broker.publish('a', 2)
      assert.deepEqual(seen.data(), [])
      assertStats(victims[0]?.stats() ?? {}, { matched: 1, cancelled: 1 })
    })

    for (const qos of [0, 1] as const) {
      it(`does not give an event to a subscription made while it is dispatched (qos ${qos})`, async ({
        broker,
        subscribe,
      }) => {
        const seen = recorder()
        subscribe('a', (message) => void (message.data === 1 && subscribe('a', seen.handler, { qos })), { qos })
        await broker.publish('a', 1)
        await turn()
        await broker.publish('a', 2)
        await turn()
        assert.deepEqual(seen.data(), [2])
      })
    }

    it('reports the failure that ends a message to onError once, with its circumstances', async ({
      broker,
      clock,
      errors,
      subscribe,
    }) => {
      const why = new Error('no')
      subscribe('a/+', () => fail(why), { maxDeliveries: 3, backoff: [1] })
      await broker.publish('a/b', 1, { id: 'x' })
      await clock.advance(5)
      assert.equal(errors.length, 1)
      const { error, context } = errors[0] ?? assert.fail()
      assert.equal(error, why)
      const { kind, topic, filter, deliveryCount, end, event } = context
      assert.deepEqual(
        { kind, topic, filter, deliveryCount, end, id: event?.id },
        {
          kind: 'handler',
          topic: 'a/b',
          filter: 'a/+',
          deliveryCount: 3,
          end: 'exhausted',
          id: 'x',
        },
      )
    })

    const reports: readonly (readonly [string, Handler, unknown, string])[] = [
      ['the reason of drop(reason)', (message) => void message.drop('because'), 'because', 'dropped'],
      ['ERR_DROPPED for a drop without a reason', () => 'drop', 'ERR_DROPPED', 'dropped'],
      ['ERR_EXHAUSTED for the last nack', () => 'nack', 'ERR_EXHAUSTED', 'exhausted'],
      ['ERR_ACK_WAIT for the last ack wait', () => never, 'ERR_ACK_WAIT', 'exhausted'],
      ['ERR_EXHAUSTED when undefined was thrown', () => fail(undefined), 'ERR_EXHAUSTED', 'exhausted'],
    ]
    for (const [what, handler, expected, end] of reports) {
      it(`reports ${what}`, async ({ broker, clock, errors, subscribe }) => {
        subscribe('a', handler, { maxDeliveries: 1, ackWaitMs: 9 })
        await broker.publish('a', 1)
        await clock.advance(9)
        assert.deepEqual(
          errors.map(({ context }) => context.end),
          [end],
        )
        const error = errors[0]?.error
        assert.equal(error instanceof Error && 'code' in error ? error.code : error, expected)
      })
    }

    it('reports each failure of a qos 0 handler', async ({ broker, errors, subscribe }) => {
      subscribe('a', () => fail('sync'), { qos: 0 })
      subscribe('a', () => Promise.reject('async'), { qos: 0 })
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(
        errors.map(({ error, context }) => [error, context.kind, context.end]),
        [
          ['sync', 'handler', 'dropped'],
          ['async', 'handler', 'dropped'],
        ],
      )
    })

    for (const [what, options] of [
      ['with a dead letter topic', { deadLetterTopic: 'd' }],
      ['that will be offered again', { backoff: [1_000] }],
    ] as const) {
      it(`does not report the failure of a message ${what}`, async ({ broker, errors, subscribe }) => {
        subscribe('a', () => fail('no'), { maxDeliveries: 2, ...options })
        await broker.publish('a', 1)
        await turn()
        assert.deepEqual(errors, [])
      })
    }

    it('does not report an expired message', async ({ broker, clock, errors, subscribe }) => {
      const subscription = subscribe('a', () => fail('no'), { backoff: [10] })
      await broker.publish('a', 1, { ttlMs: 5 })
      await clock.advance(20)
      assertStats(subscription.stats(), { expired: 1 })
      assert.deepEqual(errors, [])
    })

    const sinks: Readonly<Record<string, () => unknown>> = {
      throws: () => fail('sink'),
      rejects: () => Promise.reject('sink'),
      'rejects, with a then of its own that does nothing': () => {
        const rejected: Promise<never> = Promise.reject('sink')
        return Object.assign(rejected, { then: () => rejected })
      },
    }
    for (const [what, sink] of Object.entries(sinks)) {
      it(
        `contains an onError that ${what}`,
        async ({ broker, subscribe }) => {
          subscribe('a', () => fail('no'), { qos: 0 })
          const subscription = subscribe('a', () => 'drop')
          assert.equal(await codeOf(broker.publish('a', 1)), undefined)
          await broker.publish('a', 2)
          await turn()
          assertStats(subscription.stats(), { dropped: 2 })
        },
        { onError: sink },
      )
    }

    const broken = new Proxy<Observer>({}, { get: () => () => fail('observer') })
    it(
      'reports a failing observer and goes on',
      async ({ broker, errors, subscribe }) => {
        const subscription = subscribe('a', () => {})
        await broker.publish('a', 1)
        await turn()
        assertStats(subscription.stats(), { acked: 1 })
        assert.ok(errors.length > 0)
        for (const { error, context } of errors) assert.deepEqual([error, context.kind], ['observer', 'observer'])
      },
      { observer: broken },
    )

    it('makes no unhandled rejection of a publish that nobody awaits', async ({ broker, subscribe }) => {
      subscribe('a', undefined, { capacity: 1, overflow: 'reject' })
      for (let i = 0; i < 3; i++) void broker.publish('a', i)
      void broker.publish('', 1)
      void broker.publish('a', 1, { ttlMs: -1 })
      const gone = new AbortController()
      void broker.once('a', { signal: gone.signal })
      gone.abort()
      await turn()
      await broker.close({ graceMs: 0 })
      void broker.publish('a', 1)
      void broker.once('a')
      await turn()
    })

    it('gives everybody the event frozen', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler)
      await broker.publish('a', 1)
      await turn()
      assert.ok(Object.isFrozen(seen.at(0).event))
    })
  })
}
