import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Broker } from '../../src/index.ts'
import {
  CacheNotFoundError,
  CacheStore,
  type CacheStoreOptions,
  InvalidArgumentError,
  type SubscribeCallOptions,
  TopicClient,
  type TopicClientOptions,
  type TopicDiscontinuity,
  TopicHeartbeat,
  TopicItem,
  type TopicPort,
  TopicPublish,
  TopicPublishResponse,
  TopicSubscribe,
  TopicSubscribeResponse,
} from '../../src/momento/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { turn } from './fixtures.ts'

/** A client of one cache, `c`, on a manual clock. */
function clientOf(options: CacheStoreOptions = {}, more: TopicClientOptions = {}) {
  const clock = new ManualClock()
  const errors: unknown[] = []
  const store = new CacheStore({ caches: ['c'], clock, onError: (error) => errors.push(error), ...options })
  return { client: new TopicClient({ caches: store, ...more }), store, clock, errors }
}

/** Subscribes, and takes down what the callbacks are told. */
async function listen(client: TopicClient, topic = 't', more: SubscribeCallOptions = {}) {
  const told: string[] = []
  const items: TopicItem[] = []
  const subscription = await open(client, topic, {
    onItem: (item) => {
      items.push(item)
      told.push(item.valueString())
    },
    onError: (error, { isSubscribed }) => told.push(`${error.errorCode()}, subscribed: ${isSubscribed}`),
    onDiscontinuity: (gap) => told.push(`${gap}`),
    onSubscriptionEnd: () => told.push('end'),
    ...more,
  })
  return { subscription, told, items }
}

async function open(client: TopicClient, topic: string, options?: SubscribeCallOptions) {
  const response = await client.subscribe('c', topic, options)
  assert.ok(response.type === TopicSubscribeResponse.Subscription, `${response}`)
  return response
}

async function publishAll(client: TopicClient, values: Iterable<string | Uint8Array>): Promise<void> {
  for (const value of values) assert.equal((await client.publish('c', 't', value)).type, 'Success')
}

const NO_CACHE =
  "A cache with the specified name does not exist.  To resolve this error, make sure you have created the cache before attempting to use it: 5 NOT_FOUND: Cache with name: nope doesn't exist"

/** What the vendor's client puts before every message about an argument. */
const prefix = 'Invalid argument passed to Momento client: '

