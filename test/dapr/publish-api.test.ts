import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Broker } from '../../src/broker.ts'
import { localTimes } from '../../src/dapr/duration.ts'
import { firstValue } from '../../src/dapr/json-text.ts'
import { routeOf } from '../../src/dapr/paths.ts'
import { type PublishPort, publishBulk, publishSingle } from '../../src/dapr/publish-api.ts'
import { accessOf } from '../../src/dapr/scopes.ts'
import { type ApiRequest, type ApiResponse, WireEvent } from '../../src/dapr/wire.ts'
import type { Message } from '../../src/delivery/message.ts'
import type { PublishOptions, SubscribeOptions } from '../../src/options.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import type { AnyTopics } from '../../src/topic/typed.ts'

type Headers = Readonly<Record<string, string>>

interface Given {
  readonly metadata?: Readonly<Record<string, string>>
  readonly subscribe?: SubscribeOptions
  readonly dialect?: 'prefix' | 'mqtt'
  readonly isTracing?: boolean
  /** What the component does instead of publishing. */
  readonly publish?: (topic: string, data: unknown, options: PublishOptions) => Promise<void>
}

interface More {
  readonly headers?: Headers
  readonly isTooLarge?: boolean
}

/** A sidecar with the app id `myapp` and one component, `mypub`. */
class Sidecar {
  readonly broker: Broker<AnyTopics, 'prefix'>
  readonly messages: Message[] = []
  readonly #port: PublishPort
  #ids = 0

  constructor({ metadata = {}, subscribe = {}, dialect = 'prefix', isTracing = true, publish }: Given = {}) {
    const clock = new ManualClock({ now: Date.UTC(2026, 0, 2) })
    // The types of the dialects differ in what they check, and nothing is checked of topics that may be any.
    const broker = new Broker<AnyTopics, 'prefix'>({ dialect: dialect as 'prefix', clock })
    const all = dialect === 'prefix' ? '*' : '#'
    broker.subscribe(all, (message) => void this.messages.push(message), { concurrency: 100, ...subscribe })
    const target = {
      access: accessOf(metadata),
      publish:
        publish ?? ((topic: string, data: unknown, options: PublishOptions) => broker.publish(topic, data, options)),
    }
    this.broker = broker
    this.#port = {
      appId: 'myapp',
      clock,
      isTracing,
      pubsub: (name) => (name === 'mypub' ? target : undefined),
      localTime: localTimes(),
      newId: () => `id-${++this.#ids}`,
    }
  }

  async send(target: string, body?: unknown, more?: More): Promise<ApiResponse> {
    const response = await this.ask(target, body, more)
    await this.broker.settled()
    return response
  }

  ask(target: string, body: unknown = '', more: More = {}): ApiResponse | Promise<ApiResponse> {
    const { headers = {}, isTooLarge = false } = more
    const bytes =
      body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const request: ApiRequest = { method: 'POST', target, header: (name) => headers[name], body: bytes, isTooLarge }
    const route = routeOf('POST', target)
    assert.ok(route.kind === 'publish' || route.kind === 'bulkPublish')
    return (route.kind === 'publish' ? publishSingle : publishBulk)(this.#port, request, route)
  }

  /** The bodies that an app would get. */
  get delivered(): readonly Record<string, unknown>[] {
    return this.messages.map(({ attachment }) => {
      assert.ok(attachment instanceof WireEvent)
      return JSON.parse(String(attachment.body))
    })
  }
}

const RESOURCE = 'type.googleapis.com/google.rpc.ResourceInfo'
const ERROR = 'type.googleapis.com/google.rpc.ErrorInfo'
const one = '/v1.0/publish/mypub/a'
const many = '/v1.0/publish/bulk/mypub/a'
const entry = { entryId: '1', event: 'x', contentType: 'text/plain' }
const asEvent = { headers: { 'content-type': 'application/cloudevents+json' } }

