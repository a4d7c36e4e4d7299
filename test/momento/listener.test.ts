import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { Exchange } from '../../src/momento/exchange.ts'
import { Listener, type ListenerOptions } from '../../src/momento/listener.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { exchangeText, socketTo, WireClient } from './wire.ts'

interface Rig {
  readonly listener: Listener
  readonly clock: ManualClock
  /** The exchanges that came in and were not refused. */
  readonly exchanges: Exchange[]
}

/** Answers when the request is there as a whole. */
function answer(exchange: Exchange): void {
  exchange.input.on('end', () => reply(exchange)).resume()
}

const reply = (exchange: Exchange): void => exchange.reply(200, { 'content-type': 'text/plain' }, exchange.target)

async function withListener(test: (rig: Rig) => Promise<void>, options: Partial<ListenerOptions> = {}): Promise<void> {
  const clock = new ManualClock()
  const exchanges: Exchange[] = []
  const handle = (exchange: Exchange): void => {
    exchanges.push(exchange)
    options.handle?.(exchange)
    if (options.handle === undefined) answer(exchange)
  }
  const listener = await Listener.start({
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    clock,
    maxBodyBytes: 100,
    headersMs: 10_000,
    keepAliveMs: 20_000,
    isBlocked: () => false,
    onError: (error) => assert.ifError(error),
    ...options,
    handle,
  })
  try {
    await test({ listener, clock, exchanges })
  } finally {
    await listener.close(0)
  }
  assert.equal(listener.connections, 0)
}

