/**
 * An app that takes orders without an SDK. Like the one of Dapr's quickstart it
 * names a route without a slash, reads bodies of `application/*+json` and no
 * other, and answers with a text.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

const subscriptions = [{ pubsubname: 'orderpubsub', topic: 'orders', route: 'orders' }]

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = (await request.setEncoding('utf8').toArray()).join('')
  const isRead = /^application\/[^;]*\+json/.test(request.headers['content-type'] ?? '')
  switch (`${request.method} ${request.url}`) {
    case 'GET /dapr/subscribe':
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(subscriptions))
      return
    case 'POST /orders':
      console.log(`Subscriber received: ${JSON.stringify(isRead ? JSON.parse(text).data : undefined)}`)
      response.writeHead(200, { 'content-type': 'text/plain' }).end('OK')
      return
    default:
      response.writeHead(404).end('Cannot find that')
  }
}

const server = createServer((request, response) => void answer(request, response))
server.listen(Number(process.env['APP_PORT'] ?? '5003'), () => console.log('listening'))
