import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Turn } from '../../src/delivery/turn.ts'

/** A turn whose deliveries take `ms` each, by a clock that counts how often it is read. */
function turnOf(ms: number) {
  const clock = { now: 0, readings: 0 }
  const turn = new Turn(() => {
    clock.readings++
    return clock.now
  })
  /** @returns how many deliveries there were until the event loop has to have its turn */
  const spendAll = (): number => {
    for (let count = 1; count <= 10_000; count++) {
      const mustYield = turn.spend()
      assert.equal(turn.isSpent, mustYield)
      if (mustYield) return count
      clock.now += ms
    }
    return Infinity
  }
  return { turn, clock, spendAll }
}

describe('Turn', () => {
  it('is over after 1000 deliveries that take no time', () => {
    assert.equal(turnOf(0).spendAll(), 1000)
  })

  for (const [ms, most] of [
    [10, 2],
    [1_000, 2],
    [5, 4],
    [1, 16],
    [0.1, 128],
    [0.012, 900],
  ] as const) {
    it(`is over after at most ${most} deliveries of ${ms} ms`, () => {
      const count = turnOf(ms).spendAll()
      assert.ok(count > 1 && count <= most, `${count}`)
      assert.ok(count * ms >= 10 || count === 2, 'over too early')
    })
  }

  it('is over 10 ms after its first delivery, and not a millisecond before', () => {
    for (const [elapsed, isOver] of [
      [9, false],
      [10, true],
    ] as const) {
      const { turn, clock } = turnOf(0)
      assert.equal(turn.spend(), false)
      clock.now = elapsed
      assert.equal(turn.spend(), isOver)
    }
  })

  it('begins with its first delivery, however long ago it was made', () => {
    const { clock, spendAll } = turnOf(0)
    clock.now = 5_000
    assert.equal(spendAll(), 1000)
  })

  it('stays over until it is renewed', () => {
    const { turn, spendAll } = turnOf(0)
    spendAll()
    assert.equal(turn.spend(), true)
    assert.equal(turn.isSpent, true)
    turn.renew()
    assert.equal(turn.isSpent, false)
  })

  for (const ms of [0, 1, 20]) {
    it(`is as long after each renewal, with deliveries of ${ms} ms`, () => {
      const { turn, clock, spendAll } = turnOf(ms)
      const first = spendAll()
      for (let i = 0; i < 3; i++) {
        clock.now += 1_000
        turn.renew()
        assert.equal(spendAll(), first)
      }
    })
  }

  it('reads the clock rarely when there is much to do', () => {
    const { clock, spendAll } = turnOf(0)
    spendAll()
    assert.ok(clock.readings <= 24, `${clock.readings} readings`)
  })

  it('does not read the clock to say whether it is spent', () => {
    const { turn, clock } = turnOf(0)
    assert.equal(turn.isSpent, false)
    assert.equal(clock.readings, 0)
  })
})
