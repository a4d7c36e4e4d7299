import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TopicCache } from '../../src/topic/cache.ts'

/** Any hash will do (FNV-1a). */
function hashOf(topic: string): number {
  return Array.from(topic).reduce((hash, unit) => Math.imul(hash ^ unit.charCodeAt(0), 0x01000193), 0x811c9dc5 | 0)
}

/** Asks as the broker does: a miss is worked out and offered. */
function ask(cache: TopicCache<object>, topic: string, work: () => object): boolean {
  if (cache.get(topic) !== undefined) return true
  cache.set(topic, work(), hashOf(topic))
  return false
}

/** Asks until the topic is in. */
function insist(cache: TopicCache<object>, topic: string): void {
  for (let misses = 0; !ask(cache, topic, () => ({})); misses++) assert.ok(misses < 100)
}

describe('TopicCache', () => {
  const value = {}

  it('lets a topic in that keeps coming', () => {
    const cache = new TopicCache<object>()
    let misses = 0
    while (!ask(cache, 'a', () => value)) misses++
    assert.ok(misses <= 32, `${misses} misses`)
    assert.equal(cache.get('a'), value)
  })

  for (const period of [2, 3, 4, 8]) {
    it(`lets a topic in that is every ${period}th to miss`, () => {
      const cache = new TopicCache<object>()
      for (let i = 0; cache.get('a') === undefined; i++) {
        assert.ok(i < 1000)
        ask(cache, i % period === 0 ? 'a' : `b${i}`, () => value)
      }
    })
  }

  it('lets in no topics that never come again', () => {
    const cache = new TopicCache<object>()
    for (let i = 0; i < 10_000; i++) ask(cache, `t${i}`, () => value)
    assert.equal(cache.size, 0)
  })

  it('holds at most two generations', () => {
    const cache = new TopicCache<object>(100)
    for (let i = 0; i < 10_000; i++) {
      insist(cache, `t${i}`)
      assert.ok(cache.size <= 200)
    }
    assert.ok(cache.size > 100)
  })

  it('stays bounded by default through 200 000 topics that keep coming', () => {
    const cache = new TopicCache<object>()
    for (let i = 0; i < 200_000; i++) insist(cache, `t${i}`)
    assert.ok(cache.size > 16_384 && cache.size <= 32_768)
  })

  it('keeps what is asked for while others pass through', () => {
    const cache = new TopicCache<object>(100)
    while (!ask(cache, 'hot', () => value));
    for (let i = 0; i < 10_000; i++) {
      insist(cache, `t${i}`)
      assert.equal(cache.get('hot'), value)
    }
    assert.equal(cache.get('t0'), undefined)
  })

  it('holds 10 000 topics that come in turn', () => {
    const cache = new TopicCache<object>()
    let hits = 0
    for (let round = 0; round < 100; round++) {
      hits = 0
      for (let i = 0; i < 10_000; i++) if (ask(cache, `t${i}`, () => value)) hits++
    }
    assert.equal(hits, 10_000)
  })

  it('lets nobody in on the strength of having come before clear()', () => {
    const cache = new TopicCache<object>()
    while (!ask(cache, 'a', () => value));
    cache.clear()
    assert.equal(
      ask(cache, 'a', () => value),
      false,
    )
    assert.equal(
      ask(cache, 'a', () => value),
      false,
    )
  })

  it('is not worth looking into while only strangers come', () => {
    const cache = new TopicCache<object>()
    const front = (): ReadonlyMap<string, object> | undefined => cache.front
    while (!ask(cache, 'a', () => value));
    assert.equal(front()?.get('a'), value)
    for (let i = 0; i < 1000; i++) ask(cache, `t${i}`, () => value)
    assert.equal(front(), undefined)
    for (let i = 0; front() === undefined; i++) {
      assert.ok(i < 100)
      cache.set('b', value, hashOf('b'))
    }
    assert.equal(front()?.get('a'), value)
  })

  it('does not keep long topics', () => {
    const cache = new TopicCache<object>()
    for (let i = 0; i < 100; i++) ask(cache, 'x'.repeat(257), () => value)
    assert.equal(cache.size, 0)
  })

  it('keeps topics called like members of objects apart', () => {
    const cache = new TopicCache<object>()
    for (const topic of ['__proto__', 'constructor', 'hasOwnProperty']) assert.equal(cache.get(topic), undefined)
  })

  it('answers as if it were not there', () => {
    const topic = fc.constantFrom(...Array.from({ length: 12 }, (_, i) => `t${i}`))
    const step = fc.oneof(
      { weight: 20, arbitrary: topic.map((name) => ['get', name] as const) },
      { weight: 2, arbitrary: topic.map((name) => ['change', name] as const) },
      { weight: 1, arbitrary: fc.constant(['clear', ''] as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (steps, capacity) => {
        const cache = new TopicCache<{ readonly version: number }>(capacity)
        const truth = new Map<string, number>()
        let epoch = 0
        for (const [action, name] of steps) {
          if (action === 'clear') {
            epoch += 1000
            cache.clear()
            assert.equal(cache.size, 0)
          } else if (action === 'change') {
            truth.set(name, (truth.get(name) ?? 0) + 1)
            cache.delete(name)
            assert.equal(cache.get(name), undefined)
          } else {
            const version = epoch + (truth.get(name) ?? 0)
            const cached = cache.get(name)
            if (cached === undefined) cache.set(name, { version }, hashOf(name))
            else assert.equal(cached.version, version)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
