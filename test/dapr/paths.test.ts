import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Route, routeOf } from '../../src/dapr/paths.ts'

const publish = (pubsubname: string, topic: string, query = ''): Route => ({
  kind: 'publish',
  pubsubname,
  topic,
  query,
})
const bulk = (pubsubname: string, topic: string): Route => ({ kind: 'bulkPublish', pubsubname, topic, query: '' })

/** Paths of POST requests. */
const published: readonly (readonly [target: string, route: Route])[] = [
  ['/v1.0/publish/ps/t', publish('ps', 't')],
  ['/v1.0/publish/ps/t?', publish('ps', 't')],
  ['/v1.0/publish/ps/t?metadata.a=1&b', publish('ps', 't', 'metadata.a=1&b')],
  ['/v1.0/publish/ps/t?a?b', publish('ps', 't', 'a?b')],
  ['/v1.0/publish/ps/A/B/C', publish('ps', 'A/B/C')],
  ['/v1.0/publish/ps/%2F', publish('ps', '/')],
  ['/v1.0/publish/ps/a%2Fb', publish('ps', 'a/b')],
  ['/v1.0/publish/ps/a%2F', publish('ps', 'a/')],
  ['/v1.0/publish/ps/t/', publish('ps', 't')],
  ['/v1.0/publish/ps/x/../t', publish('ps', 't')],
  ['/v1.0/publish/ps/./t/.', publish('ps', 't')],
  ['/v1.0//publish///ps/t', publish('ps', 't')],
  ['/../v1.0/publish/ps/t', publish('ps', 't')],
  ['/v1.0/publish/ps/.../t', publish('ps', '.../t')],
  ['/v1.0/publish/ps/a..b', publish('ps', 'a..b')],
  ['/v1.0/publish/ps/.t', publish('ps', '.t')],
  ['/v1.0/publish/ps/a+b', publish('ps', 'a b')],
  ['/v1.0/publish/ps/a%2Bb', publish('ps', 'a+b')],
  ['/v1.0/publish/ps/%C3%A9%201', publish('ps', '\u00e9 1')],
  ['/v1.0/publish/ps/%252F', publish('ps', '%2F')],
  ['/v1.0/publish/ps/%F0%9F%98%80', publish('ps', '\u{1f600}')],
  ['/v1.0/publish/ps/a;b#c', publish('ps', 'a;b#c')],
  ['/v1.0/publish/ps/__proto__', publish('ps', '__proto__')],
  ['/v1.0/publish/my%2Fpub+sub/t', publish('my/pub sub', 't')],
  ['/v1.0/publish/bulk/x', publish('bulk', 'x')],
  ['/v1.0/publish/bulk/ps/t', bulk('ps', 't')],
  ['/v1.0/publish/bulk/ps/a/b', bulk('ps', 'a/b')],
  ['/v1.0-alpha1/publish/bulk/ps/t', bulk('ps', 't')],
  ['http://127.0.0.1:3500/v1.0/publish/ps/t', publish('ps', 't')],
  ['HTTP://x/v1.0/publish/ps/t', publish('ps', 't')],
]

