/**
 * Publishing to asynchronous handlers, and waiting until all of them are done.
 */
import { EventEmitter } from 'node:events'
import Emittery from 'emittery'
import mqemitter from 'mqemitter'
import { type Contender, trialsOf } from '../bus.ts'
import { Broker, type Message } from '../busbar.ts'
import { count } from '../format.ts'
import { type Data, data, handlersOf, type Tally } from '../handlers.ts'
import { faster, type Question } from '../question.ts'

type Listener = (data: Data) => Promise<void>
const LISTENER = 'async (data) => { tally.received += data.value }'

const contenders: Readonly<Record<string, Contender>> = {
  Busbar: (tally) => busbar(tally, 0),
  'Busbar, qos 1': (tally) => busbar(tally, 1),

  'EventEmitter + Promise.all'(tally) {
    const emitter = new EventEmitter().setMaxListeners(0)
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (name, index) => void emitter.on(name, listener(index)),
      async publish(topics) {
        for (const topic of topics) await Promise.all(emitter.listeners(topic).map((listen) => listen(data)))
      },
    }
  },

  emittery(tally) {
    const emitter = new Emittery<Record<string, Data>>()
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (name, index) => void emitter.on(name, listener(index)),
      async publish(topics) {
        for (const topic of topics) await emitter.emit(topic, data)
      },
    }
  },

  mqemitter(tally) {
    const emitter = mqemitter()
    const handle = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe(filter, index) {
        const handler = handle(index)
        emitter.on(filter, (message, done) => void handler(message['data']).then(done))
      },
      async publish(topics) {
        for (const topic of topics) await new Promise<void>((resolve) => emitter.emit({ topic, data }, () => resolve()))
      },
    }
  },
}

function busbar(tally: Tally, qos: 0 | 1): ReturnType<Contender> {
  const broker = new Broker()
  const handler = handlersOf<(message: Message) => unknown>(
    tally,
    'async ({ data }) => { tally.received += data.value }',
  )
  return {
    subscribe: (filter, index) => broker.subscribe(filter, handler(index), { qos }),
    async publish(topics) {
      for (const topic of topics) {
        void broker.publish(topic, data)
        await broker.settled()
      }
    },
  }
}

const TOPICS = Array.from({ length: 8 }, (_, i) => `sensors/${i}/temperature`)
const FAN_OUTS = [1, 10]

export const question: Question = {
  title: 'Publish to async handlers, and await them',
  about:
    'One operation publishes one event to one of 8 topics and resolves when its async handlers have. Busbar publishes ' +
    'and awaits settled(); with qos 1 each handler has a queue of its own, acks, and would get the event again. ' +
    'EventEmitter does not wait for listeners, so Promise.all does, which ends at the first rejection.',
  scenarios: FAN_OUTS.map((handlers) => ({
    name: rowOf(handlers),
    async measure(bench) {
      await bench.compare(rowOf(handlers), await trialsOf(contenders, TOPICS, TOPICS, handlers), {
        deliveries: handlers,
      })
    },
  })),
  bars: FAN_OUTS.flatMap((handlers) => faster(rowOf(handlers), { 'EventEmitter + Promise.all': 1.5, emittery: 10 })),
}

function rowOf(handlers: number): string {
  return `${count(handlers)} handler${handlers === 1 ? '' : 's'}`
}