/** Resolves when a socket has closed; what comes in goes nowhere. */
async function closing(socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const SETTINGS = '\0\0\0\x04\0\0\0\0\0'

describe('A Listener', () => {
  it('takes HTTP/1.1 and HTTP/2 on one port', () =>
    withListener(async ({ listener, exchanges }) => {
      const response = await fetch(`http://127.0.0.1:${listener.port}/one`)
      assert.equal(await response.text(), '/one')
      const client = new WireClient(listener.port)
      assert.equal((await client.raw('/two', Buffer.alloc(0)).ended).httpStatus, 200)
      client.close()
      assert.deepEqual(
        exchanges.map(({ isHttp2, target }) => [isHttp2, target]),
        [
          [false, '/one'],
          [true, '/two'],
        ],
      )
    }))

  it('takes its time to find out which one it is', () =>
    withListener(async ({ listener }) => {
      const socket = await socketTo(listener.port)
      socket.setNoDelay(true)
      for (const byte of PREFACE + SETTINGS) await new Promise((resolve) => socket.write(byte, 'latin1', resolve))
      const [first] = (await once(socket, 'data')) as [Buffer]
      assert.equal(first[3], 4, 'the server has sent its settings')
      socket.destroy()
      const lines = await exchangeText(
        listener.port,
        'P',
        'R',
        'OPFIND / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      )
      assert.match(lines, /^HTTP\/1\.1 200 /)
    }))

  for (const [what, beginning] of [
    ['nothing', ''],
    ['half of a preface', PREFACE.slice(0, 10)],
  ] as const) {
    it(`gives up a client that says ${what}`, () =>
      withListener(async ({ clock, listener }) => {
        const socket = await socketTo(listener.port)
        if (beginning !== '') socket.write(beginning)
        await fetch(`http://127.0.0.1:${listener.port}/`) // it has arrived by then
        await clock.advance(9_999)
        assert.equal(socket.closed, false)
        await clock.advance(1)
        await closing(socket)
      }))

    it(`gives up a client that says ${what} and hangs up`, () =>
      withListener(async ({ listener }) => {
        const socket = await socketTo(listener.port)
        socket.end(beginning)
        await closing(socket)
      }))
  }

  it('gives up a client that drips its headers', () =>
    withListener(
      async ({ listener, exchanges }) => {
        assert.match(await exchangeText(listener.port, 'GET / HTTP/1.1\r\n', 'Host: loc'), /^HTTP\/1\.1 408 /)
        assert.equal(exchanges.length, 0)
      },
      { headersMs: 50 },
    ))

  const host = 'Host: localhost\r\n'
  for (const [what, status, lines] of [
    ['a body that ends too early', 400, `POST / HTTP/1.1\r\n${host}Content-Length: 9\r\n\r\nabc`],
    ['two lengths', 400, `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`],
    ['the same length twice', 400, `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    ['a negative length', 400, `POST / HTTP/1.1\r\n${host}Content-Length: -4\r\n\r\n`],
    ['a hexadecimal length', 400, `POST / HTTP/1.1\r\n${host}Content-Length: 0x4\r\n\r\n`],
    ['a length of 2^64', 400, `POST / HTTP/1.1\r\n${host}Content-Length: 18446744073709551616\r\n\r\n`],
    [
      'a length and chunks',
      400,
      `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['another coding than chunks', 501, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['an unknown coding', 501, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk size that is none', 400, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    [
      '20 KB of chunk extension',
      413,
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`,
    ],
    ['bare line feeds', 400, 'GET / HTTP/1.1\nHost: localhost\n\n'],
    ['a folded header', 400, `GET / HTTP/1.1\r\n${host}A: b\r\n c\r\n\r\n`],
    ['a NUL in a header', 400, `GET / HTTP/1.1\r\n${host}A: b\0c\r\n\r\n`],
    ['a space in its path', 400, `GET /a b HTTP/1.1\r\n${host}\r\n`],
    ['no host', 400, 'GET / HTTP/1.1\r\n\r\n'],
    ['a version that it does not speak', 505, `GET / HTTP/2.0\r\n${host}\r\n`],
    ['17 KB of headers', 431, `GET / HTTP/1.1\r\n${host}A: ${'x'.repeat(17_000)}\r\n\r\n`],
    ['17 KB of path', 431, `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${host}\r\n`],
    ['2 100 headers', 431, `GET / HTTP/1.1\r\n${host}${'a:b\r\n'.repeat(2100)}\r\n`],
    ['101 headers', 431, `GET / HTTP/1.1\r\n${host}${'a:b\r\n'.repeat(100)}\r\n`],
    ['an expectation that is none', 417, `GET / HTTP/1.1\r\n${host}Expect: tea\r\nConnection: close\r\n\r\n`],
    ['a method in lower case', 400, `get / HTTP/1.1\r\n${host}\r\n`],
    ['garbage', 400, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ] as const) {
    it(`answers ${status} to ${what}`, () =>
      withListener(async ({ listener }) => {
        const socket = await socketTo(listener.port)
        const received: Buffer[] = []
        socket.on('data', (chunk) => received.push(chunk))
        socket.end(lines, 'latin1')
        await closing(socket)
        assert.match(Buffer.concat(received).toString('latin1'), new RegExp(`^HTTP/1\\.1 ${status} `))
      }))
  }

  it('closes on who wants a tunnel', () =>
    withListener(async ({ listener, exchanges }) => {
      assert.equal(await exchangeText(listener.port, `CONNECT evil:80 HTTP/1.1\r\n${host}\r\n`), '')
      assert.equal(exchanges.length, 0)
    }))

  it('answers who wants an upgrade as if it did not', () =>
    withListener(async ({ listener }) => {
      const upgrade = `GET /x HTTP/1.1\r\n${host}Connection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`
      assert.match(await exchangeText(listener.port, upgrade), /^HTTP\/1\.1 200 [^]*\/x$/)
    }))

  it('answers requests in one go in their order', () =>
    withListener(async ({ listener }) => {
      const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\n${host}${more}\r\n`
      const answers = await exchangeText(listener.port, get('/1') + get('/2') + get('/3', 'Connection: close\r\n'))
      assert.deepEqual(answers.match(/\/\d$|\/\d(?=HTTP)/g), ['/1', '/2', '/3'])
    }))

  it('lets a client go on that asks first, unless it has too much', () =>
    withListener(
      async ({ listener }) => {
        const post = (length: number): string =>
          `POST / HTTP/1.1\r\n${host}Content-Length: ${length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`
        assert.match(
          await exchangeText(listener.port, post(3), 'abc'),
          /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /,
        )
        assert.match(await exchangeText(listener.port, post(101)), /^HTTP\/1\.1 413 /)
      },
      {
        handle: (exchange) =>
          exchange.headers['content-length'] === '101' ? exchange.reply(413, {}) : answer(exchange),
      },
    ))

  it('takes 1 024 connections and no more', () =>
    withListener(async ({ listener }) => {
      const sockets = await Promise.all(Array.from({ length: 1024 }, () => socketTo(listener.port)))
      while (listener.connections < 1024) await new Promise(setImmediate)
      await closing(await socketTo(listener.port))
      const [first] = sockets
      first?.end(`GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
      assert.match(String((await once(first as Socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
      for (const socket of sockets) socket.destroy()
    }))

  it('cuts a client off that does not answer its pings, and no other', () =>
    withListener(async ({ clock, listener }) => {
      const dead = await socketTo(listener.port)
      dead.write(PREFACE + SETTINGS, 'latin1')
      const alive = new WireClient(listener.port)
      await alive.raw('/', Buffer.alloc(0)).ended
      let pings = 0
      alive.session.on('ping', () => pings++)
      await clock.advance(20_000)
      while (pings < 1) await new Promise(setImmediate)
      assert.equal(dead.closed, false)
      // A further answer of the living one says that the server has its pong.
      await alive.raw('/', Buffer.alloc(0)).ended
      await clock.advance(20_000)
      await closing(dead)
      assert.equal((await alive.raw('/', Buffer.alloc(0)).ended).httpStatus, 200)
      alive.close()
    }))

  it('cuts off whoever comes while it is blocked', () => {
    let isBlocked = true
    return withListener(
      async ({ listener, exchanges }) => {
        await closing(await socketTo(listener.port))
        assert.deepEqual([exchanges.length, listener.connections], [0, 0])
        isBlocked = false
        assert.equal((await fetch(`http://127.0.0.1:${listener.port}/`)).status, 200)
      },
      { isBlocked: () => isBlocked },
    )
  })

  it('closes at once when nobody waits for anything', () =>
    withListener(async ({ listener }) => {
      await fetch(`http://127.0.0.1:${listener.port}/`) // its connection is kept alive
      const client = new WireClient(listener.port)
      await client.raw('/', Buffer.alloc(0)).ended
      await listener.close(Infinity)
      assert.equal(listener.connections, 0)
    }))

  it('finishes what is under way before it closes', () => {
    const held: Exchange[] = []
    return withListener(
      async ({ listener }) => {
        const { port } = listener
        const response = fetch(`http://127.0.0.1:${port}/one`)
        const client = new WireClient(port)
        const ended = client.raw('/two', Buffer.alloc(0)).ended
        while (held.length < 2) await new Promise(setImmediate)
        const closed = listener.close(Infinity)
        await assert.rejects(socketTo(port), { code: 'ECONNREFUSED' })
        for (const exchange of held) reply(exchange)
        assert.equal(await (await response).text(), '/one')
        assert.equal((await ended).httpStatus, 200)
        await closed
      },
      { handle: (exchange) => void held.push(exchange) },
    )
  })

  it('hears a client out that is answered already, for ten seconds', () =>
    withListener(
      async ({ clock, listener, exchanges }) => {
        const client = new WireClient(listener.port)
        const call = client.open('/')
        const answered = once(call.stream, 'response')
        // More than a window, so that somebody has to read it.
        await new Promise((resolve) => call.stream.write(Buffer.alloc(1_000_000), resolve))
        const [headers] = await answered
        assert.deepEqual([headers[':status'], exchanges[0]?.isClosed], [413, false])
        assert.equal(exchanges[0]?.input.readableLength, 0)
        await clock.advance(10_000)
        await call.ended
        assert.equal(exchanges[0]?.isClosed, true)
        client.close()
      },
      { handle: (exchange) => exchange.reply(413, {}) },
    ))

  it('tells an exchange that its client has gone, once', () => {
    const held: Exchange[] = []
    return withListener(
      async ({ listener }) => {
        const http1 = request({ port: listener.port, host: '127.0.0.1', path: '/' }).end()
        http1.on('error', () => {})
        const client = new WireClient(listener.port)
        client.raw('/', Buffer.alloc(0))
        while (held.length < 2) await new Promise(setImmediate)
        let told = 0
        const gone = held.map((exchange) => new Promise<void>((resolve) => exchange.onClose(() => (told++, resolve()))))
        http1.destroy()
        client.close()
        await Promise.all(gone)
        for (const exchange of held) {
          assert.equal(exchange.isClosed, true)
          exchange.begin(200, {})
          exchange.write('x')
          exchange.reply(200, {})
          exchange.end('x')
          exchange.abort()
          await exchange.drained()
          exchange.onClose(() => told++)
        }
        assert.equal(told, 4)
      },
      { handle: (exchange) => void held.push(exchange) },
    )
  })
})
