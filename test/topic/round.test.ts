import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Round } from '../../src/topic/round.ts'

interface Found {
  readonly topic: string
}

/** Asks as the broker does: what is not expected is looked up. @returns whether it was expected */
function ask(round: Round<Found>, topic: string): boolean {
  const found = round.next(topic)
  if (found === undefined) round.learn(topic, { topic })
  else assert.equal(found.topic, topic)
  return found !== undefined
}

/** Enough to learn what comes, whatever came before. */
const TIMES = 150

/** Asks for the topics in turn, `times` times. @returns how many of the last time were expected */
function turns(round: Round<Found>, topics: readonly string[], times: number): number {
  let expected = 0
  for (let i = 0; i < times; i++) expected = topics.filter((topic) => ask(round, topic)).length
  return expected
}

function topicsOf(length: number, prefix = 't'): readonly string[] {
  return Array.from({ length }, (_, i) => `${prefix}${i}`)
}

describe('Round', () => {
  for (const length of [1, 2, 3, 7, 8, 9, 1000, 10_000]) {
    it(`expects ${length} topics that have come in turn for a while`, () => {
      assert.equal(turns(new Round(), topicsOf(length), TIMES), length)
    })
  }

  it('expects nothing at first, and no empty text', () => {
    const round = new Round<Found>()
    for (const topic of ['', 'a', 'b']) assert.equal(round.next(topic), undefined)
  })

  it('expects the others when one comes out of turn', () => {
    const round = new Round<Found>()
    const topics = topicsOf(100)
    turns(round, topics, TIMES)
    for (const topic of topics.slice(0, 50)) assert.ok(ask(round, topic))
    assert.ok(!ask(round, 'other'))
    for (const topic of topics.slice(50)) assert.ok(ask(round, topic))
  })

  it('goes on with the next round when one was left out', () => {
    const round = new Round<Found>()
    const topics = topicsOf(100)
    turns(round, topics, TIMES)
    assert.equal(turns(round, [...topics.slice(0, 50), ...topics.slice(51)], 1), 50)
    assert.equal(turns(round, topics, 1), 50)
    assert.equal(turns(round, topics, 1), 100)
  })

  it('learns what comes instead', () => {
    const round = new Round<Found>()
    for (const prefix of ['a', 'b', 'c']) assert.equal(turns(round, topicsOf(100, prefix), TIMES), 100)
  })

  it('learns what comes behind a topic that never comes again', () => {
    const round = new Round<Found>()
    ask(round, 'start')
    assert.equal(turns(round, ['a'], TIMES), 1)
  })

  it('holds no more than 16 384 topics', () => {
    assert.equal(turns(new Round(), topicsOf(16_384), TIMES), 16_384)
    const round = new Round<Found>()
    for (let i = 0; i < 1_000_000; i++) {
      ask(round, `t${i}`)
      assert.ok(round.size <= 16_384)
    }
  })

  it('rests most of the time while topics come in no order', () => {
    const round = new Round<Found>()
    let written = 0
    for (let i = 0; i < 1_000_000; i++) {
      const before = round.size
      ask(round, `t${i}`)
      if (round.size > before) written++
    }
    assert.ok(written < 40_000, `${written} were written down`)
  })

  it('forgets all that it has learnt', () => {
    const round = new Round<Found>()
    const topics = topicsOf(8)
    turns(round, topics, TIMES)
    round.clear()
    assert.deepEqual(
      topics.map((topic) => round.next(topic)),
      topics.map(() => undefined),
    )
    assert.equal(turns(round, topics, TIMES), 8)
  })

  it('never finds anything but what was found before, whatever comes', () => {
    const topic = fc.constantFrom('a', 'b', 'c', 'd')
    const part = fc.tuple(fc.array(topic, { minLength: 1, maxLength: 6 }), fc.nat(30))
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const round = new Round<Found>()
        for (const [topics, times] of parts) turns(round, topics, times)
      }),
    )
  })
})
