/** What clients may send, end to end: paths, metadata, bodies, CloudEvents and bulk, with the oracle after each. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Answer, type Asked, attack, type Delivered, eventIn, type Rig, type RigOptions, TOKEN } from './rig.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const EVENT_TYPE = { 'content-type': 'application/cloudevents+json' }
const BYTES = { 'content-type': 'application/octet-stream' }
const ORDERS = '/v1.0/publish/pubsub/orders'
const BULK = '/v1.0/publish/bulk/pubsub/orders'

/** An answer that is an error. */
interface Refused {
  readonly status: number
  readonly errorCode: string
}

function codeIn({ status, body }: Answer): Refused {
  const { errorCode = '' } = (body === '' ? {} : JSON.parse(body)) as { errorCode?: string }
  return { status, errorCode }
}

/** Is refused: the broker accepts nothing. */
async function refuses(
  rig: Rig,
  target: string,
  asked: Asked,
  [status, errorCode]: readonly [number, string],
): Promise<void> {
  assert.deepEqual(codeIn(await rig.ask(target, asked)), { status, errorCode })
  assert.equal(rig.stats.published, 0)
  assert.deepEqual(await rig.delivered(), [])
}

/** Is accepted and delivered, once. */
async function delivers(rig: Rig, target: string, asked: Asked = {}): Promise<Delivered> {
  const { status, body } = await rig.ask(target, asked)
  assert.deepEqual([status, body], [204, ''])
  const delivered = await rig.delivered()
  assert.equal(delivered.length, 1)
  return delivered[0] as Delivered // there is one
}

function isClean(name: string): boolean {
  return !(name in {}) && Object.keys(Object.prototype).length === 0
}

