import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Activity, Broker } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock that waits for nobody longer than some turns, and what its timers note. */
function bench() {
  const clock = new ManualClock({ patienceMs: 0 })
  const log: string[] = []
  const at = (ms: number, name: string, then?: () => void): unknown =>
    clock.setTimer(() => {
      log.push(`${name} ${clock.now()}`)
      then?.()
    }, ms)
  return { clock, log, at }
}

describe('ManualClock', () => {
  it('starts at 0, with the wall clock at the beginning of 2000', () => {
    const clock = new ManualClock()
    assert.equal(clock.now(), 0)
    assert.equal(new Date(clock.wallTime()).toISOString(), '2000-01-01T00:00:00.000Z')
  })

  for (const now of [new Date('2031-02-03T04:05:06.789Z'), Date.UTC(1999, 1, 1), 0, -5]) {
    it(`starts with the wall clock at ${Number(now)}`, () => {
      const clock = new ManualClock({ now })
      assert.equal(clock.wallTime(), Number(now))
      assert.equal(clock.now(), 0)
    })
  }

  for (const now of [Number.NaN, new Date(Number.NaN), 8.64e15 + 1, Infinity]) {
    it(`refuses a wall time of ${Number(now)}`, () => {
      const code = 'ERR_OPTION_INVALID'
      assert.throws(() => new ManualClock({ now }), { code, option: 'now' })
      assert.throws(() => new ManualClock().setWallTime(now), { code, option: 'date' })
    })
  }

  it('refuses a wall time that is neither a date nor a number', () => {
    const values = ['2030-01-01', '', null, true, [5], {}, 5n, Symbol('now'), { valueOf: () => 5 }] as never[]
    const clock = new ManualClock()
    for (const now of values) {
      assert.throws(() => new ManualClock({ now }), { code: 'ERR_OPTION_INVALID', option: 'now' })
      assert.throws(() => clock.setWallTime(now), { code: 'ERR_OPTION_INVALID', option: 'date' })
    }
    assert.equal(clock.wallTime(), Date.UTC(2000, 0))
  })

  it('refuses options that it does not have, and looks at its own only', () => {
    for (const options of [{ wallTime: 5 }, null, 5] as never[]) {
      assert.throws(() => new ManualClock(options), { code: 'ERR_OPTION_INVALID' })
    }
    assert.equal(new ManualClock(Object.create({ now: 5, patienceMs: -1 })).wallTime(), Date.UTC(2000, 0))
  })

  for (const ms of [-1, Number.NaN, Infinity]) {
    it(`refuses to advance by ${ms}, and to be patient for it`, () => {
      const clock = new ManualClock()
      assert.throws(() => void clock.advance(ms), { code: 'ERR_OPTION_INVALID', option: 'ms' })
      assert.equal(clock.now(), 0)
      assert.throws(() => new ManualClock({ patienceMs: ms }), { code: 'ERR_OPTION_INVALID', option: 'patienceMs' })
    })
  }

  it('moves both clocks together, and the wall clock alone when it is set', async () => {
    const { clock } = bench()
    await clock.advance(1_500)
    assert.equal(clock.wallTime(), Date.UTC(2000, 0) + 1_500)
    clock.setWallTime(new Date(5_000))
    assert.deepEqual([clock.now(), clock.wallTime()], [1_500, 5_000])
    await clock.advance(500)
    assert.deepEqual([clock.now(), clock.wallTime()], [2_000, 5_500])
  })

  it('runs what is due in order of time, then of setting, each at its own time', async () => {
    const { clock, log, at } = bench()
    at(30, 'c')
    at(10, 'a')
    at(30, 'd')
    at(20, 'b')
    at(51, 'late')
    await clock.advance(50)
    assert.deepEqual(log, ['a 10', 'b 20', 'c 30', 'd 30'])
    assert.equal(clock.now(), 50)
  })

  it('runs a timer at the very millisecond, and not one before', async () => {
    const { clock, log, at } = bench()
    at(10, 'a')
    await clock.advance(9)
    assert.deepEqual(log, [])
    await clock.advance(1)
    assert.deepEqual(log, ['a 10'])
  })

  it('runs what is due now with advance(0)', async () => {
    const { clock, log, at } = bench()
    at(0, 'a')
    at(1, 'b')
    await clock.advance(0)
    assert.deepEqual(log, ['a 0'])
  })

  it('runs what timers set within the window, and leaves what is beyond', async () => {
    const { clock, log, at } = bench()
    at(10, 'a', () => {
      at(5, 'b', () => at(100, 'beyond'))
    })
    await clock.advance(50)
    assert.deepEqual(log, ['a 10', 'b 15'])
  })

  it('runs no timer that was cleared, also by another one', async () => {
    const { clock, log, at } = bench()
    const first = at(5, 'first')
    const later = at(20, 'later')
    at(10, 'a', () => clock.clearTimer(later))
    clock.clearTimer(first)
    clock.clearTimer(first)
    await clock.advance(50)
    assert.deepEqual(log, ['a 10'])
  })

  it('lets microtasks and turns that one timer caused happen before the next', async () => {
    const { clock, log, at } = bench()
    at(10, 'a', () => {
      void Promise.resolve().then(() => log.push(`microtask ${clock.now()}`))
      clock.nextTurn(() => clock.nextTurn(() => log.push(`turn ${clock.now()}`)))
    })
    at(11, 'b')
    await clock.advance(20)
    assert.deepEqual(log, ['a 10', 'microtask 10', 'turn 10', 'b 11'])
  })

  it('lets what was caused before happen at the old time', async () => {
    const { clock, log } = bench()
    clock.nextTurn(() => log.push(`turn ${clock.now()}`))
    await clock.advance(20)
    assert.deepEqual(log, ['turn 0'])
  })

  it('moves one call after the other when they overlap', async () => {
    const { clock, log, at } = bench()
    at(10, 'a')
    at(20, 'b')
    const first = clock.advance(15).then(() => log.push(`first ${clock.now()}`))
    const second = clock.advance(15).then(() => log.push(`second ${clock.now()}`))
    await Promise.all([first, second])
    assert.deepEqual(log, ['a 10', 'first 15', 'b 20', 'second 30'])
  })

  it('goes on after a timer that throws, and tells whoever moved it', async () => {
    const { clock, log, at } = bench()
    const failure = new Error('a timer')
    at(10, 'a', () => {
      throw failure
    })
    at(20, 'b')
    await assert.rejects(clock.advance(50), failure)
    await clock.advance(50)
    assert.deepEqual(log, ['a 10', 'b 20'])
  })

  it('runs everything with runAll(), however far away', async () => {
    const { clock, log, at } = bench()
    at(1e12, 'far')
    at(10, 'a', () => at(30, 'b'))
    await clock.runAll()
    assert.deepEqual(log, ['a 10', 'b 40', `far ${1e12}`])
    assert.equal(clock.now(), 1e12)
    await clock.runAll()
    assert.equal(clock.now(), 1e12)
  })

  it('calls timers that arm each other for ever a livelock, and names the filters that are busy', async () => {
    const { clock } = bench()
    const broker = new Broker({ clock, onError: () => {} })
    broker.subscribe('idle', () => {})
    broker.subscribe('stuck/+', () => 'nack', { maxDeliveries: Infinity, backoff: [1] })
    const tooSoon = new Error('the test found no livelock')
    await broker.publish('stuck/1', 1)
    // Cheaper than the timers of a broker: they arm each other without a turn.
    let count = 0
    const again = (): void => {
      if (++count < 200_000) clock.setTimer(again, 0)
      else throw tooSoon
    }
    again()
    await assert.rejects(clock.runAll(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_LIVELOCK')
      assert.match(error.message, /stuck\/\+/)
      assert.doesNotMatch(error.message, /idle/)
      return true
    })
  })

  it('waits for the handlers of its brokers, however many turns they take', async () => {
    const clock = new ManualClock({ patienceMs: 5_000 })
    const broker = new Broker({ clock })
    const log: string[] = []
    broker.subscribe('a', async () => {
      for (let i = 0; i < 20; i++) await tick()
      log.push(`done ${clock.now()}`)
    })
    await broker.publish('a', 1, { delayMs: 10 })
    clock.setTimer(() => log.push(`next ${clock.now()}`), 11)
    await clock.advance(20)
    assert.deepEqual(log, ['done 10', 'next 11'])
    await broker.close()
  })

  it('waits for a handler on real time while its patience lasts', async () => {
    const clock = new ManualClock({ patienceMs: 5_000 })
    const broker = new Broker({ clock })
    const log: string[] = []
    broker.subscribe('a', async () => {
      await new Promise((resolve) => setTimeout(resolve, 15))
      log.push(`done ${clock.now()}`)
    })
    await broker.publish('a', 1)
    await clock.advance(100)
    assert.deepEqual(log, ['done 0'])
    await broker.close()
  })

  it('gives up on a handler that hangs, and does not wait for it again', async () => {
    const clock = new ManualClock({ patienceMs: 200 })
    const broker = new Broker({ clock })
    broker.subscribe('a', () => new Promise(() => {}), { ackWaitMs: Infinity })
    await broker.publish('a', 1)
    const start = performance.now()
    await clock.advance(1)
    const waited = performance.now() - start
    assert.ok(waited >= 190, `${waited}`)
    const again = performance.now()
    for (let i = 0; i < 20; i++) await clock.advance(1)
    assert.ok(performance.now() - again < 20 * 100)
    await broker.close({ graceMs: 0 })
  })

  it('waits for handlers also beside one that hangs', async () => {
    const clock = new ManualClock({ patienceMs: 200 })
    const broker = new Broker({ clock })
    const log: string[] = []
    broker.subscribe('hang', () => new Promise(() => {}), { ackWaitMs: Infinity })
    broker.subscribe('a', async () => {
      for (let i = 0; i < 20; i++) await tick()
      log.push(`done ${clock.now()}`)
    })
    await broker.publish('hang', 1)
    await clock.advance(1)
    await broker.publish('a', 1, { delayMs: 5 })
    await clock.advance(100)
    assert.deepEqual(log, ['done 6'])
    await broker.close({ graceMs: 0 })
  })

  it('forgets a broker that has closed', async () => {
    const clock = new ManualClock({ patienceMs: 5_000 })
    const broker = new Broker({ clock })
    broker.subscribe('a', () => new Promise(() => {}))
    await broker.publish('a', 1)
    await tick()
    await broker.close({ graceMs: 0 })
    const start = performance.now()
    await clock.advance(100)
    assert.ok(performance.now() - start < 4_000, 'it waited')
  })

  it('is told by each broker that closes to forget it', async () => {
    let attached = 0
    class Counting extends ManualClock {
      override attach(activity: Activity): () => void {
        const detach = super.attach(activity)
        attached++
        return () => {
          attached--
          detach()
        }
      }
    }
    const clock = new Counting()
    const brokers = [new Broker({ clock }), new Broker({ clock })]
    assert.equal(attached, 2)
    for (const broker of brokers) await Promise.all([broker.close(), broker.close()])
    assert.equal(attached, 0)
  })
})
