import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Api } from '../../src/dapr/api.ts'
import type { PublishPort } from '../../src/dapr/publish-api.ts'
import type { ApiRequest, ApiResponse } from '../../src/dapr/wire.ts'

const ROOM = 1024 * 1024
const VERSION = 'daprRuntimeVersion'.length + 'edge'.length

/** Nothing is published here. */
const port: Partial<PublishPort> = { appId: 'shop' }

function makeApi(): Api {
  return new Api({
    appId: 'shop',
    port: port as PublishPort,
    isReady: () => true,
    metadata: () => ({}),
    shutdown: () => {},
  })
}

function put(api: Api, key: string, value: string): number {
  const body = Buffer.from(value)
  const request: ApiRequest = { method: 'PUT', target: `/v1.0/metadata/${key}`, header: () => undefined, body }
  return (api.handle(request) as ApiResponse).status // no promise for metadata
}

describe('Api, metadata', () => {
  it('takes a megabyte and no more, whatever was there before', () => {
    const api = makeApi()
    const half = 'x'.repeat(64 * 1024)
    for (let i = 10; i < 25; i++) assert.equal(put(api, `k${i}`, half), 204)
    const left = ROOM - VERSION - 15 * (3 + half.length)
    assert.equal(put(api, 'k', 'x'.repeat(left)), 400) // its key does not fit
    assert.equal(put(api, 'k', 'x'.repeat(left - 1)), 204)
    assert.equal(put(api, 'l', ''), 400)
    for (const value of ['', 'x'.repeat(left - 1)]) assert.equal(put(api, 'k', value), 204)
    assert.equal(put(api, 'l', ''), 400)
    assert.equal(put(api, 'k', ''), 204)
    assert.equal(put(api, 'l', 'x'.repeat(left - 2)), 204)
  })
})
