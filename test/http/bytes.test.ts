import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Bytes, bodyInit, readStream } from '../../src/http/bytes.ts'

function streamOf(chunks: readonly Uint8Array[], onCancel?: (reason: unknown) => void): ReadableStream<Uint8Array> {
  const left = [...chunks]
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift()
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    },
    ...(onCancel !== undefined && { cancel: onCancel }),
  })
}

describe('Bytes', () => {
  it('holds what was added, up to the limit, whatever the chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.nat({ max: 100 }), (chunks, limit) => {
        const bytes = new Bytes(limit)
        const fitted = chunks.map((chunk) => bytes.add(chunk))
        const whole = Buffer.concat(chunks)
        assert.deepEqual(Buffer.from(bytes.all), whole.subarray(0, limit))
        assert.equal(bytes.size, Math.min(whole.length, limit))
        assert.equal(
          fitted.every((fits) => fits),
          whole.length <= limit,
        )
      }),
    )
  })

  it('leaves the chunks as they are', () => {
    const first = new Uint8Array([1, 2])
    const bytes = new Bytes(Infinity)
    for (const chunk of [first, new Uint8Array([3]), new Uint8Array([4])]) bytes.add(chunk)
    assert.deepEqual(first, new Uint8Array([1, 2]))
    assert.deepEqual(bytes.all, new Uint8Array([1, 2, 3, 4]))
  })

  it('keeps a body in chunks of one byte in at most twice its size', () => {
    const bytes = new Bytes(Infinity)
    for (let i = 0; i < 100_000; i++) bytes.add(new Uint8Array([i]))
    assert.ok(bytes.all.buffer.byteLength <= 200_000)
  })
})

describe('readStream', () => {
  it('reads a stream to its end', async () => {
    const chunks = [new Uint8Array([1]), new Uint8Array([2, 3])]
    assert.deepEqual(await readStream(streamOf(chunks), 3), { bytes: new Uint8Array([1, 2, 3]), isCut: false })
    assert.deepEqual(await readStream(null, 3), { bytes: new Uint8Array(0), isCut: false })
  })

  it('reads up to the limit and cancels the rest', async () => {
    let isCancelled = false
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array([7, 7])),
      cancel: () => void (isCancelled = true),
    })
    assert.deepEqual(await readStream(endless, 3), { bytes: new Uint8Array([7, 7, 7]), isCut: true })
    assert.equal(isCancelled, true)
  })

  it('ends with its signal while the stream says nothing', async () => {
    const stop = new AbortController()
    const reasons: unknown[] = []
    const silent = new ReadableStream<Uint8Array>({ cancel: (reason) => void reasons.push(reason) })
    const reading = readStream(silent, 3, stop.signal)
    const reason = new Error('enough')
    stop.abort(reason)
    await assert.rejects(reading, reason)
    assert.deepEqual(reasons, [reason])
  })

  it('leaves no listener on its signal', async () => {
    const { signal } = new AbortController()
    let count = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...facts: Parameters<typeof addEventListener>) => {
      count++
      addEventListener.apply(signal, facts)
    }
    signal.removeEventListener = (...facts: Parameters<typeof removeEventListener>) => {
      count--
      removeEventListener.apply(signal, facts)
    }
    await readStream(streamOf([new Uint8Array([1])]), 3, signal)
    assert.equal(count, 0)
  })

  it('fails as the stream does', async () => {
    const failure = new Error('broken')
    const broken = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(failure) })
    await assert.rejects(readStream(broken, 3), failure)
  })
})

describe('bodyInit', () => {
  it('is nothing for what is empty', () => {
    for (const empty of [undefined, '', new Uint8Array(0)]) assert.equal(bodyInit(empty), null)
  })

  it('hands texts on and copies bytes', () => {
    const bytes = new Uint8Array([1, 2])
    assert.equal(bodyInit('a'), 'a')
    assert.deepEqual(bodyInit(bytes), bytes)
    assert.notEqual(bodyInit(bytes), bytes)
  })
})
