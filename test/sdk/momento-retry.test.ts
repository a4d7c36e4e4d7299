/** What the vendor's Node client does when something goes wrong, against our server's faults. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { MomentoErrorCode, TopicPublish, TopicSubscribe } from '@gomomento/sdk'
import { Listening, sending, subscribe, trySubscribe, withMomento } from './momento-rig.ts'

const metadata = (more: Readonly<Record<string, string>>) => ({ 'request-id': randomUUID(), ...more })
const streamError = (error: string): Readonly<Record<string, string>> =>
  metadata({ 'stream-error-rpcs': 'topic-subscribe', 'stream-error': error, 'stream-error-message-limit': '3' })

describe("The vendor's retry suite", () => {
  it('comes back after an error that may pass', () =>
    withMomento(
      async ({ client }) => {
        const { listening } = await subscribe(client, 't')
        await listening.until('lost')
        assert.deepEqual([listening.count('lost'), listening.count('error')], [1, 0])
        await listening.until('heartbeat', 4)
      },
      { server: { heartbeatMs: 50 }, configure: (it) => it.withMiddlewares([sending(streamError('unavailable'))]) },
    ))

  it('does not come back after one that will not', () =>
    withMomento(
      async ({ client }) => {
        const { listening, subscription } = await subscribe(client, 't')
        await listening.until('end')
        assert.deepEqual([listening.count('lost'), listening.count('error'), listening.count('end')], [1, 1, 1])
        assert.equal(listening.errors[0]?.errorCode(), MomentoErrorCode.NOT_FOUND_ERROR)
        assert.equal(subscription.isSubscribed, false)
      },
      { server: { heartbeatMs: 50 }, configure: (it) => it.withMiddlewares([sending(streamError('not-found'))]) },
    ))

  it('gives up when the first message does not come in time', () =>
    withMomento(
      async ({ client }) => {
        const response = await client.subscribe('c', 't', {})
        assert.ok(response instanceof TopicSubscribe.Error)
        assert.equal(response.errorCode(), MomentoErrorCode.TIMEOUT_ERROR)
      },
      {
        configure: (it) =>
          it
            .withClientTimeoutMillis(200)
            .withMiddlewares([sending(metadata({ 'delay-rpcs': 'topic-subscribe', 'delay-ms': '60000' }))]),
      },
    ))

  it('gives up a publish that takes too long', () =>
    withMomento(
      async ({ client, server }) => {
        const response = await client.publish('c', 't', 'v')
        assert.ok(response instanceof TopicPublish.Error)
        assert.equal(response.errorCode(), MomentoErrorCode.TIMEOUT_ERROR)
        assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
      },
      {
        configure: (it) =>
          it
            .withClientTimeoutMillis(200)
            .withMiddlewares([sending(metadata({ 'delay-rpcs': 'topic-publish', 'delay-ms': '60000' }))]),
      },
    ))

  it('loses its connection while the port is blocked, and gets it back', () =>
    withMomento(
      async ({ client, server }) => {
        const { listening } = await subscribe(client, 't')
        await listening.until('heartbeat', 5)
        await fetch(`http://127.0.0.1:${server.adminPort}/block`)
        await listening.until('lost')
        const before = listening.count('heartbeat')
        assert.equal(listening.count('lost'), 1)
        await fetch(`http://127.0.0.1:${server.adminPort}/unblock`)
        await listening.until('heartbeat', before + 1)
      },
      { server: { heartbeatMs: 50, adminPort: 0 } },
    ))
})

describe("The vendor's suite of full channels", () => {
  it('takes a hundred subscriptions on one channel, refuses the next, and makes room again', () =>
    withMomento(
      async ({ client }) => {
        const first = new Listening()
        const { subscription } = await subscribe(client, 't', first)
        for (let i = 1; i < 100; i++) await subscribe(client, 't')
        const refused = await client.subscribe('c', 't', {})
        assert.ok(refused instanceof TopicSubscribe.Error)
        assert.equal(refused.errorCode(), MomentoErrorCode.CLIENT_RESOURCE_EXHAUSTED)
        subscription.unsubscribe()
        await first.until('end')
        await subscribe(client, 't')
        assert.ok((await client.subscribe('c', 't', {})) instanceof TopicSubscribe.Error)
        assert.equal(first.count('end'), 1)
      },
      { configure: (it) => it.withNumStreamConnections(1).withClientTimeoutMillis(60_000) },
    ))

  it('ends a subscription once when its stream fails', () =>
    withMomento(
      async ({ client, server }) => {
        const { listening } = await subscribe(client, 't')
        await listening.until('end')
        while (server.subscriptions > 0) await new Promise(setImmediate)
        assert.equal(listening.count('end'), 1)
      },
      {
        server: { heartbeatMs: 50 },
        configure: (it) => it.withNumStreamConnections(1).withMiddlewares([sending(streamError('not-found'))]),
      },
    ))

  for (const channels of [2, 10, 20]) {
    it(`takes bursts on ${channels} channels: half of them, all, and ten more`, () =>
      withMomento(
        async ({ client, server }) => {
          const most = channels * 100
          const listening = new Listening()
          const burst = (count: number): Promise<TopicSubscribe.Response[]> =>
            Promise.all(Array.from({ length: count }, () => trySubscribe(client, 't', listening)))
          const good = (responses: TopicSubscribe.Response[]): TopicSubscribe.Subscription[] =>
            responses.filter((it) => it instanceof TopicSubscribe.Subscription)
          const half = good(await burst(most / 2))
          assert.equal(half.length, most / 2)
          assert.equal(good(await burst(most / 2 + 10)).length, most / 2)
          for (const subscription of half) subscription.unsubscribe()
          await listening.until('end', half.length)
          assert.equal(good(await burst(most / 2 + 10)).length, most / 2)
          assert.deepEqual([listening.count('error'), listening.count('lost')], [0, 0])
          assert.equal(server.subscriptions, most)
        },
        { configure: (it) => it.withNumStreamConnections(channels).withClientTimeoutMillis(60_000) },
      ))
  }
})

describe('A cut', () => {
  it("that the vendor's client makes by itself, five seconds on, loses nothing that is published meanwhile", () =>
    withMomento(async ({ client }) => {
      const { listening } = await subscribe(client, 't')
      let published = 0
      const publish = async (): Promise<void> => {
        const response = await client.publish('c', 't', String(++published))
        assert.ok(response instanceof TopicPublish.Success, response.toString())
      }
      while (listening.count('lost') === 0) await publish()
      const before = listening.count('heartbeat')
      // Nobody listens now; half a second later the client is back.
      while (listening.count('heartbeat') === before) await publish()
      await listening.until('item', published)
      assert.deepEqual(
        listening.numbers,
        Array.from({ length: published }, (_, index) => index + 1),
      )
      assert.deepEqual(listening.values.map(Number), listening.numbers)
      assert.deepEqual([listening.gaps, listening.count('error')], [[], 0])
    }))

  it('of all connections is mended, too', () =>
    withMomento(async ({ client, server }) => {
      const { listening } = await subscribe(client, 't')
      await client.publish('c', 't', 'one')
      await listening.until('item')
      server.disconnectAll()
      await listening.until('lost')
      // A publish of its own may meet the connection that was cut.
      await server.caches.get('c')?.publish('t', 'two')
      await listening.until('item', 2)
      assert.deepEqual(
        [listening.values, listening.numbers],
        [
          ['one', 'two'],
          [1, 2],
        ],
      )
    }))
})

describe('A discontinuity', () => {
  it('is told when numbers are skipped', () =>
    withMomento(async ({ client, server }) => {
      const { listening } = await subscribe(client, 't')
      await client.publish('c', 't', 'one')
      await server.skipSequence('c', 't', 9)
      await client.publish('c', 't', 'two')
      await listening.until('item', 2)
      assert.deepEqual([listening.gaps, listening.numbers], [[[1, 11]], [1, 11]])
      assert.deepEqual(
        listening.told.filter((it) => it !== 'heartbeat'),
        ['item', 'discontinuity', 'item'],
      )
    }))
})

describe('A publish', () => {
  it('fails as often as it is asked to, and then no more', () =>
    withMomento(async ({ client, server }) => {
      server.faults.inject({ rpcs: ['topic-publish'], error: 'unavailable', count: 2 })
      const ok: boolean[] = []
      for (let i = 0; i < 3; i++) ok.push((await client.publish('c', 't', 'v')) instanceof TopicPublish.Success)
      assert.deepEqual(ok, [false, false, true])
    }))
})
