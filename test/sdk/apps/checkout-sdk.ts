/** An app that publishes ten orders with Dapr's SDK, one after the other, as its quickstart does. */
import { DaprClient } from '@dapr/dapr'

const client = new DaprClient({ daprHost: 'http://localhost', daprPort: process.env['DAPR_HTTP_PORT'] ?? '3500' })

for (let orderId = 1; orderId <= 10; orderId++) {
  const order = { orderId }
  await client.pubsub.publish('orderpubsub', 'orders', order)
  console.log(`Published data: ${JSON.stringify(order)}`)
}
