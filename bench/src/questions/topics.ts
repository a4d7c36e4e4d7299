/**
 * Publishing through wildcards, and over many topics: the same as `publish`,
 * beside those peers that know wildcards.
 */
import { EventEmitter } from 'node:events'
import { Aedes, type AedesPublishPacket, type PublishPacket } from 'aedes'
import eventemitter2 from 'eventemitter2'
import mqemitter from 'mqemitter'
import MQTTEmitter from 'mqtt-emitter'
import postal from 'postal'
import { type Contender, trialsOf } from '../bus.ts'
import { type Data, data, handlersOf, type Tally } from '../handlers.ts'
import { type Bar, BUSBAR, type Question, type Scenario } from '../question.ts'
import { contenders as exact } from './publish.ts'

type Listener = (data: Data) => void
const LISTENER = '(data) => { tally.received += data.value }'

/** Filters are written as in MQTT; whoever writes them otherwise translates. */
const wildcards: Readonly<Record<string, Contender>> = {
  Busbar: exact[BUSBAR]!,

  eventemitter2(tally) {
    const emitter = new eventemitter2.EventEmitter2({ wildcard: true, delimiter: '/', maxListeners: 0 })
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (filter, index) => void emitter.on(filter.replace('+', '*'), listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit(topic, data)
      },
    }
  },

  mqemitter(tally) {
    const emitter = mqemitter()
    const source = '(message, done) => { tally.received += message.data.value; done() }'
    const listener = handlersOf<Parameters<typeof emitter.on>[1]>(tally, source)
    return {
      subscribe: (filter, index) => void emitter.on(filter, listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit({ topic, data })
      },
    }
  },

  // Levels end with a dot there. Its channel is a place for topics like any emitter here.
  postal(tally) {
    const channel = `bench-${channels++}`
    const listener = handlersOf<Listener>(tally, LISTENER)
    const translate = (text: string): string => text.replaceAll('/', '.').replace('+', '*')
    const translated = new Map<string, string>()
    return {
      subscribe: (filter, index) =>
        postal.subscribe({ channel, topic: translate(filter), callback: listener(index) }),
      publish(topics) {
        for (const topic of topics) postal.publish({ channel, topic: inDots(translated, topic), data })
      },
    }
  },

  'mqtt-emitter'(tally) {
    const emitter = new MQTTEmitter()
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      subscribe: (filter, index) => void emitter.on(filter, listener(index)),
      publish(topics) {
        for (const topic of topics) emitter.emit(topic, data)
      },
    }
  },

  aedes: aedes,
}
