/** Batches to Dapr's own server, of events and of raw ones. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DaprPubSubStatusEnum as Status } from '@dapr/dapr'
import { ManualClock } from 'busbar/testing'
import { begin, type PubSub, Recorder, type Setting } from './dapr-harness.ts'

type BulkOptions = NonNullable<Parameters<PubSub['subscribeBulk']>[3]>

interface BulkSetting extends Setting {
  /** Moves the clock, and waits for what comes of it. */
  advance(ms: number): Promise<void>
}

const ROUTE = 'POST /pubsub--orders--default'
const messages = [{ message: 'Message 1!' }, { message: 'Message 2!' }]
const raw = { metadata: { rawPayload: 'true' } }

function beginBulk(context: TestContext, recorder: Recorder, options: BulkOptions = {}): Promise<BulkSetting> {
  return beginWith(context, (pubsub) => pubsub.subscribeBulk('pubsub', 'orders', recorder.callback, options))
}

async function beginWith(context: TestContext, subscribe: (pubsub: PubSub) => Promise<void>): Promise<BulkSetting> {
  // A message that waits for its batch is in flight, and not to be waited for.
  const clock = new ManualClock({ patienceMs: 0 })
  const setting = await begin(context, subscribe, { clock })
  return {
    ...setting,
    async advance(ms) {
      await clock.advance(ms)
      await setting.sidecar.settled()
    },
  }
}

describe('DaprServer.pubsub.subscribeBulk()', () => {
  for (const [what, publishOptions, subscribeOptions, received] of [
    ['CloudEvents', {}, {}, messages],
    ['raw events', raw, { metadata: { rawPayload: true } }, messages],
    // The SDK hands over the `data` of what it takes for CloudEvents.
    ['raw events that were not asked for', raw, {}, [undefined, undefined]],
  ] as const) {
    it(`receives ${what}`, async (t) => {
      const recorder = new Recorder()
      const { client, advance, sidecar, requests } = await beginBulk(t, recorder, subscribeOptions)
      for (const message of messages) await client.pubsub.publish('pubsub', 'orders', message, publishOptions)
      await advance(1000)
      assert.deepEqual(recorder.data, received)
      assert.deepEqual(requests.slice(2), [ROUTE])
      assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 2)
    })
  }

  it('receives CloudEvents whole, their data first, where it asked for raw events', async (t) => {
    const recorder = new Recorder()
    const { client, advance } = await beginBulk(t, recorder, { metadata: { rawPayload: true } })
    for (const message of messages) await client.pubsub.publish('pubsub', 'orders', message)
    await advance(1000)
    const events = recorder.data as readonly Record<string, unknown>[] // envelopes
    assert.deepEqual(
      events.map((event) => [Object.values(event)[0], event.topic, event.datacontenttype]),
      messages.map((message) => [message, 'orders', 'application/json']),
    )
  })

  it('receives what was published in bulk, each with its metadata', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await beginBulk(t, recorder, { maxMessagesCount: 2 })
    const list = ['a', 'b'].map((event) => ({ event, metadata: { color: `${event}-red` } }))
    await client.pubsub.publishBulk('pubsub', 'orders', list)
    await sidecar.settled()
    assert.deepEqual(
      recorder.calls.map(({ data, headers }) => [data, headers.color]),
      [
        ['a', 'a-red'],
        ['b', 'b-red'],
      ],
    )
  })

  it('receives a batch when it is full', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar, requests } = await beginBulk(t, recorder, { maxMessagesCount: 3 })
    for (const data of ['a', 'b', 'c', 'd', 'e', 'f']) await client.pubsub.publish('pubsub', 'orders', data)
    await sidecar.settled()
    assert.deepEqual(recorder.data, ['a', 'b', 'c', 'd', 'e', 'f'])
    assert.deepEqual(requests.slice(2), [ROUTE, ROUTE])
  })

  it('receives a batch when its first message has waited long enough', async (t) => {
    const recorder = new Recorder()
    const { client, clock, advance, requests } = await beginBulk(t, recorder, { maxAwaitDurationMs: 200 })
    await client.pubsub.publish('pubsub', 'orders', 'a')
    await clock.advance(100)
    await client.pubsub.publish('pubsub', 'orders', 'b')
    await clock.advance(99)
    assert.deepEqual(requests.slice(2), [])
    await advance(1)
    assert.deepEqual(recorder.data, ['a', 'b'])
    assert.deepEqual(requests.slice(2), [ROUTE])
  })

  it('receives batches on the routes that the rules choose', async (t) => {
    const [large, small] = [new Recorder(), new Recorder()]
    const route = { default: 'small', rules: [{ match: 'event.data.total > 100', path: 'large' }] }
    const { client, sidecar, requests } = await beginWith(t, async (pubsub) => {
      const bulkSubscribe = { enabled: true, maxMessagesCount: 4, maxAwaitDurationMs: 1000 }
      await pubsub.subscribeWithOptions('pubsub', 'orders', { route, bulkSubscribe })
      pubsub.subscribeToRoute('pubsub', 'orders', 'large', large.callback)
      pubsub.subscribeToRoute('pubsub', 'orders', 'small', small.callback)
    })
    const totals = [5, 500, 50, 5000].map((total) => ({ total }))
    for (const total of totals) await client.pubsub.publish('pubsub', 'orders', total)
    await sidecar.settled()
    assert.deepEqual(large.data, [{ total: 500 }, { total: 5000 }])
    assert.deepEqual(small.data, [{ total: 5 }, { total: 50 }])
    assert.equal(requests.slice(2).length, 2)
  })

  it('receives again only what it answers with RETRY', async (t) => {
    const recorder = new Recorder((data) => (data === 'b' && recorder.calls.length <= 3 ? Status.RETRY : undefined))
    const { client, sidecar, clock, advance } = await beginBulk(t, recorder, {
      maxMessagesCount: 3,
      maxAwaitDurationMs: 50,
    })
    await client.pubsub.publishBulk('pubsub', 'orders', ['a', 'b', 'c'])
    await advance(0)
    await clock.advance(1049)
    assert.deepEqual(recorder.data, ['a', 'b', 'c'])
    await advance(1)
    assert.deepEqual(recorder.data, ['a', 'b', 'c', 'b'])
    assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 3)
  })

  it('receives no more what it answers with DROP', async (t) => {
    const recorder = new Recorder((data) => (data === 'b' ? Status.DROP : Status.SUCCESS))
    const { client, sidecar, advance } = await beginBulk(t, recorder, { maxMessagesCount: 3 })
    await client.pubsub.publishBulk('pubsub', 'orders', ['a', 'b', 'c'])
    await advance(0)
    await advance(60_000)
    assert.deepEqual(recorder.data, ['a', 'b', 'c'])
    const { acked, dropped } = sidecar.stats().pubsubs.pubsub ?? {}
    assert.deepEqual({ acked, dropped }, { acked: 2, dropped: 1 })
  })

  it('receives what waits for its batch when the sidecar closes', async (t) => {
    const recorder = new Recorder()
    const { client, sidecar } = await beginBulk(t, recorder)
    for (const message of messages) await client.pubsub.publish('pubsub', 'orders', message)
    await sidecar.close()
    assert.deepEqual(recorder.data, messages)
  })
})
