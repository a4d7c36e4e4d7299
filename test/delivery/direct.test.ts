/** `qos: 0`, closely. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { Broker, type Message } from '../../src/index.ts'
import { assertStats, type Create, claims, deferred, isSettled, never, recorder, turn } from '../conformance/harness.ts'
import { held } from '../conformance/survivors.ts'

const create: Create = (options) => new Broker({ ...options, dialect: 'mqtt' })
const it = claims(create)

describe('qos 0, closely', () => {
  it('cancels what stands in line when it unsubscribes', async ({ broker, subscribe }) => {
    const seen = recorder()
    subscribe('a', () => void (broker.publish('b', 1), other.unsubscribe()), { qos: 0 })
    const other = subscribe('b', seen.handler, { qos: 0 })
    await broker.publish('a', 1)
    assert.deepEqual(seen.data(), [])
    assertStats(other.stats(), { matched: 1, cancelled: 1, queued: 0, delivered: 0 })
  })

  it('is waited for by settled() and drain() while an async handler runs', async ({ broker, subscribe }) => {
    const { handler, release } = held()
    const subscription = subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    const settled = broker.settled()
    const drained = subscription.drain()
    assert.deepEqual([await isSettled(settled), await isSettled(drained)], [false, false])
    await release(1)
    assert.deepEqual([await isSettled(settled), await isSettled(drained)], [true, true])
  })

  it('is waited for by settled() until its async handler returns', async ({ broker, subscribe }) => {
    const { handler, release } = held()
    subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    const settled = broker.settled()
    assert.equal(await isSettled(settled), false)
    await release(1)
    assert.equal(await isSettled(settled), true)
  })

  it('settles for all who wait, and makes those wait who ask during a later event', async ({ broker, subscribe }) => {
    const { handler, release } = held()
    subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    const both = [broker.settled(), broker.settled()]
    const later = Promise.all(both).then(() => {
      void broker.publish('a', 2)
      return broker.settled()
    })
    await release(1)
    assert.deepEqual(await Promise.all([...both, later].map(isSettled)), [true, true, false])
    await release(2)
    assert.equal(await isSettled(later), true)
    assert.equal(await isSettled(broker.settled()), true)
  })

  it('tells of each rejection which event it belongs to, in whatever order they end', async () => {
    const seen: unknown[] = []
    const broker = create({ onError: (error, { event }) => void seen.push([error, event?.data]) })
    const ends = new Map<unknown, (failed: boolean) => Promise<void>>()
    const handler = ({ data }: Message): Promise<unknown> => {
      const { promise, resolve, reject } = deferred()
      ends.set(data, (failed) => (failed ? reject(data) : resolve(data), turn()))
      return promise
    }
    const subscription = broker.subscribe('a', handler, { qos: 0 })
    const begin = (data: number): Promise<void> => broker.publish('a', data)
    const end = (data: number, failed: boolean): Promise<void> | undefined => ends.get(data)?.(failed)
    // The first one hangs, the others overlap.
    for (const data of [1, 2, 3]) await begin(data)
    await end(2, true)
    await begin(4)
    await end(3, false)
    await begin(5)
    await end(5, true)
    await end(4, true)
    await begin(6)
    await end(6, true)
    assert.deepEqual(
      seen,
      [2, 5, 4, 6].map((data) => [data, data]),
    )
    assertStats(subscription.stats(), { delivered: 6, acked: 1, dropped: 4, inFlight: 1 })
  })

  it('takes no second call of a thenable for the end of a later event', async ({ broker, subscribe }) => {
    const calls: (() => void)[] = []
    const handler = (): unknown => ({
      then: (fulfilled: () => void, rejected: (error: unknown) => void) =>
        void calls.push(fulfilled, fulfilled, () => rejected('no')),
    })
    const subscription = subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    await turn()
    calls[0]?.()
    await turn()
    await broker.publish('a', 2)
    await turn()
    for (const again of calls.slice(0, 3)) again()
    await turn()
    assertStats(subscription.stats(), { delivered: 2, acked: 1, dropped: 0, inFlight: 1 })
    calls.at(-1)?.()
    await turn()
    assertStats(subscription.stats(), { delivered: 2, acked: 1, dropped: 1, inFlight: 0 })
  })

  for (const fails of [false, true]) {
    it(`has drained when its last delayed event ${fails ? 'has failed' : 'was handled'}`, async ({
      broker,
      clock,
      subscribe,
    }) => {
      const handler = (): void => {
        if (fails) throw new Error('the last one')
      }
      const subscription = subscribe('a', handler, { qos: 0 })
      await broker.publish('a', 1, { delayMs: 10 })
      const drained = subscription.drain()
      await clock.advance(10)
      assert.equal(await isSettled(drained), true)
      assertStats(subscription.stats(), { acked: fails ? 0 : 1, dropped: fails ? 1 : 0 })
    })
  }

  it('matches nothing more while it drains, and waits for what is delayed', async ({ broker, clock, subscribe }) => {
    const { handler, data, release } = held()
    const subscription = subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    await broker.publish('a', 2, { delayMs: 10 })
    const drained = subscription.drain()
    await broker.publish('a', 3)
    await release(1)
    assert.equal(await isSettled(drained), false)
    await clock.advance(10)
    assert.equal(await isSettled(drained), false)
    await release(2)
    assert.equal(await isSettled(drained), true)
    assert.deepEqual(data(), [1, 2])
    assertStats(subscription.stats(), { matched: 2, acked: 2 })
  })

  it('cancels what an async handler still does when close() gives up on it', async ({ broker, clock, subscribe }) => {
    const { handler, release } = held()
    const subscription = subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    const closed = broker.close({ graceMs: 10 })
    await clock.advance(10)
    assert.equal((await closed).cancelled, 1)
    assertStats(subscription.stats(), { cancelled: 1, inFlight: 0, acked: 0, overdue: 1 })
    await release(1)
    assertStats(subscription.stats(), { cancelled: 1, acked: 0, overdue: 0 })
  })

  it('cancels a handler that fails after unsubscribe(), and reports nothing', async ({ broker, errors, subscribe }) => {
    const gate = deferred()
    const subscription = subscribe('a', () => gate.promise, { qos: 0 })
    await broker.publish('a', 1)
    await subscription.unsubscribe()
    gate.reject(new Error('too late'))
    await turn()
    assertStats(subscription.stats(), { cancelled: 1, dropped: 0, inFlight: 0 })
    assert.deepEqual(errors, [])
  })

  it('counts what is delayed, and cancels it with unsubscribe()', async ({ broker, clock, subscribe }) => {
    const seen = recorder()
    const subscription = subscribe('a', seen.handler, { qos: 0 })
    await broker.publish('a', 1, { delayMs: 10 })
    assertStats(subscription.stats(), { matched: 1, delayed: 1 })
    await subscription.unsubscribe()
    assertStats(subscription.stats(), { cancelled: 1, delayed: 0 })
    await clock.advance(20)
    assert.deepEqual(seen.data(), [])
  })

  it('aborts the signal of its messages with unsubscribe()', async ({ broker, subscribe }) => {
    const seen = recorder(() => never)
    const subscription = subscribe('+', seen.handler, { qos: 0 })
    await broker.publish('a', 1)
    const { signal } = seen.at(0)
    await subscription.unsubscribe()
    assert.equal(signal.reason?.code, 'ERR_CLOSED')
  })

  for (const qos of [0, 1] as const) {
    it(`calls a handler of qos ${qos} without this`, async ({ broker, subscribe }) => {
      const seen: unknown[] = []
      subscribe(
        'a',
        function (this: unknown) {
          seen.push(this)
        },
        { qos },
      )
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen, [undefined])
    })
  }

  it('has the signal of its own subscription, read while its handler runs', async ({ broker, subscribe }) => {
    const signals: AbortSignal[] = []
    const read = (message: Message): void => void signals.push(message.signal)
    const readLater = async (message: Message): Promise<void> => {
      await turn()
      read(message)
      await never
    }
    const all = [read, readLater, read, readLater].map((handler) => subscribe('a', handler, { qos: 0 }))
    await broker.publish('a', 1)
    await turn()
    const aborted = (): readonly boolean[] => signals.map((signal) => signal.aborted)
    // The first two were read at once.
    for (const [index, subscription] of [all[0], all[2], all[1], all[3]].entries()) {
      assert.equal(aborted()[index], false)
      await subscription?.unsubscribe()
      assert.deepEqual(
        aborted(),
        [0, 1, 2, 3].map((i) => i <= index),
      )
    }
  })

  it('keeps what a handler does to its message from the others', async ({ broker, subscribe }) => {
    const seen = recorder()
    const edit = (message: Message): void => {
      for (const name of ['data', 'topic', 'event', 'params']) Reflect.set(message, name, 'edited')
    }
    for (const handler of [edit, seen.handler, edit, seen.handler]) subscribe('a', handler, { qos: 0 })
    await broker.publish('a', 1)
    assert.deepEqual(
      seen.messages.map(({ data, topic, event, params }) => [data, topic, event.data, params]),
      [1, 1].map((data) => [data, 'a', data, []]),
    )
  })

  it('has a signal that nothing aborts when its handler has returned and it was not alone', async ({
    broker,
    subscribe,
  }) => {
    const seen = recorder()
    const all = [0, 1].map(() => subscribe('a', seen.handler, { qos: 0 }))
    await broker.publish('a', 1)
    for (const subscription of all) await subscription.unsubscribe()
    const { signal, params } = seen.at(0)
    assert.deepEqual([signal.aborted, params], [false, []])
  })

  it('takes no delayed event when a where has just ended it', async ({ broker, subscribe }) => {
    const ended = subscribe('a', () => {}, { qos: 0 })
    const where = (): boolean => {
      void ended.unsubscribe()
      return false
    }
    subscribe('a', () => {}, { qos: 0, where })
    await broker.publish('a', 1, { delayMs: 5 })
    assertStats(ended.stats(), { delayed: 0 })
  })

  it('does not match an event when a where has ended it before that gets in line', async ({ broker, subscribe }) => {
    subscribe('go', () => void broker.publish('a', 1), { qos: 0 })
    const ended = subscribe('a', () => {}, { qos: 0 })
    const where = (): boolean => {
      void ended.unsubscribe()
      return false
    }
    subscribe('a', () => {}, { qos: 0, where })
    await broker.publish('go', 0)
    assertStats(ended.stats(), { matched: 0, cancelled: 0 })
  })

  it('has drained also when it was paused and the last event in line waited for a turn', async ({
    broker,
    subscribe,
  }) => {
    const seen = recorder()
    const subscription = subscribe('a', seen.handler, { qos: 0 })
    let drained: Promise<void> | undefined
    const begin = (): void => {
      for (let i = 0; i < 3000; i++) void broker.publish('a', i)
      subscription.pause()
      drained = subscription.drain()
    }
    subscribe('go', begin, { qos: 0 })
    await broker.publish('go', 0)
    await drained
    assertStats(subscription.stats(), { matched: 3000, overflowed: 3000, skipped: 3000 })
  })

  it('waits in settled() for what stands in line', async ({ broker, subscribe }) => {
    const seen = recorder()
    let settled: Promise<number> | undefined
    subscribe(
      'a',
      () => {
        void broker.publish('b', 1)
        settled = broker.settled().then(() => seen.messages.length)
      },
      { qos: 0 },
    )
    subscribe('b', seen.handler, { qos: 0 })
    await broker.publish('a', 1)
    assert.equal(await settled, 1)
  })

  it('has the signal of its subscription also in line', async ({ broker, subscribe }) => {
    const signals: AbortSignal[] = []
    subscribe('a', () => void broker.publish('b', 1), { qos: 0 })
    const inLine = subscribe('b', (message) => void signals.push(message.signal), { qos: 0 })
    await broker.publish('a', 1)
    await inLine.unsubscribe()
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    )
  })

  it('takes a thenable that calls back again and again, and throws, for one return', async ({
    broker,
    errors,
    subscribe,
  }) => {
    const then = (yes: () => void, no: (error: unknown) => void): void => {
      for (let i = 0; i < 3; i++) yes()
      no(new Error('both'))
      throw new Error('and more')
    }
    const subscription = subscribe('a', () => ({ then }), { qos: 0 })
    await broker.publish('a', 1)
    await turn()
    assertStats(subscription.stats(), { acked: 1, dropped: 0, inFlight: 0 })
    assert.deepEqual(errors, [])
  })

  it('gives params to each of several subscriptions, also to one in line', async ({ broker, subscribe }) => {
    const seen: unknown[] = []
    for (const filter of ['a/b', '+/b', '#']) subscribe(filter, (message) => void seen.push(message.params), { qos: 0 })
    subscribe('start', () => void broker.publish('a/b', 2), { qos: 0 })
    await broker.publish('a/b', 1)
    await broker.publish('start', 1)
    const each = [[], ['a'], ['a/b']]
    const sorted = (some: unknown[]): string[] => some.map((one) => JSON.stringify(one)).sort()
    assert.deepEqual(sorted(seen), sorted([...each, ['start'], ...each]))
  })
})
