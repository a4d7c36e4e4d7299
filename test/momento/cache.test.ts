import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type AnyBroker, Broker, type BrokerOptions } from '../../src/index.ts'
import { type Cache, CacheStore, type CacheStoreOptions } from '../../src/momento/cache.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { FRESH, Recorder, turn } from './fixtures.ts'

const HOUR_MS = 3_600_000

/** Of the first cache on a manual clock. */
const CLOCK_PAGE = Date.UTC(2000, 0) / 1000

/** A store with one cache. */
function storeOf(options: CacheStoreOptions = {}): { store: CacheStore; cache: Cache } {
  const store = new CacheStore({ caches: ['c'], clock: new ManualClock(), ...options })
  const cache = store.get('c')
  assert.ok(cache !== undefined)
  return { store, cache }
}

function cacheOf(options: CacheStoreOptions = {}): Cache {
  return storeOf(options).cache
}

/** A cache of a broker that is given. */
function cacheOn(broker: AnyBroker): Cache {
  return cacheOf({ caches: { c: broker } })
}

async function publishAll(cache: Cache, values: Iterable<string>, topic = 't'): Promise<void> {
  for (const value of values) await cache.publish(topic, value)
}

describe('CacheStore', () => {
  it('has the caches that it is given, and those that are created', () => {
    const store = new CacheStore({ caches: ['b', 'a'] })
    assert.equal(store.create('c'), true)
    assert.equal(store.create('a'), false)
    assert.deepEqual(store.list(), ['b', 'a', 'c'])
    assert.equal(store.get('c')?.subscribers, 0)
  })

  it('forgets those that are deleted', () => {
    const store = new CacheStore({ caches: ['a', 'b'] })
    assert.equal(store.delete('a'), true)
    assert.equal(store.delete('a'), false)
    assert.equal(store.get('a'), undefined)
    assert.deepEqual(store.list(), ['b'])
  })

  it('takes names that objects have already for what they are', () => {
    const store = new CacheStore({ caches: ['__proto__', 'constructor'] })
    assert.deepEqual(store.list(), ['__proto__', 'constructor'])
    assert.equal(store.get('toString'), undefined)
    assert.equal(store.delete('hasOwnProperty'), false)
  })

  for (const [what, options, option] of [
    ['a name that is blank', { caches: ['a', ' '] }, 'caches'],
    ['a name that is empty', { caches: { '': new Broker() } }, 'caches'],
    ['a name that is no text', { caches: [1] }, 'caches'],
    ['a name that is there twice', { caches: ['a', 'b', 'a'] }, 'caches'],
    ['a broker that is none', { caches: { a: {} } }, 'caches.a'],
    ['caches that are text', { caches: 'a' }, 'caches'],
    ['caches that are null', { caches: null }, 'caches'],
    ['a history without room', { historySize: 0 }, 'historySize'],
    ['a capacity of 1', { capacity: 1 }, 'capacity'],
    ['a negative number of latest messages', { latest: -1 }, 'latest'],
    ['a clock that is none', { clock: {} }, 'clock'],
    ['an onError that is no function', { onError: 1 }, 'onError'],
    ['an option that there is not', { cache: 'a' }, 'cache'],
  ] as const) {
    it(`refuses ${what}`, () => {
      // What the compiler would not let through.
      assert.throws(() => new CacheStore(options as unknown as CacheStoreOptions), {
        code: 'ERR_OPTION_INVALID',
        option,
      })
    })
  }

  it('refuses to create a cache without a name', () => {
    assert.throws(() => new CacheStore().create('\t'), { code: 'ERR_OPTION_INVALID' })
  })

  it('gives a cache that is created again a greater page', async () => {
    const { store } = storeOf()
    const pages = [store.get('c')?.page]
    store.delete('c')
    store.create('c')
    pages.push(store.get('c')?.page)
    assert.deepEqual(pages, [CLOCK_PAGE, CLOCK_PAGE + 1])
  })

  it('has pages above 0 whatever the wall clock says', () => {
    assert.equal(new CacheStore({ caches: ['a'], clock: new ManualClock({ now: -5e9 }) }).get('a')?.page, 1)
  })

  it('ends the subscriptions of a cache that is deleted, once', async () => {
    const { store, cache } = storeOf()
    const sink = new Recorder()
    cache.subscribe('t', FRESH, sink)
    void cache.publish('t', 'in vain')
    store.delete('c')
    await turn()
    assert.deepEqual(sink.told, ['deleted'])
    assert.equal(cache.subscribers, 0)
    await assert.rejects(cache.publish('t', 'late'), { code: 'ERR_CLOSED' })
  })

  it('leaves a broker alone that it was given', async () => {
    const broker = new Broker()
    const { store, cache } = storeOf({ caches: { c: broker } })
    const sink = new Recorder()
    cache.subscribe('t', FRESH, sink)
    assert.equal(broker.stats().subscriptions, 2, 'with the one that counts')
    store.delete('c')
    await turn()
    await broker.publish('t', 'still there')
    assert.deepEqual(sink.told, ['deleted'])
    assert.equal(broker.stats().subscriptions, 0)
  })

  it('delivers what waits when it is closed, and then ends all subscriptions', async () => {
    const broker = new Broker({ history: { size: 1 } })
    const store = new CacheStore({ caches: { given: broker } })
    store.create('own')
    const sinks = ['given', 'own'].map((name) => {
      const sink = new Recorder()
      store.get(name)?.subscribe('t', FRESH, sink)
      void store.get(name)?.publish('t', name)
      return sink
    })
    await Promise.all([store.close(), store.close()])
    assert.deepEqual(sinks[1]?.told, ['1 own', 'closed'])
    assert.equal(sinks[0]?.told.at(-1), 'closed')
    assert.deepEqual(store.list(), [])
    assert.throws(() => store.create('more'), { code: 'ERR_CLOSED' })
    await broker.publish('t', 'still open')
  })

  it('waits for a sink that is slow no longer than the grace time when it is closed', async () => {
    const clock = new ManualClock()
    const { store, cache } = storeOf({ clock })
    const sink = new Recorder()
    sink.hold = new Promise(() => {})
    cache.subscribe('t', FRESH, sink)
    await publishAll(cache, ['1', '2'])
    await turn()
    const closing = store.close({ graceMs: HOUR_MS })
    await clock.advance(HOUR_MS)
    await closing
    assert.deepEqual(sink.told, ['1 1', 'closed'])
  })

  it('refuses a grace time that is none before anything has changed', async () => {
    const { store } = storeOf()
    await assert.rejects(store.close({ graceMs: -1 }), { code: 'ERR_OPTION_INVALID' })
    assert.deepEqual(store.list(), ['c'])
    await using _ = store
  })

  it('contains what its onError does', async () => {
    const told: unknown[] = []
    const store = new CacheStore({
      onError: (error) => {
        told.push(error)
        throw new Error('from onError')
      },
    })
    store.report('one', { kind: 'handler' })
    store.report('two', { kind: 'handler' })
    await turn()
    assert.deepEqual(told, ['one', 'two'])
  })
})

