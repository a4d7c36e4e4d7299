import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Trouble } from '../../src/dapr/trouble.ts'

describe('Trouble', () => {
  it('warns of the first failure, and after a minute of all that came since', () => {
    const trouble = new Trouble()
    const times = [0, 0, 30_000, 59_999, 60_000, 60_001, 200_000]
    assert.deepEqual(
      times.map((now) => trouble.failed(now)),
      [1, undefined, undefined, undefined, 4, undefined, 2],
    )
  })

  it('takes it for news once that it went well', () => {
    const trouble = new Trouble()
    assert.equal(trouble.succeeded(), false)
    trouble.failed(0)
    assert.deepEqual([trouble.succeeded(), trouble.succeeded()], [true, false])
  })

  it('is quiet about an app that fails now and then', () => {
    const trouble = new Trouble()
    trouble.failed(0)
    trouble.succeeded()
    assert.equal(trouble.failed(1), undefined)
    assert.equal(trouble.succeeded(), false)
    assert.equal(trouble.failed(60_000), 2)
    assert.equal(trouble.succeeded(), true)
  })
})