interface Refusal {
  readonly status: number
  readonly errorCode: string
  readonly message: string
  readonly reason: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Asserts that this is daprd's answer, to the last member. */
function assertRefused(
  response: ApiResponse,
  { status, errorCode, message, reason, metadata }: Refusal,
  resource: string | undefined = 'mypub',
): void {
  assert.equal(response.status, status)
  assert.equal(response.headers['content-type'], 'application/json')
  assert.equal(response.headers['x-content-type-options'], 'nosniff')
  const resourceInfo = {
    '@type': RESOURCE,
    resource_type: 'pubsub',
    resource_name: resource,
    owner: '',
    description: message,
  }
  const errorInfo = { '@type': ERROR, reason, domain: 'dapr.io', metadata }
  const details = resource === '' ? [errorInfo] : [resourceInfo, errorInfo]
  assert.deepEqual(JSON.parse(String(response.body)), { errorCode, message, details })
}

function assertDone(response: ApiResponse): void {
  assert.deepEqual(response, { status: 204, headers: {}, body: '' })
}

const notFound = (name: string, metadata: Readonly<Record<string, string>> = {}): Refusal => ({
  status: 404,
  errorCode: 'ERR_PUBSUB_NOT_FOUND',
  message: `pubsub ${name} is not found`,
  reason: 'DAPR_PUBSUB_NOT_FOUND',
  metadata,
})
const badMetadata = (why: string, metadata: Readonly<Record<string, string>>): Refusal => ({
  status: 400,
  errorCode: 'ERR_PUBSUB_REQUEST_METADATA',
  message: `failed deserializing metadata. Error: ${why}`,
  reason: 'DAPR_PUBSUB_METADATA_DESERIALIZATION',
  metadata,
})
const badCloudEvent = (why: string): Refusal => ({
  status: 500,
  errorCode: 'ERR_PUBSUB_CLOUD_EVENTS_SER',
  message: 'cannot create cloudevent',
  reason: 'DAPR_PUBSUB_CLOUD_EVENT_CREATION',
  metadata: { appID: 'myapp', error: why },
})
const badEvent = (why: string, status = 400): Refusal => ({
  status,
  errorCode: 'ERR_PUBSUB_EVENTS_SER',
  message: `error when marshalling cloud event envelope for topic a pubsub mypub: ${why}`,
  reason: 'DAPR_PUBSUB_MARSHAL_ENVELOPE',
  metadata: { appID: 'myapp', error: why },
})
const badBulk = (why: string): Refusal => ({
  status: 400,
  errorCode: 'ERR_PUBSUB_EVENTS_SER',
  message: `error when unmarshaling the request for topic a pubsub mypub: ${why}`,
  reason: 'DAPR_PUBSUB_UNMARSHAL_EVENTS',
  metadata: { appID: 'myapp' },
})
const badEntryId: Refusal = {
  status: 400,
  errorCode: 'ERR_PUBSUB_EVENTS_SER',
  message:
    'error marshaling events to bytes for topic a pubsub mypub. error: entryId is duplicated or not present for entry',
  reason: 'DAPR_PUBSUB_MARSHAL_EVENTS',
  metadata: { appID: 'myapp', error: 'entryId is duplicated or not present for entry' },
}
const forbidden: Refusal = {
  status: 403,
  errorCode: 'ERR_PUBSUB_FORBIDDEN',
  message: 'topic a is not allowed for app id myapp',
  reason: 'DAPR_PUBSUB_FORBIDDEN',
  metadata: { topic: 'a', error: 'topic a is not allowed for app id myapp' },
}
const failed = (why: string, topic = 'a', status = 500): Refusal => ({
  status,
  errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE',
  message: `error when publishing to topic ${topic} in pubsub mypub: ${why}`,
  reason: 'DAPR_PUBSUB_PUBLISH_MESSAGE',
  metadata: { topic, error: why },
})

describe('publishSingle', () => {
  it('answers 204 without anything else, and the event is there', async () => {
    const sidecar = new Sidecar()
    assertDone(await sidecar.send(one, '{"x":1}', { headers: { 'content-type': 'application/json' } }))
    const [message] = sidecar.messages
    assert.equal(message?.topic, 'a')
    assert.deepEqual(message?.data, { x: 1 })
    assert.deepEqual(message?.event, {
      ...{ specversion: '1.0', id: 'id-1', source: 'myapp', type: 'com.dapr.event.sent' },
      ...{ datacontenttype: 'application/json', time: '2026-01-02T00:00:00.000Z', data: { x: 1 } },
    })
    assert.equal(sidecar.delivered[0]?.['id'], 'id-1')
  })

  it('gives handlers in process the event that an app gets', async () => {
    const event = {
      id: '1',
      source: '/s',
      type: 't',
      specversion: '1.0',
      time: '2021-08-02T09:00:00Z',
      ext: 'x',
      data: [1],
    }
    const sidecar = new Sidecar()
    assertDone(await sidecar.send(one, event, asEvent))
    assert.deepEqual(sidecar.messages[0]?.event, event)
  })

  for (const topic of ['A/B/C', '/', 'a b', '\u00e9 1', '__proto__', '*', 'orders*', '+', '#', '\u{1f600}']) {
    it(`publishes to the topic ${topic}`, async () => {
      const sidecar = new Sidecar()
      assertDone(await sidecar.send(`/v1.0/publish/mypub/${encodeURIComponent(topic)}`, 'hi'))
      assert.deepEqual([sidecar.messages[0]?.topic, sidecar.delivered[0]?.['topic']], [topic, topic])
    })
  }

  it('ignores the headers of CloudEvents in binary mode', async () => {
    const sidecar = new Sidecar()
    const headers = { 'ce-specversion': '1.0', 'ce-id': 'my-id', 'ce-source': 's', 'ce-type': 't' }
    assertDone(await sidecar.send(one, 'hi', { headers }))
    assert.equal(sidecar.delivered[0]?.['id'], 'id-1')
  })

  it('publishes bytes as they are with rawPayload', async () => {
    const sidecar = new Sidecar()
    assertDone(await sidecar.send(`${one}?metadata.rawPayload=t&metadata.x=y`, Uint8Array.of(0, 255)))
    const [message] = sidecar.messages
    assert.deepEqual(message?.data, Uint8Array.of(0, 255))
    assert.ok(message?.attachment instanceof WireEvent && message.attachment.isRaw)
    assert.deepEqual(
      [...message.attachment.metadata],
      [
        ['rawPayload', 't'],
        ['x', 'y'],
      ],
    )
  })

  it('takes the key rawPayload in its own case only', async () => {
    assertDone(await new Sidecar().send(`${one}?metadata.rawpayload=zzz`, 'hi'))
  })

  it('lets an event expire when its time is over', async () => {
    const sidecar = new Sidecar({ subscribe: { capacity: 10 } })
    assertDone(await sidecar.send(`${one}?metadata.ttlInSeconds=0`, 'hi'))
    assert.equal(sidecar.messages.length, 0)
    assert.equal(sidecar.broker.stats().expired, 1)
    assertDone(await sidecar.send(`${one}?metadata.ttlInSeconds=abc`, 'hi'))
    assert.equal(sidecar.messages.length, 1)
  })

  for (const [what, target, body, more, refusal, resource] of [
    ['a component that is not there', '/v1.0/publish/nope/a', '', {}, notFound('nope'), ''],
    ['a component of a name that every object has', '/v1.0/publish/__proto__/a', '', {}, notFound('__proto__'), ''],
    [
      'rawPayload that is no boolean',
      `${one}?metadata.rawPayload=maybe&metadata.x=y`,
      '',
      {},
      badMetadata("rawPayload value must be a valid boolean: actual is 'maybe'", { rawPayload: 'maybe', x: 'y' }),
      'mypub',
    ],
    [
      'too much metadata',
      `${one}?${Array.from({ length: 101 }, (_, index) => `metadata.${index}=x`).join('&')}`,
      '',
      {},
      badMetadata('more than 100 keys', {}),
      'mypub',
    ],
    ['a body over the limit', one, '', { isTooLarge: true }, failed('stream too large'), 'mypub'],
    [
      'a CloudEvent that is cut',
      `${one}?metadata.rawPayload=false`,
      '{"}',
      asEvent,
      badCloudEvent('unexpected EOF'),
      'mypub',
    ],
    ['no CloudEvent', one, '', asEvent, badCloudEvent('EOF'), 'mypub'],
    [
      'null as a CloudEvent',
      one,
      'null',
      asEvent,
      badCloudEvent('json: cannot unmarshal null into Go value of type map[string]interface {}'),
      'mypub',
    ],
    [
      'JSON that nests too deep',
      one,
      '['.repeat(1_000_000),
      { headers: { 'content-type': 'application/json' } },
      badEvent('exceeded max depth'),
      'mypub',
    ],
    [
      'JSON that is not UTF-8',
      one,
      Uint8Array.of(0x22, 0xff, 0x22),
      { headers: { 'content-type': 'application/json' } },
      badEvent('invalid UTF-8'),
      'mypub',
    ],
    [
      'JSON in another charset',
      one,
      '1',
      { headers: { 'content-type': 'application/json; charset=utf-16' } },
      badEvent('charset utf-16 is not supported', 415),
      'mypub',
    ],
    [
      'nothing but an unknown component first',
      '/v1.0/publish/nope/a?metadata.rawPayload=maybe',
      '{"}',
      { ...asEvent, isTooLarge: true },
      notFound('nope', { rawPayload: 'maybe' }),
      '',
    ],
    [
      'a body over the limit before its metadata',
      `${one}?metadata.rawPayload=maybe`,
      '',
      { isTooLarge: true },
      failed('stream too large'),
      'mypub',
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const sidecar = new Sidecar({ metadata: { allowedTopics: 'other' } })
      assertRefused(await sidecar.send(target, body, more), refusal, resource)
      assert.equal(sidecar.broker.stats().published, 0)
    })
  }

  it('refuses a topic that its app may not use, after looking at the event', async () => {
    const sidecar = new Sidecar({ metadata: { publishingScopes: 'myapp=b' } })
    assertRefused(await sidecar.send(one, 'hi'), forbidden)
    assertRefused(await sidecar.send(one, '{"}', asEvent), badCloudEvent('unexpected EOF'))
    assert.equal(sidecar.broker.stats().published, 0)
    assertDone(await sidecar.send('/v1.0/publish/mypub/b', 'hi'))
  })

  it('answers 400 to a topic that the broker does not take', async () => {
    const sidecar = new Sidecar({ dialect: 'mqtt' })
    const why = 'Invalid topic "a/#" at 2: wildcard in a topic'
    assertRefused(await sidecar.send('/v1.0/publish/mypub/a/%23', 'hi'), failed(why, 'a/#', 400))
    const levels = Array.from({ length: 200 }, () => 'a').join('/')
    assert.equal((await sidecar.send(`/v1.0/publish/mypub/${levels}`, 'hi')).status, 400)
  })

  it('answers 500 when the broker has no room', async () => {
    const sidecar = new Sidecar({ subscribe: { capacity: 1, overflow: 'reject' } })
    void sidecar.broker.publish('b', 1)
    assertRefused(await sidecar.send(one, 'hi'), failed('The queue of "*" is full'))
    assertDone(await sidecar.send(one, 'hi'))
  })

  it('answers 500 when the broker is closed or fails in another way', async () => {
    const closed = new Sidecar()
    await closed.broker.close()
    assertRefused(await closed.send(one, 'hi'), failed('The broker is closed'))
    const rejecting = new Sidecar({ publish: () => Promise.reject('just text') })
    assertRefused(await rejecting.send(one, 'hi'), failed('just text'))
    const throwing = new Sidecar({
      publish: () => {
        throw new Error('at once')
      },
    })
    assertRefused(await throwing.send(one, 'hi'), failed('at once'))
  })
})

describe('publishSingle, waiting', () => {
  it('answers at once what the broker accepts at once', () => {
    assert.deepEqual(new Sidecar().ask(one, 'hi'), { status: 204, headers: {}, body: '' })
  })

  it('answers when there is room where the event has to wait for that', async () => {
    const sidecar = new Sidecar({ subscribe: { capacity: 1, concurrency: 1 } })
    void sidecar.broker.publish('b', 1)
    const answer = sidecar.ask(one, 'hi')
    assert.ok(answer instanceof Promise)
    assertDone(await answer)
    await sidecar.broker.settled()
    assert.deepEqual(
      sidecar.messages.map(({ topic }) => topic),
      ['b', 'a'],
    )
  })
})

describe('publishSingle, trace context', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02'

  it('comes back in the answer and goes on with the event', async () => {
    const sidecar = new Sidecar()
    const headers = { traceparent, tracestate: 'a=b', baggage: 'user=1' }
    const response = await sidecar.send(one, 'hi', { headers })
    assert.deepEqual(response, { status: 204, headers, body: '' })
    const [event] = sidecar.delivered
    assert.deepEqual(
      [event?.['traceid'], event?.['traceparent'], event?.['tracestate']],
      [traceparent, traceparent, 'a=b'],
    )
    assert.equal('baggage' in (event ?? {}), false)
    assert.equal(sidecar.messages[0]?.event['traceparent'], traceparent)
  })

  it('comes back with errors too', async () => {
    const response = await new Sidecar().send('/v1.0/publish/nope/a', '', { headers: { traceparent } })
    assert.equal(response.status, 404)
    assert.equal(response.headers['traceparent'], traceparent)
    assert.equal(response.headers['content-type'], 'application/json')
  })

  it('does not count when it is not valid', async () => {
    const sidecar = new Sidecar()
    assertDone(await sidecar.send(one, 'hi', { headers: { traceparent: '00-zz', tracestate: 'a=b' } }))
    assert.equal(sidecar.delivered[0]?.['traceparent'], '')
    assertDone(await sidecar.send(one, 'hi', { headers: { tracestate: 'a=b' } }))
    assert.equal(sidecar.delivered[1]?.['tracestate'], '')
  })

  it('is not looked at, nor is baggage, when tracing is off', async () => {
    const sidecar = new Sidecar({ isTracing: false })
    assertDone(
      await sidecar.send(one, 'hi', { headers: { traceparent, tracestate: 'a=b', baggage: 'invalid-baggage' } }),
    )
    const [event] = sidecar.delivered
    assert.deepEqual([event?.['traceid'], event?.['traceparent'], event?.['tracestate']], ['', '', ''])
  })

  it('is refused when the baggage cannot be read, before anything else', async () => {
    const response = await new Sidecar().send('/v1.0/publish/nope/a', '', { headers: { baggage: 'invalid-baggage' } })
    assert.equal(response.status, 400)
    assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(response.body, 'invalid baggage header: invalid baggage list-member: "invalid-baggage"\n')
  })
})

