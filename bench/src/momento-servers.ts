/**
 * The servers of the question `momento`, each in a process of its own.
 *
 * node momento-servers.js <server>
 */
import { createServer, type ServerHttp2Stream } from 'node:http2'
import { MomentoServer, TopicClient } from './doors.ts'
import { BUSBAR } from './question.ts'
import { listenTo, type Servable, serve } from './remote.ts'

/** A gRPC message without a byte: not compressed, of length 0. */
const EMPTY = Buffer.alloc(5)

const servers: Readonly<Record<string, Servable>> = {
  async [BUSBAR](tally) {
    const { caches, port } = await MomentoServer.start({ caches: ['cache'] })
    await new TopicClient({ caches }).subscribe('cache', 'orders', {
      onItem: () => {
        tally.received++
      },
    })
    return port
  },

  /** Answers whatever it is asked, without a look at it. */
  'node:http2'(tally) {
    const server = createServer()
    server.on('stream', (stream: ServerHttp2Stream) => {
      let size = 0
      stream.on('data', (chunk: Uint8Array) => {
        size += chunk.length
      })
      stream.on('end', () => {
        if (size > 0) tally.received++
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(EMPTY)
      })
    })
    return listenTo(server)
  },
}

await serve(servers)
