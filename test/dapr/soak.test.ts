/** Many publishers, an app that does not handle everything at once, and a count of every message. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { DaprSidecar } from '../../src/dapr/index.ts'
import { ManualClock } from '../../src/testing/index.ts'

const CONNECTIONS = 64
const PUBLISHES = 10_000

/** How often a message is answered with RETRY: 5 % once, and 5 % of those again. */
function retriesOf(number: number): number {
  return number % 20 !== 3 ? 0 : number % 400 === 3 ? 2 : 1
}

/** An app that counts its deliveries, by the number of the message. */
async function startApp(context: TestContext, handle: (number: number) => 'SUCCESS' | 'RETRY'): Promise<number> {
  const answer = async (asked: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = (await asked.setEncoding('utf8').toArray()).join('')
    response.setHeader('content-type', 'application/json')
    if (asked.url === '/dapr/subscribe') {
      response.end(JSON.stringify([{ pubsubname: 'pubsub', topic: 'orders', route: '/orders' }]))
    } else if (asked.url === '/orders') response.end(JSON.stringify({ status: handle(JSON.parse(text).data.number) }))
    else response.writeHead(404).end()
  }
  const server = createServer((asked, response) => void answer(asked, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port // it listens on a port
}

/** @returns the status */
async function publish(url: string, agent: Agent, number: number): Promise<number | undefined> {
  const sent = request(`${url}/v1.0/publish/pubsub/orders`, {
    agent,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  sent.end(JSON.stringify({ number }))
  const [response]: IncomingMessage[] = await once(sent, 'response')
  await response?.resume().toArray()
  return response?.statusCode
}

describe('A sidecar under load', () => {
  it(`loses nothing of ${PUBLISHES} publishes from ${CONNECTIONS} connections, while the app answers 5 % with RETRY`, async (t) => {
    const deliveries = new Map<number, number>()
    const order: number[] = []
    const app = await startApp(t, (number) => {
      const deliveryCount = (deliveries.get(number) ?? 0) + 1
      deliveries.set(number, deliveryCount)
      if (deliveryCount === 1) order.push(number)
      return deliveryCount <= retriesOf(number) ? 'RETRY' : 'SUCCESS'
    })
    const clock = new ManualClock({ patienceMs: 30_000 })
    const sidecar = await DaprSidecar.start({ app, clock })
    t.after(() => sidecar.close())
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
    t.after(() => agent.destroy())

    const publisher = async (first: number): Promise<void> => {
      for (let number = first; number < PUBLISHES; number += CONNECTIONS) {
        assert.equal(await publish(sidecar.url, agent, number), 204)
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, (_, first) => publisher(first)))
    await clock.advance(1000)
    await clock.advance(2000)

    const numbers = Array.from({ length: PUBLISHES }, (_, number) => number)
    assert.deepEqual(
      numbers.filter((number) => deliveries.get(number) !== retriesOf(number) + 1),
      [],
    )
    const { matched, acked, delivered, delayed, inFlight, queued } = sidecar.stats().pubsubs.pubsub ?? assert.fail()
    assert.deepEqual(
      { matched, acked, delivered, delayed, inFlight, queued },
      { matched: PUBLISHES, acked: PUBLISHES, delivered: PUBLISHES + 525, delayed: 0, inFlight: 0, queued: 0 },
    )
    for (let first = 0; first < CONNECTIONS; first++) {
      const ofOne = order.filter((number) => number % CONNECTIONS === first)
      assert.deepEqual(
        ofOne,
        ofOne.toSorted((a, b) => a - b),
        'each connection keeps its order',
      )
    }
  })
})
