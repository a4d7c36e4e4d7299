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

const contenders: Readonly<Record<string, Pushable>> = {
  Busbar(acks) {
    const broker = new Broker<{ jobs: Data }>()
    for (let i = 0; i < MEMBERS; i++) {
      broker.subscribe('jobs', (message) => acks.add(message.data.value), { group: 'workers', capacity: Infinity })
    }
    return () => broker.publish('jobs', data)
  },

  'round robin over fastq'(acks) {
    const queues = Array.from({ length: MEMBERS }, () =>
      fastq((job: Data, done: fastq.done) => {
        acks.add(job.value)
        done(null)
      }, 1),
    )
    const done = (): void => {}
    let next = 0
    return () => {
      queues[next]!.push(data, done)
      next = next + 1 === MEMBERS ? 0 : next + 1
    }
  },
}

const ROWS = [
  { name: 'bursts of 1 000', depth: 1000 },
  { name: 'all at once', depth: MESSAGES },
]

export const question: Question = {
  title: 'Groups: 8 members share a million messages',
  about:
    'One operation is one message, queued, handled by one of 8 members, and acked; a round is a million of them. ' +
    'Busbar does more: the group has one queue, so that a slow member leaves its share to others; a round robin lets ' +
    'messages wait behind it. fastq calls a synchronous worker inside push(), so nothing of it is ever queued.',
  scenarios: ROWS.map(({ name, depth }) => ({
    name,
    async measure(bench) {
      const batch = bench.size(depth)
      const trials = await burstTrials(contenders, batch)
      await bench.compare(name, trials, { batch, operations: bench.size(MESSAGES), rounds: 3, bytes: 'none' })
    },
  })),
  bars: ROWS.flatMap(({ name }) => faster(name, { 'round robin over fastq': 1 })),
}
