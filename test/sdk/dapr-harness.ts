/**
 * Dapr's own client and server, unmodified, with a sidecar between them: all
 * three in this process, over real sockets. Everybody takes a port that is free.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, Server } from 'node:http'
import type { TestContext } from 'node:test'
import { DaprClient, DaprServer } from '@dapr/dapr'
import { DaprSidecar, type DaprSidecarOptions, type LogEntry } from 'busbar/dapr'
import { ManualClock } from 'busbar/testing'

export type PubSub = DaprServer['pubsub']
export type Callback = Parameters<PubSub['subscribe']>[2]

const HOST = '127.0.0.1'
const silence = (): void => {}
/** Otherwise they print what goes well, and what these tests let fail on purpose. */
const QUIET = { service: { error: silence, warn: silence, info: silence, verbose: silence, debug: silence } }

/** Where a client looks for a sidecar that no test needs. */
const NOWHERE = '1'

export interface Setting {
  readonly client: DaprClient
  readonly server: DaprServer
  readonly sidecar: DaprSidecar
  /** Of the sidecar's brokers. */
  readonly clock: ManualClock
  readonly log: readonly LogEntry[]
  /** What the app was asked, e.g. `POST /pubsub--orders--default`. */
  readonly requests: readonly string[]
}

export interface Options extends Omit<DaprSidecarOptions, 'clock'> {
  readonly clock?: ManualClock
}

/** What a callback of a test was given. */
export interface Call {
  readonly data: unknown
  readonly headers: Readonly<Record<string, unknown>>
}

/** A callback that remembers its calls, and answers what it is told to. */
export class Recorder {
  readonly calls: Call[] = []
  answer: (data: unknown) => unknown

  /** @param answer undefined: the message is done */
  constructor(answer: (data: unknown) => unknown = () => undefined) {
    this.answer = answer
  }

  get data(): readonly unknown[] {
    return this.calls.map(({ data }) => data)
  }

  readonly callback: Callback = async (data: unknown, headers: object) => {
    this.calls.push({ data, headers: { ...headers } })
    return this.answer(data)
  }
}

/** A `DaprServer` that waits for its subscriptions, then for `listen()`. Stopped when the test is over. */
export function serverFor(context: TestContext, daprPort: string = NOWHERE, serverPort = '0'): DaprServer {
  const clientOptions = { daprHost: HOST, daprPort, logger: QUIET }
  const server = new DaprServer({ serverHost: HOST, serverPort, clientOptions, logger: QUIET })
  context.after(() => server.stop())
  return server
}

/** Listens without waiting for a sidecar. */
export async function listen({ daprServer }: DaprServer): Promise<{ port: number; requests: readonly string[] }> {
  await daprServer.start(HOST, '0')
  assert.ok('serverInstance' in daprServer && daprServer.serverInstance instanceof Server)
  const requests: string[] = []
  daprServer.serverInstance.on('request', ({ method, url }) => requests.push(`${method} ${url}`))
  return { port: portOf(daprServer.serverInstance), requests }
}

/** A port that nobody listens on, for who has to know it before. */
export async function freePort(): Promise<string> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return String(port)
}

function portOf(server: Server): number {
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

function clientFor(context: TestContext, sidecar: DaprSidecar, daprApiToken?: string): DaprClient {
  const token = daprApiToken === undefined ? {} : { daprApiToken }
  const client = new DaprClient({ daprHost: HOST, daprPort: String(sidecar.httpPort), logger: QUIET, ...token })
  context.after(() => client.stop())
  return client
}

/** Answers come over sockets: however slow the machine, a handler that does not return is no handler that hangs. */
function patientClock(): ManualClock {
  return new ManualClock({ patienceMs: 30_000 })
}

/** A sidecar and a client for it. `options.app` is up to the test. */
export async function beginSidecar(
  context: TestContext,
  { clock = patientClock(), ...options }: Options = {},
): Promise<Omit<Setting, 'server' | 'requests'>> {
  const log: LogEntry[] = []
  const sidecar = await DaprSidecar.start({ appId: 'shop', clock, log: (entry) => log.push(entry), ...options })
  context.after(() => sidecar.close({ graceMs: 0 }))
  return { client: clientFor(context, sidecar, options.apiToken), sidecar, clock, log }
}

/** An app that has subscribed and listens, and a sidecar that knows it. */
export async function begin(
  context: TestContext,
  subscribe: (pubsub: PubSub) => Promise<void>,
  options: Options = {},
): Promise<Setting> {
  const server = serverFor(context)
  await subscribe(server.pubsub)
  const { port, requests } = await listen(server)
  return { server, requests, ...(await beginSidecar(context, { app: port, ...options })) }
}
