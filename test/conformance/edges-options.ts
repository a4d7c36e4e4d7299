/** At the edges: what is refused, before anything has changed. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { BrokerOptions, PublishOptions, SubscribeOptions } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { assertStats, type Create, claims, codeOf, turn } from './harness.ts'

/** Never a duration or a count, whatever the option. */
const noNumbers: readonly unknown[] = [
  NaN,
  -1,
  -Infinity,
  '10',
  '',
  null,
  true,
  10n,
  {},
  [5],
  new Date(),
  Symbol('n'),
  { valueOf: () => 5 },
]

const counts = ['concurrency', 'capacity', 'maxDeliveries'] as const
const badOptions: readonly (readonly [keyof SubscribeOptions, readonly unknown[]])[] = [
  ...counts.map((name) => [name, [...noNumbers, 0, -0, 0.5, 1.5]] as const),
  ['concurrency', [Infinity]],
  ['ackWaitMs', noNumbers],
  [
    'backoff',
    [
      [],
      [NaN],
      [-1],
      [Infinity],
      ['1'],
      5,
      null,
      { delayMs: -1 },
      { delayMs: NaN },
      { factor: 0.5 },
      { factor: NaN },
      { maxDelayMs: -1 },
      { jitter: 2 },
      { jitter: -0.1 },
      { retries: 3 },
    ],
  ],
  ['qos', [2, -1, '1', null, true]],
  ['overflow', ['block', '', null, 1, '__proto__', 'toString']],
  ['ordered', ['yes', 1, null]],
  ['group', ['', 1, null]],
  ['where', ['x', null, {}]],
  [
    'from',
    ['newest', 1, null, {}, { sequence: 0 }, { sequence: 1.5 }, { sequence: '1' }, { sequence: 1, size: 5 }, []],
  ],
  ['signal', [{}, null, 'abort', new EventTarget()]],
]

const badPublish: readonly (readonly [keyof PublishOptions, readonly unknown[]])[] = [
  ['ttlMs', [...noNumbers, 0, -0, Infinity]],
  ['delayMs', [...noNumbers, Infinity]],
  ['key', ['', 1, null, {}]],
  ['signal', [{}, null, new EventTarget()]],
]

const badAttributes: readonly (readonly [keyof PublishOptions, readonly unknown[]])[] = [
  ['id', ['', 1, null, 'a\0']],
  ['type', ['', 1, 'a\ud800']],
  ['subject', ['', 1]],
  ['time', ['yesterday', '2030-02-30T00:00:00Z', 1, new Date(NaN)]],
  ['datacontenttype', ['json', 1]],
  ['dataschema', ['relative', 1]],
  ['extensions', [{ Upper: 'x' }, { id: 'x' }, { data: 'x' }, { n: 1.5 }, { n: {} }, 'x', { expirytime: 'soon' }]],
]

const badBroker: readonly (readonly [keyof BrokerOptions, readonly unknown[]])[] = [
  ['dialect', ['kafka', '', 1, 'toString', '__proto__']],
  ['isolation', ['deep', 1, 'constructor']],
  ['history', [{ size: 0 }, { size: -1 }, { size: NaN }, { size: 1.5 }, {}, 5, null]],
  ['random', [1, null]],
  ['onError', [1, null]],
  ['defaults', [{ capacity: 0 }, { ackWaitMs: NaN }, null, 1]],
  ['observer', [{ published: 1 }, { settled: null }, { overflowed: {} }, null, 1, 'x']],
]

const show = (value: unknown): string =>
  typeof value === 'object' && value !== null ? (JSON.stringify(value) ?? 'object') : String(value)