describe('Cache.subscribe', () => {
  it('sends what is published from then on, numbered on its topic', async () => {
    const cache = cacheOf()
    const [a, b] = [new Recorder(), new Recorder()]
    await publishAll(cache, ['before'], 'a')
    cache.subscribe('a', FRESH, a)
    cache.subscribe('b', FRESH, b)
    await publishAll(cache, ['x', 'y'], 'a')
    await publishAll(cache, ['z'], 'b')
    await turn()
    assert.deepEqual([a.told, b.told], [['2 x', '3 y'], ['1 z']])
    assert.deepEqual(a.items[0], { sequence: 2, page: CLOCK_PAGE, value: 'x', publisherId: '' })
    assert.equal(cache.lastSequence('a'), 3)
    assert.equal(cache.lastSequence('none'), 0)
  })

  it('keeps the order of publishes that nobody awaits', async () => {
    const cache = cacheOf()
    const sink = new Recorder()
    cache.subscribe('t', FRESH, sink)
    await Promise.all(Array.from({ length: 200 }, (_, i) => cache.publish('t', `${i}`)))
    await turn()
    assert.deepEqual(
      sink.told,
      Array.from({ length: 200 }, (_, i) => `${i + 1} ${i}`),
    )
  })

  it('says who published', async () => {
    const cache = cacheOf()
    const sink = new Recorder()
    cache.subscribe('t', FRESH, sink)
    await cache.publish('t', 'hello', 'alice')
    await turn()
    assert.equal(sink.items[0]?.publisherId, 'alice')
  })

  describe('with the last 3 of 5 messages retained', () => {
    const rest = ['3 3', '4 4', '5 5', '6 6']
    const other = CLOCK_PAGE - 1
    for (const [resumeAt, page, expected] of [
      [0, 0, ['6 6']],
      [0, CLOCK_PAGE, ['6 6']],
      [6, CLOCK_PAGE, ['6 6']],
      [4, CLOCK_PAGE, ['4 4', '5 5', '6 6']],
      [4, 0, ['4 4', '5 5', '6 6']],
      [3, 0, rest],
      [2, 0, ['gap 1-3', ...rest]],
      [1, CLOCK_PAGE, ['gap 0-3', ...rest]],
      [7, CLOCK_PAGE, ['gap 6-3', ...rest]],
      [300, 0, ['gap 299-3', ...rest]],
      [1e19, 0, ['gap 10000000000000000000-3', ...rest]],
      [5, other, ['gap 4-3', ...rest]],
      [3, other, ['gap 2-3', ...rest]],
      [0, other, ['gap 0-3', ...rest]],
    ] as const) {
      it(`begins at ${resumeAt} of page ${page === 0 ? 'none' : page === other ? 'before' : 'now'} with ${expected[0]}`, async () => {
        const cache = cacheOf({ historySize: 3 })
        await publishAll(cache, '12345')
        const sink = new Recorder()
        cache.subscribe('t', { resumeAt, page }, sink)
        await publishAll(cache, '6')
        await turn()
        assert.deepEqual(
          sink.told.map((told) => told.replace(` of ${CLOCK_PAGE}`, '')),
          expected,
        )
      })
    }

    for (const [latest, expected] of [
      [1, ['5 5', '6 6']],
      [3, rest],
      [9, rest],
    ] as const) {
      it(`begins with the latest ${latest} when it is told to and no number is asked for`, async () => {
        const cache = cacheOf({ historySize: 3, latest })
        await publishAll(cache, '12345')
        const sink = new Recorder()
        cache.subscribe('t', FRESH, sink)
        await publishAll(cache, '6')
        await turn()
        assert.deepEqual(sink.told, expected)
      })
    }
  })

  it('tells at once of a number that is not there, when nothing is retained', async () => {
    const cache = cacheOf()
    const sink = new Recorder()
    cache.subscribe('t', { resumeAt: 5, page: 0 }, sink)
    assert.deepEqual(sink.told, [`gap 4-1 of ${CLOCK_PAGE}`])
    await publishAll(cache, ['one'])
    await turn()
    assert.deepEqual(sink.told.slice(1), ['1 one'])
  })

  it('tells at once of retained messages that have all expired', async () => {
    const clock = new ManualClock()
    const broker = new Broker({ history: { size: 5 }, clock })
    await broker.publish('t', 'gone', { ttlMs: 5 })
    await clock.advance(5)
    const sink = new Recorder()
    cacheOf({ caches: { c: broker }, clock }).subscribe('t', { resumeAt: 1, page: 0 }, sink)
    assert.deepEqual(sink.told, [`gap 0-2 of ${CLOCK_PAGE}`])
  })

  for (const position of [
    { resumeAt: -1, page: 0 },
    { resumeAt: Number.NaN, page: 0 },
    { resumeAt: 1, page: Infinity },
    { resumeAt: '1', page: 0 },
  ]) {
    it(`refuses to begin at ${position.resumeAt} of page ${position.page}`, () => {
      const cache = cacheOf()
      // What the compiler would not let through.
      const begin = (): unknown => cache.subscribe('t', position as typeof FRESH, new Recorder())
      assert.throws(begin, { code: 'ERR_OPTION_INVALID' })
      assert.equal(cache.subscribers, 0)
    })
  }

  it('sends nothing more, not even an end, after it was told to stop', async () => {
    const { store, cache } = storeOf()
    const [one, other] = [new Recorder(), new Recorder()]
    const stop = cache.subscribe('t', FRESH, one)
    cache.subscribe('t', FRESH, other)
    assert.equal(cache.subscribers, 2)
    void publishAll(cache, ['lost'])
    stop()
    stop()
    assert.equal(cache.subscribers, 1)
    await publishAll(cache, ['more'])
    await turn()
    await store.close()
    assert.deepEqual(one.told, [])
    assert.deepEqual(other.told, ['1 lost', '2 more', 'closed'])
  })

  it('ends when the broker is closed by its owner', async () => {
    const broker = new Broker()
    const cache = cacheOn(broker)
    const sink = new Recorder()
    cache.subscribe('t', FRESH, sink)
    await broker.close()
    await turn()
    assert.deepEqual(sink.told, ['closed'])
    assert.throws(() => cache.subscribe('u', FRESH, sink), { code: 'ERR_CLOSED' })
  })

  it('holds the next item back until the sink is ready, however long that takes', async () => {
    const clock = new ManualClock()
    const errors: unknown[] = []
    const cache = cacheOf({ clock, onError: (error) => errors.push(error) })
    const sink = new Recorder()
    let release = (): void => {}
    sink.hold = new Promise((resolve) => {
      release = resolve
    })
    cache.subscribe('t', FRESH, sink)
    await publishAll(cache, ['one', 'two'])
    await clock.advance(HOUR_MS)
    assert.deepEqual(sink.told, ['1 one'])
    release()
    await turn()
    assert.deepEqual(sink.told, ['1 one', '2 two'])
    assert.deepEqual(errors, [])
  })

  it('tells a slow sink what it has missed', async () => {
    const cache = cacheOf({ capacity: 2 })
    const sink = new Recorder()
    let release = (): void => {}
    sink.hold = new Promise((resolve) => {
      release = resolve
    })
    cache.subscribe('t', FRESH, sink)
    await publishAll(cache, ['1'])
    await turn()
    await publishAll(cache, '2345')
    release()
    await turn()
    assert.deepEqual(sink.told, ['1 1', `gap 1-5 of ${CLOCK_PAGE}`, '5 5'])
  })

  for (const [how, fail] of [
    ['throws', () => assert.fail('oops')],
    ['rejects', () => Promise.reject(new Error('oops'))],
  ] as const) {
    it(`reports an item that ${how}, and goes on`, async () => {
      const errors: unknown[] = []
      const cache = cacheOf({ onError: (error, { topic }) => errors.push([(error as Error).message, topic]) })
      const sink = new Recorder()
      let count = 0
      const { item } = sink
      sink.item = (record) => (++count === 1 ? fail() : item.call(sink, record))
      cache.subscribe('t', FRESH, sink)
      await publishAll(cache, ['one', 'two'])
      await turn()
      assert.deepEqual(errors, [['oops', 't']])
      assert.deepEqual(sink.told, ['2 two'])
    })
  }
})

