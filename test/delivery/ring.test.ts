import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Ring } from '../../src/delivery/ring.ts'

const isLater = (other: number, item: number): boolean => other > item
const isEven = (item: number): boolean => item % 2 === 0

/** The same steps on a ring and on an array. */
const steps: Readonly<Record<string, (ring: Ring<number>, array: number[], item: number) => void>> = {
  push: (ring, array, item) => {
    ring.push(item)
    array.push(item)
  },
  shift: (ring, array) => assert.equal(ring.shift(), array.shift()),
  insert: (ring, array, item) => {
    ring.insert(item, isLater)
    let index = array.length
    while (index > 0 && isLater(array[index - 1] ?? 0, item)) index--
    array.splice(index, 0, item)
  },
  keep: (ring, array) => {
    ring.keep(isEven)
    array.splice(0, array.length, ...array.filter(isEven))
  },
  clear: (ring, array) => {
    ring.clear()
    array.length = 0
  },
}

function assertSame(ring: Ring<number>, array: readonly number[]): void {
  assert.equal(ring.isEmpty, array.length === 0)
  assert.equal(ring.first, array[0])
  assert.deepEqual(ring.toArray(), array)
}

describe('Ring', () => {
  it('does what an array does', () => {
    const often = (weight: number, name: string) => ({ weight, arbitrary: fc.constant(name) })
    const name = fc.oneof(often(8, 'push'), often(6, 'shift'), often(4, 'insert'), often(1, 'keep'), often(1, 'clear'))
    const step = fc.tuple(name, fc.integer({ min: 0, max: 20 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (list) => {
        const ring = new Ring<number>()
        const array: number[] = []
        for (const [what, item] of list) {
          steps[what]?.(ring, array, item)
          assertSame(ring, array)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is empty at first', () => {
    const ring = new Ring<number>()
    assertSame(ring, [])
    assert.equal(ring.shift(), undefined)
  })

  for (const [size, offset] of [
    [8, 5],
    [1024, 1000],
    [5000, 3],
  ] as const) {
    it(`grows past ${size} items when its front stands at ${offset}`, () => {
      const ring = new Ring<number>()
      for (let i = 0; i < size; i++) ring.push(i)
      for (let i = 0; i < offset; i++) assert.equal(ring.shift(), i)
      for (let i = size; i < size * 3; i++) ring.push(i)
      for (let i = offset; i < size * 3; i++) assert.equal(ring.shift(), i)
      assertSame(ring, [])
    })
  }

  it('keeps its order while a burst of 100 000 runs off and others come', () => {
    const ring = new Ring<number>()
    let last = 0
    let first = 0
    while (last < 100_000) ring.push(last++)
    while (!ring.isEmpty) {
      for (let i = 0; i < 3 && !ring.isEmpty; i++) assert.equal(ring.shift(), first++)
      if (last < 110_000) ring.push(last++)
    }
    assert.equal(first, last)
  })

  it('puts an item behind those that are equal', () => {
    const ring = new Ring<{ readonly order: number; readonly name: string }>()
    for (const [order, name] of [
      [1, 'a'],
      [2, 'b'],
      [1, 'c'],
      [0, 'd'],
      [2, 'e'],
    ] as const) {
      ring.insert({ order, name }, (other, item) => other.order > item.order)
    }
    assert.equal(
      ring
        .toArray()
        .map(({ name }) => name)
        .join(''),
      'dacbe',
    )
  })

  it('lets go of what was taken', async () => {
    const ring = new Ring<object>()
    const held = ((): WeakRef<object>[] => {
      const items = Array.from({ length: 3 }, () => ({}))
      for (const item of items) ring.push(item)
      return items.map((item) => new WeakRef(item))
    })()
    ring.push({})
    for (let i = 0; i < 3; i++) ring.shift()
    await new Promise<void>((resolve) => setImmediate(resolve))
    globalThis.gc?.()
    assert.deepEqual(
      held.filter((item) => item.deref() !== undefined),
      [],
    )
  })
})
