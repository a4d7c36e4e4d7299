import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BusbarError } from '../../src/errors.ts'
import type { Dialect } from '../../src/topic/dialect.ts'
import { Matcher } from '../../src/topic/matcher.ts'
import { checkTopic } from '../../src/topic/topic.ts'
import { dialects, naive, rows, someFilter, someTopic } from './reference.ts'

/** A target that names its filter. */
interface Target {
  readonly filter: string
  readonly order: number
}

/** What a list of targets gives, in order of subscription. */
function naively(targets: readonly Target[], topic: string, dialect: Dialect): readonly Target[] {
  return targets.filter(({ filter }) => naive(filter, topic, dialect))
}

function planted(
  filters: readonly string[],
  dialect: Dialect,
): { matcher: Matcher<Target>; targets: readonly Target[] } {
  const matcher = new Matcher<Target>(dialect)
  const targets = filters.map((filter, order) => ({ filter, order }))
  for (const target of targets) matcher.add(target)
  return { matcher, targets }
}

/** Removes all of them and sees that nothing is left. */
function clear(matcher: Matcher<Target>, targets: readonly Target[]): void {
  for (const target of targets) assert.equal(matcher.remove(target), true)
  assert.equal(matcher.nodeCount, 0)
}

/** What a check says against a topic. */
function outcome(check: () => unknown): string | undefined {
  try {
    check()
  } catch (error) {
    assert.ok(error instanceof BusbarError)
    assert.equal(error.code, 'ERR_TOPIC_INVALID')
    return error.message
  }
  return undefined
}

for (const dialect of dialects) {
  describe(`Matcher in ${dialect}`, () => {
    for (const [filter, topic, expected] of rows[dialect]) {
      it(`gives what is under "${filter}" ${expected ? '' : 'not '}for "${topic}"`, () => {
        const { matcher, targets } = planted([filter], dialect)
        assert.deepEqual(matcher.match(topic), expected ? targets : [])
      })
    }

    it('holds all filters of the rules at once', () => {
      const { matcher, targets } = planted(
        rows[dialect].map(([filter]) => filter),
        dialect,
      )
      for (const [, topic] of rows[dialect]) assert.deepEqual(matcher.match(topic), naively(targets, topic, dialect))
      clear(matcher, targets)
    })

    it('agrees with the definition on 100 000 pairs', () => {
      let hits = 0
      const filters = fc.array(someFilter(dialect), { minLength: 20, maxLength: 20 })
      const topics = fc.array(someTopic(dialect), { minLength: 20, maxLength: 20 })
      fc.assert(
        fc.property(filters, topics, (some, others) => {
          const { matcher, targets } = planted(some, dialect)
          for (const topic of others) {
            const expected = naively(targets, topic, dialect)
            assert.deepEqual(matcher.match(topic), expected)
            hits += expected.length
          }
        }),
        { numRuns: 250 },
      )
      assert.ok(hits > 500, `matched only ${hits} times`)
    })

    it('refuses what is no topic, and nothing else', () => {
      const unit = fc.constantFrom('a', 'b', '/', '.', '+', '#', '*', '>', '$', '\0', '\x7f', 'é', '\ud800', '😀')
      const text = fc.array(unit, { maxLength: 8 }).map((units) => units.join(''))
      const long = fc.tuple(text, fc.constantFrom('a', '/', 'a/', 'a.', 'é'), fc.integer({ min: 120, max: 140 }))
      const any = fc.oneof(
        text,
        long.map(([end, part, times]) => part.repeat(times) + end),
      )
      const { matcher } = planted([], dialect)
      fc.assert(
        fc.property(any, (topic) => {
          assert.deepEqual(
            outcome(() => matcher.match(topic)),
            outcome(() => checkTopic(topic, dialect)),
          )
        }),
        { numRuns: 5000 },
      )
    })

    it('stays true through any sequence of add and remove', () => {
      const step = fc.oneof(someFilter(dialect), fc.nat({ max: 1000 }))
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 100 }),
          fc.array(someTopic(dialect), { minLength: 5, maxLength: 5 }),
          (steps, topics) => {
            const matcher = new Matcher<Target>(dialect)
            const held: Target[] = []
            for (const [order, one] of steps.entries()) {
              if (typeof one === 'string') {
                const target = { filter: one, order }
                held.push(target)
                matcher.add(target)
              } else if (held.length > 0) {
                const [gone] = held.splice(one % held.length, 1)
                assert.equal(matcher.remove(gone!), true)
                assert.equal(matcher.remove(gone!), false)
              }
              for (const topic of topics) assert.deepEqual(matcher.match(topic), naively(held, topic, dialect))
            }
            clear(matcher, held)
          },
        ),
        { numRuns: 100 },
      )
    })
  })
}

