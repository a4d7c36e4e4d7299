/**
 * The tour: what the broker does between an order and its parcel, in about a
 * page. Run it with `npm start`.
 *
 * The broker's clock is a `ManualClock`, so the times on the left are exact,
 * and minutes of the shop's time take no time here.
 */

import { styleText } from 'node:util'
import { Broker, type BrokerStats, type Message } from 'busbar'
import { DaprSidecar } from 'busbar/dapr'
import { ManualClock } from 'busbar/testing'

interface Order {
  readonly id: string
  readonly total: number
}

/** What is published in this shop, and with what data. */
interface Topics {
  'orders/placed': Order
  'orders/cancelled': { readonly id: string; readonly reason: string }
  [level: `stock/${string}/level`]: number
  'parcels/ready': Order
  'payments/due': Order
  'payments/failed': Order
  'offers/today': string
  'labels/wanted': string
  'invoices/sent': string
}

const SECOND = 1_000
const MINUTE = 60 * SECOND

const clock = new ManualClock({ now: new Date('2030-05-17T09:00:00Z') })
const broker = new Broker<Topics>({
  clock,
  observer: {
    expired: ({ topic, event }) => show('observer', `${topic}: '${event.data}' is out of date`),
  },
})

async function topics(): Promise<void> {
  chapter('Topics are typed, filters have wildcards')
  await using _orders = broker.subscribe('orders/+', (message) => {
    switch (message.topic) {
      case 'orders/placed': // here the data is an Order
        return show('shop', `${message.data.id} placed, ${message.data.total.toFixed(2)} to pay`)
      case 'orders/cancelled': // and here it has a reason
        return show('shop', `${message.data.id} cancelled: ${message.data.reason}`)
    }
  })
  await using _stock = broker.subscribe('stock/+/level', ({ params: [product], data }) => {
    show('warehouse', `${data} of product '${product}' left`)
  })

  await broker.publish('orders/placed', { id: 'o-1', total: 42.5 })
  await broker.publish('stock/lamp/level', 7)
  await broker.publish('orders/cancelled', { id: 'o-1', reason: 'changed my mind' })
  await broker.settled()
}

async function groups(): Promise<void> {
  chapter('A group shares the work: each message goes to one member')
  await using _ann = broker.subscribe('parcels/ready', ({ data }) => pack('Ann', data, 4), { group: 'packers' })
  await using _bob = broker.subscribe('parcels/ready', ({ data }) => pack('Bob', data, 9), { group: 'packers' })

  for (const id of ['o-2', 'o-3', 'o-4', 'o-5']) await broker.publish('parcels/ready', { id, total: 10 })
  await clock.runAll()
}

async function redelivery(): Promise<void> {
  chapter('A handler that throws gets the message again, later each time')
  await using _bank = broker.subscribe('payments/due', charge, {
    backoff: { delayMs: 2 * SECOND, factor: 2, jitter: 0 }, // jitter is on by default; off it reads better
    maxDeliveries: 4,
    deadLetterTopic: 'payments/failed',
  })
  await using _desk = broker.subscribe('payments/failed', ({ data, event }) => {
    const {
      deadlettertopic: from,
      deadletterreason: reason,
      deadletterdeliveries: count,
      deadlettererror: error,
    } = event
    show('help desk', `dead letter ${data.id} from ${from}`)
    show('', `${reason} after ${count} deliveries: ${error}`)
  })

  await broker.publish('payments/due', { id: 'o-6', total: 19.9 })
  await broker.publish('payments/due', { id: 'o-7', total: Number.NaN }) // poison: it can never work
  await broker.publish('payments/due', { id: 'o-8', total: 5 })
  await clock.runAll()
}

async function timeToLive(): Promise<void> {
  chapter('What nobody took in time expires')
  await using newsletter = broker.subscribe('offers/today', ({ data }) => show('newsletter', `sends '${data}'`))

  newsletter.pause()
  await broker.publish('offers/today', 'cake, until it is sold out', { ttlMs: 15 * MINUTE })
  await broker.publish('offers/today', 'lamps')
  show('newsletter', 'paused for an hour')
  await clock.advance(60 * MINUTE)
  newsletter.resume()
  await broker.settled()
}

async function backPressure(): Promise<void> {
  chapter('A full queue makes its publisher wait (capacity 2)')
  const print = async (label: string): Promise<void> => {
    await sleep(3 * SECOND)
    show('printer', `printed ${label}`)
  }
  await using _printer = broker.subscribe('labels/wanted', ({ data }) => print(data), { capacity: 2 })

  const publishing = (async () => {
    for (const label of ['label 1', 'label 2', 'label 3', 'label 4']) {
      await broker.publish('labels/wanted', label)
      show('office', `${label} accepted`)
    }
  })()
  await clock.runAll()
  await publishing
}

