import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BusbarError } from '../../src/errors.ts'
import { MalformedError } from '../../src/momento/protobuf.ts'
import { StatusError, statusErrorOf } from '../../src/momento/status.ts'

describe('statusErrorOf', () => {
  const refused = new StatusError('NOT_FOUND', 'no')
  for (const [what, error, status, httpStatus, message] of [
    ['a StatusError', refused, 'NOT_FOUND', 404, 'no'],
    [
      'a StatusError with an HTTP status',
      new StatusError('RESOURCE_EXHAUSTED', 'big', 413),
      'RESOURCE_EXHAUSTED',
      413,
      'big',
    ],
    ['malformed bytes', new MalformedError('half'), 'INTERNAL', 400, 'Malformed request: half'],
    ['an invalid topic', new BusbarError('ERR_TOPIC_INVALID', 'no topic'), 'INVALID_ARGUMENT', 400, 'no topic'],
    ['a full queue', new BusbarError('ERR_QUEUE_FULL', 'full'), 'RESOURCE_EXHAUSTED', 429, 'full'],
    ['a closed broker', new BusbarError('ERR_CLOSED', 'closed'), 'UNAVAILABLE', 503, 'closed'],
  ] as const) {
    it(`tells the client of ${what}`, () => {
      const reported: unknown[] = []
      const { status: given, httpStatus: http, message: text } = statusErrorOf(error, (it) => reported.push(it))
      assert.deepEqual({ given, http, text }, { given: status, http: httpStatus, text: message })
      assert.deepEqual(reported, [])
    })
  }

  for (const error of [new Error('secret'), new BusbarError('ERR_LIVELOCK', 'secret'), 'secret', undefined]) {
    it(`keeps ${String(error)} to us`, () => {
      const reported: unknown[] = []
      const { status, httpStatus, message } = statusErrorOf(error, (it) => reported.push(it))
      assert.deepEqual(
        { status, httpStatus, message },
        { status: 'INTERNAL', httpStatus: 500, message: 'The server failed' },
      )
      assert.deepEqual(reported, [error])
    })
  }
})
