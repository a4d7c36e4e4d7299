/** The platform's clock, on real time. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextTurn, SystemClock } from '../../src/time/clock.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('SystemClock.now', () => {
  it('counts whole milliseconds and never goes back', async () => {
    const clock = new SystemClock()
    let last = clock.now()
    for (let i = 0; i < 1000; i++) {
      if (i % 100 === 0) await turn()
      const now = clock.now()
      assert.ok(Number.isInteger(now) && now >= last)
      last = now
    }
  })

  it('does not notice when the wall clock is set', (t) => {
    const clock = new SystemClock()
    const before = clock.now()
    t.mock.method(Date, 'now', () => 0)
    assert.ok(clock.now() - before < 1000)
  })
})

describe('SystemClock.wallTime', () => {
  /** A wall clock that goes on by 1 ms with each reading. */
  function readings(mock: typeof import('node:test').mock): { clock: SystemClock; count: () => number } {
    let readings = 0
    mock.method(Date, 'now', () => ++readings)
    return { clock: new SystemClock(), count: () => readings }
  }

  it('is read once for up to 64 questions of one turn', (t) => {
    const { clock, count } = readings(t.mock)
    for (let i = 0; i < 64; i++) assert.equal(clock.wallTime(), 1)
    assert.equal(clock.wallTime(), 2)
    assert.equal(count(), 2)
  })

  it('is read anew in the next turn', async (t) => {
    const { clock } = readings(t.mock)
    assert.equal(clock.wallTime(), 1)
    await turn()
    await turn()
    assert.equal(clock.wallTime(), 2)
    assert.equal(clock.wallTime(), 2)
  })

  it('is that of the platform', () => {
    const before = Date.now()
    const wall = new SystemClock().wallTime()
    assert.ok(before <= wall && wall <= Date.now())
  })
})

describe('SystemClock.setTimer', () => {
  it('calls once, unless it is cleared', async () => {
    const clock = new SystemClock()
    const called: string[] = []
    clock.clearTimer(clock.setTimer(() => called.push('cleared'), 1))
    await new Promise<void>((resolve) => clock.setTimer(() => resolve(void called.push('rang')), 5))
    await turn()
    assert.deepEqual(called, ['rang'])
  })
})

describe('nextTurn', () => {
  for (const [where, hasImmediate] of [
    ['where there is setImmediate', true],
    ['where there is none', false],
  ] as const) {
    it(`calls after microtasks and lets timers come in between, ${where}`, async () => {
      const { setImmediate } = globalThis
      if (!hasImmediate) Reflect.deleteProperty(globalThis, 'setImmediate')
      const log: string[] = []
      let isTimedOut = false
      try {
        setTimeout(() => (isTimedOut = true), 1)
        await new Promise<void>((resolve) => {
          nextTurn(() => resolve(void log.push('turn')))
          void Promise.resolve().then(() => log.push('microtask'))
          log.push('now')
        })
        for (let turns = 0; !isTimedOut && turns < 100_000; turns++)
          await new Promise<void>((resolve) => nextTurn(resolve))
      } finally {
        Object.assign(globalThis, { setImmediate })
      }
      assert.deepEqual(log, ['now', 'microtask', 'turn'])
      assert.ok(isTimedOut)
      await turn()
      await turn()
      assert.equal(process.getActiveResourcesInfo().includes('MessagePort'), false)
    })
  }
})
