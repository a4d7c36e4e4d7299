/**
 * The Momento door: what does a publish cost, through the vendor's own client
 * and through the one in process?
 */
import {
  CredentialProvider,
  NoopMomentoLoggerFactory,
  TopicConfigurations,
  TopicClient as VendorClient,
} from '@gomomento/sdk'
import { Acks } from '../acks.ts'
import type { Bench, Trial } from '../bench.ts'
import { TopicClient } from '../doors.ts'
import { BUSBAR, type Question } from '../question.ts'
import { remoteTrial, startRemote } from '../remote.ts'

const value = JSON.stringify({ orderId: '64-0017', items: [{ sku: 'A-113', count: 2 }], note: 'Leave it at the door' })

/** Publishes; what is answered says how it went. */
type Publish = () => Promise<{ readonly type: string }>

/** How many are under way at a time. */
const WIDTHS = [1, 64]
const ROUNDS = 7

async function measure(bench: Bench): Promise<void> {
  const contenders: Record<string, Contender> = {
    [BUSBAR]: await vendorClient(BUSBAR),
    'node:http2': await vendorClient('node:http2'),
    'Busbar, TopicClient': await ownClient(),
  }
  for (const width of WIDTHS) {
    const operations = bench.size(width === 1 ? 500 : 1600)
    const trials: Record<string, Trial> = {}
    for (const [name, contender] of Object.entries(contenders)) {
      trials[name] = contender(width)
      if (!bench.isSmoke) await trials[name].run(operations, () => {})
    }
    await bench.compare(rowOf(width), trials, { operations, rounds: ROUNDS, bytes: 'none' })
  }
}

type Contender = (width: number) => Trial

/** The vendor's client, connected to a server in a process of its own. */
async function vendorClient(server: string): Promise<Contender> {
  const remote = await startRemote('momento-servers.js', server)
  const client = new VendorClient({
    configuration: TopicConfigurations.Default.latest(new NoopMomentoLoggerFactory()),
    credentialProvider: CredentialProvider.forMomentoLocal({ port: remote.port }),
  })
  return (width) =>
    remoteTrial(
      remote,
      publisher(width, () => client.publish('cache', 'orders', value)),
    )
}

/** Ours, with the cache in this process; subscriptions get what has been published a little later. */
async function ownClient(): Promise<Contender> {
  const acks = new Acks()
  const client = new TopicClient({ caches: ['cache'] })
  await client.subscribe('cache', 'orders', { onItem: () => acks.add(1) })
  const contender = (width: number): Trial => {
    const publish = publisher(width, () => client.publish('cache', 'orders', value))
    return { received: acks.read, run: (operations) => Promise.all([acks.next(operations), publish(operations)]) }
  }
  // What takes a network a second to ask for is over too soon here to be warm.
  await contender(1).run(20_000, () => {})
  return contender
}

/** Publishes so many, `width` at a time. @returns rejects when one of them fails */
function publisher(width: number, publish: Publish): (operations: number) => Promise<unknown> {
  return (operations) => {
    let left = operations
    const publishInTurn = async (): Promise<void> => {
      while (left-- > 0) {
        const response = await publish()
        if (response.type !== 'Success') throw new Error(`The server answered ${response}`)
      }
    }
    return Promise.all(Array.from({ length: width }, publishInTurn))
  }
}

function rowOf(width: number): string {
  return width === 1 ? 'one after the other' : `${width} at a time`
}

export const question: Question = {
  title: 'Momento Topics',
  about:
    'One operation is one publish that has been answered. Busbar and the bare node:http2 server are in a process of ' +
    "their own, and the vendor's client, @gomomento/sdk, publishes to them. The bare server answers an empty message, " +
    'whatever it is asked; Busbar does more: it reads the request, numbers the item, keeps it for subscriptions that ' +
    'resume, and hands it to one subscription in its process. Most of the time goes to the client and to the way ' +
    'between the processes. Busbar, TopicClient does the same without a network.',
  scenarios: [{ name: 'publish', processes: 2, measure }],
  bars: [],
}
