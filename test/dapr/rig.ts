/**
 * A whole sidecar on a port, for bad input from both sides, and the oracle that
 * is asked after each: the process is well, a good publish on a connection of
 * its own is accepted and delivered, and in the end no socket is left.
 */
import assert from 'node:assert/strict'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { TestContext } from 'node:test'
import { DaprSidecar, type DaprSidecarOptions } from '../../src/dapr/index.ts'
import type { LogEntry } from '../../src/dapr/log.ts'
import type { BrokerStats } from '../../src/stats.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { FakeApp } from './harness.ts'
import { openSockets, RawClient, turnsUntil } from './raw.ts'

export const TOKEN = 'a-secret-token'

/** What the sidecar answered. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A message as the app got it; `text` is its body. */
export interface Delivered {
  readonly path: string
  readonly headers: Headers
  readonly text: string
}

export interface Rig {
  readonly sidecar: DaprSidecar
  readonly clock: ManualClock
  readonly log: readonly LogEntry[]
  readonly stats: BrokerStats
  /** A request on a connection of its own. */
  ask(target: string, asked?: Asked): Promise<Answer>
  /** As `ask`, byte by byte as it is given: for what `node:http` would not send. */
  say(head: string, body?: string): Promise<Answer>
  /** What has been delivered, canaries aside, when nothing is queued any more. */
  delivered(): Promise<readonly Delivered[]>
}

export interface RigOptions extends Partial<DaprSidecarOptions> {
  /** What the app asks for besides canaries; default: everything on `pubsub`, on `/all`. */
  readonly subscriptions?: readonly Readonly<Record<string, unknown>>[]
  readonly answer?: FakeApp['answer']
}

const CANARY = 'canary'
const IN_MEMORY = { type: 'pubsub.in-memory' }
const ALL = { pubsubname: 'pubsub', topic: '*', route: '/all' }

/** Runs an attack, then asks the oracle. */
export async function attack(t: TestContext, options: RigOptions, deed: (rig: Rig) => Promise<void>): Promise<void> {
  const troubles = watchProcess(t)
  const before = openTimers()
  const { subscriptions = [ALL], answer, pubsubs = { pubsub: IN_MEMORY }, ...rest } = options
  const app = new FakeApp(...subscriptions, { pubsubname: CANARY, topic: CANARY, route: '/canary' })
  if (answer !== undefined) app.answer = answer
  const clock = new ManualClock({ now: Date.UTC(2026, 0, 1) })
  const log: LogEntry[] = []
  const sidecar = await DaprSidecar.start({
    appId: 'shop',
    app: app.fetch,
    pubsubs: { ...pubsubs, [CANARY]: IN_MEMORY },
    clock,
    log: (entry) => log.push(entry),
    ...rest,
  })
  try {
    await deed(rigOf({ sidecar, clock, log, app }))
    await singCanary(sidecar, app, rest.apiToken)
  } finally {
    await sidecar.close({ graceMs: 0 })
  }
  await turnsUntil(() => openSockets() === 0 && openTimers() <= before)
  const end = clock.now()
  await clock.runAll()
  assert.equal(clock.now(), end, 'a timer was left')
  assert.deepEqual(troubles, [])
  assert.doesNotMatch(JSON.stringify(log), new RegExp(TOKEN))
}

function openTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

/** Warnings, and errors that nobody took care of. */
export function watchProcess(t: TestContext): readonly unknown[] {
  const troubles: unknown[] = []
  const note = (trouble: unknown): void => void troubles.push(trouble)
  for (const event of ['warning', 'unhandledRejection'] as const) {
    process.on(event, note)
    t.after(() => process.off(event, note))
  }
  return troubles
}

/** A good publish is accepted, and delivered. */
async function singCanary(sidecar: DaprSidecar, app: FakeApp, token: string | undefined): Promise<void> {
  const before = app.data('/canary').length
  const headers = { 'content-type': 'application/json', ...(token !== undefined && { 'dapr-api-token': token }) }
  const target = `/v1.0/publish/${CANARY}/${CANARY}`
  const { status } = await send(sidecar.httpPort, target, { method: 'POST', headers, body: `${before}` })
  assert.equal(status, 204)
  await sidecar.broker(CANARY)?.settled()
  assert.equal(app.data('/canary').at(-1), before)
}

function rigOf(parts: { sidecar: DaprSidecar; clock: ManualClock; log: LogEntry[]; app: FakeApp }): Rig {
  const { sidecar, clock, log, app } = parts
  const stats = (): BrokerStats => {
    const { pubsub } = sidecar.stats().pubsubs
    assert.ok(pubsub)
    return pubsub
  }
  const ask: Rig['ask'] = async (target, asked) => plain(await send(sidecar.httpPort, target, asked))
  return {
    sidecar,
    clock,
    log,
    get stats() {
      return stats()
    },
    ask,
    async say(head, body = '') {
      const client = new RawClient(sidecar.httpPort)
      client.say(`${head}\r\nHost: localhost\r\nConnection: close\r\n\r\n${body}`)
      await client.until(() => isWhole(client.text))
      client.end()
      return plain(answerIn(client.text))
    },
    async delivered() {
      await sidecar.broker('pubsub')?.settled()
      return app.calls.filter(({ path }) => path !== '/canary')
    },
  }
}

/** What every answer owes: an error says what it is, in JSON, and shows nothing of the inside. */
function plain(answer: Answer): Answer {
  const { status, headers, body } = answer
  assert.doesNotMatch(body, /node_modules|\.[jt]s:\d+|\bat \S+ \(/)
  assert.doesNotMatch(body, new RegExp(TOKEN))
  if (status < 400 || status === 401) return answer
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['content-type'], 'application/json')
  if (body === '') return answer // to a HEAD
  const { errorCode } = JSON.parse(body) as { errorCode?: unknown }
  assert.match(String(errorCode), /^ERR_[A-Z_]+$/)
  return answer
}

function send(port: number, target: string, { method = 'POST', headers = {}, body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', method, path: target, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

function isWhole(text: string): boolean {
  if (!text.includes('\r\n\r\n')) return false
  const { status, headers, body } = answerIn(text)
  return status === 204 || body.length === Number(headers['content-length'])
}

function answerIn(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 2),
  ])
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body: rest.join('\r\n\r\n') }
}

/** The attributes of a delivered CloudEvent. */
export function eventIn({ text }: Delivered): Readonly<Record<string, unknown>> {
  return JSON.parse(text) as Record<string, unknown>
}
