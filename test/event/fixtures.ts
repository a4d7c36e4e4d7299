/** What the tests of events share: how an error has to look, and events to try. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { WireEvent } from '../../src/event/cloudevent.ts'

/** Asserts that the call is refused and that the error names this attribute, or none. */
export function assertRefused(attribute: string | undefined, call: () => unknown): void {
  assert.throws(call, (error: Error & { code?: string; attribute?: string }) => {
    assert.equal(error.code, 'ERR_EVENT_INVALID', String(error))
    assert.equal(error.attribute, attribute, error.message)
    if (attribute !== undefined)
      assert.ok(error.message.includes(attribute.slice(0, 20)) || error.message.includes(JSON.stringify(attribute)))
    assert.ok(error.message.length < 400)
    return true
  })
}

/** Gives every object these properties. @returns takes them away again */
export function pollute(properties: Readonly<Record<string, unknown>>): () => void {
  const names = Object.keys(properties)
  for (const name of names)
    Object.defineProperty(Object.prototype, name, { value: properties[name], configurable: true, writable: true })
  return () => names.forEach((name) => void Reflect.deleteProperty(Object.prototype, name))
}

/** The least that an event needs. */
export const least: WireEvent = { specversion: '1.0', id: '1', source: '/s', type: 't' }

const context = {
  specversion: '1.0',
  type: 'com.example.someevent',
  source: '/mycontext',
  time: '2018-04-05T17:31:00Z',
  comexampleextension1: 'value',
  comexampleothervalue: 5,
} as const

const appinfo = { appinfoA: 'abc', appinfoB: 123, appinfoC: true }

/** What one event is in memory, as members of a JSON object, and as a message in binary mode. */
export interface Example {
  readonly event: WireEvent
  readonly members: Readonly<Record<string, unknown>>
  readonly contentType: string | undefined
  readonly body: string | Uint8Array
}

/** The examples of JSON Event Format 3.2, in their order. */
export const examples: Readonly<Record<string, Example>> = {
  'binary data': {
    event: {
      ...context,
      id: 'A234-1234-1234',
      datacontenttype: 'application/vnd.apache.thrift.binary',
      data: Uint8Array.of(0, 255, 62, 63),
    },
    members: {
      ...context,
      id: 'A234-1234-1234',
      datacontenttype: 'application/vnd.apache.thrift.binary',
      data_base64: 'AP8+Pw==',
    },
    contentType: 'application/vnd.apache.thrift.binary',
    body: Uint8Array.of(0, 255, 62, 63),
  },
  'XML in a string': {
    event: { ...context, id: 'B234-1234-1234', datacontenttype: 'application/xml', data: '<much wow="xml"/>' },
    members: {
      ...context,
      id: 'B234-1234-1234',
      unsetextension: null,
      datacontenttype: 'application/xml',
      data: '<much wow="xml"/>',
    },
    contentType: 'application/xml',
    body: '<much wow="xml"/>',
  },
  'a JSON object': {
    event: { ...context, id: 'C234-1234-1234', datacontenttype: 'application/json', data: appinfo },
    members: { ...context, subject: null, id: 'C234-1234-1234', datacontenttype: 'application/json', data: appinfo },
    contentType: 'application/json',
    body: '{"appinfoA":"abc","appinfoB":123,"appinfoC":true}',
  },
  'a JSON number': {
    event: { ...context, id: 'C234-1234-1234', datacontenttype: 'application/json', data: 1.5 },
    members: { ...context, subject: null, id: 'C234-1234-1234', datacontenttype: 'application/json', data: 1.5 },
    contentType: 'application/json',
    body: '1.5',
  },
  'a JSON string without datacontenttype': {
    event: { ...context, id: 'D234-1234-1234', data: "I'm just a string" },
    members: { ...context, subject: null, id: 'D234-1234-1234', data: "I'm just a string" },
    contentType: 'application/json',
    body: '"I\'m just a string"',
  },
  'binary data without datacontenttype': {
    event: {
      specversion: '1.0',
      type: 'com.example.someevent',
      source: '/mycontext',
      id: 'D234-1234-1234',
      data: new TextEncoder().encode('{ "xyz": 123 }'),
    },
    members: {
      specversion: '1.0',
      type: 'com.example.someevent',
      source: '/mycontext',
      id: 'D234-1234-1234',
      data_base64: 'eyAieHl6IjogMTIzIH0=',
    },
    contentType: undefined,
    body: new TextEncoder().encode('{ "xyz": 123 }'),
  },
}

