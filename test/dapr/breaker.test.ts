import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type BreakerSettings, CircuitBreaker } from '../../src/dapr/breaker.ts'

const settings = { maxRequests: 1, intervalMs: 0, timeoutMs: 1000, trip: 'consecutiveFailures > 2' }

describe('CircuitBreaker', () => {
  it('lets everything through while closed', () => {
    const breaker = new CircuitBreaker(settings)
    for (let now = 0; now < 100; now++) {
      assert.ok(breaker.allows(now))
      breaker.record(now % 3 !== 0, now)
    }
  })

  it('opens when its trip expression says so', () => {
    const breaker = new CircuitBreaker(settings)
    fail(breaker, 2)
    assert.ok(breaker.allows(0))
    breaker.record(false, 0)
    assert.equal(breaker.allows(0), false)
  })

  it('forgets failures in a row with a success', () => {
    const breaker = new CircuitBreaker(settings)
    fail(breaker, 2)
    pass(breaker, 1)
    fail(breaker, 2)
    assert.ok(breaker.allows(0))
  })

  it('is half open when its timeout is over, and not before', () => {
    const breaker = opened(settings)
    assert.equal(breaker.allows(1000), false)
    assert.equal(breaker.allows(1001), true)
    assert.equal(breaker.allows(1001), false) // one call at a time
  })

  it('closes after a success while half open', () => {
    const breaker = opened(settings)
    pass(breaker, 1, 1001)
    fail(breaker, 2, 1001)
    assert.ok(breaker.allows(1001))
  })

  it('opens again after a failure while half open', () => {
    const breaker = opened(settings)
    fail(breaker, 1, 1001)
    assert.equal(breaker.allows(2001), false)
    assert.equal(breaker.allows(2002), true)
  })

  it('wants as many successes as it lets calls through', () => {
    const breaker = opened({ ...settings, maxRequests: 2 })
    assert.ok(breaker.allows(1001))
    assert.ok(breaker.allows(1001))
    assert.equal(breaker.allows(1001), false)
    breaker.record(true, 1001)
    assert.equal(breaker.allows(1001), false)
    breaker.record(true, 1001)
    assert.equal(breaker.allows(1001), true)
  })

  it('does not count what began before it opened', () => {
    const breaker = new CircuitBreaker(settings)
    assert.ok(breaker.allows(0))
    const { generation } = breaker
    fail(breaker, 3)
    breaker.record(false, 500)
    assert.equal(breaker.allows(1001), true)
    breaker.record(true, 1001, generation)
    breaker.record(false, 1001, generation)
    assert.equal(breaker.allows(1001), false) // still half open
    breaker.record(true, 1001)
    assert.equal(breaker.allows(1001), true)
  })

  it('stays open as long as it does, whatever ends meanwhile', () => {
    const breaker = new CircuitBreaker(settings)
    for (let index = 0; index < 10; index++) assert.ok(breaker.allows(0))
    for (let index = 0; index < 10; index++) breaker.record(false, index * 100)
    assert.equal(breaker.allows(1201), true) // opened by the third
  })

  it('forgets its counts when an interval is over', () => {
    const breaker = new CircuitBreaker({ ...settings, intervalMs: 10 })
    fail(breaker, 2, 5)
    fail(breaker, 2, 16)
    assert.ok(breaker.allows(16))
    fail(breaker, 1, 26)
    assert.equal(breaker.allows(26), false)
  })

  for (const [trip, results, trips] of [
    ['requests >= 3', [true, true, false], true],
    ['totalFailures == 2 && totalSuccesses == 1', [false, true, false], true],
    ['requests > 2 && totalFailures * 2 >= requests', [true, false, false], true],
    ['consecutiveSuccesses > 0', [true, true, true], false], // asked after failures only
    ['consecutiveSuccesses > 0', [true, false], false],
    ['requests', [false, false], false],
    ['nonsense > 1', [false, false], false],
  ] as const) {
    it(`is ${trips ? 'open' : 'closed'} by ${trip} after ${results.map((ok) => (ok ? 'a success' : 'a failure'))}`, () => {
      const breaker = new CircuitBreaker({ ...settings, trip })
      for (const ok of results) {
        assert.ok(breaker.allows(0))
        breaker.record(ok, 0)
      }
      assert.equal(breaker.allows(0), !trips)
    })
  }

  it('refuses a trip expression that does not compile', () => {
    assert.throws(() => new CircuitBreaker({ ...settings, trip: 'consecutiveFailures >' }), {
      code: 'ERR_OPTION_INVALID',
    })
  })
})

function fail(breaker: CircuitBreaker, count: number, now = 0): void {
  for (let index = 0; index < count; index++) {
    assert.ok(breaker.allows(now))
    breaker.record(false, now)
  }
}

function pass(breaker: CircuitBreaker, count: number, now = 0): void {
  for (let index = 0; index < count; index++) {
    assert.ok(breaker.allows(now))
    breaker.record(true, now)
  }
}

function opened(settings: BreakerSettings): CircuitBreaker {
  const breaker = new CircuitBreaker(settings)
  fail(breaker, 3)
  return breaker
}
