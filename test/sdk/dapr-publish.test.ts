/** What Dapr's own client publishes, as its own server and handlers in this process receive it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DaprClient } from '@dapr/dapr'
import { Broker, type CloudEvent } from 'busbar'
import { begin, beginSidecar, Recorder } from './dapr-harness.ts'

type Publish = DaprClient['pubsub']['publish']
type Options = NonNullable<Parameters<Publish>[3]>
type Messages = Parameters<DaprClient['pubsub']['publishBulk']>[2]

/** A publish, and what comes of it. */
interface Form {
  readonly data: Parameters<Publish>[2]
  readonly options?: Options
  /** What the callback of a `DaprServer` is given. */
  readonly received: unknown
  /** What a handler in this process is given, where that is something else. */
  readonly decoded?: unknown
  readonly datacontenttype: string | undefined
}

const cloudEvent = {
  specversion: '1.0',
  type: 'com.github.pull.create',
  source: 'https://github.com/cloudevents/spec/pull',
  id: 'A234-1234-1234',
}
const greeting = { ...cloudEvent, data: 'Hello, world!', datacontenttype: 'text/plain' }

const forms: Readonly<Record<string, Form>> = {
  'a text': { data: 'Hello World', received: 'Hello World', datacontenttype: 'text/plain' },
  JSON: { data: { hello: 'world' }, received: { hello: 'world' }, datacontenttype: 'application/json' },
  'a JSON array': { data: [1, [2]], received: [1, [2]], datacontenttype: 'application/json' },
  'a number': { data: JSON.parse('42'), received: '42', datacontenttype: 'text/plain' },
  'a text with any characters': { data: 'ä €\u{1f600}\n"', received: 'ä €\u{1f600}\n"', datacontenttype: 'text/plain' },
  'a CloudEvent': { data: greeting, received: 'Hello, world!', datacontenttype: 'text/plain' },
  'a CloudEvent with JSON in it': {
    data: { ...cloudEvent, data: { hello: 'world' }, datacontenttype: 'application/json' },
    received: { hello: 'world' },
    datacontenttype: 'application/json',
  },
  'a CloudEvent as JSON': {
    data: greeting,
    options: { contentType: 'application/json' },
    received: greeting,
    datacontenttype: 'application/json',
  },
  'bytes that are a text': {
    data: Buffer.from('some bytes'),
    received: 'some bytes',
    decoded: Uint8Array.from(Buffer.from('some bytes')),
    datacontenttype: 'application/octet-stream',
  },
  'bytes that are JSON': {
    data: Uint8Array.from(Buffer.from('{"hello":"world"}')),
    received: { hello: 'world' },
    decoded: Uint8Array.from(Buffer.from('{"hello":"world"}')),
    datacontenttype: 'application/octet-stream',
  },
  XML: {
    data: '<hello/>',
    options: { contentType: 'application/xml' },
    received: '<hello/>',
    datacontenttype: 'application/xml',
  },
  'a text as JSON': {
    data: 'Hello World',
    options: { contentType: 'application/json' },
    received: 'Hello World',
    datacontenttype: 'application/json',
  },
  'a text of another type': {
    data: 'a,b',
    options: { contentType: 'text/csv; charset=utf-8' },
    received: 'a,b',
    datacontenttype: 'text/csv; charset=utf-8',
  },
}

/** What a failed publish says: it resolves all the same. */
function answerIn({ error }: Awaited<ReturnType<Publish>>): { status: number; errorCode: string } {
  assert.ok(error instanceof Error)
  const { status, error_msg } = JSON.parse(error.message)
  return { status, errorCode: JSON.parse(error_msg).errorCode }
}

