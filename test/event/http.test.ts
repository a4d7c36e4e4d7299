import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { WireEvent } from '../../src/event/cloudevent.ts'
import { batchFromHTTP, batchToHTTP, contentMode, fromHTTP, type HTTPMessage, toHTTP } from '../../src/event/http.ts'
import { bytesOf } from '../../src/event/json.ts'
import { anyEvent, assertRefused, conformance, examples, least } from './fixtures.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const asBytes = (body: HTTPMessage['body']): Uint8Array | undefined => (typeof body === 'string' ? bytes(body) : body)
const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
const structured = { 'content-type': 'application/cloudevents+json' }

/** The event after binary mode: attributes are text and JSON data has a content type. */
function asText(event: WireEvent): Record<string, unknown> {
  const attributes = Object.entries(event).map(([name, value]) => [name, name === 'data' ? value : String(value)])
  const implied = 'data' in event && event.datacontenttype === undefined && bytesOf(event.data) === undefined
  return { ...Object.fromEntries(attributes), ...(implied ? { datacontenttype: 'application/json' } : {}) }
}

describe('fromHTTP and toHTTP in binary mode', () => {
  for (const [what, { event, contentType, body }] of Object.entries(examples)) {
    it(`write and read the specification's example with ${what}`, () => {
      const message = toHTTP(event)
      assert.equal(message.headers['content-type'], contentType)
      assert.equal(message.headers['ce-comexampleothervalue'], 'comexampleothervalue' in event ? '5' : undefined)
      assert.deepEqual(message.body, body)
      assert.deepEqual(fromHTTP(message), asText(event))
    })
  }

  for (const [event, body] of conformance) {
    it(`write and read the conformance suite's event ${event.id}`, () => {
      const message = toHTTP(event)
      assert.deepEqual(message, {
        headers: {
          'ce-specversion': '1.0',
          'ce-type': 'io.cloudevents.minimum',
          'ce-id': event.id,
          'ce-source': event.source,
          'content-type': event.datacontenttype,
        },
        body,
      })
      assert.deepEqual(fromHTTP({ headers: message.headers, body: asBytes(message.body) }), event)
    })
  }

  it('keep any legal event, from text and from bytes, and its headers are printable ASCII', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { headers, body } = toHTTP(event)
        assert.deepEqual(fromHTTP({ headers, body }), asText(event))
        for (const value of Object.values(headers)) assert.match(value, /^[ -~]*$/)
        for (const [name, value] of Object.entries(headers))
          if (name !== 'content-type') assert.doesNotMatch(value, /[ "]/)
        // Over a socket no body and an empty one are the same.
        if (body !== undefined)
          assert.deepEqual(fromHTTP({ headers: new Headers(headers), body: asBytes(body) }), asText(event))
      }),
    )
  })
})

describe('toHTTP in binary mode', () => {
  for (const [value, header] of [
    ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
    ['a "b" c', 'a%20%22b%22%20c'],
    ['100%', '100%25'],
    ['%20', '%2520'],
    ["!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"],
    ['', ''],
    [true, 'true'],
    [false, 'false'],
    [0, '0'],
    [-2_147_483_648, '-2147483648'],
  ] as const) {
    it(`writes ${JSON.stringify(value)} as ${JSON.stringify(header)}`, () => {
      assert.equal(toHTTP({ ...least, ext: value }).headers['ce-ext'], header)
    })
  }

  it('writes no content type and no body for no data', () =>
    assert.deepEqual(toHTTP(least), { headers: binary, body: undefined }))

  it('writes a null as JSON', () => {
    const { headers, body } = toHTTP({ ...least, data: null })
    assert.deepEqual([headers['content-type'], body], ['application/json', 'null'])
    assert.equal(fromHTTP({ headers, body }).data, null)
  })

  it('hands bytes on without a copy', () => {
    const data = Uint8Array.of(1, 2)
    assert.equal(toHTTP({ ...least, data }).body, data)
  })

  it('refuses text in a charset that it cannot write', () => {
    for (const type of ['text/plain; charset=iso-8859-1', 'application/json; charset="utf-16"']) {
      assertRefused('datacontenttype', () => toHTTP({ ...least, datacontenttype: type, data: 'é' }))
      assert.deepEqual(toHTTP({ ...least, datacontenttype: type, data: Uint8Array.of(233) }).body, Uint8Array.of(233))
    }
  })

  const untyped = (value: unknown): WireEvent => value as WireEvent // what a caller without types may pass
  for (const [attribute, more] of [
    ['id', { id: '' }],
    ['id', { id: 'a\r\nx: y' }],
    ['ext', { ext: 'line\nbreak' }],
    ['ext', { ext: '\uD800' }],
    ['ext', { ext: 1.5 }],
    ['subject', { subject: null }],
    ['a-b', { 'a-b': 'x' }],
    ['data', { data: 1n }],
    ['data', { data: () => 1 }],
    ['data', { datacontenttype: 'text/plain', data: {} }],
    ['datacontenttype', { datacontenttype: 'a/b\r\nx: y', data: '' }],
  ] as const) {
    it(`refuses a wrong ${attribute}`, () => assertRefused(attribute, () => toHTTP(untyped({ ...least, ...more }))))
  }
})

