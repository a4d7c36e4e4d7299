/**
 * The servers of the question `http`, each in a process of its own. All take
 * `POST /v1.0/publish/pubsub/orders` and answer 204.
 *
 * node http-servers.js <server>
 */
import { createServer } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { Broker } from './busbar.ts'
import { DaprSidecar } from './doors.ts'
import type { Data } from './handlers.ts'
import { BUSBAR } from './question.ts'
import { listenTo, type Servable, serve } from './remote.ts'

const PATH = '/v1.0/publish/pubsub/orders'

/** A connection may wait for its turn as long as it takes the others to have theirs; node:http would close it after 5 s. */
const PATIENT = { keepAliveTimeout: 120_000 }

const servers: Readonly<Record<string, Servable>> = {
  async [BUSBAR](tally) {
    const broker = new Broker<{ orders: Data }>()
    broker.subscribe('orders', ({ data }) => {
      tally.received += data.value
    })
    return (await DaprSidecar.start({ pubsubs: { pubsub: broker } })).httpPort
  },

  /** Reads a body without a look at it. It is also the app to deliver to: those that ask it have no body. */
  'node:http'(tally) {
    const server = createServer(PATIENT, (request, response) => {
      let size = 0
      request.on('data', (chunk: Uint8Array) => {
        size += chunk.length
      })
      request.on('end', () => {
        if (size > 0) tally.received++
        response.writeHead(204).end()
      })
    })
    return listenTo(server)
  },

  async fastify(tally) {
    const app = fastify(PATIENT)
    app.post<{ Body: Data }>(PATH, (request, reply) => {
      tally.received += request.body.value
      reply.code(204).send()
    })
    return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  },

  express(tally) {
    const app = express()
    app.post(PATH, express.json(), (request, response) => {
      tally.received += (request.body as Data).value // express.json() has parsed what is sent
      response.status(204).end()
    })
    return listenTo(createServer(PATIENT, app))
  },
}

await serve(servers)
