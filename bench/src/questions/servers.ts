/**
 * The question `queue` again, beside servers that keep messages outside of the
 * process. They do something else, so there is no bar; this is for scale.
 */
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Redis } from 'ioredis'
import { type Acks, burstTrials, type Push, type Pushable } from '../acks.ts'
import { BUSBAR, type Question } from '../question.ts'
import { isInstalled, startServer } from '../server.ts'
import { async, CONCURRENCY, easy, type Job, jobOf, work } from './queue.ts'

async function redisStreams(acks: Acks): Promise<Push> {
  const port = await startServer('redis-server', (port) =>
    ['--bind 127.0.0.1', `--port ${port}`, '--save ""', '--appendonly no'].flatMap((option) => option.split(' ')),
  )
  const writer = new Redis(port, '127.0.0.1')
  await writer.xgroup('CREATE', 'jobs', 'workers', '$', 'MKSTREAM')
  void readStream(new Redis(port, '127.0.0.1'), writer, acks)
  return (index) => writer.xadd('jobs', '*', 'job', JSON.stringify(jobOf(index)))
}

/** What `XREADGROUP` answers when it reads one stream. */
type Reply = [stream: string, entries: [id: string, fields: [name: string, job: string]][]]

async function readStream(reader: Redis, writer: Redis, acks: Acks): Promise<void> {
  for (;;) {
    const request = ['GROUP', 'workers', 'a', 'COUNT', `${CONCURRENCY}`, 'BLOCK', '0', 'STREAMS', 'jobs', '>']
    const [, entries] = (await reader.call('XREADGROUP', ...request)) as Reply // it blocks until there is one
    for (const [, [, job]] of entries) {
      if (work(JSON.parse(job) as Job, acks) === 'nack') void writer.xadd('jobs', '*', 'job', JSON.stringify(easy))
    }
    await writer.xack('jobs', 'workers', ...entries.map(([id]) => id))
  }
}

async function jetStream(acks: Acks): Promise<Push> {
  const port = await startServer('nats-server', (port, folder) => [
    ...['--addr', '127.0.0.1', '--port', `${port}`],
    ...['--jetstream', '--store_dir', folder],
  ])
  const connection = await connect({ servers: `127.0.0.1:${port}` })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: 'jobs', subjects: ['jobs'], storage: StorageType.Memory })
  await manager.consumers.add('jobs', { durable_name: 'workers', ack_policy: 'explicit' })
  const stream = jetstream(connection)
  const messages = await (await stream.consumers.get('jobs', 'workers')).consume()
  const read = async (): Promise<void> => {
    for await (const message of messages) {
      const outcome = work(message.redelivered ? easy : message.json<Job>(), acks)
      if (outcome === 'nack') message.nak()
      else message.ack()
    }
  }
  void read()
  return (index) => stream.publish('jobs', JSON.stringify(jobOf(index)))
}

const servers: Readonly<Record<string, readonly [command: string, contender: Pushable]>> = {
  'Redis streams': ['redis-server', redisStreams],
  'NATS JetStream': ['nats-server', jetStream],
}

const ROW = 'async handler, depth 1 000'

export const question: Question = {
  title: 'The same beside servers, for scale',
  about:
    'As "queue", beside Redis and NATS on the loopback interface when their servers are installed, with messages kept ' +
    'in memory. They do more: messages are JSON, leave the process, and survive its end.',
  scenarios: [
    {
      name: ROW,
      processes: 1,
      async measure(bench) {
        const contenders: Record<string, Pushable> = { [BUSBAR]: async[BUSBAR]! }
        for (const [name, [command, contender]] of Object.entries(servers)) {
          if (isInstalled(command)) contenders[name] = contender
        }
        const batch = bench.size(1000)
        await bench.compare(ROW, await burstTrials(contenders, batch), { batch, bytes: 'none' })
      },
    },
  ],
  bars: [],
}
