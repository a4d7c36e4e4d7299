import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fields } from '../../src/dapr/fields.ts'
import { collectResources, parseResources, type Resources } from '../../src/dapr/resources.ts'

const files = `# a team's resources
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders
spec:
  type: pubsub.redis
  version: v1
  metadata:
    - name: redisHost
      value: localhost:6379
    - name: redisPassword
      secretKeyRef: { name: redis, key: password }
    - name: enableTLS
      value: false
scopes:
  - checkout
---
apiVersion: dapr.io/v1alpha1
Kind: Subscription
Metadata: { name: placed }
Spec:
  Topic: placed
  Route: /placed
  pubsubname: orders
---

---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: events
spec:
  pubsubname: orders
  topic: events
  routes:
    rules:
      - match: event.type == "order.v1"
        path: /v1
    default: /events
---
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: again }
spec:
  policies: { retries: { some: { policy: constant, duration: 10ms, maxRetries: 4 } } }
  targets: { components: { orders: { inbound: { retry: some } } } }
scopes: [checkout]
---
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: { name: tracing }
spec:
  tracing: { samplingRate: "1" }
  features: [{ name: Anything, enabled: true }]
`

describe('collectResources', () => {
  it('finds all that is for an app in the documents of a file', () => {
    const found = collect(files)
    assert.deepEqual(found.components, [
      {
        name: 'orders',
        type: 'pubsub.redis',
        version: 'v1',
        metadata: { redisHost: 'localhost:6379', redisPassword: '', enableTLS: 'false' },
        scopes: ['checkout'],
      },
    ])
    assert.deepEqual(
      found.subscriptions.map(({ name, topic, rules }) => [name, topic, ...rules.map(({ path }) => path)]),
      [
        ['placed', 'placed', '/placed'],
        ['events', 'events', '/v1', '/events'],
      ],
    )
    assert.deepEqual(
      found.resiliencies.map(({ name }) => name),
      ['again'],
    )
    assert.equal(found.isTracing, true)
    assert.equal(found.warnings.length, 1)
    assert.match(found.warnings[0] ?? '', /"redisPassword" is empty/)
  })

  it('leaves out what is for other apps, and says nothing of it', () => {
    const { resiliencies, subscriptions, warnings } = collect(files, 'other')
    assert.deepEqual([resiliencies, warnings], [[], []])
    assert.equal(subscriptions.length, 2) // these have no scopes
  })

  it('leaves out what it does not serve, and names it', () => {
    const component = {
      apiVersion: 'dapr.io/v1alpha1',
      kind: 'Component',
      metadata: { name: 's' },
      spec: { type: 'state.redis' },
    }
    const { components, warnings } = collectResources(
      [
        ...parseResources(JSON.stringify(component), 'a.json'),
        ...parseResources('kind: HTTPEndpoint\n---\nservices: { web: {} }', 'b.yaml'),
      ],
      { appId: 'app' },
    )
    assert.deepEqual(components, [])
    assert.deepEqual(warnings, [
      'Left out a.json, line 1: a component of type "state.redis" is not served',
      'Left out b.yaml, document 1 at line 1: kind "HTTPEndpoint" is not served',
      'Left out b.yaml, document 2 at line 3: what has no kind is not served',
    ])
  })

  it('reads values from the environment that it is given', () => {
    const text = `{apiVersion: dapr.io/v1alpha1, kind: Component, metadata: {name: p},
      spec: {type: pubsub.x, metadata: [{name: a, envRef: A}]}}`
    const [component] = collectResources(parseResources(text, 'f'), {
      appId: 'a',
      environment: { A: 'set' },
    }).components
    assert.deepEqual(component?.metadata, { a: 'set' })
  })

  for (const [rates, isTracing] of [
    [[], true],
    [['1'], true],
    [['0'], false],
    [['0.0'], false],
    [[0], false],
    [[''], true],
    [['some'], true],
    [[0.5], true],
    [['1', undefined, '0'], false],
    [['0', undefined, '1', undefined], true],
  ] as const) {
    it(`${isTracing ? 'traces' : 'does not trace'} with sampling rates of ${JSON.stringify(rates)}`, () => {
      const resources = rates.map((samplingRate, index) => {
        const configuration = {
          apiVersion: 'dapr.io/v1alpha1',
          kind: 'Configuration',
          spec: { tracing: { samplingRate } },
        }
        return new Fields(configuration, `resources[${index}]`)
      })
      assert.equal(collectResources(resources, { appId: 'app' }).isTracing, isTracing)
    })
  }

  for (const [text, message] of [
    ['kind: Component\nmetadata: {name: p}', 'f.yaml, line 1: apiVersion: undefined is not one of "dapr.io/v1alpha1"'],
    [
      'apiVersion: dapr.io/v1\nkind: Subscription',
      'f.yaml, line 1: apiVersion: "dapr.io/v1" is not one of "dapr.io/v1alpha1", "dapr.io/v2alpha1"',
    ],
    [
      '\n\n---\n---\napiVersion: dapr.io/v2alpha1\nkind: Subscription\nspec: {pubsubname: p, topic: [a]}',
      'f.yaml, document 2 at line 5: spec.topic: an array is not a string',
    ],
    [
      '# two\napiVersion: dapr.io/v1alpha1\nkind: Component\nspec: {type: pubsub.x}',
      'f.yaml, line 2: metadata.name: a component needs a name',
    ],
    [
      'apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nspec: {policies: {timeouts: {t: 5x}}}',
      'f.yaml, line 1: spec.policies.timeouts.t: "5x" is not a duration such as "5s" or "1m30s"',
    ],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => collect(text), { code: 'ERR_OPTION_INVALID', message: `Invalid ${message}` })
    })
  }

  it('refuses two components of one name, for whomever they are', () => {
    const component = (scope: string) =>
      `{apiVersion: dapr.io/v1alpha1, kind: Component, metadata: {name: p}, spec: {type: pubsub.x}, scopes: [${scope}]}`
    assert.throws(() => collect(`${component('a')}\n---\n${component('b')}`, 'a'), {
      message: 'Invalid f.yaml, document 2 at line 3: metadata.name: two components are "p"',
    })
  })
})