describe('A path', () => {
  for (const [path, topic] of [
    ['//v1.0//publish///pubsub//a', 'a'],
    ['/v1.0/publish/pubsub/a/', 'a'],
    ['/v1.0/../v1.0/publish/./pubsub/a', 'a'],
    ['/v1.0/publish/pubsub/a%2Fb', 'a/b'],
    ['/v1.0/publish/pubsub/a%252Fb', 'a%2Fb'],
    ['/v1.0/publish/pubsub/%2F', '/'],
    ['/v1.0/publish/pubsub/a+b', 'a b'],
    ['/v1.0/publish/pubsub/a%2Bb', 'a+b'],
    ['/v1.0/publish/pubsub/__proto__', '__proto__'],
    ['/v1.0/publish/pubsub/constructor', 'constructor'],
    ['/v1.0/publish/pubsub/a;b=c', 'a;b=c'],
    ['/v1.0/publish/pubsub/%F0%9F%9A%8C', '🚌'],
    ['/v1.0/publish/pubsub/e%CC%81', 'e\u0301'],
    ['/v1.0/publish/pubsub/%C3%A9', 'é'],
    ['/v1.0/publish/pubsub/%E2%80%AE', '\u202e'],
    [`/v1.0/publish/pubsub/${'x'.repeat(1024)}`, 'x'.repeat(1024)],
    ['/v1.0/publish/pubsub/a*', 'a*'],
    ['/v1.0/publish/pubsub/a/#', 'a/#'],
    ['/v1.0-alpha1/publish/pubsub/a', undefined],
    ['/v2.0/publish/pubsub/a', undefined],
    ['/v1.0/Publish/pubsub/a', undefined],
    ['/v1.0/publish/pubsub/../../etc', undefined],
    ['/v1.0/publish/pubsub/%2e%2e/%2E%2E/etc', undefined],
    ['/v1.0/publish/pubsub', undefined],
    ['/v1.0/publish/pubsub/', undefined],
    ['/v1.0/publish//a', undefined],
    ['/v1.0/publish', undefined],
    ['/', undefined],
  ] as const) {
    it(`${path.slice(0, 60)} leads to ${topic === undefined ? 'nothing' : `the topic ${JSON.stringify(topic.slice(0, 20))}`}`, (t) =>
      attack(t, {}, async (rig) => {
        if (topic === undefined) return refuses(rig, path, {}, [404, 'ERR_DIRECT_INVOKE'])
        assert.equal(eventIn(await delivers(rig, path)).topic, topic)
      }))
  }

  for (const topic of [
    '%',
    '%zz',
    '%E0%A4',
    '%C0%AF',
    '%ED%A0%80',
    '%00',
    'a%0d%0ab',
    '%7f',
    '%C2%85',
    'x'.repeat(1025),
  ]) {
    it(`with the topic ${topic.slice(0, 20)} is refused`, (t) =>
      attack(t, {}, (rig) => refuses(rig, `/v1.0/publish/pubsub/${topic}`, {}, [400, 'ERR_MALFORMED_REQUEST'])))
  }

  for (const name of ['nope', '__proto__', 'constructor', 'toString', 'Pubsub', 'pub%2Fsub', '%00']) {
    it(`with the component ${name} is refused`, (t) =>
      attack(t, {}, (rig) => refuses(rig, `/v1.0/publish/${name}/a`, {}, [404, 'ERR_PUBSUB_NOT_FOUND'])))
  }

  const mqtt: RigOptions = {
    pubsubs: { pubsub: { type: 'pubsub.mqtt3' } },
    subscriptions: [{ pubsubname: 'pubsub', topic: '#', route: '/all' }],
  }
  for (const topic of ['a%2F%23', '+%2Fb', '%23', `${'a/'.repeat(300)}a`]) {
    it(`with the topic ${topic.slice(0, 20)} is refused where the broker has no such topic`, (t) =>
      attack(t, mqtt, (rig) =>
        refuses(rig, `/v1.0/publish/pubsub/${topic.replace('+', '%2B')}`, {}, [400, 'ERR_PUBSUB_PUBLISH_MESSAGE']),
      ))
  }

  for (const path of [
    '/v1.0/healthz/../publish/pubsub/a',
    '/v1.0/publish/pubsub/v1.0/healthz',
    '//v1.0/metadata/../../v1.0/publish/pubsub/healthz',
    '/v1.0/healthz%2F..%2Fpublish',
    '/v1.0/metadata',
    '/nothing',
  ]) {
    it(`${path} needs a token, as everything but health`, (t) =>
      attack(t, { apiToken: TOKEN }, async (rig) => {
        for (const method of ['GET', 'POST']) assert.equal((await rig.ask(path, { method })).status, 401)
        assert.equal((await rig.ask('/v1.0/healthz', { method: 'GET' })).status, 204)
        assert.equal(rig.stats.published, 0)
      }))
  }
})

describe('A method', () => {
  for (const method of ['GET', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH', 'QUERY']) {
    it(`${method} publishes nothing, and is echoed to nobody`, (t) =>
      attack(t, {}, async (rig) => {
        const answer = await rig.say(`${method} ${ORDERS} HTTP/1.1\r\nX-Secret: s3cret`)
        if (answer.status === 400)
          assert.equal(method, 'QUERY') // Node 20 does not know it yet
        else assert.deepEqual(codeIn(answer), { status: 404, errorCode: 'ERR_DIRECT_INVOKE' })
        assert.doesNotMatch(JSON.stringify(answer), /s3cret/)
        assert.equal(rig.stats.published, 0)
      }))
  }

  it('HEAD publishes nothing, and is answered without a body', (t) =>
    attack(t, {}, async (rig) => {
      const { status, body } = await rig.ask(ORDERS, { method: 'HEAD' })
      assert.deepEqual([status, body], [404, ''])
      assert.equal(rig.stats.published, 0)
    }))

  it('is what the request line says, whatever headers say of it or of where it comes from', (t) =>
    attack(t, {}, async (rig) => {
      for (const method of ['GET', 'DELETE']) {
        const headers = { 'x-http-method-override': 'POST', 'x-http-method': 'POST', 'x-method-override': 'POST' }
        assert.equal((await rig.ask(ORDERS, { method, headers })).status, 404)
      }
      const forwarded = {
        host: 'evil.example',
        'x-forwarded-host': 'localhost',
        forwarded: 'host=localhost;for=127.0.0.1',
      }
      assert.equal((await rig.ask(ORDERS, { headers: forwarded })).status, 403)
      assert.equal(rig.stats.published, 0)
      const lies = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '1.2.3.4' }
      const { headers } = await delivers(rig, ORDERS, { headers: lies })
      assert.doesNotMatch(JSON.stringify([...headers]), /forwarded|evil|1\.2\.3\.4/)
    }))

  it('PUT publishes as POST does', (t) =>
    attack(t, {}, async (rig) => {
      assert.equal(eventIn(await delivers(rig, ORDERS, { method: 'PUT', body: 'a' })).data, 'a')
    }))
})

