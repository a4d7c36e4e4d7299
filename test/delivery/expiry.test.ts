/** Expiry in a queue: each event on time, whatever those before it ask for. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Broker, type PublishOptions } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'

interface Step {
  /** How long after the one before it is published. */
  readonly gap: number
  readonly ttlMs: number | undefined
  readonly key: string | undefined
  readonly delayMs: number | undefined
  /** Whether one message is delivered after it. */
  readonly takes: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  gap: fc.nat(3),
  ttlMs: fc.constantFrom(undefined, 40, 40, 40, 41, 10, 90),
  key: fc.constantFrom(undefined, undefined, undefined, 'a', 'b'),
  delayMs: fc.constantFrom(undefined, undefined, undefined, 5, 60),
  takes: fc.boolean(),
})

/** What is defined of the options of a publish; nothing makes it a plain one. */
function optionsOf({ ttlMs, key, delayMs }: Step): PublishOptions | undefined {
  if (ttlMs === undefined && key === undefined && delayMs === undefined) return undefined
  return {
    ...(ttlMs !== undefined && { ttlMs }),
    ...(key !== undefined && { key }),
    ...(delayMs !== undefined && { delayMs }),
  }
}

/** Publishes all, takes some in between, and tells what expired when, and what was taken. */
async function run(steps: readonly Step[]) {
  const clock = new ManualClock({ patienceMs: 0 })
  const expired: (readonly [at: number, index: number])[] = []
  const taken = new Set<number>()
  const broker = new Broker<{ a: number }>({
    clock,
    observer: { expired: ({ event }) => void expired.push([clock.now(), Number(event.data)]) },
  })
  const subscription = broker.subscribe('a', ({ data }) => {
    taken.add(data)
    subscription.pause()
  })
  subscription.pause()
  for (const [index, each] of steps.entries()) {
    await clock.advance(each.gap)
    await broker.publish('a', index, optionsOf(each))
    if (each.takes) {
      subscription.resume()
      await clock.advance(0)
      subscription.pause()
    }
  }
  await clock.advance(200)
  const { queued, delayed } = subscription.stats()
  assert.equal(queued + delayed + taken.size + expired.length, steps.length)
  await broker.close({ graceMs: 0 })
  return { expired, taken }
}

describe('Expiry', () => {
  it('comes on time and in order, for any mix of ttls, keys and delays, also when some have been delivered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const { expired, taken } = await run(steps)
        let now = 0
        const due = steps.flatMap(({ gap, ttlMs }, index) => {
          now += gap
          return ttlMs === undefined || taken.has(index) ? [] : [[now + ttlMs, index] as const]
        })
        assert.deepEqual(
          expired,
          due.sort(([a, i], [b, j]) => a - b || i - j),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('comes in the order of acceptance for a delayed event and a queued one that expire at the same time', async () => {
    const step = { gap: 1, key: undefined, takes: false }
    const { expired } = await run([
      { ...step, ttlMs: 41, delayMs: 60 },
      { ...step, ttlMs: 40, delayMs: undefined },
    ])
    assert.deepEqual(expired, [
      [42, 0],
      [42, 1],
    ])
  })

  it('comes on time for an event that waits for another one of its key', async () => {
    const clock = new ManualClock({ patienceMs: 0 })
    const broker = new Broker({ clock })
    const subscription = broker.subscribe('a', () => new Promise(() => {}), { concurrency: 2 })
    await broker.publish('a', 1, { key: 'k' })
    await broker.publish('a', 2, { key: 'k', ttlMs: 10 })
    await clock.advance(9)
    assert.deepEqual([subscription.queuedCount, subscription.inFlightCount], [1, 1])
    await clock.advance(1)
    assert.equal(subscription.stats().expired, 1)
    await broker.close({ graceMs: 0 })
  })

  it('needs one timer for many events, which goes with the last of them', async () => {
    const clock = new ManualClock({ patienceMs: 0 })
    const broker = new Broker({ clock })
    const subscription = broker.subscribe('a', () => {})
    subscription.pause()
    const timers = new Set<unknown>()
    const { setTimer, clearTimer } = clock
    clock.setTimer = (callback, delayMs) => {
      const handle = setTimer.call(clock, () => (timers.delete(handle), callback()), delayMs)
      timers.add(handle)
      return handle
    }
    clock.clearTimer = (handle) => (timers.delete(handle), clearTimer.call(clock, handle))
    for (let i = 0; i < 100; i++) await broker.publish('a', i, { ttlMs: 10 })
    await clock.advance(0)
    assert.equal(timers.size, 1)
    subscription.resume()
    await broker.settled()
    assert.equal(timers.size, 0)
    await broker.close()
  })
})
