import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RequestHeaders } from '../../src/momento/exchange.ts'
import { corsHeaders, preflightHeaders, refusalOf } from '../../src/momento/guard.ts'

const settings = { hosts: ['momento'], origins: ['https://app.com'] }
const statusFor = (headers: RequestHeaders, hosts: readonly string[] = ['localhost']): number | undefined =>
  refusalOf(headers, hosts, settings)?.httpStatus

describe('refusalOf', () => {
  for (const host of [
    'localhost',
    'LOCALHOST:8080',
    'localhost.',
    'cache.localhost',
    '127.0.0.1:1',
    '127.9.9.9',
    '[::1]:3500',
    'momento:8080',
  ]) {
    it(`lets in who calls ${host}`, () => assert.equal(statusFor({}, [host]), undefined))
  }

  for (const host of [
    'evil.example',
    '127.1',
    '127.0.0.256',
    '127.0.0.01',
    '0.0.0.0',
    '2130706433',
    'localhost.evil',
    'notlocalhost',
    '[::]',
    'momento.evil',
  ]) {
    it(`turns away who calls ${host}`, () => assert.equal(statusFor({}, [host]), 403))
  }

  it('lets in who calls anything when that makes no difference', () => {
    const any = { hosts: 'any', origins: [] } as const
    assert.equal(refusalOf({}, ['cache.example'], any), undefined)
    assert.equal(refusalOf({}, ['cache.example/'], any)?.httpStatus, 400)
    assert.equal(refusalOf({ origin: 'https://evil' }, ['cache.example'], any)?.httpStatus, 403)
  })

  for (const hosts of [
    [],
    ['localhost', 'evil.example'],
    [''],
    ['localhost:3500@evil'],
    ['localhost/'],
    ['local host'],
    ['localhost:999999'],
  ]) {
    it(`cannot use ${JSON.stringify(hosts)}`, () => assert.equal(statusFor({}, hosts), 400))
  }

  for (const [origin, status] of [
    ['http://localhost:5173', undefined],
    ['https://127.0.0.1', undefined],
    ['http://app.localhost', undefined],
    ['https://app.com', undefined],
    ['https://app.com.evil', 403],
    ['http://app.com', 403],
    ['https://evil', 403],
    ['null', 403],
    ['https://app.com, https://evil', 403],
    ['http://localhost:1/x', 403],
    ['file://localhost', 403],
    ['', 403],
  ] as const) {
    it(`${status === undefined ? 'lets in' : 'turns away'} pages of ${JSON.stringify(origin)}`, () =>
      assert.equal(statusFor({ origin }), status))
  }

  for (const [site, status] of [
    ['cross-site', 403],
    ['same-site', 403],
    ['same-origin', undefined],
    ['none', undefined],
  ] as const) {
    it(`${status === undefined ? 'lets in' : 'turns away'} what a browser calls ${site}`, () =>
      assert.equal(statusFor({ 'sec-fetch-site': site }), status))
  }

  it('lets a page in that is of another site and allowed', () =>
    assert.equal(statusFor({ origin: 'https://app.com', 'sec-fetch-site': 'cross-site' }), undefined))
})

describe('corsHeaders', () => {
  it('are for the page that asks, and for nobody else', () => {
    assert.deepEqual(corsHeaders({}), {})
    assert.equal(corsHeaders({ origin: 'https://app.com' })['access-control-allow-origin'], 'https://app.com')
    assert.equal(corsHeaders({ origin: 'https://app.com' })['vary'], 'Origin')
  })

  it('allow the headers that are asked for, if they are some', () => {
    const allowed = (wanted: string): string | undefined =>
      preflightHeaders({ origin: 'https://app.com', 'access-control-request-headers': wanted })[
        'access-control-allow-headers'
      ]
    assert.equal(allowed('agent,x-grpc-web, grpc-timeout'), 'agent,x-grpc-web, grpc-timeout')
    assert.equal(allowed(''), undefined)
    assert.equal(allowed('*'), undefined)
    assert.equal(allowed('a b'), undefined)
  })
})
