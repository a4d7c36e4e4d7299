import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Broker } from '../src/index.ts'

describe('A program that puts a Promise of its own in place of the platform', () => {
  it('changes nothing for handlers that return those of the platform', async (t) => {
    const platform = Promise
    t.after(() => {
      globalThis.Promise = platform
    })
    const broker = new Broker()
    const direct = broker.subscribe('a', async () => {}, { qos: 0 })
    const queued = broker.subscribe('a', async () => {})
    // Bluebird and its like do not extend the one of the platform.
    globalThis.Promise = class Own {
      static resolve(): Own {
        return new Own()
      }
      then(): void {}
    } as unknown as PromiseConstructor
    void broker.publish('a', 1)
    globalThis.Promise = platform
    await broker.settled()
    assert.deepEqual([direct.stats().acked, queued.stats().acked], [1, 1])
  })
})
