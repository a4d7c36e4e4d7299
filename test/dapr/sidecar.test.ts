import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { DaprSidecar } from '../../src/dapr/index.ts'
import { Broker } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { begin, FakeApp } from './harness.ts'
import { openSockets, RawClient, turnsUntil } from './raw.ts'

const orders = { pubsubname: 'pubsub', topic: 'orders', route: '/orders' }

describe('DaprSidecar', () => {
  it('delivers to the app what was published over HTTP', async (t) => {
    const { publish, sidecar, app } = await begin(t, new FakeApp(orders))
    const response = await publish('pubsub/orders', { id: 7 })
    assert.equal(response.status, 204)
    await sidecar.settled()
    assert.equal(app.calls.length, 1)
    const [call] = app.calls
    assert.equal(call?.path, '/orders')
    assert.equal(call?.headers.get('content-type'), 'application/cloudevents+json')
    assert.equal(call?.headers.get('pubsubname'), 'pubsub')
    const { id, time, ...rest } = (call?.body ?? {}) as Record<string, unknown>
    assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.match(String(time), /^2026-01-01T00:00:00(Z|[+-]\d\d:\d\d)$|^\d{4}-.*[+-]\d\d:\d\d$/)
    assert.deepEqual(rest, {
      data: { id: 7 },
      datacontenttype: 'application/json',
      pubsubname: 'pubsub',
      source: 'shop',
      specversion: '1.0',
      topic: 'orders',
      traceid: '',
      traceparent: '',
      tracestate: '',
      type: 'com.dapr.event.sent',
    })
  })

  it('delivers in process what was published over HTTP, decoded', async (t) => {
    const broker = new Broker()
    const seen: unknown[] = []
    broker.subscribe(
      'orders',
      ({ data, event }) => void seen.push(data, event.source, event.type, event.datacontenttype),
    )
    const { publish, sidecar } = await begin(t, new FakeApp(), { pubsubs: { pubsub: broker } })
    await publish('pubsub/orders', { id: 7 })
    await publish('pubsub/orders', 'plain', { 'content-type': 'text/plain' })
    await publish('pubsub/orders', new Uint8Array([1, 2]), { 'content-type': 'application/octet-stream' })
    await sidecar.settled()
    assert.deepEqual(seen, [
      { id: 7 },
      'shop',
      'com.dapr.event.sent',
      'application/json',
      'plain',
      'shop',
      'com.dapr.event.sent',
      'text/plain',
      Uint8Array.of(1, 2),
      'shop',
      'com.dapr.event.sent',
      'application/octet-stream',
    ])
  })

  it('delivers to the app what was published in process, as a CloudEvent', async (t) => {
    const broker = new Broker({ source: '/till' })
    const { app, sidecar } = await begin(t, new FakeApp(orders), { pubsubs: { pubsub: broker } })
    await broker.publish('orders', { id: 7 }, { id: 'e-1', type: 'order.placed', extensions: { region: 'eu' } })
    await sidecar.settled()
    const body = app.calls[0]?.body as Record<string, unknown>
    assert.deepEqual(
      [body.id, body.source, body.type, body.region, body.data, body.topic, body.pubsubname, body.specversion],
      ['e-1', '/till', 'order.placed', 'eu', { id: 7 }, 'orders', 'pubsub', '1.0'],
    )
  })

  it('hands on the bytes as they came', async (t) => {
    const { publish, sidecar, app } = await begin(t, new FakeApp(orders))
    const event =
      '{ "id":"1", "specversion":"1.0", "source":"/x", "type":"t", "traceid":"", "data":{"n":12345678901234567890} }'
    await publish('pubsub/orders', event, { 'content-type': 'application/cloudevents+json' })
    await sidecar.settled()
    assert.match(app.calls[0]?.text ?? '', /"n":12345678901234567890/)
  })

  it('gives each app a copy, and shares among sidecars with the same app id', async (t) => {
    const broker = new Broker()
    const pubsubs = { pubsub: broker }
    const [one, two, other] = [new FakeApp(orders), new FakeApp(orders), new FakeApp(orders)]
    const { publish, sidecar } = await begin(t, one, { pubsubs })
    await begin(t, two, { pubsubs })
    await begin(t, other, { pubsubs, appId: 'mail' })
    for (let i = 0; i < 10; i++) await publish('pubsub/orders', i)
    await sidecar.settled()
    assert.deepEqual([...one.data(), ...two.data()].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert.ok(one.calls.length > 0 && two.calls.length > 0)
    assert.deepEqual(other.data(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('keeps the order of what one publisher publishes', async (t) => {
    const { publish, sidecar, app } = await begin(t, new FakeApp(orders))
    const numbers = Array.from({ length: 50 }, (_, i) => i)
    for (const i of numbers) await publish('pubsub/orders', i)
    await sidecar.settled()
    assert.deepEqual(app.data(), numbers)
  })

  it('calls the app with one message of a subscription at a time', async (t) => {
    let running = 0
    let most = 0
    const { publish, sidecar, app } = await begin(t, new FakeApp(orders))
    app.answer = async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    }
    await Promise.all(Array.from({ length: 10 }, (_, i) => publish('pubsub/orders', i)))
    await sidecar.settled()
    assert.equal(app.calls.length, 10)
    assert.equal(most, 1)
  })

  it('lets a handler publish to its own topic', async (t) => {
    const { publish, sidecar, app } = await begin(t, new FakeApp(orders))
    app.answer = async ({ body }) => {
      const { data } = body as { data: number }
      if (data < 3) await publish('pubsub/orders', data + 1)
    }
    await publish('pubsub/orders', 0)
    await sidecar.settled()
    assert.deepEqual(app.data(), [0, 1, 2, 3])
  })
})

describe('A publish that waits for room', () => {
  for (const [what, topic, target, body] of [
    ['one', 'orders', 'publish/pubsub/orders', '1'],
    ['many', 'orders', 'publish/bulk/pubsub/orders', JSON.stringify([1, 2].map((id) => bulkEntry(id)))],
  ] as const) {
    it(`of ${what} is given up when its client leaves`, async (t) => {
      const broker = new Broker()
      t.after(() => broker.close({ graceMs: 0 }))
      const seen: unknown[] = []
      let release = (): void => {}
      const handler = ({ data }: { data: unknown }): Promise<void> => {
        seen.push(data)
        return new Promise((resolve) => (release = resolve))
      }
      broker.subscribe(topic, handler, { capacity: 1 })
      await broker.publish(topic, 'first')
      const { sidecar } = await begin(t, new FakeApp(), { pubsubs: { pubsub: broker }, httpPort: 0 })
      const client = new RawClient(sidecar.httpPort)
      client.say(`POST /v1.0/${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`)
      client.say(`Content-Length: ${body.length}\r\n\r\n${body}`)
      await turnsUntil(() => broker.stats().waiting > 0)
      client.socket.resetAndDestroy()
      await turnsUntil(() => broker.stats().waiting === 0)
      release()
      await broker.settled()
      assert.deepEqual(seen, ['first'])
      assert.equal(broker.stats().published, 1)
    })
  }

  it('is given up when the request that asked for it is aborted', async (t) => {
    const broker = new Broker()
    t.after(() => broker.close({ graceMs: 0 }))
    broker.subscribe('orders', () => new Promise(() => {}), { capacity: 1 })
    await broker.publish('orders', 'first')
    const { sidecar } = await begin(t, new FakeApp(), { pubsubs: { pubsub: broker } })
    const stop = new AbortController()
    const url = 'http://localhost/v1.0/publish/pubsub/orders'
    const answer = sidecar.fetch(new Request(url, { method: 'POST', body: 'x', signal: stop.signal }))
    await turnsUntil(() => broker.stats().waiting > 0)
    stop.abort()
    assert.equal(broker.stats().waiting, 0)
    assert.equal((await answer).status, 500)
  })
})

function bulkEntry(id: number): unknown {
  return { entryId: `${id}`, event: id, contentType: 'application/json' }
}

describe('Components', () => {
  const scoped = (scopes: readonly string[]): object => ({
    apiVersion: 'dapr.io/v1alpha1',
    kind: 'Component',
    metadata: { name: 'pubsub' },
    spec: { type: 'pubsub.in-memory', version: 'v1' },
    scopes,
  })

  it('put the namespace before topics on the broker when they are namespaced, and apps do not see it', async (t) => {
    const pubsubs = {
      pubsub: { type: 'pubsub.in-memory', metadata: { consumerID: '{namespace}', allowedTopics: 'orders,dead' } },
    }
    const dead = { pubsubname: 'pubsub', topic: 'dead', route: '/dead' }
    const app = new FakeApp({ ...orders, deadLetterTopic: 'dead' }, dead)
    const { publish, sidecar } = await begin(t, app, { pubsubs, namespace: 'ns1' })
    const seen: string[] = []
    sidecar.subscribe('pubsub', 'orders', ({ topic }) => void seen.push(topic))
    sidecar.broker('pubsub')?.subscribe('ns1orders', ({ topic }) => void seen.push(topic))
    app.answer = ({ path }) => (path === '/orders' ? { status: 'DROP' } : undefined)
    assert.equal((await publish('pubsub/orders', 1)).status, 204)
    await sidecar.settled()
    assert.deepEqual(app.paths(), ['/orders', '/dead'])
    assert.match(app.calls[0]?.text ?? '', /"topic":"orders"/)
    assert.deepEqual(seen.sort(), ['ns1orders', 'orders'])
  })

  it('of other types are served from memory, and the log says so once', async (t) => {
    const topic = 'a/+'
    const { publish, app, sidecar, log } = await begin(t, new FakeApp({ ...orders, topic }), {
      pubsubs: { pubsub: { type: 'pubsub.mqtt3', metadata: { url: 'tcp://broker:1883' } } },
    })
    assert.equal((await publish('pubsub/a/b', 1)).status, 204)
    await sidecar.settled()
    assert.deepEqual(app.data(), [1])
    const said = log.filter(({ message }) => message.includes('emulated'))
    assert.deepEqual(
      said.map(({ level, pubsubname, type }) => [level, pubsubname, type]),
      [['info', 'pubsub', 'pubsub.mqtt3']],
    )
  })

  it('let an app subscribe to what it may, and list what it may not without serving it', async (t) => {
    const metadata = { subscriptionScopes: 'shop=orders', protectedTopics: 'secrets' }
    const app = new FakeApp(orders, { ...orders, topic: 'mails' }, { ...orders, topic: 'secrets' })
    const { publish, sidecar, log } = await begin(t, app, { pubsubs: { pubsub: { metadata } } })
    for (const topic of ['orders', 'mails']) assert.equal((await publish(`pubsub/${topic}`, topic)).status, 204)
    await sidecar.settled()
    assert.deepEqual(app.data(), ['orders'])
    assert.deepEqual(
      sidecar.stats().subscriptions.map(({ topic, stats }) => [topic, stats?.acked]),
      [
        ['orders', 1],
        ['mails', undefined],
        ['secrets', undefined],
      ],
    )
    assert.deepEqual(
      log.filter(({ level }) => level === 'error').map(({ topic }) => topic),
      ['mails', 'secrets'],
    )
    assert.throws(() => sidecar.subscribe('pubsub', 'mails', () => {}), { code: 'ERR_OPTION_INVALID' })
  })

  it('are not there for apps out of their scope, nor is anything in their place', async (t) => {
    const { publish, sidecar } = await begin(t, new FakeApp(), { resources: [scoped(['other'])] })
    assert.equal((await publish('pubsub/orders', 1)).status, 404)
    assert.deepEqual(sidecar.components, [])
    const inScope = await begin(t, new FakeApp(), { resources: [scoped(['other', 'shop'])] })
    assert.equal((await inScope.publish('pubsub/orders', 1)).status, 204)
  })
})

describe('Redelivery', () => {
  it('offers again what the app did not handle, after 1 s, doubling to 30 s, until it does', async (t) => {
    const { publish, sidecar, app, clock } = await begin(t, new FakeApp(orders))
    const times: number[] = []
    app.answer = () => {
      times.push(clock.now())
      return times.length < 9 ? { status: 'RETRY' } : undefined
    }
    await publish('pubsub/orders', 'x')
    await clock.runAll()
    await sidecar.settled()
    const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    assert.equal(new Set(app.calls.map(({ body }) => (body as { id: string }).id)).size, 1)
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
  })

  for (const [what, answer] of [
    ['a status of 500', () => new Response(null, { status: 500 })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'http://127.0.0.1:1/' } })],
    ['an unknown status word', () => ({ status: 'LATER' })],
    [
      'an error',
      () => {
        throw new Error('no')
      },
    ],
  ] as const) {
    it(`takes ${what} for a failure`, async (t) => {
      const { publish, app, clock } = await begin(t, new FakeApp(orders))
      app.answer = () => (app.calls.length === 1 ? answer() : undefined)
      await publish('pubsub/orders', 'x')
      await clock.advance(999)
      assert.equal(app.calls.length, 1)
      await clock.advance(1)
      assert.equal(app.calls.length, 2)
    })
  }

  it('offers again what the app does not answer in time, and aborts the call', async (t) => {
    const { publish, app, clock } = await begin(t, new FakeApp(orders), { deliveryTimeoutMs: 5000 })
    app.answer = () => (app.calls.length === 1 ? new Promise(() => {}) : undefined)
    await publish('pubsub/orders', 'x')
    await clock.advance(5999)
    assert.equal(app.calls.length, 1)
    await clock.advance(1)
    assert.equal(app.calls.length, 2)
  })

  it('lets other messages pass one that waits', async (t) => {
    const { publish, app, clock } = await begin(t, new FakeApp(orders))
    app.answer = () => (app.calls.length === 1 ? { status: 'RETRY' } : undefined)
    await publish('pubsub/orders', 'a')
    await publish('pubsub/orders', 'b')
    await clock.advance(1000)
    assert.deepEqual(app.data(), ['a', 'b', 'a'])
  })

  it('ends with the time to live', async (t) => {
    const { publish, app, clock, sidecar } = await begin(t, new FakeApp(orders))
    app.answer = () => ({ status: 'RETRY' })
    await publish('pubsub/orders?metadata.ttlInSeconds=5', 'x')
    await clock.runAll()
    assert.equal(app.calls.length, 3)
    assert.equal(sidecar.stats().pubsubs.pubsub?.expired, 1)
  })
})

describe('An app that wants few calls at once', () => {
  const topics = ['a', 'b', 'c', 'd']

  for (const [how, asked] of [
    ['one by one', {}],
    ['in batches', { bulkSubscribe: { enabled: true, maxMessagesCount: 1 } }],
  ] as const) {
    it(`has its time for each, ${how}, however long they wait in line`, async (t) => {
      const subscriptions = topics.map((topic) => ({ ...orders, ...asked, topic, deadLetterTopic: 'dead' }))
      const { publish, app, clock, sidecar } = await begin(t, new FakeApp(...subscriptions), { appMaxConcurrency: 1 })
      const releases: (() => void)[] = []
      app.answer = ({ text }) => {
        const [, entryId] = /"entryId":"([^"]+)"/.exec(text) ?? []
        return new Promise((resolve) => releases.push(() => resolve({ statuses: [{ entryId, status: 'SUCCESS' }] })))
      }
      for (const topic of topics) await publish(`pubsub/${topic}`, topic)
      for (let count = 1; count <= topics.length; count++) {
        await clock.advance(29_999)
        assert.equal(releases.length, count)
        releases.at(-1)?.()
      }
      await sidecar.settled()
      const { acked, deadLettered } = sidecar.stats().pubsubs.pubsub ?? {}
      assert.deepEqual([acked, deadLettered], [4, 0])
    })
  }

  it('is given up after its time, call by call, and others are let through', async (t) => {
    const subscriptions = topics.map((topic) => ({ ...orders, topic, deadLetterTopic: 'dead' }))
    const { publish, app, clock, sidecar, log } = await begin(t, new FakeApp(...subscriptions), {
      appMaxConcurrency: 1,
      deliveryTimeoutMs: 1000,
    })
    app.answer = () => new Promise(() => {})
    for (const topic of topics) await publish(`pubsub/${topic}`, topic)
    for (let count = 1; count <= topics.length; count++) {
      await clock.advance(999)
      assert.deepEqual([app.calls.length, sidecar.stats().pubsubs.pubsub?.deadLettered], [count, count - 1])
      await clock.advance(1)
    }
    assert.equal(sidecar.stats().pubsubs.pubsub?.deadLettered, 4)
    assert.ok(log.some(({ reason }) => reason === 'The app did not answer within 1000 ms'))
    const end = clock.now()
    await clock.runAll()
    assert.equal(clock.now(), end) // no timer is left
  })
})

