import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Broker } from '../../src/broker.ts'
import { localTime } from '../../src/dapr/duration.ts'
import {
  type EnvelopeFault,
  envelopeOf,
  eventOf,
  type Occasion,
  type Publishable,
  rawWrapper,
  wireOf,
} from '../../src/dapr/envelope.ts'
import { metadataOf } from '../../src/dapr/metadata.ts'
import { WireEvent } from '../../src/dapr/wire.ts'
import type { Message } from '../../src/delivery/message.ts'
import type { PublishOptions } from '../../src/options.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

const wallTime = Date.UTC(2026, 0, 2, 3, 4, 5, 900)
const time = localTime(wallTime)
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02'
const occasion: Occasion = {
  pubsubname: 'ps',
  topic: 'a',
  appId: 'myapp',
  isRaw: false,
  trace: { traceparent: '', tracestate: '' },
  wallTime,
  time,
  newId: () => 'new-id',
}

/** What daprd makes of a body; a test says what is different. */
const plain = {
  id: 'new-id',
  specversion: '1.0',
  source: 'myapp',
  type: 'com.dapr.event.sent',
  topic: 'a',
  pubsubname: 'ps',
  time,
  traceid: '',
  traceparent: '',
  tracestate: '',
}

interface Given extends Partial<Occasion> {
  readonly contentType?: string
  readonly query?: string
}

function build(
  body: string | Uint8Array,
  { contentType, query = '', ...more }: Given = {},
): Publishable | EnvelopeFault {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return envelopeOf({ contentType, body: bytes, metadata: metadataOf(query) }, { ...occasion, ...more })
}

function built(body: string | Uint8Array, given?: Given): Publishable {
  const event = build(body, given)
  assert.ok(event.kind === 'event', JSON.stringify(event))
  return event
}

const sent = ({ wire }: Publishable): Record<string, unknown> => JSON.parse(String(wire.body))
const custom = (event: unknown, given: Given = {}): Publishable =>
  built(typeof event === 'string' ? event : JSON.stringify(event), {
    contentType: 'application/cloudevents+json',
    ...given,
  })
const attributes = ({ options: { attachment, ...rest } }: Publishable): PublishOptions => rest

