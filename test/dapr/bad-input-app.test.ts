/** What an app may do, end to end over raw sockets: discovery and delivery, with the oracle after each. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { DaprSidecar, type DaprSidecarOptions } from '../../src/dapr/index.ts'
import type { LogEntry } from '../../src/dapr/log.ts'
import type { SubscriptionStats } from '../../src/stats.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { begin, FakeApp } from './harness.ts'
import { openSockets, RawServer, turnsUntil } from './raw.ts'
import { watchProcess } from './rig.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const ORDERS = { pubsubname: 'pubsub', topic: 'orders', route: '/orders' }
const CANARY = { pubsubname: 'pubsub', topic: 'canary', route: '/canary' }

function json(value: unknown): string {
  const body = typeof value === 'string' ? value : JSON.stringify(value)
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** What the app does with the delivery of an order, by how many there have been. */
type Deed = (socket: Socket, count: number, text: string) => void

interface Scene {
  readonly sidecar: DaprSidecar
  readonly app: RawServer
  readonly clock: ManualClock
  readonly log: readonly LogEntry[]
  /** The requests that brought orders. */
  readonly orders: readonly string[]
  stats(): SubscriptionStats
  publish(topic?: string, body?: string): Promise<void>
}

interface SceneOptions extends Partial<DaprSidecarOptions> {
  readonly deed?: Deed
  /** The whole answer to `GET /dapr/subscribe`. */
  readonly list?: string
}

/** A sidecar and an app on sockets; then the oracle: a canary is delivered, and nothing is left open. */
async function play(t: TestContext, options: SceneOptions, scene: (scene: Scene) => Promise<void>): Promise<void> {
  const { deed = (socket) => socket.write(OK), list = json([ORDERS, CANARY]), ...rest } = options
  const troubles = watchProcess(t)
  const orders: string[] = []
  let canaryCount = 0
  const app = await RawServer.start((socket, text) => {
    if (text.startsWith('GET /dapr/config')) socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')
    else if (text.startsWith('GET /dapr/subscribe')) socket.end(list)
    else if (text.startsWith('POST /canary')) canaryCount += Number(socket.write(OK))
    else if (text.startsWith('POST ')) deed(socket, orders.push(text), text)
  })
  const clock = new ManualClock()
  const log: LogEntry[] = []
  const sidecar = await DaprSidecar.start({ app: app.url, httpPort: false, clock, log: (e) => log.push(e), ...rest })
  const publish = async (topic = 'orders', body = '{}'): Promise<void> => {
    const request = new Request(`http://localhost/v1.0/publish/pubsub/${topic}`, { method: 'POST', body })
    assert.equal((await sidecar.fetch(request)).status, 204)
  }
  try {
    await scene({
      sidecar,
      app,
      clock,
      log,
      orders,
      publish,
      stats() {
        const { stats } = sidecar.stats().subscriptions.find(({ topic }) => topic === 'orders') ?? {}
        assert.ok(stats)
        return stats
      },
    })
    await publish('canary')
    await turnsUntil(() => canaryCount === 1 || !sidecar.subscriptions.some(({ topic }) => topic === 'canary'))
  } finally {
    await sidecar.close({ graceMs: 0 })
    await app.stop()
  }
  await turnsUntil(() => openSockets() === 0)
  assert.deepEqual(troubles, [])
}