describe('Dead letters', () => {
  const withDeadLetters = [
    { ...orders, deadLetterTopic: 'dead' },
    { pubsubname: 'pubsub', topic: 'dead', route: '/dead' },
  ]

  for (const [what, answer] of [
    ['DROP', { status: 'DROP' }],
    ['RETRY', { status: 'RETRY' }],
    ['404', new Response(null, { status: 404 })],
    ['500', new Response(null, { status: 500 })],
  ] as const) {
    it(`takes what the app answers with ${what} at once, with the same bytes`, async (t) => {
      const { publish, sidecar, app } = await begin(t, new FakeApp(...withDeadLetters))
      app.answer = ({ path }) => (path === '/orders' ? answer : undefined)
      await publish('pubsub/orders', { id: 7 })
      await sidecar.settled()
      assert.deepEqual(app.paths(), ['/orders', '/dead'])
      assert.equal(app.calls[0]?.text, app.calls[1]?.text)
      assert.equal(sidecar.stats().pubsubs.pubsub?.deadLettered, 1)
    })
  }

  it('takes what the app does not answer in time', async (t) => {
    const { publish, app, clock } = await begin(t, new FakeApp(...withDeadLetters))
    app.answer = ({ path }) => (path === '/orders' ? new Promise(() => {}) : undefined)
    await publish('pubsub/orders', 'x')
    await clock.advance(30_000)
    assert.deepEqual(app.paths(), ['/orders', '/dead'])
  })

  it('says why, in process', async (t) => {
    const { publish, sidecar, app } = await begin(t, new FakeApp({ ...orders, deadLetterTopic: 'dead' }))
    app.answer = () => ({ status: 'DROP' })
    const letter = sidecar.broker('pubsub')?.once('dead')
    await publish('pubsub/orders', { id: 7 })
    const message = await letter
    assert.deepEqual(message?.data, { id: 7 })
    assert.equal(message?.event.deadletterreason, 'dropped')
    assert.equal(message?.event.deadlettertopic, 'orders')
  })

  it('drops without one', async (t) => {
    const { publish, sidecar, app, log } = await begin(t, new FakeApp(orders))
    app.answer = () => ({ status: 'DROP' })
    await publish('pubsub/orders', 'x')
    await sidecar.settled()
    assert.equal(app.calls.length, 1)
    assert.equal(sidecar.stats().pubsubs.pubsub?.dropped, 1)
    assert.ok(log.some(({ level }) => level === 'warn'))
  })
})

