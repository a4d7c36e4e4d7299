import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileRoutes, compileRule } from '../../src/dapr/routing.ts'

describe('compileRule', () => {
  for (const [match, holds] of [
    ['', true],
    ['  \n\t ', true],
    [' event.type == "order" ', true],
    ['event.type == "invoice"', false],
    ['event.data.amount > 10000', true],
    ['has(event.data.important) && event.data.important == true', true],
    ['has(event.data.absent) && event.data.absent == true', false],
  ] as const) {
    it(`finds ${JSON.stringify(match)} ${holds}`, () => {
      const event = { type: 'order', data: { amount: 10_001, important: true } }
      assert.equal(compileRule(match).test(event), holds)
    })
  }

  for (const [match, why] of [
    ['event.missing == 1', 'Rule "event.missing == 1" failed: No such key: missing'],
    ['event.type', 'Rule "event.type" failed: its result is not a boolean'],
    ['event.n', 'Rule "event.n" failed: its result is not a boolean'],
    ['event.type == order', 'Rule "event.type == order" failed: Unknown variable: order'],
  ] as const) {
    it(`throws when ${match} fails, so that no other rule is tried`, () => {
      assert.throws(() => compileRule(match).test({ type: 'order', n: 1 }), { message: why })
    })
  }

  it('always holds without looking at the event when it is empty', () => {
    const event = Object.defineProperty({}, 'data', { enumerable: true, get: () => assert.fail('it looked') })
    assert.equal(compileRule('').test(event), true)
    assert.equal(compileRoutes([{ match: '', path: '/a' }]).pathFor(event), '/a')
  })

  it('refuses what does not compile', () => {
    assert.throws(() => compileRule('event.type =='), { code: 'ERR_OPTION_INVALID', position: 13 })
  })
})

describe('compileRoutes', () => {
  const rules = [
    { match: 'event.type == "a"', path: '/a' },
    { match: 'event.n > 1', path: '/many' },
    { match: 'event.type == "a"', path: '/never' },
  ]

  for (const [event, path] of [
    [{ type: 'a', n: 5 }, '/a'],
    [{ type: 'b', n: 5 }, '/many'],
    [{ type: 'b', n: 0 }, undefined],
  ] as const) {
    it(`sends ${JSON.stringify(event)} to ${path ?? 'no path'}`, () => {
      assert.equal(compileRoutes(rules).pathFor(event), path)
    })
  }

  it('takes the first empty match before what follows', () => {
    const routes = compileRoutes([{ match: '', path: '/first' }, ...rules, { match: '', path: '/default' }])
    assert.equal(routes.pathFor({ type: 'a' }), '/first')
  })

  it('does not take the default when a rule fails', () => {
    const routes = compileRoutes([...rules, { match: '', path: '/default' }])
    assert.throws(() => routes.pathFor({ type: 'b' }), /No such key: n/)
    assert.equal(routes.pathFor({ type: 'a' }), '/a')
  })

  it('refuses more rules than anybody needs', () => {
    const many = Array.from({ length: 101 }, () => ({ match: '', path: '/' }))
    assert.throws(() => compileRoutes(many), { code: 'ERR_OPTION_INVALID' })
    assert.equal(compileRoutes(many.slice(1)).pathFor({}), '/')
  })
})