describe('Metadata', () => {
  /** When it expires, as the app is told; undefined: never. */
  for (const [query, expiration] of [
    ['ttlInSeconds=NaN', undefined],
    ['ttlInSeconds=abc', undefined],
    ['ttlInSeconds=1e3', undefined],
    ['ttlInSeconds=1.5', undefined],
    ['ttlInSeconds=0x10', undefined],
    ['ttlInSeconds=', undefined],
    ['ttlInSeconds=-1', undefined],
    ['ttlInSeconds=5d', undefined],
    ['ttlInSeconds=1e400', undefined],
    ['ttlInSeconds=20s', '2026-01-01T00:00:20Z'],
    ['ttlInSeconds=1h30m', '2026-01-01T01:30:00Z'],
    ['TTLINSECONDS=20', '2026-01-01T00:00:20Z'],
    ['ttlInSeconds=0&ttl=10s', '2026-01-01T00:00:10Z'],
    ['ttlInSeconds=9223372036854775807', '2318-04-12T23:47:16Z'],
    [`ttlInSeconds=${'9'.repeat(10_000)}`, '2318-04-12T23:47:16Z'],
  ] as const) {
    it(`${query.slice(0, 50)} lets an event ${expiration === undefined ? 'live for ever' : `expire at ${expiration}`}`, (t) =>
      attack(t, {}, async (rig) => {
        const target = `${ORDERS}?${query.replace(/(^|&)/g, '$1metadata.')}`
        assert.equal(eventIn(await delivers(rig, target)).expiration, expiration)
      }))
  }

  for (const query of ['ttlInSeconds=0', 'ttlInSeconds=0s', 'ttl=-1s', 'ttlInSeconds=-1h']) {
    it(`${query} is too short for any delivery`, (t) =>
      attack(t, {}, async (rig) => {
        assert.equal((await rig.ask(`${ORDERS}?metadata.${query}`)).status, 204)
        assert.deepEqual(await rig.delivered(), [])
        assert.equal(rig.stats.expired, 1)
      }))
  }

  for (const [query, name, value] of [
    ['metadata.a=1&metadata.a=2', 'a', '1'],
    ['metadata.a=%0d%0aX-Evil:%201', 'a', '%0D%0AX-Evil: 1'],
    ['metadata.a=%00', 'a', '%00'],
    ['metadata.a=%C2%85', 'a', '%C2%85'],
    ['metadata.a=caf%C3%A9', 'a', 'caf%C3%A9'],
    ['metadata.a=%zz%E0', 'a', '%zz%EF%BF%BD'],
    ['metadata[a][b]=1', 'a', null],
    ['METADATA.a=1', 'a', null],
    ['a=1', 'a', null],
    ['metadata.x%20y=1', 'x', null],
    ['metadata.http%3A%2F%2Fschemas%2Fclaims%2Fx=1', 'http', null],
    ['metadata.%C3%A9=1', 'x', null],
    ['metadata.=1', 'x', null],
    ['metadata.content-length=5', 'content-length', null],
    ['metadata.Transfer-Encoding=chunked', 'transfer-encoding', null],
    ['metadata.host=evil', 'host', null],
    ['metadata.connection=close', 'connection', null],
    ['metadata.authorization=x', 'authorization', null],
    ['metadata.cookie=x', 'cookie', null],
    ['metadata.dapr-api-token=x', 'dapr-api-token', 'the-app-token'],
    ['metadata.content-encoding=gzip', 'content-encoding', null],
    ['metadata.traceparent=x', 'traceparent', '00-00000000000000000000000000000000-0000000000000000-00'],
    ['metadata.pubsubname=x', 'pubsubname', 'pubsub'],
    ['metadata.__proto__=x', '__proto__', null],
    ['metadata.constructor=x', 'constructor', 'x'],
  ] as const) {
    it(`${query} gives the app ${value === null ? `no header ${name}` : `the header ${name}: ${value}`}`, (t) =>
      attack(t, { appToken: 'the-app-token' }, async (rig) => {
        const { headers } = await delivers(rig, `${ORDERS}?${query}`)
        assert.equal(headers.get(name), value)
        assert.equal(headers.get('content-type'), 'application/cloudevents+json')
        assert.ok(isClean('x'))
      }))
  }

  it('of more than 100 keys is refused', (t) =>
    attack(t, {}, async (rig) => {
      const query = Array.from({ length: 101 }, (_, i) => `metadata.k${i}=v`)
      await refuses(rig, `${ORDERS}?${query.join('&')}`, {}, [400, 'ERR_PUBSUB_REQUEST_METADATA'])
      await delivers(rig, `${ORDERS}?${query.slice(1).join('&')}`)
    }))

  it('of more than the head of a request may have is refused', (t) =>
    attack(t, {}, (rig) =>
      refuses(rig, `${ORDERS}?metadata.a=${'x'.repeat(17_000)}`, {}, [431, 'ERR_HEADERS_TOO_LARGE']),
    ))

  it('refuses a rawPayload that is no boolean', (t) =>
    attack(t, {}, (rig) =>
      refuses(rig, `${ORDERS}?metadata.rawPayload=invalid`, {}, [400, 'ERR_PUBSUB_REQUEST_METADATA']),
    ))

  it('may set attributes of the envelope, to whatever it likes', (t) =>
    attack(t, {}, async (rig) => {
      const query =
        'metadata.cloudevent.id=%0d%0a&metadata.cloudevent.type=&metadata.cloudevent.source=&metadata.cloudevent.subject=%00'
      const { id, type, source, subject } = eventIn(await delivers(rig, `${ORDERS}?${query}`))
      assert.deepEqual([id, type, source, subject], ['\r\n', 'com.dapr.event.sent', 'Dapr', '\0'])
    }))
})