describe('A dead letter topic that the app may not publish on', () => {
  it('is none: what fails is offered again', async (t) => {
    const pubsubs = { pubsub: { type: 'pubsub.in-memory', metadata: { publishingScopes: 'shop=orders' } } }
    const app = new FakeApp({ ...orders, deadLetterTopic: 'dead' })
    const { publish, clock, sidecar, log } = await begin(t, app, { pubsubs })
    app.answer = () => (app.calls.length === 1 ? { status: 'RETRY' } : undefined)
    await publish('pubsub/orders', 1)
    await clock.runAll()
    assert.deepEqual(app.data(), [1, 1])
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
    assert.ok(log.some(({ level, deadLetterTopic }) => level === 'warn' && deadLetterTopic === 'dead'))
  })
})

describe('Bulk subscribe', () => {
  const bulk = (maxMessagesCount: number, maxAwaitDurationMs: number): Record<string, unknown> => ({
    ...orders,
    bulkSubscribe: { enabled: true, maxMessagesCount, maxAwaitDurationMs },
  })
  const success = (body: unknown): unknown => ({
    statuses: entriesOf(body).map(({ entryId }) => ({ entryId, status: 'SUCCESS' })),
  })
  interface Entry {
    readonly entryId: string
    readonly event: { readonly data: unknown }
    readonly contentType: string
    readonly metadata: Record<string, string>
  }
  const entriesOf = (body: unknown): readonly Entry[] => (body as { entries: readonly Entry[] }).entries

  it('fills batches, and sends what is left when the first of it has waited long enough', async (t) => {
    const { publish, app, clock } = await begin(t, new FakeApp(bulk(10, 500)))
    app.answer = ({ body }) => success(body)
    for (let i = 0; i < 25; i++) await publish('pubsub/orders', i)
    await clock.advance(499)
    assert.deepEqual(
      app.calls.map(({ body }) => entriesOf(body).length),
      [10, 10],
    )
    await clock.advance(1)
    assert.deepEqual(
      app.calls.map(({ body }) => entriesOf(body).length),
      [10, 10, 5],
    )
    const data = app.calls.flatMap(({ body }) => entriesOf(body).map(({ event }) => event.data))
    assert.deepEqual(
      data,
      Array.from({ length: 25 }, (_, i) => i),
    )
  })

  it('offers again only those that failed, with the same entry ids', async (t) => {
    const { publish, app, clock, sidecar } = await begin(t, new FakeApp(bulk(3, 100)))
    app.answer = ({ body }) => ({
      statuses: entriesOf(body).map(({ entryId, event }) => ({
        entryId,
        status: event.data === 1 && app.calls.length === 1 ? 'RETRY' : 'SUCCESS',
      })),
    })
    for (const i of [0, 1, 2]) await publish('pubsub/orders', i)
    await clock.runAll()
    const [first, second] = app.calls.map(({ body }) => entriesOf(body))
    assert.deepEqual(
      second?.map(({ event }) => event.data),
      [1],
    )
    assert.equal(second?.[0]?.entryId, first?.[1]?.entryId)
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 3)
  })

  it('sends raw bytes in base64', async (t) => {
    const { publish, app, sidecar } = await begin(t, new FakeApp({ ...bulk(1, 100), metadata: { rawPayload: 'true' } }))
    await publish('pubsub/orders?metadata.rawPayload=true', 'hello')
    await sidecar.settled()
    const [entry] = entriesOf(app.calls[0]?.body)
    assert.equal(entry?.event, Buffer.from('hello').toString('base64'))
    assert.equal(entry?.contentType, 'application/octet-stream')
    assert.deepEqual(entry?.metadata, { rawPayload: 'true' })
  })

  it('reads the statuses of a batch however many there are', async (t) => {
    const { publish, app, sidecar } = await begin(t, new FakeApp(bulk(1000, 100)))
    app.answer = ({ body }) => success(body)
    for (let i = 0; i < 1000; i++) await publish('pubsub/orders', i)
    await sidecar.settled()
    assert.equal(app.calls.length, 1)
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1000)
  })

  it('sends what waits when the sidecar closes', async (t) => {
    const { publish, app, sidecar } = await begin(t, new FakeApp(bulk(10, 60_000)))
    app.answer = ({ body }) => success(body)
    await publish('pubsub/orders', 1)
    await publish('pubsub/orders', 2)
    await sidecar.close()
    assert.deepEqual(
      app.calls.map(({ body }) => entriesOf(body).length),
      [2],
    )
  })

  it('sends a POST for each path that the rules choose', async (t) => {
    const { pubsubname, topic, bulkSubscribe } = bulk(4, 100)
    const routes = { rules: [{ match: 'event.data > 1', path: '/big' }], default: '/small' }
    const { publish, app, clock, sidecar } = await begin(t, new FakeApp({ pubsubname, topic, routes, bulkSubscribe }))
    app.answer = ({ body }) => success(body)
    for (const i of [0, 1, 2, 3]) await publish('pubsub/orders', i)
    await clock.advance(0)
    assert.deepEqual(
      Object.fromEntries(app.calls.map(({ path, body }) => [path, entriesOf(body).map(({ event }) => event.data)])),
      { '/small': [0, 1], '/big': [2, 3] },
    )
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 4)
  })

  it('sends nowhere what no rule chooses a path for, alone or beside others', async (t) => {
    const { pubsubname, topic, bulkSubscribe } = bulk(3, 100)
    const routes = { rules: [{ match: 'event.data > 1', path: '/big' }] }
    const asked = { pubsubname, topic, routes, bulkSubscribe, deadLetterTopic: 'dead' }
    const { publish, app, sidecar } = await begin(t, new FakeApp(asked, { pubsubname, topic: 'dead', route: '/dead' }))
    app.answer = ({ path, body }) => (path === '/dead' ? {} : success(body))
    for (const i of [0, 1, 2, 0, 0, 0]) await publish('pubsub/orders', i)
    await sidecar.settled()
    assert.deepEqual(app.paths().sort(), ['/big', '/dead', '/dead', '/dead', '/dead', '/dead'])
  })
})

