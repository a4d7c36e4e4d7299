import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as door from '../../src/event/index.ts'

describe('busbar/cloudevents', () => {
  it('has these functions and nothing else', () => {
    assert.deepEqual(Object.keys(door).sort(), [
      'batchFromHTTP',
      'batchFromJSON',
      'batchToHTTP',
      'batchToJSON',
      'contentMode',
      'fromHTTP',
      'fromJSON',
      'fromMembers',
      'parseTime',
      'toHTTP',
      'toJSON',
    ])
  })

  it('takes back what it makes', () => {
    const event = {
      specversion: '1.0',
      id: '1',
      source: '/shop',
      type: 'placed',
      datacontenttype: 'application/json',
      data: [1],
    } as const
    assert.deepEqual(door.fromJSON(door.toJSON(event)), event)
    assert.deepEqual(door.fromHTTP(door.toHTTP(event)), event)
  })
})
