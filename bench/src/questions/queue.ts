/**
 * A queue with acknowledgement: what does it cost to hand a message over, have
 * it handled, ack it, and offer one in a hundred again?
 */
import fastq from 'fastq'
import PQueue from 'p-queue'
import { type Acks, burstTrials, type Push, type Pushable } from '../acks.ts'
import { Broker } from '../busbar.ts'
import { count } from '../format.ts'
import type { Data } from '../handlers.ts'
import { type Bar, faster, type Question, type Scenario } from '../question.ts'

export interface Job extends Data {
  /** Whether its first delivery is nacked. */
  readonly isUnlucky: boolean
}

export const easy: Job = Object.freeze({ value: 1, isUnlucky: false })
const hard: Job = Object.freeze({ value: 1, isUnlucky: true })
export const jobOf = (index: number): Job => (index % 100 === 0 ? hard : easy)

export const CONCURRENCY = 64

/** What a worker says of a job: done, or to be done again. Peers queue `easy` then, which needs no count of deliveries. */
type Outcome = 'nack' | undefined

export function work(job: Job, acks: Acks): Outcome {
  if (job.isUnlucky) return 'nack'
  acks.add(job.value)
  return undefined
}

const sync: Readonly<Record<string, Pushable>> = {
  Busbar: (acks) =>
    busbar((broker, options) =>
      broker.subscribe('jobs', ({ data, redelivered }) => work(redelivered ? easy : data, acks), options),
    ),

  'fastq callbacks': (acks) => callbacks((job, done) => done(null, work(job, acks))),

  'p-queue'(acks) {
    const queue = new PQueue({ concurrency: CONCURRENCY })
    const add = (job: Job): unknown => queue.add(() => work(job, acks)).then((outcome) => outcome && add(easy))
    return (index) => add(jobOf(index))
  },
}

export const async: Readonly<Record<string, Pushable>> = {
  Busbar: (acks) =>
    busbar((broker, options) =>
      broker.subscribe('jobs', async ({ data, redelivered }) => work(redelivered ? easy : data, acks), options),
    ),

  'fastq callbacks'(acks) {
    const handle = async (job: Job): Promise<Outcome> => work(job, acks)
    return callbacks((job, done) => void handle(job).then((outcome) => done(null, outcome)))
  },

  'fastq promises'(acks) {
    const queue = fastq.promise<unknown, Job, Outcome>(async (job) => work(job, acks), CONCURRENCY)
    const again = (outcome: Outcome): unknown => outcome && queue.push(easy).then(again)
    return (index) => queue.push(jobOf(index)).then(again)
  },

  'p-queue'(acks) {
    const queue = new PQueue({ concurrency: CONCURRENCY })
    const add = (job: Job): unknown => queue.add(async () => work(job, acks)).then((outcome) => outcome && add(easy))
    return (index) => add(jobOf(index))
  },
}

type Jobs = Broker<{ jobs: Job }>

/** Messages are offered again at once, as by the others. */
const OPTIONS = { concurrency: CONCURRENCY, capacity: Infinity, backoff: [0] } as const

function busbar(subscribe: (broker: Jobs, options: typeof OPTIONS) => unknown): Push {
  const broker: Jobs = new Broker()
  subscribe(broker, OPTIONS)
  return (index) => broker.publish('jobs', jobOf(index))
}

function callbacks(worker: fastq.worker<unknown, Job, Outcome>): Push {
  const queue = fastq(worker, CONCURRENCY)
  const done: fastq.done<Outcome> = (_, outcome) => {
    if (outcome === 'nack') queue.push(easy, done)
  }
  return (index) => queue.push(jobOf(index), done)
}

const DEPTHS = [1, 1000, 100_000]

export const question: Question = {
  title: 'Queue, handle, ack',
  about:
    'One operation is one message: queued, handled, acked; one in a hundred is nacked and handled again. The depth is ' +
    'how many are queued at once; the next ones follow when all are done. 64 handlers may run at once. Busbar does ' +
    'more: it makes an event, counts deliveries, would end an ack wait, and keeps the message until it is acked. A ' +
    'peer forgets what it has handed out, and its user queues a new job where Busbar redelivers. fastq calls a ' +
    'synchronous worker inside push(): nothing of it is ever queued there, whatever the depth.',
  scenarios: [
    ...DEPTHS.map((depth) => scenario(`sync handler, depth ${count(depth)}`, sync, depth)),
    ...DEPTHS.map((depth) => scenario(`async handler, depth ${count(depth)}`, async, depth)),
  ],
  bars: DEPTHS.flatMap((depth): readonly Bar[] => [
    ...faster(`sync handler, depth ${count(depth)}`, { 'fastq callbacks': 1, 'p-queue': 8 }),
    ...faster(`async handler, depth ${count(depth)}`, { 'fastq promises': 2, 'p-queue': 8 }),
  ]),
}

function scenario(name: string, contenders: Readonly<Record<string, Pushable>>, depth: number): Scenario {
  return {
    name,
    async measure(bench) {
      const batch = bench.size(depth)
      const trials = await burstTrials(contenders, batch)
      // The young generation does not hold what a deep queue allocates, so there is nothing to count.
      await bench.compare(name, trials, { batch, bytes: depth > 10_000 ? 'none' : 'allocated' })
    },
  }
}