describe('sidecar.subscribe()', () => {
  it('hands messages to a handler, with Dapr’s words for how it went', async (t) => {
    const { publish, sidecar, clock } = await begin(t)
    const seen: unknown[] = []
    sidecar.subscribe('pubsub', 'orders', ({ data, topic, pubsubname, deliveryCount }) => {
      seen.push([data, topic, pubsubname, deliveryCount])
      return deliveryCount === 1 ? 'RETRY' : 'SUCCESS'
    })
    await publish('pubsub/orders', { id: 7 })
    await clock.advance(1000)
    assert.deepEqual(seen, [
      [{ id: 7 }, 'orders', 'pubsub', 1],
      [{ id: 7 }, 'orders', 'pubsub', 2],
    ])
  })

  it('sends dead letters', async (t) => {
    const { publish, sidecar } = await begin(t)
    const dead: unknown[] = []
    sidecar.subscribe('pubsub', 'orders', () => 'DROP', { deadLetterTopic: 'dead' })
    sidecar.subscribe('pubsub', 'dead', ({ data }) => void dead.push(data))
    await publish('pubsub/orders', 1)
    await sidecar.settled()
    assert.deepEqual(dead, [1])
  })

  for (const [answer, acked] of [
    [undefined, 1],
    [null, 1],
    [5, 1],
    [{ status: 'RETRY' }, 1],
    ['SUCCESS', 1],
    ['RETRY', 0],
    ['retry', 0],
    ['', 0],
  ] as const) {
    it(`takes ${JSON.stringify(answer)} for ${acked === 1 ? 'success' : 'failure'}, alone and in a list`, async (t) => {
      const { publish, sidecar } = await begin(t)
      const single = sidecar.subscribe('pubsub', 'x', async () => answer)
      const bulk = sidecar.subscribeBulk('pubsub', 'x', async () => [answer], { maxMessagesCount: 1 })
      await publish('pubsub/x', 1)
      await sidecar.settled()
      assert.deepEqual([single.stats.acked, bulk.stats.acked], [acked, acked])
      assert.deepEqual([single.stats.delayed, bulk.stats.delayed], [1 - acked, 1 - acked])
    })
  }

  it('hands over batches', async (t) => {
    const { publish, sidecar, clock } = await begin(t)
    const seen: unknown[] = []
    const bulk = { maxMessagesCount: 2, maxAwaitDurationMs: 100 }
    sidecar.subscribeBulk(
      'pubsub',
      'orders',
      (messages) => {
        seen.push(messages.map(({ data }) => data))
        return messages.map(({ deliveryCount, data }) => (data === 'b' && deliveryCount === 1 ? 'RETRY' : undefined))
      },
      bulk,
    )
    for (const data of ['a', 'b', 'c']) await publish('pubsub/orders', data)
    await clock.runAll()
    assert.deepEqual(seen, [['a', 'b'], ['c'], ['b']])
  })

  it('gives raw bytes when asked to', async (t) => {
    const { publish, sidecar } = await begin(t)
    const seen: unknown[] = []
    sidecar.subscribe('pubsub', 'orders', ({ data }) => void seen.push(data), { rawPayload: true })
    await publish('pubsub/orders?metadata.rawPayload=true', 'hello')
    await sidecar.settled()
    assert.deepEqual(seen, [new TextEncoder().encode('hello')])
  })

  it('gives a copy to each handler, and ends with unsubscribe()', async (t) => {
    const { publish, sidecar } = await begin(t)
    const seen: string[] = []
    const one = sidecar.subscribe('pubsub', 'orders', () => void seen.push('one'))
    sidecar.subscribe('pubsub', 'orders', () => void seen.push('two'))
    await publish('pubsub/orders', 1)
    await sidecar.settled()
    await one.unsubscribe()
    await publish('pubsub/orders', 2)
    await sidecar.settled()
    assert.deepEqual(seen.sort(), ['one', 'two', 'two'])
  })

  it('keeps a batch as long as it is told to', async (t) => {
    const clock = new (class extends ManualClock {
      override setTimer(callback: () => void, delayMs: number): unknown {
        assert.ok(delayMs < 2 ** 31, 'a native timer would be over at once')
        return super.setTimer(callback, delayMs)
      }
    })()
    const { publish, sidecar } = await begin(t, new FakeApp(), { clock })
    const sizes: number[] = []
    const maxAwaitDurationMs = 2 ** 40
    sidecar.subscribeBulk('pubsub', 'x', (messages) => void sizes.push(messages.length), { maxAwaitDurationMs })
    await publish('pubsub/x', 1)
    await clock.advance(1_000_000)
    assert.deepEqual(sizes, [])
    await sidecar.close()
    assert.deepEqual(sizes, [1])
  })

  for (const [what, handler, options] of [
    ['no handler', undefined, {}],
    ['an unknown option', () => {}, { deadletter: 'x' }],
    ['an option of another type', () => {}, { rawPayload: 'true' }],
    ['a dead letter topic that it would get itself', () => {}, { deadLetterTopic: 'x' }],
  ] as const) {
    it(`refuses ${what}`, async (t) => {
      const { sidecar } = await begin(t)
      const code = 'ERR_OPTION_INVALID'
      assert.throws(() => Reflect.apply(sidecar.subscribe, sidecar, ['pubsub', 'x', handler, options]), { code })
      assert.throws(() => Reflect.apply(sidecar.subscribeBulk, sidecar, ['pubsub', 'x', handler, options]), { code })
      assert.equal(sidecar.stats().subscriptions.length, 0)
    })
  }

  it('refuses an unknown component', async (t) => {
    const { sidecar } = await begin(t)
    assert.throws(() => sidecar.subscribe('nope', 'orders', () => {}), { code: 'ERR_OPTION_INVALID' })
  })
})

