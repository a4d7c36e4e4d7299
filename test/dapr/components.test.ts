import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  componentMetadata,
  isInScope,
  isPubsub,
  readComponent,
  readNamedComponent,
  resolveComponent,
} from '../../src/dapr/components.ts'
import { Fields } from '../../src/dapr/fields.ts'

describe('readComponent', () => {
  it('reads a resource as teams have it', () => {
    const { component, warnings } = readComponent(
      resource({
        type: 'pubsub.redis',
        version: 'v1',
        metadata: [
          { name: 'redisHost', value: 'localhost:6379' },
          { name: 'enableTLS', value: false },
          { name: 'maxRetries', value: 3 },
          { name: 'list', value: ['a', 1] },
          { name: 'empty' },
          { name: 'redisHost', value: 'elsewhere' },
        ],
      }),
    )
    assert.deepEqual(warnings, [])
    assert.deepEqual(component, {
      name: 'orders',
      type: 'pubsub.redis',
      version: 'v1',
      metadata: { redisHost: 'elsewhere', enableTLS: 'false', maxRetries: '3', list: '["a",1]', empty: '' },
      scopes: ['checkout'],
    })
  })

  it('leaves secrets empty and says so', () => {
    const { component, warnings } = readComponent(
      resource({
        type: 'pubsub.redis',
        metadata: [{ name: 'redisPassword', secretKeyRef: { name: 'redis', key: 'pw' } }],
      }),
    )
    assert.deepEqual(component.metadata, { redisPassword: '' })
    assert.deepEqual(warnings, [
      'Component "orders": "redisPassword" is empty, as it comes from the secret "redis", and secrets are not read',
    ])
  })

  it('reads values from the environment that it is given', () => {
    const items = ['HOST', 'PORT', 'toString'].map((envRef) => ({ name: envRef, envRef }))
    const { component, warnings } = readComponent(resource({ type: 'pubsub.redis', metadata: items }), { HOST: 'h' })
    assert.deepEqual(component.metadata, { HOST: 'h', PORT: '', toString: '' })
    assert.equal(warnings.length, 2)
    assert.match(warnings[0] ?? '', /the environment variable "PORT", which is not set/)
  })

  for (const [value, option] of [
    [{ spec: { type: 'pubsub.redis' } }, 'file.metadata.name'],
    [{ metadata: { name: 'a' }, spec: { type: 'state.redis' } }, 'file.spec.type'],
    [{ metadata: { name: 'a' }, spec: { type: 'pubsub.' } }, 'file.spec.type'],
    [{ metadata: { name: 'a' }, spec: { type: 7 } }, 'file.spec.type'],
    [{ metadata: { name: 'a' } }, 'file.type'],
    [{ metadata: { name: 'a' }, spec: { type: 'pubsub.x', metadata: ['b'] } }, 'file.spec.metadata[0]'],
    [{ metadata: { name: 'a' }, spec: { type: 'pubsub.x' }, scopes: 'all' }, 'file.scopes'],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => readComponent(new Fields(value, 'file')), { code: 'ERR_OPTION_INVALID', option })
    })
  }
})