describe('An app that answers discovery', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  for (const [what, list, topics] of [
    ['with 404', 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n', []],
    ['with 500', 'HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]', []],
    ['with 204', 'HTTP/1.1 204 No\r\n\r\n', []],
    ['with a redirect', `HTTP/1.1 301 There\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n`, []],
    ['with nothing', json(''), []],
    ['with a page', json('<html></html>'), []],
    ['with broken JSON', json('[{'), []],
    ['with an object', json('{}'), []],
    ['with null', json('null'), []],
    ['with a list of nothing', json([null, [], 5, CANARY]), ['canary']],
    ['with depth', json(deep), []],
    ['with more than a megabyte', json(JSON.stringify([CANARY, { x: 'x'.repeat(1_100_000) }])), []],
    ['with more subscriptions than anybody needs', json(Array(1001).fill(CANARY)), []],
    ['with entries that go nowhere', json([{ pubsubname: 'pubsub', topic: 'orders' }, CANARY]), ['canary']],
    ['with a component that is not there', json([{ ...ORDERS, pubsubname: 'nope' }, CANARY]), ['orders', 'canary']],
    [
      'with a component of a dangerous name',
      json([{ ...ORDERS, pubsubname: '__proto__' }, CANARY]),
      ['orders', 'canary'],
    ],
    ['with a topic that is none', json([{ ...ORDERS, topic: '\0' }, CANARY]), ['\0', 'canary']],
    ['with line breaks in a route', json([{ ...ORDERS, route: '/a\r\nX-Evil: 1' }, CANARY]), ['canary']],
    ['with metadata that is no text', json([ORDERS, { ...CANARY, metadata: { rawPayload: true } }]), []],
    [
      'with a rule that is none',
      json([{ ...ORDERS, routes: { rules: [{ match: '((', path: '/x' }] } }, CANARY]),
      ['canary'],
    ],
    [
      'with a long rule',
      json([{ ...ORDERS, routes: { rules: [{ match: `"${'x'.repeat(1e5)}" == ""`, path: '/x' }] } }, CANARY]),
      ['canary'],
    ],
    [
      'with a deep rule',
      json([
        { ...ORDERS, routes: { rules: [{ match: `${'('.repeat(1000)}true${')'.repeat(1000)}`, path: '/x' }] } },
        CANARY,
      ]),
      ['canary'],
    ],
    [
      'with 10 000 rules',
      json([{ ...ORDERS, routes: { rules: Array(10_000).fill({ match: '', path: '/x' }) } }, CANARY]),
      ['canary'],
    ],
    [
      'with a dead letter topic that is the topic',
      json([{ ...ORDERS, deadLetterTopic: 'orders' }, CANARY]),
      ['orders', 'canary'],
    ],
    [
      'with a dead letter topic that comes back',
      json([{ ...ORDERS, topic: 'ord*', deadLetterTopic: 'orders' }, CANARY]),
      ['ord*', 'canary'],
    ],
    ['with numbers beyond all', json([{ ...CANARY, bulkSubscribe: { enabled: true, maxMessagesCount: 1e300 } }]), []],
  ] as const) {
    it(`${what} leaves the sidecar well`, (t) =>
      play(t, { list }, async ({ sidecar, log }) => {
        await sidecar.ready()
        assert.deepEqual(
          sidecar.subscriptions.map(({ topic }) => topic),
          topics,
        )
        const isFine = ['with 404', 'with nothing', 'with null'].includes(what)
        assert.equal(
          log.some(({ level }) => level === 'error' || level === 'warn'),
          !isFine,
        )
      }))
  }

  for (const [route, target] of [
    ['//evil/x', '/evil/x'],
    ['/\\evil/x', '/%5Cevil/x'],
    ['http://evil/x', '/http:/evil/x'],
    ['@evil/x', '/@evil/x'],
    ['../../x', '/x'],
    ['/a/%2e%2e/b', '/a/%2e%2e/b'],
    ['/a b\u00e9', '/a%20b%C3%A9'],
    ['/a#b', '/a'],
    ['/a?b=c d', '/a?b=c%20d'],
    ['/%00', '/%00'],
  ] as const) {
    it(`with the route ${route} is called at ${target}, and nobody else is`, (t) => {
      const list = json([{ ...ORDERS, route }, CANARY])
      return play(t, { list }, async ({ publish, orders }) => {
        await publish()
        await turnsUntil(() => orders.length === 1)
        assert.match(orders[0] ?? '', new RegExp(`^POST ${target.replace(/[?.]/g, '\\$&')} HTTP/1.1\r\n`))
      })
    })
  }

  // Side by side: each is asked again for two seconds.
  it('with what is no answer is served without subscriptions', (t) => {
    const lists = [
      'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000),
      'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'SSH-2.0\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[]',
    ]
    const played = lists.map((list) =>
      play(t, { list }, async ({ sidecar, log }) => {
        await sidecar.ready()
        assert.deepEqual(sidecar.subscriptions, [])
        assert.ok(log.some(({ level }) => level === 'error'))
      }),
    )
    return Promise.all(played).then(() => {})
  })
})

