import assert from 'node:assert/strict'
import { type ListenOptions, Server } from 'node:net'
import { afterEach, describe, it, mock } from 'node:test'
import { HttpServer, type HttpServerOptions } from '../../src/dapr/server.ts'
import type { ApiRequest, ApiResponse } from '../../src/dapr/wire.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { openSockets, RawClient, turns, turnsUntil } from './raw.ts'

const DONE: ApiResponse = { status: 204, headers: {}, body: '' }
const HEAD = 'POST /t HTTP/1.1\r\nHost: localhost\r\n'
const GOOD = `${HEAD}Content-Length: 2\r\n\r\nok`

/** Sockets of a server that nobody speaks to: IPv4 and IPv6. */
const LISTENERS = 2

/** A server, and what came through to its handler. */
class World {
  readonly handled: ApiRequest[] = []
  readonly errors: unknown[] = []
  readonly clients: RawClient[] = []
  server!: HttpServer // set by start()

  static async start(options: Partial<HttpServerOptions> = {}): Promise<World> {
    const world = new World()
    const { handle = () => DONE, ...rest } = options
    world.server = await HttpServer.start({
      port: 0,
      handle: (request) => {
        world.handled.push(request)
        return handle(request)
      },
      onError: (error) => world.errors.push(error),
      ...rest,
    })
    return world
  }

  client(host?: string): RawClient {
    const client = new RawClient(this.server.port, host)
    this.clients.push(client)
    return client
  }

  get bodies(): string[] {
    return this.handled.map(({ body }) => Buffer.from(body).toString())
  }

  /** A fresh connection is served. */
  async checkHealth(): Promise<void> {
    const count = this.handled.length
    const canary = await this.client().say(GOOD).answers(1)
    assert.deepEqual(canary.statuses, [204])
    assert.deepEqual(this.bodies.slice(count), ['ok'])
    assert.deepEqual(this.errors, [])
  }

  /** Nothing stays open. */
  async stop(): Promise<void> {
    for (const client of this.clients) client.end()
    await this.server.close()
    await turnsUntil(() => openSockets() === 0)
  }
}

let world: World

