import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Discovery, type InitEndpoint } from '../../src/dapr/discovery.ts'
import type { AppChannel, AppRequest, AppResponse, SubscriptionSpec } from '../../src/dapr/wire.ts'
import { ManualClock } from '../../src/testing/index.ts'

const LIST = JSON.stringify([{ pubsubname: 'pubsub', topic: 'orders', route: '/orders' }])

/** An app that listens from some look on, and answers what it is told. */
class App implements AppChannel {
  looks = 0
  listensFrom = 1
  readonly asked: string[] = []
  /** Undefined: never. */
  answer: (path: string, count: number) => AppResponse | Error | undefined = () => ({ status: 200, body: LIST })

  call({ path, signal }: AppRequest): Promise<AppResponse> {
    this.asked.push(path)
    const answer = this.answer(path, this.asked.length)
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', { handleEvent: () => reject(signal.reason) })
      if (answer instanceof Error) reject(answer)
      else if (answer !== undefined) resolve(answer)
    })
  }

  isListening(): Promise<boolean> {
    return Promise.resolve(++this.looks >= this.listensFrom)
  }

  async close(): Promise<void> {}
}

function discoveryOf(
  app: App,
  disabled: readonly InitEndpoint[] = [],
): { discovery: Discovery; clock: ManualClock; found: string[][]; reasons: unknown[] } {
  const clock = new ManualClock()
  const found: string[][] = []
  const reasons: unknown[] = []
  const discovery = new Discovery({
    channel: app,
    appId: 'shop',
    disabled,
    clock,
    log: ({ level, reason }) => level === 'error' && reasons.push(reason),
    found: (specs: readonly SubscriptionSpec[]) => void found.push(specs.map(({ topic }) => topic)),
  })
  return { discovery, clock, found, reasons }
}

describe('Discovery', () => {
  it('asks for the configuration, then for the subscriptions', async () => {
    const app = new App()
    const { discovery, found } = discoveryOf(app)
    await discovery.run()
    await discovery.done
    assert.deepEqual(app.asked, ['/dapr/config', '/dapr/subscribe'])
    assert.deepEqual(found, [['orders']])
    assert.ok(discovery.isDone)
  })

  it('waits for an app that does not listen, and a moment longer', async () => {
    const app = new App()
    app.listensFrom = 4
    const { discovery, clock } = discoveryOf(app)
    const running = discovery.run()
    await clock.advance(399)
    assert.deepEqual([app.looks, app.asked], [4, []])
    await clock.advance(1)
    await running
    assert.equal(app.asked.length, 2)
  })

  it('asks one question at a time, however often it is told to', async () => {
    const app = new App()
    const { discovery } = discoveryOf(app)
    await Promise.all([discovery.run(), discovery.run()])
    assert.equal(app.asked.length, 2)
    await discovery.run()
    assert.equal(app.asked.length, 4)
  })

  for (const [what, answer, times, tookMs, reason] of [
    ['three times more that breaks the connection', new Error('broken'), 4, 500 + 750 + 1000, 'broken'],
    ['once that never answers', undefined, 1, 5000 + 5000, 'no answer within 5000 ms'],
  ] as const) {
    it(`asks an app ${what}, then goes on without`, async () => {
      const app = new App()
      app.answer = () => answer
      const { discovery, clock, found, reasons } = discoveryOf(app)
      const running = discovery.run()
      await clock.runAll()
      await running
      assert.deepEqual(app.asked, ['/dapr/config', ...Array(times).fill('/dapr/subscribe')])
      assert.equal(clock.now(), tookMs)
      assert.deepEqual(found, [[]])
      assert.deepEqual(reasons, [reason])
    })
  }

  it('takes an HTTP status for an answer, whichever it is', async () => {
    const app = new App()
    app.answer = () => ({ status: 500, body: '' })
    const { discovery, found, reasons } = discoveryOf(app)
    await discovery.run()
    assert.equal(app.asked.length, 2)
    assert.deepEqual([found, reasons], [[[]], ['the app answered with status 500']])
  })

  it('tells nothing when an app that has answered before does not say what it wants now', async () => {
    const app = new App()
    const { discovery, found } = discoveryOf(app)
    await discovery.run()
    app.answer = () => ({ status: 500, body: '' })
    await discovery.run()
    app.answer = () => ({ status: 404, body: '' })
    await discovery.run()
    assert.deepEqual(found, [['orders'], []])
  })

  it('leaves out what it is told to', async () => {
    const app = new App()
    const { discovery, found } = discoveryOf(app, ['config', 'subscribe'])
    await discovery.run()
    assert.deepEqual([app.asked, found], [[], [[]]])
  })

  for (const [when, prepare] of [
    ['while the app is away', (app: App) => void (app.listensFrom = Infinity)],
    ['while it waits for an answer', (app: App) => void (app.answer = () => undefined)],
    ['between two questions', (app: App) => void (app.answer = () => new Error('broken'))],
  ] as const) {
    it(`stops ${when}, leaves no timer, and asks no more`, async () => {
      const app = new App()
      prepare(app)
      const { discovery, clock, found, reasons } = discoveryOf(app)
      const running = discovery.run()
      await clock.advance(50)
      discovery.stop()
      await assert.rejects(running, { code: 'ERR_CLOSED' })
      await assert.rejects(discovery.done, { code: 'ERR_CLOSED' })
      await assert.rejects(discovery.run(), { code: 'ERR_CLOSED' })
      const asked = app.asked.length
      await clock.runAll()
      assert.equal(clock.now(), 50)
      assert.deepEqual([app.asked.length, found, reasons], [asked, [], []])
    })
  }
})
