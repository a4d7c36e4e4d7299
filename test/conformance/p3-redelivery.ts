/** P3: deliveries are finite by default, on one schedule. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Handler, SubscribeOptions } from '../../src/index.ts'
import {
  assertStats,
  type Bench,
  begin,
  type Create,
  claims,
  codeOf,
  DAY,
  HOUR,
  never,
  recorder,
  turn,
} from './harness.ts'

/** Everything that offers a message again on the schedule of the subscription. */
const nacks: Readonly<Record<string, Handler>> = {
  "a returned 'nack'": () => 'nack',
  'message.nack()': (message) => void message.nack(),
  'a throw': () => {
    throw new Error('no')
  },
  'a rejection': async () => {
    throw new Error('no')
  },
  'an ack wait over': () => never,
}

/** What is no source of random numbers. */
const bad: Readonly<Record<string, () => number>> = {
  throws: () => assert.fail('mine'),
  'gives NaN': () => Number.NaN,
  'gives -1': () => -1,
  'gives 1': () => 1,
  'gives Infinity': () => Infinity,
}

/** What the default schedule waits after delivery n, before chance. */
const doubling = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]

/** When one message is delivered, in ms from its publish. */
async function times(
  bench: Bench,
  options: SubscribeOptions,
  forMs: number,
  handler: Handler = () => 'nack',
): Promise<number[]> {
  const { broker, clock, subscribe } = bench
  const seen: number[] = []
  subscribe('a', (message) => (seen.push(clock.now()), handler(message)), options)
  await broker.publish('a', 1)
  await clock.advance(forMs)
  return seen
}

function sums(waits: readonly number[]): number[] {
  let sum = 0
  return [0, ...waits.map((wait) => (sum += wait))]
}

