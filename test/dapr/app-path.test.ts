import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { appPathOf } from '../../src/dapr/app-path.ts'

describe('appPathOf', () => {
  for (const [route, path] of [
    ['/orders', '/orders'],
    ['orders', '/orders'],
    ['orders/', '/orders'],
    ['', '/'],
    ['/', '/'],
    ['.', '/'],
    ['/a//b/./c/../d', '/a/b/d'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['//evil.example/x', '/evil.example/x'],
    ['/\\evil.example/x', '/%5Cevil.example/x'],
    ['http://evil.example/x', '/http:/evil.example/x'],
    ['@evil.example/x', '/@evil.example/x'],
    [':80/x', '/:80/x'],
    ['/a b', '/a%20b'],
    ['/a%20b', '/a%20b'],
    ['/a%2Fb%00', '/a%2Fb%00'],
    ['/caf\u00e9/\u{1f600}', '/caf%C3%A9/%F0%9F%98%80'],
    ['/a?b=c/../d&e=f g', '/a?b=c/../d&e=f%20g'],
    ['orders?', '/orders?'],
    ['?a=1', '/?a=1'],
    ['/a#b', '/a'],
    ['/a#\r\n', '/a'],
    ["/a-._~!$&'()*+,;=:@", "/a-._~!$&'()*+,;=:@"],
    ['/<a>"[b]{c}|^`', '/%3Ca%3E%22%5Bb%5D%7Bc%7D%7C%5E%60'],
  ] as const) {
    it(`makes ${JSON.stringify(path)} of ${JSON.stringify(route)}`, () => {
      assert.equal(appPathOf(route), path)
    })
  }

  for (const route of ['/a\r\nHost: evil', '/a\tb', '/\0', '/\u007f', '/\u0085', '/%', '/%zz', '/%0', '/\ud800']) {
    it(`refuses ${JSON.stringify(route)}`, () => {
      assert.equal(appPathOf(route), undefined)
    })
  }

  it('gives one path of the same host, and the same path again', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.webPath(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[/.\\@:%?#a]*$/)),
        (route) => {
          const path = appPathOf(route)
          if (path === undefined) return
          assert.match(path, /^\/(?!\/)[!-~]*$/)
          assert.equal(new URL(path, 'http://app.example:1').host, 'app.example:1')
          assert.equal(appPathOf(path), path)
        },
      ),
    )
  })
})
