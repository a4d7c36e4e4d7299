import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { CacheStore } from '../../src/momento/cache.ts'
import { MomentoServer } from '../../src/momento/server.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { CERTIFICATE, KEY } from './certificate.ts'
import { exchangeText, framed, PUBLISH, publishRequest, SUBSCRIBE, subscribeRequest, told, WireClient } from './wire.ts'

const formats = ['application/grpc-web', 'application/grpc-web-text'] as const

/** The frames of an answer: messages as they are, the trailers as text. */
function framesIn(contentType: string, body: Buffer): readonly (Uint8Array | string)[] {
  const pieces = body.toString('latin1').match(/[^=]+=*/g) ?? []
  let rest = contentType.includes('text') ? Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))) : body
  const frames: (Uint8Array | string)[] = []
  while (rest.length >= 5) {
    const end = 5 + rest.readUInt32BE(1)
    const content = rest.subarray(5, end)
    frames.push(rest[0] === 0x80 ? content.toString() : content)
    rest = rest.subarray(end)
  }
  assert.equal(rest.length, 0)
  return frames
}

function requestOf(contentType: string, message: Uint8Array): RequestInit {
  const body = framed(message)
  const headers = { 'content-type': contentType, accept: contentType, 'x-grpc-web': '1' }
  return {
    method: 'POST',
    headers,
    body: contentType.includes('text') ? body.toString('base64') : new Uint8Array(body),
  }
}

async function withServer(test: (server: MomentoServer, clock: ManualClock) => Promise<void>): Promise<void> {
  const clock = new ManualClock()
  const caches = new CacheStore({ clock, caches: ['c'] })
  const server = await MomentoServer.start({ caches })
  try {
    await test(server, clock)
  } finally {
    await server.close({ graceMs: 0 })
    await caches.close({ graceMs: 0 })
  }
  assert.deepEqual([server.connections, server.subscriptions], [0, 0])
}

for (const contentType of formats) {
  describe(`A call as ${contentType}`, () => {
    const call = async (
      server: MomentoServer,
      path: string,
      message: Uint8Array,
    ): Promise<readonly (Uint8Array | string)[]> => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, requestOf(contentType, message))
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-type'), `${contentType}+proto`)
      return framesIn(contentType, Buffer.from(await response.arrayBuffer()))
    }

    it('has its status in the body', () =>
      withServer(async (server) => {
        const [message, trailers] = await call(server, PUBLISH, publishRequest('c', 't', 'v'))
        assert.deepEqual([message?.length, trailers], [0, 'grpc-status:0\r\n'])
        assert.equal(server.caches.get('c')?.lastSequence('t'), 1)
      }))

    it('that fails has nothing else', () =>
      withServer(async (server) => {
        const refused = await call(server, PUBLISH, publishRequest('nope', 't', 'v'))
        assert.deepEqual(refused, ["grpc-status:5\r\ngrpc-message:Cache with name: nope doesn't exist\r\n"])
        assert.deepEqual(await call(server, '/nope', new Uint8Array()), [
          'grpc-status:12\r\ngrpc-message:There is no /nope\r\n',
        ])
      }))

    it('brings a subscription, piece by piece, to its end', () =>
      withServer(async (server, clock) => {
        const response = await fetch(
          `http://127.0.0.1:${server.port}${SUBSCRIBE}`,
          requestOf(contentType, subscribeRequest('c', 't')),
        )
        const chunks: Buffer[] = []
        const reader = response.body?.getReader()
        const next = async (): Promise<boolean> => {
          const { done = true, value } = (await reader?.read()) ?? {}
          if (value !== undefined) chunks.push(Buffer.from(value))
          return !done
        }
        await next()
        await call(server, PUBLISH, publishRequest('c', 't', 'v'))
        await next()
        await clock.advance(1000)
        await next()
        server.deleteCache('c')
        while (await next());
        const frames = framesIn(contentType, Buffer.concat(chunks))
        const kinds = frames.map((frame) => (typeof frame === 'string' ? frame.slice(0, 13) : told(frame).kind))
        assert.deepEqual(kinds, ['heartbeat', 'item', 'heartbeat', 'grpc-status:5'])
      }))

    it('ends when the client goes away', () =>
      withServer(async (server) => {
        const controller = new AbortController()
        const { signal } = controller
        await fetch(`http://127.0.0.1:${server.port}${SUBSCRIBE}`, {
          ...requestOf(contentType, subscribeRequest('c', 't')),
          signal,
        })
        assert.equal(server.subscriptions, 1)
        controller.abort()
        while (server.subscriptions > 0) await new Promise(setImmediate)
        assert.equal(server.caches.get('c')?.subscribers, 0)
      }))
  })
}

describe('Base64', () => {
  it('that is none is a status, and publishes nothing', () =>
    withServer(async (server) => {
      const body = `${framed(publishRequest('c', 't', 'v')).toString('base64')}!`
      const headers = { 'content-type': 'application/grpc-web-text' }
      const response = await fetch(`http://127.0.0.1:${server.port}${PUBLISH}`, { method: 'POST', body, headers })
      const [trailers] = framesIn('text', Buffer.from(await response.arrayBuffer()))
      assert.match(String(trailers), /^grpc-status:13\r\ngrpc-message:Malformed request: it is not base64/)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
    }))
})

describe('gRPC-web over HTTP/2', () => {
  it('works as over HTTP/1.1', async () => {
    const caches = new CacheStore({ caches: ['c'] })
    await using server = await MomentoServer.start({ caches, key: KEY, cert: CERTIFICATE })
    const client = new WireClient(server.port, { origin: `https://localhost:${server.port}`, ca: CERTIFICATE })
    const call = client.call(PUBLISH, publishRequest('c', 't', 'v'), { 'content-type': 'application/grpc-web' })
    const [, trailers] = (await call.ended).messages
    assert.equal(String(trailers), 'grpc-status:0\r\n')
    const polled = client.session.request({ ':path': '/topics/c/t?sequence_number=1' })
    let text = ''
    for await (const chunk of polled) text += chunk
    assert.equal(JSON.parse(text).items.length, 1)
    const evil = client.session.request({ ':path': '/topics/c/t', ':method': 'POST', origin: 'https://evil' }).end('v')
    const [{ ':status': status }] = await once(evil, 'response')
    assert.equal(status, 403)
    client.close()
    await server.close({ graceMs: 0 })
    await caches.close()
  })
})

describe('gRPC over HTTP/1.1', () => {
  it('is refused, because it has no trailers', () =>
    withServer(async (server) => {
      const head = `POST ${PUBLISH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
      assert.match(await exchangeText(server.port, head), /^HTTP\/1\.1 505 /)
    }))
})
