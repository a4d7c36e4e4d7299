/** Accepting an event, closely: what it is stamped with, and when. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { toHTTP, toJSON } from '../../src/event/index.ts'
import { Broker } from '../../src/index.ts'
import {
  assertStats,
  type Create,
  claims,
  codeOf,
  EPOCH,
  isSettled,
  never,
  recorder,
  turn,
} from '../conformance/harness.ts'
import { pollute } from './fixtures.ts'

const create: Create = (options) => new Broker({ ...options, dialect: 'mqtt' })
const it = claims(create)
const iso = (ms: number): string => new Date(EPOCH + ms).toISOString()

describe('An accepted event', () => {
  for (const qos of [0, 1] as const) {
    it(`has an id of its own and the time of its publish with qos ${qos}`, async ({ broker, clock, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler, { qos })
      for (const ms of [0, 0, 5, 10]) {
        await clock.advance(ms)
        await broker.publish('a', ms)
      }
      await turn()
      assert.equal(new Set(seen.messages.map(({ id }) => id)).size, 4)
      assert.deepEqual(
        seen.messages.map(({ event }) => event.time),
        [iso(0), iso(0), iso(5), iso(15)],
      )
    })
  }

  it('takes nothing from a polluted Object.prototype', async ({ broker, clock, subscribe }) => {
    const seen = recorder()
    subscribe('a', seen.handler)
    subscribe('b', undefined)
    const clean = pollute({ id: 'x', subject: 'x', expirytime: iso(1), ttlMs: 1, delayMs: 99, key: 'x', sequence: 7 })
    try {
      await broker.publish('a', 1, { extensions: { ext: '1' } })
      await broker.publish('b', 1, { extensions: { ext: '1' } })
      await clock.advance(5)
    } finally {
      clean()
    }
    const { id, event, sequence } = seen.at(0)
    assert.notEqual(id, 'x')
    assert.deepEqual([event.id, event['ext'], sequence], [id, '1', undefined])
    assertStats(broker.stats(), { acked: 1, queued: 1 })
  })

  for (const topic of [' ', '\t', '\u00a0\u2003', 'a\u0007', 'a/\ufffe']) {
    it(`of the topic ${JSON.stringify(topic)} goes over a wire only with a type of its own`, async (bench) => {
      const seen = recorder()
      bench.subscribe('#', seen.handler)
      await bench.broker.publish(topic, 1)
      await bench.broker.publish(topic, 1, { type: 'a' })
      await turn()
      assert.equal(seen.at(0).event.type, topic)
      for (const write of [toJSON, toHTTP]) {
        assert.throws(() => write(seen.at(0).event), { code: 'ERR_EVENT_INVALID', attribute: 'type' })
        write(seen.at(1).event)
      }
    })
  }

  it('has the time of its acceptance when it waited for room', async ({ broker, clock, subscribe }) => {
    const times: unknown[] = []
    const where = (event: { readonly time?: unknown }): boolean => times.push(event.time) > 0
    const iterator = subscribe('a', undefined, { capacity: 1, where })[Symbol.asyncIterator]()
    void broker.publish('a', 1)
    void broker.publish('a', 2, { ttlMs: 50 })
    await clock.advance(100)
    await iterator.next()
    const { value } = await iterator.next()
    assert.equal(value?.event.time, iso(100))
    assert.equal(value?.event.expirytime, iso(150))
    assert.deepEqual(times, [iso(0), iso(0), iso(100)])
  })

  it('is offered to the queues before the handlers of qos 0 are called', async ({ broker, subscribe }) => {
    const seen: number[] = []
    subscribe('a', () => void seen.push(queue.queuedCount), { qos: 0 })
    const queue = subscribe('a', () => {})
    await broker.publish('a', 1)
    assert.deepEqual(seen, [1])
  })

  it('goes to nobody who unsubscribed while a where looked at it', async ({ broker, subscribe }) => {
    subscribe('a', () => {}, { where: () => (void other.unsubscribe(), true) })
    const other = subscribe('a', () => {})
    await broker.publish('a', 1)
    await turn()
    assertStats(other.stats(), { matched: 0 })
  })

  for (const qos of [0, 1] as const) {
    it(`has the end expired with qos ${qos} when its expirytime is over`, async ({ broker, clock, subscribe }) => {
      const seen = recorder()
      const subscription = subscribe('a', seen.handler, { qos })
      await broker.publish('a', 1, { extensions: { expirytime: iso(-1) } })
      await clock.advance(1)
      assert.deepEqual(seen.data(), [])
      assertStats(subscription.stats(), { matched: 1, expired: 1 })
    })
  }

  it(
    'is not replayed when it has expired',
    async ({ broker, clock, subscribe }) => {
      await broker.publish('a', 1, { ttlMs: 10 })
      await broker.publish('a', 2, { ttlMs: 11 })
      await clock.advance(10)
      const seen = recorder()
      const subscription = subscribe('a', seen.handler, { from: 'oldest' })
      await turn()
      assert.deepEqual(seen.data(), [2])
      assertStats(subscription.stats(), { matched: 1, expired: 0 })
    },
    { history: { size: 5 } },
  )
})

describe('What a handler sees', () => {
  for (const qos of [0, 1] as const) {
    it(`is one event, however often it is read, with qos ${qos}`, async ({ broker, subscribe }) => {
      const seen = recorder()
      for (let i = 0; i < 2; i++) subscribe('a', seen.handler, { qos })
      await broker.publish('a', 1)
      await turn()
      assert.equal(seen.at(0).event, seen.at(0).event)
      assert.equal(seen.at(0).event, seen.at(1).event)
    })

    it(`has the params of a lone subscription with qos ${qos}`, async ({ broker, subscribe }) => {
      const seen: unknown[] = []
      subscribe('+/b/#', (message) => void seen.push(...message.params), { qos })
      await broker.publish('a/b/c/d', 1)
      await turn()
      assert.deepEqual(seen, ['a', 'c/d'])
    })
  }

  it(
    'comes from the topics that its filter matches, also out of the past',
    async ({ broker, subscribe }) => {
      for (const topic of ['a', 'b', 'a/c']) await broker.publish(topic, topic)
      const seen = recorder()
      subscribe('a/#', seen.handler, { from: 'oldest' })
      await turn()
      assert.deepEqual(seen.data(), ['a', 'a/c'])
    },
    { history: { size: 5 } },
  )

  it('does not change the stats that were asked for before', async ({ broker, subscribe }) => {
    const subscription = subscribe('a', () => {})
    const [before, all] = [subscription.stats(), broker.stats()]
    await broker.publish('a', 1)
    await turn()
    assert.deepEqual([before.matched, all.matched], [0, 0])
  })
})

describe('A replay', () => {
  it(
    'holds to the capacity, keeps the rest in line, and cancels it with the subscription',
    async ({ broker, subscribe }) => {
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      const subscription = subscribe('a', undefined, { from: 'oldest', capacity: 1 })
      assertStats(subscription.stats(), { matched: 1, queued: 1 })
      assertStats(broker.stats(), { waiting: 2 })
      await subscription.unsubscribe()
      assertStats(subscription.stats(), { matched: 3, cancelled: 3, queued: 0 })
      assertStats(broker.stats(), { waiting: 0 })
    },
    { history: { size: 5 } },
  )
})

describe('A subscription', () => {
  it('has drained at once when it is over already', async ({ subscribe }) => {
    const subscription = subscribe('a', () => {})
    await subscription.unsubscribe()
    assert.equal(await isSettled(subscription.drain()), true)
  })

  it('says in the signal of its messages why it was aborted', async ({ broker, subscribe }) => {
    const controller = new AbortController()
    const seen = recorder(() => never)
    subscribe('a', seen.handler, { signal: controller.signal })
    await broker.publish('a', 1)
    await turn()
    controller.abort('the reason')
    const { code, cause } = seen.at(0).signal.reason
    assert.deepEqual([code, cause], ['ERR_CLOSED', 'the reason'])
  })

  it('has an ack wait of 30 s by default', async ({ broker, clock, subscribe }) => {
    const subscription = subscribe('a', () => never, { maxDeliveries: 1 })
    await broker.publish('a', 1)
    await clock.advance(29_999)
    assertStats(subscription.stats(), { inFlight: 1 })
    await clock.advance(1)
    assertStats(subscription.stats(), { inFlight: 0, exhausted: 1 })
  })

  it('takes what is queued when it joins a group that stands still', async ({ broker, subscribe }) => {
    subscribe('a', () => {}, { group: 'g' }).pause()
    await broker.publish('a', 1)
    const seen = recorder()
    subscribe('a', seen.handler, { group: 'g' })
    await turn()
    assert.deepEqual(seen.data(), [1])
  })

  it('loses at once what is delayed beyond the grace time, also with qos 0', async ({ broker, clock, subscribe }) => {
    const subscription = subscribe('a', () => {}, { qos: 0 })
    for (const delayMs of [50, 150]) await broker.publish('a', delayMs, { delayMs })
    const closed = broker.close({ graceMs: 100 })
    assertStats(subscription.stats(), { cancelled: 1, delayed: 1 })
    await clock.advance(100)
    assert.equal((await closed).acked, 1)
  })
})

describe('The report of close()', () => {
  it('counts what has ended since the call', async ({ broker, subscribe }) => {
    subscribe('a', () => {})
    await broker.publish('a', 1)
    await turn()
    void broker.publish('a', 2)
    const { acked, cancelled } = await broker.close()
    assert.deepEqual({ acked, cancelled }, { acked: 1, cancelled: 0 })
  })

  it('starts no handler any more when there is no grace time', async ({ broker, subscribe }) => {
    const seen = recorder(() => 'nack')
    subscribe('a', seen.handler, { ordered: true, backoff: [50] })
    for (const data of [1, 2]) await broker.publish('a', data)
    await turn()
    await broker.close({ graceMs: 0 })
    await turn()
    assert.deepEqual(seen.data(), [1])
  })
})

describe('A publish', () => {
  it('is refused at once when there is no room and its signal has aborted', async ({ broker, subscribe }) => {
    subscribe('a', undefined, { capacity: 1 })
    await broker.publish('a', 1)
    const reason = { code: 'the reason' }
    assert.equal(await codeOf(broker.publish('a', 2, { signal: AbortSignal.abort(reason) })), 'the reason')
    assertStats(broker.stats(), { waiting: 0, refused: 1, published: 1 })
  })

  for (const ttlMs of [8.64e15, 1e300]) {
    it(`is refused with a ttl of ${ttlMs} ms, which no date can hold`, async ({ broker }) => {
      await assert.rejects(broker.publish('a', 1, { ttlMs }), { code: 'ERR_OPTION_INVALID', option: 'ttlMs' })
    })
  }

  it('counts in the totals what a handler does after its subscription has ended', async ({ broker, subscribe }) => {
    const seen = recorder(() => new Promise((resolve) => setImmediate(resolve)))
    const subscription = subscribe('a', seen.handler)
    await broker.publish('a', 1)
    await Promise.resolve()
    await subscription.unsubscribe()
    assertStats(broker.stats(), { inFlight: 1, acked: 0 })
    await turn()
    assertStats(broker.stats(), { inFlight: 0, acked: 1, matched: 1 })
  })

  it('reaches groups whose filter and name run together in the same way', async ({ broker, subscribe }) => {
    const seen: string[] = []
    for (const [filter, group] of [
      ['a', 'bc'],
      ['ab', 'c'],
      ['abc', '1'],
      ['abc1', ' '],
    ] as const) {
      subscribe(filter, () => void seen.push(filter), { group })
    }
    for (const topic of ['a', 'ab', 'abc', 'abc1']) await broker.publish(topic, 1)
    await turn()
    assert.deepEqual(seen, ['a', 'ab', 'abc', 'abc1'])
  })
})
