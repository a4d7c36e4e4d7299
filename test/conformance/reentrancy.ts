/** What users do from inside the code that the broker calls: handlers, observers, `where`, listeners. Most was found by a fuzzer. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { BrokerOptions, Message, Subscription } from '../../src/index.ts'
import {
  assertStats,
  begin,
  type Create,
  claims,
  codeOf,
  deferred,
  isSettled,
  never,
  recorder,
  turn,
} from './harness.ts'

export function reentrancy(create: Create): void {
  const it = claims(create)

  describe('a line that moves', () => {
    it('lets in all that stood there before a handler publishes', async ({ broker, subscribe }) => {
      const full = subscribe('#', () => never, { capacity: 1 })
      const seen = recorder()
      subscribe('log', seen.handler)
      subscribe('go', ({ data }) => void (data === 1 && broker.publish('log', 'late')), { qos: 0 })
      void broker.publish('go', 0)
      void broker.publish('go', 1)
      void broker.publish('log', 'early')
      await full.unsubscribe()
      await turn()
      assert.deepEqual(seen.data(), ['early', 'late'])
    })

    it('refuses a publish once, and does not accept it, when a where aborts it or closes the broker', async (bench) => {
      for (const how of ['abort', 'close'] as const) {
        const { broker, subscribe } = how === 'abort' ? bench : begin(create)
        const stop = new AbortController()
        const full = subscribe('a', () => never, { capacity: 1 })
        const seen = recorder()
        let isMoving = false
        const where = (): boolean => {
          if (isMoving) how === 'abort' ? stop.abort('mine') : void broker.close({ graceMs: 0 })
          return true
        }
        subscribe('a', seen.handler, { qos: 0, where })
        void broker.publish('a', 0)
        await turn()
        const waiting = codeOf(broker.publish('a', 1, { signal: stop.signal }))
        isMoving = true
        void full.unsubscribe()
        await turn()
        assert.equal(await waiting, how === 'abort' ? 'mine' : 'ERR_CLOSED')
        assert.deepEqual(seen.data(), [0])
        assertStats(broker.stats(), { waiting: 0, published: 1, refused: 1 })
        await broker.close({ graceMs: 0 })
      }
    })
  })

  describe('a where that publishes', () => {
    it('does not get an event into a queue beyond its capacity', async ({ broker, subscribe }) => {
      const queue = subscribe('a', () => never, { capacity: 1, overflow: 'reject' })
      const where = ({ data }: { readonly data?: unknown }): boolean => {
        if (data === 1) void broker.publish('a', 2)
        return true
      }
      subscribe('a', () => {}, { qos: 0, where })
      assert.equal(await codeOf(broker.publish('a', 1)), 'ERR_QUEUE_FULL')
      assertStats(queue.stats(), { matched: 1, inFlight: 1 })
    })

    it('is followed by the event that it looked at, everywhere', async ({ broker, subscribe }) => {
      const queued = recorder()
      const direct = recorder()
      subscribe('a', queued.handler)
      subscribe('a', direct.handler, { qos: 0 })
      const where = ({ data }: { readonly data?: unknown }): boolean => {
        if (data === 1) void broker.publish('a', 2)
        return false
      }
      subscribe('a', () => {}, { qos: 0, where })
      await broker.publish('a', 1)
      await turn()
      assert.deepEqual([queued.data(), direct.data()], [[2, 1], [2, 1]]) // biome-ignore format: side by side
    })
  })

  describe('a delayed qos 0 event', () => {
    it('calls no handler inside another one', async ({ broker, clock, subscribe }) => {
      const log: string[] = []
      for (const name of ['x', 'y'])
        subscribe(
          'a',
          ({ data }) => {
            log.push(`${name}${data} begins`)
            if (data === 1 && name === 'x') void broker.publish('a', 2)
            log.push(`${name}${data} ends`)
          },
          { qos: 0 },
        )
      await broker.publish('a', 1, { delayMs: 5 })
      await clock.advance(5)
      const inOrder = log.every((text, i) => i % 2 === 1 || text.replace('begins', 'ends') === log[i + 1])
      assert.ok(inOrder && log.length === 8, log.join())
    })
  })

  describe('a qos 0 event in line', () => {
    it('expires there', async ({ broker, clock, subscribe }) => {
      const seen = recorder(({ data }) => {
        if (data === 0) for (let i = 1; i <= 1500; i++) void broker.publish('a', i, { ttlMs: 5 })
      })
      const subscription = subscribe('a', seen.handler, { qos: 0 })
      const real = clock.nextTurn.bind(clock)
      let late = 0
      const now = clock.now.bind(clock)
      clock.now = () => now() + late
      clock.nextTurn = (callback) => real(() => ((late = 5), callback()))
      await broker.publish('a', 0)
      await turn()
      const { acked, expired } = subscription.stats()
      assert.ok(acked < 1100 && acked + expired === 1501, `${acked} acked, ${expired} expired`)
    })
  })

  describe('what has expired', () => {
    it('makes room for no more than a turn allows, when publishes stand in line for it', async ({
      clock,
      broker,
      subscribe,
    }) => {
      subscribe('a', () => {}, { capacity: 4000 }).pause()
      for (let i = 0; i < 4000; i++) void broker.publish('a', i, { ttlMs: 5 })
      for (let i = 0; i < 4000; i++) void broker.publish('a', i)
      const now = clock.now.bind(clock)
      clock.now = () => now() + 5
      void broker.publish('a', 0)
      const { waiting } = broker.stats()
      assert.ok(waiting > 2900, `${waiting} wait`)
      await clock.advance(10)
      assertStats(broker.stats(), { waiting: 1, expired: 4000, queued: 4000 })
    })
  })

  describe('an observer', () => {
    /** A broker whose observer does something once. */
    const watched = (kind: 'published' | 'delivered' | 'overflowed', act: () => void): BrokerOptions => {
      let isDone = false
      const once = (): void => {
        if (isDone) return
        isDone = true
        act()
      }
      return { observer: { [kind]: once } }
    }

    for (const kind of ['published', 'overflowed'] as const)
      it(`that publishes when it is told of what was ${kind} comes after the event, everywhere`, async () => {
        const bench = begin(
          create,
          watched(kind, () => void bench.broker.publish('a', 'alarm')),
        )
        const { broker, subscribe } = bench
        const seen = [0, 1, 2].map(() => recorder())
        const [first, second, direct] = seen
        subscribe('a', () => never, { capacity: 1, overflow: 'dropNewest' })
        if (kind === 'overflowed') void broker.publish('a', 'event 0')
        subscribe('a', first?.handler)
        subscribe('a', () => never, { capacity: 1, overflow: 'dropNewest' })
        subscribe('a', second?.handler)
        subscribe('a', direct?.handler, { qos: 0 })
        await broker.publish('a', 'event')
        await turn()
        for (const one of seen) assert.deepEqual(one.data(), ['event', 'alarm'])
        await broker.close({ graceMs: 0 })
      })

    const forms = { 'qos 0 handler': { qos: 0 }, handler: {}, 'handler of a group': { group: 'g' } } as const
    for (const [name, options] of Object.entries(forms))
      it(`that unsubscribes when a message is delivered keeps the ${name} from being called`, async () => {
        const ends: unknown[] = []
        let subscription: Subscription | undefined
        const observer = {
          delivered: () => void subscription?.unsubscribe(),
          settled: ({ end }: { end?: unknown }) => void ends.push(end),
        }
        const { broker } = begin(create, { observer })
        const seen = recorder()
        subscription = broker.subscribe('a', seen.handler, options)
        await broker.publish('a', 1)
        await turn()
        assert.deepEqual(seen.data(), [])
        assertStats(subscription.stats(), { matched: 1, cancelled: 1, inFlight: 0, overdue: 0 })
        assert.deepEqual(ends, ['cancelled'])
        await broker.settled()
        await broker.close({ graceMs: 0 })
      })

    it('that unsubscribes an iterator when it takes a message ends its loop', async () => {
      let subscription: Subscription | undefined
      const { broker } = begin(create, { observer: { delivered: () => void subscription?.unsubscribe() } })
      subscription = broker.subscribe('a')
      const next = subscription[Symbol.asyncIterator]().next()
      await broker.publish('a', 1)
      assert.deepEqual(await next, { done: true, value: undefined })
      assertStats(subscription.stats(), { matched: 1, cancelled: 1, inFlight: 0 })
      await broker.settled()
    })

    it('is told of events in line that an unsubscribed qos 0 handler will not get', async () => {
      const ends: unknown[] = []
      const { broker } = begin(create, { observer: { settled: ({ id, end }) => void ends.push(`${id} ${end}`) } })
      const subscription = broker.subscribe(
        'a',
        () => {
          for (const id of ['two', 'three']) void broker.publish('a', 0, { id })
          void subscription.unsubscribe()
        },
        { qos: 0 },
      )
      await broker.publish('a', 0, { id: 'one' })
      assertStats(subscription.stats(), { matched: 3, acked: 1, cancelled: 2 })
      assert.deepEqual(ends, ['one acked', 'two cancelled', 'three cancelled'])
    })

    it('is told once of each qos 0 message that close() does not wait for', async () => {
      const ends: unknown[] = []
      const { broker, clock } = begin(create, {
        observer: { settled: ({ id, end }) => void ends.push(`${id} ${end}`) },
      })
      const running = deferred()
      broker.subscribe('a', ({ id }) => (id === 'two' ? running.promise : never), { qos: 0 })
      for (const id of ['one', 'two']) void broker.publish('a', 0, { id })
      const closing = broker.close({ graceMs: 10 })
      await clock.advance(10)
      assert.equal((await closing).cancelled, 2)
      running.resolve(undefined)
      await turn()
      assert.deepEqual(ends, ['one cancelled', 'two cancelled'])
    })
  })

  describe('a member of a group that somebody stops while it takes a message', () => {
    const stops = ['unsubscribe', 'drain', 'pause'] as const
    /** What it is stopped by: an observer of the ack that makes room in its hand, or of a message that expires before the next. */
    const kinds = { handler: ['expired'], iterator: ['expired', 'settled'] } as const
    for (const form of ['handler', 'iterator'] as const)
      for (const kind of kinds[form])
        for (const stop of stops)
          it(`leaves the message to the others, who get it for the first time (${form}, ${kind}, ${stop})`, async () => {
            let isStopping = false
            const observer = { [kind]: () => void (isStopping && one[stop]()) }
            const { broker, clock, subscribe } = begin(create, { observer })
            const now = clock.now.bind(clock)
            let lateMs = 0
            clock.now = () => now() + lateMs
            const mine = recorder()
            const one = subscribe('a', form === 'handler' ? mine.handler : undefined, { group: 'g' })
            const ask = async (): Promise<void> => {
              const { done, value } = await one[Symbol.asyncIterator]().next()
              if (!done) mine.handler(value)
            }
            if (form === 'iterator') for (let i = 0; i < 2; i++) void ask()
            const others = recorder()
            subscribe('a', others.handler, { group: 'g' })
            for (const data of [1, 2]) void broker.publish('a', data)
            await turn()
            isStopping = true
            if (kind === 'expired') void broker.publish('a', 3, { ttlMs: 5 })
            lateMs = 5
            void broker.publish('a', 4)
            await turn()
            assert.deepEqual(mine.data(), [1])
            assert.deepEqual([others.data(), others.counts()], [[2, 4], [1, 1]]) // biome-ignore format: side by side
            assertStats(one.stats(), { inFlight: 0, acked: 3, delivered: 3 })
            await broker.close({ graceMs: 0 })
          })
  })

  describe('the balance of the broker', () => {
    for (const filters of [
      ['a', 'a', 'a'],
      ['a', '+', '#'],
    ])
      it(`counts an event for those of ${filters} whom the first handler to get it unsubscribes`, async (bench) => {
        const { broker } = bench
        const end = (): void => {
          for (const one of all) void one.unsubscribe()
          broker.stats() // which forgets what is over
        }
        const all = filters.map((filter) => bench.subscribe(filter, end, { qos: 0 }))
        await broker.publish('a', 1)
        const [first, ...others] = all
        assertStats(first?.stats() ?? {}, { matched: 1, acked: 1 })
        for (const one of others) assertStats(one.stats(), { matched: 1, cancelled: 1 })
        assertStats(broker.stats(), { matched: 3, acked: 1, cancelled: 2 })
      })

    it('shows a handler as overdue to whoever is told of the end of its message, and until it returns', async () => {
      const told: number[] = []
      const bench = begin(create, { observer: { settled: () => void told.push(bench.broker.stats().overdue) } })
      const { broker, clock } = bench
      const running = deferred()
      const late = broker.subscribe('a', () => running.promise, { ackWaitMs: 10 })
      const member = (): Subscription => broker.subscribe('a', leave, { group: 'g' })
      let other: Subscription | undefined
      const leave = ({ signal }: Message): unknown => {
        signal.addEventListener('abort', () => void other?.unsubscribe())
        return running.promise
      }
      const one = member()
      await broker.publish('a', 1)
      await turn()
      other = member()
      void one.unsubscribe()
      void late.unsubscribe()
      await clock.advance(10)
      assert.deepEqual(told, [1, 2])
      assertStats(broker.stats(), { cancelled: 2, overdue: 2 })
      running.resolve(undefined)
      await turn()
      assertStats(broker.stats(), { cancelled: 2, overdue: 0 })
    })

    for (const leaves of [false, true])
      it(`does not wait for a member of a group that has acked and still runs when the broker has closed${leaves ? ', also one that has left' : ''}`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const running = deferred()
        const one = subscribe('a', (message) => (message.ack(), running.promise), { group: 'g' })
        await broker.publish('a', 1)
        await turn()
        const two = subscribe('a', () => {}, { group: 'g' })
        if (leaves) await one.unsubscribe()
        const settled = broker.settled()
        const closing = broker.close({ graceMs: 0 })
        await clock.advance(0)
        await closing
        await settled
        assertStats(two.stats(), { acked: 1, overdue: 1 })
        running.resolve(undefined)
        await turn()
        assertStats(broker.stats(), { acked: 1, overdue: 0 })
      })

    for (const isEnded of [false, true])
      it(`shows a handler as overdue that has acked and still runs when the broker has closed${isEnded ? ', also one that was unsubscribed' : ''}`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const running = deferred()
        const subscription = subscribe('a', (message) => (message.ack(), running.promise))
        await broker.publish('a', 1)
        await turn()
        if (isEnded) await subscription.unsubscribe()
        const settled = broker.settled()
        const closing = broker.close({ graceMs: 0 })
        assertStats(broker.stats(), { acked: 1, overdue: 0 })
        await clock.advance(0)
        await closing
        assertStats(subscription.stats(), { acked: 1, overdue: 1 })
        assertStats(broker.stats(), { acked: 1, overdue: 1 })
        await settled
        running.resolve(undefined)
        await turn()
        assertStats(broker.stats(), { acked: 1, overdue: 0 })
      })
  })

  describe('an onAbort that throws', () => {
    it('keeps nothing from ending', async ({ broker, subscribe }) => {
      const handler = (message: { onAbort?: (reason: unknown) => void }): Promise<never> => {
        message.onAbort = () => assert.fail('mine')
        return never
      }
      const subscription = subscribe('a', handler, { concurrency: 2 })
      for (const data of [1, 2]) await broker.publish('a', data)
      await turn()
      assert.ok(await isSettled(subscription.unsubscribe()))
      await broker.close({ graceMs: 0 })
      assertStats(broker.stats(), { cancelled: 2, inFlight: 0, subscriptions: 0 })
    })
  })

  describe('a broker that closes', () => {
    it('refuses a publish once that somebody aborts who hears of another', async () => {
      const stop = new AbortController()
      const { broker, subscribe } = begin(create, { observer: { refused: () => stop.abort('mine') } })
      subscribe('a', () => never, { capacity: 1 })
      void broker.publish('a', 0)
      const first = codeOf(broker.publish('a', 1))
      const second = codeOf(broker.publish('a', 2, { signal: stop.signal }))
      await broker.close({ graceMs: 0 })
      assert.deepEqual([await first, await second], ['ERR_CLOSED', 'mine'])
      assertStats(broker.stats(), { waiting: 0, refused: 2 })
    })
  })

  describe('a where that publishes while it looks at the history', () => {
    it('puts nothing before that', async () => {
      const { broker, subscribe } = begin(create, { history: { size: 10 } })
      for (const data of [1, 2]) await broker.publish('a', data)
      const where = ({ data }: { readonly data?: unknown }): boolean => {
        if (data === 1) void broker.publish('a', 'meanwhile')
        return true
      }
      const seen = recorder()
      subscribe('a', seen.handler, { from: 'oldest', where })
      await broker.publish('a', 3)
      await turn()
      assert.deepEqual(seen.data(), [1, 2, 3])
      assert.equal(broker.lastSequence('a'), 4)
    })
  })

  describe('a group that begins in the past', () => {
    const past: BrokerOptions = { history: { size: 10 } }
    /** What somebody does with another member while a member is made. */
    const acts: Readonly<Record<string, (join: () => Subscription) => unknown>> = {
      joins: (join) => join(),
      'joins and leaves': (join) => join().unsubscribe(),
      'joins and is drained': (join) => join().drain(),
    }
    for (const [what, act] of Object.entries(acts))
      it(`goes on when its where is asked about the past, and another member ${what}`, async () => {
        const { broker, subscribe } = begin(create, past)
        for (const data of [1, 2, 3]) await broker.publish('a', data)
        const seen = recorder()
        let asked = 0
        const where = (): boolean => {
          if (++asked === 2) act(() => subscribe('a', () => {}, options))
          return true
        }
        const options = { group: 'g', from: 'oldest', where } as const
        const one = subscribe('a', seen.handler, options)
        for (const data of [4, 5]) await broker.publish('a', data)
        await turn()
        assert.deepEqual(seen.data(), what === 'joins' ? [2, 4] : [1, 2, 3, 4, 5])
        assertStats(one.stats(), { matched: 5, acked: 5 })
        await broker.close({ graceMs: 0 })
      })

    it('goes on when an observer of what overflows meanwhile joins and leaves', async () => {
      let isDone = false
      const overflowed = (): void => {
        if (isDone) return
        isDone = true
        void subscribe('a', () => {}, options).unsubscribe()
      }
      const { broker, subscribe } = begin(create, { ...past, observer: { overflowed } })
      for (const data of [1, 2, 3]) await broker.publish('a', data)
      const seen = recorder()
      const options = { group: 'g', from: 'oldest', capacity: 1, overflow: 'dropOldest' } as const
      subscribe('a', seen.handler, options)
      await broker.publish('a', 4)
      await turn()
      assert.deepEqual(seen.data(), [4])
      await broker.close({ graceMs: 0 })
    })

    it('is refused when its where closes the broker', async () => {
      const { broker, subscribe } = begin(create, past)
      await broker.publish('a', 1)
      const where = (): boolean => {
        void broker.close({ graceMs: 0 })
        return true
      }
      assert.equal(await codeOf(() => subscribe('a', () => {}, { from: 'oldest', where })), 'ERR_CLOSED')
      assertStats(broker.stats(), { matched: 0, subscriptions: 0 })
    })
  })

  describe('history that waits for room', () => {
    const past: BrokerOptions = { history: { size: 10 } }
    const fill = async ({ broker }: ReturnType<typeof begin>): Promise<void> => {
      for (const data of [1, 2, 3]) await broker.publish('a', data)
    }
    for (const how of ['drain', 'close'] as const)
      it(`is delivered by ${how}()`, async () => {
        const bench = begin(create, past)
        await fill(bench)
        const seen = recorder()
        const subscription = bench.subscribe('a', seen.handler, { capacity: 1, from: 'oldest' })
        assertStats(bench.broker.stats(), { waiting: 2 })
        await (how === 'drain' ? subscription.drain() : bench.broker.close())
        assert.deepEqual(seen.data(), [1, 2, 3])
        assertStats(subscription.stats(), { matched: 3, acked: 3 })
      })

    it('is cancelled by unsubscribe()', async () => {
      const bench = begin(create, past)
      await fill(bench)
      const subscription = bench.subscribe('a', () => never, { capacity: 1, from: 'oldest' })
      await subscription.unsubscribe()
      assertStats(subscription.stats(), { matched: 3, cancelled: 3, queued: 0 })
      assertStats(bench.broker.stats(), { waiting: 0 })
    })
  })
}
