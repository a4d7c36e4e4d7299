/**
 * Matching: which of many filters match a topic? Building the index, asking it
 * for topics it knows and for new ones, and changing it meanwhile.
 */
import EventEmitter2 from 'eventemitter2'
import MQTTEmitter from 'mqtt-emitter'
import { Qlobber } from 'qlobber'
import { type Bench, heldBytes, type Trial } from '../bench.ts'
import { Broker, MessageQueue, Router, type Subscription } from '../busbar.ts'
import { expectedHits, filtersOf, hotTopics, newTopics } from '../filters.ts'
import { count } from '../format.ts'
import { Tally } from '../handlers.ts'
import { type Bar, BUSBAR, faster, type Question } from '../question.ts'

interface Matcher {
  /** Puts the filter with this index in. */
  add(index: number): void
  remove(index: number): void
  /** Adds the number of filters that match each topic to the tally. */
  match(topics: readonly string[]): void
}

type Contender = (filters: readonly string[], tally: Tally) => Matcher

/** Where one queue alone leads to: to so many. */
const ONE = [undefined]

const contenders: Readonly<Record<string, Contender>> = {
  Busbar(filters, tally) {
    const router = new Router('mqtt')
    // The router reads nothing else of its targets, which are there anyway and are no part of it.
    const targets = filters.map((filter, order) => {
      const queue: MessageQueue = Object.create(MessageQueue.prototype)
      return Object.assign(queue, { filter, order, isSelective: false, queues: ONE })
    })
    return {
      add: (index) => router.add(targets[index]!),
      remove: (index) => router.remove(targets[index]!),
      match(topics) {
        for (const topic of topics) tally.received += router.find(topic).queues.length
      },
    }
  },

  'Busbar, subscribe() and publish()'(filters, tally) {
    const broker = new Broker()
    const subscriptions: Subscription<unknown>[] = []
    const handler = (): void => void tally.received++
    return {
      add(index) {
        subscriptions[index] = broker.subscribe(filters[index]!, handler, { qos: 0 })
      },
      remove: (index) => void subscriptions[index]!.unsubscribe(),
      match(topics) {
        for (const topic of topics) void broker.publish(topic, undefined)
      },
    }
  },

  qlobber(filters, tally) {
    const qlobber = new Qlobber<number>({ separator: '/', wildcard_one: '+', wildcard_some: '#' })
    return {
      add: (index) => qlobber.add(filters[index]!, index),
      remove: (index) => qlobber.remove(filters[index]!, index),
      match(topics) {
        for (const topic of topics) tally.received += qlobber.match(topic).length
      },
    }
  },

  'mqtt-emitter'(filters, tally) {
    const emitter = new MQTTEmitter()
    const listener = (): void => void tally.received++
    return {
      add: (index) => emitter.on(filters[index]!, listener),
      remove: (index) => emitter.removeListener(filters[index]!, listener),
      match(topics) {
        for (const topic of topics) emitter.emit(topic, undefined)
      },
    }
  },

  eventemitter2(filters, tally) {
    const emitter = new EventEmitter2({ wildcard: true, delimiter: '/', maxListeners: 0 })
    const listener = (): void => void tally.received++
    const translated = filters.map((filter) => filter.replaceAll('+', '*').replace('#', '**'))
    return {
      add: (index) => emitter.on(translated[index]!, listener),
      remove: (index) => emitter.off(translated[index]!, listener),
      match(topics) {
        for (const topic of topics) emitter.emit(topic)
      },
    }
  },
}

const HOT = 1000
/** Filters that come and go, two at a time: an exact one and one with a wildcard. */
const CHURNING = Array.from({ length: 100 }, (_, i) => [`churn/${i}/here/gone`, `churn/+/${i}/gone`]).flat()

async function measure(bench: Bench, size: number): Promise<void> {
  const filters = filtersOf(bench.size(size))
  const all = [...filters, ...CHURNING]
  const hot = hotTopics(filters, HOT)
  const hits = expectedHits(filters)
  const deliveries = hot.reduce((sum, topic) => sum + hits(topic), 0) / HOT
  const built = Object.entries(contenders)
    // A million subscriptions are no question of matching.
    .filter(([name]) => name === BUSBAR || !name.startsWith(BUSBAR) || size < 1_000_000)
    .map(([name, make]) => [name, build(bench, rowOf(size, 'build'), name, make, all, filters.length)] as const)

  const trials = (make: (built: Built) => Trial, wanted = built): Record<string, Trial> =>
    Object.fromEntries(wanted.map(([name, matcher]) => [name, make(matcher)]))
  const row = (what: string): string => rowOf(size, what)
  const repeated = trials((matcher) => repeatedTrial(matcher, hot))
  await bench.compare(row('repeated topics'), repeated, { batch: HOT, deliveries })
  const fresh = trials((matcher) => freshTrial(matcher, filters, hits))
  await bench.compare(row('fresh topics'), fresh, { batch: 100 })
  const quick = built.filter(([name]) => name !== SLOW_TO_REMOVE || size < 100_000)
  const churn = trials((matcher) => churnTrial(matcher, hot, filters.length), quick)
  await bench.compare(row('churn'), churn, { batch: HOT, deliveries })
}

