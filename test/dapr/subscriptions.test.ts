import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fields } from '../../src/dapr/fields.ts'
import {
  type DeclaredSubscription,
  mergeSubscriptions,
  readDiscovery,
  readSubscription,
  subscriptionsFor,
} from '../../src/dapr/subscriptions.ts'

const a = { pubsubname: 'p', topic: 'a', route: '/a' }

describe('readDiscovery', () => {
  it('reads what an app asks for', () => {
    const found = discover([
      {
        pubsubname: 'p',
        topic: 'a',
        deadLetterTopic: 'dead',
        metadata: { rawPayload: 'true' },
        routes: { rules: [{ match: 'event.type == "x"', path: '/x' }], default: '/d' },
        bulkSubscribe: { enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 40 },
      },
      { pubsubname: 'p', topic: 'b', route: 'orders' },
    ])
    assert.deepEqual(found, {
      kind: 'found',
      specs: [
        {
          pubsubname: 'p',
          topic: 'a',
          metadata: { rawPayload: 'true' },
          rules: [
            { match: 'event.type == "x"', path: '/x' },
            { match: '', path: '/d' },
          ],
          deadLetterTopic: 'dead',
          bulk: { maxMessagesCount: 10, maxAwaitDurationMs: 40 },
          type: 'PROGRAMMATIC',
        },
        {
          pubsubname: 'p',
          topic: 'b',
          metadata: {},
          rules: [{ match: '', path: 'orders' }],
          deadLetterTopic: undefined,
          bulk: undefined,
          type: 'PROGRAMMATIC',
        },
      ],
      warnings: [],
    })
  })

  for (const [status, body, kind] of [
    [404, 'Cannot GET /dapr/subscribe', 'none'],
    [200, '', 'none'],
    [200, 'null', 'none'],
    [200, '[]', 'found'],
    [204, '', 'failed'],
    [301, '', 'failed'],
    [401, '[]', 'failed'],
    [500, '[]', 'failed'],
    [503, '', 'failed'],
    [200, '{}', 'failed'],
    [200, '"x"', 'failed'],
    [200, '[{', 'failed'],
    [200, '<html></html>', 'failed'],
    [200, JSON.stringify(Array(1001).fill(a)), 'failed'],
  ] as const) {
    it(`takes status ${status} with ${body.slice(0, 30) || 'no body'} for ${kind}`, () => {
      assert.equal(readDiscovery({ status, body }).kind, kind)
    })
  }

  it('says where JSON breaks', () => {
    const discovery = readDiscovery({ status: 200, body: '[{"pubsubname":"p",}]' })
    assert.ok(discovery.kind === 'failed')
    assert.match(discovery.reason, /not JSON: .*position 19/)
  })

  it('finds keys whatever their case, and ignores unknown ones', () => {
    const { specs } = discover([
      { PubSubName: 'p', TOPIC: 'a', Routes: { Rules: [{ Match: '', PATH: '/x' }] }, type: 'DECLARATIVE', x: 1 },
    ])
    assert.deepEqual(
      specs.map(({ topic, rules, type }) => [topic, rules[0]?.path, type]),
      [['a', '/x', 'PROGRAMMATIC']],
    )
  })

  for (const [entry, paths] of [
    [{ route: '/r' }, ['/r']],
    [{ routes: { default: '/d' } }, ['/d']],
    [{ route: '/r', routes: { default: '/d' } }, ['/d']],
    [{ route: '/r', routes: { rules: [{ path: '/x' }] } }, ['/x', '/r']],
    [{ route: '', routes: { rules: [{ path: '/x' }], default: null } }, ['/x']],
    [{ routes: { rules: [{ path: '/x' }, { path: '/y' }], default: '/d' } }, ['/x', '/y', '/d']],
  ] as const) {
    it(`gives ${JSON.stringify(entry)} the paths ${paths}`, () => {
      const { specs, warnings } = discover([{ pubsubname: 'p', topic: 'a', ...entry }])
      assert.deepEqual([specs[0]?.rules.map(({ path }) => path), warnings], [paths, []])
    })
  }

  for (const [entry, why] of [
    [null, /subscription 0\.pubsubname/],
    [[], /subscription 0: an array is not an object/],
    ['x', /subscription 0: "x" is not an object/],
    [{ ...a, pubsubname: undefined }, /subscription 0\.pubsubname: a subscription needs one/],
    [{ ...a, topic: '' }, /subscription 0\.topic: a subscription needs one/],
    [{ ...a, topic: 5 }, /subscription 0\.topic: 5 is not a string/],
    [{ ...a, route: undefined }, /topic "a": it has no route/],
    [{ ...a, route: undefined, routes: { rules: [] } }, /it has no route/],
    [{ ...a, route: '/a\r\nX-Evil: 1' }, /topic "a": .*route: "\/a\\r\\nX-Evil: 1" is no path/],
    [{ ...a, route: '/%' }, /topic "a": .*route: "\/%" is no path/],
    [
      { ...a, routes: { rules: [{ match: 'event.type ==', path: '/x' }] } },
      /topic "a": Invalid expression "event.type ==" at 13/,
    ],
    [{ ...a, routes: { rules: [{ match: 'x'.repeat(5000), path: '/x' }] } }, /longer than 4096/],
    [{ ...a, routes: { rules: [{ match: `${'('.repeat(500)}true`, path: '/x' }] } }, /maxDepth/],
    [{ ...a, routes: { rules: Array(200).fill({ path: '/x' }) } }, /201 are more than 100/],
    [{ ...a, routes: { rules: {} } }, /subscription 0\.routes\.rules: an object is not a list/],
    [{ ...a, metadata: [] }, /subscription 0\.metadata: an array is not an object/],
    [{ ...a, bulkSubscribe: { enabled: 'yes' } }, /bulkSubscribe\.enabled: "yes" is not true or false/],
    [{ ...a, bulkSubscribe: { enabled: true, maxMessagesCount: 1.5 } }, /maxMessagesCount: 1.5 is not an integer/],
  ] as const) {
    it(`leaves out ${JSON.stringify(entry)?.slice(0, 70)}, and nothing else`, () => {
      const { specs, warnings } = discover([entry, { ...a, topic: 'good' }])
      assert.deepEqual(
        specs.map(({ topic }) => topic),
        ['good'],
      )
      assert.equal(warnings.length, 1)
      assert.match(warnings[0] ?? '', why)
      assert.match(warnings[0] ?? '', /left out/)
    })
  }

  it('leaves out what comes after a thousand rules, but for what needs none', () => {
    const rules = Array(100).fill({ match: 'event.data == 1', path: '/x' })
    const list = Array.from({ length: 12 }, (_, index) => ({
      ...a,
      topic: `${index}`,
      route: undefined,
      routes: { rules },
    }))
    const { specs, warnings } = discover([...list, a])
    assert.deepEqual(
      specs.map(({ topic }) => topic),
      [...list.slice(0, 10).map(({ topic }) => topic), 'a'],
    )
    assert.equal(warnings.length, 2)
    assert.match(warnings[0] ?? '', /topic "10": more than 1000 rules in all/)
    assert.equal(discover(Array.from({ length: 1000 }, (_, index) => ({ ...a, topic: `${index}` }))).specs.length, 1000)
  })

  it('takes the last of several for one topic, in the place of the first', () => {
    const { specs, warnings } = discover([a, { ...a, topic: 'b' }, { ...a, route: '/last' }])
    assert.deepEqual(
      specs.map(({ topic, rules }) => [topic, rules[0]?.path]),
      [
        ['a', '/last'],
        ['b', '/a'],
      ],
    )
    assert.deepEqual(warnings, ['The subscription to topic "a" of "p" was asked for twice: the last one counts'])
  })

  it('keeps topics and pubsub names apart, whatever is in them', () => {
    const entries = [
      { ...a, pubsubname: 'x","y', topic: 'z' },
      { ...a, pubsubname: 'x', topic: 'y","z' },
      { ...a, topic: '__proto__' },
    ]
    assert.equal(discover(entries).specs.length, 3)
  })

  it('takes nothing of a list in which metadata is no string, as daprd', () => {
    for (const value of [true, 5, { k: 1 }, ['x']]) {
      const answer = readDiscovery({ status: 200, body: JSON.stringify([a, { ...a, metadata: { x: value } }]) })
      assert.deepEqual(answer, {
        kind: 'failed',
        reason: 'the metadata of subscription 1 is not made of strings',
      })
    }
  })

  it('reads null in metadata as an empty string', () => {
    assert.deepEqual(discover([{ ...a, metadata: { gone: null } }]).specs[0]?.metadata, { gone: '' })
  })

  it('warns of a rawPayload that is no boolean', () => {
    const { warnings } = discover([{ ...a, metadata: { rawPayload: '"true"' } }])
    assert.match(warnings[0] ?? '', /rawPayload is not a boolean/)
    for (const word of ['1', 't', 'TRUE', 'False', '']) {
      assert.deepEqual(discover([{ ...a, metadata: { rawPayload: word } }]).warnings, [])
    }
  })

  it('ignores a dead letter topic that is the topic itself', () => {
    const { specs, warnings } = discover([{ ...a, deadLetterTopic: 'a' }])
    assert.equal(specs[0]?.deadLetterTopic, undefined)
    assert.match(warnings[0] ?? '', /deadLetterTopic: it is the topic itself/)
    assert.equal(discover([{ ...a, deadLetterTopic: '' }]).specs[0]?.deadLetterTopic, undefined)
  })

  for (const [bulkSubscribe, bulk] of [
    [undefined, undefined],
    [{ enabled: false, maxMessagesCount: 5 }, undefined],
    [{ maxMessagesCount: 5 }, undefined],
    [{ enabled: true }, { maxMessagesCount: 100, maxAwaitDurationMs: 1000 }],
    [
      { enabled: true, maxMessagesCount: 0, maxAwaitDurationMs: -1 },
      { maxMessagesCount: 100, maxAwaitDurationMs: 1000 },
    ],
    [
      { enabled: true, maxMessagesCount: 2 ** 31, maxAwaitDurationMs: 2 ** 40 },
      { maxMessagesCount: 2 ** 31 - 1, maxAwaitDurationMs: 2 ** 31 - 1 },
    ],
  ] as const) {
    it(`reads bulkSubscribe ${JSON.stringify(bulkSubscribe)}`, () => {
      assert.deepEqual(discover([{ ...a, bulkSubscribe }]).specs[0]?.bulk, bulk)
    })
  }

  it('never throws, whatever the app answers', () => {
    const members = ['pubsubname', 'topic', 'route', 'routes', 'metadata', 'bulkSubscribe', 'deadLetterTopic']
    const member = fc.oneof(fc.string(), fc.jsonValue(), fc.constant({ rules: [{ match: 'event', path: '/' }] }))
    const entry = fc.dictionary(fc.constantFrom(...members), member)
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(entry).map((list) => JSON.stringify(list)),
    )
    fc.assert(
      fc.property(body, (body) => {
        assert.ok(['found', 'none', 'failed'].includes(readDiscovery({ status: 200, body }).kind))
      }),
    )
  })
})