describe('A body', () => {
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`

  for (const [what, headers, body, expected] of [
    ['that is empty', {}, '', { data: '', datacontenttype: 'text/plain' }],
    ['of broken JSON', JSON_TYPE, '{"a":', { data: '{"a":' }],
    ['of no JSON at all', JSON_TYPE, '', { data: '' }],
    ['with a byte order mark', JSON_TYPE, '\ufeff{"a":1}', { data: { a: 1 } }],
    ['with more behind its JSON', JSON_TYPE, '{"a":1} junk', { data: { a: 1 } }],
    ['that is null', JSON_TYPE, 'null', { data: null }],
    ['that is true', JSON_TYPE, 'true', { data: true }],
    ['that is a list', JSON_TYPE, '[]', { data: [] }],
    ['of text that is not UTF-8', { 'content-type': 'text/plain' }, Buffer.from([0x61, 0xff]), { data: 'a\ufffd' }],
    ['of bytes', BYTES, Buffer.from([0, 1, 0xff, 0]), { data_base64: 'AAH/AA==' }],
    ['of a type without end', { 'content-type': `text/${'x'.repeat(10_000)}` }, 'a', { data: 'a' }],
    ['of a type that is none', { 'content-type': '/;=' }, 'a', { data: 'a', datacontenttype: '/;=' }],
    ['of a batch of events', { 'content-type': 'application/cloudevents-batch+json' }, '[{}]', { data: '[{}]' }],
    ['of a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=b', { data: 'a=b' }],
    [
      'with ce- headers',
      { 'ce-id': '1', 'ce-type': '%0D%0A', 'ce-specversion': '9' },
      'a',
      { data: 'a', specversion: '1.0' },
    ],
    [
      'with a broken trace context',
      { traceparent: '00-zz-1-1', tracestate: 'x'.repeat(600) },
      '',
      { traceparent: '', tracestate: '' },
    ],
  ] as const) {
    it(`${what} is delivered`, (t) =>
      attack(t, {}, async (rig) => {
        const event = eventIn(await delivers(rig, ORDERS, { headers, body }))
        for (const [name, value] of Object.entries(expected)) assert.deepEqual(event[name], value)
      }))
  }

  for (const [what, body] of [
    ['numbers that no double holds', '{"a":1e999,"b":-0,"c":12345678901234567890,"d":1.0}'],
    ['half a surrogate pair', '{"a":"\\ud800"}'],
    ['members of dangerous names', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'],
    ['a member twice', '{"a":1,"a":2}'],
    ['many members', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`],
    ['a long member', `{"${'k'.repeat(1_000_000)}":1}`],
  ] as const) {
    it(`of JSON with ${what} is delivered to the letter`, (t) =>
      attack(t, {}, async (rig) => {
        const { text } = await delivers(rig, ORDERS, { headers: JSON_TYPE, body })
        assert.ok(text.includes(`"data":${body}`))
        assert.ok(isClean('polluted'))
      }))
  }

  for (const [what, headers, body, ...expected] of [
    ['that is nested too deeply', JSON_TYPE, deep, 400, 'ERR_PUBSUB_EVENTS_SER'],
    ['of JSON that is not UTF-8', JSON_TYPE, Buffer.from([0x22, 0xff, 0x22]), 400, 'ERR_PUBSUB_EVENTS_SER'],
    [
      'of JSON in another charset',
      { 'content-type': 'application/json; charset=utf-16' },
      '1',
      415,
      'ERR_PUBSUB_EVENTS_SER',
    ],
    [
      'that is compressed',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      Buffer.from([0x1f, 0x8b]),
      415,
      'ERR_CONTENT_ENCODING',
    ],
  ] as const) {
    it(`${what} is refused`, (t) => attack(t, {}, (rig) => refuses(rig, ORDERS, { headers, body }, expected)))
  }

  const limited: RigOptions = { maxBodySize: 1000 }

  it('of the limit is delivered, and a byte more is refused', (t) =>
    attack(t, limited, async (rig) => {
      await refuses(rig, ORDERS, { body: 'x'.repeat(1001) }, [500, 'ERR_PUBSUB_PUBLISH_MESSAGE'])
      const chunked = { body: 'x'.repeat(1001), headers: { 'transfer-encoding': 'chunked' } }
      await refuses(rig, ORDERS, chunked, [500, 'ERR_PUBSUB_PUBLISH_MESSAGE'])
      await refuses(rig, BULK, { body: `[${' '.repeat(1000)}]` }, [400, 'ERR_PUBSUB_EVENTS_SER'])
      assert.equal(eventIn(await delivers(rig, ORDERS, { body: 'x'.repeat(1000) })).data, 'x'.repeat(1000))
    }))

  it('that says it has a gigabyte is refused at once', (t) =>
    attack(t, {}, async (rig) => {
      const answer = await rig.say(`POST ${ORDERS} HTTP/1.1\r\nContent-Length: 1073741824`)
      assert.deepEqual(codeIn(answer), { status: 500, errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE' })
      assert.equal(rig.stats.published, 0)
    }))

  it('in chunks of one byte is put together', (t) =>
    attack(t, {}, async (rig) => {
      const chunks = '1\r\nx\r\n'.repeat(20_000)
      const { status } = await rig.say(`POST ${ORDERS} HTTP/1.1\r\nTransfer-Encoding: chunked`, `${chunks}0\r\n\r\n`)
      assert.equal(status, 204)
      const [delivered] = await rig.delivered()
      assert.equal(delivered && eventIn(delivered).data, 'x'.repeat(20_000))
    }))

  it('for the metadata has its limits too', (t) =>
    attack(t, {}, async (rig) => {
      const put = (key: string, size: number): Promise<Answer> =>
        rig.ask(`/v1.0/metadata/${key}`, { method: 'PUT', body: 'x'.repeat(size) })
      assert.deepEqual(codeIn(await put('a', 64 * 1024 + 1)), { status: 400, errorCode: 'ERR_BODY_READ' })
      assert.equal((await put('__proto__', 10)).status, 204)
      const { extended } = JSON.parse((await rig.ask('/v1.0/metadata', { method: 'GET' })).body)
      assert.deepEqual(Object.keys(extended), ['daprRuntimeVersion', '__proto__'])
      assert.ok(isClean('x'))
      for (let key = 0; key < 15; key++) assert.equal((await put(`${key}`, 64 * 1024)).status, 204)
      assert.equal((await put('0', 64 * 1024)).status, 204)
      assert.deepEqual(codeIn(await put('more', 64 * 1024)), { status: 400, errorCode: 'ERR_MALFORMED_REQUEST' })
    }))
})

