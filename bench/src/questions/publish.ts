/**
 * Publishing to synchronous handlers: what does it cost to hand one event to
 * 1, 10, 100 and 1 000 of them, when each asks for exactly that topic?
 */
import { EventEmitter, setMaxListeners } from 'node:events'
import Emittery from 'emittery'
import { EventEmitter as EventEmitter3 } from 'eventemitter3'
import mitt from 'mitt'
import { createNanoEvents } from 'nanoevents'
import { Subject } from 'rxjs'
import { type Contender, trialsOf } from '../bus.ts'
import { Broker, type Message } from '../busbar.ts'
import { count } from '../format.ts'
import { type Data, data, handlersOf } from '../handlers.ts'
import { faster, type Question, type Scenario } from '../question.ts'

type Listener = (data: Data) => void
const LISTENER = '(data) => { tally.received += data.value }'

export const contenders: Readonly<Record<string, Contender>> = {
  Busbar(tally) {
    const broker = new Broker()
    const handler = handlersOf<(message: Message) => void>(tally, '({ data }) => { tally.received += data.value }')
    return {
      subscribe: (filter, index) => broker.subscribe(filter, handler(index), { qos: 0 }),
      publish(topics) {
        for (const topic of topics) void broker.publish(topic, data)
      },
    }
  },

  EventEmitter(tally) {
    const emitter = new EventEmitter().setMaxListeners(0)
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (name, index) => void emitter.on(name, listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit(topic, data)
      },
    }
  },

  EventTarget(tally) {
    const target = new EventTarget()
    setMaxListeners(0, target)
    const listener = handlersOf<EventListener>(tally, '({ detail }) => { tally.received += detail.value }')
    return {
      subscribe: (type, index) => target.addEventListener(type, listener(index)),
      publish(topics) {
        for (const topic of topics) target.dispatchEvent(new CustomEvent(topic, { detail: data }))
      },
    }
  },

  eventemitter3(tally) {
    const emitter = new EventEmitter3()
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (name, index) => void emitter.on(name, listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit(topic, data)
      },
    }
  },

  nanoevents(tally) {
    const emitter = createNanoEvents<Record<string, Listener>>()
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (name, index) => void emitter.on(name, listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit(topic, data)
      },
    }
  },

  mitt(tally) {
    const emitter = mitt<Record<string, Data>>()
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (type, index) => emitter.on(type, listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit(topic, data)
      },
    }
  },

  // A subject has no topics; a map is the least that a program with some of them needs.
  'rxjs Subject'(tally) {
    const subjects = new Map<string, Subject<Data>>()
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe(name, index) {
        const subject = subjects.get(name) ?? new Subject()
        subjects.set(name, subject)
        subject.subscribe(listener(index))
      },
      publish(topics) {
        for (const topic of topics) subjects.get(topic)?.next(data)
      },
    }
  },

  // Calls its listeners later; awaiting each event is how it is meant to be used.
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
}

const FAN_OUTS = [10, 100, 1000]
const TOPICS = Array.from({ length: 8 }, (_, i) => `sensors/${i}/temperature`)

export const question: Question = {
  title: 'Publish to synchronous handlers',
  about:
    'One operation publishes one event, and all handlers have been called. The handlers of each contender are as many ' +
    'functions, and add the same number to a tally. Busbar does more: it makes an event with an id and a time, counts ' +
    'how deliveries end, and a handler that throws stops neither the others nor the publisher. emittery is ' +
    'asynchronous by nature, and each event is awaited.',
  scenarios: [
    scenario('1 handler', 1, TOPICS.slice(0, 1)),
    scenario('1 handler each, 8 topics in turn', 1, TOPICS),
    ...FAN_OUTS.map((handlers) => scenario(`${count(handlers)} handlers`, handlers, TOPICS.slice(0, 1))),
  ],
  bars: [
    ...['1 handler', '1 handler each, 8 topics in turn'].flatMap((row) =>
      faster(row, { EventEmitter: 0.6, mitt: 1, 'rxjs Subject': 1, EventTarget: 1 }),
    ),
    ...FAN_OUTS.flatMap((handlers) => faster(`${count(handlers)} handlers`, { EventEmitter: 1 })),
  ],
}

function scenario(name: string, handlers: number, topics: readonly string[]): Scenario {
  return {
    name,
    async measure(bench) {
      await bench.compare(name, await trialsOf(contenders, topics, topics, handlers), { deliveries: handlers })
    },
  }
}