describe('A subscription that is cut and resumed', () => {
  /** What happens to a topic, and to whoever listens to it. */
  const act = fc.oneof(
    fc.record({ kind: fc.constant('publish'), count: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant('skip'), count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('settle'), count: fc.constant(0) }),
    fc.record({ kind: fc.constant('cut'), count: fc.integer({ min: 0, max: 8 }) }),
  )

  /** The number that has to come next, if every one before came once and in order, or was told to be missing. */
  function nextAfter(told: readonly string[]): number {
    let next = 1
    for (const entry of told) {
      const [, last, after] = /^gap (\d+)-(\d+)/.exec(entry) ?? []
      if (after === undefined) assert.equal(Number.parseInt(entry, 10), next++, told.join('; '))
      else {
        assert.ok(Number(last) + 1 === next && Number(after) > next, told.join('; '))
        next = Number(after)
      }
    }
    return next
  }

  it('gets every number once and in order, or is told which it does not get', async () => {
    const run = async (acts: readonly { kind: string; count: number }[], historySize: number): Promise<void> => {
      const cache = cacheOf({ historySize, capacity: 4 })
      const sink = new Recorder()
      const open = () => cache.subscribe('t', { resumeAt: nextAfter(sink.told), page: cache.page }, sink)
      let stop = open()
      for (const { kind, count } of acts) {
        if (kind === 'settle') await turn()
        else if (kind === 'skip') await cache.skipSequence('t', count)
        else {
          if (kind === 'cut') stop()
          await publishAll(cache, 'x'.repeat(count))
          if (kind === 'cut') stop = open()
        }
      }
      await turn()
      await publishAll(cache, ['last'])
      await turn()
      assert.equal(nextAfter(sink.told), cache.lastSequence('t') + 1)
      assert.match(sink.told.at(-1) ?? '', /last$/)
    }
    const acts = fc.array(act, { maxLength: 20 })
    await fc.assert(fc.asyncProperty(acts, fc.integer({ min: 1, max: 6 }), run), { numRuns: 200 })
  })
})

