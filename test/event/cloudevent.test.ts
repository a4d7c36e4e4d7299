import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  checkAttribute,
  checkAttributes,
  checkExtensions,
  type EventAttributes,
  type ExtensionValue,
  parseTime,
} from '../../src/event/cloudevent.ts'
import { assertRefused } from './fixtures.ts'

const name = (value: unknown): string => {
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const untyped = (value: unknown): EventAttributes => value as EventAttributes // what a caller without types may pass

describe('checkAttributes', () => {
  const notText: readonly unknown[] = [
    '',
    ' ',
    '\t',
    'a\nb',
    'a\r\nb',
    '\0',
    '\u007F',
    '\u0085',
    '\u009F',
    '\uD800',
    'x\uDEAD',
    '\uFFFE',
    '\uFDD0',
    '\u{1FFFF}',
    1,
    0,
    true,
    null,
    {},
    [],
    NaN,
  ]
  const text: readonly unknown[] = [
    'a',
    'A234-1234-1234',
    'a b',
    'größe',
    '日本',
    '\uD83D\uDE00',
    '__proto__',
    '0',
    '%',
    '"',
    '\u00A0x',
    '\uFFFD',
    'x'.repeat(1_000_000),
    '\u{1F600}'.repeat(500_000),
  ]
  const table: Readonly<Record<string, { readonly legal: readonly unknown[]; readonly refused: readonly unknown[] }>> =
    {
      id: { legal: text, refused: notText },
      type: { legal: text, refused: notText },
      subject: { legal: text, refused: notText },
      source: {
        legal: [
          'busbar',
          '/',
          '?q',
          '#f',
          '.',
          'https://github.com/cloudevents',
          'mailto:cncf-wg-serverless@lists.cncf.io',
          'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
          '/cloudevents/spec/pull/123',
          'cloudevents/spec/pull/123',
          '/sensors/tn-1234567/alerts',
          '1-555-123-4567',
          '//github.com/x',
          'http://[::1]:80/x',
          'http://u:p@[2001:db8::1]',
          'http://h?a=[]'.replace('[]', '%5B%5D'),
          'a/b:c',
          './1a:b',
          'x%20y',
          "a!$&'()*+,;=@~_",
        ],
        refused: [
          '',
          ' ',
          'a b',
          'http://[',
          'http://[::1',
          'http://[::1]x',
          'a#b#c',
          '%',
          '%4',
          '%zz',
          'a%2',
          '/a[1]',
          '1a:b',
          ':a',
          'ü',
          'a\n',
          '<a>',
          'a\\b',
          'a"b',
          '{a}',
          '^',
          '`',
          '|',
          5,
          null,
          new URL('http://a/'),
        ],
      },
      dataschema: {
        legal: [
          'https://example.com/schema.json',
          'urn:x:y',
          'https://example.com/schema.json#/definitions/order',
          'a:',
        ],
        refused: ['', '/schema.json', 'schema', '//h/x', '#/x', '?a:b', 'a/b:c', '1a:b', 'https://a b', 7, null],
      },
      datacontenttype: {
        legal: [
          'application/json',
          'text/plain',
          'TEXT/Plain; CharSet=utf-8',
          'application/vnd.apache.thrift.binary',
          'image/svg+xml',
          'multipart/form-data; boundary="a b;\\"c"',
          'text/plain;charset=utf-8',
          'a/b ; c=d ;e=f',
          `a/b;c=${'d'.repeat(10_000)}`,
        ],
        refused: [
          '',
          'json',
          '/json',
          'text/',
          'text/plain;',
          'text/plain; charset',
          'text/plain; =x',
          'text /plain',
          'a/b/c',
          'a/b, c/d',
          'text/plain\0',
          'text/plain\n',
          'a/b; c="d',
          'a/b; c="\u00e9"',
          'a/b; c=d e',
          `a/b${'; '.repeat(20_000)}`,
          `a/b;${' '.repeat(50_000)}!`,
          {},
        ],
      },
      time: {
        legal: [
          '2018-04-05T17:31:00Z',
          '2018-04-05t17:31:00.123456789z',
          '2016-12-31T23:59:60Z',
          '2018-04-05T17:31:00+14:00',
          '0000-02-29T00:00:00-00:00',
        ],
        refused: [
          '',
          '2018-04-05',
          '2018-02-30T17:31:00Z',
          '2018-04-05T17:31:00',
          '2018-04-05 17:31:00Z',
          '+275760-09-13T00:00:00Z',
          `2018-04-05T17:31:00.${'1'.repeat(10_000)}`,
          'now',
          0,
          1_522_949_460_000,
          null,
          new Date(NaN),
          new Date(8.64e15),
        ],
      },
    }

  for (const [attribute, { legal, refused }] of Object.entries(table)) {
    for (const value of legal) {
      it(`takes ${attribute} ${name(value)}`, () => {
        assert.deepEqual(checkAttributes(untyped({ [attribute]: value })), { [attribute]: value })
      })
    }
    for (const value of refused) {
      it(`refuses ${attribute} ${name(value)}`, () => {
        assertRefused(attribute, () => checkAttributes(untyped({ [attribute]: value })))
      })
    }
  }

  it('turns a Date into its ISO string, for time only', () => {
    const date = new Date('2018-04-05T17:31:00.5Z')
    assert.deepEqual(checkAttributes({ time: date }), { time: '2018-04-05T17:31:00.500Z' })
    assertRefused('subject', () => checkAttributes(untyped({ subject: date })))
  })

  it('leaves out what is undefined and what is no attribute', () => {
    assert.deepEqual(checkAttributes(untyped({ id: undefined, subject: 's', key: '', ttlMs: -1, data: 5 })), {
      subject: 's',
    })
  })

  it('refuses another specversion than 1.0', () => {
    for (const value of ['0.3', '1.1', '2.0', '', 1])
      assertRefused('specversion', () => checkAttributes(untyped({ specversion: value })))
  })

  it('looks at own properties only', () => {
    assert.deepEqual(checkAttributes(untyped(Object.create({ subject: 'inherited' }))), {})
  })

  it('copies, so that later changes of the options change nothing', () => {
    const given = { subject: 'before' }
    const checked = checkAttributes(given)
    given.subject = ''
    assert.deepEqual(checked, { subject: 'before' })
  })

  it('says what, quoted, and why', () => {
    assert.throws(() => checkAttributes({ source: 'http://[' }), {
      name: 'BusbarError',
      message: 'Invalid attribute "source": "http://[" is no URI-reference',
    })
  })

  it('refuses a URI of 100 000 hostile characters in no time', () => {
    for (const part of [':', '/', '//', '%41', '[', '@', '//a@[', '?', '#']) {
      const started = performance.now()
      assertRefused('source', () => checkAttributes({ source: `${part.repeat(100_000 / part.length)}\u00FC` }))
      assert.ok(performance.now() - started < 500, part)
    }
  })
})

describe('checkExtensions', () => {
  const untypedExtensions = (value: unknown): Record<string, ExtensionValue> => value as Record<string, ExtensionValue>

  for (const legal of [
    'a',
    '0',
    'traceparent',
    'comexampleextension1',
    'constructor',
    'an1extension2with3a4very5long6name7'.repeat(9),
  ]) {
    it(`takes the name ${name(legal)}`, () => {
      const checked = checkExtensions({ [legal]: 'v' })
      assert.deepEqual(Object.entries(checked), [[legal, 'v']])
    })
  }

  const core = ['id', 'source', 'specversion', 'type', 'subject', 'time', 'datacontenttype', 'dataschema', 'data']
  for (const refused of [
    ...core,
    'data_base64',
    '',
    'Upper',
    'camelCase',
    'a_b',
    'a-b',
    'a b',
    'a.b',
    'é',
    'a\n',
    '٣',
    '__proto__',
    'toString',
  ]) {
    it(`refuses the name ${name(refused)}`, () => {
      assertRefused(refused, () => checkExtensions(Object.fromEntries([[refused, '1.0']])))
    })
  }

  for (const value of ['', 'text', 'größe 😀', true, false, 0, -0, 1, -2_147_483_648, 2_147_483_647]) {
    it(`takes the value ${name(value)}`, () => assert.equal(checkExtensions({ ext: value })['ext'], value))
  }

  const refusedValues: readonly unknown[] = [
    null,
    NaN,
    Infinity,
    1.5,
    2_147_483_648,
    -2_147_483_649,
    1n,
    {},
    [],
    ['a'],
    new Date(0),
    () => 1,
    Symbol('s'),
    new Uint8Array(1),
    new String('a'),
    'a\nb',
    '\u0000',
    '\uD800',
    '\uFFFF',
    '\u0080',
    {
      valueOf: () => {
        throw new Error('called')
      },
    },
  ]
  for (const value of refusedValues) {
    it(`refuses the value ${typeof value === 'symbol' ? 'Symbol' : name(value)}`, () => {
      assertRefused('ext', () => checkExtensions(untypedExtensions({ ext: value })))
    })
  }

  for (const value of [null, 'abc', 5, ['a'], undefined]) {
    it(`refuses ${name(value)} in place of the object`, () => {
      assertRefused('extensions', () => checkExtensions(untypedExtensions(value)))
    })
  }

  it('takes an expirytime that is RFC 3339 and no other', () => {
    assert.deepEqual(checkExtensions({ expirytime: '2018-04-05T17:31:00Z' }), { expirytime: '2018-04-05T17:31:00Z' })
    for (const value of ['soon', '', 5]) assertRefused('expirytime', () => checkExtensions({ expirytime: value }))
  })

  it('leaves out what is undefined and what is inherited, and copies', () => {
    const given: Record<string, string | undefined> = Object.assign(Object.create({ inherited: 'x' }), {
      a: '1',
      b: undefined,
    })
    const checked = checkExtensions(given)
    given['a'] = '2'
    assert.deepEqual(checked, { a: '1' })
  })

  it('takes no part of a polluted Object.prototype', (t) => {
    Object.defineProperty(Object.prototype, 'polluted', { value: 'x', enumerable: true, configurable: true })
    t.after(() => Reflect.deleteProperty(Object.prototype, 'polluted'))
    assert.deepEqual(Object.keys(checkExtensions({ a: '1' })), ['a'])
  })
})

describe('checkAttribute', () => {
  it('takes any text without control characters, noncharacters and lone surrogates', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const legal = Array.from(text).every((character) => isLegal(character.codePointAt(0) ?? 0))
        if (legal) checkAttribute('ext', text)
        else assertRefused('ext', () => checkAttribute('ext', text))
      }),
    )
  })

  it('knows each character of Unicode', () => {
    for (let code = 0; code <= 0x10ffff; code++) {
      const check = (): void => checkAttribute('ext', `a${String.fromCodePoint(code)}`)
      if (isLegal(code)) check()
      else assertRefused('ext', check)
    }
  })

  /** The rule of the type String, said the long way round. */
  function isLegal(code: number): boolean {
    if (code <= 0x1f || (code >= 0x7f && code <= 0x9f)) return false
    if (code >= 0xd800 && code <= 0xdfff) return false
    return !(code >= 0xfdd0 && code <= 0xfdef) && (code & 0xfffe) !== 0xfffe
  }
})

