/** The vendor's Node client, connected to our server. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CacheNotFoundError,
  CreateCache,
  DeleteCache,
  ListCaches,
  MomentoErrorCode,
  TopicPublish,
  TopicSubscribe,
} from '@gomomento/sdk'
import type { FaultName } from '../../src/momento/index.ts'
import { cacheClientOf, clientOf, keyed, Listening, local, subscribe, withMomento } from './momento-rig.ts'

/** The vendor's class and code for each status, and the words of its own that come before ours. */
const STATUSES: readonly (readonly [FaultName, className: string, code: string])[] = [
  ['cancelled', 'CancelledError', 'CANCELLED_ERROR'],
  ['unknown', 'UnknownServiceError', 'UNKNOWN_SERVICE_ERROR'],
  ['invalid-argument', 'InvalidArgumentError', 'INVALID_ARGUMENT_ERROR'],
  ['deadline-exceeded', 'TimeoutError', 'TIMEOUT_ERROR'],
  ['not-found', 'CacheNotFoundError', 'NOT_FOUND_ERROR'],
  ['already-exists', 'CacheAlreadyExistsError', 'ALREADY_EXISTS_ERROR'],
  ['permission-denied', 'PermissionError', 'PERMISSION_ERROR'],
  ['resource-exhausted', 'LimitExceededError', 'LIMIT_EXCEEDED_ERROR'],
  ['failed-precondition', 'FailedPreconditionError', 'FAILED_PRECONDITION_ERROR'],
  ['aborted', 'InternalServerError', 'INTERNAL_SERVER_ERROR'],
  ['out-of-range', 'BadRequestError', 'BAD_REQUEST_ERROR'],
  ['unimplemented', 'BadRequestError', 'BAD_REQUEST_ERROR'],
  ['internal', 'InternalServerError', 'INTERNAL_SERVER_ERROR'],
  ['unavailable', 'ServerUnavailableError', 'SERVER_UNAVAILABLE'],
  ['data-loss', 'InternalServerError', 'INTERNAL_SERVER_ERROR'],
  ['unauthenticated', 'AuthenticationError', 'AUTHENTICATION_ERROR'],
]

const empty = (what: string): string => `Invalid argument passed to Momento client: ${what} name must not be empty`