describe('Cache.skipSequence', () => {
  for (const kind of ['with history', 'without history'] as const) {
    it(`uses up numbers that no subscriber gets, in a broker ${kind}`, async () => {
      const broker = new Broker(kind === 'with history' ? { history: { size: 10 } } : {})
      const data: unknown[] = []
      broker.subscribe('t', (message) => data.push(message.data))
      broker.subscribe('t', (message) => data.push(message.data), { qos: 0 })
      const cache = cacheOn(broker)
      const sink = new Recorder()
      cache.subscribe('t', FRESH, sink)
      await cache.publish('t', 'one')
      await cache.skipSequence('t', 3)
      await cache.publish('t', 'five')
      await turn()
      assert.deepEqual(sink.told, ['1 one', `gap 1-5 of ${CLOCK_PAGE}`, '5 five'])
      assert.deepEqual(data.sort(), ['five', 'five', 'one', 'one'])
    })
  }

  it('is counted in a broker without history although nothing else was', async () => {
    const cache = cacheOn(new Broker())
    await cache.skipSequence('t', 3)
    assert.equal(cache.lastSequence('t'), 3)
  })

  for (const count of [0, -1, 1.5, Number.NaN]) {
    it(`refuses ${count}`, async () => {
      await assert.rejects(cacheOf().skipSequence('t', count), { code: 'ERR_OPTION_INVALID', option: 'count' })
    })
  }
})

