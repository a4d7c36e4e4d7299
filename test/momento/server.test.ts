import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Broker } from '../../src/broker.ts'
import type { ApiKey } from '../../src/momento/access.ts'
import { CacheStore } from '../../src/momento/cache.ts'
import { MomentoServer, type MomentoServerOptions } from '../../src/momento/server.ts'
import { STATUS } from '../../src/momento/status.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { CERTIFICATE, KEY } from './certificate.ts'
import {
  CREATE_CACHE,
  cacheRequest,
  DELETE_CACHE,
  exchangeText,
  fieldsOf,
  framed,
  LIST_CACHES,
  PUBLISH,
  publishRequest,
  SUBSCRIBE,
  subscribeRequest,
  text,
  WireClient,
} from './wire.ts'

interface Rig {
  readonly server: MomentoServer
  readonly client: WireClient
  readonly clock: ManualClock
}

/** Runs `test` against a server on a manual clock, with the cache `c`; then everything has to be gone. */
async function withServer(test: (rig: Rig) => Promise<void>, options: MomentoServerOptions = {}): Promise<void> {
  const clock = new ManualClock()
  const caches = new CacheStore({ clock, caches: ['c'] })
  const server = await MomentoServer.start({ caches, ...options })
  const client = new WireClient(server.port)
  try {
    await test({ server, client, clock })
  } finally {
    client.close()
    await server.close({ graceMs: 0 })
    await caches.close({ graceMs: 0 })
  }
  assert.deepEqual([server.connections, server.subscriptions], [0, 0])
}

describe('Publish', () => {
  it('answers OK, with one empty message', () =>
    withServer(async ({ client }) => {
      const { httpStatus, status, messages, headers } = await client.publish('c', 't', 'v')
      assert.deepEqual([httpStatus, status, messages.map((it) => it.length)], [200, STATUS.OK, [0]])
      assert.equal(headers['content-type'], 'application/grpc+proto')
    }))

  for (const [what, cache, topic, status, details] of [
    ['a cache that does not exist', 'nope', 't', STATUS.NOT_FOUND, "Cache with name: nope doesn't exist"],
    ['a cache without a name', '', 't', STATUS.INVALID_ARGUMENT, 'cache name must not be empty'],
    ['a blank cache', '  ', 't', STATUS.INVALID_ARGUMENT, 'cache name must not be empty'],
    ['a topic without a name', 'c', '', STATUS.INVALID_ARGUMENT, 'topic name must not be empty'],
    ['a topic with a NUL', 'c', 'a\0b', STATUS.INVALID_ARGUMENT, /topic/i],
    ['a topic of 70 000 bytes', 'c', 't'.repeat(70_000), STATUS.INVALID_ARGUMENT, /topic/i],
    ['a prototype', '__proto__', 't', STATUS.NOT_FOUND, /__proto__/],
    ['a name of a megabyte', 'n'.repeat(1_000_000), 't', STATUS.NOT_FOUND, /^.{100,150}$/],
  ] as const) {
    it(`refuses ${what}`, () =>
      withServer(async ({ client }) => {
        const outcome = await client.publish(cache, topic, 'v')
        assert.equal(outcome.status, status)
        if (typeof details === 'string') assert.equal(outcome.details, details)
        else assert.match(outcome.details, details)
      }))
  }

  it('refuses a request without a value', () =>
    withServer(async ({ client }) => {
      const { status, details } = await client.call(PUBLISH, subscribeRequest('c', 't')).ended
      assert.deepEqual([status, details], [STATUS.INVALID_ARGUMENT, 'there has to be a value'])
    }))

  it('takes what the vendor allows, and tells what is larger by name', () =>
    withServer(async ({ client, server }) => {
      const most = 10_486_000 - publishRequest('c', 't', '').length - 8
      assert.equal((await client.publish('c', 't', 'x'.repeat(most))).status, STATUS.OK)
      const over = await client.publish('c', 't', 'x'.repeat(most + 100))
      assert.deepEqual([over.status, /request limit/.test(over.details)], [STATUS.RESOURCE_EXHAUSTED, true])
      assert.equal(server.caches.get('c')?.lastSequence('t'), 1)
    }))

  it('has the limit of the service when that is wanted', () =>
    withServer(
      async ({ client }) => {
        assert.equal((await client.publish('c', 't', new Uint8Array(4096))).status, STATUS.OK)
        const over = await client.publish('c', 't', 'ä'.repeat(2049))
        assert.deepEqual([over.status, /item size/.test(over.details)], [STATUS.RESOURCE_EXHAUSTED, true])
      },
      { maxValueBytes: 4096 },
    ))
})