describe('A CloudEvent', () => {
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't', traceid: '', traceparent: '', tracestate: '' }

  for (const [what, given, expected] of [
    ['without an id', { id: undefined }, { id: undefined }],
    [
      'without source, type and specversion',
      { source: undefined, type: null, specversion: undefined },
      { source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0' },
    ],
    ['of empty attributes', { id: '', source: '', type: ' ' }, { id: '', source: '', type: ' ' }],
    ['of another version', { specversion: '2.0' }, { specversion: '2.0' }],
    ['of a version that is a number', { specversion: 1 }, { specversion: 1 }],
    ['with a number for an id', { id: 7 }, { id: 7 }],
    ['with an object for an id', { id: { a: 1 } }, { id: { a: 1 } }],
    ['with a long id', { id: 'x'.repeat(1_000_000) }, {}],
    ['with an id of line breaks', { id: 'a\r\nb' }, { id: 'a\r\nb' }],
    ['with a source that is none', { source: 'http://[' }, { source: 'http://[' }],
    ['with a time that there never was', { time: '2018-02-30T25:61:61Z' }, { time: '2018-02-30T25:61:61Z' }],
    ['with a long time', { time: '9'.repeat(10_000) }, {}],
    ['with data twice', { data: 1, data_base64: 'AA==' }, { data: 1, data_base64: 'AA==' }],
    ['with base64 that is none', { data_base64: '***' }, { data_base64: '***' }],
    ['with base64 for the web', { data_base64: '_-8' }, { data_base64: '_-8' }],
    ['with null for bytes', { data_base64: null }, { data_base64: null }],
    ['with attributes of null', { subject: null, ext: null }, { subject: null, ext: null }],
    [
      'with extensions of bad names',
      { 'a-b': 1, A_B: 2, '': 3, constructor: 4 },
      { 'a-b': 1, A_B: 2, '': 3, constructor: 4 },
    ],
    ['with extensions of bad types', { a: {}, b: [], c: 1.5, d: 1e20 }, { a: {}, b: [], c: 1.5, d: 1e20 }],
    ['with half a surrogate pair', { subject: '\ud800' }, { subject: '\ud800' }],
    ['with control characters', { subject: '\0\u0085' }, { subject: '\0\u0085' }],
    [
      'with trace fields that are no text',
      { traceid: 5, traceparent: {}, tracestate: [] },
      { traceid: 5, traceparent: {}, tracestate: [] },
    ],
    ['with an expiration that is none', { expiration: 'soon' }, { expiration: 'soon' }],
    ['with an expiration at the end of time', { expiration: '9999-12-31T23:59:59Z' }, {}],
    ['with JSON in a string', { datacontenttype: 'application/json', data: '{"a":1}' }, { data: '{"a":1}' }],
    [
      'that says where it belongs',
      { topic: 'elsewhere', pubsubname: 'other' },
      { topic: 'orders', pubsubname: 'pubsub' },
    ],
  ] as const) {
    it(`${what} is delivered`, (t) =>
      attack(t, {}, async (rig) => {
        const body = JSON.stringify({ ...event, ...given })
        const delivered = eventIn(await delivers(rig, ORDERS, { headers: EVENT_TYPE, body }))
        assert.deepEqual(
          Object.keys({ ...event, ...given }).filter((name) => !(name in delivered)),
          'id' in given && given.id === undefined ? ['id'] : [],
        )
        for (const [name, value] of Object.entries(expected)) assert.deepEqual(delivered[name], value)
      }))
  }

  it('that has expired is not delivered', (t) =>
    attack(t, {}, async (rig) => {
      const body = JSON.stringify({ ...event, expiration: '2025-12-31T23:59:59Z' })
      assert.equal((await rig.ask(ORDERS, { headers: EVENT_TYPE, body })).status, 204)
      assert.deepEqual(await rig.delivered(), [])
      assert.equal(rig.stats.expired, 1)
    }))

  it('with a member twice goes where the last one says, and is delivered as that', (t) => {
    const routes = { rules: [{ match: 'event.type == "last"', path: '/last' }], default: '/first' }
    return attack(t, { subscriptions: [{ pubsubname: 'pubsub', topic: 'orders', routes }] }, async (rig) => {
      const body = '{"id":"1","type":"first","type":"last"}'
      const delivered = await delivers(rig, ORDERS, { headers: EVENT_TYPE, body })
      assert.deepEqual([delivered.path, eventIn(delivered).type], ['/last', 'last'])
      assert.doesNotMatch(delivered.text, /first/)
    })
  })

  for (const body of ['', '{"}', '[]', '[1,null]', 'null', '5', '"x"', '{"a":1', 'undefined']) {
    it(`that is ${body || 'nothing'} is refused`, (t) =>
      attack(t, {}, (rig) => refuses(rig, ORDERS, { headers: EVENT_TYPE, body }, [500, 'ERR_PUBSUB_CLOUD_EVENTS_SER'])))
  }

  it('of another charset, or nested too deeply, is refused', (t) =>
    attack(t, {}, async (rig) => {
      const headers = { 'content-type': 'application/cloudevents+json; charset=utf-16' }
      await refuses(rig, ORDERS, { headers, body: '{}' }, [415, 'ERR_PUBSUB_EVENTS_SER'])
      const body = `{"data":${'['.repeat(200)}${']'.repeat(200)}}`
      await refuses(rig, ORDERS, { headers: EVENT_TYPE, body }, [400, 'ERR_PUBSUB_EVENTS_SER'])
    }))
})