describe('TopicClient.publish', () => {
  it('succeeds whether or not anybody listens', async () => {
    const { client } = clientOf()
    const response = await client.publish('c', 'nobody', 'x')
    assert.ok(response instanceof TopicPublish.Success)
    assert.deepEqual(
      [response.type, response.is_success, `${response}`],
      [TopicPublishResponse.Success, true, 'Success'],
    )
  })

  it('fails when there is no such cache', async () => {
    const response = await clientOf().client.publish('nope', 't', 'x')
    assert.ok(response instanceof TopicPublish.Error)
    assert.equal(response.type, TopicPublishResponse.Error)
    assert.equal(response.errorCode(), 'NOT_FOUND_ERROR')
    assert.equal(response.message(), NO_CACHE)
    assert.equal(`${response}`, NO_CACHE)
    assert.ok(response.innerException() instanceof CacheNotFoundError)
  })

  it('rejects with throwOnErrors', async () => {
    const { client } = clientOf({}, { throwOnErrors: true })
    await assert.rejects(client.publish('nope', 't', 'x'), CacheNotFoundError)
    await assert.rejects(client.publish(' ', 't', 'x'), { message: 'cache name must not be empty' })
    await assert.rejects(
      client.publish('c', 't', 'x'.repeat(5)).then(() => Promise.reject(new Error('fine'))),
      {
        message: 'fine',
      },
    )
    void client.publish('nope', 't', 'left alone')
    await turn()
  })

  it('keeps the order of publishes that nobody awaits', async () => {
    const { client } = clientOf()
    const { told } = await listen(client)
    const values = Array.from({ length: 200 }, (_, i) => `${i}`)
    await Promise.all(values.map((value) => client.publish('c', 't', value)))
    await turn()
    assert.deepEqual(told, values)
  })

  for (const isAwaited of [true, false]) {
    it(`costs no item when 20 000 publishes ${isAwaited ? 'are awaited in a loop' : 'come at once'}`, async () => {
      const { client } = clientOf({ capacity: 4096 })
      let received = 0
      const gaps: string[] = []
      await open(client, 't', { onItem: () => received++, onDiscontinuity: (gap) => gaps.push(`${gap}`) })
      const publishes: Promise<unknown>[] = []
      for (let i = 0; i < 20_000; i++) {
        const publish = client.publish('c', 't', 'x')
        if (isAwaited) await publish
        else publishes.push(publish)
      }
      await Promise.all(publishes)
      while (received < 20_000 && gaps.length === 0) await turn()
      assert.deepEqual(gaps, [])
    })
  }

  it('leaves a loop its turns', async () => {
    const { client } = clientOf({ capacity: 4096 })
    const gaps: string[] = []
    const subscription = await open(client, 't', { onDiscontinuity: (gap) => gaps.push(`${gap}`) })
    const reading = (async () => {
      for await (const item of subscription) if (item.sequenceNumber() === 20_000) break
    })()
    for (let i = 0; i < 20_000; i++) await client.publish('c', 't', 'x')
    await reading
    assert.deepEqual(gaps, [])
  })

  for (const [what, value] of [
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', { a: 1 }],
    ['a boolean', true],
    ['a wider array', new Uint16Array(1)],
    ['a view', new DataView(new ArrayBuffer(1))],
  ] as const) {
    it(`refuses ${what} as a value`, async () => {
      // What the compiler would not let through.
      const response = await clientOf().client.publish('c', 't', value as unknown as string)
      assert.ok(response.type === 'Error')
      assert.equal(
        response.message(),
        'Invalid argument passed to Momento client: value must be a string or a Uint8Array',
      )
    })
  }

  it("refuses a topic that the cache's broker refuses, and keeps the reason", async () => {
    const { client } = clientOf({ caches: { c: new Broker() } })
    for (const response of [await client.publish('c', 'a/#', 'x'), await client.subscribe('c', 'a/#', {})]) {
      assert.ok(response.type === 'Error')
      assert.equal(response.errorCode(), 'INVALID_ARGUMENT_ERROR')
      assert.match(response.innerException().message, /^3 INVALID_ARGUMENT: Invalid topic "a\/#" at 2/)
      assert.equal((response.innerException().cause as { code?: unknown }).code, 'ERR_TOPIC_INVALID')
    }
  })

  it('says that a limit is exceeded when a queue refuses', async () => {
    const broker = new Broker()
    broker.subscribe('t', { capacity: 1, overflow: 'reject' })
    const { client } = clientOf({ caches: { c: broker } })
    await publishAll(client, ['x'])
    const response = await client.publish('c', 't', 'y')
    assert.ok(response.type === 'Error')
    assert.equal(response.errorCode(), 'LIMIT_EXCEEDED_ERROR')
  })
})

describe('TopicClient checks names', () => {
  for (const [cacheName, topicName, says] of [
    ['', 't', 'cache name must not be empty'],
    ['   ', 't', 'cache name must not be empty'],
    ['\u00a0', '', 'cache name must not be empty'],
    ['c', '', 'topic name must not be empty'],
    ['c', '\t\n', 'topic name must not be empty'],
    ['nope', ' ', 'topic name must not be empty'],
    [undefined, 't', 'cache name must be a string'],
    [null, 't', 'cache name must be a string'],
    ['c', 5, 'topic name must be a string'],
  ] as const) {
    it(`${JSON.stringify([cacheName, topicName])}: ${says}`, async () => {
      const { client } = clientOf()
      const [cache, topic] = [cacheName, topicName] as [string, string] // what the compiler would not let through
      for (const response of [await client.publish(cache, topic, 'x'), await client.subscribe(cache, topic, {})]) {
        assert.ok(response.type === 'Error')
        assert.equal(response.errorCode(), 'INVALID_ARGUMENT_ERROR')
        assert.equal(response.message(), prefix + says)
        assert.ok(response.innerException() instanceof InvalidArgumentError)
        assert.equal(response.innerException().transportDetails().grpc.code, 0)
      }
    })
  }
})