describe('Subscribe', () => {
  it('says at once that it is there, and then in every period', () =>
    withServer(async ({ client, clock, server }) => {
      const call = await client.subscribe('c', 't')
      assert.deepEqual(await call.next(), { kind: 'heartbeat' })
      assert.equal(server.subscriptions, 1)
      for (let i = 0; i < 3; i++) {
        await clock.advance(1000)
        assert.deepEqual(await call.next(), { kind: 'heartbeat' })
      }
      await clock.advance(999)
      assert.equal(call.messages.length, 4)
    }))

  it('brings what is published, in order, numbered, as text and as bytes', () =>
    withServer(async ({ client }) => {
      const call = await client.subscribe('c', 't')
      const values = ['v', new Uint8Array([0, 255]), '', new Uint8Array(0), 'ä😀']
      for (const value of values) await client.publish('c', 't', value)
      for (const [index, value] of values.entries()) {
        const item = await call.nextButHeartbeats()
        assert.ok(item?.kind === 'item')
        assert.deepEqual([item.sequence, item.value, item.publisherId], [index + 1, value, ''])
        assert.ok(item.page > 0)
      }
    }))

  it('brings every subscriber the same, and nobody what is not its own', () =>
    withServer(async ({ client }) => {
      const [a, b, other] = [
        await client.subscribe('c', 't'),
        await client.subscribe('c', 't'),
        await client.subscribe('c', 'u'),
      ]
      await client.publish('c', 't', 'one')
      await client.publish('c', 'u', 'two')
      const items = [await a.nextButHeartbeats(), await b.nextButHeartbeats(), await other.nextButHeartbeats()]
      assert.deepEqual(items[0], items[1])
      assert.deepEqual(
        items.map((item) => item?.kind === 'item' && item.value),
        ['one', 'one', 'two'],
      )
    }))

  it('replays from the number that is asked for', () =>
    withServer(async ({ client }) => {
      for (const value of ['1', '2', '3']) await client.publish('c', 't', value)
      const call = await client.subscribe('c', 't', 2)
      const items = [await call.nextButHeartbeats(), await call.nextButHeartbeats()]
      assert.deepEqual(
        items.map((item) => item?.kind === 'item' && [item.sequence, item.value]),
        [
          [2, '2'],
          [3, '3'],
        ],
      )
    }))

  it('tells of what the history has lost, and brings the rest', async () => {
    const clock = new ManualClock()
    await using caches = new CacheStore({ clock, caches: ['c'], historySize: 2 })
    await withServer(
      async ({ client }) => {
        for (const value of ['1', '2', '3', '4']) await client.publish('c', 't', value)
        const call = await client.subscribe('c', 't', 1)
        const gap = await call.nextButHeartbeats()
        assert.ok(gap?.kind === 'discontinuity')
        assert.deepEqual([gap.last, gap.next], [0, 3])
        const item = await call.nextButHeartbeats()
        assert.equal(item?.kind === 'item' && item.sequence, 3)
      },
      { caches },
    )
  })

  it('answers a page that is not there, and a number beyond any, with a discontinuity', () =>
    withServer(async ({ client }) => {
      await client.publish('c', 't', 'v')
      for (const [resumeAt, page] of [
        [2, 5_435_435],
        [300, 0],
        [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      ] as const) {
        const call = await client.subscribe('c', 't', resumeAt, page)
        assert.equal((await call.nextButHeartbeats())?.kind, 'discontinuity')
        const item = await call.nextButHeartbeats()
        assert.equal(item?.kind === 'item' && item.value, 'v')
        call.cancel()
      }
    }))

  it('ends with NOT_FOUND when its cache is deleted', () =>
    withServer(async ({ client, server }) => {
      const call = await client.subscribe('c', 't')
      assert.equal(server.deleteCache('c'), true)
      const { status, details, trailers } = await call.ended
      assert.deepEqual([status, details], [STATUS.NOT_FOUND, "Cache with name: c doesn't exist"])
      assert.equal(trailers['grpc-status'], '5')
      assert.equal(server.subscriptions, 0)
    }))

  it('is forgotten when the client cancels it, resets it or goes away', () =>
    withServer(async ({ client, server }) => {
      const cache = server.caches.get('c')
      const call = await client.subscribe('c', 't')
      call.cancel()
      await call.ended
      await client.publish('c', 't', 'v') // the server has seen the reset by then
      assert.deepEqual([server.subscriptions, cache?.subscribers], [0, 0])
      const other = new WireClient(server.port)
      await other.subscribe('c', 't')
      assert.equal(server.subscriptions, 1)
      other.close()
      while (server.subscriptions > 0) await client.publish('c', 't', 'v')
      assert.equal(cache?.subscribers, 0)
    }))

  it('has a limit, which unsubscribing gives back', () =>
    withServer(
      async ({ client }) => {
        const first = await client.subscribe('c', 't')
        await client.subscribe('c', 't')
        const { status, details } = await client.call(SUBSCRIBE, subscribeRequest('c', 't')).ended
        assert.deepEqual([status, /subscribers/.test(details)], [STATUS.RESOURCE_EXHAUSTED, true])
        first.cancel()
        await first.ended
        await client.subscribe('c', 't')
        assert.equal((await client.call(SUBSCRIBE, subscribeRequest('c', 't')).ended).status, STATUS.RESOURCE_EXHAUSTED)
      },
      { maxSubscriptions: 2 },
    ))

  for (const [cache, topic, status] of [
    ['nope', 't', STATUS.NOT_FOUND],
    ['', 't', STATUS.INVALID_ARGUMENT],
    ['c', ' ', STATUS.INVALID_ARGUMENT],
  ] as const) {
    it(`refuses cache "${cache}", topic "${topic}"`, () =>
      withServer(async ({ client, server }) => {
        const outcome = await client.call(SUBSCRIBE, subscribeRequest(cache, topic)).ended
        assert.deepEqual([outcome.status, outcome.messages.length], [status, 0])
        assert.equal(server.subscriptions, 0)
      }))
  }

  it('brings what is published in process on the broker that is a cache', async () => {
    await using broker = new Broker({ history: { size: 10 } })
    const caches = new CacheStore({ caches: { given: broker } })
    await withServer(
      async ({ client }) => {
        const call = await client.subscribe('given', 'a/b')
        await broker.publish('a/b', { n: 1 })
        const item = await call.nextButHeartbeats()
        assert.equal(item?.kind === 'item' && item.value, '{"n":1}')
        const received = broker.once('a/b')
        await client.publish('given', 'a/b', 'hello')
        assert.equal((await received).data, 'hello')
      },
      { caches },
    )
  })
})

describe('The control plane', () => {
  it('makes caches, lists them and deletes them, each once', () =>
    withServer(async ({ client }) => {
      const status = async (path: string, name: string): Promise<number> =>
        (await client.call(path, cacheRequest(name)).ended).status
      const list = async (): Promise<readonly string[]> => {
        const { messages } = await client.call(LIST_CACHES, new Uint8Array()).ended
        const caches = fieldsOf(messages[0] ?? new Uint8Array()).map(([, cache]) => fieldsOf(cache as Uint8Array))
        return caches.map(([[, name] = [0, 0]]) => text(name))
      }
      assert.equal(await status(CREATE_CACHE, 'd'), STATUS.OK)
      assert.equal(await status(CREATE_CACHE, 'd'), STATUS.ALREADY_EXISTS)
      assert.deepEqual(await list(), ['c', 'd'])
      assert.equal(await status(DELETE_CACHE, 'd'), STATUS.OK)
      assert.equal(await status(DELETE_CACHE, 'd'), STATUS.NOT_FOUND)
      assert.deepEqual(await list(), ['c'])
      assert.equal(await status(CREATE_CACHE, ' '), STATUS.INVALID_ARGUMENT)
      assert.equal(await status(DELETE_CACHE, ''), STATUS.INVALID_ARGUMENT)
    }))
})

describe('A call', () => {
  it('that nobody knows is UNIMPLEMENTED', () =>
    withServer(async ({ client }) => {
      for (const path of [
        '/cache_client.pubsub.Pubsub/Nope',
        '/',
        '/cache_client.pubsub.Pubsub/Publish?x',
        `/${'x'.repeat(5000)}`,
      ]) {
        const { status, details } = await client.call(path, new Uint8Array()).ended
        assert.equal(status, STATUS.UNIMPLEMENTED)
        assert.ok(details.length < 150)
      }
    }))

  for (const [what, body, status] of [
    ['no body', Buffer.alloc(0), STATUS.INTERNAL],
    ['half a frame', framed(publishRequest('c', 't', 'v')).subarray(0, 9), STATUS.INTERNAL],
    [
      'two frames',
      Buffer.concat([framed(publishRequest('c', 't', 'v')), framed(publishRequest('c', 't', 'v'))]),
      STATUS.INTERNAL,
    ],
    ['a message that is none', framed(Buffer.from('ff', 'hex')), STATUS.INTERNAL],
    ['a compressed message', Buffer.from('010000000161', 'hex'), STATUS.UNIMPLEMENTED],
  ] as const) {
    it(`with ${what} is refused, and publishes nothing`, () =>
      withServer(async ({ client, server }) => {
        assert.equal((await client.raw(PUBLISH, body).ended).status, status)
        assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
      }))
  }

  it('ends when its deadline is over', () =>
    withServer(async ({ client, clock, server }) => {
      const call = client.call(SUBSCRIBE, subscribeRequest('c', 't'), { 'grpc-timeout': '5000m' })
      await once(call.stream, 'data')
      await clock.advance(4999)
      assert.equal(call.stream.closed, false)
      await clock.advance(1)
      assert.equal((await call.ended).status, STATUS.DEADLINE_EXCEEDED)
      assert.equal(server.subscriptions, 0)
    }))

  it('with a deadline that is none is refused', () =>
    withServer(async ({ client }) => {
      const { status, details } = await client.publish('c', 't', 'v', { 'grpc-timeout': 'soon' })
      assert.deepEqual([status, /grpc-timeout/.test(details)], [STATUS.INTERNAL, true])
    }))

  it('may have a deadline beyond every timer', () =>
    withServer(async ({ client }) =>
      assert.equal((await client.publish('c', 't', 'v', { 'grpc-timeout': '99999999H' })).status, STATUS.OK),
    ))

  it('that comes in too slowly is given up', () =>
    withServer(async ({ client, clock, server }) => {
      const call = client.open(PUBLISH)
      call.stream.write(framed(publishRequest('c', 't', 'v')).subarray(0, 7))
      await client.publish('c', 'u', 'v') // both have arrived by then
      const answered = once(call.stream, 'response')
      await clock.advance(30_000)
      const [headers] = await answered
      assert.equal(headers['grpc-status'], String(STATUS.DEADLINE_EXCEEDED))
      assert.equal(call.stream.closed, false)
      await clock.advance(10_000)
      await call.ended
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
    }))
})

describe('API keys', () => {
  const apiKeys: readonly (string | ApiKey)[] = [
    'all',
    { key: 'reader', permissions: [{ role: 'subscribeonly' }] },
    { key: 'writer', tokenId: 'me', permissions: [{ role: 'publishonly', cache: 'c', topic: 't' }] },
  ]

  it('are asked for when there are some', () =>
    withServer(
      async ({ client, server }) => {
        for (const path of [PUBLISH, SUBSCRIBE, CREATE_CACHE, DELETE_CACHE, LIST_CACHES]) {
          for (const authorization of ['', 'wrong']) {
            const { status } = await client.call(path, publishRequest('c', 't', 'v'), { authorization }).ended
            assert.equal(status, STATUS.UNAUTHENTICATED, path)
          }
        }
        assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
        assert.equal((await client.publish('c', 't', 'v', { authorization: 'all' })).status, STATUS.OK)
      },
      { apiKeys },
    ))

  it('give their rights and no others', () =>
    withServer(
      async ({ client }) => {
        const publish = async (authorization: string, topic: string): Promise<number> =>
          (await client.publish('c', topic, 'v', { authorization })).status
        assert.equal(await publish('reader', 't'), STATUS.PERMISSION_DENIED)
        assert.equal(await publish('writer', 'u'), STATUS.PERMISSION_DENIED)
        assert.equal(await publish('writer', 't'), STATUS.OK)
        const denied = await client.call(SUBSCRIBE, subscribeRequest('c', 't'), { authorization: 'writer' }).ended
        assert.deepEqual(
          [denied.status, /Insufficient permissions/.test(denied.details)],
          [STATUS.PERMISSION_DENIED, true],
        )
        const made = await client.call(CREATE_CACHE, cacheRequest('d'), { authorization: 'reader' }).ended
        assert.equal(made.status, STATUS.PERMISSION_DENIED)
      },
      { apiKeys },
    ))

  it('name who published', () =>
    withServer(
      async ({ client }) => {
        const call = client.call(SUBSCRIBE, subscribeRequest('c', 't'), { authorization: 'reader' })
        await once(call.stream, 'data')
        await client.publish('c', 't', 'v', { authorization: 'writer' })
        const item = await call.nextButHeartbeats()
        assert.equal(item?.kind === 'item' && item.publisherId, 'me')
      },
      { apiKeys },
    ))
})

describe('MomentoServer.faults', () => {
  it('give every status there is', () =>
    withServer(async ({ client, server }) => {
      for (const [name, status] of Object.entries(STATUS)) {
        if (status === STATUS.OK) continue
        const error = name.toLowerCase().replaceAll('_', '-')
        // The names of the statuses are those of the faults.
        server.faults.inject({ error: error as 'unknown', details: `${name} %`, count: 1 })
        const outcome = await client.publish('c', 't', 'v')
        assert.deepEqual([outcome.status, outcome.details], [status, `${name} %`])
      }
      assert.equal((await client.publish('c', 't', 'v')).status, STATUS.OK)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 1)
    }))

  it('delay calls, up to their deadline', () =>
    withServer(async ({ client, clock, server }) => {
      server.faults.inject({ rpcs: ['topic-publish'], delayMs: 6000 })
      const patient = client.call(PUBLISH, publishRequest('c', 't', 'v'))
      const hasty = client.call(PUBLISH, publishRequest('c', 't', 'v'), { 'grpc-timeout': '5S' })
      await client.subscribe('c', 'u') // all three have arrived by then
      await clock.advance(5000)
      assert.equal((await hasty.ended).status, STATUS.DEADLINE_EXCEEDED)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
      await clock.advance(1000)
      assert.equal((await patient.ended).status, STATUS.OK)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 1)
    }))

  for (const [afterMessages, expected] of [
    [0, 0],
    [1, 1],
    [3, 3],
  ] as const) {
    it(`break a stream off after ${afterMessages} messages`, () =>
      withServer(async ({ client, clock, server }) => {
        server.faults.inject({ streamError: 'unavailable', afterMessages })
        const call = client.call(SUBSCRIBE, subscribeRequest('c', 't'))
        for (let i = 1; i < afterMessages; i++) {
          await call.next()
          await clock.advance(1000)
        }
        const { status, messages } = await call.ended
        assert.deepEqual([status, messages.length], [STATUS.UNAVAILABLE, expected])
        assert.equal(server.subscriptions, 0)
      }))
  }

  it('come by the metadata of a request, too', () =>
    withServer(async ({ client }) => {
      const metadata = { 'request-id': 'r', 'return-error': 'broken', 'error-rpcs': 'topic-publish' }
      assert.equal((await client.publish('c', 't', 'v', metadata)).status, STATUS.OK) // there is no such error
      const known = { ...metadata, 'return-error': 'internal', 'error-count': '1' }
      assert.equal((await client.publish('c', 't', 'v', known)).status, STATUS.INTERNAL)
      assert.equal((await client.publish('c', 't', 'v', known)).status, STATUS.OK)
    }))

  it('block the network, and unblock it', () =>
    withServer(async ({ client, server }) => {
      const call = await client.subscribe('c', 't')
      server.faults.block()
      assert.equal((await call.ended).status, -1)
      const shutOut = new WireClient(server.port)
      assert.equal((await shutOut.publish('c', 't', 'v')).status, -1)
      server.faults.unblock()
      const back = new WireClient(server.port)
      assert.equal((await back.publish('c', 't', 'v')).status, STATUS.OK)
      back.close()
    }))

  it('have the controls of the local server on a port of their own', () =>
    withServer(
      async ({ server }) => {
        const control = async (path: string): Promise<number> =>
          (await fetch(`http://127.0.0.1:${server.adminPort}${path}`)).status
        assert.equal(await control('/block'), 204)
        assert.equal(server.faults.isBlocked, true)
        assert.equal(await control('/unblock'), 204)
        assert.equal(server.faults.isBlocked, false)
        assert.equal(await control('/nope'), 404)
      },
      { adminPort: 0 },
    ))
})

