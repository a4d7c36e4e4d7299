/** What a dead letter carries, closely. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { Broker } from '../../src/index.ts'
import { assertStats, type Create, claims, never, recorder, turn } from '../conformance/harness.ts'

const create: Create = (options) => new Broker({ ...options, dialect: 'mqtt' })
const it = claims(create)

describe('A dead letter', () => {
  it('keeps the key of its event', async ({ broker, subscribe }) => {
    subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
    const dead = subscribe('dead', () => never, { concurrency: 3 })
    for (const key of ['k', 'k', 'l']) await broker.publish('a', key, { key })
    await turn()
    assertStats(dead.stats(), { inFlight: 2, queued: 1 })
  })

  for (const [what, reason, expected] of [
    ['an error', new TypeError('no'), 'TypeError: no'],
    ['text', 'no', 'no'],
    ['a number', 5, '5'],
    ['an object without a message', {}, '[object Object]'],
    ['null', null, 'an error that cannot be shown'],
    ['an object that cannot be shown', Object.create(null), 'an error that cannot be shown'],
    ['control characters', 'a\u0000b\u001fc\ud800d\ufffee', 'a b c d e'],
    ['long text', 'x'.repeat(5_000), 'x'.repeat(1_024)],
  ] as const) {
    it(`says what a handler dropped its message with: ${what}`, async ({ broker, subscribe }) => {
      const seen = recorder()
      subscribe('a', (message) => void message.drop(reason), { deadLetterTopic: 'dead' })
      subscribe('dead', seen.handler)
      await broker.publish('a', 1)
      await turn()
      assert.equal(seen.at(0).event.deadlettererror, expected)
    })
  }

  for (const group of [undefined, 'g']) {
    it(`names the subscription that gave it up, ${group === undefined ? 'alone' : 'and its group'}`, async ({
      broker,
      subscribe,
    }) => {
      const seen = recorder()
      subscribe('a/+', () => 'drop', { deadLetterTopic: 'dead', ...(group !== undefined && { group }) })
      subscribe('dead', seen.handler)
      await broker.publish('a/b', 1)
      await turn()
      const { deadlettertopic, deadletterfilter, deadlettergroup } = seen.at(0).event
      assert.deepEqual([deadlettertopic, deadletterfilter, deadlettergroup], ['a/b', 'a/+', group])
    })
  }

  it('says nothing about an error where there was none', async ({ broker, subscribe }) => {
    const seen = recorder()
    subscribe('a', () => 'drop', { deadLetterTopic: 'dead' })
    subscribe('dead', seen.handler)
    await broker.publish('a', 1)
    await turn()
    assert.equal('deadlettererror' in seen.at(0).event, false)
  })
})
