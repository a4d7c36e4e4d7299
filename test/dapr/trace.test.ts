import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { baggageFault, isTraceparent, isTracestate, NO_TRACE, readTrace, traceparentOf } from '../../src/dapr/trace.ts'

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02'
const requestWith = (headers: Readonly<Record<string, string>>): { header(name: string): string | undefined } => ({
  header: (name) => headers[name],
})

describe('isTraceparent', () => {
  for (const text of [traceparent, traceparent.replace(/^00/, 'cc'), `${traceparent.replace(/^00/, '01')}-more`]) {
    it(`takes ${text}`, () => assert.equal(isTraceparent(text), true))
  }

  for (const [what, text] of [
    ['nothing', ''],
    ['other text', 'e'],
    ['upper case', traceparent.toUpperCase()],
    ['an unknown digit', traceparent.replace('4b', 'zz')],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['a parent id of zeros', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['version ff', traceparent.replace(/^00/, 'ff')],
    ['version 00 that says more', `${traceparent}-more`],
    ['a line end', `${traceparent}\n`],
    ['another line', `${traceparent}\r\nx: y`],
    ['ten kilobytes', `${traceparent.replace(/^00/, '01')}-${'a'.repeat(10_240)}`],
  ] as const) {
    it(`refuses ${what}`, () => assert.equal(isTraceparent(text), false))
  }
})

describe('isTracestate', () => {
  for (const text of [
    'a=b',
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    'a=1 , b=2',
    'tenant@system=x y',
    ',a=b,',
    '1a_-*/=x',
  ]) {
    it(`takes ${text}`, () => assert.equal(isTracestate(text), true))
  }

  for (const [what, text] of [
    ['nothing', ''],
    ['commas alone', ',,'],
    ['a member without a value', 'a='],
    ['a member without a name', '=b'],
    ['an upper-case name', 'A=b'],
    ['two equal names', 'a=1,a=2'],
    ['a value with an equals sign', 'a=b=c'],
    ['a line end', 'a=b\r\nx: y'],
    ['33 members', Array.from({ length: 33 }, (_, index) => `a${index}=1`).join()],
    ['more than 512 characters', `a=${'b'.repeat(200)},b=${'c'.repeat(200)},c=${'d'.repeat(200)}`],
  ] as const) {
    it(`refuses ${what}`, () => assert.equal(isTracestate(text), false))
  }
})

describe('readTrace', () => {
  it('takes a valid traceparent as it is, with its tracestate', () => {
    assert.deepEqual(readTrace(requestWith({ traceparent })), { traceparent, tracestate: '' })
    assert.deepEqual(readTrace(requestWith({ traceparent, tracestate: 'a=b' })), { traceparent, tracestate: 'a=b' })
    assert.deepEqual(readTrace(requestWith({ traceparent, tracestate: 'A' })), { traceparent, tracestate: '' })
  })

  it('takes no tracestate without a traceparent', () => {
    assert.deepEqual(readTrace(requestWith({ tracestate: 'a=b' })), NO_TRACE)
    assert.deepEqual(readTrace(requestWith({ traceparent: '00-zz', tracestate: 'a=b' })), NO_TRACE)
    assert.deepEqual(readTrace(requestWith({})), NO_TRACE)
  })
})

describe('traceparentOf', () => {
  for (const [what, event, header] of [
    ['its traceparent', { traceparent, traceid: 'e' }, traceparent],
    ['its traceid when that is all', { traceid: traceparent }, traceparent],
    ['its traceid when the traceparent is a number', { traceparent: 42, traceid: traceparent }, traceparent],
    ['nothing of what is not valid', { traceparent: 'e\r\nx: y' }, ''],
    ['nothing of what is empty', { traceparent: '', traceid: traceparent }, ''],
    ['no header when there is neither', {}, undefined],
    ['no header when neither is text', { traceparent: { a: 1 }, traceid: true }, undefined],
  ] as const) {
    it(`gives ${what}`, () => assert.equal(traceparentOf(event), header))
  }
})

describe('baggageFault', () => {
  for (const text of ['', 'a=b', 'a=b,c=d', ' a = b ; p ; q=1 , c=d', 'userId=alice%20b', 'a=', 'a=b;']) {
    it(`finds none in ${JSON.stringify(text)}`, () => assert.equal(baggageFault(text), undefined))
  }

  for (const [text, fault] of [
    ['invalid-baggage', /^invalid baggage list-member: "invalid-baggage"$/],
    ['a=b,', /^invalid baggage list-member: ""$/],
    ['a b=c', /^invalid baggage list-member/],
    ['a=b"c', /^invalid baggage list-member/],
    ['a=b\r\nx: y', /^invalid baggage list-member: "a=b\\r\\nx: y"$/],
    ['a=b;p q', /^invalid baggage list-member property: "p q"$/],
    [`a=${'b'.repeat(8192)}`, /^baggage-string too large: 8194$/],
  ] as const) {
    it(`finds one in ${JSON.stringify(text.slice(0, 20))}`, () => assert.match(baggageFault(text) ?? '', fault))
  }
})