describe('readNamedComponent', () => {
  const component = { name: 'orders', type: 'pubsub.kafka', version: 'v1', metadata: { brokers: 'b' }, scopes: ['x'] }

  for (const value of [
    { type: 'pubsub.kafka', metadata: { brokers: 'b' }, scopes: ['x'] },
    { type: 'pubsub.kafka', metadata: [{ name: 'brokers', value: 'b' }], scopes: ['x'] },
    {
      kind: 'Component',
      metadata: { name: 'other' },
      spec: { type: 'pubsub.kafka', metadata: [{ name: 'brokers', value: 'b' }] },
      scopes: ['x'],
    },
  ]) {
    it(`reads ${JSON.stringify(value)}`, () => {
      assert.deepEqual(readNamedComponent('orders', value), { component, warnings: [] })
    })
  }

  it('keeps strange names of metadata as names', () => {
    const metadata = JSON.parse('{"__proto__":"a","constructor":"b"}')
    const read = readNamedComponent('orders', { type: 'pubsub.kafka', metadata }).component.metadata
    assert.deepEqual(Object.entries(read), Object.entries(metadata))
  })

  for (const value of [{ metadata: { allowedTopics: 'a' } }, { type: undefined, metadata: { allowedTopics: 'a' } }]) {
    it(`takes what has no type for a component in memory: ${Object.keys(value)}`, () => {
      const { type, metadata } = readNamedComponent('orders', value).component
      assert.deepEqual([type, metadata], ['pubsub.in-memory', { allowedTopics: 'a' }])
    })
  }

  for (const [value, option] of [
    [{ type: 'redis' }, 'pubsubs.orders.type'],
    [{ type: '' }, 'pubsubs.orders.type'],
    [{ spec: {} }, 'pubsubs.orders.spec.type'],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}, which has no pub/sub type`, () => {
      assert.throws(() => readNamedComponent('orders', value), { code: 'ERR_OPTION_INVALID', option })
    })
  }
})

describe('resolveComponent', () => {
  const identity = { appId: 'checkout', namespace: 'ns1', newId: () => 'an-id' }

  for (const [type, dialect, isEmulated] of [
    ['pubsub.in-memory', 'prefix', false],
    ['pubsub.mqtt3', 'mqtt', true],
    ['pubsub.MQTT', 'mqtt', true],
    ['pubsub.jetstream', 'nats', true],
    ['pubsub.nats', 'nats', true],
    ['pubsub.rabbitmq', 'exact', true],
    ['pubsub.redis', 'exact', true],
    ['pubsub.kafka', 'exact', true],
    ['pubsub.my-own', 'exact', true],
  ] as const) {
    it(`serves ${type} with the dialect ${dialect}`, () => {
      const resolved = resolveComponent(readNamedComponent('p', { type }).component, identity)
      assert.deepEqual([resolved.dialect, resolved.isEmulated], [dialect, isEmulated])
      assert.deepEqual(resolved.capabilities, dialect === 'exact' ? [] : ['SUBSCRIBE_WILDCARDS'])
    })
  }

  for (const [metadata, consumerId, isNamespaced] of [
    [{}, 'checkout', false],
    [{ consumerID: '  ' }, 'checkout', false],
    [{ ConsumerId: ' group ' }, 'group', false],
    [{ consumerID: '{namespace}' }, 'ns1.checkout', true],
    [{ consumerID: '{appID}-{uuid}' }, 'checkout-an-id', false],
    [{ other: 'x-{namespace}' }, 'checkout', true],
    [{ consumerID: '{unknown}' }, '{unknown}', false],
  ] as const) {
    it(`takes ${consumerId} for the consumer id of ${JSON.stringify(metadata)}`, () => {
      const resolved = resolveComponent(readNamedComponent('p', { type: 'pubsub.redis', metadata }).component, identity)
      assert.deepEqual([resolved.consumerId, resolved.isNamespaced], [consumerId, isNamespaced])
    })
  }

  it('makes a new id for each {uuid}', () => {
    let count = 0
    const { component } = readNamedComponent('p', {
      type: 'pubsub.redis',
      metadata: { a: '{uuid}{uuid}', b: '{uuid}' },
    })
    const { metadata } = resolveComponent(component, { ...identity, newId: () => `${++count}` })
    assert.deepEqual(metadata, { a: '12', b: '3' })
  })

  it('fills in what is inserted only once', () => {
    const { component } = readNamedComponent('p', { type: 'pubsub.redis', metadata: { a: '{appID}' } })
    assert.equal(resolveComponent(component, { ...identity, appId: '{uuid}$&' }).metadata['a'], '{uuid}$&')
  })

  it('wants a pod for {podName}', () => {
    const { component } = readNamedComponent('p', { type: 'pubsub.redis', metadata: { consumerID: '{podName}' } })
    assert.equal(resolveComponent(component, { ...identity, podName: 'pod-1' }).consumerId, 'pod-1')
    assert.throws(() => resolveComponent(component, identity), {
      code: 'ERR_OPTION_INVALID',
      option: 'podName',
    })
  })
})

describe('componentMetadata', () => {
  it('finds a name whatever its case, and the last of several', () => {
    const metadata = { publishingScopes: 'a', PUBLISHINGSCOPES: 'b' }
    assert.equal(componentMetadata(metadata, 'PublishingScopes'), 'b')
    assert.equal(componentMetadata(metadata, 'toString'), undefined)
  })
})

describe('isInScope', () => {
  it('holds for all when there are no scopes, else for those listed', () => {
    assert.deepEqual([isInScope([], 'a'), isInScope(['a', 'b'], 'a'), isInScope(['b'], 'a')], [true, true, false])
  })
})

describe('isPubsub', () => {
  it('tells pub/sub components from others', () => {
    const types = ['pubsub.redis', 'Pubsub.Redis', 'state.redis', undefined]
    assert.deepEqual(
      types.map((type) => isPubsub(resource({ type }))),
      [true, true, false, false],
    )
  })
})

function resource(spec: object): Fields {
  return new Fields({ Kind: 'Component', metadata: { name: 'orders' }, spec, scopes: ['checkout'] }, 'file')
}
