/** Which message is next, and which one goes when there is no room: by key, closely. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { Broker } from '../../src/index.ts'
import { assertStats, type Create, claims, recorder, turn } from '../conformance/harness.ts'
import { find, held } from '../conformance/survivors.ts'

const create: Create = (options) => new Broker({ ...options, dialect: 'mqtt' })
const it = claims(create)

describe('Order by key, closely', () => {
  it('hands out what waited for its key before what was published later', async ({ broker, subscribe }) => {
    const { handler, data, release } = held()
    subscribe('a', handler, { concurrency: 3 })
    for (const [name, key] of [['k1', 'k'], ['x'], ['k2', 'k'], ['y'], ['z']]) {
      await broker.publish('a', name, key === undefined ? {} : { key })
    }
    await turn()
    await release('k1')
    assert.deepEqual(data(), ['k1', 'x', 'y', 'k2'])
  })

  it('hands out what waited for different keys in publish order', async ({ broker, subscribe }) => {
    const { handler, messages, data, release } = held()
    subscribe('a', handler, { concurrency: 3 })
    for (const [name, key] of [
      ['k1', 'k'],
      ['l1', 'l'],
      ['l2', 'l'],
      ['k2', 'k'],
      ['x', 'x'],
    ] as const) {
      await broker.publish('a', name, { key })
    }
    await turn()
    find(messages, 'k1').ack()
    find(messages, 'l1').ack()
    await release('x')
    assert.deepEqual(data().slice(3), ['l2'])
  })

  it('lets a message that is due go before a later one that waits for the same key', async ({
    broker,
    clock,
    subscribe,
  }) => {
    const { handler, data, release } = held()
    subscribe('a', handler, { concurrency: 2, backoff: [10] })
    for (const name of [1, 2, 3]) await broker.publish('a', name, { key: 'k' })
    await turn()
    await release(1, 'nack')
    await clock.advance(10)
    await release(2)
    assert.deepEqual(data(), [1, 2, 1])
  })

  it('lets a message that is due go before a later one whose turn had come', async ({ broker, clock, subscribe }) => {
    const { handler, messages, data, release } = held()
    subscribe('a', handler, { concurrency: 2, backoff: [10] })
    for (const [name, key] of [
      [1, 'k'],
      [2, 'k'],
      [3, 'k'],
      ['x', 'x'],
    ] as const) {
      await broker.publish('a', name, { key })
    }
    await turn()
    await release(1, 'nack')
    find(messages, 2).ack()
    await clock.advance(10)
    await release(2)
    await release(1)
    assert.deepEqual(data().slice(3), [1, 3])
  })

  it('keeps a key taken when another message of it expires', async ({ broker, clock, subscribe }) => {
    const { handler, data } = held()
    const subscription = subscribe('a', handler, { concurrency: 3 })
    await broker.publish('a', 1, { key: 'k' })
    await broker.publish('a', 2, { key: 'k', ttlMs: 5 })
    await broker.publish('a', 3, { key: 'k' })
    await clock.advance(5)
    assert.deepEqual(data(), [1])
    assertStats(subscription.stats(), { inFlight: 1, queued: 1, expired: 1 })
  })

  it('runs delayed events of one key one at a time', async ({ broker, clock, subscribe }) => {
    const { handler, data, release } = held()
    subscribe('a', handler, { concurrency: 2 })
    for (const name of [1, 2]) await broker.publish('a', name, { key: 'k', delayMs: 10 })
    await clock.advance(10)
    assert.deepEqual(data(), [1])
    await release(1)
    assert.deepEqual(data(), [1, 2])
  })

  it('hands the key on when its message ends in any way', async ({ broker, clock, subscribe }) => {
    const { handler, data, release } = held()
    subscribe('a', handler, { concurrency: 2, maxDeliveries: 2, backoff: [10], ordered: true })
    for (const name of [1, 2, 3]) await broker.publish('a', name, { key: 'k', ...(name === 1 && { ttlMs: 5 }) })
    await turn()
    await release(1, 'nack')
    await clock.advance(5)
    assert.deepEqual(data(), [1, 2])
    await release(2, 'drop')
    assert.deepEqual(data(), [1, 2, 3])
  })

  it('holds back only what comes after the one that waits when ordered', async ({ broker, subscribe }) => {
    const { handler, messages, data, release } = held()
    subscribe('a', handler, { concurrency: 2, ordered: true, backoff: [10] })
    for (const name of [1, 2, 3]) await broker.publish('a', name)
    await turn()
    await release(2, 'nack')
    find(messages, 1).nack({ delayMs: 0 })
    await turn()
    assert.deepEqual(data(), [1, 2, 1])
  })
})

describe('dropOldest, closely', () => {
  it('takes one that was queued again before those never delivered', async ({ broker, subscribe }) => {
    const seen = recorder((message) => (subscription.pause(), message.nack({ delayMs: 0 })))
    const subscription = subscribe('a', seen.handler, { capacity: 2, overflow: 'dropOldest' })
    for (const name of [1, 2]) await broker.publish('a', name)
    await turn()
    await broker.publish('a', 3)
    assertStats(subscription.stats(), { queued: 2, overflowed: 1, skipped: 1, delayed: 0 })
    subscription.resume()
    await turn()
    assert.deepEqual(seen.data(), [1, 2])
  })

  for (const [what, keys, dropped] of [
    ['when nothing else is queued', ['k1', 'k2'], 'k2'],
    ['before what came later', ['k1', 'k2', 'x', 'y'], 'k2'],
    ['and of several keys the oldest', ['k1', 'l1', 'l2', 'k2', 'x'], 'l2'],
    ['and of several keys the oldest, in any order', ['k1', 'l1', 'k2', 'l2', 'x'], 'k2'],
  ] as const) {
    it(`takes what waits for its key ${what}`, async ({ broker, subscribe }) => {
      const { handler, data, release } = held()
      const concurrency = new Set(keys.filter((name) => name !== 'y').map(([key]) => key)).size
      const rules = { capacity: keys.length, concurrency: Math.max(2, concurrency), overflow: 'dropOldest' } as const
      const subscription = subscribe('a', handler, rules)
      for (const name of keys) await broker.publish('a', name, { key: name.slice(0, 1) })
      await turn()
      await broker.publish('a', 'new', { key: 'new' })
      assertStats(subscription.stats(), { overflowed: 1, skipped: 1 })
      for (let i = 0; i < 3; i++) for (const name of [...keys, 'new']) await release(name)
      assert.deepEqual(new Set(data()), new Set([...keys, 'new'].filter((name) => name !== dropped)))
    })
  }
})
