/** P7: subscribing is synchronous. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { assertStats, type Create, claims, codeOf, recorder, turn } from './harness.ts'

export function subscribing(create: Create): void {
  const it = claims(create)

  describe('P7: subscribing is synchronous', () => {
    for (const qos of [0, 1] as const) {
      it(`misses nothing from the moment subscribe() returns (qos ${qos})`, async ({ broker, subscribe }) => {
        const seen = recorder()
        subscribe('a', seen.handler, { qos })
        void broker.publish('a', 1)
        await turn()
        assert.deepEqual(seen.data(), [1])
      })
    }

    it('misses nothing before the first next() of an iterator', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', undefined)
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      const iterator = subscription[Symbol.asyncIterator]()
      for (const data of [1, 2, 3]) assert.equal((await iterator.next()).value?.data, data)
    })

    it('gives nothing that was published before', async ({ broker, subscribe }) => {
      const seen = recorder()
      await broker.publish('a', 0)
      subscribe('a', seen.handler)
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen.data(), [1])
    })

    it('sees a new filter at once, also for a topic that was published before', async ({ broker, subscribe }) => {
      for (let i = 0; i < 3; i++) await broker.publish('a/b', 'before')
      const seen = recorder()
      const wild = subscribe('a/+', seen.handler)
      await broker.publish('a/b', 1)
      await turn()
      await wild.unsubscribe()
      await broker.publish('a/b', 2)
      await turn()
      assert.deepEqual(seen.data(), [1])
    })

    for (const filter of ['a/+', 'a/c', '#']) {
      it(`sees ${filter} come and go among topics that are published in turns`, async ({ broker, subscribe }) => {
        const round = async (data: string): Promise<void> => {
          for (let i = 0; i < 50; i++) for (const topic of ['a/b', 'a/c', 'a/d']) await broker.publish(topic, data)
          await turn()
        }
        const seen = recorder()
        const others = recorder()
        subscribe('+/c', others.handler)
        await round('before')
        const subscription = subscribe(filter, seen.handler)
        await round('between')
        await subscription.unsubscribe()
        await round('after')
        assert.deepEqual(new Set(seen.data()), new Set(['between']))
        assert.equal(seen.data().length, filter === 'a/c' ? 50 : 150)
        assert.equal(others.data().length, 150)
      })
    }

    it('takes the same handler twice as two subscriptions', async ({ broker, subscribe }) => {
      const seen = recorder()
      const one = subscribe('a', seen.handler)
      const two = subscribe('a', seen.handler)
      assert.notEqual(one, two)
      await broker.publish('a', 1)
      await turn()
      await one.unsubscribe()
      await broker.publish('a', 2)
      await turn()
      assert.deepEqual(seen.data(), [1, 1, 2])
      assertStats(two.stats(), { acked: 2 })
    })

    it('has its filter and group', ({ subscribe }) => {
      const { filter, group } = subscribe('a/+', () => {}, { group: 'g' })
      assert.deepEqual([filter, group, subscribe('b', () => {}).group], ['a/+', 'g', undefined])
    })

    it('is over from the start when its signal is aborted', async ({ broker, subscribe }) => {
      const seen = recorder()
      const subscription = subscribe('a', seen.handler, { signal: AbortSignal.abort() })
      await subscription.closed
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual(seen.data(), [])
      assertStats(broker.stats(), { subscriptions: 0, matched: 0 })
    })

    for (const qos of [0, 1] as const) {
      it(`leaves nothing behind that is over from the start (qos ${qos})`, async ({ broker, subscribe }) => {
        const seen = recorder()
        const signal = AbortSignal.abort()
        const group = qos === 1 ? { group: 'g' } : {}
        await subscribe('a', seen.handler, { qos, signal, ...group }).closed
        subscribe('a', seen.handler, { qos, ...group })
        await subscribe('a', seen.handler, { qos, signal, ...group }).closed
        await broker.publish('a', 1)
        await turn()
        assert.deepEqual(seen.data(), [1])
        assertStats(broker.stats(), { subscriptions: 1, matched: 1, acked: 1 })
      })
    }

    it(
      'replays nothing to what is over from the start',
      async ({ broker, subscribe }) => {
        await broker.publish('a', 1)
        await subscribe('a', () => {}, { from: 'oldest', signal: AbortSignal.abort() }).closed
        assertStats(broker.stats(), { matched: 0, cancelled: 0 })
      },
      { history: { size: 9 } },
    )

    it('says what each wildcard stood for', async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a/+/c/#', seen.handler)
      await broker.publish('a/b/c/d/e', 1)
      await broker.publish('a//c', 2)
      await turn()
      assert.deepEqual(
        seen.messages.map((message) => message.params),
        [
          ['b', 'd/e'],
          ['', ''],
        ],
      )
    })

    it('takes topics with the names of object properties', async ({ broker, subscribe }) => {
      const names = [
        '__proto__',
        'constructor',
        'toString',
        'hasOwnProperty',
        'then',
        '0',
        ' ',
        'a//b',
        '/',
        '\u00e9',
        'e\u0301',
        '$x',
        '%00',
      ]
      const seen = names.map((name) => {
        const one = recorder()
        subscribe(name, one.handler)
        return one
      })
      for (const name of names) await broker.publish(name, name)
      await turn()
      assert.deepEqual(
        seen.map((one) => one.data()),
        names.map((name) => [name]),
      )
    })

    for (const topic of [
      '',
      'a/+',
      '#',
      'a\0b',
      '\ud800',
      'x'.repeat(65_536),
      Array(129).fill('a').join('/'),
      1 as never,
      null as never,
      { toString: 0 } as never,
    ]) {
      it(`refuses to publish on ${JSON.stringify(topic).slice(0, 20)}`, async ({ broker, subscribe }) => {
        subscribe('#', () => {})
        assert.equal(await codeOf(broker.publish(topic, 1)), 'ERR_TOPIC_INVALID')
        assertStats(broker.stats(), { published: 0, matched: 0 })
      })
    }

    for (const filter of ['', 'a/#/b', 'a#', '+a', 'a\0', '\udc00', undefined as never, Symbol('f') as never]) {
      it(`refuses to subscribe to ${String(filter).replace('\0', 'NUL')}`, async ({ broker }) => {
        assert.equal(await codeOf(() => broker.subscribe(filter, () => {})), 'ERR_FILTER_INVALID')
        assertStats(broker.stats(), { subscriptions: 0 })
      })
    }

    for (const [what, filter, isMatch] of [
      ['a filter', 'a/b', true],
      ['a longer filter', 'a/b/c', false],
      ['a wildcard', '+/b', true],
      ['a multi-level wildcard', 'a/b/#', true],
      ['everything', '#', true],
    ] as const) {
      it(`resolves once() with the next message of ${what}`, async ({ broker }) => {
        let got: unknown
        const once = broker.once(filter).then((message) => (got = message.data))
        await broker.publish('a/b', 1)
        await broker.publish('a/b', 2)
        await turn()
        assert.equal(got, isMatch ? 1 : undefined)
        if (isMatch) await once
        assertStats(broker.stats(), { subscriptions: isMatch ? 0 : 1 })
        once.catch(() => {})
      })
    }

    it('asks where before once() resolves', async ({ broker }) => {
      const once = broker.once('a', { where: (event) => event.data === 2 })
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      assert.equal((await once).data, 2)
    })

    it('rejects once() with the reason of its signal', async ({ broker }) => {
      const gone = new AbortController()
      const once = broker.once('a', { signal: gone.signal })
      gone.abort('gone')
      assert.equal(await codeOf(once), 'gone')
      assert.equal(await codeOf(broker.once('a', { signal: AbortSignal.abort('before') })), 'before')
      assertStats(broker.stats(), { subscriptions: 0 })
    })
  })
}
