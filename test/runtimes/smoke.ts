/**
 * A dozen checks that need nothing but the language and the three doors, which
 * are handed in: the same file runs in Node, Bun, Deno and a browser.
 */

import type * as core from 'busbar'
import type * as cloudevents from 'busbar/cloudevents'
import type * as testing from 'busbar/testing'

export interface Doors {
  readonly core: typeof core
  readonly cloudevents: typeof cloudevents
  readonly testing: typeof testing
}

/** What became of one check; `error` is absent when it passed. */
export interface Result {
  readonly name: string
  readonly error?: string
}

type Check = (doors: Doors) => Promise<void> | void

const checks: Readonly<Record<string, Check>> = {
  'a handler gets what was published': async ({ core }) => {
    await using broker = new core.Broker<{ 'orders/placed': { total: number } }>()
    const totals: number[] = []
    broker.subscribe('orders/placed', (message) => void totals.push(message.data.total))
    await broker.publish('orders/placed', { total: 1 })
    await broker.publish('orders/placed', { total: 2 })
    await broker.settled()
    equal(totals, [1, 2])
  },

  'wildcards match and give what they stood for': async ({ core }) => {
    await using broker = new core.Broker()
    const seen: unknown[] = []
    broker.subscribe('rooms/+/sensors/#', (message) => void seen.push(message.topic, message.params))
    await broker.publish('rooms/küche/sensors/a/b', 1)
    await broker.publish('rooms/küche/lamps/a', 1)
    await broker.settled()
    equal(seen, ['rooms/küche/sensors/a/b', ['küche', 'a/b']])
  },

  'qos 0 is delivered inside publish': async ({ core }) => {
    await using broker = new core.Broker()
    const seen: unknown[] = []
    broker.subscribe('a', (message) => void seen.push(message.data), { qos: 0 })
    const published = broker.publish('a', 1)
    equal(seen, [1])
    await published
  },

  'a failed message comes again, on real timers': async ({ core }) => {
    await using broker = new core.Broker()
    const counts: number[] = []
    const done = new Promise<void>((resolve) => {
      broker.subscribe(
        'a',
        (message) => {
          counts.push(message.deliveryCount)
          if (counts.length < 3) throw new Error('not yet')
          resolve()
        },
        { backoff: [1, 5] },
      )
    })
    await broker.publish('a', 1)
    await done
    equal(counts, [1, 2, 3])
  },

  'a message that always fails ends on the dead letter topic, on a manual clock': async ({ core, testing }) => {
    const clock = new testing.ManualClock()
    await using broker = new core.Broker({ clock })
    const dead: unknown[] = []
    broker.subscribe('a', () => 'nack', { maxDeliveries: 3, deadLetterTopic: 'dead/a' })
    broker.subscribe('dead/#', ({ event }) => void dead.push(event['deadletterreason'], event['deadletterdeliveries']))
    await broker.publish('a', 1)
    await clock.runAll()
    equal(dead, ['exhausted', 3])
  },

  'the ack wait aborts the signal of the message': async ({ core, testing }) => {
    const clock = new testing.ManualClock()
    await using broker = new core.Broker({ clock })
    const reasons: unknown[] = []
    broker.subscribe(
      'a',
      (message) =>
        new Promise<void>((resolve) => {
          message.signal.addEventListener('abort', () => {
            reasons.push(message.signal.reason.code)
            resolve()
          })
        }),
      { ackWaitMs: 50, maxDeliveries: 1, deadLetterTopic: 'dead' },
    )
    await broker.publish('a', 1)
    await clock.advance(50)
    equal(reasons, ['ERR_ACK_WAIT'])
  },

  'a group shares the work': async ({ core }) => {
    await using broker = new core.Broker()
    const counts = [0, 0]
    for (const member of [0, 1]) {
      broker.subscribe('a', () => void (counts[member] = (counts[member] ?? 0) + 1), { group: 'workers' })
    }
    for (let n = 0; n < 10; n++) await broker.publish('a', n)
    await broker.settled()
    equal((counts[0] ?? 0) + (counts[1] ?? 0), 10)
  },

  'a subscription is an async iterable': async ({ core }) => {
    await using broker = new core.Broker()
    const subscription = broker.subscribe('a')
    for (const n of [1, 2, 3]) await broker.publish('a', n)
    const seen: unknown[] = []
    for await (const message of subscription) {
      seen.push(message.data)
      if (seen.length === 3) break
    }
    equal(seen, [1, 2, 3])
  },

  'a full queue holds the publisher': async ({ core }) => {
    await using broker = new core.Broker()
    const subscription = broker.subscribe('a', { capacity: 1 })
    const order: string[] = []
    await broker.publish('a', 1)
    const second = broker.publish('a', 2).then(() => order.push('accepted'))
    for await (const message of subscription) {
      order.push(`read ${message.data}`)
      if (message.data === 2) break
    }
    await second
    equal(order.includes('accepted') && order.indexOf('read 1') < order.indexOf('accepted'), true)
  },

  'a thousand handlers at once leave the event loop its turns': async ({ core }) => {
    await using broker = new core.Broker()
    let count = 0
    broker.subscribe('a', () => void count++, { concurrency: 100 })
    for (let n = 0; n < 5_000; n++) void broker.publish('a', n)
    await new Promise((resolve) => setTimeout(resolve, 0))
    await broker.settled()
    equal(count, 5_000)
  },

  'an abort signal ends a subscription': async ({ core }) => {
    await using broker = new core.Broker()
    const controller = new AbortController()
    const subscription = broker.subscribe('a', () => {}, { signal: controller.signal })
    controller.abort()
    await subscription.closed
    await broker.publish('a', 1)
    equal(subscription.queuedCount, 0)
  },

  'misuse is refused with a code': async ({ core }) => {
    await using broker = new core.Broker()
    equal(await codeOf(() => broker.publish('a/+', 1)), 'ERR_TOPIC_INVALID')
    equal(await codeOf(() => broker.subscribe('a/#/b', () => {})), 'ERR_FILTER_INVALID')
    equal(await codeOf(() => broker.subscribe('a', () => {}, { capacity: 0 })), 'ERR_OPTION_INVALID')
  },

  'an event is a CloudEvent with an id of its own': async ({ core }) => {
    await using broker = new core.Broker({ source: '/smoke' })
    const ids = new Set<string>()
    broker.subscribe('a', ({ event }) => {
      ids.add(event.id)
      equal([event.specversion, event.source, event.data], ['1.0', '/smoke', 'x'])
    })
    for (let n = 0; n < 100; n++) await broker.publish('a', 'x')
    await broker.settled()
    equal([ids.size, broker.stats().acked], [100, 100])
  },

  'an event survives HTTP in both modes': ({ cloudevents }) => {
    const event = { specversion: '1.0', id: '1', source: '/smoke', type: 'greeting', data: { name: 'Zoë ✓' } } as const
    for (const mode of ['binary', 'structured'] as const) {
      const { headers, body } = cloudevents.toHTTP(event, mode)
      const back = cloudevents.fromHTTP({ headers: new Headers(headers), body })
      equal([back.id, back.data], ['1', { name: 'Zoë ✓' }])
    }
  },

  'bytes survive JSON': ({ cloudevents }) => {
    const data = Uint8Array.of(0, 127, 128, 255)
    const text = cloudevents.toJSON({ specversion: '1.0', id: '1', source: '/smoke', type: 'bytes', data })
    equal(Array.from(cloudevents.fromJSON(text).data as Uint8Array), [0, 127, 128, 255]) // data_base64 gives bytes
  },

  'the books balance and close reports': async ({ core }) => {
    const broker = new core.Broker()
    broker.subscribe('a', () => {})
    await broker.publish('a', 1)
    const report = await broker.close()
    const { matched, acked } = broker.stats()
    equal([matched, acked, report.cancelled], [1, 1, 0])
    equal(await codeOf(() => broker.publish('a', 1)), 'ERR_CLOSED')
  },
}

/** Runs every check, one after the other; a check that hangs for 10 s has failed. */
export async function smoke(doors: Doors): Promise<Result[]> {
  const results: Result[] = []
  for (const [name, check] of Object.entries(checks)) {
    try {
      await within(10_000, Promise.resolve(check(doors)))
      results.push({ name })
    } catch (error) {
      results.push({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
  return results
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not done after ${ms} ms`)), ms)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    // Everything that Busbar throws carries a code; anything else shows as undefined.
    return (error as { code?: unknown }).code
  }
  return 'no error'
}

function equal(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${left} is not ${right}`)
}