describe('MomentoServer', () => {
  it('cuts all connections and takes new ones', () =>
    withServer(async ({ client, server }) => {
      const call = await client.subscribe('c', 't')
      server.disconnectAll()
      assert.equal((await call.ended).status, -1)
      const back = new WireClient(server.port)
      const again = await back.subscribe('c', 't', 1)
      await back.publish('c', 't', 'v')
      assert.equal((await again.nextButHeartbeats())?.kind, 'item')
      back.close()
    }))

  it('loses numbers, so that a discontinuity comes', () =>
    withServer(async ({ client, server }) => {
      const call = await client.subscribe('c', 't')
      await client.publish('c', 't', 'one')
      await server.skipSequence('c', 't', 5)
      await client.publish('c', 't', 'two')
      assert.equal((await call.nextButHeartbeats())?.kind, 'item')
      const gap = await call.nextButHeartbeats()
      assert.ok(gap?.kind === 'discontinuity')
      assert.deepEqual([gap.last, gap.next], [1, 7])
      const item = await call.nextButHeartbeats()
      assert.equal(item?.kind === 'item' && item.sequence, 7)
      await assert.rejects(server.skipSequence('nope', 't', 1), { code: 'ERR_OPTION_INVALID' })
      await assert.rejects(server.skipSequence('c', 't', 0), { code: 'ERR_OPTION_INVALID' })
    }))

  it('ends its subscriptions with UNAVAILABLE when it closes, and finishes what is under way', () =>
    withServer(async ({ client, clock, server }) => {
      server.faults.inject({ rpcs: ['topic-publish'], delayMs: 100 })
      const call = await client.subscribe('c', 't')
      const published = client.publish('c', 'u', 'v')
      await client.subscribe('c', 't') // the publish has arrived by then
      const closed = server.close()
      assert.equal(server.close(), closed)
      assert.equal((await call.ended).status, STATUS.UNAVAILABLE)
      await clock.advance(100)
      assert.equal((await published).status, STATUS.OK)
      await closed
    }))

  it('refuses a subscription whose turn comes while it closes', () =>
    withServer(async ({ client, clock, server }) => {
      server.faults.inject({ rpcs: ['topic-subscribe'], delayMs: 100, count: 1 })
      const late = client.call(SUBSCRIBE, subscribeRequest('c', 't'))
      await client.subscribe('c', 't') // the other one has arrived by then
      const closed = server.close({ graceMs: Infinity })
      await clock.advance(100)
      assert.equal((await late.ended).status, STATUS.UNAVAILABLE)
      await closed
    }))

  it('refuses to close in a way that makes no sense, and goes on', () =>
    withServer(async ({ client, server }) => {
      for (const options of [{ graceMs: Number.NaN }, { graceMs: -1 }, { grace: 1 }]) {
        // The last one is what the types do not let through.
        await assert.rejects(server.close(options as { graceMs: number }), { code: 'ERR_OPTION_INVALID' })
      }
      assert.equal((await client.publish('c', 't', 'v')).status, STATUS.OK)
    }))

  for (const [what, options, host, status] of [
    ['its names, however they are written', { hosts: ['Cache.Example'] }, 'cache.EXAMPLE', 204],
    ['no other name', { hosts: ['cache.example'] }, 'other.example', 403],
    ['any name when it listens everywhere and asks for a key', { host: '0.0.0.0', apiKeys: ['k'] }, 'a.example', 204],
    ['no other name when it listens everywhere and asks for none', { host: '0.0.0.0' }, 'a.example', 403],
  ] as const) {
    it(`answers to ${what}`, () =>
      withServer(async ({ server }) => {
        const answered = exchangeText(server.port, `OPTIONS / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        assert.match(await answered, new RegExp(`^HTTP/1.1 ${status} `))
      }, options))
  }

  it('still says where it listened when it has closed', async () => {
    const server = await MomentoServer.start({ adminPort: 0 })
    const { port, adminPort } = server
    await server.close()
    assert.ok(port > 0)
    assert.deepEqual([server.port, server.adminPort], [port, adminPort])
  })

  it('waits for no longer than the grace time', () =>
    withServer(async ({ client, clock, server }) => {
      server.faults.inject({ rpcs: ['topic-publish'], delayMs: 60_000 })
      const published = client.publish('c', 'u', 'v')
      await client.subscribe('c', 't')
      const closed = server.close({ graceMs: 50 })
      await clock.advance(50)
      assert.equal((await published).status, -1)
      await closed
      assert.equal(server.caches.get('c')?.lastSequence('u'), 0)
    }))

  it('serves the same over TLS', async () => {
    const caches = new CacheStore({ caches: ['c'] })
    await using server = await MomentoServer.start({ caches, key: KEY, cert: CERTIFICATE })
    const client = new WireClient(server.port, { origin: `https://localhost:${server.port}`, ca: CERTIFICATE })
    const call = await client.subscribe('c', 't')
    assert.equal((await client.publish('c', 't', 'v')).status, STATUS.OK)
    assert.equal((await call.nextButHeartbeats())?.kind, 'item')
    client.close()
    await server.close({ graceMs: 0 })
    await caches.close()
  })

  it('closes the caches that it made, and leaves a store to whoever made it', async () => {
    const own = await MomentoServer.start({ caches: ['c'] })
    assert.equal(own.createCache('c'), false)
    assert.equal(own.createCache('d'), true)
    await own.close()
    assert.throws(() => own.createCache('e'), { code: 'ERR_CLOSED' })
    await using caches = new CacheStore()
    await (await MomentoServer.start({ caches })).close()
    assert.equal(caches.create('c'), true)
  })

  it('says when its port cannot be had, and leaves nothing behind', async () => {
    await using server = await MomentoServer.start()
    await assert.rejects(MomentoServer.start({ port: server.port }), { code: 'EADDRINUSE' })
    await assert.rejects(MomentoServer.start({ adminPort: server.port }), { code: 'EADDRINUSE' })
  })

  for (const [options, option] of [
    [{ port: 65_536 }, 'port'],
    [{ port: '80' }, 'port'],
    [{ host: '' }, 'host'],
    [{ key: KEY }, 'cert'],
    [{ cert: CERTIFICATE }, 'cert'],
    [{ heartbeatMs: 0 }, 'heartbeatMs'],
    [{ maxSubscriptions: 0 }, 'maxSubscriptions'],
    [{ apiKeys: [''] }, 'apiKeys.0.key'],
    [{ caches: [''] }, 'caches'],
    [{ caches: 'c' }, 'caches'],
    [{ caches: null }, 'caches'],
    [{ origins: 'x' }, 'origins'],
    [{ prot: 1 }, 'prot'],
  ] as const) {
    it(`refuses ${Object.keys(options)} when it is ${JSON.stringify(Object.values(options)[0]).slice(0, 20)}`, () =>
      // What the types do not let through.
      assert.rejects(MomentoServer.start(options as unknown as MomentoServerOptions), {
        code: 'ERR_OPTION_INVALID',
        option,
      }))
  }
})
