import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { WireEvent } from '../../src/event/cloudevent.ts'
import { batchFromJSON, batchToJSON, fromJSON, fromMembers, toJSON } from '../../src/event/json.ts'
import { anyEvent, assertRefused, conformance, examples, least } from './fixtures.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const untyped = (value: unknown): WireEvent => value as WireEvent // what a caller without types may pass
const text = (more: Readonly<Record<string, unknown>>): string => JSON.stringify({ ...least, ...more })

describe('fromJSON and toJSON', () => {
  for (const [what, { event, members }] of Object.entries(examples)) {
    it(`read and write the specification's example with ${what}`, () => {
      assert.deepEqual(fromJSON(JSON.stringify(members, undefined, 4)), event)
      const set = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))
      assert.deepEqual(JSON.parse(toJSON(event)), set)
    })
  }

  for (const [event] of conformance) {
    it(`keep the conformance suite's event ${event.id}`, () => assert.deepEqual(fromJSON(toJSON(event)), event))
  }

  it('keep any legal event, from text and from bytes', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const written = toJSON(event)
        assert.deepEqual(fromJSON(written), event)
        assert.deepEqual(fromJSON(bytes(written)), event)
        assert.deepEqual(fromJSON(bytes(written).slice().buffer), event)
      }),
    )
  })

  it('keep text that looks like JSON a string', () => {
    for (const datacontenttype of ['application/json', 'text/plain']) {
      const event = { ...least, datacontenttype, data: '{"a":1}' }
      assert.deepEqual(fromJSON(toJSON(event)), event)
    }
  })

  it('tell no data from null', () => {
    assert.equal('data' in fromJSON(toJSON(least)), false)
    assert.equal(fromJSON(toJSON({ ...least, data: null })).data, null)
    assert.equal('data' in fromJSON(toJSON({ ...least, data: undefined })), false)
  })

  const stamps = { specversion: '1.0', id: '1', source: '/a', type: 't', time: '2030-01-02T03:04:05.006Z' } as const

  for (const more of [
    {},
    { id: 'a","source":"b' },
    { id: '\\' },
    { type: 'é' },
    { time: '2030-01-31T03:04:05+01:00' },
  ]) {
    it(`write what a broker stamps on an event, with ${JSON.stringify(more)}`, () => {
      const event = { ...stamps, ...more, subject: 's', data: { a: 1 } }
      assert.equal(toJSON(event), JSON.stringify(event))
    })
  }

  for (const [name, value] of [
    ['specversion', 1],
    ['id', 5],
    ['id', ['1']],
    ['source', 'a b'],
    ['type', ''],
    ['time', '2030-02-30T03:04:05Z'],
    ['time', null],
  ] as const) {
    it(`refuse to write ${name} ${JSON.stringify(value)} among what a broker stamps`, () =>
      assertRefused(name, () => toJSON(untyped({ ...stamps, [name]: value }))))
  }

  it('keep a megabyte of binary data', () => {
    const data = Uint8Array.from({ length: 1_000_003 }, (_, index) => (index * 31) % 256)
    const event = fromJSON(toJSON({ ...least, data }))
    assert.ok(event.data instanceof Uint8Array)
    assert.ok(Buffer.from(data).equals(event.data))
  })
})