describe('TopicClient.subscribe', () => {
  it('brings text and bytes in order, numbered', async () => {
    const { client } = clientOf()
    const { items } = await listen(client)
    const buffer = Buffer.from('value3')
    await publishAll(client, ['value1', '', buffer, new Uint8Array()])
    await turn()
    assert.deepEqual(
      items.map((item) => [item.value(), item.sequenceNumber()]),
      [
        ['value1', 1],
        ['', 2],
        [new TextEncoder().encode('value3'), 3],
        [new Uint8Array(), 4],
      ],
    )
    assert.equal(Buffer.isBuffer(items[2]?.value()), false)
  })

  it('brings bytes as they were when they were published', async () => {
    const { client } = clientOf()
    const { items } = await listen(client)
    const bytes = new Uint8Array([1, 2])
    void client.publish('c', 't', bytes)
    bytes.fill(0)
    await turn()
    assert.deepEqual(items[0]?.value(), new Uint8Array([1, 2]))
  })

  it('gives each subscriber bytes of its own', async () => {
    const { client } = clientOf()
    const [a, b] = [await listen(client), await listen(client)]
    await publishAll(client, [new Uint8Array([1])])
    await turn()
    a.items[0]?.valueUint8Array().fill(9)
    assert.deepEqual(b.items[0]?.value(), new Uint8Array([1]))
  })

  it('brings what is published before the promise has resolved', async () => {
    const { client } = clientOf()
    const told: string[] = []
    void client.subscribe('c', 't', { onItem: (item) => told.push(item.valueString()) })
    await publishAll(client, ['at once'])
    await turn()
    assert.deepEqual(told, ['at once'])
  })

  it('needs no options', async () => {
    const { client } = clientOf()
    const subscription = await open(client, 't')
    await publishAll(client, ['x'])
    subscription.unsubscribe()
    await turn()
  })

  it('fails when there is no such cache', async () => {
    const response = await clientOf({}, { throwOnErrors: true }).client.subscribe('nope', 't', {})
    assert.ok(response instanceof TopicSubscribe.Error)
    assert.deepEqual([response.type, response.message()], ['Error', NO_CACHE])
  })

  for (const name of ['onItem', 'onError', 'onDiscontinuity', 'onHeartbeat', 'onConnectionLost', 'onSubscriptionEnd']) {
    it(`refuses ${name} when it is no function`, async () => {
      const { client, store } = clientOf()
      const response = await client.subscribe('c', 't', { [name]: 'no function' })
      assert.equal(`${response}`, `Invalid argument passed to Momento client: ${name} must be a function`)
      assert.equal(store.get('c')?.subscribers, 0)
    })
  }

  it('sends nothing after unsubscribe, and tells of the end once', async () => {
    const { client, store } = clientOf()
    const { subscription, told } = await listen(client)
    assert.deepEqual([subscription.isSubscribed, subscription.is_subscribed], [true, true])
    void client.publish('c', 't', 'on its way')
    subscription.unsubscribe()
    assert.deepEqual([subscription.isSubscribed, subscription.is_subscribed], [false, true])
    assert.deepEqual(told, [])
    subscription.unsubscribe()
    await publishAll(client, ['later'])
    await turn()
    assert.deepEqual(told, ['end'])
    assert.equal(store.get('c')?.subscribers, 0)
    assert.equal(`${subscription}`, 'Subscription')
  })

  it('stops at once when onItem unsubscribes', async () => {
    const { client } = clientOf()
    let count = 0
    const subscription = await open(client, 't', {
      onItem: () => {
        count++
        subscription.unsubscribe()
      },
    })
    await Promise.all(Array.from({ length: 50 }, () => client.publish('c', 't', 'x')))
    await turn()
    assert.equal(count, 1)
  })

  it('ends with NOT_FOUND_ERROR when its cache is deleted', async () => {
    const { client, store } = clientOf()
    const { subscription, told } = await listen(client)
    store.delete('c')
    await turn()
    assert.deepEqual(told, ['NOT_FOUND_ERROR, subscribed: false', 'end'])
    subscription.unsubscribe()
    await turn()
    assert.equal(told.length, 2)
    assert.match(`${await client.subscribe('c', 't', {})}`, /^A cache with the specified name does not exist/)
  })

  it('ends without an error when the caches are closed', async () => {
    const { client, store } = clientOf()
    const { told } = await listen(client)
    void client.publish('c', 't', 'last')
    await store.close()
    await turn()
    assert.deepEqual(told, ['last', 'end'])
  })

  it('can be disposed of', async () => {
    const { client, store } = clientOf()
    {
      using _ = await open(client, 't')
    }
    assert.equal(store.get('c')?.subscribers, 0)
  })

  it('resumes where it is told to', async () => {
    const { client } = clientOf({ historySize: 3 })
    await publishAll(client, '12345')
    const { told, items } = await listen(client, 't', { resumeAtTopicSequenceNumber: 5 })
    await turn()
    const page = items[0]?.sequencePage() ?? 0
    const late = await listen(client, 't', { resumeAtTopicSequenceNumber: 2, resumeAtTopicSequencePage: page })
    const strange = await listen(client, 't', { resumeAtTopicSequenceNumber: 4, resumeAtTopicSequencePage: page + 1 })
    await turn()
    const gap = (last: number): string =>
      `TopicDiscontinuity: Last Sequence Number: ${last}; New Sequence Number: 2; New Sequence Page: ${page}`
    assert.deepEqual(told, ['5'])
    assert.deepEqual(late.told, [gap(1), '3', '4', '5'])
    assert.deepEqual(strange.told, [gap(3), '3', '4', '5'])
    assert.ok(page > 0)
  })

  it('refuses to resume at what is no number', async () => {
    const { client } = clientOf()
    const told: string[] = []
    const response = await client.subscribe('c', 't', {
      resumeAtTopicSequenceNumber: Number.NaN,
      onSubscriptionEnd: () => told.push('end'),
    })
    assert.ok(response.type === 'Error')
    assert.equal(response.errorCode(), 'INVALID_ARGUMENT_ERROR')
    await client.close()
    await turn()
    assert.deepEqual(told, [], 'it never began')
  })
})