describe('readSubscription', () => {
  it('reads v1alpha1', () => {
    const { spec, scopes } = declare(
      { ...a, metadata: { k: 'v' }, deadLetterTopic: 'dead' },
      { version: 'v1alpha1', name: 'sub', scopes: ['x'] },
    )
    assert.deepEqual(spec, {
      name: 'sub',
      pubsubname: 'p',
      topic: 'a',
      metadata: { k: 'v' },
      rules: [{ match: '', path: '/a' }],
      deadLetterTopic: 'dead',
      bulk: undefined,
      type: 'DECLARATIVE',
    })
    assert.deepEqual(scopes, ['x'])
  })

  it('reads v2alpha1', () => {
    const routes = { rules: [{ match: 'event.a == 1', path: '/1' }], default: '/d' }
    const { spec } = declare({ pubsubname: 'p', topic: 'a', routes, bulkSubscribe: { enabled: true } })
    assert.deepEqual(spec.rules, [
      { match: 'event.a == 1', path: '/1' },
      { match: '', path: '/d' },
    ])
    assert.deepEqual(spec.bulk, { maxMessagesCount: 100, maxAwaitDurationMs: 1000 })
  })

  it('has no eye for what belongs to the other version', () => {
    const both = { pubsubname: 'p', topic: 'a', route: '/1', Routes: { default: '/2' } }
    assert.deepEqual(declare(both, { version: 'v1alpha1' }).spec.rules, [{ match: '', path: '/1' }])
    assert.deepEqual(declare(both).spec.rules, [{ match: '', path: '/2' }])
  })

  it('refuses what has a wrong shape', () => {
    assert.throws(() => declare({ ...a, topic: undefined }), { code: 'ERR_OPTION_INVALID', option: 'file.spec.topic' })
    assert.throws(() => declare({ ...a, routes: [] }), { code: 'ERR_OPTION_INVALID', option: 'file.spec.routes' })
  })
})

