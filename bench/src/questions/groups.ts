/**
 * A group: 8 members share a million messages, each of which goes to one of them.
 */
import fastq from 'fastq'
import { burstTrials, type Pushable } from '../acks.ts'
import { Broker } from '../busbar.ts'
import { type Data, data } from '../handlers.ts'
import { faster, type Question } from '../question.ts'

const MEMBERS = 8
const MESSAGES = 1_000_000

const OPTIONS = { group: 'workers', capacity: Infinity } as const

const sync: Readonly<Record<string, Pushable>> = {
  Busbar(acks) {
    const broker = new Broker<{ jobs: Data }>()
    for (let i = 0; i < MEMBERS; i++) broker.subscribe('jobs', (message) => acks.add(message.data.value), OPTIONS)
    return () => broker.publish('jobs', data)
  },

  'round robin over fastq': (acks) =>
    roundRobin((job, done) => {
      acks.add(job.value)
      done(null)
    }),
}

const async: Readonly<Record<string, Pushable>> = {
  Busbar(acks) {
    const broker = new Broker<{ jobs: Data }>()
    for (let i = 0; i < MEMBERS; i++) broker.subscribe('jobs', async (message) => acks.add(message.data.value), OPTIONS)
    return () => broker.publish('jobs', data)
  },

  'round robin over fastq'(acks) {
    const handle = async (job: Data): Promise<void> => acks.add(job.value)
    return roundRobin((job, done) => void handle(job).then(() => done(null)))
  },
}

function roundRobin(worker: fastq.worker<unknown, Data>): () => void {
  const queues = Array.from({ length: MEMBERS }, () => fastq(worker, 1))
  const done = (): void => {}
  let next = 0
  return () => {
    queues[next]!.push(data, done)
    next = next + 1 === MEMBERS ? 0 : next + 1
  }
}

const DEPTHS = [
  { depth: 1000, called: 'bursts of 1 000' },
  { depth: MESSAGES, called: 'all at once' },
]
const ROWS = DEPTHS.flatMap(({ depth, called }) => [
  { name: called, depth, contenders: sync },
  { name: `${called}, async handlers`, depth, contenders: async },
])

export const question: Question = {
  title: 'Groups: 8 members share a million messages',
  about:
    'One operation is one message, queued, handled by one of 8 members, and acked; a round is a million of them. ' +
    'Busbar does more: the group has one queue, so that a slow member leaves its share to others; a round robin lets ' +
    'messages wait behind it. fastq calls a synchronous worker inside push(), so nothing of it is ever queued; with ' +
    'async handlers both queue what they do.',
  scenarios: ROWS.map(({ name, depth, contenders }) => ({
    name,
    ...(depth === MESSAGES && { processes: 1 }),
    async measure(bench) {
      const batch = bench.size(depth)
      const trials = await burstTrials(contenders, batch)
      await bench.compare(name, trials, { batch, operations: bench.size(MESSAGES), rounds: 3, bytes: 'none' })
    },
  })),
  bars: ROWS.flatMap(({ name }) => faster(name, { 'round robin over fastq': 1 })),
}