describe('envelopeOf a plain body', () => {
  for (const [contentType, body, expected, data] of [
    [undefined, 'hi', { datacontenttype: 'text/plain', data: 'hi' }, 'hi'],
    ['', 'hi', { datacontenttype: 'text/plain', data: 'hi' }, 'hi'],
    ['application/json', '{"x":1}', { datacontenttype: 'application/json', data: { x: 1 } }, { x: 1 }],
    ['application/json', 'null', { datacontenttype: 'application/json', data: null }, null],
    ['application/json', '{"x"', { datacontenttype: 'application/json', data: '{"x"' }, '{"x"'],
    ['application/json', '', { datacontenttype: 'application/json', data: '' }, ''],
    ['Application/JSON; charset=utf-8', '[]', { datacontenttype: 'Application/JSON; charset=utf-8', data: [] }, []],
    ['foo/bar', '{}', { datacontenttype: 'foo/bar', data: '{}' }, '{}'],
    [
      'application/cloudevents-batch+json',
      '[]',
      { datacontenttype: 'application/cloudevents-batch+json', data: '[]' },
      '[]',
    ],
    [
      'application/octet-stream',
      'hello',
      { datacontenttype: 'application/octet-stream', data_base64: 'aGVsbG8=' },
      Uint8Array.from(Buffer.from('hello')),
    ],
  ] as const) {
    it(`puts ${JSON.stringify(body)} under ${contentType} into an envelope`, () => {
      const event = built(body, contentType === undefined ? {} : { contentType })
      assert.deepEqual(sent(event), { ...plain, ...expected })
      assert.deepEqual(event.data, data)
      assert.deepEqual(attributes(event), {
        id: 'new-id',
        source: 'myapp',
        type: 'com.dapr.event.sent',
        datacontenttype: expected.datacontenttype,
      })
    })
  }

  it('is written as Go writes it: names in order, digits kept, brackets escaped', () => {
    const event = built('{"n":637831415180045507}', { contentType: 'application/json', topic: '<a>&' })
    assert.equal(
      event.wire.body,
      `{"data":{"n":637831415180045507},"datacontenttype":"application/json","id":"new-id","pubsubname":"ps",` +
        `"source":"myapp","specversion":"1.0","time":"${time}","topic":"\\u003ca\\u003e\\u0026","traceid":"",` +
        `"traceparent":"","tracestate":"","type":"com.dapr.event.sent"}`,
    )
  })

  it('keeps any text and any JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.jsonValue(), (text, json) => {
        assert.equal(sent(built(text))['data'], text)
        const written = JSON.stringify(json)
        const event = built(written, { contentType: 'application/json' })
        assert.deepEqual(sent(event)['data'], JSON.parse(written))
        assert.deepEqual(event.data, JSON.parse(written))
      }),
    )
  })

  it('takes no harm from members called __proto__', () => {
    const event = built('{"__proto__":{"x":1}}', { contentType: 'application/json' })
    assert.deepEqual(Object.keys(event.data as object), ['__proto__'])
    assert.equal('x' in {}, false)
  })

  it('lets metadata say otherwise', () => {
    const query = [
      'id=A1',
      'source=/s',
      'type=t',
      'subject=sj',
      `traceid=ignored`,
      `traceparent=${traceparent}`,
      'tracestate=a%3Db',
    ]
      .map((override) => `metadata.cloudevent.${override}`)
      .join('&')
    const event = built('hi', { query })
    const trace = { traceid: traceparent, traceparent, tracestate: 'a=b' }
    const overridden = { id: 'A1', source: '/s', type: 't', subject: 'sj' }
    assert.deepEqual(sent(event), { ...plain, ...overridden, ...trace, datacontenttype: 'text/plain', data: 'hi' })
    assert.deepEqual(attributes(event), {
      ...overridden,
      datacontenttype: 'text/plain',
      extensions: { traceparent, tracestate: 'a=b' },
    })
    assert.equal(event.wire.traceparent, traceparent)
    assert.equal(event.wire.metadata.get('cloudevent.id'), 'A1')
  })

  it('falls back when metadata says nothing: the source to Dapr, not to the app', () => {
    const query = ['id', 'source', 'type', 'subject', 'traceid'].map((name) => `metadata.cloudevent.${name}=`).join('&')
    const event = sent(built('hi', { query, trace: { traceparent, tracestate: '' } }))
    assert.deepEqual(event, { ...plain, source: 'Dapr', datacontenttype: 'text/plain', data: 'hi' })
  })

  it('carries the trace context of its publisher', () => {
    const event = built('hi', { trace: { traceparent, tracestate: 'a=b' } })
    const { traceid, traceparent: parent, tracestate } = sent(event)
    assert.deepEqual([traceid, parent, tracestate], [traceparent, traceparent, 'a=b'])
    assert.equal(event.wire.traceparent, traceparent)
    assert.deepEqual(event.options.extensions, { traceparent, tracestate: 'a=b' })
    assert.equal(built('hi').wire.traceparent, '')
    assert.equal(built('hi', { query: 'metadata.cloudevent.traceid=e' }).wire.traceparent, '')
  })

  for (const [query, expiration, expected] of [
    ['metadata.ttlInSeconds=60', '2026-01-02T03:05:05Z', { ttlMs: 60_000 }],
    ['metadata.ttl=1500ms', '2026-01-02T03:04:07Z', { ttlMs: 1500 }],
    ['metadata.ttlInSeconds=0', '2026-01-02T03:04:05Z', { extensions: { expirytime: '2026-01-02T03:04:05Z' } }],
    ['metadata.ttlInSeconds=-1s', '2026-01-02T03:04:05Z', { extensions: { expirytime: '2026-01-02T03:04:05Z' } }],
    ['metadata.ttlInSeconds=abc', undefined, {}],
    ['metadata.ttlInSeconds=9223372036854775807', '2318-04-14T02:51:22Z', { ttlMs: 2 ** 63 / 1e6 }],
  ] as const) {
    it(`expires at ${expiration} with ${query}`, () => {
      const event = built('hi', { query })
      assert.equal(sent(event)['expiration'], expiration)
      const { ttlMs, extensions } = event.options
      assert.deepEqual({ ...(ttlMs !== undefined && { ttlMs }), ...(extensions && { extensions }) }, expected)
    })
  }

  it('tells the broker nothing that CloudEvents forbids', () => {
    const event = built('hi', {
      appId: 'my app',
      contentType: 'foo',
      query: 'metadata.cloudevent.id=a%0d%0ab&metadata.cloudevent.subject=%00',
    })
    assert.deepEqual(attributes(event), { type: 'com.dapr.event.sent' })
    assert.deepEqual(sent(event), {
      ...plain,
      id: 'a\r\nb',
      source: 'my app',
      subject: '\0',
      datacontenttype: 'foo',
      data: 'hi',
    })
  })

  for (const [body, contentType, kind] of [
    ['1', 'application/json; charset=utf-16', 'charset'],
    ['['.repeat(1000), 'application/json', 'broken'],
    [Uint8Array.of(0x22, 0xff, 0x22), 'application/json', 'broken'],
    ['1', 'application/cloudevents+json; charset=utf-16', 'charset'],
    ['['.repeat(1000), 'application/cloudevents+json', 'broken'],
  ] as const) {
    it(`finds ${kind === 'charset' ? 'a charset' : 'JSON'} at fault under ${contentType}`, () => {
      assert.equal(build(body, { contentType }).kind, kind)
    })
  }
})

