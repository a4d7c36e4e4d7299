import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import { BodyReader } from '../../src/momento/body.ts'
import type { Exchange } from '../../src/momento/exchange.ts'
import type { StatusName } from '../../src/momento/status.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

const clock = new ManualClock()
const reader = (): BodyReader => new BodyReader({ budgetBytes: 100, timeoutMs: 1000, clock })

interface Upload {
  readonly input: PassThrough
  /** What comes of it: the body, or how it is refused. */
  readonly result: Promise<string | StatusName>
}

function upload(bodies: BodyReader, length?: number): Upload {
  const input = new PassThrough()
  // Nothing else of an exchange is looked at.
  const exchange = { input, headers: { 'content-length': length?.toString() } } as Partial<Exchange> as Exchange
  const result = bodies.read(exchange, 50).then(String, (error: { status: StatusName }) => error.status)
  return { input, result }
}

describe('BodyReader', () => {
  it('gives a body as a whole, and its room back', async () => {
    const bodies = reader()
    const { input, result } = upload(bodies)
    input.write('one ')
    input.end('two')
    assert.equal(await result, 'one two')
    assert.equal(bodies.bytesUnderWay, 0)
  })

  it('takes what is just within the limit', async () => {
    const { input, result } = upload(reader(), 50)
    input.end('x'.repeat(50))
    assert.equal((await result).length, 50)
  })

  it('refuses what is too long before it comes', async () => {
    const { input, result } = upload(reader(), 51)
    assert.equal(await result, 'RESOURCE_EXHAUSTED')
    assert.equal(input.listenerCount('data'), 0)
  })

  for (const [what, act, expected] of [
    ['is too long', ({ input }) => input.write('x'.repeat(51)), 'RESOURCE_EXHAUSTED'],
    ['breaks off', ({ input }) => input.destroy(), 'CANCELLED'],
    ['takes too long', () => void clock.advance(1000), 'DEADLINE_EXCEEDED'],
  ] as const satisfies readonly (readonly [string, (upload: Upload) => unknown, StatusName])[]) {
    it(`refuses what ${what}, and keeps nothing of it`, async () => {
      const bodies = reader()
      const started = upload(bodies)
      started.input.write('some')
      await new Promise(setImmediate)
      assert.equal(bodies.bytesUnderWay, 4)
      act(started)
      assert.equal(await started.result, expected)
      assert.equal(bodies.bytesUnderWay, 0)
      assert.equal(started.input.listenerCount('data'), 0)
    })
  }

  it('refuses one of many that are too long together', async () => {
    const bodies = reader()
    const uploads = [upload(bodies), upload(bodies), upload(bodies)]
    for (const { input } of uploads) input.write('x'.repeat(40))
    assert.equal(await uploads[2]?.result, 'UNAVAILABLE')
    assert.equal(bodies.bytesUnderWay, 80)
    for (const { input } of uploads.slice(0, 2)) input.end()
    assert.equal((await uploads[0]?.result)?.length, 40)
    assert.equal((await uploads[1]?.result)?.length, 40)
    assert.equal(bodies.bytesUnderWay, 0)
  })
})
