/**
 * Async iteration: what does an event cost that a `for await` loop takes?
 */
import { EventEmitter, on } from 'node:events'
import { FixedBuffer, Repeater } from '@repeaterjs/repeater'
import { Effect, PubSub } from 'effect'
import Emittery from 'emittery'
import { PubSub as GraphQLPubSub } from 'graphql-subscriptions'
import { pushable } from 'it-pushable'
import { type Acks, burstTrials, type Pushable } from '../acks.ts'
import { Broker } from '../busbar.ts'
import { type Data, data } from '../handlers.ts'
import { faster, type Question } from '../question.ts'

/** The buffer of those that have to be told how much they may hold. */
const MOST = 100_000

const contenders: Readonly<Record<string, Pushable>> = {
  Busbar(acks) {
    const broker = new Broker<{ events: Data }>()
    const subscription = broker.subscribe('events', { capacity: Infinity })
    const loop = async (): Promise<void> => {
      for await (const message of subscription) acks.add(message.data.value)
    }
    void loop()
    return () => broker.publish('events', data)
  },

  'events.on'(acks) {
    const emitter = new EventEmitter()
    const loop = async (events: AsyncIterable<[Data]>): Promise<void> => {
      for await (const [event] of events) acks.add(event.value)
    }
    // One listener argument a publish, which is `data`.
    void loop(on(emitter, 'events') as AsyncIterable<[Data]>)
    return () => emitter.emit('events', data)
  },

  'it-pushable'(acks) {
    const events = pushable<Data>({ objectMode: true })
    void take(events, acks)
    return () => events.push(data)
  },

  Repeater(acks) {
    let push: (data: Data) => unknown = () => {}
    const events = new Repeater<Data>((pushOne) => {
      push = pushOne
    }, new FixedBuffer(MOST))
    void take(events, acks)
    return () => push(data)
  },

  'graphql-subscriptions'(acks) {
    const pubsub = new GraphQLPubSub<{ events: Data }>()
    void take(pubsub.asyncIterableIterator<Data>('events'), acks)
    return () => pubsub.publish('events', data)
  },

  'emittery.events'(acks) {
    const emitter = new Emittery<{ events: Data }>()
    void take(emitter.events('events'), acks)
    return () => emitter.emit('events', data)
  },

  // A loop over take(), which costs less than its streams.
  async 'effect PubSub'(acks) {
    const pubsub = await Effect.runPromise(PubSub.unbounded<Data>())
    await new Promise<void>((resolve) => {
      const loop = Effect.gen(function* () {
        const subscription = yield* PubSub.subscribe(pubsub)
        resolve()
        for (;;) acks.add((yield* PubSub.take(subscription)).value)
      })
      Effect.runFork(Effect.scoped(loop))
    })
    return () => PubSub.publishUnsafe(pubsub, data)
  },
}

async function take(events: AsyncIterable<Data>, acks: Acks): Promise<void> {
  for await (const event of events) acks.add(event.value)
}

const ROWS = [
  { name: 'lock step', depth: 1 },
  { name: 'bursts of 1 000', depth: 1000 },
  { name: 'bursts of 100 000', depth: MOST },
]

export const question: Question = {
  title: 'Async iteration',
  about:
    'One operation is one event: published, and taken by a for await loop. In lock step the next one follows when the ' +
    'one before has been taken, else when all of a burst have. Busbar does more: each message is acked when the next ' +
    'one is asked for, and has its ack wait. Those that shift the first element off an array have to move all others.',
  scenarios: ROWS.map(({ name, depth }) => ({
    name,
    // Some peers need seconds for a burst of the largest size.
    ...(depth === MOST && { processes: 1 }),
    async measure(bench) {
      const batch = bench.size(depth)
      const trials = await burstTrials(contenders, batch)
      await bench.compare(name, trials, { batch, bytes: depth > 10_000 ? 'none' : 'allocated' })
    },
  })),
  bars: ROWS.flatMap(({ name }) => faster(name, { 'events.on': 1, 'graphql-subscriptions': 4 })),
}
