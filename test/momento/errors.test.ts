import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MomentoErrorCode, SdkError, sdkErrorOf } from '../../src/momento/errors.ts'
import {
  AuthenticationError,
  BadRequestError,
  CacheAlreadyExistsError,
  CacheNotFoundError,
  CancelledError,
  FailedPreconditionError,
  InternalServerError,
  InvalidArgumentError,
  LimitExceededError,
  PermissionError,
  ServerUnavailableError,
  TimeoutError,
  UnknownServiceError,
} from '../../src/momento/index.ts'
import { STATUS, StatusError } from '../../src/momento/status.ts'

describe('sdkErrorOf', () => {
  for (const [status, SdkErrorClass, code, says] of [
    ['CANCELLED', CancelledError, 'CANCELLED_ERROR', /^The request was cancelled; please contact us if this was/],
    ['UNKNOWN', UnknownServiceError, 'UNKNOWN_SERVICE_ERROR', /^Service returned an unknown response; please contact/],
    ['INVALID_ARGUMENT', InvalidArgumentError, 'INVALID_ARGUMENT_ERROR', /^Invalid argument passed to Momento client:/],
    ['DEADLINE_EXCEEDED', TimeoutError, 'TIMEOUT_ERROR', /^The client's configured timeout was exceeded; you may need/],
    ['NOT_FOUND', CacheNotFoundError, 'NOT_FOUND_ERROR', /^A cache with the specified name does not exist\. {2}To/],
    [
      'ALREADY_EXISTS',
      CacheAlreadyExistsError,
      'ALREADY_EXISTS_ERROR',
      /^A cache with the specified name already exists\. {2}/,
    ],
    ['PERMISSION_DENIED', PermissionError, 'PERMISSION_ERROR', /^Insufficient permissions to perform an operation on/],
    ['RESOURCE_EXHAUSTED', LimitExceededError, 'LIMIT_EXCEEDED_ERROR', /^Limit exceeded for this account:/],
    ['FAILED_PRECONDITION', FailedPreconditionError, 'FAILED_PRECONDITION_ERROR', /^System is not in a state required/],
    ['ABORTED', InternalServerError, 'INTERNAL_SERVER_ERROR', /^An unexpected error occurred while trying to fulfill/],
    ['OUT_OF_RANGE', BadRequestError, 'BAD_REQUEST_ERROR', /^The request was invalid; please contact us at support@/],
    ['UNIMPLEMENTED', BadRequestError, 'BAD_REQUEST_ERROR', /^The request was invalid; please contact us at support@/],
    ['INTERNAL', InternalServerError, 'INTERNAL_SERVER_ERROR', /^An unexpected error occurred while trying to fulfill/],
    [
      'UNAVAILABLE',
      ServerUnavailableError,
      'SERVER_UNAVAILABLE',
      /^The server was unable to handle the request; consider/,
    ],
    [
      'DATA_LOSS',
      InternalServerError,
      'INTERNAL_SERVER_ERROR',
      /^An unexpected error occurred while trying to fulfill/,
    ],
    ['UNAUTHENTICATED', AuthenticationError, 'AUTHENTICATION_ERROR', /^Invalid authentication credentials to connect/],
  ] as const) {
    it(`makes ${SdkErrorClass.name} of ${status}`, () => {
      const error = sdkErrorOf(new StatusError(status, 'the details'))
      const message = `${STATUS[status]} ${status}: the details`
      assert.ok(error instanceof SdkError && error instanceof SdkErrorClass)
      assert.deepEqual([error.name, error.message, error.errorCode()], [SdkErrorClass.name, message, code])
      assert.match(error.wrappedErrorMessage(), says)
      assert.ok(error.wrappedErrorMessage().endsWith(`: ${message}`))
      assert.deepEqual(error.transportDetails(), { grpc: { code: STATUS[status], details: message } })
      assert.ok(Object.values(MomentoErrorCode).includes(error.errorCode()))
      assert.match(error.stack ?? '', /errors/)
    })
  }

  for (const [details, says] of [
    ['too many subscribers', 'Topic subscriptions'],
    ['too many operations', 'Request rate'],
    ['too much throughput', 'Bandwidth'],
    ['over the request limit', 'Request size'],
    ['item size', 'Item size'],
    ['element size', 'Element size'],
  ] as const) {
    it(`says ${says} when the details are about ${details}`, () => {
      const { message } = sdkErrorOf(new StatusError('RESOURCE_EXHAUSTED', details))
      const error = sdkErrorOf(new StatusError('RESOURCE_EXHAUSTED', details))
      assert.equal(error.wrappedErrorMessage(), `${says} limit exceeded for this account: ${message}`)
    })
  }

  it('keeps the cause', () => {
    const cause = new Error('why')
    assert.equal(sdkErrorOf(new StatusError('INTERNAL', 'x'), cause).cause, cause)
    assert.equal('cause' in sdkErrorOf(new StatusError('INTERNAL', 'x')), false)
  })
})
