import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as door from '../../src/event/index.ts'
import { pollute } from './fixtures.ts'

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

  it('takes nothing from a polluted Object.prototype', (t) => {
    t.after(pollute({ data: 'x', datacontenttype: 'text/plain', subject: 'x', time: 'x', ext: 'x' }))
    const bare = { specversion: '1.0', id: '1', source: '/shop', type: 'placed' } as const
    const event = { ...bare, data: [1] }
    assert.equal(door.toJSON(bare), JSON.stringify(bare))
    assert.deepEqual(door.fromJSON(door.toJSON(event)), event)
    assert.equal(door.toHTTP(bare).body, undefined)
    assert.equal(door.toHTTP(event).headers['content-type'], 'application/json')
    assert.equal(door.fromHTTP(door.toHTTP(event, 'structured')).id, '1')
  })
})