describe('parseTime', () => {
  const at = Date.UTC(2018, 3, 5, 17, 31, 0)
  const table: readonly (readonly [string, number | undefined])[] = [
    ['2018-04-05T17:31:00Z', at],
    ['2018-04-05t17:31:00z', at],
    ['2018-04-05T17:31:00+00:00', at],
    ['2018-04-05T17:31:00-00:00', at],
    ['2018-04-05T19:31:00+02:00', at],
    ['2018-04-05T12:01:00-05:30', at],
    ['2018-04-06T17:30:00+23:59', at],
    ['2018-04-05T17:31:00.1Z', at + 100],
    ['2018-04-05T17:31:00.12Z', at + 120],
    ['2018-04-05T17:31:00.123Z', at + 123],
    ['2018-04-05T17:31:00.9999999999Z', at + 999],
    [`2018-04-05T17:31:00.${'0'.repeat(10_000)}Z`, at],
    ['1970-01-01T00:00:00Z', 0],
    ['1969-12-31T23:59:59.999Z', -1],
    ['1972-06-30T23:59:60Z', Date.UTC(1972, 6, 1)],
    ['1990-12-31T15:59:60-08:00', Date.UTC(1991, 0, 1)],
    ['2016-12-31T23:59:60.5Z', Date.UTC(2017, 0, 1) + 500],
    ['2016-12-30T23:59:60Z', undefined],
    ['2016-12-31T22:59:60Z', undefined],
    ['2016-12-31T23:59:60+01:00', undefined],
    ['2016-12-31T23:59:61Z', undefined],
    ['2020-02-29T00:00:00Z', Date.UTC(2020, 1, 29)],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
    ['1900-02-29T00:00:00Z', undefined],
    ['2019-02-29T00:00:00Z', undefined],
    ['2018-02-30T00:00:00Z', undefined],
    ['2018-04-31T00:00:00Z', undefined],
    ['2018-04-00T00:00:00Z', undefined],
    ['2018-00-01T00:00:00Z', undefined],
    ['2018-13-01T00:00:00Z', undefined],
    ['2018-04-05T24:00:00Z', undefined],
    ['2018-04-05T17:60:00Z', undefined],
    ['2018-04-05T17:31:00+24:00', undefined],
    ['2018-04-05T17:31:00+02:60', undefined],
    ['2018-04-05T17:31:00+0200', undefined],
    ['2018-04-05T17:31:00+02', undefined],
    ['2018-04-05T17:31:00', undefined],
    ['2018-04-05T17:31Z', undefined],
    ['2018-04-05T17:31:00.Z', undefined],
    ['2018-04-05T17:31:00,5Z', undefined],
    ['2018-04-05 17:31:00Z', undefined],
    ['2018-04-05', undefined],
    ['20180405T173100Z', undefined],
    ['+002018-04-05T17:31:00Z', undefined],
    ['+275760-09-13T00:00:00Z', undefined],
    [' 2018-04-05T17:31:00Z', undefined],
    ['2018-04-05T17:31:00Z\n', undefined],
    ['٢018-04-05T17:31:00Z', undefined],
    ['', undefined],
  ]

  for (const [text, ms] of table) {
    it(`makes ${ms ?? 'nothing'} of ${name(text)}`, () => assert.equal(parseTime(text), ms))
  }

  it('makes nothing of what is no text', () => {
    for (const junk of [undefined, null, 5, Symbol('s'), new Date(0), {}] as never[])
      assert.equal(parseTime(junk), undefined)
  })

  it('knows the first four centuries', () => {
    assert.equal(parseTime('0000-01-01T00:00:00Z'), -62_167_219_200_000)
    assert.equal(parseTime('0099-12-31T00:00:00Z'), Date.parse('0099-12-31T00:00:00Z'))
    assert.equal(parseTime('9999-12-31T23:59:60Z'), Date.parse('+010000-01-01T00:00:00Z'))
  })

  it('reads back every Date of four-digit years', () => {
    fc.assert(
      fc.property(
        fc.date({
          min: new Date('0000-01-01T00:00:00Z'),
          max: new Date('9999-12-31T23:59:59.999Z'),
          noInvalidDate: true,
        }),
        (date) => {
          assert.equal(parseTime(date.toISOString()), date.getTime())
        },
      ),
    )
  })
})
