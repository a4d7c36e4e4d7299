import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TimedChannel } from '../../src/dapr/timed-channel.ts'
import type { AppRequest, AppResponse } from '../../src/dapr/wire.ts'
import { ManualClock } from '../../src/testing/index.ts'

/** Longer than any native timer. */
const LONG_MS = 2 ** 32

const REQUEST: AppRequest = { method: 'POST', path: '/orders', headers: {}, body: 'x' }
const OK: AppResponse = { status: 200, body: '' }

/** A channel on which one call waits until it is told to begin, and then for its answer. */
class Line {
  readonly clock = new ManualClock()
  readonly timed: TimedChannel
  begin: () => void = () => {}
  answer: (response: AppResponse) => void = () => {}

  constructor(timeoutMs: number = 1000) {
    this.timed = new TimedChannel({ call: (request) => this.#call(request) }, { clock: this.clock, timeoutMs })
  }

  #call({ signal, onBegin = () => {} }: AppRequest): Promise<AppResponse> {
    this.begin = onBegin
    return new Promise((resolve, reject) => {
      this.answer = resolve
      signal?.addEventListener('abort', { handleEvent: () => reject(signal.reason) })
    })
  }

  /** No timer is left. */
  async checkEnd(): Promise<void> {
    const now = this.clock.now()
    await this.clock.runAll()
    assert.equal(this.clock.now(), now)
  }
}

describe('TimedChannel', () => {
  it('gives a call its time from its beginning on', async () => {
    const line = new Line()
    const call = line.timed.call(REQUEST)
    await line.clock.advance(60_000)
    line.begin()
    await line.clock.advance(999)
    line.answer(OK)
    assert.deepEqual(await call, OK)
    await line.checkEnd()
  })

  it('ends it when that is over', async () => {
    const line = new Line()
    const call = line.timed.call(REQUEST)
    line.begin()
    const failed = assert.rejects(call, /^Error: The app did not answer within 1000 ms$/)
    await line.clock.advance(1000)
    await failed
    await line.checkEnd()
  })

  it('gives it more time than a native timer has', async () => {
    const line = new Line(LONG_MS)
    let isOver = false
    const failed = assert.rejects(line.timed.call(REQUEST), /4294967296 ms/).then(() => (isOver = true))
    line.begin()
    await line.clock.advance(LONG_MS - 1)
    assert.equal(isOver, false)
    await line.clock.advance(1)
    await failed
    await line.checkEnd()
  })

  for (const [when, prepare] of [
    ['in line', () => {}],
    ['under way', (line: Line) => line.begin()],
  ] as const) {
    it(`ends a call that is ${when} when its signal aborts, and leaves no listener on it`, async () => {
      const line = new Line()
      const { signal, abort, count } = watched()
      const call = line.timed.call({ ...REQUEST, signal })
      prepare(line)
      assert.equal(count(), 1)
      abort(new Error('taken away'))
      await assert.rejects(call, /taken away/)
      assert.equal(count(), 0)
      await line.checkEnd()
      await assert.rejects(line.timed.call({ ...REQUEST, signal }), /taken away/)
    })
  }
})

/** A signal, and how many listen to it. */
function watched(): { signal: AbortSignal; abort: (reason: Error) => void; count: () => number } {
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove(...args)
  }
  return { signal, abort: (reason) => controller.abort(reason), count: () => listeners }
}