describe('envelopeOf a CloudEvent', () => {
  const full = { specversion: '1.0', id: 'A1', source: '/s', type: 't', time: '2021-08-02T09:00:00Z' }
  const added = { topic: 'a', pubsubname: 'ps', traceid: '', traceparent: '', tracestate: '' }

  it('keeps what the publisher said', () => {
    const event = custom({ ...full, subject: 'sj', datacontenttype: 'text/plain', data: 'hello', ext1: 'v', ext2: 5 })
    assert.deepEqual(sent(event), {
      ...full,
      subject: 'sj',
      datacontenttype: 'text/plain',
      data: 'hello',
      ext1: 'v',
      ext2: 5,
      ...added,
    })
    assert.equal(event.data, 'hello')
    const { specversion, ...named } = full
    assert.deepEqual(attributes(event), {
      ...named,
      subject: 'sj',
      datacontenttype: 'text/plain',
      extensions: { ext1: 'v', ext2: 5 },
    })
  })

  for (const [what, given, expected] of [
    ['overwrites where it goes', { ...full, topic: 'zzz', pubsubname: 'yyy' }, { ...full, ...added }],
    [
      'fills in what is missing',
      {},
      { ...added, source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0', time },
    ],
    [
      'fills in what is null, but for the time',
      { id: null, source: null, type: null, specversion: null, time: null },
      { ...added, id: null, source: 'Dapr', type: 'com.dapr.event.sent', specversion: '1.0', time: null },
    ],
    ['loses a traceparent that has no traceid', { ...full, traceparent }, { ...full, ...added }],
    [
      'keeps both trace attributes when there is a traceid',
      { ...full, traceid: 'e', tracestate: 'f' },
      { ...full, topic: 'a', pubsubname: 'ps', traceid: 'e', tracestate: 'f' },
    ],
    [
      'lets attributes pass that CloudEvents forbids',
      { ...full, id: 7, specversion: '9', time: 'x', EXT: 1, obj: { a: [1] }, data: 1, data_base64: 'AQ==' },
      { ...full, ...added, id: 7, specversion: '9', time: 'x', EXT: 1, obj: { a: [1] }, data: 1, data_base64: 'AQ==' },
    ],
  ] as const) {
    it(what, () => assert.deepEqual(sent(custom(given)), expected))
  }

  it('ignores overrides, but not a ttl', () => {
    const query = 'metadata.cloudevent.id=over&metadata.ttlInSeconds=60'
    const event = custom({ ...full, expiration: 'x' }, { query })
    assert.deepEqual(sent(event), { ...full, ...added, expiration: '2026-01-02T03:05:05Z' })
    assert.equal(event.options.ttlMs, 60_000)
  })

  it('takes the trace context of the request when the event has none', () => {
    const event = custom(full, { trace: { traceparent, tracestate: 'a=b' } })
    assert.deepEqual(sent(event), { ...full, ...added, traceid: traceparent, traceparent, tracestate: 'a=b' })
    assert.equal(event.wire.traceparent, traceparent)
  })

  for (const trace of [{ traceid: 1 }, { traceid: { a: 1 }, traceparent: true }, { traceid: null }]) {
    it(`has no header for ${JSON.stringify(trace)}`, () => {
      const event = custom({ ...full, ...trace })
      assert.deepEqual(sent(event), { ...full, topic: 'a', pubsubname: 'ps', tracestate: '', ...trace })
      assert.equal(event.wire.traceparent, undefined)
      assert.equal(event.options.extensions, undefined)
    })
  }

  it('keeps every digit, and the last of two members with one name', () => {
    const event = custom('{"id":"1","data":{"n":12345678901234567890,"x":1e999},"id":"2"} trailing')
    assert.ok(String(event.wire.body).startsWith('{"id":"2","data":{"n":12345678901234567890,"x":1e999},'))
    assert.equal(event.options.id, '2')
  })

  for (const [members, data] of [
    [{ data: { a: 1 } }, { a: 1 }],
    [{ data: null }, null],
    [{}, undefined],
    [{ data_base64: 'AQI=' }, Uint8Array.of(1, 2)],
    [{ data_base64: 'not base64' }, 'not base64'],
    [{ data_base64: 5 }, 5],
    [{ data: 'text', data_base64: 'AQI=' }, 'text'],
    [{ datacontenttype: 'application/json', data: '{"a":1}' }, '{"a":1}'],
  ] as const) {
    it(`gives handlers ${JSON.stringify(data)} of ${JSON.stringify(members)}`, () => {
      assert.deepEqual(custom({ ...full, ...members }).data, data)
    })
  }

  it('tells the broker nothing that CloudEvents forbids', () => {
    const event = custom({
      ...{ specversion: '1.0', id: 'a\r\nb', source: '', type: ' ', time: '2018-02-30T00:00:00Z', subject: null },
      ...{
        UPPER: 'x',
        under_score: 'x',
        object: {},
        array: [],
        float: 1.5,
        big: 2 ** 40,
        text: 'x',
        flag: true,
        no: null,
      },
      ...JSON.parse('{"__proto__":"x"}'),
    })
    assert.deepEqual(attributes(event), { extensions: { text: 'x', flag: true } })
  })

  for (const [expiration, expected] of [
    ['2026-01-02T03:04:06.900Z', { ttlMs: 1000 }],
    ['2026-01-02T04:05:05.900+01:00', { ttlMs: 60_000 }],
    ['2026-01-02T03:04:05Z', { extensions: { expirytime: '2026-01-02T03:04:05Z' } }],
    ['1999-01-01T00:00:00Z', { extensions: { expirytime: '1999-01-01T00:00:00Z' } }],
    ['9999-12-31T23:59:59Z', { ttlMs: Date.UTC(9999, 11, 31, 23, 59, 59) - wallTime }],
    ['soon', {}],
    [5, {}],
  ] as const) {
    it(`expires by its own expiration ${expiration}`, () => {
      const { ttlMs, extensions } = custom({ ...full, expiration }).options
      assert.deepEqual({ ...(ttlMs !== undefined && { ttlMs }), ...(extensions && { extensions }) }, expected)
    })
  }

  for (const [body, why] of [
    ['', 'EOF'],
    ['{"}', 'unexpected EOF'],
    ['[]', 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
    ['"s"', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
    ['true', 'json: cannot unmarshal bool into Go value of type map[string]interface {}'],
    ['null', 'json: cannot unmarshal null into Go value of type map[string]interface {}'],
  ] as const) {
    it(`refuses ${JSON.stringify(body)}`, () => {
      assert.deepEqual(build(body, { contentType: 'application/cloudevents+json' }), { kind: 'cloudEvent', why })
    })
  }

  it('is accepted by a broker whatever its attributes', async () => {
    const broker = new Broker()
    const name = fc.oneof(
      fc.constantFrom(
        'id',
        'source',
        'type',
        'time',
        'subject',
        'dataschema',
        'datacontenttype',
        'expiration',
        'expirytime',
        'traceid',
      ),
      fc.string(),
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })), async (event) => {
        const { data, options } = custom(event)
        await broker.publish('t', data, options)
      }),
    )
  })
})