describe('fromHTTP in binary mode', () => {
  it('takes Headers, a Map, pairs, and objects with any case and with lists', () => {
    const upper = Object.fromEntries(Object.entries(binary).map(([name, value]) => [name.toUpperCase(), value]))
    const lists = Object.fromEntries(Object.entries(binary).map(([name, value]) => [name, [value]]))
    for (const headers of [
      binary,
      new Headers(binary),
      new Map(Object.entries(binary)),
      Object.entries(binary),
      upper,
      lists,
    ]) {
      assert.deepEqual(fromHTTP({ headers }), least)
    }
  })

  it('ignores headers that are not about the event', () => {
    const others = {
      host: 'x',
      'set-cookie': ['a', 'b'],
      'content-length': '0',
      'x-ce-id': '2',
      cookie: undefined,
      traceparent: '00',
      ['__proto__']: 'x',
    }
    assert.deepEqual(fromHTTP({ headers: { ...others, ...binary } }), least)
  })

  it('freezes the event and not its data', () => {
    const event = fromHTTP({ headers: { ...binary, 'content-type': 'application/json' }, body: '{"a":{}}' })
    assert.ok(Object.isFrozen(event))
    assert.equal(Object.isFrozen(event.data), false)
  })

  for (const [header, value] of [
    ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['Euro%20%e2%82%ac', 'Euro €'],
    ['%41%42', 'AB'],
    ['%2520', '%20'],
    ['a b', 'a b'],
    [' a\t', 'a'],
    ['"a b"', 'a b'],
    ['"a \\"b\\" \\\\ c"', 'a "b" \\ c'],
    ['"a%20b"', 'a b'],
    ['x"a b"y', 'xa by'],
    ['"%22"', '"'],
    ['a\\b', 'a\\b'],
    ['a+b', 'a+b'],
    ['', ''],
  ] as const) {
    it(`reads ${JSON.stringify(header)} as ${JSON.stringify(value)}`, () => {
      assert.equal(fromHTTP({ headers: { ...binary, 'ce-ext': header } })['ext'], value)
    })
  }

  for (const header of [
    '%C0%A0',
    '%E2%82',
    '%ED%A0%80',
    '%FF',
    '%',
    '%4',
    '%zz',
    '%0D%0A',
    '%00',
    '%7F',
    '%C2%85',
    '%EF%BF%BF',
    '"a',
    'a"',
    '"a"b"',
    '"a\\"',
    'é',
    '€',
    'a\u00A0',
    'a\tb',
    'a\nb',
  ]) {
    it(`refuses the header value ${JSON.stringify(header)}`, () => {
      assertRefused('ext', () => fromHTTP({ headers: { ...binary, 'ce-ext': header } }))
    })
  }

  for (const name of ['specversion', 'id', 'source', 'type']) {
    it(`refuses a message without ce-${name}`, () => {
      assertRefused(name, () => fromHTTP({ headers: { ...binary, [`ce-${name}`]: undefined } }))
      assertRefused(name, () => fromHTTP({ headers: { ...binary, [`ce-${name}`]: '' } }))
    })
  }

  for (const [attribute, headers] of [
    ['specversion', { 'ce-specversion': '0.3' }],
    ['specversion', { 'ce-specversion': '1.0, 1.0' }],
    ['id', { 'ce-id': ['1', '2'] }],
    ['id', { 'ce-id': [] }],
    ['id', { 'CE-ID': '2' }],
    ['source', { 'ce-source': 'http://[' }],
    ['time', { 'ce-time': 'now' }],
    ['datacontenttype', { 'ce-datacontenttype': 'text/plain' }],
    ['datacontenttype', { 'content-type': 'nonsense' }],
    ['datacontenttype', { 'content-type': '' }],
    ['datacontenttype', { 'content-type': ['a/b', 'c/d'] }],
    ['datacontenttype', { 'content-type': 'a/b, c/d' }],
    ['data', { 'ce-data': 'x' }],
    ['data_base64', { 'ce-data_base64': 'Zg==' }],
    ['a-b', { 'ce-a-b': 'x' }],
    ['', { 'ce-': 'x' }],
    ['__proto__', { 'ce-__proto__': 'x' }],
  ] as const) {
    it(`refuses ${JSON.stringify(headers)}`, () =>
      assertRefused(attribute, () => fromHTTP({ headers: { ...binary, ...headers }, body: '' })))
  }

  for (const [contentType, body, data] of [
    [undefined, '{}', bytes('{}')],
    ['application/json', 'null', null],
    ['application/json', '\uFEFF1', 1],
    ['application/JSON; charset=UTF-8', '"é"', 'é'],
    ['application/problem+json', '[]', []],
    ['text/plain', '', ''],
    ['text/plain', 'é', 'é'],
    ['text/plain', '\uFEFFa', '\uFEFFa'],
    ['text/html; charset=us-ascii', '<p>', '<p>'],
    ['application/xml', '<a/>', '<a/>'],
    ['image/svg+xml', '<svg/>', '<svg/>'],
    ['text/plain; charset=utf-16', 'ab', bytes('ab')],
    ['application/octet-stream', 'ab', bytes('ab')],
    ['application/octet-stream', '', Uint8Array.of()],
  ] as const) {
    it(`reads ${JSON.stringify(body)} as ${contentType ?? 'no content type'}`, () => {
      const headers = { ...binary, 'content-type': contentType }
      for (const form of [body, bytes(body), bytes(body).slice().buffer])
        assert.deepEqual(fromHTTP({ headers, body: form }).data, data)
    })
  }

  it('has no data when there is no body, and when the body of a JSON message is empty or has no content type', () => {
    for (const body of [undefined, null])
      assert.equal('data' in fromHTTP({ headers: { ...binary, 'content-type': 'text/plain' }, body }), false)
    for (const body of ['', Uint8Array.of()]) {
      assert.equal('data' in fromHTTP({ headers: { ...binary, 'content-type': 'application/json' }, body }), false)
      assert.equal('data' in fromHTTP({ headers: binary, body }), false)
    }
  })

  for (const [attribute, contentType, body] of [
    ['data', 'application/json', '{"a":'],
    ['data', 'application/json', Uint8Array.of(0x22, 0xc0, 0xa0, 0x22)],
    ['data', 'text/plain', Uint8Array.of(0xff)],
    ['datacontenttype', 'application/json; charset=utf-16', '{}'],
  ] as const) {
    it(`refuses a body that is not what ${contentType} says`, () => {
      assertRefused(attribute, () => fromHTTP({ headers: { ...binary, 'content-type': contentType }, body }))
    })
  }

  it('refuses hostile headers of 100 000 characters in no time', () => {
    for (const part of ['"', '\\"', '"\\', '%', ' "', '%41', ' ;', '; ']) {
      const value = `x${part.repeat(100_000 / part.length)}\u00FC`
      const started = performance.now()
      assertRefused('ext', () =>
        fromHTTP({ headers: { ...binary, 'ce-ext': `${value.slice(0, -1)}"${value.slice(-1)}` } }),
      )
      assertRefused('datacontenttype', () => fromHTTP({ headers: { ...binary, 'content-type': value } }))
      assertRefused('ext', () => fromHTTP({ headers: { ...binary, 'ce-ext': `"${'\\"'.repeat(50_000)}` } }))
      assertRefused('datacontenttype', () =>
        fromHTTP({ headers: { ...binary, 'content-type': `a${' '.repeat(100_000)}b` } }),
      )
      assert.ok(performance.now() - started < 1000, part)
    }
  })

  it('reads what a polluted prototype adds as nothing', (t) => {
    Object.defineProperty(Object.prototype, 'ce-subject', { value: 'x', enumerable: true, configurable: true })
    t.after(() => Reflect.deleteProperty(Object.prototype, 'ce-subject'))
    assert.equal('subject' in fromHTTP({ headers: binary }), false)
  })
})