describe('Discovery', () => {
  it('asks for the configuration first, then for the subscriptions', async (t) => {
    const { app } = await begin(t, new FakeApp(orders))
    assert.deepEqual(app.asked, ['/dapr/config', '/dapr/subscribe'])
  })

  it('leaves out what it is told to', async (t) => {
    const { app, sidecar } = await begin(t, new FakeApp(orders), { disableInitEndpoints: ['subscribe'] })
    assert.deepEqual(app.asked, ['/dapr/config'])
    assert.deepEqual(sidecar.subscriptions, [])
  })

  it('can be done again: what is new starts, what is gone delivers what it has and ends', async (t) => {
    const { app, sidecar, publish } = await begin(t, new FakeApp(orders))
    app.subscriptions = [{ ...orders, topic: 'mails', route: '/mails' }]
    await publish('pubsub/orders', 1)
    await sidecar.discover()
    await publish('pubsub/orders', 2)
    await publish('pubsub/mails', 3)
    await sidecar.settled()
    assert.deepEqual(app.data(), [1, 3])
    assert.deepEqual(
      sidecar.subscriptions.map(({ topic }) => topic),
      ['mails'],
    )
  })

  it('leaves alone what stays the same', async (t) => {
    const { app, sidecar, publish } = await begin(t, new FakeApp(orders))
    let release = (): void => {}
    app.answer = () => new Promise<void>((resolve) => (release = resolve))
    await publish('pubsub/orders', 1)
    await new Promise((resolve) => setImmediate(resolve))
    await sidecar.discover()
    app.answer = () => undefined
    release()
    await publish('pubsub/orders', 2)
    await sidecar.settled()
    assert.deepEqual(app.data(), [1, 2])
  })

  it('leaves alone what there is when the app does not say what it wants now', async (t) => {
    const { app, publish, sidecar, log } = await begin(t, new FakeApp(orders))
    Reflect.set(app, 'subscriptions', { orders })
    await sidecar.discover()
    assert.ok(log.some(({ level }) => level === 'error'))
    assert.equal((await publish('pubsub/orders', 1)).status, 204)
    await sidecar.settled()
    assert.deepEqual(app.data(), [1])
    app.subscriptions = []
    await sidecar.discover()
    assert.deepEqual(sidecar.subscriptions, [])
  })

  it('waits for an app that starts later', async (t) => {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as AddressInfo
    probe.close()
    await once(probe, 'close')
    const { sidecar, ask } = await begin(t, undefined, { app: port })
    assert.equal((await ask('GET', '/v1.0/healthz')).status, 500)
    assert.equal((await ask('GET', '/v1.0/healthz/outbound')).status, 204)
    const server = createServer((request, response) => {
      response.end(request.url === '/dapr/subscribe' ? JSON.stringify([orders]) : '')
    }).listen(port, '127.0.0.1')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    await sidecar.discover()
    assert.deepEqual(
      sidecar.subscriptions.map(({ topic }) => topic),
      ['orders'],
    )
    assert.equal((await ask('GET', '/v1.0/healthz')).status, 204)
  })

  it('goes on without subscriptions that cannot be started', async (t) => {
    const { sidecar, publish, app, log } = await begin(
      t,
      new FakeApp({ ...orders, pubsubname: 'other' }, { ...orders, topic: 'a', route: 'x\r\ny' }, orders),
    )
    await publish('pubsub/orders', 1)
    await sidecar.settled()
    assert.deepEqual(app.data(), [1])
    assert.deepEqual(
      log.filter(({ level }) => level === 'error').map(({ topic }) => topic),
      ['orders'],
    )
    assert.ok(log.some(({ level, message }) => level === 'warn' && message.includes('route')))
    assert.equal(sidecar.subscriptions.length, 2)
  })
})

