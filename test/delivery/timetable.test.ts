import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Delivery } from '../../src/delivery/delivery.ts'
import { Timetable } from '../../src/delivery/timetable.ts'
import { Envelope } from '../../src/event/envelope.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { Schedule } from '../../src/time/schedule.ts'
import { NOWHERE } from '../../src/time/timed.ts'

const origin = { source: 'test', idPrefix: '', load: undefined }
const stamp = { origin, wall: 0, now: 0, text: undefined }

/** A delayed message that counts how often somebody looks whether it is one. */
class Counted extends Delivery {
  static looks = 0
  constructor(order: number) {
    super(new Envelope('a', order, undefined, order, stamp), 0)
    let state: Delivery['state'] = 'delayed'
    Object.defineProperty(this, 'state', {
      get: () => (Counted.looks++, state),
      set: (next: Delivery['state']) => (state = next),
    })
  }
}

function makeTimetable(): Timetable {
  const clock = new ManualClock({ patienceMs: 0 })
  const owner = { position: NOWHERE, order: 1, nextDeadline: Infinity, fire: () => {} }
  return new Timetable(owner, { clock, schedule: new Schedule(clock) }, Infinity)
}

/** The plain way: looks at all of them. */
function lastOf(times: ReadonlyMap<Delivery, number>): Delivery | undefined {
  return [...times].sort(([a, s], [b, t]) => t - s || b.order - a.order)[0]?.[0]
}

/** Numbers from 1 to `limit` that look random and are the same each time. */
function* numbers(limit: number): Generator<number, never> {
  for (let seed = 1; ; ) {
    seed = (seed * 48_271) % 2_147_483_647
    yield 1 + (seed % limit)
  }
}

describe('Timetable.lastDelayed', () => {
  it('is the delayed message that is due last, whatever comes and goes', () => {
    const timetable = makeTimetable()
    const times = new Map<Delivery, number>()
    const random = numbers(20)
    const clear = (delivery: Delivery): void => {
      timetable.clear(delivery)
      times.delete(delivery)
    }
    for (let order = 1; order <= 500; order++) {
      const delivery = new Delivery(new Envelope('a', order, undefined, order, stamp), 0)
      delivery.state = order % 5 === 0 ? 'queued' : 'delayed'
      const time = random.next().value
      timetable.set(delivery, time)
      if (delivery.state === 'delayed') times.set(delivery, time)
      if (order < 100) continue
      const last = timetable.lastDelayed()
      assert.equal(last, lastOf(times))
      if (random.next().value < 10 && last !== undefined) clear(last)
      const [any] = times.keys()
      if (random.next().value < 10 && any !== undefined) clear(any)
    }
    for (const delivery of [...times.keys()]) clear(delivery)
    assert.equal(timetable.lastDelayed(), undefined)
  })

  it('looks at all of them once, however often it is asked', () => {
    const many = 1_000
    const timetable = makeTimetable()
    const random = numbers(1_000_000)
    for (let order = 1; order <= many; order++) timetable.set(new Counted(order), random.next().value)
    Counted.looks = 0
    for (let order = 1; order <= many; order++) {
      const last = timetable.lastDelayed() ?? assert.fail('none')
      timetable.set(new Counted(many + order), random.next().value)
      timetable.clear(last)
    }
    assert.ok(Counted.looks <= 10 * many, `${Counted.looks} looks`)
  })
})
