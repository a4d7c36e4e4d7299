/**
 * The Dapr door beside bare HTTP: what does it cost to publish over HTTP, to
 * deliver to an app, and to start a sidecar?
 */
import { Agent, createServer, request } from 'node:http'
import type { Bench, Trial } from '../bench.ts'
import { Broker } from '../busbar.ts'
import { DaprSidecar } from '../doors.ts'
import { Load } from '../load.ts'
import { type Bar, BUSBAR, faster, type Question } from '../question.ts'
import { listenTo, remoteTrial, startRemote } from '../remote.ts'

const SERVERS = 'http-servers.js'
const ROUNDS = 9

const order = { value: 1, orderId: '64-0017', items: [{ sku: 'A-113', count: 2 }], note: 'Leave it at the door' }

const CONNECTIONS = 64
const PUBLISH = `publish over ${CONNECTIONS} connections`
const CPU = 'the same, CPU time of the server'
const PUBLISHERS = [BUSBAR, 'node:http', 'fastify', 'express']

async function measurePublish(bench: Bench): Promise<void> {
  const operations = bench.size(3200)
  const trials: Record<string, Trial> = {}
  const cpu: Record<string, number[]> = {}
  for (const name of PUBLISHERS) {
    const remote = await startRemote(SERVERS, name)
    const load = await Load.start(remote.port, CONNECTIONS, publishRequest())
    // Nobody is measured cold.
    if (!bench.isSmoke) await load.run(4 * operations)
    cpu[name] = []
    trials[name] = remoteTrial(remote, (count) => load.run(count), cpu[name])
  }
  await bench.compare(PUBLISH, trials, { operations, rounds: ROUNDS, bytes: 'none' })
  for (const [contender, spent] of Object.entries(cpu)) {
    bench.record({ row: CPU, contender, ns: spent.slice(-ROUNDS) })
  }
}

function publishRequest(): string {
  const body = JSON.stringify(order)
  const head = [
    'POST /v1.0/publish/pubsub/orders HTTP/1.1',
    'Host: 127.0.0.1',
    'Accept: */*',
    'User-Agent: bench',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const DELIVER = 'deliver to an app, one after the other'

async function measureDelivery(bench: Bench): Promise<void> {
  const app = await startRemote(SERVERS, 'node:http')
  const operations = bench.size(1000)
  const trials = {
    [BUSBAR]: remoteTrial(app, await deliverer(app.port)),
    'node:http': remoteTrial(app, poster(app.port, await deliveredBody())),
  }
  if (!bench.isSmoke) for (const { run } of Object.values(trials)) await run(2 * operations, () => {})
  await bench.compare(DELIVER, trials, { operations, rounds: ROUNDS, bytes: 'none' })
}

const subscription = {
  apiVersion: 'dapr.io/v2alpha1',
  kind: 'Subscription',
  metadata: { name: 'orders' },
  spec: { pubsubname: 'pubsub', topic: 'orders', routes: { default: '/orders' } },
}

type App = number | ((request: Request) => Promise<Response>)
type Orders = Broker<{ orders: typeof order }>

/** Orders published there are delivered to the app. */
async function brokerFor(app: App): Promise<Orders> {
  const broker: Orders = new Broker()
  await DaprSidecar.start({
    pubsubs: { pubsub: broker },
    app,
    httpPort: false,
    resources: [subscription],
    disableInitEndpoints: ['config', 'subscribe'],
  })
  return broker
}

async function deliverer(app: App): Promise<(operations: number) => Promise<void>> {
  const broker = await brokerFor(app)
  return (operations) => {
    for (let i = 0; i < operations; i++) void broker.publish('orders', order)
    return broker.settled()
  }
}

/** What an app is sent for an order. */
function deliveredBody(): Promise<string> {
  return new Promise((resolve, reject) => {
    const app = async (request: Request): Promise<Response> => {
      resolve(await request.text())
      return new Response()
    }
    brokerFor(app).then((broker) => broker.publish('orders', order), reject)
  })
}

function poster(port: number, body: string): (operations: number) => Promise<void> {
  const headers = { 'content-type': 'application/cloudevents+json', 'content-length': Buffer.byteLength(body) }
  const options = {
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/orders',
    headers,
    agent: new Agent({ keepAlive: true }),
  }
  const post = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(options, (answer) => answer.resume().on('end', resolve))
      sent.on('error', reject).end(body)
    })
  return async (operations) => {
    for (let i = 0; i < operations; i++) await post()
  }
}

const START = 'start a sidecar'
const START_WITH_APP = 'start a sidecar with an app'

interface Started {
  readonly url: string
  close(): Promise<unknown>
}

async function measureStart(bench: Bench): Promise<void> {
  const app = (await startRemote(SERVERS, 'node:http')).port
  const sidecar = startTrial(() => DaprSidecar.start())
  await bench.compare(START, { [BUSBAR]: sidecar, 'node:http': startTrial(bareServer) }, { bytes: 'none' })
  await bench.compare(START_WITH_APP, { [BUSBAR]: startTrial(() => DaprSidecar.start({ app })) }, { bytes: 'none' })
}

/** One after the other; each is asked something, and closed, when the time has been taken. */
function startTrial(start: () => Promise<Started>): Trial {
  const started: Started[] = []
  let answered = 0
  return {
    received: () => answered,
    async run(operations) {
      for (let i = 0; i < operations; i++) started.push(await start())
    },
    async finish() {
      for (const server of started.splice(0)) {
        if ((await fetch(`${server.url}/v1.0/healthz`)).status === 204) answered++
        await server.close()
      }
    },
  }
}

async function bareServer(): Promise<Started> {
  const server = createServer((_, response) => response.writeHead(204).end())
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${await listenTo(server)}`, close }
}

export const question: Question = {
  title: 'Dapr over HTTP',
  about:
    'Publishing: a process of its own asks over 64 keep-alive connections, each as soon as it has its answer, and the ' +
    'server answers 204. The bare node:http server reads the body and does not look at it; fastify and express parse it ' +
    'and call a handler. Busbar does more: it checks who asks, makes a CloudEvent in the bytes that Dapr would make of ' +
    'it, and queues it for a subscriber in its process, who acks. Delivering: events are published in process and posted ' +
    'to an app in a process of its own, each when the one before has been answered; beside it a loop over http.request ' +
    'that posts the body of such an event. Starting: in a process that has started some before; an app is asked for ' +
    'what it subscribes to.',
  scenarios: [
    { name: 'publish', measure: measurePublish },
    { name: 'deliver', measure: measureDelivery },
    { name: 'start', processes: 1, measure: measureStart },
  ],
  bars: [
    ...faster(PUBLISH, { 'node:http': 0.85, fastify: 1 }),
    ...faster(DELIVER, { 'node:http': 0.87 }), // at most 1.15 times its time
    ...[START, START_WITH_APP].map((row): Bar => ({ kind: 'within', row, ms: 20 })),
  ],
}
