import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Clock, MAX_TIMER_MS } from '../../src/time/clock.ts'
import { Deadlines } from '../../src/time/deadlines.ts'
import { Schedule } from '../../src/time/schedule.ts'
import { NOWHERE, type Timed } from '../../src/time/timed.ts'

class Item implements Timed {
  position: number = NOWHERE
  readonly order: number
  constructor(order: number) {
    this.order = order
  }
}

/** The plain way: a list of pairs, sorted whenever somebody asks. */
class Sorted {
  readonly times = new Map<Item, number>()
  get order(): Item[] {
    return [...this.times].sort(([a, s], [b, t]) => s - t || a.order - b.order).map(([item]) => item)
  }
}

function assertSame(deadlines: Deadlines<Item>, sorted: Sorted, items: readonly Item[]): void {
  const { order, times } = sorted
  const first = order[0]
  assert.equal(deadlines.items().length, times.size)
  assert.equal(deadlines.next, first === undefined ? Infinity : times.get(first))
  assert.deepEqual(new Set(deadlines.items()), new Set(times.keys()))
  for (const item of items) {
    assert.equal(deadlines.timeOf(item), times.get(item) ?? Infinity)
    assert.equal(item.position !== NOWHERE, times.has(item))
  }
}

/** One step on both; `what` is a number so that shrinking leads to the plainest. */
function act(deadlines: Deadlines<Item>, sorted: Sorted, what: string, item: Item, time: number): void {
  if (what === 'set') {
    deadlines.set(item, time)
    sorted.times.set(item, time)
  } else if (what === 'delete') {
    deadlines.delete(item)
    sorted.times.delete(item)
  } else {
    const due = sorted.order.find((one) => (sorted.times.get(one) ?? Infinity) <= time)
    assert.equal(deadlines.takeDue(time), due)
    if (due !== undefined) sorted.times.delete(due)
  }
}

describe('Deadlines', () => {
  it('does what a sorted list does', () => {
    const often = (weight: number, name: string) => ({ weight, arbitrary: fc.constant(name) })
    const what = fc.oneof(often(24, 'set'), often(8, 'delete'), often(6, 'take'))
    const step = fc.tuple(what, fc.nat(29), fc.nat(40))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const deadlines = new Deadlines<Item>()
        const sorted = new Sorted()
        const items = Array.from({ length: 30 }, (_, order) => new Item(order))
        for (const [name, index, time] of steps) {
          const item = items[index]
          assert.ok(item)
          act(deadlines, sorted, name, item, time)
          assertSame(deadlines, sorted, items)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('hands out 10 000 items in order of time, then of their own, with half of them taken out in between', () => {
    const time = fc.nat(3_000)
    fc.assert(
      fc.property(fc.array(time, { minLength: 10_000, maxLength: 10_000 }), (times) => {
        const deadlines = new Deadlines<Item>()
        const all = times.map((due, order) => ({ due, item: new Item(order) }))
        for (const { due, item } of all) deadlines.set(item, due)
        for (const { item } of all) if (item.order % 2 === 0) deadlines.delete(item)
        const left = all
          .filter(({ item }) => item.order % 2 === 1)
          .sort((a, b) => a.due - b.due || a.item.order - b.item.order)
        for (const { due, item } of left) {
          assert.equal(deadlines.takeDue(due - 0.5), undefined)
          assert.equal(deadlines.takeDue(due), item)
        }
        assert.equal(deadlines.items().length, 0)
      }),
      { numRuns: 3 },
    )
  })

  it('hands out 10 000 items that came in order, with some taken out, moved and handed out in between', () => {
    const step = fc.record({ gap: fc.nat(2), victim: fc.nat(9_999), what: fc.nat(7) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 10_000, maxLength: 10_000 }), (steps) => {
        const deadlines = new Deadlines<Item>()
        const items: { item: Item; due: number }[] = []
        const waiting = new Set<{ item: Item; due: number }>()
        let now = 0
        for (const [order, { gap, victim, what }] of steps.entries()) {
          now += gap
          const entry = { item: new Item(order), due: now + 4_000 }
          deadlines.set(entry.item, entry.due)
          waiting.add(entry)
          items.push(entry)
          const other = items[victim % items.length]
          if (other !== undefined && waiting.has(other)) {
            assert.equal(deadlines.timeOf(other.item), other.due)
            if (what < 6) {
              deadlines.delete(other.item)
              waiting.delete(other)
            } else if (what === 6) {
              other.due = now + 4_000
              deadlines.set(other.item, other.due)
            }
          }
          for (let due = deadlines.takeDue(now); due !== undefined; due = deadlines.takeDue(now)) {
            const entry = items[due.order]
            assert.ok(entry && waiting.delete(entry) && entry.due <= now)
          }
          assert.equal(deadlines.items().length, waiting.size)
        }
        const left = [...waiting].sort((a, b) => a.due - b.due || a.item.order - b.item.order)
        assert.ok(left.length > 1_000)
        assert.deepEqual(new Set(deadlines.items()), new Set(left.map(({ item }) => item)))
        for (const { due, item } of left) {
          assert.equal(deadlines.takeDue(due - 0.5), undefined)
          assert.equal(deadlines.takeDue(due), item)
        }
      }),
      { numRuns: 5 },
    )
  })

  it('forgets what was deleted twice, and what it never knew', () => {
    const deadlines = new Deadlines<Item>()
    const [a, b] = [new Item(1), new Item(2)]
    deadlines.set(a, 5)
    deadlines.delete(b)
    deadlines.delete(a)
    deadlines.delete(a)
    assert.equal(deadlines.items().length, 0)
    assert.equal(deadlines.next, Infinity)
  })
})

/** A clock that is moved by hand, one native timer or turn at a time. */
class Bench implements Clock {
  time = 0
  readonly timers = new Map<object, { readonly at: number; readonly callback: () => void }>()
  /** The delays asked for, in order. */
  readonly asked: number[] = []
  most = 0
  #turns: (() => void)[] = []

  now(): number {
    return this.time
  }

  wallTime(): number {
    return this.time
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    const handle = {}
    this.asked.push(delayMs)
    this.timers.set(handle, { at: this.time + delayMs, callback })
    this.most = Math.max(this.most, this.timers.size)
    return handle
  }

  clearTimer(handle: unknown): void {
    this.timers.delete(handle as object) // what setTimer returned
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback)
  }

  turn(): void {
    for (const callback of this.#turns.splice(0)) callback()
  }

  /** Lets native timers ring until `time`, each `lateMs` too late. */
  moveTo(time: number, lateMs = 0): void {
    this.turn()
    for (;;) {
      const due = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0]
      if (due === undefined || due[1].at > time) break
      this.timers.delete(due[0])
      this.time = Math.max(this.time, due[1].at + lateMs)
      due[1].callback()
      this.turn()
    }
    this.time = Math.max(this.time, time)
  }
}