describe('DaprClient.pubsub.publish()', () => {
  for (const [what, { data, options, received, decoded = received, datacontenttype }] of Object.entries(forms)) {
    it(`brings ${what}`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
      const events: CloudEvent[] = []
      sidecar.subscribe('pubsub', 'orders', ({ event }) => void events.push(event))
      assert.deepEqual(await client.pubsub.publish('pubsub', 'orders', data, options), {})
      await sidecar.settled()
      assert.deepEqual(recorder.data, [received])
      assert.deepEqual(
        events.map((event) => [event.data, event.datacontenttype]),
        [[decoded, datacontenttype]],
      )
    })
  }

  it('brings nothing', async (t) => {
    const { client, sidecar } = await beginSidecar(t)
    const seen: unknown[] = []
    sidecar.subscribe('pubsub', 'orders', ({ data, event }) => void seen.push(data, event.datacontenttype))
    assert.deepEqual(await client.pubsub.publish('pubsub', 'orders'), {})
    await sidecar.settled()
    assert.deepEqual(seen, ['', 'text/plain'])
  })

  it('keeps the attributes of a CloudEvent', async (t) => {
    const { client, sidecar } = await beginSidecar(t)
    const events: CloudEvent[] = []
    sidecar.subscribe('pubsub', 'orders', ({ event }) => void events.push(event))
    const full = { ...greeting, subject: '123', time: '2018-04-05T17:31:00Z', comexampleextension: 'value' }
    await client.pubsub.publish('pubsub', 'orders', full)
    await sidecar.settled()
    assert.deepEqual({ ...events[0], ...full }, { ...events[0] })
  })

  it('names the app as the source, and each event anew', async (t) => {
    const { client, sidecar } = await beginSidecar(t)
    const events: CloudEvent[] = []
    sidecar.subscribe('pubsub', 'orders', ({ event }) => void events.push(event))
    for (const data of ['a', 'b']) await client.pubsub.publish('pubsub', 'orders', data)
    await sidecar.settled()
    assert.deepEqual(
      events.map(({ source, type }) => [source, type]),
      Array(2).fill(['shop', 'com.dapr.event.sent']),
    )
    assert.equal(new Set(events.map(({ id }) => id)).size, 2)
  })

  it('overrides attributes with metadata, and hands metadata on as headers', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    const events: CloudEvent[] = []
    sidecar.subscribe('pubsub', 'orders', ({ event }) => void events.push(event))
    const metadata = { 'cloudevent.id': 'e-1', 'cloudevent.type': 'order placed', partitionKey: 'a b&c=d' }
    await client.pubsub.publish('pubsub', 'orders', 'x', { metadata })
    await sidecar.settled()
    assert.deepEqual([events[0]?.id, events[0]?.type], ['e-1', 'order placed'])
    assert.equal(recorder.calls[0]?.headers.partitionkey, 'a b&c=d')
  })

  it('tells the callback what came, and where from', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    await client.pubsub.publish('pubsub', 'orders', 'Hello, world!')
    await sidecar.settled()
    const { headers } = recorder.calls[0] ?? {}
    assert.equal(headers?.pubsubname, 'pubsub')
    assert.equal(headers?.['content-type'], 'application/cloudevents+json')
  })

  for (const topic of ['a/b/c', 'Orders', 'orders.eu_1-2~3', 'grüße', 'a b', '日本']) {
    it(`publishes on the topic ${JSON.stringify(topic)}, and no other`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', topic, recorder.callback))
      assert.deepEqual(await client.pubsub.publish('pubsub', topic, { topic }), {})
      assert.deepEqual(await client.pubsub.publish('pubsub', `${topic}!`, 'x'), {})
      await sidecar.settled()
      assert.deepEqual(recorder.data, [{ topic }])
    })
  }

  it('brings events in the order in which they were published', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    const numbers = Array.from({ length: 20 }, (_, index) => ({ index }))
    for (const number of numbers) await client.pubsub.publish('pubsub', 'orders', number)
    await sidecar.settled()
    assert.deepEqual(recorder.data, numbers)
  })

  it('learns of an unknown component', async (t) => {
    const { client } = await beginSidecar(t)
    const answer = answerIn(await client.pubsub.publish('nope', 'orders', 'x'))
    assert.deepEqual(answer, { status: 404, errorCode: 'ERR_PUBSUB_NOT_FOUND' })
  })

  it('learns of a forbidden topic', async (t) => {
    const metadata = { publishingScopes: 'shop=orders', allowedTopics: 'orders,mails' }
    const { client } = await beginSidecar(t, { pubsubs: { pubsub: { metadata } } })
    assert.deepEqual(await client.pubsub.publish('pubsub', 'orders', 'x'), {})
    for (const topic of ['mails', 'others']) {
      const answer = answerIn(await client.pubsub.publish('pubsub', topic, 'x'))
      assert.deepEqual(answer, { status: 403, errorCode: 'ERR_PUBSUB_FORBIDDEN' })
    }
  })

  it('learns of metadata that cannot be read', async (t) => {
    const { client } = await beginSidecar(t)
    const answer = answerIn(await client.pubsub.publish('pubsub', 'orders', 'x', { metadata: { rawPayload: 'maybe' } }))
    assert.deepEqual(answer, { status: 400, errorCode: 'ERR_PUBSUB_REQUEST_METADATA' })
  })

  it('learns of an event that is no CloudEvent though it should be one', async (t) => {
    const { client } = await beginSidecar(t)
    const options = { contentType: 'application/cloudevents+json' }
    const answer = answerIn(await client.pubsub.publish('pubsub', 'orders', 'no object', options))
    assert.deepEqual(answer, { status: 500, errorCode: 'ERR_PUBSUB_CLOUD_EVENTS_SER' })
  })

  it('learns of an event that is too large, and goes on', async (t) => {
    const { client, sidecar } = await beginSidecar(t, { maxBodySize: 1000 })
    const seen: unknown[] = []
    sidecar.subscribe('pubsub', 'orders', ({ data }) => void seen.push(data))
    const answer = answerIn(await client.pubsub.publish('pubsub', 'orders', 'x'.repeat(100_000)))
    assert.equal(answer.status, 500)
    assert.deepEqual(await client.pubsub.publish('pubsub', 'orders', 'small'), {})
    await sidecar.settled()
    assert.deepEqual(seen, ['small'])
  })
})

