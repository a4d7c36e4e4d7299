import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hostOf, isLoopback } from '../../src/http/host.ts'

describe('hostOf', () => {
  for (const [authority, host] of [
    ['localhost', 'localhost'],
    ['LocalHost.:8080', 'localhost'],
    ['my_app-1.test:80', 'my_app-1.test'],
    ['127.0.0.1:1', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[FE80::1]:3500', 'fe80::1'],
    ['', undefined],
    ['localhost:', undefined],
    ['localhost:999999', undefined],
    ['user@localhost', undefined],
    ['localhost/', undefined],
    ['local host', undefined],
    ['a, b', undefined],
    ['[localhost]', undefined],
    ['::1', undefined],
  ] as const) {
    it(`finds ${host} in ${JSON.stringify(authority)}`, () => assert.equal(hostOf(authority), host))
  }
})

describe('isLoopback', () => {
  for (const host of ['127.0.0.1', '127.255.0.9', '::1', 'localhost', 'a.localhost']) {
    it(`holds for ${host}`, () => assert.equal(isLoopback(host), true))
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '127.1',
    '127.0.0.01',
    '127.0.0.1.evil.example',
    'example.com',
    '10.0.0.1',
    '',
  ]) {
    it(`does not hold for ${JSON.stringify(host)}`, () => assert.equal(isLoopback(host), false))
  }
})
