import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  cacheListMessage,
  discontinuityMessage,
  HEARTBEAT,
  itemMessage,
  readCacheName,
  readPublishRequest,
  readSubscriptionRequest,
} from '../../src/momento/messages.ts'
import { MalformedError } from '../../src/momento/protobuf.ts'

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('readPublishRequest', () => {
  // The first four are what the vendor's own client sends.
  for (const [what, request, expected] of [
    ['text', '0a046e6f7065 120174 1a030a0176', { cacheName: 'nope', topic: 't', value: 'v' }],
    ['bytes', '0a026331 120174 1a07 12056279746573', { cacheName: 'c1', topic: 't', value: bytes('bytes') }],
    ['empty text', '0a026331 120174 1a020a00', { cacheName: 'c1', topic: 't', value: '' }],
    ['empty bytes', '0a026331 120174 1a021200', { cacheName: 'c1', topic: 't', value: bytes('') }],
    ['no value', '0a026331 120174', { cacheName: 'c1', topic: 't' }],
    ['a value of no kind', '0a026331 120174 1a00', { cacheName: 'c1', topic: 't' }],
    ['nothing', '', { cacheName: '', topic: '' }],
    [
      'fields in another order, twice',
      '1a030a0176 120174 120175 0a026331',
      { cacheName: 'c1', topic: 'u', value: 'v' },
    ],
    ['a value that comes twice, of either kind', '1a0412026161 1a030a0176', { cacheName: '', topic: '', value: 'v' }],
    ['unknown fields', '2a0161 3001 3d00000000 0a026331', { cacheName: 'c1', topic: '' }],
    ['fields of another kind than expected', '0801 1001 1801 0a026331', { cacheName: 'c1', topic: '' }],
  ] as const) {
    it(`reads ${what}`, () => assert.deepEqual(readPublishRequest(hex(request)), expected))
  }

  it('copies the bytes, so that the value keeps no request alive', () => {
    const request = hex('0a026331 120174 1a071205 6279746573')
    const { value } = readPublishRequest(request)
    assert.ok(value instanceof Uint8Array && value.buffer !== request.buffer)
  })

  for (const [what, request] of [
    ['a cache name that is not UTF-8', '0a01ff'],
    ['text that is not UTF-8', '1a030a01ff'],
    ['a value that is no message', '1a020aff'],
    ['half a request', '0a046e6f'],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => readPublishRequest(hex(request)), MalformedError))
  }
})

describe('readSubscriptionRequest', () => {
  for (const [what, request, expected] of [
    ['a fresh one', '0a026331120174', { cacheName: 'c1', topic: 't', resumeAt: 0, page: 0 }],
    [
      'one that resumes',
      '0a026331 120174 1809 20eda8d7c106',
      { cacheName: 'c1', topic: 't', resumeAt: 9, page: 1748358253 },
    ],
    ['numbers of the wrong kind', '1a0109 220109', { cacheName: '', topic: '', resumeAt: 0, page: 0 }],
    ['names of the wrong kind', '0801 1001 1809', { cacheName: '', topic: '', resumeAt: 9, page: 0 }],
  ] as const) {
    it(`reads ${what}`, () => assert.deepEqual(readSubscriptionRequest(hex(request)), expected))
  }
})

describe('What a server writes', () => {
  it('keeps text and bytes apart, also when they are empty', () => {
    const item = { sequence: 2, page: 3, publisherId: '' }
    assert.equal(toHex(itemMessage({ ...item, value: '' })), '0a08 0802 12020a00 2003'.replaceAll(' ', ''))
    assert.equal(toHex(itemMessage({ ...item, value: bytes('') })), '0a08 0802 12021200 2003'.replaceAll(' ', ''))
  })

  it('names the publisher when there is one', () => {
    const item = { sequence: 1, page: 1, publisherId: 'me', value: 'v' }
    assert.equal(toHex(itemMessage(item)), '0a0d 0801 12030a0176 1a026d65 2001'.replaceAll(' ', ''))
  })

  it('tells heartbeats and discontinuities from items', () => {
    assert.equal(toHex(HEARTBEAT), '1a00')
    assert.equal(toHex(discontinuityMessage(1, 300, 3)), '1207 0801 10ac02 1803'.replaceAll(' ', ''))
  })

  it('lists the caches', () => {
    assert.equal(toHex(cacheListMessage(['a', 'b'])), '0a03 0a0161 0a03 0a0162'.replaceAll(' ', ''))
    assert.equal(toHex(cacheListMessage([])), '')
  })
})

describe('Every reader', () => {
  const samples = [
    '0a046e6f70651201741a030a0176',
    '0a0263311201741a0712056279746573',
    '0a026331120174180920eda8d7c106',
    '2a01613d000000000b081a0c0a026331',
  ].map((sample) => [...hex(sample)])
  const readers = [readPublishRequest, readSubscriptionRequest, readCacheName]

  /** Some bytes of a good request are replaced, taken out, put in or cut off. */
  const mutation = fc.record({
    at: fc.nat(40),
    remove: fc.nat(3),
    insert: fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0x80, 0xff, 0x0b, 0x0c, 0x7f)), { maxLength: 4 }),
  })

  it('gives a request or a MalformedError, at once, for any of 100 000 mutations', () => {
    let good = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (sample, mutations, isCut) => {
          const mutant = [...sample]
          for (const { at, remove, insert } of mutations) mutant.splice(at, remove, ...insert)
          const request = Uint8Array.from(isCut ? mutant.slice(0, mutant.length / 2) : mutant)
          for (const read of readers) {
            try {
              read(request)
              good++
            } catch (error) {
              assert.ok(error instanceof MalformedError, String(error))
            }
          }
        },
      ),
      { numRuns: 100_000 },
    )
    assert.ok(good > 1000 && good < 290_000, `${good} were good`)
  })
})
