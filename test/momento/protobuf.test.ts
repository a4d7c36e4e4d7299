import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  bytesField,
  type FieldValue,
  MalformedError,
  message,
  numberField,
  readFields,
  textField,
  textOf,
} from '../../src/momento/protobuf.ts'

function fieldsOf(bytes: Uint8Array): readonly (readonly [number, FieldValue])[] {
  const fields: (readonly [number, FieldValue])[] = []
  readFields(bytes, (field, value) => fields.push([field, value]))
  return fields
}

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('readFields', () => {
  for (const [what, bytes, expected] of [
    ['nothing', '', []],
    ['a number', '08 96 01', [[1, 150]]],
    ['the largest safe integer', '08 ffffffffffffff0f', [[1, Number.MAX_SAFE_INTEGER]]],
    ['64 set bits, which no double holds exactly', '08 ffffffffffffffffff01', [[1, 2 ** 64]]],
    ['a number that is longer than it has to be', '08 80 80 00', [[1, 0]]],
    ['text', '12 07 74657374696e67', [[2, Buffer.from('testing')]]],
    [
      'a field that comes twice',
      '08 01 08 02',
      [
        [1, 1],
        [1, 2],
      ],
    ],
    ['the highest field there can be', 'f8ffffff0f 01', [[2 ** 29 - 1, 1]]],
    ['a number behind fixed-width ones', '09 0102030405060708 15 01020304 18 05', [[3, 5]]],
    ['a number behind a group with a group in it', '0b 13 1a 01 61 14 08 01 0c 18 05', [[3, 5]]],
  ] as const) {
    it(`reads ${what}`, () => assert.deepEqual(fieldsOf(hex(bytes)), expected))
  }

  for (const [what, bytes, why] of [
    ['a number without an end', '08 80', /ends inside a number/],
    ['a tag without an end', '80', /ends inside a number/],
    ['a number of 11 bytes', '08 ffffffffffffffffffff01', /more than 64 bits/],
    ['a field that is longer than the message', '12 05 61', /ends inside a field/],
    ['a length of 2^63', '12 ffffffffffffffff7f 61', /ends inside a field/],
    ['half a fixed-width number', '0d 0102', /ends inside a field/],
    ['a tag without a value', '08', /ends inside a number/],
    ['field 0', '00 01', /no field 0/],
    ['a field beyond the highest', '80808080 10 01', /no field 536870912/],
    ['wire type 6', '0e', /unknown wire type 6/],
    ['wire type 7', '0f', /unknown wire type 7/],
    ['a group that never began', '0c', /never began/],
    ['a group that never ends', '0b 08 01', /ends inside a number/],
    ['a group that ends as another one', '0b 14', /group 1 ends as group 2/],
    ['groups 101 deep', '0b'.repeat(101) + '0c'.repeat(101), /more than 100 deep/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => fieldsOf(hex(bytes)),
        (error) => error instanceof MalformedError && why.test(error.message),
      )
    })
  }

  it('takes groups 100 deep, and a million of them without running out of stack', () => {
    assert.deepEqual(fieldsOf(hex('0b'.repeat(100) + '0c'.repeat(100))), [])
    assert.throws(() => fieldsOf(Buffer.alloc(1_000_000, 0x0b)), MalformedError)
  })
})

describe('textOf', () => {
  it('keeps any well-formed text, a byte order mark too', () => {
    for (const text of ['', 'ä', '\ufeffx', '\u0000', '😀']) assert.equal(textOf(Buffer.from(text)), text)
  })

  for (const bytes of ['ff', 'c080', 'eda080', 'e282']) {
    it(`refuses ${bytes}`, () => assert.throws(() => textOf(hex(bytes)), MalformedError))
  }
})

describe('Fields', () => {
  it('leave out what proto3 takes for granted, but not what is there and empty', () => {
    assert.equal(toHex(message(numberField(1, 0), textField(2, ''))), '')
    assert.equal(toHex(bytesField(3, message())), '1a00')
  })

  it('are written as protobuf.dev shows them', () => {
    assert.equal(toHex(numberField(1, 150)), '089601')
    assert.equal(toHex(textField(2, 'testing')), '120774657374696e67')
    assert.equal(toHex(bytesField(3, numberField(1, 150))), '1a03089601')
  })

  it('can be read again, whatever they hold', () => {
    const field = fc.integer({ min: 1, max: 2 ** 29 - 1 })
    const written = fc.oneof(
      fc.tuple(field, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
      fc.tuple(
        field,
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      ),
    )
    fc.assert(
      fc.property(fc.array(written), (fields) => {
        const bytes = message(
          ...fields.map(([number, value]) =>
            typeof value === 'number' ? numberField(number, value) : bytesField(number, value),
          ),
        )
        assert.deepEqual(fieldsOf(bytes), fields)
      }),
    )
  })
})
