import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Isolation, isolators } from '../../src/event/isolation.ts'

/** What one delivery gets of `data`. */
function pass(isolation: Isolation, data: unknown): unknown {
  const { store, load } = isolators[isolation]
  const stored = store === undefined ? data : store(data)
  return load === undefined ? stored : load(stored)
}

const circle: { self?: unknown } = {}
circle.self = circle
const RECORD = { list: [1, { deep: true }], text: 'a', nothing: null }

describe('isolators', () => {
  for (const isolation of ['shared', 'frozen', 'clone', 'json'] as const) {
    for (const data of [undefined, null, 0, '', 'text', false, 12.5, [], {}, RECORD]) {
      it(`gives what was published with ${isolation}: ${JSON.stringify(data)}`, () => {
        assert.deepEqual(pass(isolation, data), data)
      })
    }
  }

  it('stores and loads nothing when data is shared', () => {
    assert.deepEqual(isolators['shared'], { store: undefined, load: undefined })
  })

  it('shares one object that is frozen', () => {
    const data = { inner: { list: [{ x: 1 }] } }
    assert.equal(pass('frozen', data), data)
    for (const part of [data, data.inner, data.inner.list, data.inner.list[0]]) assert.ok(Object.isFrozen(part))
  })

  it('freezes circles', () => {
    const first: { next?: object } = {}
    const second = { next: first }
    first.next = second
    pass('frozen', first)
    assert.ok(Object.isFrozen(first) && Object.isFrozen(second))
  })

  it('freezes objects without a prototype, and what stands under symbols does not matter', () => {
    const bare: { inner: object } = Object.assign(Object.create(null), { inner: {} })
    pass('frozen', bare)
    assert.ok(Object.isFrozen(bare) && Object.isFrozen(bare.inner))
  })

  it('freezes what stands in an object that was frozen already', () => {
    const data = Object.freeze({ inner: { x: 1 } })
    pass('frozen', data)
    assert.ok(Object.isFrozen(data.inner))
  })

  it('freezes 100 000 levels', () => {
    let data: { inner?: object } = {}
    const innermost = data
    for (let i = 0; i < 100_000; i++) data = { inner: data }
    pass('frozen', data)
    assert.ok(Object.isFrozen(innermost))
  })

  it('leaves alone what cannot be frozen, and what has a class of its own', () => {
    class Counter {
      count = 0
    }
    const data = { map: new Map(), bytes: new Uint8Array(2), date: new Date(0), counter: new Counter() }
    assert.equal(pass('frozen', data), data)
    for (const part of Object.values(data)) assert.equal(Object.isFrozen(part), false)
  })

  it('runs no getter to freeze', () => {
    const data = {
      get trap(): never {
        throw new Error('a getter ran')
      },
    }
    assert.ok(Object.isFrozen(pass('frozen', data)))
  })

  for (const isolation of ['clone', 'json'] as const) {
    it(`makes another object for each delivery with ${isolation}`, () => {
      const { store, load } = isolators[isolation]
      assert.ok(store && load)
      const stored = store(RECORD)
      const [one, two] = [load(stored), load(stored)]
      assert.deepEqual(one, RECORD)
      assert.deepEqual(two, RECORD)
      assert.notEqual(one, two)
      assert.notEqual(one, RECORD)
    })

    it(`does not see what the publisher changes later with ${isolation}`, () => {
      const { store, load } = isolators[isolation]
      const data = { x: 1, inner: { y: 1 } }
      const stored = store?.(data)
      data.x = data.inner.y = 2
      assert.deepEqual(load?.(stored), { x: 1, inner: { y: 1 } })
    })

    it(`does not see what another delivery changed with ${isolation}`, () => {
      const { store, load } = isolators[isolation]
      assert.ok(store && load)
      const stored = store({ inner: { y: 1 } })
      // What was stored is loaded.
      const one = load(stored) as { inner: { y: number } }
      one.inner.y = 2
      assert.deepEqual(load(stored), { inner: { y: 1 } })
    })
  }

  it('clones what JSON does not know', () => {
    const data = { at: new Date(5), map: new Map([[1, { x: 2 }]]), big: 3n, circle }
    assert.deepEqual(pass('clone', data), data)
  })

  it('makes JSON of what says how', () => {
    assert.deepEqual(pass('json', { at: new Date(0), not: undefined }), { at: '1970-01-01T00:00:00.000Z' })
  })

  for (const [isolation, what, data] of [
    ['clone', 'a function', { run: () => {} }],
    ['clone', 'a symbol', Symbol('x')],
    ['json', 'a circle', circle],
    ['json', 'a bigint', 1n],
    ['json', 'a function', () => {}],
    ['json', 'a symbol', Symbol('x')],
    [
      'json',
      'an object whose toJSON throws',
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
    ],
  ] as const satisfies [Isolation, string, unknown][]) {
    it(`refuses ${what} with ${isolation}`, () => {
      const { store } = isolators[isolation]
      assert.throws(() => store?.(data), { name: 'BusbarError', code: 'ERR_EVENT_INVALID', attribute: 'data' })
    })
  }

  it('keeps the cause of a refusal', () => {
    const cause = new Error('no')
    const data = {
      toJSON() {
        throw cause
      },
    }
    assert.throws(() => isolators['json'].store?.(data), { cause })
  })
})