describe('A broker that is a cache', () => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  for (const [what, data, expected] of [
    ['text', 'hello', '1 hello'],
    ['empty text', '', '1 '],
    ['bytes', new Uint8Array([1, 2]), '1 bytes(1,2)'],
    ['a buffer', Buffer.from('hi'), '1 bytes(104,105)'],
    ['no bytes', new Uint8Array(), '1 bytes()'],
    ['an object', { a: [1] }, '1 {"a":[1]}'],
    ['a number', 5, '1 5'],
    ['null', null, '1 null'],
    ['nothing', undefined, '1 '],
    ['a cycle', cyclic, `gap 0-2 of ${CLOCK_PAGE}`],
    ['a bigint', 5n, `gap 0-2 of ${CLOCK_PAGE}`],
    ['a function', () => {}, `gap 0-2 of ${CLOCK_PAGE}`],
  ] as const) {
    it(`sends ${what} that was published in process as ${JSON.stringify(expected)}`, async () => {
      const broker = new Broker({ history: { size: 10 } })
      const sink = new Recorder()
      cacheOn(broker).subscribe('t', FRESH, sink)
      await broker.publish('t', data)
      await broker.publish('t', 'next')
      await turn()
      assert.deepEqual(sink.told, [expected, '2 next'])
    })
  }

  for (const isolation of ['shared', 'frozen', 'clone', 'json'] as const) {
    it(`gives values back as they were published with isolation '${isolation}'`, async () => {
      const cache = cacheOn(new Broker({ isolation }))
      const sink = new Recorder()
      cache.subscribe('t', FRESH, sink)
      for (const value of ['', 'text', new Uint8Array([0, 255]), new Uint8Array()]) await cache.publish('t', value)
      await turn()
      assert.deepEqual(sink.told, ['1 ', '2 text', '3 bytes(0,255)', '4 bytes()'])
    })
  }

  it('shows its own subscribers what was published by way of the cache', async () => {
    const broker = new Broker()
    const seen: unknown[] = []
    broker.subscribe('t', ({ data, event }) => seen.push([data, event.datacontenttype]))
    const cache = cacheOn(broker)
    await cache.publish('t', 'text')
    await cache.publish('t', new Uint8Array([7]))
    await turn()
    assert.deepEqual(seen, [
      ['text', 'text/plain'],
      [new Uint8Array([7]), 'application/octet-stream'],
    ])
  })

  it('sends a delayed message with its number when it is due, without a gap behind it', async () => {
    const clock = new ManualClock()
    const broker = new Broker({ history: { size: 10 }, clock })
    const sink = new Recorder()
    cacheOf({ caches: { c: broker }, clock }).subscribe('t', FRESH, sink)
    await broker.publish('t', 'late', { delayMs: 10 })
    await broker.publish('t', 'early')
    await clock.advance(10)
    await broker.publish('t', 'last')
    await turn()
    assert.deepEqual(sink.told, [`gap 0-2 of ${CLOCK_PAGE}`, '2 early', '1 late', '3 last'])
  })

  for (const [dialect, wrong] of [
    ['mqtt', ['a/+', '#', 'a/#']],
    ['nats', ['a.*', 'a.>', 'a..b']],
    ['amqp', ['a.*', '#']],
  ] as const) {
    for (const topic of wrong) {
      it(`has no topic ${JSON.stringify(topic)} in the dialect ${dialect}`, async () => {
        // A union of dialects fits no signature.
        const cache = cacheOn(new Broker({ dialect } as BrokerOptions & { dialect: 'mqtt' }))
        const refused = { code: 'ERR_TOPIC_INVALID', topic }
        await assert.rejects(cache.publish(topic, 'x'), refused)
        assert.throws(() => cache.subscribe(topic, FRESH, new Recorder()), refused)
        assert.throws(() => cache.lastSequence(topic), refused)
        assert.equal(cache.subscribers, 0)
      })
    }
  }

  it('has a topic that ends in * in the dialect prefix', async () => {
    const broker = new Broker({ dialect: 'prefix', history: { size: 3 } })
    const cache = cacheOn(broker)
    const sink = new Recorder()
    cache.subscribe('a*', FRESH, sink)
    await publishAll(cache, ['no'], 'ab')
    await publishAll(cache, ['yes'], 'a*')
    await turn()
    assert.deepEqual(sink.told, ['1 yes'])
  })

  it('takes any characters in a topic when it is made by the store', async () => {
    const cache = cacheOf()
    for (const topic of ['#', 'a//b', '+', '*', '$x', ' a ', 'ü/😀', '__proto__']) {
      const sink = new Recorder()
      cache.subscribe(topic, FRESH, sink)
      await publishAll(cache, [topic], topic)
      await turn()
      assert.deepEqual(sink.told, [`1 ${topic}`])
    }
    for (const topic of ['', 'a\0', '\ud800', 'x'.repeat(65_536)]) {
      await assert.rejects(cache.publish(topic, 'x'), { code: 'ERR_TOPIC_INVALID' })
    }
  })
})

