/** What Dapr's own server receives, however it subscribed and whatever its callbacks answer. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DaprPubSubStatusEnum as Status } from '@dapr/dapr'
import { begin, type PubSub, Recorder } from './dapr-harness.ts'

const message = { message: 'Hello, world!' }
const cloudEvent = { specversion: '1.0', source: 'https://github.com/cloudevents/spec/pull', id: 'A234-1234-1234' }
const routes = {
  default: '/default',
  rules: [
    { match: 'event.type == "type-1"', path: '/type-1' },
    { match: 'event.type == "type-2"', path: '/type-2' },
  ],
}

describe('DaprServer.pubsub.subscribe()', () => {
  for (const [what, route, path] of [
    ['no route', undefined, '/pubsub--test-topic--default'],
    ['a route', 'simple-route', '/pubsub--test-topic--simple-route'],
    ['a route with a leading slash', '/leading-slash-route', '/pubsub--test-topic--leading-slash-route'],
  ] as const) {
    it(`receives events on ${what}`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar, requests } = await begin(t, (pubsub) =>
        pubsub.subscribe('pubsub', 'Test/Topic', recorder.callback, route),
      )
      await client.pubsub.publish('pubsub', 'Test/Topic', message)
      await sidecar.settled()
      assert.deepEqual(recorder.data, [message])
      assert.deepEqual(requests, ['GET /dapr/config', 'GET /dapr/subscribe', `POST ${path}`])
    })
  }

  it('receives events on the route that the rules choose, else on the default', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar, requests } = await begin(t, (pubsub) =>
      pubsub.subscribe('pubsub', 'orders', recorder.callback, routes),
    )
    for (const type of ['type-2', 'type-3', 'type-1']) {
      await client.pubsub.publish('pubsub', 'orders', { ...cloudEvent, type, data: type })
    }
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['type-2', 'type-3', 'type-1'])
    assert.deepEqual(requests.slice(2), [
      'POST /pubsub--orders--type-2',
      'POST /pubsub--orders--default',
      'POST /pubsub--orders--type-1',
    ])
  })

  it('receives many topics apart from each other', async (t) => {
    const topics = ['a', 'a/b', 'a/b/c', 'b']
    const recorders = topics.map(() => new Recorder())
    const { client, sidecar } = await begin(t, async (pubsub) => {
      for (const [index, topic] of topics.entries()) {
        await pubsub.subscribe('pubsub', topic, (recorders[index] ?? assert.fail()).callback)
      }
    })
    for (const topic of topics) await client.pubsub.publish('pubsub', topic, { topic })
    await sidecar.settled()
    assert.deepEqual(
      recorders.map(({ data }) => data),
      topics.map((topic) => [{ topic }]),
    )
  })

  it('hands over the whole event where its data are nothing to the SDK', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    for (const data of [0, false, null, '']) {
      await client.pubsub.publish('pubsub', 'orders', {
        ...cloudEvent,
        type: 'x',
        data,
        datacontenttype: 'application/json',
      })
    }
    await sidecar.settled()
    assert.deepEqual(
      recorder.data.map((event) => (event as { data: unknown }).data), // none of the data is handed over by itself
      [0, false, null, ''],
    )
  })
})

describe('DaprServer.pubsub.subscribeWithOptions()', () => {
  it('receives events with a callback and no route', async (t) => {
    const recorder = new Recorder()
    const { callback } = recorder
    const { client, sidecar } = await begin(t, (pubsub) =>
      pubsub.subscribeWithOptions('pubsub', 'orders', { callback }),
    )
    await client.pubsub.publish('pubsub', 'orders', message)
    await sidecar.settled()
    assert.deepEqual(recorder.data, [message])
  })

  it('receives events on the routes that have a callback', async (t) => {
    const [one, other] = [new Recorder(), new Recorder()]
    const { client, sidecar } = await begin(t, async (pubsub) => {
      await pubsub.subscribeWithOptions('pubsub', 'orders', { route: routes })
      pubsub.subscribeToRoute('pubsub', 'orders', '/type-1', one.callback)
      pubsub.subscribeToRoute('pubsub', 'orders', 'default', other.callback)
    })
    for (const type of ['type-1', 'type-2', 'type-3']) {
      await client.pubsub.publish('pubsub', 'orders', { ...cloudEvent, type, data: type })
    }
    await sidecar.settled()
    assert.deepEqual([one.data, other.data], [['type-1'], ['type-3']])
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 3)
  })

  it('drops what no rule matches when there is no default, for the SDK names a path that is not there', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar, requests } = await begin(t, (pubsub) =>
      pubsub.subscribeWithOptions('pubsub', 'orders', { route: { rules: routes.rules }, callback: recorder.callback }),
    )
    await client.pubsub.publish('pubsub', 'orders', { ...cloudEvent, type: 'type-3', data: 1 })
    await sidecar.settled()
    assert.deepEqual(recorder.data, [])
    assert.equal(requests.at(-1), 'POST /pubsub--orders--default')
    assert.equal(sidecar.stats().pubsubs.pubsub?.dropped, 1)
  })

  it('acks without a callback, and calls one that comes later', async (t) => {
    const recorder = new Recorder()
    const { client, server, sidecar } = await begin(t, (pubsub) => pubsub.subscribeWithOptions('pubsub', 'orders', {}))
    await client.pubsub.publish('pubsub', 'orders', 'early')
    await sidecar.settled()
    server.pubsub.subscribeToRoute('pubsub', 'orders', '', recorder.callback)
    await client.pubsub.publish('pubsub', 'orders', 'late')
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['late'])
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 2)
  })

  it('receives batches with bulkSubscribe', async (t) => {
    const recorder = new Recorder()
    const { callback } = recorder
    const bulkSubscribe = { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 1000 }
    const { client, sidecar, requests } = await begin(t, (pubsub) =>
      pubsub.subscribeWithOptions('pubsub', 'orders', { callback, bulkSubscribe }),
    )
    for (const number of [{ n: 1 }, { n: 2 }]) await client.pubsub.publish('pubsub', 'orders', number)
    await sidecar.settled()
    assert.deepEqual(recorder.data, [{ n: 1 }, { n: 2 }])
    assert.equal(requests.length, 3)
  })
})

describe('The subscriptions of a DaprServer', () => {
  it('are those of the sidecar, and of its metadata', async (t) => {
    const { callback } = new Recorder()
    const { client, sidecar } = await begin(t, async (pubsub) => {
      await pubsub.subscribe('pubsub', 'plain', callback)
      await pubsub.subscribe('pubsub', 'routed', callback, routes)
      await pubsub.subscribe('pubsub', 'raw', callback, undefined, { rawPayload: true })
      await pubsub.subscribeWithOptions('pubsub', 'dead', { callback, deadLetterTopic: 'letters' })
      await pubsub.subscribeBulk('pubsub', 'bulk', callback, { maxMessagesCount: 7, maxAwaitDurationMs: 40 })
    })
    const common = {
      pubsubname: 'pubsub',
      metadata: {},
      deadLetterTopic: undefined,
      bulk: undefined,
      type: 'PROGRAMMATIC',
    }
    const path = (topic: string, route = 'default') => ({ match: '', path: `/pubsub--${topic}--${route}` })
    assert.deepEqual(sidecar.subscriptions, [
      { ...common, topic: 'plain', rules: [path('plain')] },
      {
        ...common,
        topic: 'routed',
        rules: [
          { match: 'event.type == "type-1"', path: '/pubsub--routed--type-1' },
          { match: 'event.type == "type-2"', path: '/pubsub--routed--type-2' },
          path('routed'),
        ],
      },
      { ...common, topic: 'raw', metadata: { rawPayload: 'true' }, rules: [path('raw')] },
      { ...common, topic: 'dead', deadLetterTopic: 'letters', rules: [path('dead')] },
      { ...common, topic: 'bulk', bulk: { maxMessagesCount: 7, maxAwaitDurationMs: 40 }, rules: [path('bulk')] },
    ])
    const metadata: object = await client.metadata.get()
    assert.ok('subscriptions' in metadata && Array.isArray(metadata.subscriptions))
    assert.deepEqual(
      metadata.subscriptions.map(({ topic }) => topic),
      ['plain', 'routed', 'raw', 'dead', 'bulk'],
    )
  })
})

describe('What a callback of a DaprServer answers', () => {
  const acked: Readonly<Record<string, () => unknown>> = {
    nothing: () => undefined,
    null: () => null,
    SUCCESS: () => Status.SUCCESS,
    'an unknown status': () => 'LATER',
    'with an error, which the SDK takes for SUCCESS': () => {
      throw new Error('This will not DROP the message!')
    },
  }
  for (const [what, answer] of Object.entries(acked)) {
    it(`acks: ${what}`, async (t) => {
      const recorder = new Recorder(answer)
      const { client, sidecar, clock } = await begin(t, (pubsub) =>
        pubsub.subscribe('pubsub', 'orders', recorder.callback),
      )
      await client.pubsub.publish('pubsub', 'orders', message)
      await clock.advance(60_000)
      assert.deepEqual(recorder.data, [message])
      assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
    })
  }

  it('offers again: RETRY, until it is SUCCESS', async (t) => {
    const recorder = new Recorder(() => (recorder.calls.length <= 2 ? Status.RETRY : Status.SUCCESS))
    const { client, sidecar, clock } = await begin(t, (pubsub) =>
      pubsub.subscribe('pubsub', 'orders', recorder.callback),
    )
    await client.pubsub.publish('pubsub', 'orders', 'TEST_RETRY_TWICE')
    const counts: number[] = []
    for (const ms of [999, 1, 1999, 1, 100_000]) {
      await clock.advance(ms)
      counts.push(recorder.calls.length)
    }
    assert.deepEqual(counts, [1, 2, 2, 3, 3])
    assert.deepEqual(new Set(recorder.data), new Set(['TEST_RETRY_TWICE']))
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 1)
  })

  it('drops: DROP', async (t) => {
    const recorder = new Recorder(() => Status.DROP)
    const { client, sidecar, clock } = await begin(t, (pubsub) =>
      pubsub.subscribe('pubsub', 'orders', recorder.callback),
    )
    await client.pubsub.publish('pubsub', 'orders', 'DROP')
    await clock.advance(60_000)
    assert.deepEqual(recorder.data, ['DROP'])
    assert.equal(sidecar.stats().pubsubs.pubsub?.dropped, 1)
  })

  it('is RETRY before DROP before SUCCESS, where a route has many callbacks', async (t) => {
    const answers = [Status.SUCCESS, Status.DROP, Status.RETRY]
    const { client, sidecar } = await begin(t, async (pubsub) => {
      await pubsub.subscribeWithOptions('pubsub', 'orders', {})
      for (const answer of answers) pubsub.subscribeToRoute('pubsub', 'orders', '', async () => answer)
    })
    await client.pubsub.publish('pubsub', 'orders', message)
    await sidecar.settled()
    assert.equal(sidecar.stats().pubsubs.pubsub?.delayed, 1)
  })

  it('lets other messages pass one that is to be offered again', async (t) => {
    const recorder = new Recorder((data) => (recorder.calls.length === 1 && data === 'a' ? Status.RETRY : undefined))
    const { client, clock } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    for (const data of ['a', 'b']) await client.pubsub.publish('pubsub', 'orders', data)
    await clock.advance(1000)
    assert.deepEqual(recorder.data, ['a', 'b', 'a'])
  })
})

describe('The dead letter topic of a DaprServer', () => {
  for (const answer of [Status.DROP, Status.RETRY]) {
    it(`gets what is answered with ${answer}, at once`, async (t) => {
      const [recorder, letters] = [new Recorder(() => answer), new Recorder()]
      const { client, sidecar } = await begin(t, async (pubsub) => {
        await pubsub.subscribeWithOptions('pubsub', 'orders', { deadLetterTopic: 'dead', callback: recorder.callback })
        await pubsub.subscribe('pubsub', 'dead', letters.callback)
      })
      await client.pubsub.publish('pubsub', 'orders', message)
      await sidecar.settled()
      assert.deepEqual([recorder.data, letters.data], [[message], [message]])
      const { acked, deadLettered, delayed } = sidecar.stats().pubsubs.pubsub ?? {}
      assert.deepEqual({ acked, deadLettered, delayed }, { acked: 1, deadLettered: 1, delayed: 0 })
    })
  }

  it('calls no deadLetterCallback, unless the app subscribes to the topic', async (t) => {
    const [recorder, letters] = [new Recorder(() => Status.DROP), new Recorder()]
    const { client, sidecar } = await begin(t, (pubsub) =>
      pubsub.subscribeWithOptions('pubsub', 'orders', {
        callback: recorder.callback,
        deadLetterTopic: 'dead',
        deadLetterCallback: letters.callback,
      }),
    )
    const inProcess: unknown[] = []
    sidecar.subscribe('pubsub', 'dead', ({ data }) => void inProcess.push(data))
    await client.pubsub.publish('pubsub', 'orders', message)
    await sidecar.settled()
    assert.deepEqual([recorder.data, letters.data, inProcess], [[message], [], [message]])
  })

  it('is not there when only its callback is given', async (t) => {
    const letters = new Recorder()
    const failing = new Recorder(() => {
      throw new Error('This will DROP the message!')
    })
    const { client, sidecar } = await begin(t, (pubsub) =>
      pubsub.subscribeWithOptions('pubsub', 'orders', {
        callback: failing.callback,
        deadLetterCallback: letters.callback,
      }),
    )
    await client.pubsub.publish('pubsub', 'orders', message)
    await sidecar.settled()
    assert.deepEqual([failing.data, letters.data], [[message], []])
  })

  it('gets single messages of a batch', async (t) => {
    const recorder = new Recorder((data) => (data === 'bad' ? Status.DROP : Status.SUCCESS))
    const letters = new Recorder()
    const { client, sidecar } = await begin(t, async (pubsub) => {
      await pubsub.subscribeWithOptions('pubsub', 'orders', {
        callback: recorder.callback,
        deadLetterTopic: 'dead',
        bulkSubscribe: { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 1000 },
      })
      await pubsub.subscribe('pubsub', 'dead', letters.callback)
    })
    await client.pubsub.publishBulk('pubsub', 'orders', ['good', 'bad', 'better'])
    await sidecar.settled()
    assert.deepEqual([recorder.data, letters.data], [['good', 'bad', 'better'], ['bad']])
  })
})

describe('Raw events', () => {
  const subscribeRaw = (recorder: Recorder) => (pubsub: PubSub) =>
    pubsub.subscribe('pubsub', 'orders', recorder.callback, undefined, { rawPayload: true })
  const raw = { metadata: { rawPayload: 'true' } }

  for (const data of ['Hello, world!', message, { ...cloudEvent, type: 'x', data: 1 }]) {
    it(`arrive as they were published: ${JSON.stringify(data)}`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar } = await begin(t, subscribeRaw(recorder))
      await client.pubsub.publish('pubsub', 'orders', data, raw)
      await sidecar.settled()
      assert.deepEqual(recorder.data, [data])
    })
  }

  for (const data of ['Hello, world!', message]) {
    it(`are envelopes when they were not published raw: ${JSON.stringify(data)}`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar } = await begin(t, subscribeRaw(recorder))
      await client.pubsub.publish('pubsub', 'orders', data)
      await sidecar.settled()
      const [event] = recorder.data as readonly Record<string, unknown>[] // CloudEvents
      assert.deepEqual([event?.data, event?.topic, event?.specversion], [data, 'orders', '1.0'])
    })
  }

  it('are taken for CloudEvents by a subscription that does not ask for raw ones', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    await client.pubsub.publish('pubsub', 'orders', { ...cloudEvent, type: 'x', data: { hello: 'world' } }, raw)
    await client.pubsub.publish('pubsub', 'orders', 'Hello, world!', raw)
    await sidecar.settled()
    assert.deepEqual(recorder.data, [{ hello: 'world' }])
    assert.equal(sidecar.stats().pubsubs.pubsub?.dropped, 1)
  })

  it('do not arrive where rawPayload is a text, which the SDK puts in quotes', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar, log } = await begin(t, (pubsub) =>
      pubsub.subscribe('pubsub', 'orders', recorder.callback, undefined, { rawPayload: 'true' }),
    )
    await client.pubsub.publish('pubsub', 'orders', 'Hello, world!', raw)
    await sidecar.settled()
    assert.deepEqual(recorder.data, [])
    assert.ok(log.some(({ level, reason }) => level === 'warn' && String(reason).includes('rawPayload')))
  })
})

describe('Wildcards', () => {
  const mqtt = { pubsubs: { 'pubsub-mqtt': { type: 'pubsub.mqtt3', metadata: { url: 'tcp://localhost:1883' } } } }

  for (const [topic, matching, others] of [
    ['myhome/groundfloor/#', ['myhome/groundfloor/foo/bar', 'myhome/groundfloor'], ['myhome/firstfloor/foo']],
    [
      'myhome/firstfloor/+/temperature',
      ['myhome/firstfloor/foo/temperature'],
      ['myhome/firstfloor/temperature', 'myhome/firstfloor/a/b/temperature'],
    ],
    ['+/+', ['a/b'], ['a', 'a/b/c']],
  ] as const) {
    it(`match as those of MQTT: ${topic}`, async (t) => {
      const recorder = new Recorder()
      const { client, sidecar } = await begin(
        t,
        (pubsub) => pubsub.subscribe('pubsub-mqtt', topic, recorder.callback),
        mqtt,
      )
      for (const published of [...matching, ...others]) {
        await client.pubsub.publish('pubsub-mqtt', published, { published })
      }
      await sidecar.settled()
      assert.deepEqual(
        recorder.data,
        matching.map((published) => ({ published })),
      )
    })
  }

  it('are a prefix and * in memory', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'a/*', recorder.callback))
    for (const topic of ['a/b', 'a/b/c', 'b']) await client.pubsub.publish('pubsub', topic, topic)
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['a/b', 'a/b/c'])
  })

  it('say on which topic an event was published', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(
      t,
      (pubsub) => pubsub.subscribe('pubsub-mqtt', 'a/#', recorder.callback),
      mqtt,
    )
    await client.pubsub.publish('pubsub-mqtt', 'a/b/c')
    await sidecar.settled()
    const [event] = recorder.data as readonly Record<string, unknown>[] // no data, so the SDK hands over the CloudEvent
    assert.deepEqual([event?.topic, event?.pubsubname], ['a/b/c', 'pubsub-mqtt'])
    assert.equal(recorder.calls[0]?.headers.pubsubname, 'pubsub-mqtt')
  })
})