describe('Resiliency', () => {
  const policyOf = (policies: object, inbound: object): object => ({
    apiVersion: 'dapr.io/v1alpha1',
    kind: 'Resiliency',
    metadata: { name: 'r' },
    spec: { policies, targets: { components: { pubsub: { inbound } } } },
  })
  const resiliency = (retry: object, more: object = {}): object => ({
    apiVersion: 'dapr.io/v1alpha1',
    kind: 'Resiliency',
    metadata: { name: 'r' },
    spec: {
      policies: { retries: { r: retry }, ...more },
      targets: { components: { pubsub: { inbound: { retry: 'r', ...('timeouts' in more && { timeout: 't' }) } } } },
    },
  })

  it('offers a message maxRetries times more, then sends it to the dead letter topic', async (t) => {
    const { publish, app, clock } = await begin(
      t,
      new FakeApp({ ...orders, deadLetterTopic: 'dead' }, { pubsubname: 'pubsub', topic: 'dead', route: '/dead' }),
      { resources: [resiliency({ policy: 'constant', duration: '7s', maxRetries: 2 })] },
    )
    const times: number[] = []
    app.answer = ({ path }) => {
      times.push(clock.now())
      return path === '/orders' ? { status: 'RETRY' } : undefined
    }
    await publish('pubsub/orders', 1)
    await clock.runAll()
    assert.deepEqual(app.paths(), ['/orders', '/orders', '/orders', '/dead'])
    assert.deepEqual(times, [0, 7000, 14_000, 14_000])
  })

  for (const [what, policies, inbound] of [
    ['a timeout', { timeouts: { t: '3s' } }, { timeout: 't' }],
    ['a circuit breaker', { circuitBreakers: { c: {} } }, { circuitBreaker: 'c' }],
  ] as const) {
    it(`offers again what fails when the policy is ${what} and says nothing of that`, async (t) => {
      const { publish, app, clock, sidecar } = await begin(t, new FakeApp(orders), {
        resources: [policyOf(policies, inbound)],
      })
      app.answer = () => (app.calls.length < 3 ? { status: 'RETRY' } : undefined)
      await publish('pubsub/orders', 1)
      await clock.runAll()
      assert.deepEqual(app.data(), [1, 1, 1])
      assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
    })
  }

  const breaker = { circuitBreakers: { c: { trip: 'consecutiveFailures > 1', timeout: '10s' } } }

  it('holds messages back while the circuit breaker is open, and loses none', async (t) => {
    const { publish, app, clock, sidecar } = await begin(t, new FakeApp(orders), {
      resources: [policyOf(breaker, { circuitBreaker: 'c' })],
    })
    const times: number[] = []
    app.answer = () => {
      times.push(clock.now())
      return times.length < 3 ? { status: 'RETRY' } : undefined
    }
    await publish('pubsub/orders', 1)
    await clock.runAll()
    assert.deepEqual(times, [0, 1000, 15_000]) // not at 3 and 7 s
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
  })

  it('sends what the circuit breaker holds back to the dead letter topic', async (t) => {
    const dead = { pubsubname: 'pubsub', topic: 'dead', route: '/dead' }
    const app = new FakeApp({ ...orders, deadLetterTopic: 'dead' })
    const { publish, sidecar, log } = await begin(t, app, { resources: [policyOf(breaker, { circuitBreaker: 'c' })] })
    const letters: unknown[] = []
    sidecar.broker('pubsub')?.subscribe(dead.topic, ({ data }) => void letters.push(data))
    app.answer = () => ({ status: 'RETRY' })
    for (const i of [1, 2, 3]) await publish('pubsub/orders', i)
    await sidecar.settled()
    assert.deepEqual(app.data(), [1, 2])
    assert.deepEqual(letters, [1, 2, 3])
    assert.ok(!log.some(({ message }) => message === 'Messages are handled again'))
  })

  it('closes a circuit breaker again after a handler that threw what cannot be shown', async (t) => {
    const { publish, sidecar, clock, log } = await begin(t, new FakeApp(), {
      resources: [policyOf(breaker, { circuitBreaker: 'c' })],
    })
    let count = 0
    sidecar.subscribe('pubsub', 'orders', () => {
      if (++count < 4) throw Object.create(null)
    })
    await publish('pubsub/orders', 1)
    await clock.runAll()
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
    assert.ok(log.some(({ reason }) => reason === 'something was thrown that cannot be shown'))
  })

  it('closes a circuit breaker again after a handler that never ended', async (t) => {
    const { publish, sidecar, clock } = await begin(t, new FakeApp(), {
      resources: [policyOf(breaker, { circuitBreaker: 'c' })],
    })
    const seen: number[] = []
    sidecar.subscribe('pubsub', 'orders', ({ deliveryCount }) => {
      seen.push(deliveryCount)
      if (seen.length < 3) return 'RETRY'
      return seen.length === 3 ? new Promise(() => {}) : 'SUCCESS'
    })
    await publish('pubsub/orders', 1)
    await clock.advance(120_000)
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
  })

  it('ends a call after the timeout of its policy', async (t) => {
    const resources = [resiliency({ policy: 'constant', duration: '1s', maxRetries: 1 }, { timeouts: { t: '3s' } })]
    const { publish, app, clock, sidecar } = await begin(t, new FakeApp(orders), { resources })
    app.answer = () => new Promise(() => {})
    await publish('pubsub/orders', 1)
    await clock.advance(3999)
    assert.equal(app.calls.length, 1)
    await clock.advance(3001)
    assert.equal(app.calls.length, 2)
    assert.equal(sidecar.stats().pubsubs.pubsub?.exhausted, 1)
  })
})

