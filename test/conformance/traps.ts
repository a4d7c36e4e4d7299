/** Corners in which a broker is easily caught out: code of users that runs where nobody expects it. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { SystemClock } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, isSettled, never, recorder, turn } from './harness.ts'

/** A native promise whose own `then` misbehaves. */
function withOwnThen(then: (...callbacks: (() => void)[]) => void): Promise<void> {
  return Object.assign(Promise.resolve(), { then: then as never })
}

export function traps(create: Create): void {
  const it = claims(create)

  describe('settling', () => {
    for (const how of ['ack', 'nack', 'drop'] as const) {
      it(`does nothing by ${how}() inside the abort listener of its own ack wait`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const said: boolean[] = []
        const handler = (message: {
          signal: AbortSignal
          ack(): boolean
          nack(): boolean
          drop(): boolean
        }): Promise<never> => {
          message.signal.addEventListener('abort', () => void said.push(message[how]()))
          return never
        }
        const subscription = subscribe('a', handler, { ackWaitMs: 10, maxDeliveries: 2, backoff: [0] })
        await broker.publish('a', 1)
        await clock.advance(100)
        assert.deepEqual(said, [false, false])
        assertStats(subscription.stats(), { matched: 1, exhausted: 1, acked: 0, delayed: 0, queued: 0, inFlight: 0 })
      })
    }

    for (const qos of [0, 1] as const) {
      it(`keeps the books when a native promise has a then of its own (qos ${qos})`, async ({ broker, subscribe }) => {
        const results = [
          withOwnThen(() => assert.fail('never asked')),
          withOwnThen((yes) => {
            setImmediate(() => yes?.())
            setImmediate(() => yes?.())
          }),
        ]
        const subscription = subscribe('a', () => results.shift(), { qos })
        for (const data of [1, 2, 3]) await broker.publish('a', data)
        await turn()
        await broker.settled()
        assertStats(subscription.stats(), { acked: 3, inFlight: 0, overdue: 0 })
      })
    }

    it('hands out an older message of a key before one that was nacked without delay', async ({
      broker,
      clock,
      subscribe,
    }) => {
      const seen = recorder((message) => (message.data === 2 && message.deliveryCount === 1 ? never : undefined))
      const failing = recorder((message) =>
        message.data === 1 && !message.redelivered ? 'nack' : seen.handler(message),
      )
      subscribe('a', failing.handler, { concurrency: 5, backoff: [50] })
      for (const data of [1, 2]) await broker.publish('a', data, { key: 'k' })
      await clock.advance(50)
      seen.at(0).nack({ delayMs: 0 })
      await turn()
      assert.deepEqual(
        seen.messages.map(({ data, deliveryCount }) => [data, deliveryCount]),
        [
          [2, 1],
          [1, 2],
          [2, 2],
        ],
      )
    })

    it('serves next() inside onError', async ({ errors }) => {
      let next: Promise<unknown> | undefined
      const { broker } = { broker: create({ onError: () => void (next = it2.next()) }) }
      const it2 = broker.subscribe('a')[Symbol.asyncIterator]()
      await broker.publish('a', 1)
      await broker.publish('a', 2)
      const { value } = await it2.next()
      value?.drop('no')
      assert.deepEqual(await Promise.race([next, turn()]).then((one) => Object(one).value?.data), 2)
      assert.deepEqual(errors, [])
      await broker.close({ graceMs: 0 })
    })
  })

  describe('publish()', () => {
    it('refuses undefined as a topic, whatever was published before', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler, { qos: 0 })
      await broker.publish('a', 1)
      subscribe('z', seen.handler)
      assert.equal(await codeOf(broker.publish(undefined as never, 2)), 'ERR_TOPIC_INVALID')
      assert.deepEqual(seen.data(), [1])
    })

    for (const options of [0, false, '', null, 7]) {
      it(`refuses ${JSON.stringify(options)} as options`, async ({ broker }) => {
        assert.equal(await codeOf(broker.publish('a', 1, options as never)), 'ERR_OPTION_INVALID')
      })
    }

    it('calls qos 0 handlers of events published inside one before it returns, also after a quiet time', async () => {
      let time = 0
      const clock = Object.assign(new SystemClock(), { now: () => (time += 20) })
      const broker = create({ clock })
      const log: string[] = []
      broker.subscribe('a', () => void broker.publish('b', 1), { qos: 0 })
      broker.subscribe('b', () => void log.push('b'), { qos: 0 })
      for (let i = 1; i <= 6; i++) {
        void broker.publish('a', 1)
        assert.equal(log.length, i)
        await turn()
      }
      await broker.close({ graceMs: 0 })
    })

    it('is accepted for good when its signal aborts while it is being accepted', async ({ broker, subscribe }) => {
      const gone = new AbortController()
      const seen = recorder(() => never)
      subscribe('a', seen.handler, { capacity: 1, concurrency: 9 })
      subscribe('a', (message) => void (message.data === 2 && gone.abort()), { qos: 0 })
      void broker.publish('a', 1)
      const second = broker.publish('a', 2, { signal: gone.signal })
      await turn()
      seen.at(0).ack()
      await second
      await turn()
      assert.deepEqual(seen.data(), [1, 2])
      assertStats(broker.stats(), { refused: 0, waiting: 0, published: 2 })
    })

    it('is refused only once when the broker closes while others are let in', async ({ broker, subscribe }) => {
      const first = subscribe('a', () => never, { capacity: 1 })
      const closing = ({ data }: { readonly data?: unknown }): boolean => {
        if (data === 2) void broker.close({ graceMs: 0 })
        return true
      }
      subscribe('a', () => {}, { qos: 0, where: closing })
      void broker.publish('a', 1)
      const waiting = [2, 3].map((data) => codeOf(broker.publish('a', data)))
      await turn()
      await first.unsubscribe()
      assert.deepEqual(await Promise.all(waiting), ['ERR_CLOSED', 'ERR_CLOSED'])
      assertStats(broker.stats(), { waiting: 0, published: 1, refused: 2 })
    })
  })

  describe('ids', () => {
    it('differ between events and between brokers', async () => {
      const ids = new Set<string>()
      for (const broker of [create({}), create({})]) {
        broker.subscribe('a', ({ id }) => void ids.add(id), { qos: 0 })
        for (let i = 0; i < 100; i++) await broker.publish('a', i)
        await broker.close()
      }
      assert.equal(ids.size, 200)
    })
  })

  describe('settled()', () => {
    it('resolves when it is called inside a qos 0 handler that publishes', async ({ broker, subscribe }) => {
      let settled: Promise<void> | undefined
      subscribe(
        'a',
        () => {
          void broker.publish('b', 1)
          settled = broker.settled()
        },
        { qos: 0 },
      )
      subscribe('b', () => {}, { qos: 0 })
      await broker.publish('a', 1)
      assert.equal(await isSettled(settled ?? never), true)
    })

    it('resolves when what it waits for is given up on', async ({ broker, clock, subscribe }) => {
      const one = subscribe('a', () => never)
      await broker.publish('a', 1)
      await turn()
      await one.unsubscribe()
      const settled = broker.settled()
      void broker.close({ graceMs: 10 })
      await clock.advance(10)
      assert.equal(await isSettled(settled), true)
    })
  })

  describe('drain()', () => {
    for (const [what, options, isPaused] of [
      ['expires', { delayMs: 100, ttlMs: 50 }, false],
      ['finds it paused', { delayMs: 100 }, true],
    ] as const) {
      it(`ends when the last delayed event of qos 0 ${what}`, async ({ broker, clock, subscribe }) => {
        const subscription = subscribe('a', () => {}, { qos: 0 })
        if (isPaused) subscription.pause()
        await broker.publish('a', 1, options)
        const drained = subscription.drain()
        await clock.advance(100)
        assert.equal(await isSettled(drained), true)
      })
    }

    it('of members leaves nothing behind in a group that goes on', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler, { group: 'g' })
      for (let i = 0; i < 2000; i++) await subscribe('a', seen.handler, { group: 'g' }).drain()
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen.data(), [1])
    })
  })

  describe('history', () => {
    it(
      'replays more events than a call takes arguments',
      async ({ broker, subscribe }) => {
        for (let i = 0; i < 150_000; i++) void broker.publish('a', i)
        const subscription = subscribe('a', undefined, { from: 'oldest', capacity: Infinity })
        assert.equal(subscription.queuedCount, 150_000)
      },
      { history: { size: 1e6 } },
    )

    it(
      'replays an event whose delay is long over in its place',
      async ({ broker, clock, subscribe }) => {
        await broker.publish('a', 1, { delayMs: 10 })
        await clock.advance(1000)
        await broker.publish('a', 2)
        const seen = recorder()
        subscribe('a', seen.handler, { from: 'oldest' })
        await turn()
        assert.deepEqual(seen.data(), [1, 2])
      },
      { history: { size: 9 } },
    )
  })

  describe('those who watch', () => {
    it('may be async, and fail', async ({ clock }) => {
      const reported: unknown[] = []
      const broker = create({
        clock,
        onError: (error) => void reported.push(error),
        observer: { published: async () => Promise.reject(new Error('no')) },
      })
      await broker.publish('a', 1)
      await turn()
      assert.match(String(reported), /no/)
      await broker.close()
    })

    it('are told when a where returns a promise, which matches nothing', async ({ broker, errors, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler, { where: (async () => Promise.reject(new Error('no'))) as never })
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen.data(), [])
      assert.deepEqual(
        errors.map(({ context }) => context.kind),
        ['where'],
      )
    })

    it('get no facts of an earlier dead letter', async ({ broker, subscribe }) => {
      const last = recorder()
      subscribe('a', () => Promise.reject(new Error('first')), { group: 'g', maxDeliveries: 1, deadLetterTopic: 'b' })
      subscribe('b', () => 'drop', { deadLetterTopic: 'c' })
      subscribe('c', last.handler)
      await broker.publish('a', 1)
      await turn()
      const { deadlettergroup, deadlettererror, deadletterfilter } = last.at(0).event
      assert.deepEqual([deadlettergroup, deadlettererror, deadletterfilter], [undefined, undefined, 'b'])
    })
  })

  it('keeps its backoff when the list is changed later', async ({ broker, clock, subscribe }) => {
    const backoff = [1000]
    const seen = recorder(() => 'nack')
    subscribe('a', seen.handler, { backoff, maxDeliveries: 3 })
    backoff.length = 0
    await broker.publish('a', 1)
    await clock.advance(999)
    assert.deepEqual(seen.counts(), [1])
  })

  it('calls a handler that never rests a livelock', async ({ broker, clock, subscribe }) => {
    const subscription = subscribe('a', () => void broker.publish('a', 1))
    await broker.publish('a', 1)
    assert.equal(await codeOf(clock.runAll()), 'ERR_LIVELOCK')
    await subscription.unsubscribe()
  })
}
