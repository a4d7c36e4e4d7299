/** An app that publishes ten orders with plain requests to `localhost`, one after the other. */
const url = `http://localhost:${process.env['DAPR_HTTP_PORT'] ?? '3500'}/v1.0/publish/orderpubsub/orders`

for (let orderId = 1; orderId <= 10; orderId++) {
  const order = JSON.stringify({ orderId })
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: order })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  console.log(`Published data: ${order}`)
}