describe('parseResources', () => {
  it('reads what YAML has: comments, anchors, merges, block text, JSON', () => {
    const [first, second] = parseResources(
      '\u{feff}a: &a {x: 1, y: "2"} # remark\r\nb: {<<: *a, y: 3}\r\nc: |\r\n  two\r\n  lines\r\n---\r\n{"d": "\\u00e9"}',
      'f',
    )
    assert.deepEqual(first?.get('b'), { x: 1, y: 3 })
    assert.equal(first?.get('c'), 'two\nlines\n')
    assert.equal(second?.get('d'), '\u00e9')
  })

  it('is empty for a text without documents', () => {
    for (const text of ['', '\n', '# remark', '---', '---\n---\n']) assert.deepEqual(parseResources(text, 'f'), [])
  })

  it('keeps strange keys as keys', () => {
    const [fields] = parseResources('__proto__: {x: 1}\nconstructor: 2', 'f')
    assert.deepEqual(fields?.get('__proto__'), { x: 1 })
    assert.equal(fields?.get('constructor'), 2)
    assert.equal(({} as { x?: unknown }).x, undefined)
  })

  for (const [text, message] of [
    ['a: 1\nb: [1, 2\nc: 3', /^Invalid f\.yaml, line 3: /],
    ['a: 1\n---\nb: {x: 1\n', /^Invalid f\.yaml, line \d: /],
    ['a: 1\n---\nb: 1\nb: 2', /^Invalid f\.yaml, line 4: Map keys must be unique/],
    ['a: 1\n\tb: 2', /^Invalid f\.yaml, line 2: /],
    ['a: *nowhere', /^Invalid f\.yaml, line 1: Unresolved alias/],
    ['a: 1\n---\njust text', /^Invalid f\.yaml, document 2 at line 3: "just text" is not a resource$/],
    ['[1, 2]', /^Invalid f\.yaml, line 1: an array is not a resource$/],
    [bomb(10), /Excessive alias count/],
    ['['.repeat(100_000), /f\.yaml/],
    ['a: '.concat('{b: '.repeat(20_000), '1', '}'.repeat(20_000)), /Maximum call stack/],
    [' '.repeat(2 ** 20 + 1), /^Invalid f\.yaml: longer than 1048576 characters$/],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(
        () => parseResources(text, 'f.yaml'),
        (error: { code: string; message: string }) => {
          assert.equal(error.code, 'ERR_OPTION_INVALID')
          assert.match(error.message, message)
          return true
        },
      )
    })
  }

  it('refuses or reads, whatever the text', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '---\n',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '"',
      "'",
      '!x ',
      '|',
      '?',
      '#',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          try {
            assert.ok(Array.isArray(parseResources(text, 'f')))
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, 'ERR_OPTION_INVALID')
          }
        },
      ),
    )
  })
})

function collect(text: string, appId = 'checkout'): Resources {
  return collectResources(parseResources(text, 'f.yaml'), { appId })
}

/** Ten times ten times ten times ... the same text. */
function bomb(levels: number): string {
  const lines = Array.from({ length: levels }, (_, level) => {
    const items = Array(10).fill(level === 0 ? 'lol' : `*a${level - 1}`)
    return `a${level}: &a${level} [${items.join(', ')}]`
  })
  return lines.join('\n')
}