describe('A bulk publish', () => {
  const entry = { entryId: '1', event: 'a', contentType: 'text/plain' }

  for (const [what, body] of [
    ['that is no list', '{"entryID":"}'],
    ['that is an object', '{}'],
    ['that is nothing', ''],
    ['without an id', JSON.stringify([entry, { ...entry, entryId: undefined }])],
    ['with an empty id', JSON.stringify([entry, { ...entry, entryId: '' }])],
    ['with an id twice', JSON.stringify([entry, entry])],
    ['with an id that is no text', JSON.stringify([{ ...entry, entryId: 1 }])],
    ['with an entry that is none', JSON.stringify([entry, 5])],
    ['with null for an entry', JSON.stringify([entry, null])],
    ['with an object for text', JSON.stringify([entry, { ...entry, entryId: '2', event: {} }])],
    [
      'with text for bytes',
      JSON.stringify([entry, { entryId: '2', event: '*', contentType: 'application/octet-stream' }]),
    ],
    ['without a content type', JSON.stringify([entry, { entryId: '2', event: 'x' }])],
    ['with metadata that is no text', JSON.stringify([{ ...entry, metadata: { a: {} } }])],
    ['with metadata that is a list', JSON.stringify([{ ...entry, metadata: [] }])],
    [
      'nested too deeply',
      `[{"entryId":"1","contentType":"application/json","event":${'['.repeat(200)}${']'.repeat(200)}}]`,
    ],
    [
      'of more entries than anybody needs',
      JSON.stringify(Array.from({ length: 10_001 }, (_, i) => ({ ...entry, entryId: `${i}` }))),
    ],
  ] as const) {
    it(`${what} is refused as a whole`, (t) =>
      attack(t, {}, (rig) => refuses(rig, BULK, { headers: JSON_TYPE, body }, [400, 'ERR_PUBSUB_EVENTS_SER'])))
  }

  it('of a broken CloudEvent is refused as a whole', (t) =>
    attack(t, {}, (rig) => {
      const body = JSON.stringify([entry, { entryId: '2', event: [], contentType: 'application/cloudevents+json' }])
      return refuses(rig, BULK, { headers: JSON_TYPE, body }, [500, 'ERR_PUBSUB_CLOUD_EVENTS_SER'])
    }))

  for (const body of ['[]', 'null']) {
    it(`of ${body} is accepted, and nothing is published`, (t) =>
      attack(t, {}, async (rig) => {
        assert.equal((await rig.ask(BULK, { headers: JSON_TYPE, body })).status, 204)
        assert.equal(rig.stats.published, 0)
      }))
  }

  it('says which entries were not accepted, and delivers the others', (t) => {
    const pubsubs = { pubsub: { type: 'pubsub.in-memory' } }
    return attack(t, { pubsubs }, async (rig) => {
      const broker = rig.sidecar.broker('pubsub')
      assert.ok(broker)
      const taken = broker.subscribe('orders', { capacity: 1, overflow: 'reject' })
      const entries = ['1', '2', '3'].map((entryId) => ({ ...entry, entryId, event: entryId }))
      const { status, body } = await rig.ask(BULK, { headers: JSON_TYPE, body: JSON.stringify(entries) })
      await taken.unsubscribe()
      const { failedEntries, errorCode } = JSON.parse(body)
      assert.deepEqual([status, errorCode], [500, 'ERR_PUBSUB_PUBLISH_MESSAGE'])
      assert.deepEqual(
        failedEntries.map(({ entryId }: { entryId: string }) => entryId),
        ['2', '3'],
      )
      assert.deepEqual(
        (await rig.delivered()).map((delivered) => eventIn(delivered).data),
        ['1'],
      )
    })
  })

  it('lets the metadata of an entry win, whatever its names are', (t) =>
    attack(t, {}, async (rig) => {
      const body = `[{"entryId":"1","event":"a","contentType":"text/plain","metadata":{"ttlInSeconds":"5","__proto__":"x","a":"${'y'.repeat(100_000)}"}}]`
      const delivered = await delivers(rig, `${BULK}?metadata.ttlInSeconds=0&metadata.b=c`, {
        headers: JSON_TYPE,
        body,
      })
      assert.equal(eventIn(delivered).expiration, '2026-01-01T00:00:05Z')
      assert.equal(delivered.headers.get('b'), 'c')
      assert.equal(delivered.headers.get('a'), null)
      assert.ok(isClean('x'))
    }))
})