describe('HttpServer', () => {
  afterEach(() => world.stop())

  it('hands on what came and answers what it is told', async () => {
    world = await World.start({
      handle: ({ target }) => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: `hällo ${target}` }),
    })
    const response = await fetch(`${world.server.url}/v1.0/publish/p/a%2Fb?metadata.x=1`, {
      method: 'POST',
      headers: { 'X-One': 'a', traceparent: '00' },
      body: 'häuser',
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/plain')
    assert.equal(await response.text(), 'hällo /v1.0/publish/p/a%2Fb?metadata.x=1')
    const [request] = world.handled
    assert.equal(request?.method, 'POST')
    assert.equal(request?.header('x-one'), 'a')
    assert.equal(request?.header('x-two'), undefined)
    assert.equal(request?.isTooLarge, false)
    assert.deepEqual(world.bodies, ['häuser'])
  })

  it('gives the first of several values of a header', async () => {
    world = await World.start()
    await world.client().say(`${HEAD}X: a\r\nx: b\r\nContent-Length: 0\r\n\r\n`).answers(1)
    assert.equal(world.handled[0]?.header('x'), 'a')
  })

  it('answers bytes and nothing', async () => {
    world = await World.start({
      handle: ({ target }) => ({ ...DONE, status: 200, body: new Uint8Array(+target.slice(1)) }),
    })
    for (const size of [0, 3]) {
      const response = await fetch(`${world.server.url}/${size}`)
      assert.equal(response.headers.get('content-length'), `${size}`)
      assert.equal((await response.arrayBuffer()).byteLength, size)
    }
  })

  it('is there for localhost, whichever address that is', async () => {
    world = await World.start()
    assert.equal(world.server.url, `http://127.0.0.1:${world.server.port}`)
    for (const host of ['127.0.0.1', '::1']) {
      const client = await world.client(host).say(GOOD).answers(1)
      assert.deepEqual(client.statuses, [204])
    }
  })

  it('answers requests of one connection in their order', async () => {
    const releases: (() => void)[] = []
    world = await World.start({
      handle: ({ target }) =>
        new Promise((resolve) => releases.push(() => resolve({ ...DONE, status: 200, body: target }))),
    })
    const client = world.client()
    for (const target of ['/1', '/2', '/3']) client.say(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await turnsUntil(() => releases.length === 3)
    for (const release of releases.reverse()) release()
    await client.until(() => client.text.endsWith('/3'))
    assert.match(client.text, /\r\n\/1HTTP[^]*\r\n\/2HTTP[^]*\r\n\/3$/)
  })

  it('forgets what it has answered while the connection stays open', async () => {
    const heads: WeakRef<object>[] = []
    world = await World.start({
      handle: (request) => {
        const head: unknown = Reflect.get(request, 'rawHeaders') // shared with the request of node:http
        assert.ok(typeof head === 'object' && head !== null)
        heads.push(new WeakRef(head))
        return DONE
      },
    })
    const client = world.client()
    for (let count = 1; count <= 20; count++) await client.say(GOOD).answers(count)
    world.handled.splice(0)
    await turns(2)
    assert.ok(globalThis.gc, 'needs --expose-gc')
    globalThis.gc()
    const kept = heads.filter((head) => head.deref() !== undefined)
    assert.ok(kept.length <= 2, `${kept.length} of 20 are kept`) // node:http itself keeps the last one
  })

  describe('with bad input', () => {
    const refused: readonly (readonly [what: string, text: string, statuses: readonly number[]])[] = [
      ['a body that is shorter than announced', `${HEAD}Content-Length: 3\r\n\r\nab`, [400]],
      ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\nab`, [400]],
      ['the same length twice', `${HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`, [400]],
      ['a negative length', `${HEAD}Content-Length: -4\r\n\r\nab`, [400]],
      ['a length with a sign', `${HEAD}Content-Length: +2\r\n\r\nab`, [400]],
      ['a hexadecimal length', `${HEAD}Content-Length: 0x2\r\n\r\nab`, [400]],
      ['a length of 2^64', `${HEAD}Content-Length: 18446744073709551616\r\n\r\nab`, [400]],
      ['a length of chunks', `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
      ['an unknown transfer encoding', `${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, [400]],
      ['chunks of chunks', `${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, [400]],
      ['compressed chunks', `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, [400]],
      ['a space after a name', `${HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, [400]],
      ['a chunk of no size', `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, [400]],
      ['a chunk with a long story', `${HEAD}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\n`, [400]],
      ['bare line feeds', 'POST /t HTTP/1.1\nHost: localhost\n\n', [400]],
      ['a folded header', `${HEAD}X: a\r\n b\r\n\r\n`, [400]],
      ['a NUL in a header', `${HEAD}X: a\0b\r\n\r\n`, [400]],
      ['a space in a path', 'POST /a b HTTP/1.1\r\nHost: localhost\r\n\r\n', [400]],
      ['a raw byte in a path', 'POST /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n', [400]],
      ['TLS', '\x16\x03\x01\x02\0\x01\0\x01', [400]],
      ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
      ['HTTP/2.0 in the words of HTTP/1', 'GET / HTTP/2.0\r\nHost: localhost\r\n\r\n', [505]],
      ['HTTP/1.0 without a host', 'GET / HTTP/1.0\r\n\r\n', [400]],
      ['HTTP/1.1 without a host', 'GET / HTTP/1.1\r\n\r\n', [400]],
      ['two hosts', 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n', [400]],
      ['another host', 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n', [403]],
      ['a target at another host', 'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n', [400]],
      ['17 KB in a header', `${HEAD}X: ${'a'.repeat(17_000)}\r\n\r\n`, [431]],
      ['17 KB in a path', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, [431]],
      ['2100 headers', `${HEAD}${'a: b\r\n'.repeat(2100)}\r\n`, [431]],
      ['a compressed body', `${HEAD}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab`, [415]],
      ['another expectation', `${HEAD}Expect: tea\r\n\r\n`, [417]],
      ['a method in lower case', 'post / HTTP/1.1\r\nHost: localhost\r\n\r\n', [400]],
      ['an unknown method', 'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n', [400]],
      ['CONNECT', 'CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', []],
      ['two origins', 'GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: null\r\n\r\n', [403]],
    ]
    for (const [what, text, statuses] of refused) {
      it(`answers ${statuses.join() || 'nothing'} to ${what}, and closes the connection`, async () => {
        world = await World.start()
        const client = world.client().say(text)
        client.socket.end()
        await client.closed()
        assert.deepEqual(client.statuses, statuses)
        assert.equal(world.handled.length, 0)
        if (statuses.length > 0)
          assert.match(client.text, /content-type: application\/json[^]*\{"errorCode":"ERR_\w+","message":"[^"\\]/i)
        await world.checkHealth()
      })
    }

    it('answers 401 without a token, even on paths that there are not', async () => {
      world = await World.start({ token: ['old', 'new'] })
      for (const [headers, status] of [
        ['', 401],
        ['dapr-api-token: sesame\r\n', 401],
        ['dapr-api-token: old\r\ndapr-api-token: old\r\n', 401],
        ['dapr-api-token: old\r\n', 204],
        ['Dapr-Api-Token: new\r\n', 204],
      ] as const) {
        const client = await world.client().say(`${HEAD}${headers}Content-Length: 0\r\n\r\n`).answers(1)
        assert.deepEqual(client.statuses, [status])
      }
    })

    it('takes what comes after a body for the next request', async () => {
      world = await World.start()
      const client = await world.client().say(`${HEAD}Content-Length: 2\r\n\r\nabcdef`).closed()
      assert.deepEqual(client.statuses, [204, 400])
      assert.deepEqual(world.bodies, ['ab'])
      await world.checkHealth()
    })

    it('takes the body of a GET, an upgrade that it does not know, and targets in absolute form', async () => {
      world = await World.start()
      const client = world.client()
      client.say('GET /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab')
      client.say('OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n')
      client.say('GET http://localhost/a/b?c HTTP/1.1\r\nHost: localhost\r\n\r\n')
      client.say('GET /t HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      await client.answers(4)
      assert.deepEqual(client.statuses, [204, 204, 204, 204])
      assert.deepEqual(
        world.handled.map(({ target }) => target),
        ['/t', '*', '/a/b?c', '/t'],
      )
      await world.checkHealth()
    })
  })

  describe('with slow clients', () => {
    const timeouts = { headersTimeoutMs: 50, requestTimeoutMs: 100, checkIntervalMs: 10, idleTimeoutMs: 200 }

    for (const [what, text] of [
      ['nothing', ''],
      ['half a head', 'POST /t HT'],
      ['half a body', `${HEAD}Content-Length: 5\r\n\r\nab`],
    ] as const) {
      it(`answers 408 to a client that says ${what}`, async () => {
        world = await World.start(timeouts)
        const client = await world.client().say(text).closed()
        assert.deepEqual(client.statuses, [408])
        assert.equal(world.handled.length, 0)
        await world.checkHealth()
      })
    }

    it('answers 408 to a client that says it byte by byte', async () => {
      world = await World.start(timeouts)
      const client = world.client().say(`${HEAD}Content-Length: 1000000\r\n\r\n`)
      await turnsUntil(() => client.say('a').isClosed)
      assert.deepEqual(client.statuses, [408])
      assert.equal(world.handled.length, 0)
      await world.checkHealth()
    })

    it('closes connections that lie idle', async () => {
      world = await World.start(timeouts)
      const client = await world.client().say(GOOD).closed()
      assert.deepEqual(client.statuses, [204])
      await world.checkHealth()
    })

    it('lets a client wait for its answer as long as it takes', async () => {
      let release = (_: ApiResponse): void => {}
      const handle = (): Promise<ApiResponse> => new Promise((resolve) => (release = resolve))
      world = await World.start({ idleTimeoutMs: 20, handle })
      const waiting = world.client().say(GOOD)
      await turnsUntil(() => world.handled.length === 1)
      for (let i = 0; i < 3; i++) await world.client().closed() // each as long as an idle connection may live
      release(DONE)
      await waiting.answers(1)
      assert.deepEqual(waiting.statuses, [204])
    })

    it('closes the connection of a client that never reads its answers', async () => {
      const body = 'x'.repeat(1_000_000)
      world = await World.start({ ...timeouts, handle: () => ({ ...DONE, status: 200, body }) })
      const client = world.client()
      client.socket.pause()
      client.say('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100))
      await turnsUntil(() => world.handled.length > 0)
      await turnsUntil(() => openSockets() === LISTENERS + 1)
      assert.equal(client.isClosed, false) // it does not listen
    })
  })

  describe('with clients that leave', () => {
    it('does not wait for one to close that was refused', async () => {
      world = await World.start()
      const client = world.client()
      client.socket.removeAllListeners('end')
      await client.say('nonsense\r\n').answers(1)
      await turnsUntil(() => openSockets() === LISTENERS + 1)
      assert.equal(client.isClosed, false)
    })

    it('forgets a request that was broken off', async () => {
      world = await World.start()
      const client = world.client().say(`${HEAD}Content-Length: 5\r\n\r\nab`)
      await turnsUntil(() => client.socket.bytesWritten > 0 && client.socket.writableLength === 0)
      client.socket.resetAndDestroy()
      await client.closed()
      await world.checkHealth()
      assert.deepEqual(world.bodies, ['ok'])
    })

    it('handles a request whose client did not wait for the answer', async () => {
      let release = (_: ApiResponse): void => {}
      world = await World.start({ handle: () => new Promise((resolve) => (release = resolve)) })
      const client = world.client().say(GOOD)
      await turnsUntil(() => world.handled.length === 1)
      client.socket.resetAndDestroy()
      await turnsUntil(() => openSockets() === LISTENERS)
      release(DONE)
      const next = world.client().say(GOOD)
      await turnsUntil(() => world.handled.length === 2)
      release(DONE)
      await next.answers(1)
      assert.deepEqual(next.statuses, [204])
      assert.deepEqual(world.errors, [])
    })
  })

  it('tells what handles a request when its client has gone, not when it is answered', async () => {
    const told: string[] = []
    const releases: (() => void)[] = []
    world = await World.start({
      handle: ({ target, signal }) => {
        const tell = (): void => void told.push(`${target} ${signal?.reason}`)
        signal?.addEventListener('abort', { handleEvent: tell })
        return new Promise((resolve) => releases.push(() => resolve(DONE)))
      },
    })
    const [answered, gone] = ['/answered', '/gone'].map((target) => world.client().say(GOOD.replace('/t', target))) as [
      RawClient,
      RawClient,
    ]
    await turnsUntil(() => releases.length === 2)
    releases[0]?.()
    releases[1]?.()
    await answered.answers(1)
    await gone.answers(1)
    gone.say(GOOD.replace('/t', '/gone'))
    await turnsUntil(() => releases.length === 3)
    for (const client of [answered, gone]) client.socket.resetAndDestroy()
    await turnsUntil(() => openSockets() === LISTENERS)
    assert.deepEqual(told, ['/gone Error: The client has gone'])
    releases[2]?.()
    assert.deepEqual(world.errors, [])
  })

  describe('with large bodies', () => {
    const handle = ({ isTooLarge }: ApiRequest): ApiResponse => ({ ...DONE, status: isTooLarge ? 500 : 204 })
    const chunked = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

    for (const [what, text, status] of [
      ['a body of exactly the limit', `${HEAD}Content-Length: 10\r\n\r\n0123456789`, 204],
      ['a longer one', `${HEAD}Content-Length: 11\r\n\r\n0123456789a`, 500],
      ['chunks of exactly the limit', `${chunked}5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n`, 204],
      ['longer chunks', `${chunked}5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n`, 500],
    ] as const) {
      it(`has ${what} answered with ${status}`, async () => {
        world = await World.start({ handle, maxBodySize: 10 })
        const client = await world.client().say(text).answers(1)
        assert.deepEqual(client.statuses, [status])
        assert.deepEqual(world.bodies, [status === 204 ? '0123456789' : ''])
        await world.checkHealth()
      })
    }

    it('answers before the body has come, and reads on for a while so that the client can hear it', async () => {
      world = await World.start({ handle, maxBodySize: 10 })
      const client = world.client().say(`${HEAD}Content-Length: 300000\r\n\r\n`)
      await client.answers(1)
      assert.deepEqual(client.statuses, [500])
      assert.match(client.text, /connection: close/i)
      assert.equal(client.isClosed, false)
      await client.say('x'.repeat(300_000)).closed()
      await world.checkHealth()
    })

    it('closes the connection of a client that does not stop', async () => {
      world = await World.start({ handle, maxBodySize: 10 })
      const client = world.client().say(chunked)
      await turnsUntil(() => client.say(`2710\r\n${'x'.repeat(10_000)}\r\n`).isClosed)
      assert.ok(client.socket.bytesWritten > 256 * 1024)
      assert.equal(world.handled.length, 1)
      await world.checkHealth()
    })

    it('does not ask for a body that is too large', async () => {
      world = await World.start({ handle, maxBodySize: 10 })
      const client = await world.client().say(`${HEAD}Expect: 100-continue\r\nContent-Length: 11\r\n\r\n`).closed()
      assert.deepEqual(client.statuses, [500])
      await world.checkHealth()
    })

    it('asks for one that is not', async () => {
      world = await World.start({ handle, maxBodySize: 10 })
      const client = world.client().say(`${HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`)
      await client.answers(1)
      assert.deepEqual(client.statuses, [100])
      await client.say('ok').answers(2)
      assert.deepEqual(client.statuses, [100, 204])
      await world.checkHealth()
    })

    it('hears a client out that was asked for a body and sends too much', async () => {
      world = await World.start({ handle, maxBodySize: 10 })
      const client = world.client().say(`${chunked.slice(0, -2)}Expect: 100-continue\r\n\r\n`)
      await client.answers(1)
      await client.say('b\r\n0123456789a\r\n').answers(2)
      assert.deepEqual(client.statuses, [100, 500])
      await turns(100)
      assert.equal(client.isClosed, false)
      await client.say('0\r\n\r\n').closed()
    })

    for (const maxBodySize of [0, -1]) {
      it(`has no limit with ${maxBodySize}`, async () => {
        world = await World.start({ handle, maxBodySize })
        const size = 5_000_000
        const client = world.client().say(`${HEAD}Content-Length: ${size}\r\n\r\n${'x'.repeat(size)}`)
        await client.answers(1)
        assert.deepEqual(client.statuses, [204])
        assert.equal(world.handled[0]?.body.length, size)
      })
    }

    it('answers 503 when all bodies together are too much, until there is room again', async () => {
      world = await World.start({ maxBodiesSize: 100 })
      const body = 'x'.repeat(60)
      const first = world.client().say(`${HEAD}Content-Length: 61\r\n\r\n${body}`)
      await turnsUntil(() => first.socket.bytesWritten > 100 && first.socket.writableLength === 0)
      const second = world.client().say(`${HEAD}Content-Length: 60\r\n\r\n${body}`)
      await second.closed()
      assert.deepEqual(second.statuses, [503])
      assert.match(second.text, /retry-after: 1/)
      await first.say('y').answers(1)
      assert.deepEqual(first.statuses, [204])
      const third = await world.client().say(`${HEAD}Content-Length: 60\r\n\r\n${body}`).answers(1)
      assert.deepEqual(third.statuses, [204])
      await world.checkHealth()
    })

    it('counts a body until it is answered', async () => {
      const releases: ((answer: ApiResponse) => void)[] = []
      world = await World.start({
        maxBodiesSize: 3,
        handle: () => new Promise((resolve) => releases.push(resolve)),
      })
      const first = world.client().say(GOOD)
      await turnsUntil(() => releases.length === 1)
      const second = await world.client().say(GOOD).closed()
      assert.deepEqual(second.statuses, [503])
      releases[0]?.(DONE)
      await first.answers(1)
      world.client().say(GOOD)
      await turnsUntil(() => releases.length === 2)
      releases[1]?.(DONE)
    })
  })

  describe('with a handler that fails', () => {
    for (const [how, handle] of [
      [
        'throws',
        () => {
          throw new Error('secret path /etc')
        },
      ],
      ['rejects', () => Promise.reject(new Error('secret path /etc'))],
      ['answers with a header that cannot be sent', () => ({ ...DONE, headers: { good: 'a', bad: 'a\r\nb' } })],
      ['answers later with a status that there is not', async () => ({ ...DONE, status: 42 })],
    ] as const) {
      it(`answers 500 without details when it ${how}`, async () => {
        world = await World.start({ handle })
        const client = await world.client().say(GOOD).answers(1)
        assert.deepEqual(client.statuses, [500])
        assert.match(client.text, /\{"errorCode":"ERR_INTERNAL","message":"Something went wrong in the sidecar"\}$/)
        assert.equal(client.text.includes('good'), false)
        assert.equal(world.errors.length, 1)
        assert.deepEqual((await client.say(GOOD).answers(2)).statuses, [500, 500])
      })
    }
  })

  describe('start', () => {
    it('says when the port is taken, and leaves nothing open', async () => {
      world = await World.start({ host: '::1' })
      const { port } = world.server
      const options = { port, handle: () => DONE, onError: () => {} }
      await assert.rejects(HttpServer.start(options), { code: 'EADDRINUSE' })
      const other = await HttpServer.start({ ...options, host: '127.0.0.1' })
      assert.equal(other.port, port)
      await other.close()
    })

    for (const host of ['0.0.0.0', '::', 'example.com', '10.0.0.1']) {
      it(`needs a token for listening on ${host}`, async () => {
        world = await World.start()
        await assert.rejects(World.start({ host }), { code: 'ERR_OPTION_INVALID', option: 'host' })
        await assert.rejects(World.start({ host: ['127.0.0.1', host] }), { code: 'ERR_OPTION_INVALID' })
      })
    }

    for (const host of [[], '', ['127.0.0.1', '']]) {
      it(`refuses to listen at ${JSON.stringify(host)}`, async () => {
        world = await World.start()
        await assert.rejects(World.start({ host, token: 'secret' }), { code: 'ERR_OPTION_INVALID', option: 'host' })
      })
    }

    it('refuses an empty token', async () => {
      world = await World.start()
      await assert.rejects(World.start({ token: '' }), { code: 'ERR_OPTION_INVALID', option: 'token' })
    })

    it('listens everywhere with a token, and then by any name', async () => {
      world = await World.start({ host: '0.0.0.0', token: 'secret' })
      assert.equal(world.server.url, `http://127.0.0.1:${world.server.port}`)
      const text = 'GET / HTTP/1.1\r\nHost: sidecar:3500\r\ndapr-api-token: secret\r\n\r\n'
      assert.deepEqual((await world.client().say(text).answers(1)).statuses, [204])
    })

    it('takes further names', async () => {
      world = await World.start({ allowedHosts: ['Sidecar.test'] })
      const client = world.client().say('GET / HTTP/1.1\r\nHost: sidecar.test:3500\r\n\r\n')
      assert.deepEqual((await client.answers(1)).statuses, [204])
    })
  })

  it('reports connections that the system would not let in, and goes on', async () => {
    const listeners: Server[] = []
    const { listen } = Server.prototype
    mock.method(Server.prototype, 'listen', function (this: Server, address: ListenOptions, callback: () => void) {
      listeners.push(this)
      return listen.call(this, address, callback)
    })
    world = await World.start()
    mock.restoreAll()
    const error = new Error('EMFILE')
    listeners[0]?.emit('error', error)
    assert.deepEqual(world.errors.splice(0), [error])
    await world.checkHealth()
  })

  describe('with more requests than there may be', () => {
    for (const [what, ask] of [
      ['on one connection', () => world.client().say(GOOD.repeat(3))],
      ['on many connections', () => [1, 2, 3].map(() => world.client().say(GOOD)).at(-1)],
    ] as const) {
      it(`answers 503 to those beyond, ${what}, and goes on when there is room`, async () => {
        const releases: ((answer: ApiResponse) => void)[] = []
        world = await World.start({ maxRequests: 2, handle: () => new Promise((resolve) => releases.push(resolve)) })
        const last = ask()
        await turnsUntil(() => releases.length === 2)
        if (what === 'on many connections') await last?.answers(1)
        for (const release of releases.splice(0)) release(DONE)
        assert.equal((await last?.closed())?.statuses.at(-1), 503)
        assert.match(last?.text ?? '', /"errorCode":"ERR_BUSY"/)
        const next = world.client().say(GOOD)
        await turnsUntil(() => releases.length === 1)
        releases[0]?.(DONE)
        assert.deepEqual((await next.answers(1)).statuses, [204])
        assert.equal(world.handled.length, 3)
      })
    }

    it('counts those whose clients have gone, until they are handled', async () => {
      const releases: ((answer: ApiResponse) => void)[] = []
      world = await World.start({
        maxRequests: 1,
        maxBodiesSize: 3,
        handle: () => new Promise((resolve) => releases.push(resolve)),
      })
      const gone = world.client().say(GOOD)
      await turnsUntil(() => releases.length === 1)
      gone.socket.resetAndDestroy()
      await turnsUntil(() => openSockets() === LISTENERS)
      assert.deepEqual((await world.client().say(GOOD).closed()).statuses, [503])
      releases[0]?.(DONE)
      await turns(1)
      const next = world.client().say(GOOD)
      await turnsUntil(() => releases.length === 2)
      releases[1]?.(DONE)
      assert.deepEqual((await next.answers(1)).statuses, [204])
    })

    for (const [what, isAnswered] of [
      ['for their handlers', false],
      ['for the answer before theirs', true],
    ] as const) {
      it(`forgets the requests of a client that went while they waited ${what}`, async () => {
        const releases: ((answer: ApiResponse) => void)[] = []
        let isHeld = true
        world = await World.start({
          maxRequests: 4,
          maxBodiesSize: 8,
          handle: () => (isHeld ? new Promise((resolve) => releases.push(resolve)) : DONE),
        })
        const gone = world.client().say(GOOD)
        await turnsUntil(() => releases.length === 1)
        isHeld = !isAnswered
        gone.say(GOOD.repeat(3))
        await turnsUntil(() => world.handled.length === 4)
        await turns(2)
        gone.socket.resetAndDestroy()
        await turnsUntil(() => openSockets() === LISTENERS)
        for (const release of releases) release(DONE)
        await turns(1)
        isHeld = false
        const next = await world.client().say(GOOD.repeat(4)).answers(4)
        assert.deepEqual(next.statuses, [204, 204, 204, 204])
      })
    }
  })

  it('drops connections beyond the limit and goes on serving the others', async () => {
    world = await World.start({ maxConnections: 2 })
    const served = [world.client(), world.client()]
    for (const client of served) await client.say(GOOD).answers(1)
    const dropped = await world.client().closed()
    assert.deepEqual(dropped.statuses, [])
    assert.equal(world.server.droppedCount, 1)
    for (const client of served) assert.deepEqual((await client.say(GOOD).answers(2)).statuses, [204, 204])
  })

  describe('close', () => {
    it('answers what has begun, and closes what lies idle', async () => {
      const releases: ((answer: ApiResponse) => void)[] = []
      const handle = (): Promise<ApiResponse> => new Promise((resolve) => releases.push(resolve))
      world = await World.start({ handle, clock: new ManualClock() }) // no grace time ever ends
      const silent = world.client()
      const [busy, uploading] = [world.client().say(GOOD), world.client().say(`${HEAD}Content-Length: 2\r\n\r\no`)]
      const idle = world.client().say(GOOD)
      await turnsUntil(() => releases.length === 2)
      releases.pop()?.(DONE)
      await idle.answers(1)
      const closed = world.server.close()
      assert.equal(world.server.close(), closed)
      await idle.closed()
      await assert.rejects(fetch(world.server.url))
      uploading.say('k')
      await turnsUntil(() => releases.length === 2)
      for (const release of releases) release(DONE)
      await closed
      for (const client of [busy, uploading]) {
        await client.closed()
        assert.deepEqual(client.statuses, [204])
        assert.match(client.text, /connection: close/i)
      }
      assert.deepEqual((await silent.closed()).statuses, [])
    })

    for (const graceMs of [0, Infinity]) {
      it(`sends answers that are known before it closes, with a grace time of ${graceMs} ms`, async () => {
        let closed: Promise<void> | undefined
        const close = (): void => void (closed ??= world.server.close(graceMs))
        const handle = (): ApiResponse => {
          queueMicrotask(close)
          return DONE
        }
        world = await World.start({ handle, clock: new ManualClock() })
        const client = await world.client().say(GOOD).closed()
        assert.deepEqual(client.statuses, [204])
        await closed
      })
    }

    it('waits for nobody who has asked nothing', async () => {
      world = await World.start({ clock: new ManualClock() })
      const silent = world.client()
      await turnsUntil(() => openSockets() === LISTENERS + 2)
      await world.server.close()
      assert.deepEqual((await silent.closed()).statuses, [])
    })

    it('leaves no timer behind', async () => {
      const countTimers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
      const before = countTimers()
      world = await World.start()
      await world.client().say(GOOD).answers(1)
      await world.stop()
      assert.equal(countTimers(), before)
    })

    it('cuts off what is left when the grace time is over', async () => {
      const clock = new ManualClock()
      world = await World.start({ clock, handle: () => new Promise(() => {}) })
      const busy = world.client().say(GOOD)
      const uploading = world.client().say(`${HEAD}Content-Length: 2\r\n\r\no`)
      await turnsUntil(() => world.handled.length === 1)
      let isClosed = false
      const closed = world.server.close(1000).then(() => (isClosed = true))
      await clock.advance(999)
      assert.equal(isClosed, false)
      await clock.advance(1)
      await closed
      assert.deepEqual((await busy.closed()).statuses, [])
      await uploading.closed()
    })
  })

  describe('at two addresses', () => {
    afterEach(() => mock.restoreAll())

    /** Has the system refuse to listen on ::1 some times. */
    function refuseIPv6(code: string, times: number): number[] {
      const ports: number[] = []
      const { listen } = Server.prototype
      mock.method(Server.prototype, 'listen', function (this: Server, address: ListenOptions, callback: () => void) {
        if (address.host !== '::1') return listen.call(this, address, callback)
        ports.push(address.port ?? 0)
        if (ports.length > times) return listen.call(this, address, callback)
        process.nextTick(() => this.emit('error', Object.assign(new Error(code), { code })))
        return this
      })
      return ports
    }

    it('looks for another free port when the first one is taken at the second address', async () => {
      const ports = refuseIPv6('EADDRINUSE', 2)
      world = await World.start()
      assert.equal(ports.length, 3)
      assert.equal(ports.at(-1), world.server.port)
      for (const host of ['127.0.0.1', '::1']) {
        assert.deepEqual((await world.client(host).say(GOOD).answers(1)).statuses, [204])
      }
    })

    it('gives up when there is none', async () => {
      world = await World.start()
      refuseIPv6('EADDRINUSE', Infinity)
      await assert.rejects(World.start(), { code: 'EADDRINUSE' })
      await turnsUntil(() => openSockets() === LISTENERS)
    })

    it('does without IPv6 where there is none, unless it was asked for', async () => {
      refuseIPv6('EADDRNOTAVAIL', Infinity)
      world = await World.start()
      assert.deepEqual((await world.client().say(GOOD).answers(1)).statuses, [204])
      await assert.rejects(World.start({ host: ['127.0.0.1', '::1'] }), { code: 'EADDRNOTAVAIL' })
    })
  })
})