describe('A cache whose broker keeps no history', () => {
  it('gives all subscribers the same numbers, from the first use of the topic', async () => {
    const broker = new Broker()
    await broker.publish('t', 'before')
    const cache = cacheOn(broker)
    const [first, second] = [new Recorder(), new Recorder()]
    cache.subscribe('t', FRESH, first)
    await broker.publish('t', 'one')
    await cache.publish('t', 'two')
    cache.subscribe('t', FRESH, second)
    await publishAll(cache, ['three', 'four'])
    await turn()
    assert.deepEqual(first.told, ['1 one', '2 two', '3 three', '4 four'])
    assert.deepEqual(second.told, ['3 three', '4 four'])
  })

  for (const [resumeAt, expected] of [
    [3, []],
    [2, [`gap 1-3 of ${CLOCK_PAGE}`]],
    [1, [`gap 0-3 of ${CLOCK_PAGE}`]],
    [9, [`gap 8-3 of ${CLOCK_PAGE}`]],
  ] as const) {
    it(`tells a subscription that begins at ${resumeAt} after two messages ${expected[0] ?? 'nothing'}`, async () => {
      const cache = cacheOn(new Broker())
      await publishAll(cache, '12')
      const sink = new Recorder()
      cache.subscribe('t', { resumeAt, page: 0 }, sink)
      assert.deepEqual(sink.told, expected)
      await publishAll(cache, '3')
      await turn()
      assert.equal(sink.told.at(-1), '3 3')
    })
  }

  it('counts what a slow sink has missed', async () => {
    const cache = cacheOf({ caches: { c: new Broker() }, capacity: 3 })
    const sink = new Recorder()
    let release = (): void => {}
    sink.hold = new Promise((resolve) => {
      release = resolve
    })
    cache.subscribe('t', FRESH, sink)
    await publishAll(cache, '1')
    await turn()
    await publishAll(cache, '23456')
    release()
    await turn()
    assert.deepEqual(sink.told, ['1 1', `gap 1-5 of ${CLOCK_PAGE}`, '5 5', '6 6'])
  })

  it('numbers a delayed message when it is due', async () => {
    const clock = new ManualClock()
    const broker = new Broker({ clock })
    const sink = new Recorder()
    cacheOf({ caches: { c: broker }, clock }).subscribe('t', FRESH, sink)
    await broker.publish('t', 'late', { delayMs: 10 })
    await broker.publish('t', 'early')
    await clock.advance(10)
    assert.deepEqual(sink.told, ['1 early', '2 late'])
  })

  it('counts what has expired', async () => {
    const clock = new ManualClock()
    const broker = new Broker({ clock })
    const cache = cacheOf({ caches: { c: broker }, clock })
    const sink = new Recorder()
    cache.subscribe('t', FRESH, sink)
    await broker.publish('t', 'expired', { ttlMs: 5, delayMs: 10 })
    await clock.advance(10)
    await publishAll(cache, '2')
    await turn()
    assert.deepEqual(sink.told, [`gap 0-2 of ${CLOCK_PAGE}`, '2 2'])
  })
})
