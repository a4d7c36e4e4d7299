/**
 * What is over leaves nothing behind. Needs `--expose-gc`.
 *
 * Each test does its work in rounds and compares the live heap after an early
 * round with that after the last.
 */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Broker, type Message } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { Deadlines } from '../../src/time/deadlines.ts'
import { NOWHERE } from '../../src/time/timed.ts'

const MIB = 2 ** 20

/** What may be left over of a whole test; what is kept for each of 10^5 things would be more. */
const ALLOWED_BYTES = 2 * MIB

const collect: () => void = globalThis.gc ?? ((): never => assert.fail('needs --expose-gc'))

async function liveHeap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await turn()
    collect()
  }
  return process.memoryUsage().heapUsed
}

/** Runs `work` ten times and asserts that the heap does not grow after the second. */
async function assertFlat(work: (round: number) => Promise<void> | void): Promise<void> {
  let before = 0
  for (let round = 0; round < 10; round++) {
    await work(round)
    if (round === 1) before = await liveHeap()
  }
  const growth = (await liveHeap()) - before
  assert.ok(growth < ALLOWED_BYTES, `the heap grew by ${(growth / MIB).toFixed(2)} MiB`)
}

describe('the heap', () => {
  it('does not grow with 10^6 distinct topics that nobody subscribes to', async () => {
    const broker = new Broker()
    broker.subscribe('other/+', () => {})
    await assertFlat(async (round) => {
      for (let i = 0; i < 100_000; i++) void broker.publish(`topic/${round}/${i}`, i)
      await turn()
    })
    await broker.close()
  })

  it('does not grow with subscriptions that end inside their handlers', async () => {
    const broker = new Broker()
    await assertFlat(async () => {
      for (let i = 0; i < 1_000; i++) {
        const message = broker.once('a')
        void broker.publish('a', i)
        await message
      }
    })
    await broker.close()
  })

  it('does not grow with 10^6 distinct topics that a wildcard takes', async () => {
    const broker = new Broker()
    let count = 0
    broker.subscribe('#', () => void count++, { qos: 0 })
    await assertFlat(async (round) => {
      for (let i = 0; i < 100_000; i++) void broker.publish(`topic/${round}/${i}`, i)
      await broker.settled()
    })
    assert.equal(count, 1_000_000)
    await broker.close()
  })

  for (const [what, filter] of [
    ['one filter', () => 'a/b'],
    ['distinct filters', (i: number) => `a/${i}/+`],
  ] as const) {
    it(`does not grow with 10^6 times subscribe() and unsubscribe(), ${what}`, async () => {
      const broker = new Broker()
      const { signal } = new AbortController()
      await assertFlat(async (round) => {
        for (let i = 0; i < 100_000; i++)
          void broker.subscribe(filter(round * 100_000 + i), () => {}, { signal }).unsubscribe()
        await turn()
      })
      assert.equal(getEventListeners(signal, 'abort').length, 0)
      assert.equal(broker.stats().subscriptions, 0)
      await broker.close()
    })
  }

  for (const [what, handler] of [
    ['that returns', () => {}],
    ['that is async', async () => null],
    ['that reads its signal', (message: Message) => void message.signal],
  ] as const) {
    it(`does not grow with 10^6 deliveries to one open subscription with a handler ${what}`, async () => {
      const broker = new Broker()
      const { signal } = new AbortController()
      const subscription = broker.subscribe('a', handler, { signal, capacity: Infinity })
      await assertFlat(async () => {
        for (let i = 0; i < 100_000; i++) void broker.publish('a', { i }, { signal })
        await broker.settled()
      })
      assert.equal(subscription.stats().acked, 1_000_000)
      await broker.close()
    })
  }

  it('does not grow with 10^6 deliveries through one iterator', async () => {
    const broker = new Broker()
    const subscription = broker.subscribe('a', { capacity: Infinity })
    const iterator = subscription[Symbol.asyncIterator]()
    await assertFlat(async () => {
      for (let i = 0; i < 100_000; i++) void broker.publish('a', { i })
      for (let i = 0; i < 100_000; i++) await iterator.next()
    })
    await broker.close({ graceMs: 0 })
  })

  for (const [what, use] of [
    ['never read', async () => {}],
    ['read once', async (iterator: AsyncIterator<unknown>) => void (await iterator.next())],
    ['waited for', async (iterator: AsyncIterator<unknown>) => void iterator.next()],
  ] as const) {
    it(`does not grow with 10^5 iterators, ${what}`, async () => {
      const broker = new Broker()
      const { signal } = new AbortController()
      await assertFlat(async () => {
        for (let i = 0; i < 10_000; i++) {
          const iterator = broker.subscribe('a', { signal })[Symbol.asyncIterator]()
          if (what === 'read once') void broker.publish('a', i)
          await use(iterator)
          await iterator.return?.()
        }
      })
      assert.equal(broker.stats().subscriptions, 0)
      await broker.close()
    })
  }

  it('does not grow with 10^5 messages that expire, are delayed, redelivered or dead-lettered', async () => {
    const clock = new ManualClock({ patienceMs: 0 })
    const broker = new Broker({ clock, onError: () => {} })
    broker.subscribe('dead', () => {}, { capacity: Infinity })
    broker.subscribe('a', () => 'nack', {
      capacity: Infinity,
      maxDeliveries: 2,
      backoff: [10],
      deadLetterTopic: 'dead',
    })
    broker.subscribe('a', { capacity: Infinity })
    await assertFlat(async () => {
      for (let i = 0; i < 5_000; i++) void broker.publish('a', { i }, { ttlMs: 100, delayMs: i % 50 })
      await clock.advance(200)
    })
    const { expired, deadLettered, queued, delayed, inFlight } = broker.stats()
    assert.deepEqual(
      { expired, deadLettered, queued, delayed, inFlight },
      { expired: 50_000, deadLettered: 50_000, queued: 0, delayed: 0, inFlight: 0 },
    )
    await broker.close()
  })

  it('does not grow with 10^6 deadlines that are taken back while two wait', async () => {
    const deadlines = new Deadlines()
    let order = 0
    const add = () => {
      const item = { position: NOWHERE, order: order++ }
      deadlines.set(item, order)
      return item
    }
    add()
    add()
    await assertFlat(() => {
      for (let i = 0; i < 100_000; i++) deadlines.delete(add())
    })
    assert.equal(deadlines.items().length, 2)
  })

  it('does not grow with 10^6 messages that overflow', async () => {
    const broker = new Broker()
    for (const overflow of ['dropOldest', 'dropNewest', 'reject'] as const)
      broker.subscribe(overflow, { capacity: 10, overflow })
    await assertFlat(async () => {
      for (let i = 0; i < 100_000; i++) void broker.publish(['dropOldest', 'dropNewest', 'reject'][i % 3] ?? '', { i })
      await turn()
    })
    await broker.close({ graceMs: 0 })
  })

  it('lets a message be collected once it is at its end everywhere', async () => {
    const clock = new ManualClock({ patienceMs: 0 })
    const broker = new Broker({ clock, onError: () => {} })
    const references: WeakRef<object>[] = []
    const remember = (message: Message): void =>
      void references.push(new WeakRef(message), new WeakRef(Object(message.event)))
    broker.subscribe('a', (message) => (remember(message), 'ack'))
    broker.subscribe('a', (message) => (remember(message), 'nack'), { maxDeliveries: 2, backoff: [5] })
    broker.subscribe('a', (message) => (remember(message), 'drop'))
    broker.subscribe('a', remember, { qos: 0 })
    broker.subscribe('a', { capacity: 1, overflow: 'dropOldest' })
    broker.subscribe('a')
    const publish = (i: number): void => {
      const data = { i }
      references.push(new WeakRef(data))
      void broker.publish('a', data, { ttlMs: 50 })
    }
    for (let i = 0; i < 100; i++) publish(i)
    await clock.advance(100)
    await liveHeap()
    const alive = references.filter((reference) => reference.deref() !== undefined).length
    // The last ones may still be held by a register or a cache of the engine.
    assert.ok(alive <= 5, `${alive} of ${references.length} are still there`)
    await broker.close()
  })

  it('lets an ended subscription and its handler be collected', async () => {
    const broker = new Broker()
    const references: WeakRef<object>[] = []
    const { signal } = new AbortController()
    const make = (i: number): void => {
      const handler = (): number => i
      const subscription = broker.subscribe(i % 2 ? 'a' : `a/${i}/#`, handler, {
        signal,
        ...(i % 3 ? {} : { group: 'g' }),
      })
      references.push(new WeakRef(handler), new WeakRef(subscription))
      void subscription.unsubscribe()
    }
    for (let i = 0; i < 1_000; i++) make(i)
    await liveHeap()
    const alive = references.filter((reference) => reference.deref() !== undefined).length
    // A room that was taken may hold the last one it had until it is taken again.
    assert.ok(alive <= 64, `${alive} of ${references.length} are still there`)
    await broker.close()
  })
})
