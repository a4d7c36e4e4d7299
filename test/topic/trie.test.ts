import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Dialect } from '../../src/topic/dialect.ts'
import { TopicTrie } from '../../src/topic/trie.ts'
import { dialects, naive, rows, someFilter, someTopic } from './reference.ts'

/** A target that names its filter. */
interface Target {
  readonly filter: string
}

/** What a list of targets gives, in order of subscription. */
function naively(targets: readonly Target[], topic: string, dialect: Dialect): readonly Target[] {
  return targets.filter(({ filter }) => naive(filter, topic, dialect))
}

function planted(
  filters: readonly string[],
  dialect: Dialect,
): { trie: TopicTrie<Target>; targets: readonly Target[] } {
  const trie = new TopicTrie<Target>(dialect)
  const targets = filters.map((filter) => ({ filter }))
  for (const target of targets) trie.add(target.filter, target)
  return { trie, targets }
}

/** Removes all of them and sees that nothing is left. */
function clear(trie: TopicTrie<Target>, targets: readonly Target[]): void {
  for (const target of targets) assert.equal(trie.remove(target.filter, target), true)
  assert.deepEqual([trie.size, trie.nodeCount], [0, 0])
}

for (const dialect of dialects) {
  describe(`TopicTrie in ${dialect}`, () => {
    for (const [filter, topic, expected] of rows[dialect]) {
      it(`gives what is under "${filter}" ${expected ? '' : 'not '}for "${topic}"`, () => {
        const { trie, targets } = planted([filter], dialect)
        assert.deepEqual(trie.match(topic), expected ? targets : [])
      })
    }

    it('holds all filters of the rules at once', () => {
      const { trie, targets } = planted(
        rows[dialect].map(([filter]) => filter),
        dialect,
      )
      for (const [, topic] of rows[dialect]) assert.deepEqual(trie.match(topic), naively(targets, topic, dialect))
      clear(trie, targets)
    })

    it('agrees with the definition on 100 000 pairs', () => {
      let hits = 0
      const filters = fc.array(someFilter(dialect), { minLength: 20, maxLength: 20 })
      const topics = fc.array(someTopic(dialect), { minLength: 20, maxLength: 20 })
      fc.assert(
        fc.property(filters, topics, (some, others) => {
          const { trie, targets } = planted(some, dialect)
          for (const topic of others) {
            const expected = naively(targets, topic, dialect)
            assert.deepEqual(trie.match(topic), expected)
            hits += expected.length
          }
        }),
        { numRuns: 250 },
      )
      assert.ok(hits > 500, `matched only ${hits} times`)
    })

    it('stays true through any sequence of add and remove', () => {
      const step = fc.oneof(
        someFilter(dialect).map((filter) => ({ filter })),
        fc.nat({ max: 1000 }),
      )
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 100 }),
          fc.array(someTopic(dialect), { minLength: 5, maxLength: 5 }),
          (steps, topics) => {
            const trie = new TopicTrie<Target>(dialect)
            const held: Target[] = []
            for (const one of steps) {
              if (typeof one === 'object') {
                held.push(one)
                trie.add(one.filter, one)
              } else if (held.length > 0) {
                const [gone] = held.splice(one % held.length, 1)
                assert.equal(trie.remove(gone!.filter, gone!), true)
                assert.equal(trie.remove(gone!.filter, gone!), false)
              }
              assert.equal(trie.size, held.length)
              for (const topic of topics) assert.deepEqual(trie.match(topic), naively(held, topic, dialect))
            }
            clear(trie, held)
          },
        ),
        { numRuns: 100 },
      )
    })
  })
}