describe('fromHTTP and toHTTP in structured mode', () => {
  it('keep any legal event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const message = toHTTP(event, 'structured')
        assert.deepEqual(Object.keys(message.headers), ['content-type'])
        assert.deepEqual(fromHTTP({ headers: message.headers, body: asBytes(message.body) }), event)
      }),
    )
  })

  const body = JSON.stringify({
    specversion: '1.0',
    type: 'com.example.someevent',
    time: '2018-04-05T03:56:24Z',
    id: '1234-1234-1234',
    source: '/mycontext/subcontext',
    datacontenttype: 'application/json',
    data: { message: 'Hello World!' },
  })
  for (const contentType of [
    'application/cloudevents+json',
    'application/cloudevents+json; charset=utf-8',
    'Application/CloudEvents+JSON ;charset="UTF-8"',
  ]) {
    it(`read the conformance suite's event as ${contentType}`, () => {
      assert.deepEqual(fromHTTP({ headers: { 'Content-Type': contentType }, body }), JSON.parse(body))
    })
  }

  it('ignore attributes that are repeated in headers', () => {
    assert.equal(
      fromHTTP({ headers: { ...structured, 'ce-id': 'other', 'ce-bad_name': '%' }, body }).id,
      '1234-1234-1234',
    )
  })

  for (const contentType of [
    'application/cloudevents',
    'application/cloudevents+avro',
    'application/cloudevents-batch',
    'application/cloudevents+json; charset=utf-16',
  ]) {
    it(`refuse ${contentType}`, () => {
      assertRefused(undefined, () => fromHTTP({ headers: { ...binary, 'content-type': contentType }, body }))
      assertRefused(undefined, () => contentMode({ 'content-type': contentType }))
    })
  }

  it('refuse a message without a body', () => {
    for (const nothing of [undefined, null, ''])
      assertRefused(undefined, () => fromHTTP({ headers: structured, body: nothing }))
  })
})