describe('WireEvent.body', () => {
  it('is made once, and not before somebody asks', () => {
    let made = 0
    const wire = new WireEvent(() => `${++made}`, false, metadataOf(''), '')
    assert.equal(made, 0)
    assert.deepEqual([wire.body, wire.body, made], ['1', '1', 1])
  })

  for (const [contentType, body, change] of [
    ['application/json', '{"x":[1]}', (data: unknown) => (data as { x: number[] }).x.push(2)],
    ['application/octet-stream', 'hello', (data: unknown) => (data as Uint8Array).fill(0)],
  ] as const) {
    it(`is what was published under ${contentType}, whatever a handler does to its data`, () => {
      const [event, changed] = [built(body, { contentType }), built(body, { contentType })]
      change(changed.data)
      assert.equal(changed.wire.body, event.wire.body)
    })
  }
})

describe('envelopeOf a raw body', () => {
  it('keeps what came, whatever a handler makes of its bytes', () => {
    const sent = built('good', { isRaw: true })
    assert.ok(sent.data instanceof Uint8Array)
    sent.data.fill(0)
    assert.deepEqual(sent.wire.body, new TextEncoder().encode('good'))
  })

  it('is the body, and nothing else', () => {
    const body = Uint8Array.of(0x7b, 0xff)
    const query = 'metadata.rawPayload=true&metadata.ttlInSeconds=0&metadata.cloudevent.id=x'
    const event = built(body, {
      isRaw: true,
      query,
      trace: { traceparent, tracestate: '' },
      contentType: 'application/json',
    })
    assert.deepEqual(event.wire, new WireEvent(body, true, metadataOf(query), undefined))
    assert.deepEqual(event.wire.body, body)
    assert.deepEqual(event.data, body)
    assert.deepEqual(attributes(event), {})
  })
})

