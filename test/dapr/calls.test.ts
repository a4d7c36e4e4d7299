import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Calls, type Ending } from '../../src/dapr/calls.ts'

/** Calls that begin when they may and end when the test says so. */
class Script {
  readonly begun: string[] = []
  readonly stopped: unknown[] = []
  readonly endings = new Map<string, Ending<string>>()

  begin(name: string): (ending: Ending<string>) => (reason: unknown) => void {
    return (ending) => {
      this.begun.push(name)
      this.endings.set(name, ending)
      return (reason) => this.stopped.push(name, reason)
    }
  }

  succeed(name: string): void {
    this.endings.get(name)?.succeed(name)
  }
}

describe('Calls', () => {
  it('begins so many at a time, first come first served', async () => {
    const script = new Script()
    const calls = new Calls(2)
    const all = ['a', 'b', 'c', 'd'].map((name) => calls.run(script.begin(name)))
    assert.deepEqual(script.begun, ['a', 'b'])
    script.succeed('b')
    assert.deepEqual(script.begun, ['a', 'b', 'c'])
    script.endings.get('a')?.fail(new Error('broken'))
    assert.deepEqual(script.begun, ['a', 'b', 'c', 'd'])
    script.succeed('c')
    script.succeed('d')
    const ends = await Promise.allSettled(all)
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
    )
  })

  it('ends a call once, whatever is said afterwards', async () => {
    const script = new Script()
    const calls = new Calls(1)
    const first = calls.run(script.begin('first'))
    const ending = script.endings.get('first')
    ending?.succeed('one')
    ending?.succeed('two')
    ending?.fail(new Error('three'))
    assert.equal(await first, 'one')
    for (const name of ['second', 'third']) void calls.run(script.begin(name))
    assert.deepEqual(script.begun, ['first', 'second'])
  })

  it('takes what begin throws for the end of the call', async () => {
    const calls = new Calls(1)
    const failure = new Error('no such path')
    const throwing = (): never => {
      throw failure
    }
    await assert.rejects(calls.run(throwing), failure)
    await assert.rejects(calls.run(throwing), failure)
  })

  it('stops a running call when its signal aborts, and goes on with the next', async () => {
    const script = new Script()
    const calls = new Calls(1)
    const stop = new AbortController()
    const call = calls.run(script.begin('a'), stop.signal)
    void calls.run(script.begin('b'))
    const reason = new Error('too late')
    stop.abort(reason)
    await assert.rejects(call, reason)
    assert.deepEqual(script.stopped, ['a', reason])
    assert.deepEqual(script.begun, ['a', 'b'])
  })

  it('never begins a call whose signal aborted while it waited', async () => {
    const script = new Script()
    const calls = new Calls(1)
    const stop = new AbortController()
    const first = calls.run(script.begin('a'))
    const waiting = calls.run(script.begin('b'), stop.signal)
    stop.abort(new Error('too late'))
    await assert.rejects(waiting, /too late/)
    script.succeed('a')
    await first
    await assert.rejects(calls.run(script.begin('c'), AbortSignal.abort(new Error('before'))), /before/)
    assert.deepEqual(script.begun, ['a'])
    assert.deepEqual(script.stopped, [])
  })

  it('leaves no listener on a signal', async () => {
    const script = new Script()
    const calls = new Calls(1)
    const { signal } = new AbortController()
    const listeners = new Set<unknown>()
    signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener)
    signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener)
    const call = calls.run(script.begin('a'), signal)
    assert.equal(listeners.size, 1)
    script.succeed('a')
    await call
    assert.equal(listeners.size, 0)
  })

  it('ends all with ERR_CLOSED when it is closed, and begins none', async () => {
    const script = new Script()
    const calls = new Calls(1)
    const all = [calls.run(script.begin('a')), calls.run(script.begin('b'))]
    calls.close()
    all.push(calls.run(script.begin('c')))
    for (const call of all) await assert.rejects(call, { code: 'ERR_CLOSED' })
    assert.deepEqual(script.begun, ['a'])
    assert.deepEqual(script.stopped.slice(0, 1), ['a'])
  })
})
