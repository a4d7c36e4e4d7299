/** The words of our client beside those of the vendor's package. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as vendor from '@gomomento/sdk'
import * as ours from '../../src/momento/index.ts'

const CLASSES = [
  'AuthenticationError',
  'BadRequestError',
  'CacheAlreadyExistsError',
  'CacheNotFoundError',
  'CancelledError',
  'FailedPreconditionError',
  'InternalServerError',
  'InvalidArgumentError',
  'PermissionError',
  'ServerUnavailableError',
  'TimeoutError',
  'UnknownError',
  'UnknownServiceError',
] as const

describe("The errors of our client and the vendor's", () => {
  // Both by the same name.
  const [{ ...theirs }, { ...own }] = [vendor, ours]
  for (const name of CLASSES) {
    it(`say the same: ${name}`, () => {
      const [a, b] = [new theirs[name]('the details', 5), new own[name]('the details', 5)]
      assert.equal(b.errorCode(), a.errorCode())
      assert.equal(b.wrappedErrorMessage(), a.wrappedErrorMessage())
      assert.equal(b.message, a.message)
      assert.equal(b.transportDetails().grpc.code, a.transportDetails().grpc.code)
      assert.equal(b.transportDetails().grpc.details, a.transportDetails().grpc.details)
    })
  }

  for (const details of [
    'subscribers',
    'operations',
    'throughput',
    'request limit',
    'item size',
    'element size',
    'other',
  ]) {
    it(`say the same of a limit: ${details}`, () => {
      const [a, b] = [new vendor.LimitExceededError(details, 8), new ours.LimitExceededError(details, 8)]
      assert.equal(b.wrappedErrorMessage(), a.wrappedErrorMessage())
      assert.equal(b.errorCode(), a.errorCode())
    })
  }

  it('have the same codes', () => {
    for (const [name, value] of Object.entries(ours.MomentoErrorCode)) {
      assert.equal(Object.entries(vendor.MomentoErrorCode).find(([theirs]) => theirs === name)?.[1], value)
    }
  })
})

describe("The responses of our client and the vendor's", () => {
  it('have the same types', () => {
    assert.deepEqual({ ...ours.TopicPublishResponse }, { ...vendor.TopicPublishResponse })
    assert.deepEqual({ ...ours.TopicSubscribeResponse }, { ...vendor.TopicSubscribeResponse })
  })

  it('show the same', () => {
    const error = new vendor.CacheNotFoundError('gone', 5)
    const ownError = new ours.CacheNotFoundError('gone', 5)
    for (const [theirs, own] of [
      [new vendor.TopicPublish.Success(), new ours.TopicPublish.Success()],
      [new vendor.TopicPublish.Error(error), new ours.TopicPublish.Error(ownError)],
      [new vendor.TopicSubscribe.Error(error), new ours.TopicSubscribe.Error(ownError)],
      [new vendor.TopicDiscontinuity(1, 2, 3), new ours.TopicDiscontinuity(1, 2, 3)],
      [new vendor.TopicHeartbeat(), new ours.TopicHeartbeat()],
    ] as const) {
      assert.equal(`${own}`, `${theirs}`)
    }
  })

  for (const [value, tokenId] of [
    ['short', undefined],
    ['x'.repeat(32), undefined],
    ['x'.repeat(33), 'me'],
  ] as const) {
    it(`show the same of an item: ${value}, ${tokenId}`, () => {
      const theirs = new vendor.TopicItem(value, 7, tokenId === undefined ? {} : { tokenId })
      const own = new ours.TopicItem(value, 7, { tokenId })
      assert.equal(`${own}`, `${theirs}`)
      assert.equal(own.tokenId(), theirs.tokenId())
      assert.equal(own.sequenceNumber(), theirs.sequenceNumber())
      assert.equal(own.valueString(), theirs.valueString())
    })
  }
})
