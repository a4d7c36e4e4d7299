import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { appPathOf } from '../../src/dapr/app-path.ts'

describe('appPathOf', () => {
  for (const [route, path] of [
    ['orders', '/orders'],
    ['/orders', '/orders'],
    ['/orders/', '/orders'],
    ['', '/'],
    ['/', '/'],
    ['a//b', '/a/b'],
    ['a/./b', '/a/b'],
    ['a/../b', '/b'],
    ['../../etc/passwd', '/etc/passwd'],
    ['//evil/x', '/evil/x'],
    ['/\\evil/x', '/%5Cevil/x'],
    ['http://evil/x', '/http:/evil/x'],
    ['@evil/x', '/@evil/x'],
    ['a b', '/a%20b'],
    ['é', '/%C3%A9'],
    ['a%20b', '/a%20b'],
    ['100%', '/100%25'],
    ['a#b', '/a%23b'],
    ['a?x=1&y=/../z', '/a?x=1&y=/../z'],
    ['a?b c', '/a?b%20c'],
  ] as const) {
    it(`makes ${path} of ${JSON.stringify(route)}`, () => {
      assert.equal(appPathOf(route), path)
    })
  }

  for (const route of ['a\r\nb', 'a\tb', 'a\0', '\ud800', 'x'.repeat(4097)]) {
    it(`refuses ${JSON.stringify(route.slice(0, 20))}`, () => {
      assert.throws(() => appPathOf(route), { code: 'ERR_OPTION_INVALID', option: 'route' })
    })
  }

  it('stays on the app, whatever the route', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (route) => {
        let path: string
        try {
          path = appPathOf(route)
        } catch {
          return
        }
        const url = new URL(`http://127.0.0.1:1${path}`)
        assert.match(path, /^\/(?!\/)[\x21-\x7e]*$/)
        assert.equal(url.origin, 'http://127.0.0.1:1')
        assert.equal(url.hash, '')
      }),
    )
  })
})