describe('The options of a subscription', () => {
  for (const [options, says] of [
    [null, 'options must be an object'],
    [5, 'options must be an object'],
    [{ onItem: 'log' }, 'onItem must be a function'],
    [{ resumeAtTopicSequenceNumber: '1' }, 'resumeAtTopicSequenceNumber must be a number of at least 0'],
    [{ resumeAtTopicSequencePage: -1 }, 'resumeAtTopicSequencePage must be a number of at least 0'],
  ] as const) {
    it(`are refused when they are ${JSON.stringify(options)}`, async () => {
      const { client, store } = clientOf()
      // What the compiler would not let through.
      const response = await client.subscribe('c', 't', options as unknown as SubscribeCallOptions)
      assert.ok(response.type === 'Error')
      assert.equal(response.errorCode(), 'INVALID_ARGUMENT_ERROR')
      assert.equal(response.message(), prefix + says)
      assert.equal(store.get('c')?.subscribers, 0)
    })
  }
})

describe('The callbacks of a subscription', () => {
  for (const [how, fail] of [
    ['throws', () => assert.fail('oops')],
    ['rejects', () => Promise.reject(new assert.AssertionError({ message: 'oops' }))],
  ] as const) {
    it(`are called on when onItem ${how}, which is reported`, async () => {
      const { client, errors } = clientOf()
      let count = 0
      const subscription = await open(client, 't', {
        onItem: () => {
          count++
          return fail()
        },
      })
      await publishAll(client, ['1', '2', '3'])
      await turn()
      assert.deepEqual(
        errors.map((error) => (error as Error).message),
        ['oops', 'oops', 'oops'],
      )
      assert.deepEqual([count, subscription.isSubscribed], [3, true])
    })
  }

  it('may all fail, and all that is reported', async () => {
    const { client, store, errors, clock } = clientOf({ historySize: 1 })
    await publishAll(client, ['1', '2'])
    const failing = (what: string) => () => {
      throw what
    }
    await client.subscribe('c', 't', {
      resumeAtTopicSequenceNumber: 1,
      onItem: failing('item'),
      onDiscontinuity: failing('discontinuity'),
      onHeartbeat: failing('heartbeat'),
      onError: failing('error'),
      onSubscriptionEnd: failing('end'),
    })
    await turn()
    await clock.advance(1000)
    store.delete('c')
    await turn()
    assert.deepEqual(errors, ['heartbeat', 'discontinuity', 'item', 'heartbeat', 'error', 'end'])
  })

  it('are not waited for', async () => {
    const { client, store } = clientOf()
    const told: string[] = []
    await client.subscribe('c', 't', {
      onItem: (item) => {
        told.push(item.valueString())
        return new Promise(() => {})
      },
    })
    await publishAll(client, ['1', '2'])
    await store.close()
    assert.deepEqual(told, ['1', '2'])
  })

  it('are told of a heartbeat at once and then every second, until the end', async () => {
    const { client, clock } = clientOf()
    const beats: string[] = []
    const subscription = await open(client, 't', {
      onHeartbeat: (beat) => {
        assert.ok(beat instanceof TopicHeartbeat)
        beats.push(`${beat} at ${clock.now()}`)
      },
    })
    await clock.advance(2500)
    subscription.unsubscribe()
    await clock.advance(5000)
    assert.deepEqual(beats, ['TopicHeartbeat at 0', 'TopicHeartbeat at 1000', 'TopicHeartbeat at 2000'])
    await clock.runAll() // nothing is scheduled, or this would not end
  })

  it('arm no timer when nobody asks for heartbeats', async () => {
    const { client, clock } = clientOf()
    await listen(client)
    await clock.runAll()
    assert.equal(clock.now(), 0)
  })
})