describe('fromJSON', () => {
  it('freezes the event and not its data', () => {
    const event = fromJSON(text({ data: { list: [] } }))
    assert.ok(Object.isFrozen(event))
    assert.equal(Object.isFrozen(event.data), false)
  })

  it('skips a byte order mark', () => {
    assert.deepEqual(fromJSON(`\uFEFF${text({})}`), least)
    assert.deepEqual(fromJSON(bytes(`\uFEFF${text({})}`)), least)
  })

  it('takes null for absent, but not as data', () => {
    const event = fromJSON(text({ subject: null, time: null, ext: null, data: null, data_base64: null }))
    assert.deepEqual(event, { ...least, data: null })
  })

  for (const name of ['specversion', 'id', 'source', 'type']) {
    it(`refuses an event without ${name}`, () => {
      assertRefused(name, () => fromJSON(text({ [name]: undefined })))
      assertRefused(name, () => fromJSON(text({ [name]: null })))
    })

    it(`refuses an event that has ${name} from a polluted prototype only`, (t) => {
      Object.defineProperty(Object.prototype, name, { value: '1.0', configurable: true, writable: true })
      t.after(() => Reflect.deleteProperty(Object.prototype, name))
      assertRefused(name, () =>
        fromJSON(JSON.stringify(Object.fromEntries(Object.entries(least).filter(([key]) => key !== name)))),
      )
    })

    for (const value of ['', ' ', 5, 1, {}, [], true, 'a\r\nb', '\uD800']) {
      it(`refuses ${name} ${JSON.stringify(value)}`, () => assertRefused(name, () => fromJSON(text({ [name]: value }))))
    }
  }

  for (const [name, value] of [
    ['specversion', '0.3'],
    ['specversion', '1.1'],
    ['specversion', '2.0'],
    ['source', 'http://['],
    ['time', '2018-02-30T00:00:00Z'],
    ['time', '2018-04-05'],
    ['time', 5],
    ['subject', ''],
    ['dataschema', '/relative'],
    ['datacontenttype', 'json'],
    ['datacontenttype', 'text/plain\0'],
    ['expirytime', 'garbage'],
    ['Upper', 'x'],
    ['snake_case', 'x'],
    ['a-b', 'x'],
    ['', 'x'],
    ['data_base65', 'x'],
    ['ext', {}],
    ['ext', []],
    ['ext', 1.5],
    ['ext', 2_147_483_648],
    ['ext', '\u0007'],
    ['data_base64', 'Zg'],
    ['data_base64', 'Zg='],
    ['data_base64', 'Zg==='],
    ['data_base64', '===='],
    ['data_base64', 'Z=g='],
    ['data_base64', 'Zm9v\n'],
    ['data_base64', 'Zm 9v'],
    ['data_base64', '-_-_'],
    ['data_base64', 'Zm9é'],
    ['data_base64', 5],
    ['data_base64', { a: 1 }],
  ] as const) {
    it(`refuses ${name || 'the empty name'} ${JSON.stringify(value)}`, () =>
      assertRefused(name, () => fromJSON(text({ [name]: value }))))
  }

  for (const [base64, expected] of [
    ['', []],
    ['Zg==', [102]],
    ['Zm8=', [102, 111]],
    ['Zm9v', [102, 111, 111]],
    ['+/+/', [251, 255, 191]],
  ] as const) {
    it(`decodes data_base64 ${JSON.stringify(base64)}`, () => {
      assert.deepEqual(fromJSON(text({ data_base64: base64 })).data, Uint8Array.from(expected))
    })
  }

  it('takes escapes in data_base64', () => {
    const escaped = text({ data_base64: '+/+/' }).replace('+', '\\u002B').replace('/+/"', '\\/+\\u002f"')
    assert.deepEqual(fromJSON(escaped).data, Uint8Array.of(251, 255, 191))
  })

  it('refuses data beside data_base64', () => {
    for (const data of [{}, null, '']) assertRefused('data_base64', () => fromJSON(text({ data, data_base64: 'Zg==' })))
  })

  it('leaves binary data unparsed when its content type is JSON', () => {
    const { data } = fromJSON(text({ datacontenttype: 'application/json', data_base64: 'e30=' }))
    assert.deepEqual(data, bytes('{}'))
  })

  it('refuses data that is no string when the content type is not JSON', () => {
    for (const data of [{}, 5, null, true])
      assertRefused('data', () => fromJSON(text({ datacontenttype: 'text/plain', data })))
  })

  for (const datacontenttype of [
    'application/json',
    'application/JSON; charset=utf-8',
    'application/problem+json',
    'text/json',
    'a/b+json ; c=d',
  ]) {
    it(`takes ${datacontenttype} for JSON`, () =>
      assert.deepEqual(fromJSON(text({ datacontenttype, data: {} })).data, {}))
  }

  for (const datacontenttype of ['application/jsonx', 'json/plain', 'a/b; c="x/json"', 'application/geo+json-seq']) {
    it(`does not take ${datacontenttype} for JSON`, () =>
      assertRefused('data', () => fromJSON(text({ datacontenttype, data: {} }))))
  }

  it('refuses __proto__ and pollutes nothing', () => {
    const member = '"__proto__":{"polluted":1}'
    assertRefused('__proto__', () => fromJSON(text({}).replace('{', `{${member},`)))
    assertRefused('__proto__', () => fromJSON(text({ data_base64: 'Zg==' }).replace('{', `{${member},`)))
    assertRefused('id', () => fromJSON('{"__proto__":{"id":"1"},"specversion":"1.0","source":"/s","type":"t"}'))
    assert.equal(Reflect.get({}, 'polluted'), undefined)
  })

  it('passes __proto__ inside data through as an own property', () => {
    const data: unknown = fromJSON(`${text({}).slice(0, -1)},"data":{"__proto__":{"x":1}}}`).data
    assert.ok(typeof data === 'object' && data !== null && Object.hasOwn(data, '__proto__'))
    assert.equal(Reflect.get({}, 'x'), undefined)
  })

  it('takes the last of two members with one name', () => {
    assert.equal(fromJSON(text({}).replace('{', '{"id":"first",')).id, '1')
    assertRefused('specversion', () => fromJSON(`${text({}).slice(0, -1)},"specversion":"0.3"}`))
  })

  it('takes the extension name constructor', () => {
    assert.equal(Object.hasOwn(fromJSON(text({ constructor: 'x' })), 'constructor'), true)
  })

  for (const broken of ['', '{', '{"}', `${'{'}`, 'nonsense', `${text({})}x`, "{'id':1}", 'undefined', 'NaN']) {
    it(`refuses ${JSON.stringify(broken.slice(0, 20))}, which is not JSON`, () =>
      assertRefused(undefined, () => fromJSON(broken)))
  }

  for (const value of ['null', 'true', '5', '"text"', '[]', '[{}]']) {
    it(`refuses ${value}, which is no object`, () => assertRefused(undefined, () => fromJSON(value)))
  }

  it('refuses bytes that are not UTF-8', () => {
    assertRefused(undefined, () =>
      fromJSON(Uint8Array.of(...bytes(text({ id: 'x' })).slice(0, -2), 0xc0, 0xa0, 0x22, 0x7d)),
    )
  })

  it('ends with an event or with ERR_EVENT_INVALID on a million brackets', () => {
    const deep = `${text({}).slice(0, -1)},"data":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`
    try {
      fromJSON(deep)
    } catch {
      assertRefused(undefined, () => fromJSON(deep))
    }
  })

  it('throws nothing but ERR_EVENT_INVALID, whatever the members', () => {
    fc.assert(
      fc.property(
        fc.object({
          key: fc.oneof(fc.string(), fc.constantFrom(...Object.keys(least), 'data', 'data_base64', '__proto__')),
        }),
        (members) => {
          try {
            fromJSON(JSON.stringify({ ...least, ...members }))
          } catch (error) {
            assert.equal(Reflect.get(Object(error), 'code'), 'ERR_EVENT_INVALID', String(error))
          }
        },
      ),
    )
  })
})

