/** At the edges: groups. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { SubscribeOptions } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, deferred, never, recorder, turn } from './harness.ts'

export function groups(create: Create): void {
  const it = claims(create)

  describe('groups', () => {
    it('give each message to one member, and all members their share', async ({ broker, subscribe }) => {
      const members = [recorder(), recorder(), recorder()]
      for (const member of members) subscribe('a', member.handler, { group: 'g' })
      for (let i = 0; i < 30; i++) await broker.publish('a', i)
      await turn()
      const all = members.flatMap((member) => member.data())
      assert.deepEqual(
        all.sort((x, y) => Number(x) - Number(y)),
        [...Array(30).keys()],
      )
      for (const member of members) assert.ok(member.messages.length > 0)
    })

    it('are their name together with their filter', async ({ broker, subscribe }) => {
      const seen = [
        ['a', 'g'],
        ['a', 'h'],
        ['+', 'g'],
      ].map(([filter = '', group = '']) => {
        const one = recorder()
        subscribe(filter, one.handler, { group })
        return one
      })
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(
        seen.map((one) => one.data()),
        [[1], [1], [1]],
      )
    })

    it('share their stats', async ({ broker, subscribe }) => {
      const one = subscribe('a', () => {}, { group: 'g' })
      const two = subscribe('a', () => {}, { group: 'g' })
      for (let i = 0; i < 4; i++) await broker.publish('a', i)
      await turn()
      assert.deepEqual(one.stats(), two.stats())
      assertStats(one.stats(), { matched: 4, acked: 4 })
      assertStats(broker.stats(), { matched: 4, acked: 4, subscriptions: 2 })
    })

    const where = (): boolean => true
    const first: SubscribeOptions = {
      capacity: 9,
      overflow: 'reject',
      ackWaitMs: 50,
      maxDeliveries: 3,
      backoff: [1],
      deadLetterTopic: 'd',
      where,
    }
    for (const other of [
      { capacity: 8 },
      { overflow: 'wait' },
      { ackWaitMs: 51 },
      { maxDeliveries: 4 },
      { backoff: [2] },
      { deadLetterTopic: 'e' },
      { where: () => true },
      { ordered: true },
    ] as const satisfies SubscribeOptions[]) {
      it(`refuse a member with another ${Object.keys(other)[0]}`, async ({ broker, subscribe }) => {
        subscribe('a', () => {}, { ...first, group: 'g' })
        assert.equal(
          await codeOf(() => broker.subscribe('a', () => {}, { ...first, ...other, group: 'g' })),
          'ERR_OPTION_INVALID',
        )
        assertStats(broker.stats(), { subscriptions: 1 })
      })
    }

    it('let members differ in concurrency, signal and handler, and be iterators', async ({ broker, subscribe }) => {
      subscribe('a', () => {}, { ...first, group: 'g' })
      subscribe('a', () => {}, {
        ...first,
        backoff: [1],
        group: 'g',
        concurrency: 5,
        signal: new AbortController().signal,
      })
      subscribe('a', undefined, { ...first, group: 'g' })
      assertStats(broker.stats(), { subscriptions: 3 })
    })

    it('give what a leaving member had in flight to another, with its count kept', async ({ broker, subscribe }) => {
      const leaver = recorder(() => never)
      const one = subscribe('a', leaver.handler, { group: 'g', backoff: [1_000] })
      await broker.publish('a', 1)
      await turn()
      const stayer = recorder()
      const two = subscribe('a', stayer.handler, { group: 'g', backoff: [1_000] })
      await broker.publish('a', 2)
      await turn()
      void one.unsubscribe()
      await turn()
      assert.deepEqual(
        stayer.messages.map(({ data, deliveryCount }) => [data, deliveryCount]),
        [
          [2, 1],
          [1, 2],
        ],
      )
      assert.equal(leaver.at(0).ack(), false)
      assert.equal(leaver.at(0).signal.aborted, true)
      assertStats(two.stats(), { matched: 2, acked: 2, cancelled: 0, overdue: 1 })
    })

    it('offer a message whose member left in its last delivery once more', async ({ broker, subscribe }) => {
      const one = subscribe('a', () => never, { group: 'g', maxDeliveries: 1, deadLetterTopic: 'd' })
      await broker.publish('a', 1)
      await turn()
      const stayer = recorder()
      const two = subscribe('a', stayer.handler, { group: 'g', maxDeliveries: 1, deadLetterTopic: 'd' })
      await one.unsubscribe()
      await turn()
      assert.deepEqual(stayer.counts(), [1])
      assertStats(two.stats(), { acked: 1, deadLettered: 0 })
    })

    it('give what an iterator held when its loop was left to another', async ({ broker, subscribe }) => {
      const iterator = subscribe('a', undefined, { group: 'g' })
      await broker.publish('a', 1)
      for await (const message of iterator)
        if (message.data === 1 && subscribe('a', stayer.handler, { group: 'g' })) break
      await turn()
      assert.deepEqual(
        stayer.messages.map(({ data, deliveryCount }) => [data, deliveryCount]),
        [[1, 2]],
      )
    })
    const stayer = recorder()

    it('cancel what remains when the last member leaves', async ({ broker, subscribe }) => {
      const gate = deferred()
      const one = subscribe('a', () => gate.promise, { group: 'g' })
      const two = subscribe('a', () => gate.promise, { group: 'g' })
      for (let i = 0; i < 5; i++) await broker.publish('a', i)
      await turn()
      await one.unsubscribe()
      assertStats(two.stats(), { cancelled: 0, inFlight: 1, queued: 4 })
      await two.unsubscribe()
      assertStats(two.stats(), { cancelled: 4, inFlight: 1, queued: 0 })
      gate.resolve('ack')
      await two.closed
      assertStats(two.stats(), { acked: 1, cancelled: 4, inFlight: 0 })
    })

    it('begin afresh when they are made again after their end', async ({ broker, subscribe }) => {
      const one = subscribe('a', undefined, { group: 'g', capacity: 1 })
      await broker.publish('a', 1)
      await one.unsubscribe()
      const two = subscribe('a', undefined, { group: 'g', capacity: 2 })
      assertStats(two.stats(), { matched: 0, queued: 0 })
      await broker.publish('a', 2)
      assertStats(two.stats(), { queued: 1 })
    })

    for (const way of ['unsubscribe', 'drain'] as const) {
      it(`hand nothing more to a member that leaves by ${way}() in the middle of a burst`, async ({
        broker,
        subscribe,
      }) => {
        const rest = recorder()
        const seen = recorder(() => {
          if (seen.messages.length > 1) return
          subscribe('a', rest.handler, { group: 'g' })
          void leaving[way]()
        })
        const leaving = subscribe('a', seen.handler, { group: 'g' })
        for (let i = 0; i < 5; i++) void broker.publish('a', i)
        await broker.settled()
        assert.deepEqual(seen.data(), [0])
        assert.deepEqual(rest.data(), way === 'drain' ? [1, 2, 3, 4] : [0, 1, 2, 3, 4])
      })
    }

    for (const way of ['unsubscribe', 'drain'] as const) {
      it(`hand nothing to a member that has left by ${way}(), not even when it is resumed`, async ({
        broker,
        subscribe,
      }) => {
        const gates = [deferred<void>(), deferred<void>()]
        const [left, other] = gates.map(({ promise }) => recorder(() => promise))
        const leaving = subscribe('a', left?.handler, { group: 'g' })
        subscribe('a', other?.handler, { group: 'g' })
        for (const data of [1, 2, 3]) await broker.publish('a', data)
        await turn()
        void leaving[way]()
        leaving.resume()
        gates[0]?.resolve()
        await turn()
        assert.deepEqual([left?.data(), other?.data()], [[1], [2]])
        gates[1]?.resolve()
        await broker.settled()
        assert.deepEqual([left?.data(), other?.data()], [[1], way === 'drain' ? [2, 3] : [2, 1, 3]])
      })
    }

    it('wake a member that came while the only one was called and cannot take more', async ({ broker, subscribe }) => {
      const rest = recorder()
      const seen = recorder(() => {
        subscribe('a', rest.handler, { group: 'g' })
        paused.pause()
      })
      const paused = subscribe('a', seen.handler, { group: 'g' })
      for (let i = 0; i < 4; i++) void broker.publish('a', i)
      await turn()
      assert.deepEqual(seen.data(), [0])
      assert.deepEqual(rest.data(), [1, 2, 3])
    })

    it('hold back only the paused member', async ({ broker, subscribe }) => {
      const paused = recorder()
      const other = recorder()
      subscribe('a', paused.handler, { group: 'g' }).pause()
      subscribe('a', other.handler, { group: 'g' })
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      await turn()
      assert.deepEqual([paused.data(), other.data()], [[], [1, 2, 3]])
    })
  })
}