/** Looks at all that it holds when a listener goes. */
const SLOW_TO_REMOVE = 'eventemitter2'

interface Built {
  readonly matcher: Matcher
  readonly tally: Tally
}

/** Builds an index several times when it is small, because code is slow at first; keeps the last one. */
function build(
  bench: Bench,
  row: string,
  contender: string,
  make: Contender,
  filters: readonly string[],
  size: number,
): Built {
  const ns: number[] = []
  const tally = new Tally()
  for (let builds = Math.ceil(100_000 / size); ; builds--) {
    const matcher = make(filters, tally)
    const before = builds > 1 ? 0 : heldBytes()
    const start = performance.now()
    for (let i = 0; i < size; i++) matcher.add(i)
    ns.push(((performance.now() - start) * 1e6) / size)
    if (builds > 1 && !bench.isSmoke) continue
    bench.record({ row, contender, ns, bytes: (heldBytes() - before) / size })
    return { matcher, tally }
  }
}

/** Those that remember topics may take a while to do so. */
const REHEARSALS = 40

function repeatedTrial({ matcher, tally }: Built, hot: readonly string[]): Trial {
  for (let i = 0; i < REHEARSALS; i++) matcher.match(hot)
  return {
    received: tally.read,
    run(operations) {
      for (let left = operations; left > 0; left -= HOT) matcher.match(hot)
    },
  }
}

/** Hits vary from topic to topic, so what counts as received is a topic, and the hits are compared here. */
function freshTrial({ matcher, tally }: Built, filters: readonly string[], hits: (topic: string) => number): Trial {
  let topics: readonly string[] = []
  let received = 0
  let before = 0
  return {
    received: () => received,
    prepare(operations) {
      topics = newTopics(filters, operations)
      before = tally.received
    },
    run: () => matcher.match(topics),
    finish(operations) {
      const expected = topics.reduce((sum, topic) => sum + hits(topic), 0)
      if (tally.received - before === expected) received += operations
    },
  }
}

/** After each hundred topics two filters come and two go. */
function churnTrial({ matcher, tally }: Built, hot: readonly string[], first: number): Trial {
  const parts = Array.from({ length: HOT / 100 }, (_, i) => hot.slice(i * 100, i * 100 + 100))
  let turn = 0
  const at = (offset: number): number => first + ((turn + offset) % CHURNING.length)
  matcher.add(at(0))
  matcher.add(at(1))
  return {
    received: tally.read,
    run(operations) {
      for (let i = 0; i < operations / 100; i++) {
        matcher.match(parts[i % parts.length]!)
        matcher.add(at(2))
        matcher.add(at(3))
        matcher.remove(at(0))
        matcher.remove(at(1))
        turn += 2
      }
    },
  }
}

const SIZES = [1000, 10_000, 100_000, 1_000_000]

export const question: Question = {
  title: 'Match a topic with many filters',
  about:
    'Filters and topics have four levels; of the filters 60 % are exact, 33.5 % have single-level wildcards, 6.5 % a ' +
    'multi-level one. "build" adds one filter. The others match one topic: one of 1 000 that come in turn, one that ' +
    'ends in a level never seen before, or one of 1 000 while for each hundred of them two filters come and two go, ' +
    'one exact and one with a wildcard. Busbar here is its router, as publishing asks it, because qlobber does nothing ' +
    'but match; mqtt-emitter and eventemitter2 also call a handler, as does Busbar where it says so. eventemitter2 ' +
    'is left out of churn in 100 000 and more, because it looks at all of them when one goes.',
  bytes: 'allocated for it, but with "build" those held for each filter',
  scenarios: SIZES.map((size) => ({
    name: `${count(size)} filters`,
    ...(size >= 100_000 && { processes: 1 }),
    measure: (bench) => measure(bench, size),
  })),
  bars: SIZES.flatMap((size): readonly Bar[] => [
    { kind: 'less', of: 'bytes', row: rowOf(size, 'build'), than: 'qlobber', atLeast: 3 },
    ...faster(rowOf(size, 'repeated topics'), { qlobber: 20 }),
    ...faster(rowOf(size, 'fresh topics'), { qlobber: 5 }),
    ...faster(rowOf(size, 'churn'), { qlobber: 2 }),
  ]),
}

function rowOf(size: number, what: string): string {
  return `${count(size)} filters, ${what}`
}
