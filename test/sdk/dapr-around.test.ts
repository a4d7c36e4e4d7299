/** Dapr's own client and server from start to end: who comes first, tokens, metadata, time to live, shutdown. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { HTTPClient, HttpMethod, DaprPubSubStatusEnum as Status } from '@dapr/dapr'
import { DaprSidecar } from 'busbar/dapr'
import { ManualClock } from 'busbar/testing'
import { begin, beginSidecar, freePort, Recorder, serverFor } from './dapr-harness.ts'

describe('DaprServer.start()', () => {
  it('finds a sidecar that was there before it, and is found', async (t) => {
    const appPort = await freePort()
    const { sidecar } = await beginSidecar(t, { app: Number(appPort) })
    const recorder = new Recorder()
    const server = serverFor(t, String(sidecar.httpPort), appPort)
    await server.pubsub.subscribe('pubsub', 'orders', recorder.callback)
    await server.start()
    await sidecar.ready()
    await server.client.pubsub.publish('pubsub', 'orders', 'Hello')
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['Hello'])
  })

  it('waits for a sidecar that comes after it, and is found at once', async (t) => {
    const [appPort, daprPort] = [await freePort(), await freePort()]
    const recorder = new Recorder()
    const server = serverFor(t, daprPort, appPort)
    await server.pubsub.subscribe('pubsub', 'orders', recorder.callback)
    const started = server.start()
    const { sidecar } = await beginSidecar(t, { app: Number(appPort), httpPort: Number(daprPort) })
    assert.equal(sidecar.subscriptions.length, 1)
    await started
    await server.client.pubsub.publish('pubsub', 'orders', 'Hello')
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['Hello'])
  })

  it('may come again with other subscriptions', async (t) => {
    const [appPort, old, recorder] = [await freePort(), new Recorder(), new Recorder()]
    const { sidecar, client } = await beginSidecar(t, { app: Number(appPort) })
    const first = serverFor(t, String(sidecar.httpPort), appPort)
    await first.pubsub.subscribe('pubsub', 'orders', old.callback)
    await first.start()
    await sidecar.ready()
    await first.stop()
    const second = serverFor(t, String(sidecar.httpPort), appPort)
    await second.pubsub.subscribe('pubsub', 'mails', recorder.callback)
    await second.start()
    await sidecar.discover()
    for (const topic of ['orders', 'mails']) await client.pubsub.publish('pubsub', topic, topic)
    await sidecar.settled()
    assert.deepEqual([old.data, recorder.data], [[], ['mails']])
  })
})

describe('DaprClient', () => {
  it('starts, and is initialized then', async (t) => {
    const { client } = await beginSidecar(t)
    assert.equal(client.getIsInitialized(), false)
    await client.start()
    assert.equal(client.getIsInitialized(), true)
    assert.equal(await client.health.isHealthy(), true)
  })

  it('needs the token where there is one', async (t) => {
    const { client, sidecar } = await beginSidecar(t, { apiToken: 'secret' })
    assert.equal(await client.health.isHealthy(), true)
    assert.deepEqual(await client.pubsub.publish('pubsub', 'orders', 'x'), {})
    for (const token of [{}, { daprApiToken: 'Secret' }, { daprApiToken: 'secret2' }]) {
      // A `DaprClient` would go on trying for half a minute.
      const stranger = new HTTPClient({ daprHost: '127.0.0.1', daprPort: String(sidecar.httpPort), ...token })
      await assert.rejects(stranger.execute('/metadata', { method: HttpMethod.GET }, false), /"status":401/)
    }
  })

  it('reads and writes metadata', async (t) => {
    const { client } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', new Recorder().callback))
    assert.equal(await client.metadata.set('color', 'red'), true)
    const { id, extended, components } = await client.metadata.get()
    assert.equal(id, 'shop')
    assert.ok(Object.entries(extended).some(([key, value]) => key === 'color' && value === 'red'))
    assert.deepEqual(
      components.map(({ name, type, version }) => ({ name, type, version })),
      [{ name: 'pubsub', type: 'pubsub.in-memory', version: 'v1' }],
    )
  })

  it('shuts the sidecar down', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    await client.pubsub.publish('pubsub', 'orders', 'last')
    await client.sidecar.shutdown()
    await sidecar.close() // the close that the client caused
    assert.equal(await client.health.isHealthy(), false)
    assert.deepEqual(recorder.data, ['last'])
  })

  it('asks the host for a shutdown where it wants to be asked', async (t) => {
    const asked: boolean[] = []
    const { client } = await beginSidecar(t, { onShutdown: (force) => asked.push(force) })
    await client.sidecar.shutdown()
    assert.deepEqual(asked, [false])
    assert.equal(await client.health.isHealthy(), true)
  })
})

describe('DaprServer', () => {
  it('is shown the token of the app', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback), {
      appToken: 'mine',
      apiToken: 'yours',
    })
    await client.pubsub.publish('pubsub', 'orders', 'x')
    await sidecar.settled()
    assert.equal(recorder.calls[0]?.headers['dapr-api-token'], 'mine')
  })

  it('publishes from within a callback', async (t) => {
    const recorder = new Recorder(async (data) => {
      if (data !== 'aaa') await client.pubsub.publish('pubsub', 'orders', `a${data}`)
    })
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback))
    await client.pubsub.publish('pubsub', 'orders', 'a')
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['a', 'aa', 'aaa'])
  })

  it('shares messages with the servers of the same app, and with no other', async (t) => {
    const recorders = ['shop', 'shop', 'mail'].map((appId) => ({ appId, recorder: new Recorder() }))
    const { sidecar: hub, client } = await beginSidecar(t)
    const broker = hub.broker('pubsub') ?? assert.fail()
    for (const { appId, recorder } of recorders) {
      const options = { appId, pubsubs: { pubsub: broker } }
      await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback), options)
    }
    const sent = Array.from({ length: 10 }, (_, index) => `order ${index}`)
    for (const data of sent) await client.pubsub.publish('pubsub', 'orders', data)
    await hub.settled()
    const [one, two, other] = recorders.map(({ recorder }) => recorder.data)
    assert.deepEqual([...(one ?? []), ...(two ?? [])].sort(), sent)
    assert.deepEqual(other, sent)
  })
})

describe('The time to live of a publish', () => {
  it('ends its redelivery', async (t) => {
    const recorder = new Recorder(() => Status.RETRY)
    const { client, sidecar, clock } = await begin(t, (pubsub) =>
      pubsub.subscribe('pubsub', 'orders', recorder.callback),
    )
    await client.pubsub.publish('pubsub', 'orders', 'x', { metadata: { ttlInSeconds: '5' } })
    await clock.advance(60_000)
    assert.equal(recorder.calls.length, 3) // after 0, 1 and 3 s
    assert.equal(sidecar.stats().pubsubs.pubsub?.expired, 1)
  })

  it('ends while it waits its turn', async (t) => {
    const gate = new EventTarget()
    const arrived = once(gate, 'arrived')
    const recorder = new Recorder(async () => {
      const opened = once(gate, 'opened')
      gate.dispatchEvent(new Event('arrived'))
      await opened
    })
    // The first message is in flight for as long as the test wants: no use in waiting for it.
    const clock = new ManualClock({ patienceMs: 0 })
    const { client, sidecar } = await begin(t, (pubsub) => pubsub.subscribe('pubsub', 'orders', recorder.callback), {
      clock,
    })
    await client.pubsub.publish('pubsub', 'orders', 'a')
    await arrived
    await client.pubsub.publish('pubsub', 'orders', 'b', { metadata: { ttlInSeconds: '1' } })
    await clock.advance(1000)
    gate.dispatchEvent(new Event('opened'))
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['a'])
    assert.equal(sidecar.stats().pubsubs.pubsub?.expired, 1)
  })
})

describe('DaprSidecar.start()', () => {
  it('is all that a test of an app needs', async (t) => {
    const recorder = new Recorder()
    const appPort = await freePort()
    await using sidecar = await DaprSidecar.start({ appId: 'checkout', app: `http://127.0.0.1:${appPort}` })
    const server = serverFor(t, String(sidecar.httpPort), appPort)
    await server.pubsub.subscribe('pubsub', 'orders', recorder.callback)
    await server.start()
    await sidecar.ready()
    await server.client.pubsub.publish('pubsub', 'orders', { orderId: 1 })
    await sidecar.settled()
    assert.deepEqual(recorder.data, [{ orderId: 1 }])
  })
})