describe("The vendor's topic suite: publish", () => {
  it('validates its cache name, and its topic name', () =>
    withMomento(async ({ client }) => {
      for (const [cache, topic, what] of [
        ['   ', 'topic', 'cache'],
        ['cache', '   ', 'topic'],
      ] as const) {
        const response = await client.publish(cache, topic, 'value')
        assert.ok(response instanceof TopicPublish.Error)
        assert.equal(response.errorCode(), MomentoErrorCode.INVALID_ARGUMENT_ERROR)
        assert.equal(response.message(), empty(what))
      }
    }))

  it('errs when the cache does not exist', () =>
    withMomento(async ({ client }) => {
      const response = await client.publish('nope', 'topic', 'value')
      assert.ok(response instanceof TopicPublish.Error)
      assert.equal(response.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
      assert.match(response.message(), /A cache with the specified name does not exist\./)
      assert.equal(response.innerException().message, "5 NOT_FOUND: Cache with name: nope doesn't exist")
    }))

  it('does not err when the topic does not exist', () =>
    withMomento(async ({ client }) =>
      assert.ok((await client.publish('c', 'never heard of', 'value')) instanceof TopicPublish.Success),
    ))

  it('throws when the client is configured so', () =>
    withMomento(async ({ client }) => assert.rejects(client.publish('nope', 'topic', 'value'), CacheNotFoundError), {
      configure: (it) => it.withThrowOnErrors(true),
    }))
})

describe("The vendor's topic suite: subscribe", () => {
  it('validates its cache name, and its topic name', () =>
    withMomento(async ({ client }) => {
      for (const [cache, topic, what] of [
        ['   ', 'topic', 'cache'],
        ['cache', '   ', 'topic'],
      ] as const) {
        const response = await client.subscribe(cache, topic, {})
        assert.ok(response instanceof TopicSubscribe.Error)
        assert.equal(response.message(), empty(what))
      }
    }))

  it('errs when the cache does not exist', () =>
    withMomento(async ({ client }) => {
      const response = await client.subscribe('nope', 'topic', {})
      assert.ok(response instanceof TopicSubscribe.Error)
      assert.equal(response.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
    }))

  it('brings strings and bytes as they were', () =>
    withMomento(async ({ client }) => {
      const { subscription, listening } = await subscribe(client, 'topic')
      const values = ['value1', 'value2', new TextEncoder().encode('value3')]
      for (const value of values) assert.ok((await client.publish('c', 'topic', value)) instanceof TopicPublish.Success)
      await listening.until('item', 3)
      assert.deepEqual(listening.values, values)
      assert.deepEqual(listening.numbers, [1, 2, 3])
      assert.deepEqual(listening.errors, [])
      subscription.unsubscribe()
      await listening.until('end')
    }))

  it('brings nothing after unsubscribe, which may be called twice', () =>
    withMomento(async ({ client, server }) => {
      const { subscription, listening } = await subscribe(client, 'topic')
      subscription.unsubscribe()
      assert.ok((await client.publish('c', 'topic', 'value')) instanceof TopicPublish.Success)
      subscription.unsubscribe()
      await listening.until('end')
      while (server.subscriptions > 0) await new Promise(setImmediate)
      assert.deepEqual([listening.values, subscription.isSubscribed], [[], false])
    }))

  it('takes handlers of its own for those that are not given', () =>
    withMomento(async ({ client }) => {
      const response = await client.subscribe('c', 'topic', { onItem: () => {} })
      assert.ok(response instanceof TopicSubscribe.Subscription)
      response.unsubscribe()
    }))

  it('ends when the cache is deleted in the middle', () =>
    withMomento(async ({ server }) => {
      const caches = cacheClientOf(server.port)
      assert.ok((await caches.createCache('short-lived')) instanceof CreateCache.Success)
      const client = clientOf(local(server.port))
      const { subscription, listening } = await subscribe(client, 'topic', new Listening(), 'short-lived')
      assert.ok((await caches.deleteCache('short-lived')) instanceof DeleteCache.Success)
      await listening.until('end')
      assert.equal(listening.errors[0]?.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
      assert.equal(subscription.isSubscribed, false)
      const again = await caches.deleteCache('short-lived')
      assert.ok(again instanceof DeleteCache.Error)
      assert.equal(again.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
      caches.close()
    }))
})

describe("The vendor's cache client", () => {
  it('makes caches, lists them and deletes them', () =>
    withMomento(async ({ server }) => {
      const caches = cacheClientOf(server.port)
      assert.ok((await caches.createCache('d')) instanceof CreateCache.Success)
      assert.ok((await caches.createCache('d')) instanceof CreateCache.AlreadyExists)
      const listed = await caches.listCaches()
      assert.ok(listed instanceof ListCaches.Success)
      assert.deepEqual(
        listed.getCaches().map((cache) => cache.getName()),
        ['c', 'd'],
      )
      assert.ok((await caches.deleteCache('d')) instanceof DeleteCache.Success)
      caches.close()
    }))
})

describe('Every status', () => {
  for (const [error, className, code] of STATUSES) {
    it(`is the vendor's ${className}: ${error}`, () =>
      withMomento(async ({ client, server }) => {
        server.faults.inject({ error, details: 'as you wish' })
        for (const response of [await client.publish('c', 't', 'v'), await client.subscribe('c', 't', {})]) {
          assert.ok(response instanceof TopicPublish.Error || response instanceof TopicSubscribe.Error)
          assert.deepEqual([response.innerException().constructor.name, response.errorCode()], [className, code])
          assert.match(response.message(), /as you wish$/)
        }
      }))
  }

  it('of a limit says which one it was', () =>
    withMomento(
      async ({ client }) => {
        const large = await client.publish('c', 't', 'x'.repeat(11))
        assert.match(large.toString(), /^Item size limit exceeded for this account: 8 RESOURCE_EXHAUSTED/)
        await subscribe(client, 't')
        const second = await client.subscribe('c', 't', {})
        assert.match(second.toString(), /^Topic subscriptions limit exceeded for this account: 8 RESOURCE_EXHAUSTED/)
      },
      { server: { maxValueBytes: 10, maxSubscriptions: 1 } },
    ))
})

describe('Values', () => {
  it('keep their kind, whatever they are', () =>
    withMomento(async ({ client }) => {
      const { listening } = await subscribe(client, 't')
      const values = ['ä😀', new Uint8Array([0, 255]), '\u0000', new Uint8Array(0), 'x'.repeat(3_000_000)]
      for (const value of values) await client.publish('c', 't', value)
      await listening.until('item', values.length)
      assert.deepEqual(listening.values, values)
      assert.deepEqual(
        listening.tokens,
        values.map(() => ''),
      )
    }))

  it("are as large as the vendor's client lets them be", () =>
    withMomento(async ({ client }) => {
      const { listening } = await subscribe(client, 't')
      assert.ok((await client.publish('c', 't', 'x'.repeat(10_485_000))) instanceof TopicPublish.Success)
      await listening.until('item')
      assert.equal(listening.values[0]?.length, 10_485_000)
    }))
})

describe('API keys', () => {
  const apiKeys = ['all', { key: 'writer', tokenId: 'myTokenID', permissions: [{ role: 'publishonly' }] }] as const

  it('are told by the vendor who publishes, and refuse the rest', () =>
    withMomento(
      async ({ client, server }) => {
        const { listening } = await subscribe(client, 't')
        const writer = clientOf(keyed('writer')(server.port))
        assert.ok((await writer.publish('c', 't', 'humans landed on Mars!')) instanceof TopicPublish.Success)
        await listening.until('item')
        assert.deepEqual(listening.tokens, ['myTokenID'])
        const denied = await writer.subscribe('c', 't', {})
        assert.ok(denied instanceof TopicSubscribe.Error)
        assert.equal(denied.errorCode(), MomentoErrorCode.PERMISSION_ERROR)
        assert.match(denied.message(), /Insufficient permissions/)
        const unknown = await clientOf(local(server.port)).publish('c', 't', 'v')
        assert.ok(unknown instanceof TopicPublish.Error)
        assert.equal(unknown.errorCode(), MomentoErrorCode.AUTHENTICATION_ERROR)
      },
      { server: { apiKeys }, credentials: keyed('all') },
    ))
})