describe('routeOf', () => {
  for (const [target, route] of published) {
    it(`knows POST and PUT ${target}`, () => {
      assert.deepEqual(routeOf('POST', target), route)
      assert.deepEqual(routeOf('PUT', target), route)
    })
  }

  for (const [method, target] of [
    ['GET', '/v1.0/publish/ps/t'],
    ['DELETE', '/v1.0/publish/ps/t'],
    ['post', '/v1.0/publish/ps/t'],
    ['TRACE', '/v1.0/publish/ps/t'],
    ['POST', '/v1.0/publish/ps'],
    ['POST', '/v1.0/publish/ps/'],
    ['POST', '/v1.0/publish//t'],
    ['POST', '/v1.0/publish/'],
    ['POST', '/v1.0/publish'],
    ['POST', '/V1.0/publish/ps/t'],
    ['POST', '/v2.0/publish/ps/t'],
    ['POST', '/v1.0-alpha1/publish/ps/t'],
    ['POST', '/v1.0-alpha1/publish/bulk/ps'],
    ['POST', '/v1.0/publish/ps/../../etc'],
    ['POST', '/v1.0/publish/ps/%2e%2e/%2E%2E/etc'],
    ['POST', '/v1.0/publish/ps/.%2e/.%2e/etc'],
    ['POST', '/v1.0/healthz'],
    ['HEAD', '/v1.0/healthz'],
    ['POST', '/v1.0/metadata'],
    ['PUT', '/v1.0/metadata'],
    ['PUT', '/v1.0/metadata/a/b'],
    ['GET', '/v1.0/metadata/a'],
    ['GET', '/v1.0/shutdown'],
    ['GET', '/'],
    ['GET', ''],
    ['GET', '/%zz'],
    ['OPTIONS', '*'],
    ['POST', 'http://127.0.0.1'],
    ['CONNECT', 'evil.example:443'],
  ] as const) {
    it(`knows no ${method} ${target}`, () => assert.deepEqual(routeOf(method, target), { kind: 'unknown' }))
  }

  for (const [method, target, route] of [
    ['GET', '/v1.0/healthz', { kind: 'healthz', appId: undefined }],
    ['GET', '/v1.0/healthz/', { kind: 'healthz', appId: undefined }],
    ['GET', '/v1.0/healthz?appid=a%20b', { kind: 'healthz', appId: 'a b' }],
    ['GET', '/v1.0/healthz/outbound', { kind: 'outboundHealthz' }],
    ['GET', '/v1.0/healthz/../publish/x', { kind: 'unknown' }],
    ['GET', '/v1.0/metadata', { kind: 'metadata' }],
    ['PUT', '/v1.0/metadata/k%2Fx+y', { kind: 'setMetadata', key: 'k/x y' }],
    ['POST', '/v1.0/shutdown', { kind: 'shutdown' }],
    ['POST', '/v1.0/publish/x/healthz', publish('x', 'healthz')],
  ] as const) {
    it(`takes ${method} ${target} for ${route.kind}`, () => assert.deepEqual(routeOf(method, target), route))
  }

  for (const [what, topic] of [
    ['a lone percent sign', '%'],
    ['digits that are none', '%zz'],
    ['UTF-8 that is cut', '%E0%A4'],
    ['overlong UTF-8', '%C0%AF'],
    ['half of a surrogate pair', '%ED%A0%80'],
    ['NUL', 'a%00'],
    ['a line end', 'a%0d%0ab'],
    ['a C1 control character', '%C2%85'],
    ['1 025 bytes', 'a'.repeat(1025)],
    ['1 026 bytes in few characters', '%E2%82%AC'.repeat(342)],
    ['65 536 levels', 'a/'.repeat(65_536).slice(0, -1)],
  ] as const) {
    it(`refuses a topic with ${what}`, () => {
      for (const prefix of ['/v1.0/publish/ps/', '/v1.0/publish/bulk/ps/']) {
        const route = routeOf('POST', prefix + topic)
        assert.equal(route.kind, 'malformed')
        assert.ok(route.kind === 'malformed' && route.why.length < 300)
      }
    })
  }

  it('takes a topic of 1 024 bytes', () => {
    for (const topic of ['a'.repeat(1024), `${'\u20ac'.repeat(341)}a`]) {
      assert.deepEqual(routeOf('POST', `/v1.0/publish/ps/${encodeURIComponent(topic)}`), publish('ps', topic))
    }
  })

  it('names the parameter that it cannot read', () => {
    const expected = {
      kind: 'malformed',
      why: 'failed to unescape request parameter "pubsubname". Error: invalid URL escape in "%zz"',
    }
    assert.deepEqual(routeOf('POST', '/v1.0/publish/%zz/t'), expected)
  })

  it('brings any name and topic through the path', () => {
    const printable = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 100 })
      .filter((text) => !/\p{Cc}|^\.\.?$/u.test(text))
    fc.assert(
      fc.property(printable, printable, (pubsubname, topic) => {
        const target = `/v1.0/publish/${encodeURIComponent(pubsubname)}/${encodeURIComponent(topic)}`
        if (pubsubname === 'bulk') return
        assert.deepEqual(routeOf('POST', target), publish(pubsubname, topic))
        assert.deepEqual(routeOf('POST', target.replaceAll('%20', '+')), publish(pubsubname, topic))
      }),
    )
  })

  it('leads a web standard request to the same place', () => {
    // Empty parts aside: a URL lets `..` take one away, Go's cleaning does not see them.
    const parts = fc.constantFrom('a', '.', '..', '%2e', '%2E.', '%2F', 'b%20c', '...')
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), (rest) => {
        const target = `/v1.0/publish/ps/${rest.join('/')}`
        const { pathname } = new URL(target, 'http://localhost')
        assert.deepEqual(routeOf('POST', target), routeOf('POST', pathname))
      }),
    )
  })
})