describe('Around it', () => {
  it('says what it is', async (t) => {
    const { ask } = await begin(t, new FakeApp({ ...orders, deadLetterTopic: 'dead' }))
    const body = (await (await ask('GET', '/v1.0/metadata')).json()) as Record<string, unknown>
    assert.equal(body.id, 'shop')
    assert.deepEqual(body.components, [
      { name: 'pubsub', type: 'pubsub.in-memory', version: 'v1', capabilities: ['SUBSCRIBE_WILDCARDS'] },
    ])
    assert.deepEqual(body.subscriptions, [
      {
        pubsubname: 'pubsub',
        topic: 'orders',
        rules: [{ path: '/orders' }],
        deadLetterTopic: 'dead',
        type: 'PROGRAMMATIC',
      },
    ])
  })

  it('keeps what is put into its metadata', async (t) => {
    const { ask } = await begin(t)
    assert.equal((await ask('PUT', '/v1.0/metadata/color', { body: 'red' })).status, 204)
    const body = (await (await ask('GET', '/v1.0/metadata')).json()) as { extended: Record<string, string> }
    assert.equal(body.extended.color, 'red')
  })

  it('is healthy, if it is the one that is meant', async (t) => {
    const { ask } = await begin(t)
    assert.equal((await ask('GET', '/v1.0/healthz')).status, 204)
    assert.equal((await ask('GET', '/v1.0/healthz?appid=shop')).status, 204)
    const response = await ask('GET', '/v1.0/healthz?appid=other')
    assert.equal(response.status, 500)
    assert.deepEqual(await response.json(), {
      errorCode: 'ERR_HEALTH_APPID_NOT_MATCH',
      message: 'dapr app-id does not match',
    })
  })

  it('hands no trace context on when its Configuration turns tracing off', async (t) => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    for (const [samplingRate, expected] of [
      ['1', traceparent],
      ['0', '00-00000000000000000000000000000000-0000000000000000-00'],
    ]) {
      const configuration = {
        apiVersion: 'dapr.io/v1alpha1',
        kind: 'Configuration',
        spec: { tracing: { samplingRate } },
      }
      const { publish, app, sidecar } = await begin(t, new FakeApp(orders), { resources: [configuration] })
      await publish('pubsub/orders', 1, { traceparent })
      await sidecar.settled()
      assert.equal(app.calls[0]?.headers.get('traceparent'), expected)
    }
  })

  it('shuts down when asked to', async (t) => {
    const asked: boolean[] = []
    const { ask } = await begin(t, undefined, { onShutdown: (force) => asked.push(force) })
    assert.equal((await ask('POST', '/v1.0/shutdown')).status, 204)
    assert.equal((await ask('POST', '/v1.0/shutdown', { headers: { 'dapr-force-shutdown': 'true' } })).status, 204)
    assert.deepEqual(asked, [false, true])
  })

  it('answers as daprd what it does not know', async (t) => {
    const { ask } = await begin(t)
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v1.0/publish/pubsub/orders'],
      ['POST', '/v1.0/publish/pubsub'],
      ['POST', '/v1.0/invoke'],
      ['DELETE', '/v1.0/metadata'],
    ] as const) {
      const response = await ask(method, path)
      assert.equal(response.status, 404, path)
      assert.equal(((await response.json()) as { errorCode: string }).errorCode, 'ERR_DIRECT_INVOKE')
    }
  })

  it('wants its token, but for health', async (t) => {
    const { ask, publish } = await begin(t, undefined, { apiToken: 'secret' })
    assert.equal((await publish('pubsub/orders', 1)).status, 401)
    assert.equal((await publish('pubsub/orders', 1, { 'dapr-api-token': 'secret' })).status, 204)
    assert.equal((await ask('GET', '/v1.0/healthz')).status, 204)
    assert.equal((await ask('GET', '/v1.0/metadata')).status, 401)
  })
})