describe('publishBulk', () => {
  it('publishes each entry as an event of its own, in order', async () => {
    const sidecar = new Sidecar()
    const entries = [
      { entryId: '1', event: { id: 1 }, contentType: 'application/json' },
      { entryID: '2', event: 'x', contentType: 'text/plain', metadata: {} },
      { entryId: '3', event: 'AQI=', contentType: 'application/octet-stream' },
      { entryId: '4', event: { id: 'A1', data: 5 }, contentType: 'application/cloudevents+json' },
    ]
    assertDone(await sidecar.send(many, entries))
    assert.deepEqual(
      sidecar.messages.map(({ data }) => data),
      [{ id: 1 }, 'x', Uint8Array.of(1, 2), 5],
    )
    assert.deepEqual(
      sidecar.delivered.map(({ id, datacontenttype }) => [id, datacontenttype]),
      [
        ['id-1', 'application/json'],
        ['id-2', 'text/plain'],
        ['id-3', 'application/octet-stream'],
        ['A1', undefined],
      ],
    )
  })

  for (const body of ['[]', 'null', '[] trailing']) {
    it(`has nothing to do with ${body}`, async () => {
      const sidecar = new Sidecar()
      assertDone(await sidecar.send(many, body))
      assert.equal(sidecar.broker.stats().published, 0)
    })
  }

  it('takes what the request says for entries that have metadata, which goes before', async () => {
    const sidecar = new Sidecar()
    const query = 'metadata.ttlInSeconds=60&metadata.cloudevent.source=req&metadata.cloudevent.type=req'
    await sidecar.send(`${many}?${query}`, [
      { ...entry, entryId: 'none' },
      { ...entry, entryId: 'empty', metadata: {} },
      { ...entry, entryId: 'own', metadata: { 'cloudevent.source': 'own', ttlInSeconds: '120' } },
    ])
    assert.deepEqual(
      sidecar.delivered.map(({ source, type, expiration }) => [source, type, expiration]),
      [
        ['myapp', 'com.dapr.event.sent', undefined],
        ['req', 'req', '2026-01-02T00:01:00Z'],
        ['own', 'req', '2026-01-02T00:02:00Z'],
      ],
    )
    assert.deepEqual(
      sidecar.messages.map(({ attachment }) => attachment instanceof WireEvent && attachment.metadata.size),
      [0, 3, 3],
    )
  })

  it('publishes bytes when the request says rawPayload, not when an entry does', async () => {
    const sidecar = new Sidecar()
    assertDone(await sidecar.send(`${many}?metadata.rawPayload=true`, [entry]))
    assertDone(await sidecar.send(many, [{ ...entry, metadata: { rawPayload: 'true' } }]))
    assert.deepEqual(
      sidecar.messages.map(({ data }) => data),
      [Uint8Array.of(0x78), 'x'],
    )
  })

  for (const [what, target, body, refusal, isTooLarge] of [
    ['an unknown component', '/v1.0/publish/bulk/nope/a', [entry], notFound('nope'), true],
    [
      'rawPayload that is no boolean',
      `${many}?metadata.rawPayload=x`,
      '{',
      badMetadata("rawPayload value must be a valid boolean: actual is 'x'", { rawPayload: 'x' }),
      true,
    ],
    ['a body over the limit', many, '', badBulk('stream too large'), true],
    ['no body', many, '', badBulk('EOF'), false],
    ['text that is cut', many, '{"entryID": "}', badBulk('unexpected EOF'), false],
    [
      'an object',
      many,
      { entryID: '' },
      badBulk('json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry'),
      false,
    ],
    ['a duplicate id', many, [entry, entry], badEntryId, false],
    ['a missing id', many, [{ ...entry, entryId: undefined }], badEntryId, false],
    [
      'a missing content type',
      many,
      [{ entryId: '1', event: 'x' }],
      badEvent('error: mismatch between contentType and event'),
      false,
    ],
    [
      'base64 that is none',
      many,
      [{ entryId: '1', event: '***', contentType: 'application/octet-stream' }],
      badEvent('error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 0'),
      false,
    ],
    [
      'a CloudEvent that is none',
      many,
      [entry, { entryId: '2', event: [], contentType: 'application/cloudevents+json' }],
      badCloudEvent('json: cannot unmarshal array into Go value of type map[string]interface {}'),
      false,
    ],
  ] as const) {
    it(`refuses ${what}, and publishes nothing`, async () => {
      const sidecar = new Sidecar()
      const response = await sidecar.send(target, body, { isTooLarge })
      assertRefused(response, refusal, refusal.errorCode === 'ERR_PUBSUB_NOT_FOUND' ? '' : 'mypub')
      assert.equal(sidecar.broker.stats().published, 0)
    })
  }

  it('refuses a topic that its app may not use', async () => {
    const sidecar = new Sidecar({ metadata: { protectedTopics: 'a' } })
    assertRefused(await sidecar.send(many, [entry]), forbidden)
    assert.equal(sidecar.broker.stats().published, 0)
  })

  it('answers 400 to a topic that the broker does not take', async () => {
    const sidecar = new Sidecar({ dialect: 'mqtt' })
    const response = await sidecar.send('/v1.0/publish/bulk/mypub/%2B', [entry])
    assertRefused(response, failed('Invalid topic "+" at 0: wildcard in a topic', '+', 400))
  })

  it('names the entries that were not accepted, in both spellings; the others are', async () => {
    const accepted: unknown[] = []
    const sidecar = new Sidecar({
      publish: async (_, data) => {
        if (data === 'no') throw new Error('no room')
        accepted.push(data)
      },
    })
    const response = await sidecar.send(
      many,
      ['yes', 'no', 'also'].map((event, index) => ({ ...entry, entryId: `e${index}`, event })),
    )
    assert.equal(response.status, 500)
    assert.deepEqual(JSON.parse(String(response.body)), {
      failedEntries: [{ entryId: 'e1', entryID: 'e1', error: 'no room' }],
      errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE',
    })
    assert.deepEqual(accepted, ['yes', 'also'])
  })
})

