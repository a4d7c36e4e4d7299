import assert from 'node:assert/strict'
import { request } from 'node:http'
import { describe, it } from 'node:test'
import { CacheStore } from '../../src/momento/cache.ts'
import { MomentoServer, type MomentoServerOptions } from '../../src/momento/server.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { exchangeText, socketTo } from './wire.ts'

interface Rig {
  readonly server: MomentoServer
  readonly clock: ManualClock
  /** Publishes, or polls when there is no body. */
  readonly ask: (
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers?: Record<string, string>,
  ) => Promise<Answer>
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function withServer(test: (rig: Rig) => Promise<void>, options: MomentoServerOptions = {}): Promise<void> {
  const clock = new ManualClock()
  const caches = new CacheStore({ clock, caches: ['c'] })
  const server = await MomentoServer.start({ caches, ...options })
  const ask: Rig['ask'] = async (path, body, headers = {}) => {
    const init = body === undefined ? { headers } : { method: 'POST', body, headers }
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init)
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  try {
    await test({ server, clock, ask })
  } finally {
    await server.close({ graceMs: 0 })
    await caches.close({ graceMs: 0 })
  }
  assert.deepEqual([server.connections, server.subscriptions], [0, 0])
}

const items = (answer: Answer): readonly Record<string, Record<string, unknown>>[] => JSON.parse(answer.text).items
const values = (answer: Answer): readonly unknown[] => items(answer).map(({ item }) => item?.['value'])
/** Resolves when that many polls wait. */
async function waiting(server: MomentoServer, count: number): Promise<void> {
  while (server.subscriptions !== count) await new Promise(setImmediate)
}

describe('POST /topics/{cacheName}/{topicName}', () => {
  for (const [what, body, contentType, expected] of [
    ['text', 'hello ä', 'text/plain', { text: 'hello ä' }],
    ['text that says how it is written', 'hello ä', 'text/plain; charset=UTF-8', { text: 'hello ä' }],
    ['bytes', Uint8Array.of(0, 255), 'application/octet-stream', { binary: 'AP8=' }],
    ['JSON, as the text that it is', '{"a":1}', 'application/json', { text: '{"a":1}' }],
    ["what curl sends when it isn't told", 'a=b', 'application/x-www-form-urlencoded', { text: 'a=b' }],
    ['nothing', '', 'text/plain', { text: '' }],
  ] as const) {
    it(`publishes ${what}`, () =>
      withServer(async ({ ask }) => {
        const { status, text, headers } = await ask('/topics/c/t', body, { 'content-type': contentType })
        assert.deepEqual([status, text, headers.get('content-length')], [204, '', null])
        assert.deepEqual(values(await ask('/topics/c/t?sequence_number=1')), [expected])
      }))
  }

  it('decodes names once', () =>
    withServer(async ({ ask, server }) => {
      server.createCache('a/b %')
      assert.equal((await ask('/topics/a%2Fb%20%25/x%2Fy%252F', 'v')).status, 204)
      assert.equal(server.caches.get('a/b %')?.lastSequence('x/y%2F'), 1)
    }))

  for (const [what, path, status, detail] of [
    ['a cache that does not exist', '/topics/nope/t', 404, /^Cache with name: nope doesn't exist$/],
    ['a blank name', '/topics/c/%20', 400, /topic name must not be empty/],
    ['a NUL in the topic', '/topics/c/a%00b', 400, /topic/i],
    ['no topic', '/topics/c', 404, /there is only/i],
    ['an empty topic', '/topics/c/', 404, /there is only/i],
    ['more than a topic', '/topics/c/t/u', 404, /there is only/i],
    ['another path', '/', 404, /there is only/i],
    ['a path that is not UTF-8', '/topics/c/%ff', 400, /percent-encoded/],
    ['a percent sign alone', '/topics/c/%', 400, /percent-encoded/],
  ] as const) {
    it(`answers ${status} to ${what}`, () =>
      withServer(async ({ ask, server }) => {
        const answer = await ask(path, 'v')
        assert.equal(answer.status, status)
        assert.equal(answer.headers.get('content-type'), 'application/json')
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
        const error = JSON.parse(answer.text)
        assert.deepEqual([Object.keys(error), error.status], [['status', 'title', 'detail'], status])
        assert.match(error.detail, detail)
        assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
      }))
  }

  for (const [what, status, headers, body] of [
    ['text that is not UTF-8', 400, { 'content-type': 'text/plain' }, Uint8Array.of(0xff)],
    ['another charset', 415, { 'content-type': 'text/plain; charset=iso-8859-1' }, 'v'],
    ['a compressed body', 415, { 'content-encoding': 'gzip' }, 'v'],
    ['more than a request may have', 413, {}, 'x'.repeat(1001)],
    ['more than a value may have', 413, {}, 'x'.repeat(101)],
  ] as const) {
    it(`refuses ${what}`, () =>
      withServer(
        async ({ ask, server }) => {
          assert.equal((await ask('/topics/c/t', body, headers)).status, status)
          assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
        },
        { maxRequestBytes: 1000, maxValueBytes: 100 },
      ))
  }

  it('stops reading chunks without an end at the limit', () =>
    withServer(
      async ({ server }) => {
        const socket = await socketTo(server.port)
        const head = 'POST /topics/c/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
        socket.write(head)
        for (let i = 0; i < 101; i++) socket.write(`a\r\n${'x'.repeat(10)}\r\n`)
        const answer = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
        assert.match(answer, /^HTTP\/1\.1 413 [^]*connection: close/i)
        socket.destroy()
      },
      { maxRequestBytes: 1000 },
    ))

  it('says so before it is sent, to a client that asks first', () =>
    withServer(
      async ({ server }) => {
        const head =
          'POST /topics/c/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n'
        assert.match(await exchangeText(server.port, head), /^HTTP\/1\.1 413 /)
      },
      { maxRequestBytes: 1000 },
    ))

  it('publishes nothing for a client that has gone', () =>
    withServer(async ({ clock, server }) => {
      server.faults.inject({ delayMs: 100 })
      const publish = request({
        host: '127.0.0.1',
        port: server.port,
        path: '/topics/c/t',
        method: 'POST',
        agent: false,
      })
      publish.on('error', () => {})
      publish.end('v')
      // What follows on another connection has not been published when this one has arrived.
      while (server.connections === 0) await new Promise(setImmediate)
      const poll = request({ host: '127.0.0.1', port: server.port, path: '/topics/c/u', agent: false }).end()
      poll.on('error', () => {})
      while (server.connections < 2) await new Promise(setImmediate)
      publish.destroy()
      while (server.connections > 1) await new Promise(setImmediate)
      await clock.advance(100)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
      poll.destroy()
      await waiting(server, 0)
    }))

  it('takes only GET and POST', () =>
    withServer(async ({ server }) => {
      for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE', 'HEAD', 'QUERY']) {
        const answer = await exchangeText(
          server.port,
          `${method} /topics/c/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
        )
        assert.match(answer, /^HTTP\/1\.1 405 [^]*allow: GET, POST/i)
      }
    }))

  it('may be delayed and fail on request, as every publish', () =>
    withServer(async ({ ask, server }) => {
      server.faults.inject({ rpcs: ['topic-publish'], error: 'resource-exhausted', count: 1 })
      assert.equal((await ask('/topics/c/t', 'v')).status, 429)
      assert.equal((await ask('/topics/c/t', 'v')).status, 204)
    }))
})

describe('GET /topics/{cacheName}/{topicName}', () => {
  it('waits for the first message, and takes what comes with it', () =>
    withServer(async ({ ask, server }) => {
      const polled = ask('/topics/c/t?sequence_number=0&sequence_page=0')
      await waiting(server, 1)
      await ask('/topics/c/t', 'v')
      const answer = await polled
      const [{ item } = {}] = items(answer)
      assert.deepEqual([answer.status, item?.['topic_sequence_number'], item?.['value']], [200, 1, { text: 'v' }])
      assert.ok(Number(item?.['sequence_page']) > 0)
    }))

  it('goes on where the last one ended', () =>
    withServer(async ({ ask }) => {
      for (const value of ['1', '2', '3']) await ask('/topics/c/t', value)
      assert.deepEqual(values(await ask('/topics/c/t?sequence_number=2')), [{ text: '2' }, { text: '3' }])
    }))

  it('says what is missing', () =>
    withServer(async ({ ask, server }) => {
      await server.skipSequence('c', 't', 3)
      await ask('/topics/c/t', 'v')
      const [first, second] = items(await ask('/topics/c/t?sequence_number=1'))
      const { last_topic_sequence, new_topic_sequence } = first?.['discontinuity'] ?? {}
      assert.deepEqual([last_topic_sequence, new_topic_sequence], [0, 4])
      assert.equal(second?.['item']?.['topic_sequence_number'], 4)
      const stale = items(await ask('/topics/c/t?sequence_number=5&sequence_page=1'))
      assert.equal('discontinuity' in (stale[0] ?? {}), true)
    }))

  it('ends with nothing when nothing comes', () =>
    withServer(async ({ ask, clock, server }) => {
      const polled = ask('/topics/c/t')
      await waiting(server, 1)
      await clock.advance(25_000)
      assert.deepEqual(JSON.parse((await polled).text), { items: [] })
    }))

  for (const number of ['-1', 'NaN', '1.5', '18446744073709551616', '', '0x1', '1&sequence_number=1']) {
    it(`refuses ${JSON.stringify(number)} as a number`, () =>
      withServer(async ({ ask }) => {
        assert.equal((await ask(`/topics/c/t?sequence_number=${number}`)).status, 400)
        assert.equal((await ask(`/topics/c/t?sequence_page=${number.replace('number', 'page')}`)).status, 400)
      }))
  }

  it('takes the highest number there can be, and says that it is none of the topic', () =>
    withServer(async ({ ask }) => {
      await ask('/topics/c/t', 'v')
      assert.equal(items(await ask('/topics/c/t?sequence_number=18446744073709551615')).length, 2)
    }))

  it('answers 404 when the cache is not there, or is deleted', () =>
    withServer(async ({ ask, server }) => {
      assert.equal((await ask('/topics/nope/t')).status, 404)
      const polled = ask('/topics/c/t')
      await waiting(server, 1)
      server.deleteCache('c')
      assert.equal((await polled).status, 404)
    }))

  it('answers 503 when the server closes', () =>
    withServer(async ({ ask, server }) => {
      const polled = ask('/topics/c/t')
      await waiting(server, 1)
      await server.close()
      assert.equal((await polled).status, 503)
    }))

  it('answers 503 when its turn comes while the server closes', () =>
    withServer(async ({ ask, clock, server }) => {
      server.faults.inject({ rpcs: ['topic-subscribe'], delayMs: 100 })
      const polled = ask('/topics/c/t')
      while (server.connections === 0) await new Promise(setImmediate)
      await ask('/topics/c/u', 'v') // the poll has arrived by then
      const closed = server.close({ graceMs: Infinity })
      await clock.advance(100)
      assert.equal((await polled).status, 503)
      await closed
    }))

  it('is forgotten when the client goes away, a thousand times', () =>
    withServer(async ({ server }) => {
      for (let i = 0; i < 10; i++) {
        const polls = Array.from({ length: 100 }, () => {
          const poll = request({ host: '127.0.0.1', port: server.port, path: '/topics/c/t', agent: false })
          poll.on('error', () => {})
          return poll.end()
        })
        await waiting(server, 100)
        for (const poll of polls) poll.destroy()
        await waiting(server, 0)
      }
      assert.equal(server.caches.get('c')?.subscribers, 0)
    }))

  it('has a limit, and one that ends makes room for one', () =>
    withServer(
      async ({ ask, server }) => {
        const polled = [ask('/topics/c/t'), ask('/topics/c/u')]
        await waiting(server, 2)
        assert.equal((await ask('/topics/c/t')).status, 429)
        await ask('/topics/c/t', 'v')
        await polled[0]
        const again = ask('/topics/c/t')
        await waiting(server, 2)
        assert.equal((await ask('/topics/c/t')).status, 429)
        await ask('/topics/c/t', 'v')
        await ask('/topics/c/u', 'v')
        await Promise.all([...polled, again])
      },
      { maxSubscriptions: 2 },
    ))
})

describe('The token of the HTTP API', () => {
  it('is in the header or in the query, and not in both', () =>
    withServer(
      async ({ ask }) => {
        const status = async (path: string, headers?: Record<string, string>): Promise<number> =>
          (await ask(path, 'v', headers)).status
        assert.equal(await status('/topics/c/t'), 401)
        assert.equal(await status('/topics/c/t', { authorization: 'wrong' }), 401)
        assert.equal(await status('/topics/c/t?token=wrong'), 401)
        assert.equal(await status('/topics/c/t', { authorization: 'key' }), 204)
        assert.equal(await status('/topics/c/t?token=key'), 204)
        assert.equal(await status('/topics/c/t?token=key', { authorization: 'key' }), 400)
        assert.equal(await status('/topics/c/t?token=key&token=key'), 400)
        assert.equal(await status('/topics/nope/t?token=wrong'), 401)
        assert.equal(await status('/topics/nope/t?token=key'), 404)
        assert.equal(await status('/topics/c/t?token=reader'), 403)
      },
      { apiKeys: ['key', { key: 'reader', permissions: [{ role: 'subscribeonly' }] }] },
    ))

  it('does not come back', () =>
    withServer(
      async ({ ask }) => {
        const answers = [
          await ask('/topics/c/t?token=guess'),
          await ask('/topics/nope/t?token=secret'),
          await ask('/x?token=secret'),
        ]
        for (const { text, headers } of answers)
          assert.doesNotMatch(text + JSON.stringify([...headers]), /secret|guess/)
      },
      { apiKeys: ['secret'] },
    ))
})

describe('Pages', () => {
  it('of this machine and those that are allowed may call, after they have asked', () =>
    withServer(
      async ({ server }) => {
        for (const origin of ['http://localhost:5173', 'https://app.com']) {
          const preflight = await fetch(`http://127.0.0.1:${server.port}/cache_client.pubsub.Pubsub/Publish`, {
            method: 'OPTIONS',
            headers: {
              origin,
              'access-control-request-method': 'POST',
              'access-control-request-headers': 'agent,x-grpc-web',
            },
          })
          assert.equal(preflight.status, 204)
          assert.equal(preflight.headers.get('access-control-allow-origin'), origin)
          assert.equal(preflight.headers.get('access-control-allow-headers'), 'agent,x-grpc-web')
          const published = await fetch(`http://127.0.0.1:${server.port}/topics/c/t`, {
            method: 'POST',
            body: 'v',
            headers: { origin },
          })
          assert.deepEqual([published.status, published.headers.get('access-control-allow-origin')], [204, origin])
        }
      },
      { origins: ['https://app.com'] },
    ))

  it('of other sites may not, and publish nothing', () =>
    withServer(async ({ ask, server }) => {
      for (const origin of ['https://evil', 'null']) {
        const answer = await ask('/topics/c/t', 'v', { origin, 'content-type': 'text/plain' })
        assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin')], [403, null])
      }
      const rebound =
        'POST /topics/c/t HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1\r\nConnection: close\r\n\r\nv'
      assert.match(await exchangeText(server.port, rebound), /^HTTP\/1\.1 403 /)
      const twice = 'GET /topics/c/t HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n'
      assert.match(await exchangeText(server.port, twice), /^HTTP\/1\.1 400 /)
      const absolute = 'GET http://evil/topics/c/t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
      assert.match(await exchangeText(server.port, absolute), /^HTTP\/1\.1 404 /)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
    }))
})
