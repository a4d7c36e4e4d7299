/** At the edges: where, pause, history, fairness, isolation of data. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Isolation, SubscribeOptions } from '../../src/index.ts'
import { assertStats, type Create, claims, codeOf, never, recorder, turn } from './harness.ts'

const history = { history: { size: 3 } }

export function rest(create: Create): void {
  const it = claims(create)

  describe('where', () => {
    for (const overflow of ['wait', 'reject'] as const) {
      it(`may end a full queue with overflow ${overflow}: then nobody needs room there`, async ({
        broker,
        subscribe,
      }) => {
        const full = subscribe('a', () => never, { capacity: 1, overflow, ackWaitMs: Infinity })
        await broker.publish('a', 1)
        await turn()
        const where = (): boolean => {
          void full.unsubscribe()
          return true
        }
        const other = subscribe('a', () => {}, { where })
        await broker.publish('a', 2)
        await turn()
        assertStats(full.stats(), { matched: 1, inFlight: 1 })
        assertStats(other.stats(), { matched: 1, acked: 1 })
      })
    }

    it('takes only the events it wants', async ({ broker, subscribe }) => {
      const seen = recorder()
      const subscription = subscribe('a', seen.handler, { where: (event) => Number(event.data) % 2 === 0 })
      for (let i = 0; i < 5; i++) await broker.publish('a', i)
      await turn()
      assert.deepEqual(seen.data(), [0, 2, 4])
      assertStats(subscription.stats(), { matched: 3 })
    })

    for (const qos of [0, 1] as const) {
      it(`does not match when it throws, and tells onError (qos ${qos})`, async ({ broker, errors, subscribe }) => {
        const why = new Error('where')
        const subscription = subscribe('a', () => {}, {
          qos,
          where: () => {
            throw why
          },
        })
        const other = subscribe('a', () => {})
        assert.equal(await codeOf(broker.publish('a', 1)), undefined)
        await turn()
        assertStats(subscription.stats(), { matched: 0 })
        assertStats(other.stats(), { matched: 1 })
        assert.deepEqual(
          errors.map(({ error, context }) => [error, context.kind, context.filter]),
          [[why, 'where', 'a']],
        )
      })
    }

    it('makes room unnecessary for what it does not want', async ({ broker, subscribe }) => {
      subscribe('a', undefined, { capacity: 1, overflow: 'reject', where: (event) => event.data === 1 })
      await broker.publish('a', 1)
      assert.equal(await codeOf(broker.publish('a', 2)), undefined)
      assert.equal(await codeOf(broker.publish('a', 1)), 'ERR_QUEUE_FULL')
    })
  })

  describe('attachment', () => {
    const bytes = new Uint8Array([1, 2, 3])

    for (const qos of [0, 1] as const) {
      it(`goes along with the message and is no part of the event (qos ${qos})`, async ({ broker, subscribe }) => {
        const seen: unknown[] = []
        subscribe('a', (message) => void seen.push(message.attachment, 'attachment' in message.event), { qos })
        await broker.publish('a', 1, { attachment: bytes })
        await broker.publish('a', 2)
        await turn()
        assert.deepEqual(seen, [bytes, false, undefined, false])
        assert.equal(seen[0], bytes)
      })
    }

    it('goes along to the dead letter topic', async ({ broker, subscribe }) => {
      const seen: unknown[] = []
      subscribe('dead', (message) => void seen.push(message.attachment))
      subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
      await broker.publish('a', 1, { attachment: bytes })
      await turn()
      assert.equal(seen[0], bytes)
    })
  })

  describe('pause()', () => {
    it('starts nothing new until resume(), and may be called twice', async ({ broker, subscribe }) => {
      const seen = recorder()
      const subscription = subscribe('a', seen.handler)
      subscription.pause()
      subscription.pause()
      for (const data of [1, 2]) await broker.publish('a', data)
      await turn()
      assert.deepEqual(seen.data(), [])
      assertStats(subscription.stats(), { queued: 2 })
      subscription.resume()
      subscription.resume()
      await turn()
      assert.deepEqual(seen.data(), [1, 2])
    })

    it('lets capacity, ttl, delays and ack waits go on', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', () => new Promise(() => {}), {
        capacity: 3,
        overflow: 'reject',
        ackWaitMs: 10,
        backoff: [100],
      })
      await broker.publish('a', 1)
      await turn()
      subscription.pause()
      await broker.publish('a', 2, { ttlMs: 10 })
      await broker.publish('a', 3, { delayMs: 10 })
      assert.equal(await codeOf(broker.publish('a', 4)), 'ERR_QUEUE_FULL')
      await clock.advance(10)
      assertStats(subscription.stats(), { inFlight: 0, expired: 1, queued: 1, delayed: 1, overdue: 1 })
    })

    it('loses what a qos 0 subscription cannot keep, and says so', async ({ broker, subscribe }) => {
      const seen = recorder()
      const subscription = subscribe('a', seen.handler, { qos: 0 })
      subscription.pause()
      await broker.publish('a', 1)
      subscription.resume()
      await broker.publish('a', 2)
      assert.deepEqual(seen.data(), [2])
      assertStats(subscription.stats(), { matched: 2, overflowed: 1, skipped: 1, acked: 1 })
    })
  })

  describe('history', () => {
    it(
      'numbers the events of each topic from 1',
      async ({ broker, subscribe }) => {
        const seen = recorder()
        subscribe('#', seen.handler)
        for (const topic of ['a', 'b', 'a', 'a', 'b']) await broker.publish(topic, topic)
        await turn()
        assert.deepEqual(
          seen.messages.map((message) => message.sequence),
          [1, 1, 2, 3, 2],
        )
      },
      history,
    )

    it('gives no sequence when there is none', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', seen.handler)
      await broker.publish('a', 1)
      await turn()
      assert.equal(seen.at(0).sequence, undefined)
    })

    it(
      'says the number of the latest event of a topic',
      async ({ broker }) => {
        await broker.publish('a', 1)
        await broker.publish('a', 2, { extensions: { expirytime: '1999-01-01T00:00:00Z' } })
        await broker.publish('b', 3)
        assert.deepEqual(
          ['a', 'b', 'c'].map((topic) => broker.lastSequence(topic)),
          [2, 1, 0],
        )
        assert.throws(() => broker.lastSequence('a/+'), { code: 'ERR_TOPIC_INVALID', position: 2 })
      },
      history,
    )

    it('says no number when there is none', async ({ broker }) => {
      await broker.publish('a', 1)
      assert.equal(broker.lastSequence('a'), undefined)
      assert.throws(() => broker.lastSequence(''), { code: 'ERR_TOPIC_INVALID' })
    })

    const starts: readonly (readonly [SubscribeOptions, readonly number[], number])[] = [
      [{ from: 'now' }, [], 0],
      [{ from: 'oldest' }, [3, 4, 5], 0],
      [{ from: { sequence: 4 } }, [4, 5], 0],
      [{ from: { sequence: 3 } }, [3, 4, 5], 0],
      [{ from: { sequence: 1 } }, [3, 4, 5], 2],
      [{ from: 'oldest', where: (event) => event.data !== 4 }, [3, 5], 0],
      [{ from: 'oldest', capacity: 1, overflow: 'dropOldest' }, [5], 2],
      [{ from: 'oldest', capacity: 1, overflow: 'dropNewest' }, [3], 2],
      [{ from: 'oldest', capacity: 1, overflow: 'wait' }, [3, 4, 5], 0],
      [{ from: 'oldest', capacity: 2, overflow: 'reject' }, [3, 4, 5], 0],
    ]
    for (const [options, expected, skipped] of starts) {
      it(
        `begins with [${expected.join(', ')}] of the last 3 of 5 and skips ${skipped} for ${JSON.stringify(options)}${options.where ? ' and a where' : ''}`,
        async ({ broker, subscribe }) => {
          for (let i = 1; i <= 5; i++) await broker.publish('a', i)
          const seen = recorder()
          const subscription = subscribe('a', seen.handler, options)
          await turn()
          await broker.publish('a', 6)
          await turn()
          assert.deepEqual(seen.data(), [...expected, 6])
          assertStats(subscription.stats(), { skipped, acked: seen.messages.length })
        },
        history,
      )
    }

    it(
      'does not replay what is expired',
      async ({ broker, clock, subscribe }) => {
        await broker.publish('a', 1, { ttlMs: 5 })
        await broker.publish('a', 2)
        await clock.advance(5)
        const seen = recorder()
        subscribe('a', seen.handler, { from: 'oldest' })
        await turn()
        assert.deepEqual(seen.data(), [2])
      },
      history,
    )

    it(
      'replays several topics of a wildcard in publish order',
      async ({ broker, subscribe }) => {
        for (const [i, topic] of ['a', 'b', 'a', 'b', 'c'].entries()) await broker.publish(topic, i)
        const seen = recorder()
        subscribe('+', seen.handler, { from: 'oldest' })
        await turn()
        assert.deepEqual(seen.data(), [0, 1, 2, 3, 4])
      },
      history,
    )
  })

  describe('fairness', () => {
    for (const qos of [0, 1] as const) {
      it(`gives the event loop a turn while a qos ${qos} handler publishes to itself 100 000 times`, async ({
        broker,
        subscribe,
      }) => {
        let count = 0
        let atTurn: number | undefined
        const done = new Promise<void>((resolve) => {
          subscribe(
            'a',
            () => {
              if (++count < 100_000) void broker.publish('a', count)
              else resolve()
            },
            { qos },
          )
        })
        setImmediate(() => (atTurn = count))
        void broker.publish('a', 0)
        await done
        assert.ok(atTurn !== undefined && atTurn < 10_000, `first turn after ${atTurn} deliveries`)
      })
    }

    it('gives the event loop a turn while 100 000 queued messages are delivered', async ({ broker, subscribe }) => {
      let atTurn: number | undefined
      const subscription = subscribe('a', () => {}, { capacity: Infinity })
      for (let i = 0; i < 100_000; i++) void broker.publish('a', i)
      setImmediate(() => (atTurn = subscription.stats().acked))
      await broker.settled()
      assert.ok(atTurn !== undefined && atTurn <= 2_000, `first turn after ${atTurn} deliveries`)
      assertStats(subscription.stats(), { acked: 100_000 })
    })
  })

  describe('isolation', () => {
    const publisher = (): { list: number[] } => ({ list: [1] })
    const table: readonly (readonly [Isolation, { same: boolean; editSeen: boolean }])[] = [
      ['shared', { same: true, editSeen: true }],
      ['frozen', { same: true, editSeen: false }],
      ['clone', { same: false, editSeen: false }],
      ['json', { same: false, editSeen: false }],
    ]
    for (const [isolation, { same, editSeen }] of table) {
      it(
        `gives with '${isolation}' ${same ? "the publisher's object" : 'an object of its own'}, and ${editSeen ? 'shows' : 'hides'} edits`,
        async ({ broker, subscribe }) => {
          const data = publisher()
          const edit = recorder((message) => {
            const seen = message.data
            assert.ok(typeof seen === 'object' && seen !== null)
            return void Reflect.set(seen, 'list', 'edited')
          })
          const read = recorder()
          subscribe('a', edit.handler)
          subscribe('a', read.handler)
          await broker.publish('a', data)
          await turn()
          assert.equal(read.at(0).data === data, same)
          assert.deepEqual(read.at(0).data, { list: editSeen ? 'edited' : [1] })
        },
        { isolation },
      )
    }

    for (const isolation of ['clone', 'json'] as const) {
      it(
        `hides with '${isolation}' what the publisher does to its object later`,
        async ({ broker, subscribe }) => {
          const seen = recorder()
          subscribe('a', seen.handler)
          const data = publisher()
          void broker.publish('a', data)
          data.list.push(2)
          await turn()
          assert.deepEqual(seen.at(0).data, { list: [1] })
        },
        { isolation },
      )

      it(
        `refuses with '${isolation}' data that cannot be copied`,
        async ({ broker }) => {
          assert.equal(await codeOf(broker.publish('a', () => {})), 'ERR_EVENT_INVALID')
          assertStats(broker.stats(), { published: 0 })
        },
        { isolation },
      )
    }
  })
}