describe('A subscription as an async iterable', () => {
  it('brings every item since it was made, and ends with unsubscribe', async () => {
    const { client } = clientOf()
    const subscription = await open(client, 't')
    await publishAll(client, ['1', '2', '3'])
    const seen: string[] = []
    for await (const item of subscription) {
      assert.ok(item instanceof TopicItem)
      seen.push(`${item.sequenceNumber()} ${item.valueString()}`)
      if (seen.length === 3) void client.publish('c', 't', '4')
      if (seen.length === 4) subscription.unsubscribe()
    }
    assert.deepEqual(seen, ['1 1', '2 2', '3 3', '4 4'])
  })

  it('unsubscribes when the loop is left', async () => {
    const { client, store } = clientOf()
    const told: string[] = []
    const subscription = await open(client, 't', { onSubscriptionEnd: () => told.push('end') })
    await publishAll(client, ['1', '2'])
    for await (const _ of subscription) break
    assert.equal(subscription.isSubscribed, false)
    assert.equal(store.get('c')?.subscribers, 0)
    await turn()
    assert.deepEqual(told, ['end'])
    assert.deepEqual(await subscription[Symbol.asyncIterator]().next(), { done: true, value: undefined })
  })

  it('serves calls of next() in order, also before there is anything', async () => {
    const { client } = clientOf()
    const iterator = (await open(client, 't'))[Symbol.asyncIterator]()
    const results = [iterator.next(), iterator.next(), iterator.next()]
    await publishAll(client, ['1', '2'])
    await iterator.return?.()
    const values = (await Promise.all(results)).map(({ value }) => value?.valueString())
    assert.deepEqual(values, ['1', '2', undefined])
    assert.equal(iterator[Symbol.asyncIterator](), iterator)
  })

  for (const isWaiting of [true, false]) {
    it(`throws once when the cache is deleted and the loop is ${isWaiting ? 'waiting' : 'busy'}`, async () => {
      const { client, store } = clientOf()
      const iterator = (await open(client, 't'))[Symbol.asyncIterator]()
      const waiting = isWaiting ? [iterator.next(), iterator.next()] : []
      if (!isWaiting) await publishAll(client, ['kept', 'lost'])
      await turn()
      store.delete('c')
      if (!isWaiting) assert.equal((await iterator.next()).value?.valueString(), 'kept')
      await assert.rejects(waiting[0] ?? iterator.next(), CacheNotFoundError)
      assert.deepEqual(await (waiting[1] ?? iterator.next()), { done: true, value: undefined })
      assert.deepEqual(await iterator.next(), { done: true, value: undefined })
    })
  }

  it('leaves no unhandled rejection behind when nobody looks at the result', async () => {
    const { client, store } = clientOf()
    const [waiting, late] = [await open(client, 't'), await open(client, 't')]
    void waiting[Symbol.asyncIterator]().next()
    store.delete('c')
    void late[Symbol.asyncIterator]().next()
    await turn()
  })

  it('holds items back in the cache, which lets go of the oldest and says so', async () => {
    const { client, store } = clientOf({ capacity: 3 })
    const gaps: TopicDiscontinuity[] = []
    const subscription = await open(client, 't', { onDiscontinuity: (gap) => gaps.push(gap) })
    await publishAll(client, ['1'])
    await turn()
    await publishAll(client, '23456')
    const seen: string[] = []
    for await (const item of subscription) {
      seen.push(item.valueString())
      if (seen.length === 3) break
    }
    assert.deepEqual(seen, ['1', '5', '6'])
    assert.deepEqual(
      gaps.map((gap) => [gap.lastSequenceNumber(), gap.newSequenceNumber(), gap.newSequencePage()]),
      [[1, 4, store.get('c')?.page]],
    )
  })

  it('leaves nothing in flight when it ends with an item that nobody took', async () => {
    const broker = new Broker()
    const { client } = clientOf({ caches: { c: broker } })
    const subscription = await open(client, 't')
    await publishAll(client, ['1', '2'])
    await turn()
    assert.equal(broker.stats().inFlight, 1)
    subscription.unsubscribe()
    await broker.settled()
    await turn()
    assert.equal(broker.stats().inFlight, 0)
    assert.deepEqual(await subscription[Symbol.asyncIterator]().next(), { done: true, value: undefined })
  })

  it('is refused when there is an onItem', async () => {
    const { subscription } = await listen(clientOf().client)
    assert.throws(() => subscription[Symbol.asyncIterator](), { code: 'ERR_OPTION_INVALID', option: 'onItem' })
  })
})