export function redelivery(create: Create): void {
  const it = claims(create)

  describe('P3: deliveries are finite', () => {
    for (const [how, handler] of Object.entries(nacks)) {
      it(`gives up after 5 deliveries that each end with ${how}`, async (bench) => {
        const at = await times(bench, { ackWaitMs: 1_000 }, HOUR, handler)
        assert.equal(at.length, 5)
        assertStats(bench.broker.stats(), {
          exhausted: 1,
          delivered: 5,
          redelivered: 4,
          queued: 0,
          delayed: 0,
          inFlight: 0,
        })
      })

      it(`waits by the one schedule after ${how}`, async (bench) => {
        const ackWaitMs = how === 'an ack wait over' ? 50 : 0
        const at = await times(bench, { ackWaitMs: 50, backoff: [10, 20, 30, 40] }, HOUR, handler)
        assert.deepEqual(at, sums([10, 20, 30, 40].map((wait) => wait + ackWaitMs)))
      })
    }

    for (const maxDeliveries of [1, 2, 3, 7]) {
      it(`delivers exactly ${maxDeliveries} times with maxDeliveries ${maxDeliveries}`, async (bench) => {
        assert.equal((await times(bench, { maxDeliveries, backoff: [1] }, HOUR)).length, maxDeliveries)
      })
    }

    it('delivers for ever with maxDeliveries Infinity', async (bench) => {
      assert.equal((await times(bench, { maxDeliveries: Infinity, backoff: [10] }, 1_000)).length, 101)
      assertStats(bench.broker.stats(), { delayed: 1, exhausted: 0 })
    })

    for (const [chance, share] of [
      [0, 0],
      [0.5, 0.5],
      [0.999, 0.999],
    ] as const) {
      it(
        `doubles from 100 ms to 30 s with full jitter: chance ${chance} waits ${share} of it`,
        async (bench) => {
          const at = await times(bench, { maxDeliveries: 12 }, HOUR)
          const waits = at.slice(1).map((time, i) => time - (at[i] ?? 0))
          for (const [i, wait] of waits.entries())
            assert.ok(Math.abs(wait - (doubling[i] ?? 0) * share) <= 1, `wait ${i}: ${wait}`)
          assert.equal(waits.length, 11)
        },
        { random: () => chance },
      )
    }

    for (const [backoff, waits] of [
      [{ jitter: 0 }, [100, 200, 400, 800]],
      [{ delayMs: 7, factor: 1, jitter: 0 }, [7, 7, 7, 7]],
      [{ delayMs: 10, factor: 3, maxDelayMs: 50, jitter: 0 }, [10, 30, 50, 50]],
      [{ delayMs: 100, factor: 1, jitter: 0.5 }, [75, 75, 75, 75]],
      [{ delayMs: 0, jitter: 0 }, [0, 0, 0, 0]],
      [
        [3, 1, 2],
        [3, 1, 2, 2],
      ],
      [[0], [0, 0, 0, 0]],
      [[DAY * 40], [DAY * 40, DAY * 40, DAY * 40, DAY * 40]],
    ] as const) {
      it(`waits ${waits.join(', ')} ms with backoff ${JSON.stringify(backoff)}`, async (bench) => {
        assert.deepEqual(await times(bench, { backoff }, DAY * 200), sums(waits))
      })
    }

    for (const [what, random] of Object.entries(bad))
      it(`waits without jitter, and says so, when random ${what}`, async () => {
        let isMade = false
        const bench = begin(create, { random: () => (isMade ? random() : 0.5) })
        isMade = true
        assert.deepEqual(await times(bench, { maxDeliveries: 3 }, HOUR), sums([100, 200]))
        const kinds = bench.errors.map(({ context }) => context.kind)
        assert.deepEqual(kinds, ['random', 'random', 'handler'])
        assertStats(bench.broker.stats(), { exhausted: 1, inFlight: 0 })
      })

    it('never makes a hot loop of a factor that grows beyond all numbers', async (bench) => {
      const at = await times(bench, { backoff: { delayMs: 1, factor: 1e200, maxDelayMs: 10, jitter: 0 } }, 100)
      assert.deepEqual(at, [0, 1, 11, 21, 31])
    })

    it('waits exactly the delay that nack() asks for, instead of the schedule', async (bench) => {
      const at = await times(
        bench,
        { backoff: [1] },
        HOUR,
        (message) => void message.nack({ delayMs: 40 * message.deliveryCount }),
      )
      assert.deepEqual(at, [0, 40, 120, 240, 400])
    })

    it('offers a message nacked with delay 0 again at once, before later ones', async ({ broker, subscribe }) => {
      const seen = recorder((message) =>
        message.data === 1 && message.deliveryCount < 3 ? void message.nack({ delayMs: 0 }) : undefined,
      )
      const subscription = subscribe('a', seen.handler)
      await broker.publish('a', 1)
      await broker.publish('a', 2)
      await turn()
      assert.deepEqual(seen.data(), [1, 1, 1, 2])
      assertStats(subscription.stats(), { delayed: 0, acked: 2 })
    })

    for (const delayMs of [-1, NaN, Infinity, '5' as never, null as never, 1n as never, {} as never]) {
      it(`refuses nack({ delayMs: ${String(delayMs)} }) and leaves the message in flight`, async ({
        broker,
        subscribe,
      }) => {
        const seen = recorder(() => never)
        const subscription = subscribe('a', seen.handler)
        await broker.publish('a', 1)
        await turn()
        assert.equal(await codeOf(() => seen.at(0).nack({ delayMs })), 'ERR_OPTION_INVALID')
        assertStats(subscription.stats(), { inFlight: 1 })
        assert.equal(seen.at(0).ack(), true)
      })
    }

    for (const [name, options] of [
      ['an unknown name', { delay: 5 }],
      ['a number', 5],
      ['null', null],
    ] as const) {
      it(`refuses nack() with ${name} and leaves the message in flight`, async ({ broker, subscribe }) => {
        const seen = recorder(() => never)
        const subscription = subscribe('a', seen.handler)
        await broker.publish('a', 1)
        await turn()
        assert.equal(await codeOf(() => seen.at(0).nack(options as never)), 'ERR_OPTION_INVALID')
        assertStats(subscription.stats(), { inFlight: 1 })
      })
    }

    it('spends no deliveries of the neighbours of a poison message', async ({ broker, clock, subscribe }) => {
      const seen = recorder((message) => (message.data === 0 ? 'nack' : 'ack'))
      subscribe('a', seen.handler, { backoff: [1], concurrency: 2 })
      for (let i = 0; i < 10; i++) await broker.publish('a', i)
      await clock.advance(10)
      for (const message of seen.messages) if (message.data !== 0) assert.equal(message.deliveryCount, 1)
    })

    for (const extension of [-1, NaN, '9' as never, undefined as never]) {
      it(`refuses extend(${String(extension)})`, async ({ broker, subscribe }) => {
        const seen = recorder(() => never)
        subscribe('a', seen.handler)
        await broker.publish('a', 1)
        await turn()
        assert.equal(await codeOf(() => seen.at(0).extend(extension)), 'ERR_OPTION_INVALID')
      })
    }

    for (const [at, by, over] of [
      [0, 30, 30],
      [9, 30, 39],
      [9, 1, 10],
      [5, 0, 10],
      [5, 2, 10],
      [5, 5, 10],
      [5, 6, 11],
    ] as const) {
      it(`ends an ack wait of 10 ms, extended at ${at} by ${by} ms, at ${over}`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const seen = recorder(() => never)
        const subscription = subscribe('a', seen.handler, { ackWaitMs: 10, backoff: [99] })
        await broker.publish('a', 1)
        await clock.advance(at)
        assert.equal(seen.at(0).extend(by), true)
        await clock.advance(over - at - 1)
        assertStats(subscription.stats(), { inFlight: 1 })
        await clock.advance(1)
        assertStats(subscription.stats(), { inFlight: 0, delayed: 1 })
        assert.equal(seen.at(0).extend(by), false)
      })
    }

    for (const concurrency of [1, 2]) {
      it(`ends the ack wait of a delivery that others came before in its turn, ${concurrency} at once`, async ({
        broker,
        clock,
        subscribe,
      }) => {
        const handler: Handler = async ({ data }) => (data === 'quick' ? undefined : never)
        const subscription = subscribe('a', handler, { ackWaitMs: 10, backoff: [99], concurrency })
        for (const data of ['quick', 'quick', 'quick', 'slow']) await broker.publish('a', data)
        await clock.advance(9)
        assertStats(subscription.stats(), { acked: 3, inFlight: 1 })
        await clock.advance(1)
        assertStats(subscription.stats(), { acked: 3, inFlight: 0, delayed: 1, overdue: 1 })
      })
    }

    it('ends the ack wait of what the same place is given in a later turn', async ({ broker, clock, subscribe }) => {
      const handler: Handler = async ({ data }) => (data === 'quick' ? undefined : never)
      const subscription = subscribe('a', handler, { ackWaitMs: 10, backoff: [99] })
      await broker.publish('a', 'quick')
      await clock.advance(5)
      await broker.publish('a', 'slow')
      await clock.advance(9)
      assertStats(subscription.stats(), { acked: 1, inFlight: 1 })
      await clock.advance(1)
      assertStats(subscription.stats(), { acked: 1, inFlight: 0, delayed: 1 })
    })

    it('never takes a message from its handler with ackWaitMs Infinity', async ({ broker, clock, subscribe }) => {
      const subscription = subscribe('a', () => never, { ackWaitMs: Infinity })
      await broker.publish('a', 1)
      await clock.advance(100 * DAY)
      assertStats(subscription.stats(), { inFlight: 1, overdue: 0 })
    })
  })
}
