import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_DURATION_MS } from '../../src/dapr/duration.ts'
import { metadataOf, overridesOf, parseGoBoolean, ttlOf } from '../../src/dapr/metadata.ts'

describe('metadataOf', () => {
  for (const [query, entries] of [
    ['', []],
    ['a=1', []],
    [
      'metadata.a=1&b=2&metadata.c=3',
      [
        ['a', '1'],
        ['c', '3'],
      ],
    ],
    ['metadata.a=1&metadata.a=2', [['a', '1']]],
    ['metadata.a=x+y%20z%26', [['a', 'x y z&']]],
    ['metadata.a', [['a', '']]],
    ['metadata.=x', [['', 'x']]],
    ['Metadata.a=1', []],
    ['metadata[a][b]=1', []],
    ['metadata.a[b]=1', [['a[b]', '1']]],
    ['metadata.a=%zz%E0', [['a', '%zz\ufffd']]],
    ['metadata.a=x%0D%0Ay%00', [['a', 'x\r\ny\0']]],
    [
      'metadata.__proto__=x&metadata.constructor=y',
      [
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ],
    ],
  ] as const) {
    it(`reads ${JSON.stringify(query)}`, () => {
      assert.deepEqual([...metadataOf(query)], entries)
      assert.equal('x' in {}, false)
    })
  }

  it('hands on text that is well formed, whatever the escapes', () => {
    for (const [, value] of metadataOf('metadata.a=%ED%A0%80&metadata.b=%C0%AF&metadata.c=%'))
      assert.equal(JSON.stringify(value).includes('\\ud'), false)
  })
})

describe('ttlOf', () => {
  for (const [query, ms] of [
    ['', undefined],
    ['metadata.ttlInSeconds=60', 60_000],
    ['metadata.TTLINSECONDS=60', 60_000],
    ['metadata.ttl=2m', 120_000],
    ['metadata.ttlInSeconds=20s', 20_000],
    ['metadata.ttlInSeconds=1h30m', 5_400_000],
    ['metadata.ttl=5&metadata.ttlInSeconds=60', 5000],
    ['metadata.ttlInSeconds=60&metadata.TTL=5', 5000],
    ['metadata.ttlInSeconds=%2B5', 5000],
    ['metadata.ttlInSeconds=0', 0],
    ['metadata.ttlInSeconds=0s', 0],
    ['metadata.ttlInSeconds=-1s', 0],
    ['metadata.ttlInSeconds=-1', undefined],
    ['metadata.ttlInSeconds=00', undefined],
    ['metadata.ttlInSeconds=abc', undefined],
    ['metadata.ttlInSeconds=NaN', undefined],
    ['metadata.ttlInSeconds=Infinity', undefined],
    ['metadata.ttlInSeconds=1e3', undefined],
    ['metadata.ttlInSeconds=1.5', undefined],
    ['metadata.ttlInSeconds=0x10', undefined],
    ['metadata.ttlInSeconds=5d', undefined],
    ['metadata.ttlInSeconds=', undefined],
    ['metadata.ttlInSeconds=1e400', undefined],
    ['metadata.ttlInSeconds=9223372036854775807', MAX_DURATION_MS],
    [`metadata.ttlInSeconds=${'9'.repeat(10_000)}`, MAX_DURATION_MS],
  ] as const) {
    it(`takes ${JSON.stringify(query.slice(0, 60))} for ${ms} ms`, () => assert.equal(ttlOf(metadataOf(query)), ms))
  }
})

describe('parseGoBoolean', () => {
  for (const [words, expected] of [
    [['1', 't', 'T', 'TRUE', 'true', 'True'], true],
    [['0', 'f', 'F', 'FALSE', 'false', 'False', ''], false],
    [['tRUE', 'yes', 'on', '2', ' true', 'true\n', '"true"', 'invalidBooleanValue'], undefined],
  ] as const) {
    it(`reads ${words.map((word) => JSON.stringify(word)).join(', ')} as ${expected}`, () => {
      for (const word of words) assert.equal(parseGoBoolean(word), expected)
    })
  }
})

describe('overridesOf', () => {
  it('finds the attributes whatever the case of their keys', () => {
    const query =
      'metadata.cloudevent.id=1&metadata.CloudEvent.SOURCE=s&metadata.cloudevent.type=&metadata.cloudevent.traceParent=p'
    assert.deepEqual(overridesOf(metadataOf(query)), { id: '1', source: 's', type: '', traceparent: 'p' })
  })

  it('knows no others', () => {
    const query = [
      'topic',
      'pubsub',
      'pubsubname',
      'data',
      'datacontenttype',
      'time',
      'specversion',
      '__proto__',
      'id.x',
      '',
    ]
      .map((name) => `metadata.cloudevent.${name}=x`)
      .join('&')
    assert.deepEqual(overridesOf(metadataOf(`${query}&metadata.id=x&metadata.xcloudevent.id=x`)), {})
  })
})