describe('fromMembers', () => {
  it('leaves the object that it is given as it was', () => {
    const members = { ...least, subject: null, data_base64: 'Zg==' }
    const event = fromMembers(members)
    assert.deepEqual(event, { ...least, data: Uint8Array.of(102) })
    assert.deepEqual(members, { ...least, subject: null, data_base64: 'Zg==' })
    assert.equal(Object.isFrozen(members), false)
  })
})

describe('toJSON', () => {
  for (const [name, value] of [
    ['id', ''],
    ['id', undefined],
    ['id', 5],
    ['source', 'a b'],
    ['specversion', '0.3'],
    ['subject', null],
    ['ext', {}],
    ['ext', 1.5],
    ['Bad', 'x'],
    ['data_base64', 'Zg=='],
  ] as const) {
    it(`refuses an event with ${name} ${JSON.stringify(value)}`, () =>
      assertRefused(name, () => toJSON(untyped({ ...least, [name]: value }))))
  }

  it('leaves out attributes that are undefined', () => {
    assert.deepEqual(JSON.parse(toJSON(untyped({ ...least, subject: undefined }))), least)
  })

  const cycle: unknown[] = []
  cycle.push(cycle)
  let deep: unknown = []
  for (let depth = 0; depth < 100_000; depth++) deep = [deep]
  const throwing = {
    toJSON: () => {
      throw new Error('no')
    },
  }
  for (const [what, data] of [
    ['a cycle', cycle],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['an object that becomes undefined', { toJSON: () => undefined }],
    ['an object that throws', throwing],
  ] as const) {
    it(`refuses ${what} as JSON data`, () => assertRefused('data', () => toJSON({ ...least, data })))
  }

  it('refuses JSON data that is too deep for the engine, and takes what is not', () => {
    let text: string | undefined
    try {
      text = JSON.stringify(deep)
    } catch {
      // Older engines run out of stack.
    }
    if (text === undefined) assertRefused('data', () => toJSON({ ...least, data: deep }))
    else assert.ok(toJSON({ ...least, data: deep }).includes(text))
  })

  it('refuses data that is no string when the content type is not JSON', () => {
    for (const data of [{}, 5, null])
      assertRefused('data', () => toJSON({ ...least, datacontenttype: 'text/plain', data }))
  })

  const expected = Uint8Array.of(1, 2, 3, 4)
  const wide = Uint8Array.of(9, 9, 1, 2, 3, 4, 9, 9)
  for (const [what, data] of [
    ['a Buffer', Buffer.from(expected)],
    ['an ArrayBuffer', expected.slice().buffer],
    ['a view into a larger buffer', wide.subarray(2, 6)],
    ['a DataView', new DataView(wide.buffer, 2, 4)],
    ['a Uint16Array', new Uint16Array(wide.buffer, 2, 2)],
  ] as const) {
    it(`writes the bytes of ${what}`, () => {
      assert.equal(JSON.parse(toJSON({ ...least, data })).data_base64, 'AQIDBA==')
      assert.deepEqual(fromJSON(toJSON({ ...least, datacontenttype: 'application/json', data })).data, expected)
    })
  }

  for (const value of [null, undefined, 5, 'text', []]) {
    it(`refuses ${JSON.stringify(value)} in place of an event`, () =>
      assert.throws(() => toJSON(untyped(value)), { code: 'ERR_EVENT_INVALID' }))
  }
})