describe('Matcher', () => {
  it('refuses a topic that is no string', () => {
    const { matcher } = planted(['#'], 'mqtt')
    for (const topic of [undefined, null, 1, ['a'], { length: 1 }]) {
      assert.throws(() => matcher.match(topic as string), { code: 'ERR_TOPIC_INVALID' }) // as JavaScript may have it
    }
  })

  it('gives the targets of one topic by their order', () => {
    const filters = ['#', 'a/b', '+/b', 'a/+', 'a/b', 'a/#', '+/+', 'a/b', 'a/b/#', '+/#', '+/b']
    const { matcher, targets } = planted([...filters, ...filters, ...filters].reverse(), 'mqtt')
    assert.deepEqual(matcher.match('a/b'), targets)
  })

  it('gives a target once, however many ways its filter matches', () => {
    const { matcher, targets } = planted(['#.a.#', '#.a.#.a.#', '#.#.#'], 'amqp')
    assert.deepEqual(matcher.match('a.a.a.a'), targets)
  })

  it('gives a target once where the hashes of two filters are the same by chance', () => {
    // Found by search: of no use if the hash is ever another.
    const { matcher, targets } = planted(['x15634/+', '+/y6923'], 'mqtt')
    assert.deepEqual(matcher.match('x15634/y6923'), targets)
    clear(matcher, targets)
  })

  it('gives an answer of its own each time, and one frozen nothing', () => {
    const { matcher } = planted(['a'], 'mqtt')
    assert.notEqual(matcher.match('a'), matcher.match('a'))
    assert.equal(matcher.match('b'), matcher.match('c'))
    assert.ok(Object.isFrozen(matcher.match('b')))
  })

  it('removes nothing that is not there', () => {
    const { matcher, targets } = planted(['a/+', '#.b.#', 'a'], 'amqp')
    for (const filter of ['a/b', 'a', '#', '#.c.#', '__proto__'])
      assert.equal(matcher.remove({ filter, order: 9 }), false)
    assert.equal(matcher.remove({ ...targets[0]! }), false)
    clear(matcher, targets)
  })

  it('keeps topics called like members of objects apart', () => {
    const { matcher } = planted(['__proto__', 'constructor/+', 'toString/#'], 'mqtt')
    for (const [topic, found] of [
      ['__proto__', 1],
      ['constructor/a', 1],
      ['toString', 1],
      ['valueOf', 0],
      ['hasOwnProperty/a', 0],
    ] as const) {
      assert.equal(matcher.match(topic).length, found)
    }
  })

  it('takes longest and deepest texts', () => {
    const levels = (level: string) => Array<string>(128).fill(level).join('/')
    const { matcher, targets } = planted([levels('+'), levels(''), levels('a'), 'x'.repeat(65_535)], 'mqtt')
    assert.deepEqual(matcher.match(levels('a')), [targets[0], targets[2]])
    assert.deepEqual(matcher.match(levels('')), [targets[0], targets[1]])
    assert.deepEqual(matcher.match('x'.repeat(65_535)), [targets[3]])
    clear(matcher, targets)
    const long = planted(['x'.repeat(65_535), `${'x'.repeat(65_533)}*`, '*'], 'prefix')
    assert.deepEqual(long.matcher.match('x'.repeat(65_535)), long.targets)
    clear(long.matcher, long.targets)
  })

  it('does not grow through a million of different filters', () => {
    const { matcher, targets } = planted(['a/b', 'a/+', '#'], 'mqtt')
    const before = matcher.nodeCount
    for (let i = 0; i < 1e6; i++) {
      const target = { filter: i % 3 === 0 ? `a/${i}` : i % 3 === 1 ? `${i}/+/b` : `a/${i}/#`, order: 3 + i }
      matcher.add(target)
      assert.ok(matcher.remove(target))
    }
    assert.equal(matcher.nodeCount, before)
    clear(matcher, targets)
  })

  it('lets go of what a crowd needed', () => {
    const { matcher, targets } = planted(
      Array.from({ length: 20_000 }, (_, i) => `a/${i}/${i % 7 === 0 ? '+' : i % 3}`),
      'mqtt',
    )
    assert.ok(matcher.nodeCount > 20_000)
    clear(matcher, targets)
  })

  for (const filter of ['a/+', 'a/b']) {
    it(`lets many targets under ${filter} come and go in any order`, () => {
      const { matcher, targets } = planted(Array<string>(20_000).fill(filter), 'mqtt')
      assert.deepEqual(matcher.match('a/b'), targets)
      const [even, odd] = [targets.filter((_, i) => i % 2 === 0), targets.filter((_, i) => i % 2 === 1)]
      for (const target of odd.reverse()) matcher.remove(target)
      assert.deepEqual(matcher.match('a/b'), even)
      clear(matcher, even)
    })
  }

  it('knows the only target of a topic while no filter has wildcards', () => {
    const { matcher, targets } = planted(['a', 'b', 'b', 'c/+'], 'mqtt')
    const only = (topic: string): unknown => matcher.only?.get(topic)
    assert.equal(matcher.only, undefined)
    matcher.remove(targets[3]!)
    assert.equal(only('a'), targets[0])
    assert.equal(only('b'), undefined)
    assert.equal(only('x'), undefined)
    matcher.remove(targets[1]!)
    assert.equal(only('b'), targets[2])
  })

  it('gives targets under exact filters and under wildcards by their order', () => {
    const { matcher, targets } = planted(['a/+', 'a/b', '#', 'a/b', '+/b'], 'mqtt')
    assert.deepEqual(matcher.match('a/b'), targets)
  })

  it('has one shape for all filters with wildcards in the same places', () => {
    const count = (filters: readonly string[]) => planted(filters, 'mqtt').matcher.nodeCount
    // Beside its entry, a filter of a known shape costs nothing.
    assert.equal(count(['a/+/c', 'd/+/f', 'g/+/i']) - count(['a/+/c']), 2)
  })

  it('matches a topic among hostile filters of 10 000 shapes', () => {
    const shapes = Array.from({ length: 10_000 }, (_, i) =>
      [...i.toString(2).padStart(14, '0')].map((bit) => (bit === '1' ? '+' : 'a')),
    )
    const { matcher, targets } = planted(
      shapes.map((levels) => [...levels, 'z'].join('/')),
      'mqtt',
    )
    assert.deepEqual(matcher.match(`${'a/'.repeat(14)}y`), [])
    assert.deepEqual(matcher.match(`${'a/'.repeat(14)}z`), targets)
    clear(matcher, targets)
  })

  it('matches the longest topic among wildcards that could explode', () => {
    const deep = (level: string, last: string) => `${`${level}.`.repeat(120)}${last}`
    const { matcher, targets } = planted(
      [`#.${deep('*', '#')}`, `#.${'a.'.repeat(50)}#.${'a.'.repeat(50)}#.b`, '#.a.#.b.#', deep('*', 'b')],
      'amqp',
    )
    assert.deepEqual(matcher.match(`${'a.'.repeat(127)}c`), [targets[0]])
  })
})