describe('batchFromHTTP and batchToHTTP', () => {
  it('keep every event', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 4 }), (events) => {
        const message = batchToHTTP(events)
        assert.equal(message.headers['content-type'], 'application/cloudevents-batch+json; charset=utf-8')
        assert.deepEqual(batchFromHTTP(message), events)
      }),
      { numRuns: 50 },
    )
  })

  it('read one event in another mode as a list of one', () => {
    assert.deepEqual(batchFromHTTP(toHTTP(least)), [least])
    assert.deepEqual(batchFromHTTP(toHTTP(least, 'structured')), [least])
  })

  it('never take the first event for all: fromHTTP refuses a batch', () => {
    for (const events of [[], [least], [least, least]]) {
      assert.throws(() => fromHTTP(batchToHTTP(events)), {
        code: 'ERR_EVENT_INVALID',
        message: 'Invalid event: a batch is not one event',
      })
    }
  })

  it('refuse a list in structured mode, and an event in batched mode', () => {
    assertRefused(undefined, () => batchFromHTTP({ headers: structured, body: '[]' }))
    assertRefused(undefined, () => batchFromHTTP({ headers: batchToHTTP([]).headers, body: JSON.stringify(least) }))
  })
})

describe('contentMode', () => {
  for (const [headers, mode] of [
    [binary, 'binary'],
    [{ 'CE-SpecVersion': '0.3' }, 'binary'],
    [structured, 'structured'],
    [{ ...binary, ...structured }, 'structured'],
    [{ 'content-type': 'APPLICATION/CLOUDEVENTS-BATCH+JSON' }, 'batched'],
    [{ 'content-type': 'application/json' }, undefined],
    [{ 'content-type': 'text/plain; x="application/cloudevents+json"' }, undefined],
    [{}, undefined],
  ] as const) {
    it(`is ${mode ?? 'undefined'} for ${JSON.stringify(headers)}`, () => assert.equal(contentMode(headers), mode))
  }
})

describe('What is no message at all', () => {
  for (const junk of [undefined, null, 5, 'text', true, Symbol('s'), [], {}, { headers: null }, { headers: 'ce-id' }]) {
    it(`is refused: ${typeof junk === 'symbol' ? 'a symbol' : JSON.stringify(junk)}`, () => {
      const received = junk as never
      assertRefused(undefined, () => fromHTTP(received))
      assertRefused(undefined, () => batchFromHTTP(received))
    })
  }

  it('has no content mode either', () => {
    for (const headers of [undefined, null, 5, 'ce-id', Symbol('s')] as never[])
      assertRefused(undefined, () => contentMode(headers))
    assert.equal(contentMode([[1, 2]] as never), undefined)
  })

  it('is not made for an unknown mode', () => {
    for (const mode of ['batched', '', 'toString', null, 5] as never[])
      assert.throws(() => toHTTP(least, mode), { code: 'ERR_OPTION_INVALID', option: 'mode' })
  })
})

describe('events over a socket', () => {
  async function receive(incoming: IncomingMessage): Promise<readonly WireEvent[]> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(Buffer.from(chunk))
    return batchFromHTTP({ headers: incoming.headers, body: Buffer.concat(chunks) })
  }

  it('arrive as they were sent, in the three modes', async (t) => {
    const server = createServer((incoming, response) => {
      receive(incoming).then(
        (events) => response.end(JSON.stringify(events)),
        (error) => response.writeHead(400).end(String(error)),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo // it listens on TCP

    async function send({ headers, body }: HTTPMessage): Promise<unknown> {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        request({ host: '127.0.0.1', port, method: 'POST', headers, agent: false }, resolve)
          .on('error', reject)
          .end(body)
      })
      return JSON.parse(Buffer.concat(await answer.toArray()).toString())
    }

    const event: WireEvent = {
      ...least,
      subject: 'größe 100% "x" 😀',
      n: 5,
      datacontenttype: 'application/json',
      data: { price: '5 €' },
    }
    assert.deepEqual(await send(toHTTP(event)), [{ ...event, n: '5' }])
    assert.deepEqual(await send(toHTTP(event, 'structured')), [event])
    assert.deepEqual(await send(batchToHTTP([event, least])), [event, least])
  })
})
