import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { firstValue, goString, isTooDeep, membersOf, writeObject, writeStrings } from '../../src/dapr/json-text.ts'

/** JSON as people write it: with and without white space. */
const written = (value: unknown): string[] => [JSON.stringify(value), JSON.stringify(value, null, '\t\r\n  ')]
const anyObject = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())

describe('isTooDeep', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

  it('allows 128 levels and no more', () => {
    assert.equal(isTooDeep(nested(128)), false)
    assert.equal(isTooDeep(nested(129)), true)
    assert.equal(isTooDeep(`${'{"a":['.repeat(64)}1${']}'.repeat(64)}`), false)
    assert.equal(isTooDeep(`${'{"a":['.repeat(65)}1${']}'.repeat(65)}`), true)
  })

  it('counts what is open, not what is there', () => assert.equal(isTooDeep(`[${'[],'.repeat(1000)}{}]`), false))

  it('does not look into strings', () => {
    assert.equal(isTooDeep(JSON.stringify(['['.repeat(1000), '\\"[{'.repeat(1000)])), false)
    assert.equal(isTooDeep(`"${'\\\\'.repeat(200)}",${nested(129)}`), true)
    assert.equal(isTooDeep(`"${'['.repeat(1000)}`), false)
  })

  it('ends with the first level that is one too many', () => assert.equal(isTooDeep('['.repeat(1_000_000)), true))

  it('takes time in proportion to the text, whatever it is', () => {
    for (const text of ['\\"'.repeat(500_000), '"\\'.repeat(500_000), `"${'\\'.repeat(1_000_000)}"`]) isTooDeep(text)
  })
})

describe('firstValue', () => {
  it('reads any JSON value as JSON.parse does, and keeps its text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const text of written(value)) assert.deepEqual(firstValue(text), { text, value: JSON.parse(text) })
      }),
    )
  })

  it('ignores what follows', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(' x', '}', ']', ',1', '"', '{', ' null', ' 1'), (value, rest) => {
        for (const text of written(value)) {
          assert.deepEqual(firstValue(` \r\n\t${text}${rest}`), { text, value: JSON.parse(text) })
        }
      }),
    )
  })

  for (const [text, value] of [
    ['{"a":1}garbage', { a: 1 }],
    ['{"a":"\\"}"}}', { a: '"}' }],
    ['"a"b"', 'a'],
    ['nullnull', null],
    ['1 2', 1],
    ['01', 0],
    ['-1.5e+3x', -1500],
  ] as const) {
    it(`finds ${JSON.stringify(value)} in ${text}`, () => {
      const read = firstValue(text)
      assert.ok('value' in read)
      assert.deepEqual(read.value, value)
    })
  }

  for (const [text, fault] of [
    ['', 'EOF'],
    [' \n', 'EOF'],
    ['{"}', 'unexpected EOF'],
    ['{"entryID": "}', 'unexpected EOF'],
    ['{"a":', 'unexpected EOF'],
    ['[1,', 'unexpected EOF'],
    ['"a\\"', 'unexpected EOF'],
    ['hello', "invalid character 'h' looking for beginning of value"],
    [']', "invalid character ']' looking for beginning of value"],
    ['<a/>', "invalid character '<' looking for beginning of value"],
    ['{a:1}', 'invalid JSON'],
    ["['a']", 'invalid JSON'],
    ['"\u0000"', 'invalid JSON'],
  ] as const) {
    it(`says ${fault} of ${JSON.stringify(text)}`, () => assert.deepEqual(firstValue(text), { fault }))
  }

  it('makes of __proto__ a member like any other', () => {
    const read = firstValue('{"__proto__":{"polluted":1}} x')
    assert.ok('value' in read)
    assert.deepEqual(Object.keys(read.value as object), ['__proto__'])
    assert.equal('polluted' in {}, false)
  })

  it('survives what no parser should have to read', () => {
    assert.ok('value' in firstValue(`${'['.repeat(1000)}${']'.repeat(1000)}x`))
    assert.ok('fault' in firstValue('{"a":'.repeat(100_000)))
    assert.ok('fault' in firstValue('"\\'.repeat(100_000)))
  })
})

describe('membersOf and writeObject', () => {
  it('take any object apart and put it together again', () => {
    fc.assert(
      fc.property(anyObject, (value) => {
        for (const text of written(value)) {
          const members = membersOf(text)
          const expected: unknown = JSON.parse(text)
          assert.deepEqual(JSON.parse(writeObject(members)), expected)
          assert.deepEqual(
            [...members].map(([name, member]) => [name, JSON.parse(member)]),
            Object.entries(expected as object).sort(([a], [b]) => order(members, a) - order(members, b)),
          )
        }
      }),
    )
  })

  it('keep every digit', () => {
    const text = '{"big":12345678901234567890,"small":1.0,"zero":-0,"huge":1e999,"nested":{"n":637831415180045507}}'
    assert.equal(writeObject(membersOf(text)), text)
  })

  it('take the last of two members with one name, as JSON.parse does', () => {
    assert.deepEqual(
      [...membersOf('{"id":"a","x":1,"id":"b"}')],
      [
        ['id', '"b"'],
        ['x', '1'],
      ],
    )
    assert.deepEqual([...membersOf('{"a":1,"\\u0061":2}')], [['a', '2']])
  })

  it('know an object without members', () => {
    assert.equal(membersOf(' { } ').size, 0)
    assert.equal(writeObject(new Map()), '{}')
  })

  it('are not misled by what strings hold', () => {
    const value = { 'a":{': '},"b":1', 'c,d': ['}', '"', '\\'], '': ':' }
    assert.deepEqual(JSON.parse(writeObject(membersOf(JSON.stringify(value)))), value)
  })
})

describe('goString and writeStrings', () => {
  it('write text that JSON.parse reads back', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(JSON.parse(goString(text)), text)))
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => assert.equal(JSON.parse(goString(text)), text)),
    )
  })

  it('escape what a page or a script would stumble over', () => {
    assert.equal(goString('<a>&\u2028\u2029"\\\n'), '"\\u003ca\\u003e\\u0026\\u2028\\u2029\\"\\\\\\n"')
    assert.equal(goString("plain 'text' of ASCII: #$%!"), '"plain \'text\' of ASCII: #$%!"')
  })

  it('leave out what is undefined', () => {
    assert.equal(writeStrings('', {}), '{}')
    assert.equal(writeStrings('', { a: undefined, b: 'x' }), '{"b":"x"}')
    assert.equal(writeStrings('"data":1', { a: 'x', b: undefined, c: '' }), '{"data":1,"a":"x","c":""}')
    assert.equal(writeStrings('"data":1', {}), '{"data":1}')
  })
})

function order(members: ReadonlyMap<string, string>, name: string): number {
  return [...members.keys()].indexOf(name)
}