describe('subscriptionsFor', () => {
  const v1 = (fields: object, more: object = {}): DeclaredSubscription =>
    declare({ ...a, ...fields }, { version: 'v1alpha1', ...more })

  it('takes those in scope', () => {
    const declared = [
      v1({ topic: 'all' }, { name: '1' }),
      v1({ topic: 'empty' }, { name: '2', scopes: [] }),
      v1({ topic: 'mine' }, { name: '3', scopes: ['app1', 'app2'] }),
      v1({ topic: 'theirs', route: '' }, { name: '4', scopes: ['app2'] }),
    ]
    const { specs, warnings } = subscriptionsFor('app1', declared)
    assert.deepEqual([specs.map(({ topic }) => topic), warnings], [['all', 'empty', 'mine'], []])
  })

  it('takes the first of several for one topic', () => {
    const { specs, warnings } = subscriptionsFor('app', [
      v1({ route: '/first' }, { name: '1' }),
      v1({ route: '/second' }, { name: '2' }),
    ])
    assert.deepEqual(
      specs.map(({ rules }) => rules[0]?.path),
      ['/first'],
    )
    assert.deepEqual(warnings, ['The subscription to topic "a" of "p" is declared twice: the first one counts'])
  })

  it('takes the last of several with one name, and all without a name', () => {
    const paths = (names: readonly (string | undefined)[]) =>
      subscriptionsFor(
        'app',
        names.map((name, index) => v1({ topic: `t${index}`, route: `/${index}` }, { name })),
      ).specs.map(({ rules }) => rules[0]?.path)
    assert.deepEqual(paths(['x', 'y', 'x']), ['/2', '/1'])
    assert.deepEqual(paths(['', undefined, '', undefined]), ['/0', '/1', '/2', '/3'])
  })

  it('leaves out those that cannot be routed, with a warning', () => {
    const bad = declare(
      { pubsubname: 'p', topic: 'bad', routes: { rules: [{ match: 'nope(', path: '/x' }] } },
      { name: '1' },
    )
    const { specs, warnings } = subscriptionsFor('app', [
      bad,
      v1({}, { name: '2' }),
      v1({ topic: 'b', route: '' }, { name: '3' }),
    ])
    assert.deepEqual(
      specs.map(({ topic }) => topic),
      ['a'],
    )
    assert.match(warnings.join('\n'), /nope\(.*left out\)\n.*"b": it has no route \(.*left out\)$/)
  })

  it('hands on what was noted when they were read', () => {
    assert.equal(subscriptionsFor('app', [v1({ deadLetterTopic: 'a' })]).warnings.length, 1)
  })
})

