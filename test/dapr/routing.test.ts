import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Routes } from '../../src/dapr/routing.ts'

describe('Routes', () => {
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
      assert.equal(
        new Routes(rules).pathFor(() => event),
        path,
      )
    })
  }

  it('takes the first empty match before what follows', () => {
    const routes = new Routes([{ match: '', path: '/first' }, ...rules, { match: '', path: '/default' }])
    assert.equal(
      routes.pathFor(() => ({ type: 'a' })),
      '/first',
    )
  })

  it('does not take the default when a rule fails', () => {
    const routes = new Routes([...rules, { match: '', path: '/default' }])
    assert.throws(() => routes.pathFor(() => ({ type: 'b' })), /No such key: n/)
    assert.equal(
      routes.pathFor(() => ({ type: 'a' })),
      '/a',
    )
  })

  it('does not look at the event when it need not', () => {
    assert.equal(
      new Routes([{ match: ' \n', path: '/a' }]).pathFor(() => assert.fail('it looked')),
      '/a',
    )
  })

  it('makes paths of routes', () => {
    const to = (path: string): string | undefined => new Routes([{ match: '', path }]).pathFor(() => ({}))
    assert.deepEqual(['orders/', '//evil/../x y', ''].map(to), ['/orders', '/x%20y', '/'])
  })

  it('refuses a path that is none', () => {
    assert.throws(() => new Routes([{ match: '', path: '/a\r\nb' }]), { code: 'ERR_OPTION_INVALID', option: 'route' })
  })

  it('refuses more rules than anybody needs', () => {
    const many = Array.from({ length: 101 }, () => ({ match: '', path: '/' }))
    assert.throws(() => new Routes(many), { code: 'ERR_OPTION_INVALID', option: 'rules' })
    assert.equal(
      new Routes(many.slice(1)).pathFor(() => ({})),
      '/',
    )
  })
})

describe('A rule', () => {
  const holds = (match: string, event: object): boolean =>
    new Routes([{ match, path: '/' }]).pathFor(() => event) !== undefined

  for (const [match, expected] of [
    ['', true],
    ['  \n\t ', true],
    [' event.type == "order" ', true],
    ['event.type == "invoice"', false],
    ['event.data.amount > 10000', true],
    ['has(event.data.important) && event.data.important == true', true],
    ['has(event.data.absent) && event.data.absent == true', false],
  ] as const) {
    it(`finds ${JSON.stringify(match)} ${expected}`, () => {
      const event = { type: 'order', data: { amount: 10_001, important: true } }
      assert.equal(holds(match, event), expected)
    })
  }

  for (const [match, why] of [
    ['event.missing == 1', 'Rule "event.missing == 1" failed: No such key: missing'],
    ['event.type', 'Rule "event.type" failed: its result is not a boolean'],
    ['event.n', 'Rule "event.n" failed: its result is not a boolean'],
    ['event.type == order', 'Rule "event.type == order" failed: Unknown variable: order'],
  ] as const) {
    it(`throws when ${match} fails, so that no other rule is tried`, () => {
      assert.throws(() => holds(match, { type: 'order', n: 1 }), { message: why })
    })
  }

  it('is refused when it does not compile', () => {
    assert.throws(() => holds('event.type ==', {}), { code: 'ERR_OPTION_INVALID', position: 13 })
  })
})
