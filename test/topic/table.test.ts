import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Table } from '../../src/topic/table.ts'

interface Target {
  readonly hash: number
}

/** All targets that the table has for a hash. */
function found(table: Table<Target>, hash: number): ReadonlySet<Target> {
  const targets = [...(table.crowd(hash) ?? [])]
  for (let at = table.first(hash); at >= 0; at = table.next(hash, at)) targets.push(table.target(at))
  assert.equal(new Set(targets).size, targets.length)
  return new Set(targets)
}

describe('Table', () => {
  it('has for each hash what was added and not removed', () => {
    // Few hashes, and of these many with the same home, also at the end, where the table begins again.
    const hash = fc.constantFrom(0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 127, -1, -2, -8, -(2 ** 30), 2 ** 30 - 1)
    const step = fc.oneof(hash, fc.record({ remove: fc.nat() }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        const table = new Table<Target>()
        const held: Target[] = []
        for (const one of steps) {
          if (typeof one === 'number') {
            held.push({ hash: one })
            table.add(one, held.at(-1)!)
          } else if (held.length > 0) {
            const [gone] = held.splice(one.remove % held.length, 1)
            assert.equal(table.remove(gone!.hash, gone!), true)
            assert.equal(table.remove(gone!.hash, gone!), false)
          }
        }
        for (const { hash: key } of held) {
          assert.deepEqual(found(table, key), new Set(held.filter((target) => target.hash === key)))
        }
        assert.deepEqual(new Set(table.hashes()), new Set(held.map((target) => target.hash)))
        for (const target of held) assert.equal(table.remove(target.hash, target), true)
        assert.equal(table.size, 0)
      }),
      { numRuns: 500 },
    )
  })

  it('finds nothing under a hash that it does not have', () => {
    const table = new Table<Target>()
    for (let hash = 0; hash < 100; hash++) table.add(2 * hash, { hash })
    for (let hash = 0; hash < 100; hash++) assert.equal(table.first(2 * hash + 1), -1)
  })

  it('does not go through a crowd of one hash to add to it or to take from it', () => {
    const table = new Table<Target>()
    const crowd = Array.from({ length: 200_000 }, () => ({ hash: 5 }))
    for (const target of crowd) table.add(5, target)
    assert.equal(found(table, 5).size, crowd.length)
    for (const target of crowd) assert.equal(table.remove(5, target), true)
    assert.equal(table.size, 0)
  })
})