describe('mergeSubscriptions', () => {
  it('prefers what the app asks for, and keeps the declared ones first', () => {
    const declared = [
      declare({ ...a, routes: { default: '/declared' } }).spec,
      declare({ ...a, topic: 'b', routes: { default: '/b' } }).spec,
    ]
    const { specs } = discover([a, { ...a, topic: 'c' }, { ...a, pubsubname: 'q', topic: 'b' }])
    assert.deepEqual(
      mergeSubscriptions(declared, specs).map((spec) => [spec.pubsubname, spec.topic, spec.rules[0]?.path]),
      [
        ['p', 'b', '/b'],
        ['p', 'a', '/a'],
        ['p', 'c', '/a'],
        ['q', 'b', '/a'],
      ],
    )
  })
})

function discover(list: readonly unknown[]) {
  const discovery = readDiscovery({ status: 200, body: JSON.stringify(list) })
  assert.ok(discovery.kind === 'found')
  return discovery
}

interface Declared {
  readonly version?: 'v1alpha1' | 'v2alpha1'
  readonly name?: string | undefined
  readonly scopes?: readonly string[]
}

function declare(
  spec: object,
  { version = 'v2alpha1', name, scopes }: Declared = { name: 'sub' },
): DeclaredSubscription {
  return readSubscription(
    new Fields({ metadata: { name: name ?? null }, spec, scopes: scopes ?? null }, 'file'),
    version,
  )
}
