/**
 * Clients that mean no good, or are broken: whatever they do, the server goes
 * on, within its memory, and forgets them.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Broker } from '../../src/broker.ts'
import { CacheStore } from '../../src/momento/cache.ts'
import { MomentoServer } from '../../src/momento/server.ts'
import { STATUS } from '../../src/momento/status.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import type { AnyTopics } from '../../src/topic/typed.ts'
import {
  framed,
  PUBLISH,
  publishRequest,
  SUBSCRIBE,
  socketTo,
  subscribeRequest,
  type WireCall,
  WireClient,
} from './wire.ts'

interface Rig {
  readonly server: MomentoServer
  readonly client: WireClient
  readonly clock: ManualClock
  /** The cache `c`. */
  readonly broker: Broker<AnyTopics, 'exact'>
}

/** Runs `test`, after which the server has to serve, to have forgotten everybody, and to close. */
async function withServer(test: (rig: Rig) => Promise<void>): Promise<void> {
  const clock = new ManualClock()
  const broker = new Broker<AnyTopics, 'exact'>({ dialect: 'exact', history: { size: 1000 }, clock })
  const caches = new CacheStore({ clock, caches: { c: broker }, capacity: 1000 })
  const server = await MomentoServer.start({ caches })
  const client = new WireClient(server.port)
  try {
    await test({ server, client, clock, broker })
    client.close()
    while (server.subscriptions > 0 || server.connections > 0) await turn()
    assert.equal(caches.get('c')?.subscribers, 0)
    const fresh = new WireClient(server.port)
    const call = await fresh.subscribe('c', 'fresh')
    assert.equal((await fresh.publish('c', 'fresh', 'v')).status, STATUS.OK)
    assert.equal((await call.nextButHeartbeats())?.kind, 'item')
    fresh.close()
  } finally {
    await server.close({ graceMs: 0 })
    await caches.close({ graceMs: 0 })
  }
  assert.deepEqual([server.connections, server.subscriptions], [0, 0])
}

/** A wire between a client and a server that can be cut without either of them being told. */
class Wire {
  readonly #server = createServer({ allowHalfOpen: true })
  readonly #sockets: Socket[] = []