describe('An app that is given a message', () => {
  const twice =
    (first: (socket: Socket) => void): Deed =>
    (socket, count) => {
      if (count === 1) first(socket)
      else socket.write(OK)
    }
  const status = (line: string): string => `HTTP/1.1 ${line}\r\nContent-Length: 0\r\n\r\n`

  for (const [what, first] of [
    ['resets the connection', (socket) => void socket.resetAndDestroy()],
    ['closes the connection', (socket) => void socket.end()],
    ['answers nonsense', (socket) => void socket.write('SSH-2.0\r\n')],
    ['breaks off its answer', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"st')],
    ['breaks off its head', (socket) => void socket.end('HTTP/1.1 200')],
    [
      'switches the protocol',
      (socket) => void socket.end('HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    ],
    ['says wait a thousand times', (socket) => void socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000))],
    ['has 32 KB of headers', (socket) => void socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(32_000)}\r\n\r\n`)],
    [
      'has two lengths',
      (socket) =>
        void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    ],
    [
      'redirects to another machine',
      (socket) =>
        void socket.write('HTTP/1.1 307 There\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n'),
    ],
    ['answers 099', (socket) => void socket.write(status('099 What'))],
    ['answers 600', (socket) => void socket.write(status('600 What'))],
    ['answers 999', (socket) => void socket.write(status('999 What'))],
    ['answers 400', (socket) => void socket.write(status('400 Bad'))],
    ['answers with a status of other letters', (socket) => void socket.write(json({ status: 'success' }))],
    ['answers with a status with a blank', (socket) => void socket.write(json({ status: 'SUCCESS ' }))],
    ['answers RETRY', (socket) => void socket.write(json({ status: 'RETRY' }))],
  ] satisfies readonly (readonly [string, (socket: Socket) => void])[]) {
    it(`and ${what} is given it again`, (t) =>
      play(t, { deed: twice(first) }, async (scene) => {
        await scene.publish()
        await turnsUntil(() => scene.stats().delayed === 1)
        await scene.clock.advance(1000)
        await turnsUntil(() => scene.stats().acked === 1)
        const ids = scene.orders.map((text) => /"id":"([^"]+)"/.exec(text)?.[1])
        assert.equal(ids.length, 2)
        assert.equal(ids[0], ids[1])
        assert.ok(scene.log.some(({ level, reason }) => level === 'warn' && typeof reason === 'string'))
      }))
  }

  for (const [what, answer] of [
    ['answers 204 with a body', 'HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok'],
    ['answers twice', OK + status('500 No')],
    ['answers with a number', json('5')],
    ['answers with a list', json('[]')],
    ['answers with a status that is no text', json({ status: { status: 'RETRY' } })],
    ['answers with depth', json(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)],
    ['answers with a megabyte', json('x'.repeat(1_000_000))],
    ['answers compressed', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b'],
  ] as const) {
    it(`and ${what} has handled it, once`, (t) =>
      play(t, { deed: (socket) => void socket.write(answer) }, async (scene) => {
        for (const count of [1, 2]) {
          await scene.publish()
          await turnsUntil(() => scene.stats().acked === count)
        }
        await scene.clock.advance(60_000)
        assert.equal(scene.orders.length, 2)
      }))
  }

  it('and never stops answering is heard for a while', (t) => {
    const deed: Deed = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const more = (): void => {
        if (socket.writable) socket.write('x'.repeat(10_000), () => setImmediate(more))
      }
      more()
    }
    return play(t, { deed }, async (scene) => {
      await scene.publish()
      await turnsUntil(() => scene.stats().acked === 1)
    })
  })

  for (const [what, first] of [
    ['never answers', () => {}],
    ['drips its answer', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n', 'X: y\r\n')],
    ['drips the body of its answer', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n', 'x')],
  ] satisfies readonly (readonly [string, (socket: Socket) => void])[]) {
    it(`and ${what} is given it again when its time is over, on another connection`, (t) =>
      play(t, { deed: twice(first), deliveryTimeoutMs: 5000 }, async (scene) => {
        await scene.publish()
        await turnsUntil(() => scene.orders.length === 1)
        await scene.clock.advance(4999)
        assert.equal(scene.stats().inFlight, 1)
        await scene.clock.advance(1)
        const { delayed, overdue } = scene.stats()
        assert.deepEqual({ delayed, overdue }, { delayed: 1, overdue: 0 }) // and nobody waits for the answer any more
        await scene.clock.advance(1000)
        await turnsUntil(() => scene.stats().acked === 1)
        assert.equal(scene.orders.length, 2)
      }))
  }

  it('and is gone gets it when it is back', async (t) => {
    let isAway = true
    const deed: Deed = (socket) => void (isAway ? socket.destroy() : socket.write(OK))
    await play(t, { deed }, async (scene) => {
      await scene.publish()
      for (const count of [1, 2, 3]) {
        await turnsUntil(() => scene.orders.length === count && scene.stats().delayed === 1)
        isAway = count < 3
        await scene.clock.advance(1000 * 2 ** (count - 1))
      }
      await turnsUntil(() => scene.stats().acked === 1)
      assert.equal(scene.orders.length, 4)
    })
  })

  it('and is down is spoken of once a minute, and when it is back', (t) => {
    let isDown = true
    const deed: Deed = (socket) => void (isDown ? socket.destroy() : socket.write(OK))
    return play(t, { deed }, async (scene) => {
      await scene.publish()
      for (const [count, delayMs] of [1000, 2000, 4000, 8000, 16_000, 30_000].entries()) {
        await turnsUntil(() => scene.orders.length === count + 1 && scene.stats().delayed === 1)
        await scene.clock.advance(delayMs)
      }
      await turnsUntil(() => scene.stats().delayed === 1)
      isDown = false
      await scene.clock.advance(30_000)
      await turnsUntil(() => scene.stats().acked === 1)
      await scene.publish()
      await turnsUntil(() => scene.stats().acked === 2)
      const said = scene.log.filter(({ message }) => message.startsWith('Message') || message.startsWith('A message'))
      assert.deepEqual(
        said.map(({ level, message, failureCount }) => [level, message, failureCount]),
        [
          ['warn', 'A message was not handled', 1],
          ...Array(5).fill(['debug', 'A message was not handled', undefined]),
          ['warn', 'A message was not handled', 6],
          ['info', 'Messages are handled again', undefined],
        ],
      )
    })
  })

  it('and is slow is called no more often at once than it wants to be', (t) => {
    const held: Socket[] = []
    const topics = ['orders', 'b', 'c', 'd']
    const list = json([...topics.map((topic) => ({ ...ORDERS, topic })), CANARY])
    return play(t, { deed: (socket) => void held.push(socket), list, appMaxConcurrency: 2 }, async (scene) => {
      for (const topic of topics) await scene.publish(topic)
      await turnsUntil(() => held.length === 2)
      for (let done = 0; done < topics.length; done++) {
        assert.ok(held.length - done <= 2)
        await turnsUntil(() => held.length > done)
        held[done]?.write(OK)
      }
      await scene.sidecar.settled()
      assert.equal(scene.orders.length, topics.length)
    })
  })
})

describe('An app that is given a batch', () => {
  const bulkSubscribe = { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 100 }
  const list = json([{ ...ORDERS, bulkSubscribe }, CANARY])
  const idsIn = (text: string): readonly string[] =>
    Array.from(text.matchAll(/"entryId":"([^"]+)"/g), ([, id = '']) => id)

  /** Of three entries, how many are handled by an answer. */
  for (const [what, answer, acked] of [
    [
      'with statuses in another order',
      (ids) => [...ids].reverse().map((entryId) => ({ entryId, status: 'SUCCESS' })),
      3,
    ],
    [
      'with unknown ids as well',
      (ids) => ['x', '__proto__', ...ids].map((entryId) => ({ entryId, status: 'SUCCESS' })),
      3,
    ],
    ['with fewer', ([entryId]) => [{ entryId, status: 'SUCCESS' }], 1],
    ['with entries that are none', ([entryId]) => [null, 5, [], { entryId, status: 'SUCCESS' }], 1],
    ['with ids that are no text', () => [{ entryId: 5, status: 'SUCCESS' }], 0],
    [
      'with two words about one',
      ([entryId]) => [
        { entryId, status: 'SUCCESS' },
        { entryId, status: 'RETRY' },
      ],
      1,
    ],
    ['with something that is no list', () => 'SUCCESS', 0],
    ['with nothing', () => undefined, 0],
    [
      'with ten megabytes',
      (ids) => [...ids.map((entryId) => ({ entryId, status: 'SUCCESS' })), 'x'.repeat(10_000_000)],
      0,
    ],
  ] satisfies readonly (readonly [string, (ids: readonly string[]) => unknown, number])[]) {
    it(`and answers ${what} has handled ${acked} of 3`, (t) => {
      const deed: Deed = (socket, _, text) => void socket.write(json({ statuses: answer(idsIn(text)) }))
      return play(t, { list, deed }, async ({ sidecar, orders, publish, stats }) => {
        for (const id of [1, 2, 3]) await publish('orders', `${id}`)
        await sidecar.settled()
        assert.deepEqual([stats().acked, stats().delayed, orders.length], [acked, 3 - acked, 1])
      })
    })
  }

  for (const [limits, sizes] of [
    [{ maxMessagesCount: 0, maxAwaitDurationMs: -1 }, [100, 50]],
    [{ maxMessagesCount: 2 ** 31, maxAwaitDurationMs: 2 ** 40 }, []],
  ] as const) {
    it(`and asked for ${JSON.stringify(limits)} gets batches of ${sizes.join(' and ') || 'what there is at the end'}`, async (t) => {
      const app = new FakeApp({ ...ORDERS, bulkSubscribe: { enabled: true, ...limits } })
      const { publish, clock, sidecar } = await begin(t, app)
      app.answer = ({ text }) => ({ statuses: idsIn(text).map((entryId) => ({ entryId, status: 'SUCCESS' })) })
      for (let i = 0; i < 150; i++) await publish('pubsub/orders', i)
      await clock.advance(1000)
      assert.deepEqual(
        app.calls.map(({ text }) => idsIn(text).length),
        sizes,
      )
      await sidecar.close()
      assert.equal(sidecar.stats().pubsubs.pubsub?.acked, 150)
    })
  }
})

/** Says something again and again, never the end, until the connection is closed. */
function drip(socket: Socket, first: string, again: string): void {
  socket.write(first)
  const more = (): void => {
    if (socket.writable) socket.write(again, () => setImmediate(more))
  }
  more()
}
