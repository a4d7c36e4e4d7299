/**
 * What the model has found, shrunk, as tests with names. Each is a list of
 * steps that the broker and the reference once disagreed about.
 */
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Run } from './acts.ts'
import { type PublishStep, type Step, type SubscribeStep, UNIT } from './plan.ts'
import { simple } from './setting.ts'

const on = (filter: string, options: Partial<SubscribeStep> = {}): Step => ({ ...simple(filter), ...options })
const publish = (topic: string, options: Partial<PublishStep> = {}): Step => ({
  do: 'publish',
  topic,
  many: 1,
  key: 'none',
  ttlMs: Infinity,
  delayMs: 0,
  signal: false,
  ...options,
})
const advance = (units: number): Step => ({ do: 'advance', ms: units * UNIT })

const scenarios: Readonly<Record<string, readonly Step[]>> = {
  'lets go of what an ordered queue holds back when the delayed message expires': [
    on('a', {
      ordered: true,
      script: [
        { when: 'sync', how: 'nack' },
        { when: 'sync', how: 'ack' },
      ],
    }),
    publish('a', { ttlMs: UNIT + 16 }),
    publish('a'),
    advance(2),
  ],
  'cancels an expired message that an unsubscribed handler nacks': [
    on('a', { dead: 'dead', script: [{ when: 'held', how: 'nack' }] }),
    on('dead'),
    publish('a', { ttlMs: UNIT + 16 }),
    { do: 'unsubscribe', at: 0 },
    advance(2),
    { do: 'release', at: 0, how: 'nack', thenAct: true },
  ],
  'counts a delayed qos 0 delivery that rejects after the ttl as dropped': [
    on('a', { qos: 0, script: [{ when: 'held', how: 'throw' }] }),
    publish('a', { ttlMs: 9 * UNIT + 16, delayMs: UNIT + 4 }),
    advance(2),
    advance(10),
    { do: 'release', at: 0, how: 'throw', thenAct: true },
  ],
  'delivers the dead letter of the last message of a closing broker': [
    on('dead'),
    on('a/b', { dead: 'dead' }),
    publish('a/b', { ttlMs: UNIT + 16, delayMs: UNIT + 20 }),
    { do: 'close', graceMs: 100_003 },
    advance(2),
  ],
  'keeps the line: a publish that needs two full queues is not overtaken on its own topic': [
    on('a', { capacity: 1, overflow: 'wait' }),
    on('a', {
      capacity: 1,
      overflow: 'wait',
      ackWaitMs: 10 * UNIT,
      maxDeliveries: 1,
      evenOnly: true,
      script: [
        { when: 'held', how: 'ack' },
        { when: 'sync', how: 'ack' },
      ],
    }),
    publish('a', { many: 5, delayMs: 5 * UNIT + 4 }),
    advance(100),
  ],
  'hands out what waited for its key beside what is due': [
    on('a', { form: 'iterator', ackWaitMs: 10 * UNIT, maxDeliveries: 1 }),
    { do: 'next', at: 0, times: 2 },
    publish('a', { many: 4, key: 'l' }),
    publish('a', { delayMs: 21 * UNIT + 4 }),
    advance(100),
    { do: 'next', at: 0, times: 1 },
  ],
  'cancels the message in hand when the loop is left after unsubscribe()': [
    on('a', { form: 'iterator' }),
    publish('a'),
    { do: 'next', at: 0, times: 1 },
    { do: 'unsubscribe', at: 0 },
    { do: 'return', at: 0 },
  ],
  'keeps a group together when somebody joins with an aborted signal': [
    on('a', { group: true }),
    on('a', { group: true, signal: 'aborted' }),
    on('a', { group: true }),
    publish('a'),
  ],
  'drops nothing for want of room that expires in the same millisecond': [
    on('a/#', { capacity: 2, overflow: 'wait', ackWaitMs: 10 * UNIT, script: [{ when: 'held', how: 'ack' }] }),
    on('a/#', { capacity: 2, ackWaitMs: 10 * UNIT, script: [{ when: 'held', how: 'ack' }] }),
    publish('a', { many: 5, ttlMs: 5 * UNIT + 16 }),
    advance(10),
  ],
  'keeps the line when the next queue, too, gets room in that millisecond': [
    on('+/b', { capacity: 1, overflow: 'wait', ackWaitMs: 10 * UNIT, script: [{ when: 'held', how: 'ack' }] }),
    on('#', { capacity: 1, overflow: 'wait', ackWaitMs: 10 * UNIT, script: [{ when: 'held', how: 'ack' }] }),
    publish('a/b', { many: 5 }),
    publish('a'),
    advance(100),
  ],
  'goes on with what an ordered queue does not hold back': [
    on('a', {
      ordered: true,
      script: [
        { when: 'sync', how: 'throw' },
        { when: 'sync', how: 'ack' },
      ],
    }),
    publish('a', { many: 2 }),
    publish('a', { many: 2, delayMs: UNIT + 4 }),
    advance(100),
  ],
  'lets expire within the grace time what was nacked beyond it': [
    on('a', { backoff: 3, script: [{ when: 'sync', how: 'throw' }] }),
    publish('a', { ttlMs: UNIT + 16, delayMs: UNIT + 4 }),
    { do: 'close', graceMs: 997 },
    advance(20),
  ],
  'serves a second next() that waits although the message in hand has the same key': [
    on('a', { form: 'iterator' }),
    { do: 'next', at: 0, times: 2 },
    publish('a', { many: 5, key: 'k' }),
    publish('a'),
  ],
  'starts no handler after close() without grace, whatever that lets go': [
    on('a', { ordered: true, maxDeliveries: 2, script: [{ when: 'sync', how: 'nack' }] }),
    publish('a', { many: 3 }),
    { do: 'close', graceMs: 0 },
  ],
  'acks only what makes way for another message while a delayed one gets in': [
    on('a', { form: 'iterator', capacity: 2, overflow: 'wait', maxDeliveries: 1 }),
    { do: 'next', at: 0, times: 4 },
    publish('a'),
    publish('a', { delayMs: UNIT + 4 }),
    publish('a', { delayMs: 5 * UNIT + 4 }),
    advance(100),
  ],
  'goes on with what has no key while an ordered queue holds back an older one by its key': [
    on('a', {
      concurrency: 5,
      ackWaitMs: 10 * UNIT,
      maxDeliveries: 2,
      ordered: true,
      script: [{ when: 'held', how: 'ack' }],
    }),
    publish('a', { key: 'k', delayMs: UNIT + 4 }),
    publish('a'),
    publish('a', { key: 'k' }),
    advance(21),
  ],
}

describe('counterexamples', () => {
  for (const [name, steps] of Object.entries(scenarios)) {
    it(name, async () => {
      const [scheduler] = fc.sample(fc.scheduler(), 1)
      if (scheduler === undefined) throw new Error('no scheduler')
      const run = new Run(scheduler)
      for (const step of steps) await run.do(step)
      await run.heal()
    })
  }
})
