import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  digestOf,
  type GuardSettings,
  guardRequest,
  hostCheck,
  originForm,
  type RequestHead,
} from '../../src/dapr/guard.ts'
import { BusbarError } from '../../src/errors.ts'

interface Asked {
  readonly method?: string
  readonly target?: string
  readonly httpMajor?: number
  readonly headerCount?: number
  readonly headers?: Readonly<Record<string, string>>
}

function headOf({
  method = 'POST',
  target = '/v1.0/publish/p/t',
  httpMajor = 1,
  headerCount,
  headers = {},
}: Asked): RequestHead {
  const all = new Map(Object.entries({ host: 'localhost:3500', ...headers }))
  return { method, target, httpMajor, headerCount: headerCount ?? all.size, header: (name) => all.get(name) }
}

function settingsOf(tokens: readonly string[] = [], allowed: readonly string[] | 'any' = []): GuardSettings {
  return { hosts: hostCheck(allowed), tokens: tokens.map((token) => digestOf(token, 'token')) }
}

function statusOf(asked: Asked, settings: GuardSettings = settingsOf()): number | undefined {
  return guardRequest(headOf(asked), settings)?.status
}

describe('guardRequest', () => {
  describe('Host', () => {
    const hosts: readonly (readonly [host: string, status: number | undefined])[] = [
      ['localhost', undefined],
      ['localhost:9', undefined],
      ['LOCALHOST', undefined],
      ['localhost.', undefined],
      ['foo.localhost:3500', undefined],
      ['127.0.0.1', undefined],
      ['127.0.0.1:3500', undefined],
      ['127.8.9.255', undefined],
      ['[::1]:3500', undefined],
      ['[::1]', undefined],
      ['busbar.test:80', undefined],
      ['Busbar.Test', undefined],
      ['evil.example', 403],
      ['localhost.evil.example', 403],
      ['evillocalhost', 403],
      ['127.1', 403],
      ['127.0.0.256', 403],
      ['127.0.0.01', 403],
      ['2130706433', 403],
      ['0.0.0.0:3500', 403],
      ['[::]', 403],
      ['', 400],
      ['localhost:', 400],
      ['localhost:3500@evil', 400],
      ['user@localhost', 400],
      ['localhost/', 400],
      ['local host', 400],
      ['localhost, evil.example', 400],
      ['localhost, localhost', 400],
      ['[localhost]', 400],
    ]
    for (const [host, expected] of hosts) {
      it(`${expected === undefined ? 'lets' : `answers ${expected} to`} ${JSON.stringify(host)}${expected === undefined ? ' in' : ''}`, () => {
        const settings = settingsOf([], ['busbar.test'])
        assert.equal(statusOf({ headers: { host } }, settings), expected)
        // Whatever came before.
        assert.equal(statusOf({}, settings), undefined)
        assert.equal(statusOf({ headers: { host } }, settings), expected)
      })
    }

    it('has to be there', () => {
      const head: RequestHead = { ...headOf({}), header: () => undefined }
      assert.equal(guardRequest(head, settingsOf())?.status, 400)
      assert.equal(guardRequest(head, settingsOf([], 'any'))?.status, 400)
    })

    it('may be any when somebody else checks it', () => {
      assert.equal(statusOf({ headers: { host: 'evil.example' } }, settingsOf([], 'any')), undefined)
      assert.equal(statusOf({ headers: { host: 'evil.example/' } }, settingsOf([], 'any')), 400)
    })

    it('is named by a target in absolute form as well, and both have to be allowed', () => {
      const evil = 'http://evil.example/v1.0/publish/p/t'
      assert.equal(statusOf({ target: evil }), 400)
      assert.equal(statusOf({ target: 'http://localhost@evil.example/' }), 400)
      assert.equal(statusOf({ target: 'http:///t' }), 400)
      assert.equal(statusOf({ target: 'http://127.0.0.1:3500/t' }), undefined)
      assert.equal(statusOf({ target: 'http://127.0.0.1:3500/t', headers: { host: 'evil.example' } }), 403)
    })

    it('says which one was refused, as JSON that no browser takes for a page', () => {
      assert.deepEqual(guardRequest(headOf({ headers: { host: 'evil.example' } }), settingsOf()), {
        status: 403,
        headers: {
          'content-type': 'application/json',
          'x-content-type-options': 'nosniff',
          'cache-control': 'no-store',
        },
        body: '{"errorCode":"ERR_HOST_NOT_ALLOWED","message":"The host \\"evil.example\\" is not allowed"}',
      })
    })
  })

  describe('other sites', () => {
    const rows: readonly (readonly [headers: Readonly<Record<string, string>>, status: number | undefined])[] = [
      [{}, undefined],
      [{ 'content-type': 'text/plain', origin: 'https://evil.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ origin: 'http://localhost:3500, https://evil.example' }, 403],
      [{ origin: 'http://localhost:3000' }, 403],
      [{ origin: 'http://localhost:3500.evil.example' }, 403],
      [{ origin: 'http://localhost:3500' }, undefined],
      [{ origin: 'https://localhost:3500' }, undefined],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-site' }, 403],
      [{ 'sec-fetch-site': 'same-origin' }, undefined],
      [{ 'sec-fetch-site': 'none' }, undefined],
      [{ 'sec-fetch-site': 'same-origin, cross-site' }, 403],
      [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost:3500' }, 403],
    ]
    for (const [headers, expected] of rows) {
      it(`${expected === undefined ? 'lets in' : `answers ${expected} to`} ${JSON.stringify(headers)}`, () => {
        assert.equal(statusOf({ headers }), expected)
        assert.equal(statusOf({ method: 'GET', target: '/v1.0/healthz', headers }), expected)
      })
    }

    it('get an answer to their preflight that allows nothing', () => {
      const headers = {
        origin: 'https://evil.example',
        'access-control-request-method': 'POST',
        'access-control-request-private-network': 'true',
      }
      const answer = guardRequest(headOf({ method: 'OPTIONS', headers }), settingsOf(['secret']))
      assert.deepEqual(answer, { status: 204, headers: {}, body: '' })
    })
  })

  describe('framing', () => {
    const rows: readonly (readonly [what: string, asked: Asked, status: number | undefined])[] = [
      ['100 headers', { headerCount: 100 }, undefined],
      ['101 headers', { headerCount: 101 }, 431],
      ['HTTP/2.0', { httpMajor: 2 }, 505],
      ['Transfer-Encoding: Chunked', { headers: { 'transfer-encoding': 'Chunked' } }, undefined],
      ['Transfer-Encoding: gzip, chunked', { headers: { 'transfer-encoding': 'gzip, chunked' } }, 400],
      ['Content-Encoding: identity', { headers: { 'content-encoding': 'Identity' } }, undefined],
      ['Content-Encoding: gzip', { headers: { 'content-encoding': 'gzip' } }, 415],
      ['Content-Encoding: identity, gzip', { headers: { 'content-encoding': 'identity, gzip' } }, 415],
      ['Expect: 100-Continue', { headers: { expect: '100-Continue' } }, undefined],
      ['Expect: tea', { headers: { expect: 'tea' } }, 417],
    ]
    for (const [what, asked, expected] of rows) {
      it(`${expected === undefined ? 'takes' : `answers ${expected} to`} ${what}`, () => {
        assert.equal(statusOf(asked), expected)
      })
    }
  })

  describe('token', () => {
    const settings = settingsOf(['secret', 'the next one'])
    const shown: readonly (readonly [token: string, status: number | undefined])[] = [
      ['secret', undefined],
      ['the next one', undefined],
      ['', 401],
      ['secre', 401],
      ['secrets', 401],
      ['Secret', 401],
      ['secret ', 401],
      ['secret, secret', 401],
      ['sécret', 401],
      ['x'.repeat(100_000), 401],
    ]
    for (const [token, expected] of shown) {
      it(`${expected === undefined ? 'is' : 'is not'} ${JSON.stringify(token.slice(0, 20))}`, () => {
        assert.equal(statusOf({ headers: { 'dapr-api-token': token } }, settings), expected)
      })
    }

    it('has to be there, in a header', () => {
      assert.equal(statusOf({}, settings), 401)
      assert.equal(statusOf({ target: '/v1.0/publish/p/t?dapr-api-token=secret' }, settings), 401)
    })

    it('is refused in the words of daprd', () => {
      const answer = guardRequest(headOf({}), settings)
      assert.equal(answer?.headers['content-type'], 'text/plain; charset=utf-8')
      assert.equal(answer?.body, 'invalid api token\n')
    })

    const open: readonly (readonly [method: string, target: string, isOpen: boolean])[] = [
      ['GET', '/v1.0/healthz', true],
      ['GET', '/v1.0/healthz/', true],
      ['GET', '//v1.0/healthz', true],
      ['GET', '/v1.0/healthz?appid=a', true],
      ['GET', '/v1.0/healthz/outbound', true],
      ['GET', 'http://localhost/v1.0/healthz', true],
      ['HEAD', '/v1.0/healthz', false],
      ['POST', '/v1.0/healthz', false],
      ['GET', '/v1.0/metadata', false],
      ['GET', '/v1.0/healthz/../metadata', false],
      ['GET', '/v1.0//healthz', false],
      ['GET', '/v1.0/healthz/x', false],
      ['GET', '/v1.0/%68ealthz', false],
      ['GET', '/V1.0/healthz', false],
      ['GET', '/v1.0/metadata?/v1.0/healthz', false],
      ['POST', '/v1.0/publish/x/healthz', false],
    ]
    for (const [method, target, isOpen] of open) {
      it(`is ${isOpen ? 'not ' : ''}needed for ${method} ${target}`, () => {
        assert.equal(statusOf({ method, target }, settings), isOpen ? undefined : 401)
      })
    }
  })
})

describe('digestOf', () => {
  for (const token of ['', ' a', 'a ', 'a\n', 'a\0b', 'é']) {
    it(`refuses ${JSON.stringify(token)}, which nobody could show`, () => {
      assert.throws(
        () => digestOf(token, 'apiToken'),
        (error) => error instanceof BusbarError && error.code === 'ERR_OPTION_INVALID' && error.option === 'apiToken',
      )
    })
  }

  it('does not hold the token', () => {
    assert.equal(Buffer.from(digestOf('secret', 'token')).includes('secret'), false)
  })
})

describe('originForm', () => {
  const targets: readonly (readonly [target: string, expected: string])[] = [
    ['/a/b?c', '/a/b?c'],
    ['//a', '//a'],
    ['*', '*'],
    ['http://localhost:1/a//b?c=/d', '/a//b?c=/d'],
    ['HTTPS://localhost', '/'],
    ['http://localhost?a', '/?a'],
    ['a:80', 'a:80'],
  ]
  for (const [target, expected] of targets) {
    it(`makes ${expected} of ${target}`, () => assert.equal(originForm(target), expected))
  }
})
