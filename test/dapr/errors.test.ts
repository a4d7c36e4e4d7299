import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appIdMismatch, notReady, notRouted, plainError, requestMalformed } from '../../src/dapr/errors.ts'

describe('Errors without details', () => {
  for (const [what, response, status, errorCode, message] of [
    [
      'a path that is not served',
      notRouted(),
      404,
      'ERR_DIRECT_INVOKE',
      'failed getting app id either from the URL path or the header dapr-app-id',
    ],
    ['a parameter that cannot be read', requestMalformed('why'), 400, 'ERR_MALFORMED_REQUEST', 'why'],
    ['a start that goes on', notReady(['a', 'b']), 500, 'ERR_HEALTH_NOT_READY', 'dapr is not ready: [a b]'],
    ['another app id', appIdMismatch(), 500, 'ERR_HEALTH_APPID_NOT_MATCH', 'dapr app-id does not match'],
    ['anything else', plainError(418, 'ERR_X', 'a "b"'), 418, 'ERR_X', 'a "b"'],
  ] as const) {
    it(`say ${errorCode} for ${what}`, () => {
      assert.equal(response.status, status)
      assert.deepEqual(response.headers, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
      assert.deepEqual(JSON.parse(String(response.body)), { errorCode, message })
    })
  }
})
