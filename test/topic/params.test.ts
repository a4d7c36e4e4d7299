import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { captureParams, matches } from '../../src/topic/params.ts'
import { isWildcard } from '../../src/topic/topic.ts'
import { dialects, naive, naiveParams, rows, someFilter, someTopic } from './reference.ts'

for (const dialect of dialects) {
  describe(`matches in ${dialect}`, () => {
    for (const [filter, topic, expected] of rows[dialect]) {
      it(`says ${expected ? 'yes' : 'no'} to "${filter}" for "${topic}"`, () => {
        assert.equal(matches(filter, topic, dialect), expected)
      })
    }

    it('agrees with the definition on 100 000 pairs', () => {
      let hits = 0
      fc.assert(
        fc.property(someFilter(dialect), someTopic(dialect), (filter, topic) => {
          const expected = naive(filter, topic, dialect)
          assert.equal(matches(filter, topic, dialect), expected)
          if (expected) hits++
        }),
        { numRuns: 100_000 },
      )
      assert.ok(hits > 1000, `matched only ${hits} times`)
    })
  })

  describe(`captureParams in ${dialect}`, () => {
    for (const [filter, topic, matched, params] of rows[dialect]) {
      if (!matched) continue
      it(`gives ${JSON.stringify(params)} for "${filter}" and "${topic}"`, () => {
        assert.deepEqual(captureParams(filter, topic, dialect), params)
      })
    }

    it('gives the same frozen nothing for every literal filter', () => {
      const none = captureParams('a', 'a', dialect)
      assert.ok(Object.isFrozen(none))
      assert.equal(captureParams('b', 'b', dialect), none)
    })
  })
}

for (const dialect of ['mqtt', 'nats', 'amqp'] as const) {
  describe(`captureParams in ${dialect}`, () => {
    it('takes as few levels as possible, leftmost first', () => {
      fc.assert(
        fc.property(someFilter(dialect), someTopic(dialect), (filter, topic) => {
          fc.pre(naive(filter, topic, dialect) && isWildcard(filter, dialect))
          assert.deepEqual(captureParams(filter, topic, dialect), naiveParams(filter, topic, dialect))
        }),
        { numRuns: 5000 },
      )
    })
  })
}

describe('matches', () => {
  it('ends on filters that make backtracking explode', () => {
    const topic = `${'a.'.repeat(127)}c`
    for (const filter of [
      `#.${'a.'.repeat(40)}#.${'a.'.repeat(40)}#.b`,
      '#.a.#.a.#.b',
      `${'*.'.repeat(60)}#.*.#.${'*.'.repeat(60)}b`,
    ]) {
      assert.equal(matches(filter, topic, 'amqp'), false)
    }
  })
})
