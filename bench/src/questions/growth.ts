/**
 * Growth: what does one delivery cost as a broker gets more subscriptions, more
 * that is queued, more topics?
 */
import { burstTrial } from '../acks.ts'
import type { Trial } from '../bench.ts'
import { Broker, type Message } from '../busbar.ts'
import { count } from '../format.ts'
import { type Data, data, handlersOf, Tally } from '../handlers.ts'
import type { Question } from '../question.ts'

const curves: Readonly<Record<string, (size: number) => Trial | Promise<Trial>>> = {
  subscriptions(size) {
    const { broker, tally, handler } = setting()
    for (let i = 0; i < size; i++) broker.subscribe('events', handler(i), { qos: 0 })
    return {
      received: tally.read,
      run(deliveries) {
        for (let left = deliveries; left > 0; left -= size) void broker.publish('events', data)
      },
    }
  },

  'queue depth'(size) {
    const broker = new Broker<{ events: Data }>()
    return burstTrial((acks) => {
      broker.subscribe('events', (message) => acks.add(message.data.value), { capacity: Infinity })
      return () => broker.publish('events', data)
    }, size)
  },

  topics(size) {
    const { broker, tally, handler } = setting()
    const topics = Array.from({ length: size }, (_, i) => `sensors/${i}/temperature`)
    for (const [i, topic] of topics.entries()) broker.subscribe(topic, handler(i), { qos: 0 })
    return {
      received: tally.read,
      run(deliveries) {
        for (let left = deliveries; left > 0; left -= size) {
          for (const topic of topics) void broker.publish(topic, data)
        }
      },
    }
  },
}

function setting(): { broker: Broker; tally: Tally; handler: (index: number) => (message: Message) => void } {
  const tally = new Tally()
  const handler = handlersOf<(message: Message) => void>(tally, '({ data }) => { tally.received += data.value }')
  return { broker: new Broker(), tally, handler }
}

const SIZES = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

export const question: Question = {
  title: 'Growth',
  about:
    'One operation is one delivery to a synchronous handler. "subscriptions" publishes to so many handlers (qos 0) of ' +
    'one topic, "queue depth" queues so many messages (qos 1) before the first is handled, "topics" publishes to so ' +
    'many topics in turn, each with a handler (qos 0). What a million deliveries touch in turn fits into no cache of a ' +
    'processor, which is a part of what the curves show.',
  isCurve: true,
  scenarios: Object.entries(curves).flatMap(([curve, trial]) =>
    SIZES.map((size) => ({
      name: `${count(size)} ${curve}`,
      ...(size > 10_000 && { processes: 1 }),
      async measure(bench) {
        const batch = bench.size(size)
        await bench.compare(count(size), { [curve]: await trial(batch) }, { batch, bytes: 'none' })
      },
    })),
  ),
  bars: Object.keys(curves).map((curve) => ({ kind: 'flat', curve, times: 3 })),
}
