import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type FetchOptions, fetchHandler, toApiRequest, toResponse } from '../../src/dapr/fetch.ts'
import { digestOf } from '../../src/dapr/guard.ts'
import type { ApiRequest, ApiResponse } from '../../src/dapr/wire.ts'

const DONE: ApiResponse = { status: 204, headers: {}, body: '' }

function optionsOf(options: Partial<FetchOptions>): FetchOptions {
  return {
    handle: () => DONE,
    onError: (error) => assert.fail(String(error)),
    tokens: [],
    maxBodySize: Infinity,
    ...options,
  }
}

describe('toApiRequest', () => {
  it('has method, target, headers and body of the request', async () => {
    const asked = new Request('https://any.example:81/v1.0/publish/p/a%2Fb?metadata.x=%20#fragment', {
      method: 'put',
      headers: { 'Content-Type': 'text/plain' },
      body: 'häuser',
    })
    const request = await toApiRequest(asked, 10)
    assert.equal(request.method, 'PUT')
    assert.equal(request.target, '/v1.0/publish/p/a%2Fb?metadata.x=%20')
    assert.equal(request.header('content-type'), 'text/plain')
    assert.equal(request.header('traceparent'), undefined)
    assert.deepEqual(Buffer.from(request.body).toString(), 'häuser')
    assert.equal(request.isTooLarge, false)
  })

  for (const [size, isTooLarge] of [
    [9, false],
    [10, false],
    [11, true],
  ] as const) {
    it(`finds ${size} bytes ${isTooLarge ? 'too large' : 'not too large'} for a limit of 10`, async () => {
      const asked = new Request('http://any/', { method: 'POST', body: 'x'.repeat(size) })
      const request = await toApiRequest(asked, 10)
      assert.equal(request.isTooLarge, isTooLarge)
      assert.equal(request.body.length, isTooLarge ? 0 : size)
    })
  }
})

describe('toResponse', () => {
  it('has status, headers and body of the answer', async () => {
    const response = toResponse({ status: 404, headers: { 'content-type': 'application/json' }, body: '{"a":1}' })
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.deepEqual(await response.json(), { a: 1 })
  })

  it('takes bytes, and no body at all', async () => {
    const bytes = toResponse({ ...DONE, status: 200, body: new Uint8Array([1]) })
    assert.deepEqual(new Uint8Array(await bytes.arrayBuffer()), new Uint8Array([1]))
    assert.equal(toResponse(DONE).body, null)
    assert.equal(toResponse(DONE).headers.get('content-type'), null)
  })
})

describe('fetchHandler', () => {
  it('hands requests on and answers back', async () => {
    const handled: ApiRequest[] = []
    const handle = async (request: ApiRequest): Promise<ApiResponse> => {
      handled.push(request)
      return { ...DONE, headers: { traceparent: '00' } }
    }
    const response = await fetchHandler(optionsOf({ handle }))(new Request('http://any/v1.0/metadata'))
    assert.equal(response.status, 204)
    assert.equal(response.headers.get('traceparent'), '00')
    assert.deepEqual(
      handled.map(({ method, target }) => `${method} ${target}`),
      ['GET /v1.0/metadata'],
    )
  })

  const refused: readonly (readonly [what: string, status: number, headers: Record<string, string>])[] = [
    ['without a token', 401, {}],
    ['with another token', 401, { 'dapr-api-token': 'sesame' }],
    ['from other sites', 403, { origin: 'https://evil.example', 'dapr-api-token': 'secret' }],
    ['with compressed bodies', 415, { 'content-encoding': 'gzip', 'dapr-api-token': 'secret' }],
  ]
  for (const [what, status, headers] of refused) {
    it(`answers ${status} to requests ${what}, which nobody handles`, async () => {
      const handle = (): never => assert.fail('handled')
      const fetched = fetchHandler(optionsOf({ handle, tokens: [digestOf('secret', 'token')] }))
      const response = await fetched(new Request('http://any/v1.0/publish/p/t', { method: 'POST', headers, body: '1' }))
      assert.equal(response.status, status)
    })
  }

  it('takes requests of its own origin and with its token', async () => {
    const fetched = fetchHandler(optionsOf({ tokens: [digestOf('secret', 'token')] }))
    const headers = { origin: 'https://any', 'dapr-api-token': 'secret' }
    assert.equal((await fetched(new Request('https://any/t', { method: 'POST', headers, body: '1' }))).status, 204)
  })

  for (const [how, handle] of [
    [
      'throws',
      () => {
        throw new Error('secret path /etc')
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret path /etc'))],
    ['answers what cannot be sent', () => ({ ...DONE, headers: { 'a b': '\n' } })],
  ] as const) {
    it(`answers 500 without details when the handler ${how}`, async () => {
      const errors: unknown[] = []
      const fetched = fetchHandler(optionsOf({ handle, onError: (error) => errors.push(error) }))
      const response = await fetched(new Request('http://any/'))
      assert.equal(response.status, 500)
      assert.deepEqual(await response.json(), {
        errorCode: 'ERR_INTERNAL',
        message: 'Something went wrong in the sidecar',
      })
      assert.equal(errors.length, 1)
    })
  }
})