describe('TopicItem', () => {
  it('reads bytes as text and text as bytes', () => {
    const bytes = new TextEncoder().encode('zürich')
    assert.equal(new TopicItem(bytes, 1).valueString(), 'zürich')
    assert.equal(new TopicItem(bytes, 1).valueUint8Array(), bytes)
    assert.equal(new TopicItem('zürich', 1).valueString(), 'zürich')
    assert.deepEqual(new TopicItem('zürich', 1).valueUint8Array(), bytes)
  })

  it('has a number and a page', () => {
    const [item, other] = [new TopicItem('x', 7, { sequencePage: 3 }), new TopicItem('x', 8)]
    assert.deepEqual([item.sequenceNumber(), item.sequencePage()], [7, 3])
    assert.deepEqual([other.sequenceNumber(), other.sequencePage()], [8, 0])
  })

  it('shows the first 32 characters, and the token id when there is one', () => {
    assert.equal(`${new TopicItem('hello', 1)}`, 'TopicItem: hello')
    assert.equal(`${new TopicItem('x'.repeat(32), 1)}`, `TopicItem: ${'x'.repeat(32)}`)
    assert.equal(`${new TopicItem('x'.repeat(33), 1)}`, `TopicItem: ${'x'.repeat(32)}...`)
    assert.equal(
      `${new TopicItem('humans landed on Mars!', 1, { tokenId: 'myTokenID' })}`,
      'TopicItem: humans landed on Mars!; Token Id: myTokenID',
    )
  })

  it('knows the token id of the client that published it', async () => {
    const { client, store } = clientOf()
    const alice = new TopicClient({ caches: store, tokenId: 'alice' })
    const { items } = await listen(client)
    await publishAll(alice, ['hi'])
    await publishAll(client, ['ho'])
    await turn()
    assert.deepEqual(
      items.map((item) => item.tokenId()),
      ['alice', undefined],
    )
  })
})