describe('sidecar.close()', () => {
  it('refuses what comes afterwards, and may be called twice', async (t) => {
    const { sidecar, publish } = await begin(t)
    const closing = sidecar.close()
    assert.equal(sidecar.close(), closing)
    await closing
    assert.ok((await publish('pubsub/orders', 1)).status >= 500)
  })

  it('delivers what is queued, and waits for the app’s answer', async (t) => {
    const { sidecar, publish, app } = await begin(t, new FakeApp(orders))
    let release = (): void => {}
    app.answer = () => new Promise<void>((resolve) => (release = resolve))
    await publish('pubsub/orders', 1)
    await publish('pubsub/orders', 2)
    await new Promise((resolve) => setImmediate(resolve))
    const closing = sidecar.close()
    app.answer = () => undefined
    release()
    await closing
    assert.deepEqual(app.data(), [1, 2])
    const { acked, cancelled } = sidecar.stats().pubsubs.pubsub ?? {}
    assert.deepEqual({ acked, cancelled }, { acked: 2, cancelled: 0 })
  })

  it('cancels what an app does not answer in its grace time, and sends no dead letter', async (t) => {
    const { sidecar, publish, app, clock } = await begin(t, new FakeApp({ ...orders, deadLetterTopic: 'dead' }))
    app.answer = () => new Promise(() => {})
    await publish('pubsub/orders', 1)
    await clock.advance(0)
    const closing = sidecar.close({ graceMs: 1000 })
    await clock.advance(1000)
    await closing
    const { cancelled, deadLettered } = sidecar.stats().pubsubs.pubsub ?? {}
    assert.deepEqual({ cancelled, deadLettered }, { cancelled: 1, deadLettered: 0 })
  })

  it('leaves a broker alone that it was given', async (t) => {
    const broker = new Broker({ clock: new ManualClock() })
    const { sidecar } = await begin(t, new FakeApp(orders), { pubsubs: { pubsub: broker } })
    await sidecar.close()
    assert.equal(broker.stats().subscriptions, 0)
    const once = broker.once('orders')
    await broker.publish('orders', 1)
    assert.equal((await once).data, 1)
  })
})

describe('sidecar.close(), over sockets and with a broker of the user', () => {
  /** A handler that never ends, and publishes that wait for it. */
  const stuck = async (
    t: TestContext,
  ): Promise<{ clock: ManualClock; broker: Broker; sidecar: DaprSidecar; answers: Promise<number[]> }> => {
    const clock = new ManualClock()
    const broker = new Broker({ clock, defaults: { capacity: 1 } })
    broker.subscribe('orders', () => new Promise(() => {}))
    t.after(() => broker.close({ graceMs: 0 }))
    const { sidecar } = await begin(t, new FakeApp(), { clock, pubsubs: { pubsub: broker }, httpPort: 0 })
    const publish = async (): Promise<number> => {
      const url = `${sidecar.url}/v1.0/publish/pubsub/orders`
      return fetch(url, { method: 'POST', body: 'x' }).then(
        ({ status }) => status,
        () => 0,
      )
    }
    const answers = Promise.all([publish(), publish()])
    while (broker.stats().published + broker.stats().waiting < 2) await new Promise((resolve) => setImmediate(resolve))
    return { clock, broker, sidecar, answers }
  }

  it('cuts off requests that have no answer when there is no grace time', async (t) => {
    const { sidecar, answers } = await stuck(t)
    await sidecar.close({ graceMs: 0 })
    assert.deepEqual((await answers).sort(), [0, 204])
  })

  it('takes its grace time once, not once for each step', async (t) => {
    const { sidecar, clock, answers, broker } = await stuck(t)
    sidecar.subscribe('pubsub', 'other', () => new Promise(() => {}))
    await broker.publish('other', 1)
    let isClosed = false
    const closing = sidecar.close({ graceMs: 1000 }).then(() => (isClosed = true))
    await clock.advance(999)
    assert.equal(isClosed, false)
    await clock.advance(1)
    await closing
    assert.deepEqual((await answers).sort(), [0, 204])
    assert.equal(clock.now(), 1000)
  })

  it('refuses handlers from then on', async (t) => {
    const broker = new Broker()
    const { sidecar } = await begin(t, new FakeApp(), { pubsubs: { pubsub: broker } })
    const closing = sidecar.close()
    for (const _ of [1, 2]) {
      assert.throws(() => sidecar.subscribe('pubsub', 'orders', () => {}), { code: 'ERR_CLOSED' })
      assert.throws(() => sidecar.subscribeBulk('pubsub', 'orders', () => {}), { code: 'ERR_CLOSED' })
      await closing
    }
    assert.equal(broker.stats().subscriptions, 0)
  })
})

describe('DaprSidecar.start()', () => {
  it('needs nothing', async (t) => {
    const sidecar = await DaprSidecar.start()
    t.after(() => sidecar.close())
    assert.match(sidecar.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    const response = await fetch(`${sidecar.url}/v1.0/publish/pubsub/orders`, { method: 'POST', body: 'x' })
    assert.equal(response.status, 204)
  })

  for (const options of [
    { appId: '' },
    { appId: 1 },
    { httpPort: -1 },
    { httpPort: 65_536 },
    { httpPort: 1.5 },
    { apiToken: '' },
    { app: 'ftp://x' },
    { app: 'not a url' },
    { app: 'http://user@127.0.0.1:6001' },
    { app: 'http://127.0.0.1:6001?x=1' },
    { app: 70_000 },
    { appMaxConcurrency: 0 },
    { pubsubs: { x: 1 } },
    { pubsubs: 1 },
    { resources: 'x' },
    { resources: ['kind: ['] },
    { resources: [{ kind: 'Component', metadata: { name: 'x' }, spec: { type: 'state.redis' } }, 1] },
    { deliveryTimeoutMs: -1 },
    { disableInitEndpoints: ['x'] },
    { log: 1 },
    { nonsense: true },
  ]) {
    it(`refuses ${JSON.stringify(options)}`, async () => {
      await assert.rejects(DaprSidecar.start(options as object), { code: 'ERR_OPTION_INVALID' })
    })
  }

  it('refuses a port that is taken', async (t) => {
    const sidecar = await DaprSidecar.start()
    t.after(() => sidecar.close())
    await assert.rejects(DaprSidecar.start({ httpPort: sidecar.httpPort }), { code: 'EADDRINUSE' })
  })

  it('says when it cannot listen where it should, and leaves nothing open', async () => {
    const before = openSockets()
    const host = '192.0.2.1' // no machine has it
    await assert.rejects(DaprSidecar.start({ host, apiToken: 'secret' }), { code: 'EADDRNOTAVAIL' })
    await turnsUntil(() => openSockets() === before)
  })

  it('refuses to be its own app', async () => {
    const port = await freePort()
    for (const app of [port, `http://localhost:${port}`, `http://[::1]:${port}/below`]) {
      await assert.rejects(DaprSidecar.start({ httpPort: port, app }), { code: 'ERR_OPTION_INVALID', option: 'app' })
    }
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  await once(server, 'close')
  return port
}
