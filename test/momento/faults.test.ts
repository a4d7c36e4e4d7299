import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RequestHeaders } from '../../src/momento/exchange.ts'
import { type Fault, Faults, type RpcName } from '../../src/momento/faults.ts'

const errorOf = (faults: Faults, rpc: RpcName = 'topic-publish', metadata: RequestHeaders = {}): string | undefined =>
  faults.next(rpc, metadata).error?.status

describe('Faults.inject', () => {
  it('fails calls until it is taken back', () => {
    const faults = new Faults(() => {})
    const takeBack = faults.inject({ error: 'unavailable' })
    assert.deepEqual([errorOf(faults), errorOf(faults, 'create-cache')], ['UNAVAILABLE', 'UNAVAILABLE'])
    takeBack()
    assert.equal(errorOf(faults), undefined)
  })

  it('counts the calls that it is about, and no others', () => {
    const faults = new Faults(() => {})
    faults.inject({ rpcs: ['topic-publish'], error: 'aborted', count: 2 })
    assert.equal(errorOf(faults, 'topic-subscribe'), undefined)
    assert.deepEqual([errorOf(faults), errorOf(faults), errorOf(faults)], ['ABORTED', 'ABORTED', undefined])
  })

  it('lets several faults each do their part, the latest first', () => {
    const faults = new Faults(() => {})
    faults.inject({ delayMs: 5, error: 'internal' })
    faults.inject({ error: 'not-found', details: 'gone' })
    const { delayMs, error } = faults.next('topic-publish', {})
    assert.deepEqual([delayMs, error?.status, error?.message], [5, 'NOT_FOUND', 'gone'])
    faults.clear()
    assert.deepEqual(faults.next('topic-publish', {}), {
      delayMs: 0,
      error: undefined,
      streamError: undefined,
      afterMessages: 0,
    })
  })

  it('breaks subscriptions off after some messages', () => {
    const faults = new Faults(() => {})
    faults.inject({ streamError: 'data-loss', afterMessages: 3 })
    const { streamError, afterMessages } = faults.next('topic-subscribe', {})
    assert.deepEqual([streamError?.status, afterMessages], ['DATA_LOSS', 3])
  })

  for (const [fault, option] of [
    [{}, 'error'],
    [{ details: 'x' }, 'error'],
    [{ error: 'NOT_FOUND' }, 'error'],
    [{ error: 'ok' }, 'error'],
    [{ delayMs: -1 }, 'delayMs'],
    [{ delayMs: 1, count: 0 }, 'count'],
    [{ delayMs: 1, rpcs: [] }, 'rpcs'],
    [{ delayMs: 1, rpcs: ['publish'] }, 'rpcs'],
    [{ streamError: 'internal', afterMessages: 1.5 }, 'afterMessages'],
    [{ delay: 1 }, 'delay'],
  ] as const) {
    it(`refuses ${JSON.stringify(fault)}`, () =>
      // What the types do not let through.
      assert.throws(() => new Faults(() => {}).inject(fault as unknown as Fault), {
        code: 'ERR_OPTION_INVALID',
        option,
      }))
  }
})

describe('Faults that a request asks for', () => {
  const asked = { 'request-id': 'r1', 'return-error': 'not-found', 'error-rpcs': 'topic-publish topic-subscribe' }

  it('are for the calls that it names', () => {
    const faults = new Faults(() => {})
    assert.equal(errorOf(faults, 'topic-publish', asked), 'NOT_FOUND')
    assert.equal(errorOf(faults, 'topic-subscribe', asked), 'NOT_FOUND')
    assert.equal(errorOf(faults, 'create-cache', asked), undefined)
    assert.equal(errorOf(faults), undefined)
  })

  it('are counted for each request id and call', () => {
    const faults = new Faults(() => {})
    const twice = { ...asked, 'error-count': '2' }
    const errors = [1, 2, 3].map(() => errorOf(faults, 'topic-publish', twice))
    assert.deepEqual(errors, ['NOT_FOUND', 'NOT_FOUND', undefined])
    assert.equal(errorOf(faults, 'topic-subscribe', twice), 'NOT_FOUND')
    assert.equal(errorOf(faults, 'topic-publish', { ...twice, 'request-id': 'r2' }), 'NOT_FOUND')
  })

  it('are delays, and errors in the middle of a stream', () => {
    const metadata = {
      'delay-rpcs': 'topic-subscribe',
      'delay-ms': '50',
      'delay-count': '1',
      'stream-error-rpcs': 'topic-subscribe',
      'stream-error': 'unavailable',
      'stream-error-message-limit': '3',
    }
    const faults = new Faults(() => {})
    const first = faults.next('topic-subscribe', metadata)
    assert.deepEqual([first.delayMs, first.streamError?.status, first.afterMessages], [50, 'UNAVAILABLE', 3])
    const second = faults.next('topic-subscribe', metadata)
    assert.deepEqual([second.delayMs, second.streamError?.status], [0, 'UNAVAILABLE'])
    assert.equal(faults.next('topic-publish', metadata).delayMs, 0)
  })

  it('are none when they are no sense', () => {
    const faults = new Faults(() => {})
    for (const metadata of [
      { 'return-error': 'broken', 'error-rpcs': 'topic-publish' },
      { 'return-error': 'internal', 'error-rpcs': '' },
      { 'return-error': 'internal' },
      { 'delay-ms': '-5', 'delay-rpcs': 'topic-publish' },
      { 'delay-ms': '99999999999', 'delay-rpcs': 'topic-publish' },
    ]) {
      const { delayMs, error } = faults.next('topic-publish', metadata)
      assert.deepEqual([delayMs, error], [0, undefined])
    }
  })

  it('are remembered for the last thousand requests only', () => {
    const faults = new Faults(() => {})
    const once = (id: string): string | undefined =>
      errorOf(faults, 'topic-publish', { ...asked, 'request-id': id, 'error-count': '1' })
    assert.equal(once('first'), 'NOT_FOUND')
    assert.equal(once('first'), undefined)
    for (let i = 0; i < 1000; i++) once(`r${i}`)
    assert.equal(once('first'), 'NOT_FOUND')
  })
})

describe('Faults.block', () => {
  it('cuts what there is, and says so until unblock or clear', () => {
    let cuts = 0
    const faults = new Faults(() => cuts++)
    faults.block()
    assert.deepEqual([faults.isBlocked, cuts], [true, 1])
    faults.unblock()
    assert.equal(faults.isBlocked, false)
    faults.block()
    faults.clear()
    assert.equal(faults.isBlocked, false)
  })
})
