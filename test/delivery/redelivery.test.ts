import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Backoff, redeliveryDelayMs } from '../../src/delivery/redelivery.ts'

const HALF = (): number => 0.5
const ALMOST_ONE = (): number => 1 - 2 ** -53

describe('redeliveryDelayMs', () => {
  for (const [what, backoff, expected] of [
    ['by default, half of the dice', {}, [50, 100, 200, 400, 800]],
    ['without jitter', { jitter: 0 }, [100, 200, 400, 800, 1600]],
    ['with a quarter of jitter', { delayMs: 80, jitter: 0.25 }, [70, 140, 280]],
    ['with a factor of 3', { delayMs: 10, factor: 3, jitter: 0 }, [10, 30, 90, 270]],
    ['with a factor of 1', { delayMs: 10, factor: 1, jitter: 0 }, [10, 10, 10]],
    ['up to the longest', { delayMs: 100, maxDelayMs: 250, jitter: 0 }, [100, 200, 250, 250]],
    ['with a longest below the first', { delayMs: 100, maxDelayMs: 30, jitter: 0 }, [30, 30]],
    ['without a wait', { delayMs: 0 }, [0, 0, 0]],
    ['by a list, whose last entry repeats', [1, 20, 300], [1, 20, 300, 300, 300]],
    ['by a list of one', [7], [7, 7]],
    ['by a list with a zero', [0, 5], [0, 5, 5]],
  ] as const satisfies [string, Backoff, number[]][]) {
    it(`waits ${expected.join(', ')} ms ${what}`, () => {
      assert.deepEqual(
        expected.map((_, i) => redeliveryDelayMs(backoff, i + 1, HALF)),
        expected,
      )
    })
  }

  it('waits 30 s at most by default', () => {
    assert.equal(redeliveryDelayMs({ jitter: 0 }, 9, HALF), 25_600)
    assert.equal(redeliveryDelayMs({ jitter: 0 }, 10, HALF), 30_000)
    assert.equal(redeliveryDelayMs({ jitter: 0 }, 5_000, HALF), 30_000)
  })

  for (const deliveryCount of [1_100, 1e6, Number.MAX_SAFE_INTEGER]) {
    it(`waits no time without delay also after ${deliveryCount} deliveries`, () => {
      assert.equal(redeliveryDelayMs({ delayMs: 0 }, deliveryCount, HALF), 0)
    })
  }

  it('leaves the whole wait to chance by default, and never all of it', () => {
    assert.equal(
      redeliveryDelayMs({}, 1, () => 0),
      0,
    )
    const longest = redeliveryDelayMs({}, 1, ALMOST_ONE)
    assert.ok(longest < 100 && longest > 99.9, `${longest}`)
  })

  it('asks for no dice without jitter, and once with it', () => {
    let asked = 0
    const random = (): number => {
      asked++
      return 0.5
    }
    redeliveryDelayMs([1], 1, random)
    redeliveryDelayMs({ jitter: 0 }, 1, random)
    assert.equal(asked, 0)
    redeliveryDelayMs({}, 1, random)
    assert.equal(asked, 1)
  })

  it('stays between its jitter and its longest wait, whatever is asked for', () => {
    const duration = fc.double({ min: 0, max: 1e12, noNaN: true })
    const backoff = fc.record({
      delayMs: duration,
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      maxDelayMs: duration,
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    const dice = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 10_000 }), dice, (asked, deliveryCount, value) => {
        const wait = redeliveryDelayMs(asked, deliveryCount, () => value)
        const shortest = Math.min(asked.delayMs, asked.maxDelayMs) * (1 - asked.jitter)
        // Rounding of the last digit is fine.
        assert.ok(wait >= shortest * (1 - 1e-12) && wait <= asked.maxDelayMs * (1 + 1e-12), `${wait}`)
      }),
    )
  })
})
