import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { uuids } from '../../src/dapr/ids.ts'

const COUNT = 200_000

describe('uuids', () => {
  it('makes ids of version 4 that are all different', () => {
    const newId = uuids()
    const ids = new Set<string>()
    for (let i = 0; i < COUNT; i++) {
      const id = newId()
      assert.match(id, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
      ids.add(id)
    }
    assert.equal(ids.size, COUNT)
  })

  it('makes others each time that it is asked for', () => {
    assert.notEqual(uuids()().slice(0, -4), uuids()().slice(0, -4))
  })
})