  static async to(port: number): Promise<Wire> {
    const wire = new Wire()
    wire.#server.on('connection', (near) => {
      const far = connect(port, '127.0.0.1')
      wire.#sockets.push(near, far)
      near.pipe(far)
      far.pipe(near)
      for (const socket of [near, far]) socket.on('error', () => {})
    })
    wire.#server.listen(0, '127.0.0.1')
    await once(wire.#server, 'listening')
    return wire
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port // it listens on a port
  }

  cut(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('A thousand streams', () => {
  it('on one connection are all served, and all forgotten', () =>
    withServer(async ({ client, server }) => {
      const calls = await Promise.all(Array.from({ length: 1000 }, () => client.subscribe('c', 't')))
      assert.equal(server.subscriptions, 1000)
      await client.publish('c', 't', 'v')
      const items = await Promise.all(calls.map((call) => call.nextButHeartbeats()))
      assert.ok(items.every((item) => item?.kind === 'item' && item.value === 'v'))
      for (const [index, call] of calls.entries()) if (index % 2 === 0) call.cancel()
      while (server.subscriptions > 500) await turn()
      client.close()
    }))

  it('that are opened and reset at once leave nothing', () =>
    withServer(async ({ client, server }) => {
      for (let i = 0; i < 20; i++) {
        const calls = Array.from({ length: 50 }, (_, at) => {
          const call = at % 2 === 0 ? client.open(SUBSCRIBE) : client.call(SUBSCRIBE, subscribeRequest('c', 't'))
          if (at % 5 === 0) call.stream.write(framed(subscribeRequest('c', 't')).subarray(0, 3))
          call.stream.close(at % 3 === 0 ? constants.NGHTTP2_INTERNAL_ERROR : constants.NGHTTP2_CANCEL)
          return call.ended
        })
        await Promise.all(calls)
      }
      assert.equal((await client.publish('c', 't', 'v')).status, STATUS.OK)
      while (server.subscriptions > 0) await turn()
    }))

  it('that break off in the middle of their request publish nothing', () =>
    withServer(async ({ client, server }) => {
      const request = framed(publishRequest('c', 't', 'x'.repeat(1000)))
      for (let i = 0; i < 1000; i++) {
        const call = client.open(PUBLISH)
        call.stream.write(request.subarray(0, 1 + (i % (request.length - 1))), () => call.cancel())
        await call.ended
      }
      await client.publish('c', 'u', 'v')
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
    }))
})

describe('A client that does not read', () => {
  /** One that has a subscription and has stopped reading it. */
  async function stalled(rig: Rig): Promise<{ client: WireClient; call: WireCall }> {
    const client = new WireClient(rig.server.port)
    const call = await client.subscribe('c', 't')
    call.stream.pause()
    return { client, call }
  }

  it('costs no more than its queue, and learns what it has missed', () =>
    withServer(async (rig) => {
      const { client, call } = await stalled(rig)
      const cache = rig.server.caches.get('c')
      const value = 'x'.repeat(1000)
      for (let i = 0; i < 20_000; i++) await cache?.publish('t', value)
      const { inFlight, queued, overflowed } = rig.broker.stats()
      assert.ok(inFlight + queued <= 1000 && overflowed > 10_000)
      call.stream.resume()
      let last = 0
      let lost = 0
      while (last < 20_000) {
        const next = await call.nextButHeartbeats()
        if (next?.kind === 'discontinuity') lost += next.next - next.last - 1
        else if (next?.kind === 'item') last = next.sequence
        else assert.fail('the stream has ended')
      }
      assert.ok(lost > 10_000, `${lost} lost`)
      assert.equal(call.messages.length + lost >= 20_000, true)
      client.close()
    }))

  it('gets no heartbeats on top, and is cut off after a minute', () =>
    withServer(async (rig) => {
      const { client, call } = await stalled(rig)
      const cache = rig.server.caches.get('c')
      for (let i = 0; i < 2000; i++) await cache?.publish('t', 'x'.repeat(1000))
      await rig.clock.advance(59_000)
      assert.equal(rig.server.subscriptions, 1)
      await rig.clock.advance(2000)
      assert.equal(rig.server.subscriptions, 0)
      call.stream.resume()
      assert.equal((await call.ended).status, -1)
      client.close()
    }))

  it('because it is gone and nobody has said so, is given up', () =>
    withServer(async ({ clock, server }) => {
      const wire = await Wire.to(server.port)
      const client = new WireClient(wire.port)
      const call = await client.subscribe('c', 't')
      wire.cut()
      const cache = server.caches.get('c')
      for (let i = 0; i < 100; i++) await cache?.publish('t', 'v')
      await clock.advance(40_000)
      while (server.connections > 1) await turn()
      assert.equal(server.subscriptions, 0)
      assert.equal(call.messages.length, 1)
      client.close()
      await wire.close()
    }))

  it('over HTTP/1.1 is cut off, too', () =>
    withServer(async ({ clock, server }) => {
      const socket = await socketTo(server.port)
      socket.pause()
      const body = framed(subscribeRequest('c', 't'))
      const head = `POST ${SUBSCRIBE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc-web\r\nContent-Length: ${body.length}\r\n\r\n`
      socket.write(Buffer.concat([Buffer.from(head), body]))
      while (server.subscriptions === 0) await turn()
      const cache = server.caches.get('c')
      for (let i = 0; i < 4000; i++) await cache?.publish('t', 'x'.repeat(10_000))
      await clock.advance(62_000)
      while (server.connections > 1) await turn()
      socket.destroy()
    }))
})

describe('Requests that are too many at once', () => {
  it('are refused beyond 64 MiB, and their memory is given back', () =>
    withServer(async ({ client, server }) => {
      const part = Buffer.alloc(9_000_000)
      const calls = Array.from({ length: 9 }, () => client.open(PUBLISH))
      const answers = calls.map((call) => once(call.stream, 'response'))
      // One after the other: with more to send than 10 MB, Node's client gives up by itself.
      for (const call of calls) await new Promise((resolve) => call.stream.write(part, resolve))
      const [headers] = await Promise.race(answers)
      assert.equal(headers['grpc-status'], String(STATUS.UNAVAILABLE))
      for (const call of calls) call.cancel()
      const fresh = new WireClient(server.port)
      // As soon as the server has seen that they are cancelled, there is room again.
      while ((await fresh.publish('c', 't', 'x'.repeat(9_000_000))).status !== STATUS.OK) await turn()
      fresh.close()
    }))
})

describe('Nonsense', () => {
  it('in requests is always answered with a status', () =>
    withServer(async ({ client }) => {
      const good = [framed(publishRequest('c', 't', 'v')), framed(subscribeRequest('c', 't', 3, 7))].map((it) => [
        ...it,
      ])
      const mutation = fc.record({ at: fc.nat(30), remove: fc.nat(3), insert: fc.array(fc.nat(255), { maxLength: 3 }) })
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(PUBLISH, SUBSCRIBE),
          fc.constantFrom(...good),
          fc.array(mutation, { minLength: 1, maxLength: 3 }),
          async (path, request, mutations) => {
            const mutant = [...request]
            for (const { at, remove, insert } of mutations) mutant.splice(at, remove, ...insert)
            const call = client.raw(path, Buffer.from(mutant))
            const isStream = await Promise.race([
              once(call.stream, 'data').then(() => true),
              call.ended.then(() => false),
            ])
            if (isStream) call.cancel()
            else assert.ok((await call.ended).status >= 0)
          },
        ),
        { numRuns: 1500 },
      )
    }))

  it('instead of a protocol is answered or cut off, never taken for a request', () =>
    withServer(async ({ clock, server }) => {
      const sockets: Socket[] = []
      const beginnings = [
        '',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
        'POST / HTTP/1.1\r\n',
      ]
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...beginnings),
          fc.uint8Array({ minLength: 1, maxLength: 200 }),
          async (beginning, bytes) => {
            const socket = await socketTo(server.port)
            socket.resume()
            socket.end(Buffer.concat([Buffer.from(beginning), bytes]))
            sockets.push(socket)
          },
        ),
        { numRuns: 300 },
      )
      // Who says nothing that can be answered is pinged, in vain.
      while (sockets.some((socket) => !socket.closed)) await clock.advance(20_000)
      assert.equal(server.caches.get('c')?.lastSequence('t'), 0)
    }))
})
