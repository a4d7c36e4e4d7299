import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { contentOf, fromBase64, isMediaType, jsonText, textOf, toBase64 } from '../../src/dapr/content.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('isMediaType', () => {
  for (const [contentType, expected] of [
    ['application/json', true],
    ['Application/JSON', true],
    ['application/json;charset=utf-8', true],
    ['application/json; charset=utf-8', true],
    ['application/json ; charset=utf-8', false],
    [' application/json', false],
    ['application/jsonx', false],
    ['application/problem+json', false],
  ] as const) {
    it(`takes ${JSON.stringify(contentType)} for application/json: ${expected}`, () => {
      assert.equal(isMediaType(contentType, 'application/json'), expected)
    })
  }
})

describe('contentOf', () => {
  for (const [contentType, body, value] of [
    ['application/json', '{"a":[1,null]}', { a: [1, null] }],
    ['application/json; charset=utf-8', '"s"', 's'],
    ['application/json;charset="UTF-8"', '1', 1],
    ['APPLICATION/JSON', 'null', null],
    ['application/json', ' true ', true],
    ['application/json', '[]', []],
    ['application/json', '\ufeff{"a":1}', { a: 1 }],
    ['application/json', '{"a":1}garbage', { a: 1 }],
  ] as const) {
    it(`reads ${JSON.stringify(body)} as JSON under ${contentType}`, () => {
      const content = contentOf(contentType, bytes(body))
      assert.ok(content.kind === 'json')
      assert.deepEqual(content.value, value)
      assert.deepEqual(JSON.parse(content.text), value)
    })
  }

  it('keeps the digits of JSON', () => {
    const content = contentOf('application/json', bytes('{"n":637831415180045507}'))
    assert.ok(content.kind === 'json')
    assert.equal(content.text, '{"n":637831415180045507}')
  })

  for (const [contentType, body] of [
    ['text/plain', 'hi'],
    ['text/plain', ''],
    ['text/plain', '\ufeffwith a mark'],
    ['application/xml', '<root/>'],
    ['foo/bar', '{"a":1}'],
    ['application/problem+json', '{"a":1}'],
    ['application/cloudevents-batch+json', '[]'],
    ['application/json ; x', '{"a":1}'],
    ['application/json', ''],
    ['application/json', '{"a":'],
    ['application/json', 'hello'],
    ['application/x-protobuf', 'hello'],
  ] as const) {
    it(`keeps ${JSON.stringify(body)} as text under ${contentType}`, () => {
      assert.deepEqual(contentOf(contentType, bytes(body)), { kind: 'text', text: body })
    })
  }

  for (const [contentType, body] of [
    ['application/octet-stream', [0, 255, 1]],
    ['Application/Octet-Stream; x=y', []],
    ['application/cloudevents+protobuf', [255]],
    ['application/x-protobuf', []],
    ['application/x-protobuf', [0x0a, 2, 0x68, 0x69]],
    ['application/x-protobuf', [0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4, 0x19, 1, 2, 3, 4, 5, 6, 7, 8]],
  ] as const) {
    it(`keeps [${body}] as bytes under ${contentType}`, () => {
      assert.deepEqual(contentOf(contentType, Uint8Array.from(body)), { kind: 'bytes', bytes: Uint8Array.from(body) })
    })
  }

  for (const [what, body] of [
    ['a length beyond the end', [0x0a, 3, 0x68, 0x69]],
    ['a tag alone', [0x0a]],
    ['field number 0', [0x02, 0]],
    ['a group', [0x0b, 0x0c]],
    ['a number without its end', [0x08, ...Array.from({ length: 11 }, () => 0x80)]],
    ['a fixed number that is cut', [0x15, 1, 2, 3]],
  ] as const) {
    it(`takes protobuf with ${what} for text`, () => {
      assert.equal(contentOf('application/x-protobuf', Uint8Array.from(body)).kind, 'text')
    })
  }

  it('gives plain bytes, not a Buffer', () => {
    const content = contentOf('application/octet-stream', Buffer.from('hi'))
    assert.ok(content.kind === 'bytes')
    assert.equal(Object.getPrototypeOf(content.bytes), Uint8Array.prototype)
  })

  it('replaces what is not UTF-8 in text', () => {
    assert.deepEqual(contentOf('text/plain', Uint8Array.of(0x61, 0xff)), { kind: 'text', text: 'a\ufffd' })
  })

  it('refuses JSON that is not UTF-8, but not a U+FFFD that was sent', () => {
    assert.deepEqual(contentOf('application/json', Uint8Array.of(0x22, 0xff, 0x22)), {
      kind: 'broken',
      why: 'invalid UTF-8',
    })
    assert.equal(contentOf('application/json', bytes('"\ufffd"')).kind, 'json')
  })

  it('refuses JSON that nests too deep, whether it is JSON or not', () => {
    for (const body of [`${'['.repeat(129)}${']'.repeat(129)}`, '{"a":'.repeat(1_000_000)]) {
      assert.deepEqual(contentOf('application/json', bytes(body)), { kind: 'broken', why: 'exceeded max depth' })
    }
    assert.equal(contentOf('text/plain', bytes('['.repeat(1000))).kind, 'text')
  })

  for (const charset of ['utf-16', 'iso-8859-1', '"utf-16"']) {
    it(`refuses JSON in ${charset}`, () => {
      assert.equal(contentOf(`application/json; charset=${charset}`, bytes('1')).kind, 'charset')
      assert.equal(typeof jsonText(`application/cloudevents+json;CHARSET=${charset}`, bytes('1')), 'object')
      assert.equal(contentOf(`text/plain; charset=${charset}`, bytes('1')).kind, 'text')
    })
  }
})

describe('toBase64 and fromBase64', () => {
  it('keep any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (given) => {
        const text = toBase64(given)
        assert.equal(text, Buffer.from(given).toString('base64'))
        assert.deepEqual(fromBase64(text), given)
      }),
    )
    assert.equal(toBase64('h\u00e9'), 'aMOp')
  })

  it('look past line ends', () => assert.deepEqual(fromBase64('aG\r\nk=\n'), Uint8Array.of(0x68, 0x69)))

  for (const [text, position] of [
    ['***', 0],
    ['aGk', 3],
    ['aGk=x', 3],
    ['a===', 1],
    ['aG k=', 2],
    ['aG-_', 2],
    ['aG\u00e9=', 2],
  ] as const) {
    it(`find the fault of ${JSON.stringify(text)} at ${position}`, () => assert.equal(fromBase64(text), position))
  }
})

describe('textOf', () => {
  it('reads a view of a larger buffer', () => assert.equal(textOf(bytes('abcdef').subarray(2, 4)), 'cd'))
})
