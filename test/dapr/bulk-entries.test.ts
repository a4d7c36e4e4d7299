import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEntries } from '../../src/dapr/bulk-entries.ts'

const read = (body: unknown): ReturnType<typeof readEntries> =>
  readEntries(new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)))
const least = { entryId: '1', event: 'x', contentType: 'text/plain' }
const MISMATCH = 'error: mismatch between contentType and event'

describe('readEntries', () => {
  for (const [body, expected] of [
    ['[]', []],
    ['null', []],
    ['[] trailing', []],
    [[least], [{ entryId: '1', contentType: 'text/plain', body: 'x', metadata: undefined }]],
    [
      [{ EntryID: '1', EVENT: 'x', ContentType: 'text/plain', Metadata: { a: 'b', n: null }, other: 1 }],
      [
        {
          entryId: '1',
          contentType: 'text/plain',
          body: 'x',
          metadata: new Map([
            ['a', 'b'],
            ['n', ''],
          ]),
        },
      ],
    ],
    [
      [
        { ...least, metadata: {} },
        { ...least, entryId: '2', metadata: null },
      ],
      [
        { entryId: '1', contentType: 'text/plain', body: 'x', metadata: new Map() },
        { entryId: '2', contentType: 'text/plain', body: 'x', metadata: undefined },
      ],
    ],
    [
      '[{"entryId":"0","entryID":"1","event":"y","event":"x","contentType":"text/plain"}]',
      [{ entryId: '1', contentType: 'text/plain', body: 'x', metadata: undefined }],
    ],
  ] as const) {
    it(`reads ${JSON.stringify(body)}`, () => assert.deepEqual(read(body), expected))
  }

  for (const [contentType, event, body] of [
    ['text/plain', 'x', 'x'],
    ['TEXT/html; charset=utf-8', '', ''],
    ['application/xml', '<a/>', '<a/>'],
    ['application/json', { a: [1] }, '{"a":[1]}'],
    ['application/json', '{"id": 1}', '"{\\"id\\": 1}"'],
    ['application/json', null, 'null'],
    ['application/json', undefined, 'null'],
    ['application/cloudevents+json', { id: '1' }, '{"id":"1"}'],
    ['application/octet-stream', 'AQI=', Uint8Array.of(1, 2)],
  ] as const) {
    it(`takes the event ${JSON.stringify(event)} under ${contentType}`, () => {
      const entries = read([{ entryId: '1', event, contentType }])
      assert.ok(Array.isArray(entries))
      assert.deepEqual(entries[0].body, body)
    })
  }

  it('takes numbers through a double', () => {
    const entries = read('[{"entryId":"1","contentType":"application/json","event":12345678901234567890}]')
    assert.ok(Array.isArray(entries))
    assert.equal(entries[0].body, '12345678901234567000')
  })

  for (const [what, body, why] of [
    ['nothing', '', 'EOF'],
    ['text that is cut', '{"entryID": "}', 'unexpected EOF'],
    [
      'an object',
      { entryID: '' },
      'json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry',
    ],
    ['a string', '"x"', 'json: cannot unmarshal string into Go value of type []http.bulkPublishMessageEntry'],
    [
      'an entry that is none',
      [least, 1],
      'json: cannot unmarshal number into Go value of type http.bulkPublishMessageEntry',
    ],
    ['a list as an entry', [[]], 'json: cannot unmarshal array into Go value of type http.bulkPublishMessageEntry'],
    [
      'a number as id',
      [{ ...least, entryId: 1 }],
      'json: cannot unmarshal number into Go struct field bulkPublishMessageEntry.entryId of type string',
    ],
    [
      'a boolean as content type',
      [{ ...least, contentType: true }],
      'json: cannot unmarshal bool into Go struct field bulkPublishMessageEntry.contentType of type string',
    ],
    [
      'a list as metadata',
      [{ ...least, metadata: [] }],
      'json: cannot unmarshal array into Go struct field bulkPublishMessageEntry.metadata of type map[string]string',
    ],
    [
      'metadata that is not text',
      [{ ...least, metadata: { a: { b: 1 } } }],
      'json: cannot unmarshal object into Go struct field bulkPublishMessageEntry.metadata of type string',
    ],
    [
      'a number that no double holds',
      '[{"entryId":"1","contentType":"application/json","event":[1e999]}]',
      'json: cannot unmarshal number into Go value of type float64',
    ],
    ['nesting too deep', '['.repeat(1_000_000), 'exceeded max depth'],
    ['too many entries', Array.from({ length: 10_001 }, () => least), 'more than 10000 entries'],
  ] as const) {
    it(`refuses ${what}`, () => assert.deepEqual(read(body), { fault: 'list', why }))
  }

  it('refuses bytes that are not UTF-8', () => {
    assert.deepEqual(readEntries(Uint8Array.of(0x5b, 0x22, 0xff, 0x22, 0x5d)), { fault: 'list', why: 'invalid UTF-8' })
  })

  for (const [event, contentType] of [
    ['x', ''],
    ['x', undefined],
    ['x', 'foo/bar'],
    ['x', 'application/problem+json'],
    [{ a: 1 }, 'text/plain'],
    [5, 'application/xml'],
    [{ a: 1 }, 'application/octet-stream'],
    [{ type: 'Buffer', data: [1] }, 'application/octet-stream'],
  ] as const) {
    it(`refuses the event ${JSON.stringify(event)} under ${contentType}`, () => {
      assert.deepEqual(read([{ entryId: '1', event, contentType }]), { fault: 'event', why: MISMATCH })
    })
  }

  it('says where base64 is none', () => {
    const why = 'error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 0'
    assert.deepEqual(read([{ entryId: '1', event: '***', contentType: 'application/octet-stream' }]), {
      fault: 'event',
      why,
    })
  })

  for (const [what, body] of [
    ['no id', [{ ...least, entryId: undefined }]],
    ['an empty id', [{ ...least, entryId: '' }]],
    ['null as id', [{ ...least, entryId: null }]],
    ['an id twice', [least, { ...least, entryId: '2' }, least]],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(read(body), { fault: 'entryId', why: 'entryId is duplicated or not present for entry' })
    })
  }

  it('finds wrong types before wrong events, and in each entry its event before its id', () => {
    const wrongEvent = { ...least, entryId: '', contentType: '' }
    const faultOf = (body: unknown): unknown => Reflect.get(read(body), 'fault')
    assert.equal(faultOf([wrongEvent, 5]), 'list')
    assert.equal(faultOf([wrongEvent]), 'event')
    assert.equal(faultOf([{ ...least, entryId: '' }, wrongEvent]), 'entryId')
    assert.equal(faultOf([null]), 'event')
  })

  it('takes names like __proto__ for names', () => {
    const entries = read(
      '[{"entryId":"__proto__","event":"x","contentType":"text/plain","metadata":{"__proto__":"y"},"__proto__":{"z":1}}]',
    )
    assert.ok(Array.isArray(entries))
    assert.deepEqual(entries[0].metadata, new Map([['__proto__', 'y']]))
    assert.equal('z' in {}, false)
  })
})
