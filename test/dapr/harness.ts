/** An app without a socket, and a sidecar before it. */
import type { TestContext } from 'node:test'
import { DaprSidecar, type DaprSidecarOptions } from '../../src/dapr/index.ts'
import type { LogEntry } from '../../src/dapr/log.ts'
import { ManualClock } from '../../src/testing/index.ts'

/** What the app is told to subscribe to, as `GET /dapr/subscribe` answers it. */
export type Asked = Readonly<Record<string, unknown>>

/** One call of the app. */
export interface Call {
  readonly path: string
  readonly headers: Headers
  /** The body as JSON, or as text where it is none. */
  readonly body: unknown
  readonly text: string
}

/** The app: answers what `answer` says, remembers every delivery. */
export class FakeApp {
  subscriptions: readonly Asked[] = []
  /** Undefined: 200 without a body. */
  answer: (call: Call) => unknown = () => undefined
  readonly calls: Call[] = []
  readonly asked: string[] = []

  constructor(...subscriptions: readonly Asked[]) {
    this.subscriptions = subscriptions
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (request.method === 'GET') {
      this.asked.push(pathname)
      return pathname === '/dapr/subscribe' ? Response.json(this.subscriptions) : new Response(null, { status: 404 })
    }
    const text = await request.text()
    const call = { path: pathname, headers: request.headers, body: parsed(text), text }
    this.calls.push(call)
    const answer = await this.answer(call)
    return answer instanceof Response ? answer : answer === undefined ? new Response() : Response.json(answer)
  }

  /** The data of what came on a path. */
  data(path?: string): unknown[] {
    return this.calls.filter((call) => path === undefined || call.path === path).map(({ body }) => dataOf(body))
  }

  paths(): string[] {
    return this.calls.map(({ path }) => path)
  }
}

export interface Setting {
  readonly sidecar: DaprSidecar
  readonly app: FakeApp
  readonly clock: ManualClock
  readonly log: LogEntry[]
  /** Publishes over the API; the whole answer. */
  publish(target: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** Any request. */
  ask(method: string, path: string, init?: RequestInit): Promise<Response>
}

/** A sidecar without a port, closed when the test is over. */
export async function begin(
  context: TestContext,
  app: FakeApp = new FakeApp(),
  options: Partial<DaprSidecarOptions> = {},
): Promise<Setting> {
  const clock = new ManualClock({ now: Date.UTC(2026, 0, 1) })
  const log: LogEntry[] = []
  const sidecar = await DaprSidecar.start({
    appId: 'shop',
    app: app.fetch,
    httpPort: false,
    clock,
    log: (entry) => log.push(entry),
    ...options,
  })
  context.after(() => sidecar.close({ graceMs: 0 }))
  const ask = (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    sidecar.fetch(new Request(`http://localhost${path}`, { method, ...init }))
  return {
    sidecar,
    app,
    clock,
    log,
    ask,
    publish(target, body, headers = {}) {
      const isText = typeof body === 'string' || body instanceof Uint8Array
      const type = isText ? {} : { 'content-type': 'application/json' }
      const init = { headers: { ...type, ...headers }, body: isText ? body : JSON.stringify(body) }
      return ask('POST', `/v1.0/publish/${target}`, init as RequestInit)
    },
  }
}

function dataOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'data' in body ? body.data : body
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
