/** An app that takes orders, written with Dapr's SDK as its quickstart is: one subscription, a callback that returns nothing. */
import { DaprServer } from '@dapr/dapr'

const { APP_PORT = '5002', DAPR_HTTP_PORT = '3501' } = process.env

const server = new DaprServer({
  serverHost: '127.0.0.1',
  serverPort: APP_PORT,
  clientOptions: { daprHost: 'http://localhost', daprPort: DAPR_HTTP_PORT },
})
await server.pubsub.subscribe('orderpubsub', 'orders', async (order) => {
  console.log(`Subscriber received: ${JSON.stringify(order)}`)
})
await server.start()
