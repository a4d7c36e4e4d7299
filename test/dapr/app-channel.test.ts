import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { FunctionAppChannel, HttpAppChannel } from '../../src/dapr/app-channel.ts'
import type { AppRequest } from '../../src/dapr/wire.ts'
import { CERTIFICATE, KEY } from '../momento/certificate.ts'
import { openSockets, RawServer, turns, turnsUntil } from './raw.ts'

const EVENT: AppRequest = {
  method: 'POST',
  path: '/orders',
  headers: { 'content-type': 'application/cloudevents+json' },
  body: '{"id":"1"}',
}
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Channels and apps of one test; none of them leaves a socket behind. */
const used: { readonly channels: HttpAppChannel[]; readonly apps: RawServer[] } = { channels: [], apps: [] }

async function appThat(onData: Parameters<typeof RawServer.start>[0]): Promise<HttpAppChannel> {
  const app = await RawServer.start(onData)
  used.apps.push(app)
  return channelTo(app.url)
}

function channelTo(url: string, options: { maxConcurrency?: number; token?: string } = {}): HttpAppChannel {
  const channel = new HttpAppChannel({ url, ...options })
  used.channels.push(channel)
  return channel
}

/** Requests as node sees them, for what raw sockets are too much trouble. */
async function whatArrives(
  channelFor: (port: number) => HttpAppChannel,
  request: AppRequest,
): Promise<{ target: string | undefined; headers: IncomingHttpHeaders; body: string }> {
  let arrived = { target: '' as string | undefined, headers: {}, body: '' }
  const server = createServer((asked, response) => {
    const chunks: Uint8Array[] = []
    asked.on('data', (chunk) => chunks.push(chunk))
    asked.on('end', () => {
      arrived = { target: asked.url, headers: asked.headers, body: Buffer.concat(chunks).toString() }
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const channel = channelFor((server.address() as AddressInfo).port) // it listens on TCP
  await channel.call(request)
  await channel.close()
  await new Promise((resolve) => server.close(resolve))
  return arrived
}

describe('HttpAppChannel', () => {
  afterEach(async () => {
    for (const channel of used.channels.splice(0)) await channel.close()
    for (const app of used.apps.splice(0)) await app.stop()
    await turnsUntil(() => openSockets() === 0)
  })

  it('sends method, path, headers and body as they are, and its token last', async () => {
    const headers = {
      'content-type': 'a/b',
      pubsubname: 'p',
      'Dapr-Api-Token': 'forged',
      host: 'evil',
      connection: 'x',
    }
    const request: AppRequest = { method: 'POST', path: '/a//b?c=%20', headers, body: Buffer.from('häuser') }
    const url = (port: number): string => `http://localhost:${port}/base/`
    const arrived = await whatArrives((port) => channelTo(url(port), { token: 'secret' }), request)
    const { host, connection, ...rest } = arrived.headers
    assert.equal(arrived.target, '/base/a//b?c=%20')
    assert.deepEqual(rest, {
      'content-type': 'a/b',
      pubsubname: 'p',
      'content-length': '7',
      'dapr-api-token': 'secret',
    })
    assert.match(String(host), /^localhost:\d+$/)
    assert.equal(connection, 'keep-alive')
    assert.equal(arrived.body, 'häuser')
  })

  it('shows no token of its own accord', async () => {
    const request: AppRequest = { method: 'GET', path: '/dapr/subscribe', headers: { 'dapr-api-token': 'forged' } }
    const arrived = await whatArrives((port) => channelTo(`http://127.0.0.1:${port}`), request)
    assert.equal(arrived.target, '/dapr/subscribe')
    assert.deepEqual(Object.keys(arrived.headers).sort(), ['connection', 'host'])
  })

  it('answers with status and text', async () => {
    const channel = await appThat((socket) =>
      socket.write('HTTP/1.1 418 Tea\r\nContent-Length: 3\r\n\r\nt\xc3\xa9', 'latin1'),
    )
    assert.deepEqual(await channel.call(EVENT), { status: 418, body: 'té', isCut: false })
  })

  describe('gives what a bad app answers:', () => {
    const redirect = 'HTTP/1.1 307 Over There\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n'
    const answers: readonly (readonly [what: string, text: string, status: number, body: string])[] = [
      ['204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', 204, ''],
      ['a redirect, which is not followed', redirect, 307, ''],
      ['an unknown status', 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n', 999, ''],
      ['a status below all', 'HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n', 99, ''],
      ['two answers for one request', `${OK}HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n`, 200, 'ok'],
      ['compressed bytes, which stay so', `${OK.slice(0, 17)}Content-Encoding: gzip\r\n${OK.slice(17)}`, 200, 'ok'],
      ['something before it', `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}`, 200, 'ok'],
    ]
    for (const [what, text, status, body] of answers) {
      it(`${what}`, async () => {
        const channel = await appThat((socket) => socket.write(text))
        assert.deepEqual(await channel.call(EVENT), { status, body, isCut: false })
        // Nothing of it gets into the next one.
        assert.deepEqual(await channel.call(EVENT), { status, body, isCut: false })
      })
    }

    it('no end, of which it takes the beginning', async () => {
      const channel = await appThat((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        const more = (): void => {
          if (socket.writable) socket.write('x'.repeat(10_000), () => setImmediate(more))
        }
        more()
      })
      for (const [request, size] of [
        [EVENT, 64 * 1024],
        [{ ...EVENT, method: 'GET' }, 1024 * 1024],
        [{ ...EVENT, maxResponseSize: 100 }, 100],
      ] as const) {
        assert.deepEqual(await channel.call(request), { status: 200, body: 'x'.repeat(size), isCut: true })
      }
      await turnsUntil(() => used.apps[0]?.sockets.size === 0)
    })
  })

  describe('fails, once and in good time, when the app', () => {
    const broken: readonly (readonly [what: string, text: string])[] = [
      ['closes without an answer', ''],
      ['breaks off its head', 'HTTP/1.1 200'],
      ['breaks off its body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'],
      ['breaks off a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok'],
      ['answers nonsense', 'SSH-2.0-OpenSSH_9.2\r\n'],
      ['has 32 KB of headers', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(32_000)}\r\n\r\n`],
      ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok'],
      ['wants another protocol', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ]
    for (const [what, text] of broken) {
      it(what, async () => {
        const channel = await appThat((socket) => socket.end(text))
        await assert.rejects(channel.call(EVENT), Error)
        await turnsUntil(() => used.apps[0]?.sockets.size === 0)
      })
    }

    it('resets the connection', async () => {
      const channel = await appThat((socket) => socket.resetAndDestroy())
      await assert.rejects(channel.call(EVENT), { code: 'ECONNRESET' })
    })

    it('wants another protocol and stays', async () => {
      const channel = await appThat((socket) => socket.write(broken.at(-1)?.[1] ?? ''))
      await assert.rejects(channel.call(EVENT), Error)
    })

    it('never comes to its answer', async () => {
      const channel = await appThat((socket) => {
        const more = (): void => {
          if (socket.writable) socket.write('HTTP/1.1 103 Early Hints\r\n\r\n', () => setImmediate(more))
        }
        more()
      })
      await assert.rejects(channel.call(EVENT), /more than 100 interim answers/)
      await turnsUntil(() => used.apps[0]?.sockets.size === 0)
    })

    it('is not there', async () => {
      const channel = await appThat((socket) => socket.write(OK))
      await used.apps[0]?.stop()
      await assert.rejects(channel.call(EVENT), { code: 'ECONNREFUSED' })
    })

    for (const [what, text] of [
      ['says nothing', ''],
      ['says a little', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'],
    ] as const) {
      it(`${what} until the signal aborts`, async () => {
        const channel = await appThat((socket) => socket.write(text))
        const deadline = new AbortController()
        const reason = new Error('out of time')
        const call = channel.call({ ...EVENT, signal: deadline.signal })
        await turnsUntil(() => used.apps[0]?.sockets.size === 1)
        deadline.abort(reason)
        await assert.rejects(call, reason)
        await turnsUntil(() => used.apps[0]?.sockets.size === 0)
      })
    }
  })

  it('uses connections again', async () => {
    const channel = await appThat((socket) => socket.write(OK))
    for (let i = 0; i < 10; i++) await channel.call(EVENT)
    assert.ok((used.apps[0]?.count ?? Infinity) <= 2)
  })

  for (const goodbye of ['Connection: close', 'Keep-Alive: timeout=1']) {
    it(`closes a connection after "${goodbye}"`, async () => {
      const channel = await appThat((socket) => socket.write(OK.replace('\r\n', `\r\n${goodbye}\r\n`)))
      await channel.call(EVENT)
      await turns(2000) // much sooner than idle ones are closed
      assert.equal(used.apps[0]?.sockets.size, 0)
      assert.equal((await channel.call(EVENT)).status, 200)
    })
  }

  it('gets on with an app that closes after each answer without a word', async () => {
    const channel = await appThat((socket) => socket.end(OK))
    for (let i = 0; i < 50; i++) assert.equal((await channel.call(EVENT)).status, 200)
  })

  it('does not use a connection again on which more came than the answer', async () => {
    const channel = await appThat(async (socket) => {
      socket.write(OK)
      await turns(20) // until it is idle
      if (socket.writable) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno')
    })
    for (let i = 0; i < 5; i++) {
      assert.equal((await channel.call(EVENT)).body, 'ok')
      await turns(2000) // much sooner than idle ones are closed
      assert.equal(used.apps[0]?.sockets.size, 0)
    }
  })

  it('does not send a request again that was cut off on a used connection: it may have been worked on', async () => {
    let count = 0
    const channel = await appThat((socket) => (++count === 3 ? socket.resetAndDestroy() : socket.write(OK)))
    await channel.call(EVENT)
    await turns(1)
    await channel.call(EVENT)
    await turns(1)
    await assert.rejects(channel.call(EVENT), { code: 'ECONNRESET' })
    assert.equal(count, 3)
    assert.equal((await channel.call(EVENT)).status, 200)
  })

  it('closes a connection that has not taken the whole request when the answer is there', async () => {
    const channel = await appThat((socket) => {
      socket.pause()
      socket.write(OK)
    })
    for (let i = 0; i < 3; i++) {
      assert.equal((await channel.call({ ...EVENT, body: 'x'.repeat(20_000_000) })).status, 200)
      await turns(2)
    }
    assert.equal(used.apps[0]?.count, 3)
    assert.equal(openSockets(), 1 + 3) // all of them the app's
  })

  it('closes connections that lie idle', async () => {
    const channel = await appThat((socket) => socket.write(OK))
    await channel.call(EVENT)
    assert.equal(used.apps[0]?.sockets.size, 1)
    await turnsUntil(() => used.apps[0]?.sockets.size === 0)
  })

  it('waits for a slow app longer than connections may lie idle', async () => {
    const slow: Socket[] = []
    const channel = await appThat((socket, text) =>
      text.startsWith('POST /slow') ? slow.push(socket) : socket.write(OK),
    )
    const call = channel.call({ ...EVENT, path: '/slow' })
    await turnsUntil(() => slow.length === 1)
    await channel.call(EVENT)
    await turnsUntil(() => used.apps[0]?.sockets.size === 1)
    slow[0]?.write(OK)
    assert.equal((await call).status, 200)
  })

  it('has at most so many calls at a time', async () => {
    const waiting: (() => void)[] = []
    await appThat((socket) => waiting.push(() => socket.write(OK)))
    const channel = channelTo(used.apps[0]?.url ?? '', { maxConcurrency: 2 })
    const calls = Array.from({ length: 5 }, () => channel.call(EVENT))
    for (let done = 0; done < 5; done++) {
      await turnsUntil(() => waiting.length === Math.min(2, 5 - done))
      waiting.shift()?.()
      await Promise.race(calls.splice(0, 1))
    }
    assert.equal(waiting.length, 0)
  })

  describe('over TLS', () => {
    /** An app whose certificate nobody trusts. @returns the names that it was called by, one for each connection */
    async function withApp(
      scene: (channel: HttpAppChannel, names: readonly unknown[]) => Promise<void>,
    ): Promise<void> {
      const names: unknown[] = []
      const app = createSecureServer({ key: KEY, cert: CERTIFICATE }, (_, response) => response.end('ok'))
      app.on('secureConnection', (socket) => names.push(socket.servername))
      await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
      await scene(channelTo(`https://localhost:${(app.address() as AddressInfo).port}`), names) // it listens on TCP
      await new Promise((resolve) => app.close(resolve).closeAllConnections())
    }

    it('refuses a certificate that it does not trust', () =>
      withApp((channel) => assert.rejects(channel.call(EVENT), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })))

    it('names the host, and uses connections again', async () => {
      const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
      try {
        await withApp(async (channel, names) => {
          for (let i = 0; i < 10; i++) assert.equal((await channel.call(EVENT)).body, 'ok')
          assert.ok(names.length <= 2)
          assert.deepEqual(new Set(names), new Set(['localhost']))
        })
      } finally {
        if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
      }
    })
  })

  it('knows whether the app listens', async () => {
    const channel = await appThat((socket) => socket.write(OK))
    assert.equal(await channel.isListening(), true)
    await used.apps[0]?.stop()
    assert.equal(await channel.isListening(), false)
  })

  it('ends its calls when it is closed', async () => {
    const channel = await appThat(() => {})
    const call = channel.call(EVENT)
    await turnsUntil(() => used.apps[0]?.sockets.size === 1)
    await channel.close()
    await channel.close()
    await assert.rejects(call, { code: 'ERR_CLOSED' })
    await assert.rejects(channel.call(EVENT), { code: 'ERR_CLOSED' })
    await turnsUntil(() => used.apps[0]?.sockets.size === 0)
  })

  it('closes its connections when it is closed', async () => {
    const channel = await appThat((socket) => socket.write(OK))
    await channel.call(EVENT)
    await channel.close()
    await turns(2000) // much sooner than idle ones are closed
    assert.equal(used.apps[0]?.sockets.size, 0)
  })

  it('rejects what cannot be sent, and asks nobody', async () => {
    const channel = await appThat((socket) => socket.write(OK))
    for (const path of ['', 'orders', '@evil.example/x', 'http://evil.example/']) {
      await assert.rejects(channel.call({ ...EVENT, path }), { code: 'ERR_OPTION_INVALID' })
    }
    await assert.rejects(channel.call({ ...EVENT, path: '/a\r\nb' }), { code: 'ERR_UNESCAPED_CHARACTERS' })
    await assert.rejects(channel.call({ ...EVENT, headers: { a: 'b\r\nc' } }), { code: 'ERR_INVALID_CHAR' })
    await assert.rejects(channel.call({ ...EVENT, headers: { 'a b': 'c' } }), { code: 'ERR_INVALID_HTTP_TOKEN' })
    assert.equal(used.apps[0]?.count, 0)
    assert.equal((await channel.call({ ...EVENT, path: '//evil.example/x' })).status, 200)
  })

  for (const url of [
    '',
    'localhost:3000',
    'ftp://localhost',
    'http://a:b@localhost',
    'http://localhost?a',
    'http://localhost#a',
  ]) {
    it(`refuses ${JSON.stringify(url)} for the app's address`, () => {
      assert.throws(() => new HttpAppChannel({ url }), { code: 'ERR_OPTION_INVALID', option: 'url' })
    })
  }

  for (const maxConcurrency of [0, -1, 1.5, NaN]) {
    it(`refuses ${maxConcurrency} calls at a time`, () => {
      const error = { code: 'ERR_OPTION_INVALID', option: 'maxConcurrency' }
      assert.throws(() => new HttpAppChannel({ url: 'http://localhost', maxConcurrency }), error)
      assert.throws(() => new FunctionAppChannel({ app: () => new Response(), maxConcurrency }), error)
    })
  }
})

describe('FunctionAppChannel', () => {
  it('calls the app with a web-standard request', async () => {
    const channel = new FunctionAppChannel({
      token: 'secret',
      app: async (request) =>
        Response.json({
          method: request.method,
          path: new URL(request.url).pathname + new URL(request.url).search,
          headers: Object.fromEntries(request.headers),
          body: await request.text(),
        }),
    })
    const headers = { pubsubname: 'p', 'dapr-api-token': 'forged', 'content-length': '99' }
    const body = Buffer.from('häuser')
    const answer = await channel.call({ method: 'POST', path: '//evil.example/x?y=%20', headers, body })
    assert.equal(answer.status, 200)
    assert.deepEqual(JSON.parse(answer.body), {
      method: 'POST',
      path: '//evil.example/x?y=%20',
      headers: { pubsubname: 'p', 'dapr-api-token': 'secret' },
      body: 'häuser',
    })
    assert.equal(await channel.isListening(), true)
  })

  it('takes an answer now or later, with a body or none', async () => {
    const now = new FunctionAppChannel({ app: () => new Response(null, { status: 404 }) })
    assert.deepEqual(await now.call(EVENT), { status: 404, body: '', isCut: false })
    const later = new FunctionAppChannel({ app: async () => new Response('té') })
    assert.deepEqual(await later.call({ method: 'GET', path: '/', headers: {} }), {
      status: 200,
      body: 'té',
      isCut: false,
    })
  })

  it('reads the beginning of an answer without end, and cancels it', async () => {
    let isCancelled = false
    const app = (): Response =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(1000).fill(120)),
          cancel: () => void (isCancelled = true),
        }),
      )
    const answer = await new FunctionAppChannel({ app }).call(EVENT)
    assert.deepEqual(answer, { status: 200, body: 'x'.repeat(64 * 1024), isCut: true })
    assert.equal(isCancelled, true)
  })

  const failing: readonly (readonly [what: string, app: () => Response | Promise<Response>])[] = [
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['breaks its body off', () => new Response(new ReadableStream({ start: (c) => c.error(new Error('broken')) }))],
  ]
  for (const [what, app] of failing) {
    it(`fails when the app ${what}`, async () => {
      await assert.rejects(new FunctionAppChannel({ app }).call(EVENT), /broken/)
    })
  }

  for (const answer of [undefined, null, 5, {}, { status: '200' }, { status: Number.NaN, body: null }]) {
    it(`fails when the app answers with ${inspect(answer)}, which is no Response`, async () => {
      const channel: FunctionAppChannel = Reflect.construct(FunctionAppChannel, [{ app: () => answer }])
      await assert.rejects(channel.call(EVENT), /no Response/)
    })
  }

  it('tells the app when the signal aborts, and waits no longer', async () => {
    const deadline = new AbortController()
    const signals: AbortSignal[] = []
    const app = (request: Request): Promise<Response> => {
      signals.push(request.signal)
      return new Promise(() => {})
    }
    const call = new FunctionAppChannel({ app }).call({ ...EVENT, signal: deadline.signal })
    deadline.abort(new Error('out of time'))
    await assert.rejects(call, /out of time/)
    assert.equal(signals[0]?.aborted, true)
  })

  it('has at most so many calls at a time, and ends them when it is closed', async () => {
    let count = 0
    const app = (): Promise<Response> => {
      count++
      return new Promise(() => {})
    }
    const channel = new FunctionAppChannel({ app, maxConcurrency: 2 })
    const calls = [1, 2, 3].map(() => channel.call(EVENT))
    assert.equal(count, 2)
    await channel.close()
    for (const call of calls) await assert.rejects(call, { code: 'ERR_CLOSED' })
    assert.equal(count, 2)
  })

  it('stops a call before the next one in line begins', async () => {
    const told: string[] = []
    const app = ({ url, signal }: Request): Promise<Response> => {
      const { pathname } = new URL(url)
      told.push(`asked ${pathname}`)
      signal.addEventListener('abort', () => told.push(`stopped ${pathname}`))
      return new Promise(() => {})
    }
    const channel = new FunctionAppChannel({ app, maxConcurrency: 1 })
    const stop = new AbortController()
    const first = channel.call({ ...EVENT, path: '/a', signal: stop.signal })
    const second = channel.call({ ...EVENT, path: '/b' })
    stop.abort(new Error('out of time'))
    await assert.rejects(first, /out of time/)
    assert.deepEqual(told, ['asked /a', 'stopped /a', 'asked /b'])
    await channel.close()
    await assert.rejects(second, { code: 'ERR_CLOSED' })
  })

  it('tells an app that keeps nothing but the signal', async () => {
    let isStopped = false
    const app = ({ signal }: Request): Promise<Response> => {
      signal.addEventListener('abort', () => {
        isStopped = true
      })
      return new Promise(() => {})
    }
    const channel = new FunctionAppChannel({ app })
    const stop = new AbortController()
    const call = channel.call({ ...EVENT, signal: stop.signal })
    await new Promise(setImmediate)
    globalThis.gc?.()
    stop.abort(new Error('out of time'))
    await assert.rejects(call, /out of time/)
    assert.equal(isStopped, true)
    await channel.close()
  })

  it('refuses an app that is no function', () => {
    assert.throws(() => Reflect.construct(FunctionAppChannel, [{ app: 'http://localhost' }]), {
      code: 'ERR_OPTION_INVALID',
      option: 'app',
    })
  })
})