describe('DaprClient.pubsub.publishBulk()', () => {
  const lists: Readonly<Record<string, { readonly messages: Messages; readonly received: readonly unknown[] }>> = {
    texts: { messages: ['message1', 'message2', 'message3'], received: ['message1', 'message2', 'message3'] },
    JSON: {
      messages: [{ hello: 'world' }, [1], { hello: 'world 2' }],
      received: [{ hello: 'world' }, [1], { hello: 'world 2' }],
    },
    CloudEvents: { messages: [greeting, { ...greeting, id: 'other', data: 'Hi' }], received: ['Hello, world!', 'Hi'] },
    'messages of all kinds': {
      messages: [
        { entryID: '1', event: 'Hello World', contentType: 'text/plain' },
        { entryID: '2', event: { hello: 'world' }, contentType: 'application/json' },
        { entryID: '3', event: greeting, contentType: 'application/cloudevents+json' },
        { entryID: '4', event: Buffer.from('bytes').toString('base64'), contentType: 'application/octet-stream' },
        { event: '<hello/>', contentType: 'application/xml' },
        { event: greeting, contentType: 'application/json' },
        { event: 'no more than an event' },
      ],
      received: [
        'Hello World',
        { hello: 'world' },
        'Hello, world!',
        'bytes',
        '<hello/>',
        greeting,
        'no more than an event',
      ],
    },
    nothing: { messages: [], received: [] },
  }
  for (const [what, { messages, received }] of Object.entries(lists)) {
    it(`brings ${what}, in order`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
      assert.deepEqual(await client.pubsub.publishBulk('pubsub', 'orders', messages), { failedMessages: [] })
      await sidecar.settled()
      assert.deepEqual(recorder.data, received)
    })
  }

  it('gives each entry its metadata, on top of what the request says', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    const messages = [{ event: 'a', metadata: { color: 'red' } }, { event: 'b' }, 'c']
    await client.pubsub.publishBulk('pubsub', 'orders', messages, { color: 'blue', size: 'small' })
    await sidecar.settled()
    assert.deepEqual(
      recorder.calls.map(({ data, headers: { color, size } }) => [data, color, size]),
      [
        ['a', 'red', 'small'],
        ['b', 'blue', 'small'],
        ['c', 'blue', 'small'],
      ],
    )
  })

  for (const [what, publish] of Object.entries({
    'duplicate entry ids': ({ pubsub }: DaprClient) =>
      pubsub.publishBulk('pubsub', 'orders', [
        { entryID: '1', event: 'Hello World', contentType: 'text/plain' },
        { entryID: '1', event: { hello: 'world 2' }, contentType: 'application/json' },
        { entryID: '3', event: 'Hello World 3', contentType: 'text/plain' },
      ]),
    'a Buffer, which the SDK sends as JSON': ({ pubsub }: DaprClient) =>
      pubsub.publishBulk('pubsub', 'orders', ['a', { event: Buffer.from('bytes') }, 'c']),
    'an unknown component': ({ pubsub }: DaprClient) => pubsub.publishBulk('nope', 'orders', ['a', 'b', 'c']),
    'a forbidden topic': ({ pubsub }: DaprClient) => pubsub.publishBulk('pubsub', 'secrets', ['a', 'b', 'c']),
  })) {
    it(`fails as a whole with ${what}`, async (t) => {
      const { client, sidecar } = await beginSidecar(t, {
        pubsubs: { pubsub: { metadata: { protectedTopics: 'secrets' } } },
      })
      const { failedMessages } = await publish(client)
      assert.equal(failedMessages.length, 3)
      assert.equal(sidecar.stats().pubsubs.pubsub?.published, 0)
    })
  }

  it('names the entries that a full queue refuses', async (t) => {
    const broker = new Broker()
    broker.subscribe('orders', { capacity: 2, overflow: 'reject' })
    const { client } = await beginSidecar(t, { pubsubs: { pubsub: broker } })
    const messages = ['1', '2', '3', '4'].map((entryID) => ({ entryID, event: `message ${entryID}` }))
    const { failedMessages } = await client.pubsub.publishBulk('pubsub', 'orders', messages)
    assert.deepEqual(
      failedMessages.map(({ message, error }) => [message.entryID, error instanceof Error]),
      [
        ['3', true],
        ['4', true],
      ],
    )
  })
})
