/** What a queue forgets: messages that end where they stand, in front of or behind others. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Broker, type PublishOptions, type Subscription } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'

const never: Promise<never> = new Promise(() => {})

/** A broker, and the data of messages that are watched: how many of them are still held. */
function bench() {
  const clock = new ManualClock({ patienceMs: 0 })
  const broker = new Broker({ clock, onError: () => {} })
  const refs: WeakRef<object>[] = []
  /** Publishes data that only the broker holds. */
  const publish = (count: number, options: PublishOptions): void => {
    for (let i = 0; i < count; i++) {
      const data = { i }
      refs.push(new WeakRef(data))
      void broker.publish('a', data, options)
    }
  }
  const held = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
    globalThis.gc?.()
    return refs.filter((ref) => ref.deref() !== undefined).length
  }
  return { clock, broker, publish, held }
}

/** How many ended messages may stand beside the living ones. */
const MOST_DEAD = 64

const paused = (broker: Broker): Subscription => {
  const subscription = broker.subscribe('a', () => {})
  subscription.pause()
  return subscription
}

describe('A queue', { skip: globalThis.gc === undefined && 'needs --expose-gc' }, () => {
  it('lets go of messages that expired behind one that lives', async () => {
    const { clock, broker, publish, held } = bench()
    const subscription = paused(broker)
    publish(1, {})
    publish(500, { ttlMs: 10 })
    await clock.advance(10)
    assert.equal(subscription.stats().expired, 500)
    assert.ok((await held()) <= 2 + MOST_DEAD, `${await held()}`)
    await broker.close({ graceMs: 0 })
  })

  it('lets go of the last messages when nothing lives', async () => {
    const { clock, broker, publish, held } = bench()
    paused(broker)
    publish(5, { ttlMs: 10 })
    await clock.advance(10)
    assert.equal(await held(), 0)
    await broker.close({ graceMs: 0 })
  })

  it('lets go of messages that expired after they had been queued again', async () => {
    const { clock, broker, publish, held } = bench()
    const subscription = broker.subscribe('a', (message) => void message.nack({ delayMs: 5 }), { concurrency: 2 })
    publish(300, { ttlMs: 10 })
    publish(1, {})
    await clock.advance(0)
    subscription.pause()
    await clock.advance(5)
    assert.equal(subscription.queuedCount, 301)
    await clock.advance(5)
    assert.equal(subscription.stats().expired, 300)
    assert.ok((await held()) <= 2 + MOST_DEAD, `${await held()}`)
    await broker.close({ graceMs: 0 })
  })

  it('lets go of messages that expired while they waited for their key', async () => {
    const { clock, broker, publish, held } = bench()
    const subscription = broker.subscribe('a', () => never, { concurrency: 2, ackWaitMs: Infinity })
    publish(2, { key: 'k' })
    publish(500, { key: 'k', ttlMs: 10 })
    await clock.advance(10)
    assert.equal(subscription.stats().expired, 500)
    assert.ok((await held()) <= 3 + MOST_DEAD, `${await held()}`)
    await broker.close({ graceMs: 0 })
  })

  it('forgets a key when none of its messages is left', async () => {
    const clock = new ManualClock({ patienceMs: 0 })
    const broker = new Broker({ clock })
    const subscription = broker.subscribe('a', () => {})
    const before = await heapAfter(broker, clock, 0)
    const after = await heapAfter(broker, clock, 20_000)
    assert.equal(subscription.stats().queued, 0)
    assert.ok(after - before < 1_500_000, `${after - before} bytes`)
    await broker.close()
  })
})

/** Heap in use after `count` events, each of a key of its own. */
async function heapAfter(broker: Broker, clock: ManualClock, count: number): Promise<number> {
  for (let i = 0; i < count; i++) void broker.publish('a', i, { key: `a key of its own ${i}` })
  await clock.advance(0)
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

describe('A queue that sweeps', () => {
  for (const living of [1, 2, 3, 5, 6, 7, 9, 13, 100]) {
    it(`keeps the ${living} that live, in their order`, async () => {
      const clock = new ManualClock({ patienceMs: 0 })
      const broker = new Broker({ clock })
      const seen: unknown[] = []
      const subscription = broker.subscribe('a', (message) => void seen.push(message.data))
      subscription.pause()
      for (let i = 0; i < living; i++) await broker.publish('a', i)
      for (let i = 0; i < 4 * (MOST_DEAD + living); i++) await broker.publish('a', 'expires', { ttlMs: 10 })
      await clock.advance(10)
      subscription.resume()
      await clock.advance(0)
      assert.deepEqual(seen, [...Array(living).keys()])
      await broker.close()
    })
  }

  for (const waiting of [1, 3, 5, 6, 7, 9]) {
    it(`lets the ${waiting} publishes enter, once and in order, that still wait for room when others have given up`, async () => {
      const broker = new Broker({ clock: new ManualClock({ patienceMs: 0 }) })
      const iterator = broker.subscribe('a', { capacity: 1 })[Symbol.asyncIterator]()
      for (let i = 0; i <= waiting; i++) void broker.publish('a', i)
      const controllers = Array.from({ length: 2 * (MOST_DEAD + waiting) }, () => new AbortController())
      for (const { signal } of controllers) void broker.publish('a', 'gives up', { signal })
      for (const controller of controllers) controller.abort()
      assert.equal(broker.stats().waiting, waiting)
      const seen: unknown[] = []
      for (let i = 0; i <= waiting; i++) seen.push((await iterator.next()).value?.data)
      assert.deepEqual(seen, [...Array(waiting + 1).keys()])
      const { published, waiting: left } = broker.stats()
      assert.deepEqual({ published, left }, { published: waiting + 1, left: 0 })
      await broker.close({ graceMs: 0 })
    })
  }

  it('lets go of publishes that gave up waiting for room', async () => {
    const broker = new Broker({ clock: new ManualClock({ patienceMs: 0 }) })
    broker.subscribe('a', { capacity: 1 })
    void broker.publish('a', 'fills it')
    void broker.publish('a', 'waits')
    const refs: WeakRef<object>[] = []
    const giveUp = (): void => {
      const data = {}
      refs.push(new WeakRef(data))
      const controller = new AbortController()
      void broker.publish('a', data, { signal: controller.signal })
      controller.abort()
    }
    for (let i = 0; i < 500; i++) giveUp()
    for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
    globalThis.gc?.()
    const held = refs.filter((ref) => ref.deref() !== undefined).length
    assert.ok(globalThis.gc === undefined || held <= 2 + MOST_DEAD, `${held}`)
    await broker.close({ graceMs: 0 })
  })
})