describe('TopicClient', () => {
  it('makes the caches that it is told the names of, or takes brokers', async () => {
    const broker = new Broker({ history: { size: 1 } })
    const client = new TopicClient({ caches: { get: broker } })
    client.caches.create('more')
    assert.deepEqual(client.caches.list(), ['get', 'more'])
    const data: unknown[] = []
    broker.subscribe('#', (message) => data.push(message.data))
    assert.equal((await client.publish('get', 't', 'x')).type, 'Success')
    await turn()
    assert.deepEqual(data, ['x'])
    assert.deepEqual(new TopicClient({ caches: ['a'] }).caches.list(), ['a'])
    assert.deepEqual(new TopicClient().caches.list(), [])
  })

  for (const options of [
    { caches: 5 },
    { caches: null },
    { throwOnErrors: 'yes' },
    { tokenId: 1 },
    { credentialProvider: {} },
  ]) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      // What the compiler would not let through.
      assert.throws(() => new TopicClient(options as TopicClientOptions), { code: 'ERR_OPTION_INVALID' })
    })
  }

  it('ends its own subscriptions when it is closed, and leaves a store alone that it was given', async () => {
    const { client, store } = clientOf()
    const other = new TopicClient({ caches: store })
    const [own, theirs] = [await listen(client), await listen(other)]
    await client.close()
    await client.close()
    await publishAll(other, ['x'])
    await turn()
    assert.deepEqual([own.told, theirs.told], [['end'], ['x']])
    for (const response of [await client.publish('c', 't', 'x'), await client.subscribe('c', 't', {})]) {
      assert.ok(response.type === 'Error')
      assert.equal(response.errorCode(), 'CANCELLED_ERROR')
    }
  })

  it('ends a subscription that closes the client before it has begun', async () => {
    const { client, store, clock } = clientOf()
    const { subscription, told } = await listen(client, 't', {
      resumeAtTopicSequenceNumber: 5,
      onDiscontinuity: () => void client.close(),
      onHeartbeat: () => told.push('heartbeat'),
    })
    await turn()
    await clock.advance(5000)
    assert.deepEqual([told, subscription.isSubscribed], [['end'], false])
    assert.equal(store.get('c')?.subscribers, 0)
  })

  it('closes the caches that it has made', async () => {
    const client = new TopicClient({ caches: ['c'] })
    const { told } = await listen(client)
    {
      await using _ = client
    }
    assert.deepEqual(client.caches.list(), [])
    assert.deepEqual(told, ['end'])
  })

  it('does not serve webhooks', async () => {
    const { client } = clientOf()
    for (const response of [
      await client.listWebhooks('c'),
      await client.putWebhook('c', 'w', { topicName: 't', destination: 'http://localhost' }),
      await client.deleteWebhook('c', 'w'),
      await client.getWebhookSecret('c', 'w'),
      await client.rotateWebhookSecret('c', 'w'),
    ]) {
      assert.deepEqual([response.type, response.errorCode()], ['Error', 'BAD_REQUEST_ERROR'])
      assert.match(response.message(), /12 UNIMPLEMENTED: Webhooks are not served$/)
    }
  })

  it('is a TopicPort', async () => {
    const { client } = clientOf()
    const port: TopicPort = client
    const told: string[] = []
    const subscription = await port.subscribe('c', 't', { onItem: (item) => told.push(item.valueString()) })
    assert.ok('unsubscribe' in subscription)
    assert.equal('errorCode' in (await port.publish('c', 't', 'x')), false)
    await turn()
    subscription.unsubscribe()
    assert.deepEqual([told, subscription.isSubscribed], [['x'], false])
  })

  it('keeps nothing of 10 000 subscriptions that came and went', async () => {
    assert.ok(globalThis.gc !== undefined, 'node --expose-gc')
    const { client, store } = clientOf()
    const churn = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) (await open(client, 't', { onItem: () => {} })).unsubscribe()
      await turn()
      globalThis.gc?.()
      return process.memoryUsage().heapUsed
    }
    const before = await churn(2_000)
    const after = await churn(10_000)
    assert.equal(store.get('c')?.subscribers, 0)
    assert.ok(after - before < 10_000 * 100, `${after - before} bytes more`)
  })
})