describe('batchFromJSON and batchToJSON', () => {
  it('keep every event and their order', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 5 }), (events) => {
        assert.deepEqual(batchFromJSON(batchToJSON(events)), events)
        assert.deepEqual(batchFromJSON(bytes(batchToJSON(new Set(events)))), events)
      }),
      { numRuns: 50 },
    )
  })

  it('take the empty batch', () => {
    assert.equal(batchToJSON([]), '[]')
    assert.deepEqual(batchFromJSON('[]'), [])
  })

  it('freeze each event', () => assert.ok(batchFromJSON(`[${text({})}]`).every((event) => Object.isFrozen(event))))

  for (const broken of ['{}', 'null', '5', text({}), '', '[', '[1]', '[null]', '[[]]', `[${text({})},null]`]) {
    it(`refuse ${broken}`, () => assertRefused(undefined, () => batchFromJSON(broken)))
  }

  it('refuse what is no list, one event too, instead of writing an empty batch', () => {
    for (const junk of [least, undefined, null, 5, '', 'text', Symbol('s'), { length: 0 }] as never[])
      assertRefused(undefined, () => batchToJSON(junk))
  })

  it('name the place and the attribute of the event at fault', () => {
    assertRefused('source', () => batchFromJSON(`[${text({})},${text({ source: '' })}]`))
    assert.throws(() => batchFromJSON(`[${text({})},${text({ source: '' })}]`), /at 1 of the batch/)
    assert.throws(() => batchToJSON([least, { ...least, id: '' }]), /at 1 of the batch/)
  })

  it('let an error that is not theirs through', () => {
    const failing = {
      ...least,
      get data(): never {
        throw new RangeError('mine')
      },
    }
    assert.throws(() => batchToJSON([failing]), RangeError)
  })
})
