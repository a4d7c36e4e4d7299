import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BusbarError, quote } from '../src/errors.ts'

describe('BusbarError', () => {
  it('is an Error with a code, and has its facts as own properties', () => {
    const error = new BusbarError('ERR_TOPIC_INVALID', 'Invalid topic', { topic: 'a//b', position: 2 })
    assert.ok(error instanceof Error)
    assert.equal(String(error), 'BusbarError: Invalid topic')
    assert.deepEqual({ ...error }, { name: 'BusbarError', code: 'ERR_TOPIC_INVALID', topic: 'a//b', position: 2 })
  })

  it('has no property for what it is not about', () => {
    const error = new BusbarError('ERR_CLOSED', 'The broker is closed')
    for (const fact of ['topic', 'filter', 'position', 'option', 'attribute', 'cause'])
      assert.equal(fact in error, false)
  })

  it('keeps its cause, which is no fact', () => {
    const cause = new RangeError('deeper')
    const error = new BusbarError('ERR_EVENT_INVALID', 'Invalid data', { attribute: 'data', cause })
    assert.equal(error.cause, cause)
    assert.equal(Object.keys(error).includes('cause'), false)
  })
})

describe('quote', () => {
  const tables: readonly (readonly [unknown, string])[] = [
    ['a "b"\n', String.raw`"a \"b\"\n"`],
    ['', '""'],
    [-0, '0'],
    [NaN, 'NaN'],
    [10n, '10n'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [[1, 2], 'an array'],
    [{ toString: () => 'hostile' }, 'an object'],
    [() => 1, 'a function'],
  ]
  for (const [value, text] of tables) {
    it(`shows ${text}`, () => {
      assert.equal(quote(value), text)
    })
  }

  it('shows at most 80 characters', () => {
    assert.equal(quote('x'.repeat(78)), `"${'x'.repeat(78)}"`)
    assert.equal(quote('x'.repeat(79)), `"${'x'.repeat(76)}...`)
    assert.equal(quote(10n ** 100n).length, 80)
  })

  it('never throws, whatever the value', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    const traps = new Proxy(() => {}, {
      get() {
        throw new Error('a trap')
      },
    })
    revoke()
    assert.equal(quote(traps), 'a function')
    assert.equal(quote(proxy), 'a revoked proxy')
  })
})
