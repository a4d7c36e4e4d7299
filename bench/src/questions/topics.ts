/**
 * Publishing through wildcards, and over many topics: the same as `publish`,
 * beside those peers that know wildcards.
 */
import { Aedes, type AedesPublishPacket } from 'aedes'
import EventEmitter2 from 'eventemitter2'
import mqemitter from 'mqemitter'
import MQTTEmitter from 'mqtt-emitter'
import postal from 'postal'
import { type Contender, trialsOf } from '../bus.ts'
import { randomFrom } from '../filters.ts'
import { type Data, data, handlersOf } from '../handlers.ts'
import { BUSBAR, type Question, type Scenario } from '../question.ts'
import { contenders as exact } from './publish.ts'

type Listener = (data: Data) => void
const LISTENER = '(data) => { tally.received += data.value }'

const wildcards: Readonly<Record<string, Contender>> = {
  Busbar: exact[BUSBAR]!,

  eventemitter2(tally) {
    const emitter = new EventEmitter2({ wildcard: true, delimiter: '/', maxListeners: 0 })
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      translate: (text) => text.replaceAll('+', '*'),
      subscribe: (filter, index) => void emitter.on(filter, listener(index)),
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

  postal(tally) {
    const listener = handlersOf<Listener>(tally, LISTENER)
    return {
      translate: (text) => text.replaceAll('/', '.').replaceAll('+', '*'),
      subscribe: (topic, index) => postal.subscribe({ channel: '/', topic, callback: listener(index) }),
      publish(topics) {
        for (const topic of topics) postal.publish({ channel: '/', topic, data })
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

  async aedes(tally) {
    const broker = await Aedes.createBroker()
    const source = '(packet, done) => { tally.received += packet.payload.value; done() }'
    const handler = handlersOf<(packet: AedesPublishPacket, done: () => void) => void>(tally, source)
    // It looks at no payload on its way through the process.
    const payload = data as unknown as Buffer
    return {
      subscribe: (filter, index) => new Promise<void>((resolve) => broker.subscribe(filter, handler(index), resolve)),
      publish(topics) {
        for (const topic of topics) broker.publish({ cmd: 'publish', topic, payload, ...PLAIN }, nothing)
      },
    }
  },
}

const PLAIN = { qos: 0, retain: false, dup: false } as const
const nothing = (): void => {}

const TOPICS = Array.from({ length: 10_000 }, (_, i) => `sensors/${i}/temperature`)
const OTHERS = Array.from({ length: 100 }, (_, i) => `rooms/${i}/+/humidity`)

interface Setting {
  readonly row: string
  readonly filters: readonly string[]
  readonly topics: readonly string[]
  readonly contenders?: Readonly<Record<string, Contender>>
  /** In which order they are published. Default: in turn. */
  readonly order?: (topics: readonly string[]) => readonly string[]
}

const settings: readonly Setting[] = [
  {
    row: '10 000 topics in turn, 1 handler each',
    filters: TOPICS,
    topics: TOPICS,
    contenders: { ...wildcards, EventEmitter: exact['EventEmitter']! },
  },
  {
    row: '10 000 topics in no order, 1 handler each',
    filters: TOPICS,
    topics: TOPICS,
    contenders: { ...wildcards, EventEmitter: exact['EventEmitter']! },
    order: inNoOrder,
  },
  {
    row: '10 000 topics in turn, 1 wildcard handler',
    filters: ['sensors/+/temperature'],
    topics: TOPICS,
  },
  {
    row: '1 wildcard handler among 100',
    filters: [...OTHERS, 'sensors/+/temperature'],
    topics: TOPICS.slice(0, 8),
  },
]

export const question: Question = {
  title: 'Publish over many topics and through wildcards',
  about:
    'As before, beside peers that know wildcards; EventEmitter, which does not, stands there for scale. 10 000 topics ' +
    'in turn come as the same strings each time; Busbar has learnt what follows what by then, which is of no use where they ' +
    'come in no order. The last row publishes to 8 topics that one filter with a wildcard matches and 100 others do not.',
  scenarios: settings.map(scenario),
  bars: settings
    .filter(({ order }) => order === undefined)
    .map(({ row }) => ({
      kind: 'less',
      of: 'time',
      row,
      than: Object.keys(wildcards).filter((name) => name !== BUSBAR),
      atLeast: 8,
    })),
}

/** So many that nobody learns them by heart. */
function inNoOrder(topics: readonly string[]): readonly string[] {
  const random = randomFrom(4)
  return Array.from({ length: 40_000 }, () => topics[Math.floor(random() * topics.length)]!)
}

function scenario({ row, filters, topics, contenders = wildcards, order = (texts) => texts }: Setting): Scenario {
  return {
    name: row,
    async measure(bench) {
      const few = (texts: readonly string[]): readonly string[] => texts.slice(0, bench.size(texts.length))
      await bench.compare(row, await trialsOf(contenders, few(filters), order(few(topics))))
    },
  }
}