describe('wireOf', () => {
  /** The message that a broker makes of a publish. */
  async function messageOf(data: unknown, options?: PublishOptions, topic = 'a'): Promise<Message> {
    const broker = new Broker({ dialect: 'exact', clock: new ManualClock({ now: wallTime }) })
    const message = broker.once(topic)
    await broker.publish(topic, data, options)
    return message
  }

  it('gives back what came in over the wire', async () => {
    const { data, options, wire } = built('hi')
    assert.equal(wireOf(await messageOf(data, options), 'ps'), wire)
  })

  for (const [data, expected] of [
    [{ a: 1 }, { datacontenttype: 'application/json', data: { a: 1 } }],
    [null, { datacontenttype: 'application/json', data: null }],
    [0, { datacontenttype: 'application/json', data: 0 }],
    ['text', { datacontenttype: 'text/plain', data: 'text' }],
    [Uint8Array.of(1, 2), { datacontenttype: 'application/octet-stream', data_base64: 'AQI=' }],
    [undefined, {}],
  ] as const) {
    it(`makes a CloudEvent of ${JSON.stringify(data)}`, async () => {
      const message = await messageOf(data, { id: '1' })
      const wire = wireOf(message, 'ps')
      assert.deepEqual(JSON.parse(String(wire.body)), {
        ...{ specversion: '1.0', id: '1', source: 'busbar', type: 'a', time: '2026-01-02T03:04:05.900Z' },
        ...{ topic: 'a', pubsubname: 'ps', traceid: '', traceparent: '', tracestate: '' },
        ...expected,
      })
      assert.deepEqual([wire.isRaw, wire.metadata.size, wire.traceparent], [false, 0, ''])
    })
  }

  it('hands on attributes, extensions and trace context', async () => {
    const extensions = { topic: 'other', pubsubname: 'other', traceid: 'other', traceparent, tracestate: 'a=b', ext: 5 }
    const options = { type: 't', subject: 's', datacontenttype: 'application/json', extensions, ttlMs: 60_000 }
    const wire = wireOf(await messageOf('x', options, 'ns/a'), 'ps', 'a')
    const { id, time: stamped, source, specversion, ...rest } = JSON.parse(String(wire.body))
    assert.deepEqual(rest, {
      ...{ type: 't', subject: 's', datacontenttype: 'application/json', data: 'x', ext: 5 },
      ...{ topic: 'a', pubsubname: 'ps', traceid: traceparent, traceparent, tracestate: 'a=b' },
      ...{ expirytime: '2026-01-02T03:05:05.900Z', expiration: '2026-01-02T03:05:05.900Z' },
    })
    assert.equal(wire.traceparent, traceparent)
    assert.equal(String(wire.body).split('"topic"').length, 2)
  })

  it('hands on no trace context that is not valid', async () => {
    const wire = wireOf(await messageOf('x', { extensions: { traceparent: 'e', tracestate: 'f' } }), 'ps')
    const { traceid, traceparent: parent, tracestate } = JSON.parse(String(wire.body))
    assert.deepEqual([traceid, parent, tracestate, wire.traceparent], ['', '', '', ''])
  })

  it('copes with topics that no attribute may hold', async () => {
    const wire = wireOf(await messageOf('x', { type: 't' }, 'a\u0001"'), 'p"s')
    const { topic, pubsubname } = JSON.parse(String(wire.body))
    assert.deepEqual([topic, pubsubname], ['a\u0001"', 'p"s'])
  })

  it('throws when the data cannot be written', async () => {
    const message = await messageOf(() => {})
    assert.throws(() => wireOf(message, 'ps'), { code: 'ERR_EVENT_INVALID' })
  })
})

