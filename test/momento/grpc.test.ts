import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  contentTypeOf,
  type Flavour,
  flavourOf,
  frame,
  maxBodyBytes,
  messageIn,
  timeoutMs,
  trailerFrame,
  trailersOf,
} from '../../src/momento/grpc.ts'
import { StatusError, type StatusName } from '../../src/momento/status.ts'

const flavours: readonly Flavour[] = ['grpc', 'web', 'webText']
const asBuffer = (bytes: Uint8Array | string): Buffer => Buffer.from(bytes as string)

function assertStatus(call: () => unknown, status: StatusName, why: RegExp): void {
  assert.throws(call, (error) => error instanceof StatusError && error.status === status && why.test(error.message))
}

describe('flavourOf', () => {
  for (const [contentType, expected] of [
    ['application/grpc', 'grpc'],
    ['application/grpc+proto', 'grpc'],
    ['Application/gRPC; charset=utf-8', 'grpc'],
    ['application/grpc-web', 'web'],
    ['application/grpc-web+proto', 'web'],
    ['application/grpc-web-text', 'webText'],
    ['application/grpc-web-text+proto', 'webText'],
    ['application/grpc+json', undefined],
    ['application/grpcx', undefined],
    ['text/plain', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    it(`says ${expected} of ${contentType}`, () => assert.equal(flavourOf(contentType), expected))
  }

  it('knows the answers of its own', () => {
    for (const flavour of flavours) assert.equal(flavourOf(contentTypeOf(flavour)), flavour)
  })
})

describe('messageIn', () => {
  it('finds again what frame wrote, in every flavour and within the size that it promises', () => {
    fc.assert(
      fc.property(fc.constantFrom(...flavours), fc.uint8Array({ maxLength: 400 }), (flavour, bytes) => {
        const body = asBuffer(frame(flavour, bytes))
        assert.deepEqual(new Uint8Array(messageIn(flavour, body)), bytes)
        assert.ok(body.length <= maxBodyBytes(flavour, bytes.length))
      }),
    )
  })

  it('reads base64 in pieces, each padded for itself', () => {
    const body = Buffer.from(`${Buffer.from([0, 0, 0, 0]).toString('base64')}${Buffer.from([1, 7]).toString('base64')}`)
    assert.deepEqual([...messageIn('webText', body)], [7])
  })

  for (const [what, body, status, why] of [
    ['nothing', '', 'INTERNAL', /no whole message/],
    ['half a prefix', '00000000', 'INTERNAL', /no whole message/],
    ['half a message', '000000000261', 'INTERNAL', /ends inside its message/],
    ['a length of 4 GiB', '00ffffffff', 'INTERNAL', /ends inside its message/],
    ['two messages', '00000000016100000000', 'INTERNAL', /more than one message/],
    ['a compressed message', '010000000161', 'UNIMPLEMENTED', /Compressed/],
    ['trailers', '8000000000', 'INTERNAL', /unknown flags 128/],
  ] as const) {
    it(`refuses ${what}`, () => assertStatus(() => messageIn('grpc', Buffer.from(body, 'hex')), status, why))
  }

  for (const body of ['AAAAAA', 'AAAAAAA', '====', 'AAAA-AAA', 'AAAA AAA', 'A===AAAA', 'AAAAAAE=A']) {
    it(`refuses ${body} as base64`, () =>
      assertStatus(() => messageIn('webText', Buffer.from(body)), 'INTERNAL', /not base64/))
  }

  it('gives a message or a StatusError for any bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...flavours), fc.uint8Array({ maxLength: 40 }), (flavour, bytes) => {
        try {
          assert.ok(messageIn(flavour, Buffer.from(bytes)).length <= bytes.length)
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error))
        }
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('trailersOf', () => {
  it('gives a status, and details only if there are some', () => {
    assert.deepEqual(trailersOf('OK', ''), { 'grpc-status': '0' })
    assert.deepEqual(trailersOf('NOT_FOUND', 'no c1'), { 'grpc-status': '5', 'grpc-message': 'no c1' })
  })

  it('encodes whatever a header could not hold', () => {
    assert.equal(trailersOf('UNKNOWN', 'ä 100%\r\n😀~')['grpc-message'], '%C3%A4 100%25%0D%0A%F0%9F%98%80~')
    assert.equal(trailersOf('UNKNOWN', 'a\ud800b')['grpc-message'], 'a%EF%BF%BDb')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (details) => {
        const { 'grpc-message': encoded = '' } = trailersOf('UNKNOWN', details)
        assert.match(encoded, /^[ -~]*$/)
        assert.equal(decodeURIComponent(encoded), details)
      }),
    )
  })

  it('stands in the last frame of a gRPC-web answer', () => {
    const bytes = asBuffer(trailerFrame('web', trailersOf('NOT_FOUND', 'no')))
    assert.equal(bytes.subarray(0, 5).toString('hex'), '8000000020')
    assert.equal(bytes.subarray(5).toString(), 'grpc-status:5\r\ngrpc-message:no\r\n')
  })
})

describe('timeoutMs', () => {
  for (const [text, expected] of [
    [undefined, Infinity],
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4994m', 4994],
    ['1500u', 1.5],
    ['0n', 0],
    ['99999999H', 99_999_999 * 3_600_000],
  ] as const) {
    it(`reads ${text} as ${expected} ms`, () => assert.equal(timeoutMs(text), expected))
  }

  for (const text of ['', '5', 'm', '5s', '-1m', '1.5S', '123456789m', '5m ']) {
    it(`refuses ${JSON.stringify(text)}`, () => assertStatus(() => timeoutMs(text), 'INTERNAL', /grpc-timeout/))
  }
})