const source = '//github.com/cloudevents/cloudeventsconformance/yaml/v1.yaml'
const minimum = (id: string, datacontenttype: string, data: unknown): WireEvent => ({
  specversion: '1.0',
  type: 'io.cloudevents.minimum',
  id,
  source,
  datacontenttype,
  data,
})

/** The events that the public conformance suite sends, with the bodies they have in binary mode. */
export const conformance: readonly (readonly [WireEvent, body: string])[] = [
  [minimum('conformance-0001', 'text/plain; charset=us-ascii', 'Hello, World!\n'), 'Hello, World!\n'],
  [minimum('conformance-0002', 'text/plain; charset=utf-8', 'Hello, 🌎!\n'), 'Hello, 🌎!\n'],
  [minimum('conformance-0003', 'application/json; charset=utf-8', 'Hello, 🌎!'), '"Hello, 🌎!"'],
  [minimum('conformance-0004', 'application/json; charset=utf-8', { msg: 'Hello, 🌎!' }), '{"msg":"Hello, 🌎!"}'],
  [minimum('conformance-0005', 'application/json; charset=utf-8', ['Hello', '🌎!']), '["Hello","🌎!"]'],
  [minimum('conformance-0006', 'application/xml; charset=utf-8', '<msg>Hello, 🌎!</msg>\n'), '<msg>Hello, 🌎!</msg>\n'],
]

// As the specification says it, and not as the code does.
const legalText = (text: string): boolean =>
  Array.from(text).every((character) => {
    const code = character.codePointAt(0) ?? 0
    return (
      code > 0x1f &&
      !(code >= 0x7f && code <= 0x9f) &&
      !(code >= 0xd800 && code <= 0xdfff) &&
      !(code >= 0xfdd0 && code <= 0xfdef) &&
      (code & 0xfffe) !== 0xfffe
    )
  })

const hostile = fc.constantFrom(
  '"',
  '%',
  '%25',
  '%C0%A0',
  '\\',
  '\\"',
  ' ',
  '  ',
  '+',
  ',',
  ';',
  '=',
  '€',
  '😀',
  'é',
  '\u00A0',
  '\uFEFF',
  '{',
  '}',
  ':',
  '__proto__',
  'a',
)
const anyText = fc
  .oneof(
    fc.array(hostile, { maxLength: 8 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  )
  .filter(legalText)
const someText = anyText.filter((text) => /\S/.test(text))
const extensionName = fc
  .oneof(fc.stringMatching(/^[a-z\d]{1,25}$/), fc.constantFrom('constructor', '0', 'traceparent'))
  .filter(
    (name) =>
      ![
        'id',
        'source',
        'type',
        'subject',
        'time',
        'specversion',
        'datacontenttype',
        'dataschema',
        'data',
        'expirytime',
      ].includes(name),
  )
const json = fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.parse(JSON.stringify(value)) as unknown) // -0 is 0 in JSON
const content = fc.oneof(
  fc.constant({}),
  json.map((data) => ({ data })),
  fc
    .tuple(
      fc.constantFrom('application/json', 'application/json; charset=utf-8', 'APPLICATION/vnd.x+JSON', 'text/json'),
      json,
    )
    .map(([datacontenttype, data]) => ({ datacontenttype, data })),
  fc
    .tuple(
      fc.constantFrom('text/plain', 'application/xml', 'image/svg+xml; charset=UTF-8'),
      fc.string({ unit: 'grapheme' }),
    )
    .map(([datacontenttype, data]) => ({ datacontenttype, data })),
  fc
    .tuple(fc.constantFrom('application/octet-stream', 'image/png', 'text/plain; charset=utf-16'), fc.uint8Array())
    .map(([datacontenttype, data]) => ({ datacontenttype, data: new Uint8Array(data) })),
  fc.uint8Array({ minLength: 1 }).map((data) => ({ data: new Uint8Array(data) })),
)

/** Any legal event. */
export const anyEvent: fc.Arbitrary<WireEvent> = fc
  .record({
    attributes: fc.record(
      {
        id: someText,
        type: someText,
        source: fc.oneof(fc.webUrl(), fc.constantFrom('/a', 'urn:x:y', 'busbar', '%41?%20#f')),
        subject: someText,
        time: fc.constantFrom('2018-04-05T17:31:00Z', '2018-04-05t17:31:00.123456789+02:00'),
        dataschema: fc.constant('https://example.com/schema.json#/definitions/order'),
      },
      { requiredKeys: ['id', 'type', 'source'], noNullPrototype: true },
    ),
    extensions: fc.dictionary(extensionName, fc.oneof(anyText, fc.boolean(), fc.integer()), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    content,
  })
  .map(({ attributes, extensions, content }) => ({ specversion: '1.0', ...attributes, ...extensions, ...content }))