/** Something with a list of deadlines in a schedule, which notes when it is called for one. */
function alarmFor(clock: Bench) {
  const wanted: number[] = []
  const rang: number[] = []
  let rings = 0
  const schedule = new Schedule(clock)
  const item = {
    position: NOWHERE,
    order: 0,
    get nextDeadline() {
      return wanted[0] ?? Infinity
    },
    fire(now: number) {
      rings++
      wanted.sort((a, b) => a - b)
      while (wanted.length > 0 && (wanted[0] ?? Infinity) <= now) {
        wanted.shift()
        rang.push(now)
      }
    },
  }
  const ask = (...times: number[]): void => {
    for (const time of times) {
      wanted.push(time)
      schedule.set(item, time)
    }
  }
  return { schedule, item, ask, rang, wanted, rings: () => rings }
}

describe('Schedule', () => {
  it('rings at the times it was asked for, with one timer at a time', () => {
    const clock = new Bench()
    const { ask, rang } = alarmFor(clock)
    ask(30, 10, 20, 10)
    clock.moveTo(100)
    assert.deepEqual(rang, [10, 10, 20, 30])
    assert.equal(clock.most, 1)
    assert.equal(clock.timers.size, 0)
  })

  it('arms no timer within the turn in which it was asked', () => {
    const clock = new Bench()
    const { schedule, item, ask, wanted } = alarmFor(clock)
    ask(30)
    assert.equal(clock.timers.size, 0)
    wanted.length = 0
    schedule.delete(item)
    clock.turn()
    assert.deepEqual(clock.asked, [])
  })

  it('moves its timer forward for an earlier time, and arms none for a later one', () => {
    const clock = new Bench()
    const { ask, rang } = alarmFor(clock)
    ask(50)
    clock.turn()
    ask(80)
    clock.turn()
    assert.deepEqual(clock.asked, [50])
    ask(20)
    clock.turn()
    assert.deepEqual(clock.asked, [50, 20])
    assert.equal(clock.timers.size, 1)
    clock.moveTo(100)
    assert.deepEqual(rang, [20, 50, 80])
    assert.equal(clock.most, 1)
  })

  for (const time of [MAX_TIMER_MS, MAX_TIMER_MS + 1, 2 ** 33, 400 * 86_400_000]) {
    it(`keeps a time ${time} ms away with native timers that end at 2^31 - 1`, () => {
      const clock = new Bench()
      const { ask, rang } = alarmFor(clock)
      ask(time)
      clock.moveTo(time - 1)
      assert.deepEqual(rang, [])
      clock.moveTo(time)
      assert.deepEqual(rang, [time])
      assert.ok(Math.max(...clock.asked) <= MAX_TIMER_MS)
      assert.equal(clock.most, 1)
    })
  }

  it('rings for what is over in the next turn, without a timer', () => {
    const clock = new Bench()
    const { ask, rang } = alarmFor(clock)
    clock.time = 1_000
    ask(10)
    assert.deepEqual(rang, [])
    clock.turn()
    assert.deepEqual([clock.asked, rang], [[], [1_000]])
  })

  it('rings for a thousand that are due, lets the event loop turn, and goes on without a timer', () => {
    const clock = new Bench()
    const schedule = new Schedule(clock)
    let rings = 0
    const item = {
      position: NOWHERE,
      order: 0,
      get nextDeadline() {
        return rings < 2_500 ? 10 : Infinity
      },
      fire: () => rings++,
    }
    schedule.set(item, 10)
    clock.turn()
    clock.time = 10
    for (const [handle, { callback }] of clock.timers) {
      clock.timers.delete(handle)
      callback()
    }
    const seen = [rings]
    while (rings < 2_500) {
      clock.turn()
      seen.push(rings)
    }
    assert.deepEqual(seen, [999, 1_998, 2_500])
    assert.deepEqual([clock.asked, clock.timers.size], [[10], 0])
  })

  it('has one timer when it rings for what is over while it is armed', () => {
    const clock = new Bench()
    const { ask, rang } = alarmFor(clock)
    ask(50)
    clock.turn()
    clock.time = 40
    ask(20, 70)
    clock.moveTo(100)
    assert.deepEqual(rang, [40, 50, 70])
    assert.deepEqual([clock.most, clock.timers.size], [1, 0])
  })

  it('keeps no timer when what it was armed for was done before', () => {
    const clock = new Bench()
    const { ask, rang } = alarmFor(clock)
    ask(50)
    clock.turn()
    clock.time = 60
    ask(20)
    clock.turn()
    assert.deepEqual([rang, clock.timers.size], [[60, 60], 0])
  })

  it('never asks for less than what is left of a millisecond', () => {
    const clock = new Bench()
    const { ask, rings } = alarmFor(clock)
    clock.time = 0.25
    ask(10)
    clock.moveTo(20)
    assert.deepEqual(clock.asked, [10])
    assert.equal(rings(), 1)
  })

  it('leaves no timer behind when it is cleared, and rings again when asked again', () => {
    const clock = new Bench()
    const { schedule, item, ask, rang, wanted } = alarmFor(clock)
    ask(10)
    clock.turn()
    wanted.length = 0
    schedule.delete(item)
    assert.equal(clock.timers.size, 0)
    ask(15)
    clock.moveTo(20)
    assert.deepEqual(rang, [15])
  })

  it('arms one timer when it is asked, cleared and asked again within a turn', () => {
    const clock = new Bench()
    const { schedule, item, ask, rang, wanted } = alarmFor(clock)
    ask(10)
    wanted.length = 0
    schedule.delete(item)
    ask(12)
    clock.moveTo(20)
    assert.deepEqual([clock.asked, clock.most, rang], [[12], 1, [12]])
  })

  it('asks again after a ring that was too early', () => {
    const clock = new Bench()
    const { ask, rang, wanted } = alarmFor(clock)
    ask(10)
    clock.turn()
    wanted.splice(0, 1, 25)
    clock.moveTo(30)
    assert.deepEqual(rang, [25])
    assert.deepEqual(clock.asked, [10, 15])
  })

  it('rings for what is over when the event loop wakes late', () => {
    const clock = new Bench()
    const { ask, rang } = alarmFor(clock)
    ask(10, 20, 300)
    clock.moveTo(400, 50)
    assert.deepEqual(rang, [60, 60, 350])
  })

  it('calls several in order of time, and of their own, when the event loop wakes late', () => {
    const clock = new Bench()
    const schedule = new Schedule(clock)
    const called: string[] = []
    const items = [[10, 10, 30, 40], [10, 20, 30, 90], [15]].map((times, order) => ({
      position: NOWHERE,
      order,
      get nextDeadline() {
        return times[0] ?? Infinity
      },
      fire: () => void called.push(`${order} at ${times.shift()}`),
    }))
    for (const item of items) schedule.set(item, item.nextDeadline)
    clock.turn()
    clock.moveTo(50, 40)
    assert.deepEqual(called, ['0 at 10', '0 at 10', '1 at 10', '2 at 15', '1 at 20', '0 at 30', '1 at 30', '0 at 40'])
    clock.moveTo(100)
    assert.equal(called.at(-1), '1 at 90')
  })

  it('keeps one timer when it is asked while it rings', () => {
    const clock = new Bench()
    let count = 0
    const schedule = new Schedule(clock)
    const item = {
      position: NOWHERE,
      order: 0,
      nextDeadline: Infinity,
      fire(now: number) {
        count++
        item.nextDeadline = count > 3 ? Infinity : now + 10
        if (count <= 3) schedule.set(item, now + 5)
      },
    }
    schedule.set(item, 5)
    clock.moveTo(100)
    assert.equal(count, 4)
    assert.equal(clock.most, 1)
    assert.equal(clock.timers.size, 0)
  })
})