async function iteration(): Promise<void> {
  chapter('Without a handler, a subscription is an async iterator')
  const invoices = broker.subscribe('invoices/sent')
  for (const id of ['i-1', 'i-2', 'i-3']) await broker.publish('invoices/sent', id)
  show('bookkeeper', `${invoices.queuedCount} invoices wait, none was missed`)

  for await (const message of invoices) {
    show('bookkeeper', `files ${message.data}`)
    if (message.data !== 'i-2') continue // asking for the next one acks this one
    message.ack()
    break // ends the subscription: i-3 is cancelled
  }
}

async function sidecar(): Promise<void> {
  chapter('A Dapr sidecar over the same broker: what curl publishes, an app is sent')
  await using dapr = await DaprSidecar.start({ appId: 'shop', pubsubs: { pubsub: broker }, app: website })
  const url = `${dapr.url}/v1.0/publish/pubsub/orders/placed`
  show('curl', `${url} -d '{"id":"o-9","total":7}'`)
  const headers = { 'content-type': 'application/json' }
  const { status } = await fetch(url, { method: 'POST', headers, body: '{"id":"o-9","total":7}' })
  show('sidecar', `${status}, accepted`)
  await dapr.settled()
}

async function balance(): Promise<void> {
  chapter('Nothing is lost without a name: the closing balance')
  await broker.close()
  const stats = broker.stats()
  const list = (names: readonly (keyof BrokerStats)[]) => names.map((name) => `${name} ${stats[name]}`).join(' + ')
  const sum = [...ENDS, ...GAUGES].reduce((total, name) => total + stats[name], 0)
  const { matched, published, delivered, redelivered } = stats
  console.log(`  ${published} events accepted, ${delivered} deliveries, ${redelivered} of them redeliveries`)
  console.log(`  matched ${matched} = ${list(ENDS)}`)
  console.log(`             + ${list(GAUGES)}`)
  console.log(`  The right side adds up to ${sum}${sum === matched ? '' : ': THIS IS A BUG'}.`)
  process.exitCode = sum === matched ? 0 : 1
}

// The people of the shop

async function pack(name: string, order: Order, seconds: number): Promise<void> {
  await sleep(seconds * SECOND)
  show(name, `packed ${order.id}`)
}

/** An app as Dapr knows it; here it is a function, so it needs no port. */
async function website(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === '/dapr/subscribe') {
    return Response.json([{ pubsubname: 'pubsub', topic: 'orders/placed', route: '/placed' }])
  }
  if (pathname !== '/placed') return new Response(null, { status: 404 })
  const { type, data } = (await request.json()) as { type: string; data: Order } // a CloudEvent
  show('website', `POST /placed ${type}: ${data.id}`)
  return Response.json({ status: 'SUCCESS' })
}

function charge({ data, deliveryCount }: Message<Order>): void {
  const trouble = troubleWith(data, deliveryCount)
  show('bank', `${data.id}, delivery ${deliveryCount}: ${trouble?.message ?? 'paid'}`)
  if (trouble !== undefined) throw trouble
}

/** The bank's line is busy for the first two deliveries of o-6; nobody can ever charge o-7. */
function troubleWith(order: Order, deliveryCount: number): Error | undefined {
  if (Number.isNaN(order.total)) return new RangeError('the total is not a number')
  return order.id === 'o-6' && deliveryCount < 3 ? new Error('the line is busy') : undefined
}

/** Time as the shop knows it. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(resolve, ms))
}

// The printed page

const ENDS = ['acked', 'dropped', 'expired', 'deadLettered', 'exhausted', 'overflowed', 'cancelled'] as const
const GAUGES = ['queued', 'delayed', 'inFlight'] as const
const hasColours = process.stdout.isTTY && process.stdout.hasColors()
let chapters = 0

function chapter(title: string): void {
  const heading = `${++chapters}. ${title}`
  console.log(`\n${hasColours ? styleText('bold', heading) : heading}`)
}

function show(who: string, what: string): void {
  const time = new Date(clock.wallTime()).toISOString().slice(11, 19)
  console.log(`  ${hasColours ? styleText('dim', time) : time}  ${who.padEnd(11)} ${what}`)
}

console.log('Busbar: an hour in a small shop. Its clock is moved by hand, so nothing here waits for real.')
for (const visit of [topics, groups, redelivery, timeToLive, backPressure, iteration, sidecar, balance]) await visit()

const open = `The shop was open for ${Math.round(clock.now() / MINUTE)} minutes.`
console.log(`\n${open} This program took ${(performance.now() / SECOND).toFixed(1)} seconds.`)