describe('rawWrapper', () => {
  const raw = { id: 'new-id', topic: 'a', pubsubname: 'ps', body: 'hello world', metadata: metadataOf('') }
  const wrapped = {
    ...{ id: 'new-id', specversion: '1.0', datacontenttype: 'application/octet-stream', source: 'Dapr' },
    ...{ type: 'com.dapr.event.sent', topic: 'a', pubsubname: 'ps', data_base64: 'aGVsbG8gd29ybGQ=' },
  }

  it('wraps text and bytes, without time and trace', () => {
    assert.deepEqual(JSON.parse(rawWrapper(raw)), wrapped)
    assert.deepEqual(JSON.parse(rawWrapper({ ...raw, body: Uint8Array.of(1, 255) })), {
      ...wrapped,
      data_base64: 'Af8=',
    })
  })

  it('has the trace that metadata gives it', () => {
    const metadata = metadataOf(`metadata.traceid=e&metadata.traceparent=${traceparent}&metadata.tracestate=f`)
    assert.deepEqual(JSON.parse(rawWrapper({ ...raw, metadata })), {
      ...wrapped,
      traceid: traceparent,
      traceparent,
      tracestate: 'f',
    })
  })
})

describe('eventOf', () => {
  it('is the CloudEvent, with numbers as doubles', () => {
    const event = eventOf(built('{"n":12345678901234567890}', { contentType: 'application/json' }).wire)
    assert.deepEqual(event?.['data'], { n: 12345678901234567000 })
    assert.equal(event?.['topic'], 'a')
  })

  it('reads an envelope around data that is as deep as can be', () => {
    const body = `${'['.repeat(128)}${']'.repeat(128)}`
    assert.notEqual(eventOf(built(body, { contentType: 'application/json' }).wire), undefined)
  })

  for (const [body, expected] of [
    ['{"order": 1}', { order: 1 }],
    ['{"order": 1} trailing', { order: 1 }],
    ['hello', undefined],
    ['', undefined],
    ['[1]', undefined],
    ['null', undefined],
    ['{"a":'.repeat(100_000), undefined],
    [`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`, undefined],
  ] as const) {
    it(`is ${JSON.stringify(expected)} of a raw ${JSON.stringify(body.slice(0, 20))}`, () => {
      for (const given of [body, new TextEncoder().encode(body)]) {
        assert.deepEqual(eventOf(new WireEvent(given, true, metadataOf(''), undefined)), expected)
      }
    })
  }

  it('is made of metadata in binary mode', () => {
    const metadata = metadataOf('metadata.content-type=application/octet-stream&metadata.ce_type=t&metadata.x=y')
    assert.deepEqual(eventOf(new WireEvent('no JSON', true, metadata, undefined)), { type: 't' })
  })
})