export function options(create: Create): void {
  const it = claims(create)

  describe('options', () => {
    for (const [name, values] of badOptions) {
      it(
        `refuse ${name}: ${values.map(show).join(' | ')}`,
        async ({ broker }) => {
          for (const value of values) {
            assert.equal(
              await codeOf(() => broker.subscribe('a', () => {}, { [name]: value })),
              'ERR_OPTION_INVALID',
              show(value),
            )
          }
          assertStats(broker.stats(), { subscriptions: 0 })
        },
        { history: { size: 3 } },
      )
    }

    for (const [table, code] of [
      [badPublish, 'ERR_OPTION_INVALID'],
      [badAttributes, 'ERR_EVENT_INVALID'],
    ] as const) {
      for (const [name, values] of table) {
        it(`refuse to publish with ${name}: ${values.map(show).join(' | ')}`, async ({ broker, subscribe }) => {
          const subscription = subscribe('a', undefined)
          for (const value of values)
            assert.equal(await codeOf(broker.publish('a', 1, { [name]: value })), code, show(value))
          assertStats(broker.stats(), { published: 0, matched: 0 })
          assertStats(subscription.stats(), { matched: 0 })
        })
      }
    }

    for (const [name, values] of badBroker) {
      it(`refuse a broker with ${name}: ${values.map(show).join(' | ')}`, async () => {
        const clock = new ManualClock()
        for (const value of values) {
          assert.equal(await codeOf(() => create({ clock, [name]: value })), 'ERR_OPTION_INVALID', show(value))
        }
      })
    }

    it('refuse close() with a graceMs that is no duration, and stay open', async ({ broker }) => {
      for (const graceMs of [NaN, -1, '1' as never, null as never]) {
        assert.equal(await codeOf(() => broker.close({ graceMs })), 'ERR_OPTION_INVALID')
      }
      assert.equal(await codeOf(broker.publish('a', 1)), undefined)
    })

    it('refuse unknown names', async ({ broker }) => {
      assert.equal(await codeOf(() => broker.subscribe('a', () => {}, { capcity: 5 } as object)), 'ERR_OPTION_INVALID')
      assert.equal(await codeOf(broker.publish('a', 1, { ttl: 5 } as object)), 'ERR_OPTION_INVALID')
      assert.equal(await codeOf(() => create({ clok: 5 } as object)), 'ERR_OPTION_INVALID')
    })

    it('of an observer may be methods of its class', async () => {
      class Watcher {
        published(): void {}
      }
      await create({ clock: new ManualClock(), observer: new Watcher() }).close()
    })

    for (const asked of [
      { group: 'g' },
      { concurrency: 2 },
      { capacity: 5 },
      { overflow: 'wait' },
      { ackWaitMs: 5 },
      { maxDeliveries: 2 },
      { backoff: [1] },
      { ordered: true },
      { deadLetterTopic: 'd' },
      { from: 'oldest' },
    ] as const satisfies SubscribeOptions[]) {
      it(
        `refuse qos 0 with ${Object.keys(asked)[0]}`,
        async ({ broker }) => {
          assert.equal(await codeOf(() => broker.subscribe('a', () => {}, { qos: 0, ...asked })), 'ERR_OPTION_INVALID')
        },
        { history: { size: 3 } },
      )
    }

    it('refuse qos 0 without a handler', async ({ broker }) => {
      assert.equal(await codeOf(() => broker.subscribe('a', { qos: 0 })), 'ERR_OPTION_INVALID')
    })

    for (const from of ['oldest', { sequence: 1 }] as const) {
      it(`refuse from ${show(from)} without history`, async ({ broker }) => {
        assert.equal(await codeOf(() => broker.subscribe('a', () => {}, { from })), 'ERR_OPTION_INVALID')
      })
    }

    it('take undefined as absent', async ({ broker, subscribe }) => {
      const names = [
        'qos',
        'group',
        'concurrency',
        'capacity',
        'overflow',
        'ackWaitMs',
        'maxDeliveries',
        'backoff',
        'ordered',
        'deadLetterTopic',
        'where',
        'from',
        'signal',
      ]
      const subscription = subscribe('a', () => {}, Object.fromEntries(names.map((name) => [name, undefined])))
      const attributes = [
        'id',
        'type',
        'subject',
        'time',
        'datacontenttype',
        'dataschema',
        'extensions',
        'key',
        'ttlMs',
        'delayMs',
        'signal',
      ]
      await broker.publish('a', 1, Object.fromEntries(attributes.map((name) => [name, undefined])))
      await turn()
      assertStats(subscription.stats(), { acked: 1 })
    })

    it('take Infinity for capacity, maxDeliveries, ackWaitMs and graceMs', async ({ broker, subscribe }) => {
      subscribe('a', () => {}, { capacity: Infinity, maxDeliveries: Infinity, ackWaitMs: Infinity })
      await broker.publish('a', 1)
      await broker.close({ graceMs: Infinity })
    })

    it('look at own properties only', async ({ broker, subscribe }) => {
      const subscription = subscribe('a', () => {}, Object.create({ capacity: 0, qos: 7 }))
      await broker.publish('a', 1, Object.create({ ttlMs: -1, delayMs: 99 }))
      await turn()
      assertStats(subscription.stats(), { acked: 1 })
    })

    it(
      'come from defaults unless the subscription says otherwise',
      async ({ broker, clock, subscribe }) => {
        const own = subscribe('a', () => 'nack', { maxDeliveries: 2 })
        const standard = subscribe('a', () => 'nack')
        const direct = subscribe('a', () => {}, { qos: 0 })
        await broker.publish('a', 1)
        await clock.advance(50)
        assert.deepEqual([own.stats().delivered, standard.stats().delivered, direct.stats().acked], [2, 3, 1])
      },
      { defaults: { maxDeliveries: 3, backoff: [1] } },
    )

    it('name the option at fault', async ({ broker }) => {
      await assert.rejects(async () => broker.subscribe('a', () => {}, { capacity: 0 }), {
        name: 'BusbarError',
        code: 'ERR_OPTION_INVALID',
        option: 'capacity',
        message: /capacity.*0/,
      })
      await assert.rejects(broker.publish('a', 1, { ttlMs: -5 }), {
        code: 'ERR_OPTION_INVALID',
        option: 'ttlMs',
        message: /ttlMs.*-5/,
      })
    })

    it('refuse a handler that is no function', async ({ broker }) => {
      for (const handler of ['x', 5, null]) {
        assert.equal(await codeOf(() => broker.subscribe('a', handler as never)), 'ERR_OPTION_INVALID', show(handler))
      }
    })
  })
}
