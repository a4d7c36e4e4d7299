/** One broker, many doors: what goes in by one comes out by the others. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DaprSidecar } from '../src/dapr/index.ts'
import { Broker } from '../src/index.ts'
import { MomentoServer, TopicClient, TopicSubscribe } from '../src/momento/index.ts'
import { FakeApp } from './dapr/harness.ts'

/** A broker behind a Dapr sidecar, as the component `shop`, and behind Momento, as the cache `shop`. */
async function open(context: TestContext) {
  const broker = new Broker({ history: { size: 10 } })
  const app = new FakeApp({ pubsubname: 'shop', topic: 'orders', route: '/orders' })
  const sidecar = await DaprSidecar.start({ pubsubs: { shop: broker }, app: app.fetch })
  const server = await MomentoServer.start({ caches: { shop: broker } })
  context.after(() => Promise.all([sidecar.close(), server.close()]))
  return { broker, app, sidecar, server }
}

describe('One broker behind several doors', () => {
  it('hands what is published over Dapr to a handler, an app and Momento’s subscribers', async (t) => {
    const { broker, app, sidecar, server } = await open(t)
    const handled = broker.once('orders')
    const client = new TopicClient({ caches: server.caches })
    const items: unknown[] = []
    const subscription = await client.subscribe('shop', 'orders', {
      onItem: (item) => void items.push(item.valueString()),
    })
    assert.ok(subscription instanceof TopicSubscribe.Subscription)
    const headers = { 'content-type': 'application/json' }
    await fetch(`${sidecar.url}/v1.0/publish/shop/orders`, { method: 'POST', headers, body: '{"id":7}' })
    await sidecar.settled()
    assert.deepEqual((await handled).data, { id: 7 })
    assert.deepEqual(app.data('/orders'), [{ id: 7 }])
    assert.deepEqual(items, ['{"id":7}'])
    subscription.unsubscribe()
  })

  it('hands what is published over Momento to a handler and an app', async (t) => {
    const { broker, app, sidecar, server } = await open(t)
    const handled = broker.once('orders')
    const url = `http://127.0.0.1:${server.port}/topics/shop/orders`
    const { status } = await fetch(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'o-7' })
    assert.equal(status, 204)
    await sidecar.settled()
    assert.equal((await handled).data, 'o-7')
    assert.deepEqual(app.data('/orders'), ['o-7'])
    const { datacontenttype } = (app.calls[0]?.body ?? {}) as Record<string, unknown>
    assert.equal(datacontenttype, 'text/plain')
  })

  it('hands what is published in process to an app and to a poll of Momento’s HTTP API', async (t) => {
    const { broker, app, sidecar, server } = await open(t)
    await broker.publish('orders', 'o-8')
    await sidecar.settled()
    assert.deepEqual(app.data('/orders'), ['o-8'])
    const response = await fetch(`http://127.0.0.1:${server.port}/topics/shop/orders?sequence_number=1`)
    const { items } = (await response.json()) as { items: readonly { item?: { value: { text: string } } }[] }
    assert.deepEqual(
      items.flatMap(({ item }) => item?.value.text ?? []),
      ['o-8'],
    )
  })
})
