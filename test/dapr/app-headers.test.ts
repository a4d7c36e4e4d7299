import assert from 'node:assert/strict'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EVENT_TYPE, headersOf } from '../../src/dapr/app-headers.ts'
import { WireEvent } from '../../src/dapr/wire.ts'

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function headers(metadata: Iterable<readonly [string, string]>, traceparent?: string): Record<string, string> {
  return headersOf('orders', EVENT_TYPE, new WireEvent('{}', false, new Map(metadata), traceparent))
}

const basic = { 'content-type': 'application/cloudevents+json', pubsubname: 'orders' }

describe('headersOf', () => {
  it('says what it is and where it comes from', () => {
    assert.deepEqual(headers([]), basic)
  })

  it('hands the trace context on, all zeros when there was none', () => {
    assert.equal(headers([], TRACE).traceparent, TRACE)
    assert.equal(headers([], '').traceparent, '00-00000000000000000000000000000000-0000000000000000-00')
  })

  it('makes headers of metadata, in lower case', () => {
    assert.deepEqual(headers([['ttlInSeconds', '10']]), { ...basic, ttlinseconds: '10' })
    assert.deepEqual(headers([['grpc-x', '1']]), { ...basic, 'dapr-grpc-x': '1' })
  })

  for (const name of [
    'Content-Length',
    'content-type',
    'Content-Encoding',
    'Host',
    'connection',
    'Transfer-Encoding',
    'authorization',
    'cookie',
    'dapr-api-token',
    'traceparent',
    'pubsubname',
    'destination-app-id',
    'x-bin',
    'with space',
    'http://x/y',
    'é',
    '',
    '__proto__ ',
  ]) {
    it(`makes no header of metadata called ${JSON.stringify(name)}`, () => {
      assert.deepEqual(headers([[name, 'x']]), basic)
    })
  }

  it('leaves behind what would be too much for the app, and no more', () => {
    const long = 'x'.repeat(9000)
    assert.deepEqual(
      headers([
        ['a', long],
        ['b', 'x'],
      ]),
      { ...basic, b: 'x' },
    )
    const wide = 'é'.repeat(2000) // six bytes each as it is sent
    assert.deepEqual(
      headers([
        ['a', wide],
        ['b', 'x'],
      ]),
      { ...basic, b: 'x' },
    )
    const many = Array.from({ length: 9 }, (_, i): [string, string] => [`h${i}`, 'x'.repeat(1000)])
    assert.deepEqual(Object.keys(headers(many)).length, Object.keys(basic).length + 8)
  })

  it('encodes what a header cannot hold', () => {
    assert.equal(headers([['x', 'a\r\nb: c']]).x, 'a%0D%0Ab: c')
    assert.equal(headers([['x', 'é\x02']]).x, '%C3%A9%02')
    assert.equal(headers([['x', '\ud800']]).x, '%EF%BF%BD')
  })

  it('stops after 64', () => {
    const many = Array.from({ length: 1000 }, (_, i) => [`x${i}`, 'y'] as const)
    assert.equal(Object.keys(headers(many)).length, 66)
  })

  it('makes only headers that HTTP can carry', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (metadata) => {
        for (const [name, value] of Object.entries(headers(metadata))) {
          validateHeaderName(name)
          validateHeaderValue(name, value)
        }
      }),
    )
  })
})