describe('The publish API', () => {
  it('answers whatever comes in, and what it accepts is published', async () => {
    const contentTypes = fc.oneof(
      fc.constantFrom(
        'application/json',
        'application/cloudevents+json',
        'application/octet-stream',
        'text/plain',
        'application/x-protobuf',
        '',
      ),
      fc.string(),
    )
    const metadata = fc.constantFrom(
      'rawPayload=true',
      'ttlInSeconds=1',
      'ttl=-1s',
      'cloudevent.id=%00',
      'cloudevent.source=a%20b',
      'x=%zz',
    )
    const bodies = fc.oneof(
      fc.json(),
      fc.string(),
      fc.uint8Array(),
      fc.array(
        fc.dictionary(fc.constantFrom('entryId', 'event', 'contentType', 'metadata'), fc.jsonValue({ maxDepth: 1 })),
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(one, many),
        contentTypes,
        fc.array(metadata),
        bodies,
        async (path, contentType, keys, body) => {
          const sidecar = new Sidecar()
          const target = `${path}?${keys.map((key) => `metadata.${key}`).join('&')}`
          const response = await sidecar.send(target, body, { headers: { 'content-type': contentType } })
          const { published, refused } = sidecar.broker.stats()
          assert.equal(refused, 0, String(response.body))
          if (response.status === 204) assert.equal(published, path === one ? 1 : countEntries(body))
          else {
            assert.equal(published, 0)
            assert.equal(typeof JSON.parse(String(response.body)).errorCode, 'string')
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

/** How many entries a bulk publish that was accepted has. */
function countEntries(body: unknown): number {
  const read = typeof body === 'string' ? firstValue(body) : { value: body }
  return 'value' in read && Array.isArray(read.value) ? read.value.length : 0
}