describe('TopicTrie', () => {
  it('gives the targets of one topic in the order of their adding', () => {
    const filters = ['#', 'a/b', '+/b', 'a/+', 'a/b', 'a/#', '+/+', 'a/b', 'a/b/#', '+/#', '+/b']
    const { trie, targets } = planted([...filters, ...filters, ...filters].reverse(), 'mqtt')
    assert.deepEqual(trie.match('a/b'), targets)
  })

  it('gives a target once, however many ways its filter matches', () => {
    const { trie, targets } = planted(['#.a.#', '#.a.#.a.#', '#.#.#'], 'amqp')
    assert.deepEqual(trie.match('a.a.a.a'), targets)
  })

  it('gives a target once where the hashes of two filters are the same by chance', () => {
    // Found by search: of no use if the hash is ever another.
    const { trie, targets } = planted(['x2049/+', '+/y4448'], 'mqtt')
    assert.deepEqual(trie.match('x2049/y4448'), targets)
    clear(trie, targets)
  })

  it('gives an answer of its own each time, and one frozen nothing', () => {
    const { trie } = planted(['a'], 'mqtt')
    assert.notEqual(trie.match('a'), trie.match('a'))
    assert.equal(trie.match('b'), trie.match('c'))
    assert.ok(Object.isFrozen(trie.match('b')))
  })

  it('removes nothing that is not there', () => {
    const { trie, targets } = planted(['a/+', '#.b.#', 'a'], 'amqp')
    for (const filter of ['a/b', 'a', '#', '#.c.#', '__proto__']) assert.equal(trie.remove(filter, { filter }), false)
    assert.equal(trie.remove('#.c.#', targets[1]!), false)
    assert.equal(trie.remove('a', targets[0]!), false)
    assert.equal(trie.size, 3)
    clear(trie, targets)
  })

  it('keeps topics called like members of objects apart', () => {
    const { trie } = planted(['__proto__', 'constructor/+', 'toString/#'], 'mqtt')
    for (const [topic, found] of [
      ['__proto__', 1],
      ['constructor/a', 1],
      ['toString', 1],
      ['valueOf', 0],
      ['hasOwnProperty/a', 0],
    ] as const) {
      assert.equal(trie.match(topic).length, found)
    }
  })

  it('takes longest and deepest texts', () => {
    const levels = (level: string) => Array<string>(128).fill(level).join('/')
    const { trie, targets } = planted([levels('+'), levels(''), levels('a'), 'x'.repeat(65_535)], 'mqtt')
    assert.deepEqual(trie.match(levels('a')), [targets[0], targets[2]])
    assert.deepEqual(trie.match(levels('')), [targets[0], targets[1]])
    assert.deepEqual(trie.match('x'.repeat(65_535)), [targets[3]])
    clear(trie, targets)
    const long = planted(['x'.repeat(65_535), `${'x'.repeat(65_533)}*`, '*'], 'prefix')
    assert.deepEqual(long.trie.match('x'.repeat(65_535)), long.targets)
    clear(long.trie, long.targets)
  })

  it('does not grow through a million of different filters', () => {
    const { trie, targets } = planted(['a/b', 'a/+', '#'], 'mqtt')
    const before = trie.nodeCount
    for (let i = 0; i < 1e6; i++) {
      const target = { filter: i % 3 === 0 ? `a/${i}` : i % 3 === 1 ? `${i}/+/b` : `a/${i}/#` }
      trie.add(target.filter, target)
      assert.ok(trie.remove(target.filter, target))
    }
    assert.equal(trie.nodeCount, before)
    clear(trie, targets)
  })

  it('lets go of what a crowd needed', () => {
    const { trie, targets } = planted(
      Array.from({ length: 20_000 }, (_, i) => `a/${i}/${i % 7 === 0 ? '+' : i % 3}`),
      'mqtt',
    )
    assert.ok(trie.nodeCount > 20_000)
    clear(trie, targets)
  })

  it('lets many targets under one filter come and go in any order', () => {
    const { trie, targets } = planted(Array<string>(20_000).fill('a/+'), 'mqtt')
    assert.deepEqual(trie.match('a/b'), targets)
    const [even, odd] = [targets.filter((_, i) => i % 2 === 0), targets.filter((_, i) => i % 2 === 1)]
    for (const target of odd.reverse()) trie.remove('a/+', target)
    assert.deepEqual(trie.match('a/b'), even)
    clear(trie, even)
  })

  it('has one path for all filters of one shape', () => {
    const count = (filters: readonly string[]) => planted(filters, 'mqtt').trie.nodeCount
    // Beside its entry, a filter of a known shape costs nothing.
    assert.equal(count(['a/+/c', 'd/+/f', 'g/+/i']) - count(['a/+/c']), 2)
  })

  it('matches a topic among hostile filters of 10 000 shapes', () => {
    const shapes = Array.from({ length: 10_000 }, (_, i) =>
      [...i.toString(2).padStart(14, '0')].map((bit) => (bit === '1' ? '+' : 'a')),
    )
    const { trie, targets } = planted(
      shapes.map((levels) => [...levels, 'z'].join('/')),
      'mqtt',
    )
    assert.deepEqual(trie.match(`${'a/'.repeat(14)}y`), [])
    assert.deepEqual(trie.match(`${'a/'.repeat(14)}z`), targets)
    clear(trie, targets)
  })

  it('matches the longest topic among wildcards that could explode', () => {
    const deep = (level: string, last: string) => `${`${level}.`.repeat(120)}${last}`
    const { trie, targets } = planted(
      [`#.${deep('*', '#')}`, `#.${'a.'.repeat(50)}#.${'a.'.repeat(50)}#.b`, '#.a.#.b.#', deep('*', 'b')],
      'amqp',
    )
    assert.deepEqual(trie.match(`${'a.'.repeat(127)}c`), [targets[0]])
  })
})
