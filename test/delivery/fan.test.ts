/** Several handlers of `qos: 0` on one topic: they are counted together, and it must not show. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { Broker, type Handler, type Subscription } from '../../src/index.ts'
import { assertStats, type Create, claims, recorder, turn } from '../conformance/harness.ts'

const create: Create = (options) => new Broker({ ...options, dialect: 'mqtt' })
const it = claims(create)

/** What a subscription to `a` has counted, as [matched, acked, dropped, inFlight]. */
const told = ({ matched, acked, dropped, inFlight }: ReturnType<Subscription['stats']>): readonly number[] => [
  matched,
  acked,
  dropped,
  inFlight,
]

const fail = (): never => {
  throw new Error('no')
}

describe('several handlers of qos 0', () => {
  it('shows inside each handler who has been called, who is, and who has not', async ({ broker, subscribe }) => {
    const seen: unknown[] = []
    const look = (): void => void seen.push(all.map((each) => told(each.stats())))
    const all: readonly Subscription[] = Array.from({ length: 6 }, () => subscribe('a', look, { qos: 0 }))
    for (const before of [0, 1]) {
      seen.length = 0
      await broker.publish('a', 1)
      const at = (place: number) => (_: Subscription, i: number) => {
        if (i === place) return [before + 1, before, 0, 1]
        return i < place ? [before + 1, before + 1, 0, 0] : [before, before, 0, 0]
      }
      assert.deepEqual(
        seen,
        all.map((_, place) => all.map(at(place))),
      )
    }
  })

  it('is not seen inside a handler that has failed, nor before its turn', async () => {
    const seen: unknown[] = []
    const broker = create({ onError: () => void seen.push(all.map((each) => told(each.stats()))) })
    const all = [() => {}, fail, () => {}].map((handler) => broker.subscribe('a', handler, { qos: 0 }))
    await broker.publish('a', 1)
    assert.deepEqual(seen, [
      [
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 0],
      ],
    ])
    assert.deepEqual(
      all.map((each) => told(each.stats())),
      [
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 1, 0, 0],
      ],
    )
  })

  const returns: Readonly<Record<string, readonly [Handler, readonly number[], readonly number[]]>> = {
    nothing: [() => {}, [3, 3, 0, 0], [3, 3, 0, 0]],
    "'ack'": [() => 'ack', [3, 3, 0, 0], [3, 3, 0, 0]],
    'a promise': [async () => {}, [3, 0, 0, 3], [3, 3, 0, 0]],
    'a promise that is rejected': [async () => fail(), [3, 0, 0, 3], [3, 0, 3, 0]],
    'nothing, for it throws': [fail, [3, 0, 3, 0], [3, 0, 3, 0]],
  }
  for (const [what, [handler, now, later]] of Object.entries(returns)) {
    for (const place of [0, 2, 5, 6]) {
      it(`counts one that returns ${what}, at place ${place} of 7, and all others`, async ({ broker, subscribe }) => {
        const seen = recorder()
        const all = Array.from({ length: 7 }, (_, i) => {
          return subscribe('a', i === place ? handler : seen.handler, { qos: 0 })
        })
        const counted = (): unknown => all.map((each) => told(each.stats()))
        for (const data of [1, 2, 3]) await broker.publish('a', data)
        await turn()
        assert.deepEqual(
          counted(),
          all.map((_, i) => (i === place ? later : [3, 3, 0, 0])),
        )
        assert.deepEqual(
          seen.data(),
          [1, 2, 3].flatMap((data) => Array(6).fill(data)),
        )
        void broker.publish('a', 4)
        const [matched = 0, acked = 0, dropped = 0] = later
        const more = now.map((each) => each / 3)
        assert.deepEqual(told(all[place]!.stats()), [matched + 1, acked + more[1]!, dropped + more[2]!, more[3]])
      })
    }
  }

  const changes: Readonly<
    Record<string, readonly [(other: Subscription) => unknown, Readonly<Record<string, number>>]>
  > = {
    'unsubscribes it': [(other) => other.unsubscribe(), { matched: 1, cancelled: 1, delivered: 0 }],
    'pauses it': [(other) => other.pause(), { matched: 2, overflowed: 2, delivered: 0, skipped: 2 }],
    'drains it': [(other) => other.drain(), { matched: 1, delivered: 0 }],
  }
  for (const [what, [change, expected]] of Object.entries(changes)) {
    it(`calls one no more when an earlier one ${what} in the same round`, async ({ broker, subscribe }) => {
      const seen = recorder()
      const unseen = recorder()
      const all = [
        subscribe('a', seen.handler, { qos: 0 }),
        subscribe('a', () => void change(other), { qos: 0 }),
        subscribe('a', seen.handler, { qos: 0 }),
      ]
      const other = subscribe('a', unseen.handler, { qos: 0 })
      all.push(subscribe('a', seen.handler, { qos: 0 }))
      await broker.publish('a', 1)
      await broker.publish('a', 2)
      assert.deepEqual(unseen.data(), [])
      assert.deepEqual(seen.data(), [1, 1, 1, 2, 2, 2])
      assertStats(other.stats(), expected)
      for (const each of all) assertStats(each.stats(), { matched: 2, acked: 2 })
    })
  }

  it('has what many miss that end in the same round in the sums of the broker', async ({ broker, subscribe }) => {
    const later: Subscription[] = []
    subscribe('a', () => later.forEach((other) => void other.unsubscribe()), { qos: 0 })
    for (let i = 0; i < 40; i++) later.push(subscribe('a', () => {}, { qos: 0 }))
    await broker.publish('a', 1)
    assertStats(broker.stats(), { matched: 41, acked: 1, cancelled: 40 })
  })

  it('calls one that is paused again after resume()', async ({ broker, subscribe }) => {
    const seen = recorder()
    const [first] = [0, 1].map(() => subscribe('a', seen.handler, { qos: 0 }))
    await broker.publish('a', 1)
    first?.pause()
    await broker.publish('a', 2)
    first?.resume()
    await broker.publish('a', 3)
    assert.deepEqual(seen.data(), [1, 1, 2, 3, 3])
    assertStats(first?.stats() ?? {}, { matched: 3, acked: 2, overflowed: 1 })
  })

  it('keeps the counts of those that leave, and of topics that nobody counts up', async ({ broker, subscribe }) => {
    const topics = Array.from({ length: 600 }, (_, i) => `t${i}`)
    const all = topics.flatMap((topic) => [0, 1].map(() => subscribe(topic, () => {}, { qos: 0 })))
    for (const topic of [...topics, ...topics]) void broker.publish(topic, 1)
    await all[0]?.unsubscribe()
    void broker.publish('t0', 1)
    assertStats(all[0]?.stats() ?? {}, { matched: 2, acked: 2 })
    assertStats(all[1]?.stats() ?? {}, { matched: 3, acked: 3 })
    for (const each of all) await each.unsubscribe()
    assertStats(broker.stats(), { published: 1201, matched: 2401, delivered: 2401, acked: 2401, subscriptions: 0 })
  })

  it('gives the next one a message that an earlier one cannot have edited', async ({ broker, subscribe }) => {
    const names = ['data', 'topic', 'extras', 'serial', 'stamp', 'recipient', 'event', 'id', 'params', 'signal']
    const seen = recorder((message) => [message.id, message.topic, message.data, message.signal.aborted])
    const edit: Handler = (message) => {
      for (const name of names) Reflect.set(message, name, 'edited')
    }
    subscribe('a', edit, { qos: 0 })
    subscribe('a', seen.handler, { qos: 0 })
    await broker.publish('a', 1)
    const { data, topic, id, event, params } = seen.at(0)
    assert.deepEqual([data, topic, event.data, event.type, params], [1, 'a', 1, 'a', []])
    assert.equal(id, event.id)
    assert.notEqual(id, 'edited')
  })

  it('tells of each rejection which event it belongs to, however many are under way', async () => {
    const seen: unknown[] = []
    const broker = create({ onError: (error, { event }) => void seen.push([error, event?.data]) })
    const rejects: (() => void)[] = []
    const handler: Handler = ({ data }) => new Promise((_, reject) => rejects.push(() => reject(data)))
    for (let i = 0; i < 3; i++) broker.subscribe('a', handler, { qos: 0 })
    const end = async (...calls: readonly number[]): Promise<void> => {
      for (const call of calls) rejects[call]?.()
      await turn()
    }
    for (const data of [1, 2]) await broker.publish('a', data)
    await end(1, 5, 2)
    await broker.publish('a', 3)
    await end(8, 0)
    await broker.publish('a', 4)
    await end(11, 3, 4, 6, 7, 9, 10)
    await broker.settled()
    assert.deepEqual(
      seen,
      [1, 2, 1, 3, 1, 4, 2, 2, 3, 3, 4, 4].map((data) => [data, data]),
    )
    assertStats(broker.stats(), { published: 4, matched: 12, delivered: 12, dropped: 12, subscriptions: 3 })
  })
})
