/**
 * The vendor's client for browsers, connected to our server over HTTP/1.1. The
 * browser is jsdom: what the client wants of it is `XMLHttpRequest`, which asks
 * before it sends to another origin, as all browsers do.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  CredentialProvider,
  MomentoErrorCode,
  NoopMomentoLoggerFactory,
  TopicClient,
  TopicConfigurations,
  type TopicItem,
  TopicPublish,
  TopicSubscribe,
} from '@gomomento/sdk-web'
import { JSDOM, VirtualConsole } from 'jsdom'
import { MomentoServer } from '../../src/momento/index.ts'

/** What jsdom has to say of requests that fail is asserted here, not printed. */
const page = (url: string): JSDOM => new JSDOM('', { url, virtualConsole: new VirtualConsole() })

/** From now on this process is that page, as far as the client looks. */
function open({ window }: JSDOM): void {
  for (const name of ['XMLHttpRequest', 'navigator']) {
    Object.defineProperty(globalThis, name, { value: window[name], configurable: true })
  }
}

function clientOf(port: number): TopicClient {
  const endpoint = `http://127.0.0.1:${port}`
  const credentialProvider = CredentialProvider.forMomentoLocal({
    endpointOverrides: { cacheEndpoint: endpoint, controlEndpoint: endpoint, tokenEndpoint: endpoint },
  })
  return new TopicClient({
    configuration: TopicConfigurations.Default.latest(new NoopMomentoLoggerFactory()),
    credentialProvider,
  })
}

describe("The vendor's web client", () => {
  let server: MomentoServer
  let dom: JSDOM
  before(async () => {
    server = await MomentoServer.start({ caches: ['c'] })
    dom = page('http://localhost:5173/')
    open(dom)
  })
  after(async () => {
    dom.window.close()
    await server.close({ graceMs: 0 })
    assert.deepEqual([server.connections, server.subscriptions], [0, 0])
  })

  it('publishes and subscribes, strings and bytes', async () => {
    const client = clientOf(server.port)
    const values: (string | Uint8Array)[] = []
    const numbers: number[] = []
    let isThere = (): void => {}
    const complete = new Promise<void>((resolve) => (isThere = resolve))
    const onItem = (item: TopicItem): void => {
      values.push(item.value())
      numbers.push(item.sequenceNumber())
      if (values.length === 3) isThere()
    }
    const subscription = await client.subscribe('c', 'topic', {
      onItem,
      onError: (error) => assert.fail(error.message()),
    })
    assert.ok(subscription instanceof TopicSubscribe.Subscription, subscription.toString())
    const published = ['value1', 'ä😀', new TextEncoder().encode('value3')]
    for (const value of published) {
      const response = await client.publish('c', 'topic', value)
      assert.ok(response instanceof TopicPublish.Success, response.toString())
    }
    await complete
    assert.deepEqual([values, numbers], [published, [1, 2, 3]])
    subscription.unsubscribe()
    while (server.subscriptions > 0) await new Promise(setImmediate)
  })

  it('is told of a cache that does not exist', async () => {
    const client = clientOf(server.port)
    const published = await client.publish('nope', 'topic', 'v')
    assert.ok(published instanceof TopicPublish.Error)
    assert.equal(published.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
    assert.match(published.message(), /Cache with name: nope doesn't exist$/)
    const subscribed = await client.subscribe('nope', 'topic', {})
    assert.ok(subscribed instanceof TopicSubscribe.Error)
    assert.equal(subscribed.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
  })

  it('is told when the cache is deleted, and of heartbeats and discontinuities before', async () => {
    server.createCache('short-lived')
    const told: string[] = []
    let wake = (): void => {}
    const tell = (what: string): void => {
      told.push(what)
      wake()
    }
    const until = async (what: string): Promise<void> => {
      while (!told.includes(what)) await new Promise<void>((resolve) => (wake = resolve))
    }
    const subscription = await clientOf(server.port).subscribe('short-lived', 'topic', {
      onItem: (item) => tell(item.valueString()),
      onHeartbeat: () => tell('heartbeat'),
      onDiscontinuity: (gap) => tell(gap.toString()),
      onError: (error) => tell(error.errorCode()),
    })
    assert.ok(subscription instanceof TopicSubscribe.Subscription)
    await until('heartbeat')
    await server.skipSequence('short-lived', 'topic', 2)
    await server.caches.get('short-lived')?.publish('topic', 'v')
    await until('v')
    assert.match(told.at(-2) ?? '', /Last Sequence Number: 0; New Sequence Number: 3/)
    server.deleteCache('short-lived')
    await until(MomentoErrorCode.NOT_FOUND_ERROR)
    assert.equal(subscription.isSubscribed, false)
  })

  it('reaches nothing from a page of another site', async () => {
    const evil = page('https://evil.example/')
    open(evil)
    try {
      const response = await clientOf(server.port).publish('c', 'stolen', 'v')
      assert.ok(response instanceof TopicPublish.Error)
      assert.equal(server.caches.get('c')?.lastSequence('stolen'), 0)
    } finally {
      evil.window.close()
      open(dom)
    }
  })
})
