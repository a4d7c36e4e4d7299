/**
 * An observer only watches: the same plan comes to the same deliveries and the
 * same counts without one, where the broker takes shorter ways. The model needs
 * an observer; this is what holds those ways to it.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Broker, type Message, type Subscription } from '../../src/index.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { type Act, BACKOFFS, type PublishStep, type Step, type SubscribeStep, step } from './plan.ts'

const runs = Number(process.env['RUNS'] ?? 1000)
const seed = Number(process.env['SEED'] ?? 1)

class Trial {
  readonly log: string[] = []
  readonly #clock = new ManualClock({ patienceMs: 0 })
  readonly #broker: Broker
  readonly #subs: Subscription[] = []
  #published = 0
  /** How much may still be done from inside handlers. */
  #budget = 40

  constructor(isObserved: boolean) {
    const options = { clock: this.#clock, random: () => 0.5, onError: () => {} }
    this.#broker = new Broker(isObserved ? { ...options, observer: {} } : options)
  }

  async run(steps: readonly Step[]): Promise<readonly string[]> {
    for (const one of steps) {
      await this.#do(one)
      await this.#clock.advance(0)
      this.log.push(...[...this.#subs, this.#broker].map((whose) => JSON.stringify(whose.stats())))
    }
    const closing = this.#broker.close({ graceMs: 0 })
    await this.#clock.advance(0)
    this.log.push(JSON.stringify(await closing))
    return this.log
  }

  #do(one: Step): unknown {
    if (one.do === 'subscribe') return this.#subscribe(one)
    if (one.do === 'publish') return this.#publish(one)
    if (one.do === 'advance') return this.#clock.advance(one.ms)
    const sub = 'at' in one ? this.#subs[one.at % this.#subs.length] : undefined
    if (one.do === 'unsubscribe' || one.do === 'pause' || one.do === 'resume' || one.do === 'drain') sub?.[one.do]()
    return undefined
  }

  #publish({ topic, many, key, ttlMs, delayMs }: Omit<PublishStep, 'do' | 'signal'>): void {
    const options = { delayMs, ...(key !== 'none' && { key }), ...(ttlMs < Infinity && { ttlMs }) }
    // What has no options at all goes the shortest way.
    const isPlain = delayMs === 0 && Object.keys(options).length === 1
    for (let i = 0; i < many; i++) {
      const number = this.#published++
      const told = (how: string) => () => void this.log.push(`publish ${number} ${how}`)
      this.#broker.publish(topic, number, isPlain ? undefined : options).then(told('accepted'), told('refused'))
    }
  }

  #subscribe({ filter, qos, script, ...asked }: SubscribeStep): void {
    const { concurrency, capacity, overflow, ackWaitMs, maxDeliveries, ordered, evenOnly } = asked
    const backoff = BACKOFFS[asked.backoff] ?? assert.fail()
    const queueing = { concurrency, capacity, overflow, ackWaitMs, maxDeliveries, ordered, backoff }
    const own = this.#subs.length
    let calls = 0
    const handler = (message: Message): unknown => {
      this.log.push(`${own} gets ${message.topic} ${String(message.data)} ${message.deliveryCount} ${message.params}`)
      return this.#act(script[calls++ % script.length], message, own)
    }
    const where = (event: { readonly data?: unknown }): boolean => Number(event.data) % 2 === 0
    this.#subs.push(
      this.#broker.subscribe(filter, handler, { ...(qos === 0 ? { qos } : queueing), ...(evenOnly && { where }) }),
    )
  }

  #act(act: Act | undefined, message: Message, own: number): unknown {
    if (act === undefined) return undefined
    const { inside, when, how } = act
    if (inside !== undefined && this.#budget-- > 0) {
      const plain = { many: 1, key: 'none', ttlMs: Infinity, delayMs: 0 } as const
      const sub = this.#subs[own]
      if (inside.do === 'publish') this.#publish({ ...plain, topic: inside.topic })
      if (inside.do === 'publish same') this.#publish({ ...plain, topic: message.topic })
      if (inside.do === 'unsubscribe self') void sub?.unsubscribe()
      if (inside.do === 'drain self') void sub?.drain()
      if (inside.do === 'pause self') sub?.pause()
      if (inside.do === 'unsubscribe') void this.#subs[inside.at % this.#subs.length]?.unsubscribe()
    }
    if (how === 'ack()') message.ack()
    if (how === 'nack()') message.nack()
    if (how === 'drop()') message.drop()
    if (when === 'held') return new Promise(() => {})
    if (how === 'throw' || how === 'reject text') {
      if (when === 'sync') throw new Error(how)
      return Promise.reject(how)
    }
    const value = how === 'nack' || how === 'drop' ? how : undefined
    return when === 'sync' ? value : Promise.resolve(value)
  }
}

describe('an observer', () => {
  it(`changes nothing in ${runs} runs, seed ${seed}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        assert.deepEqual(await new Trial(false).run(steps), await new Trial(true).run(steps))
      }),
      { numRuns: runs, seed },
    )
  })
})
