/**
 * An event: making one, reading it, writing it as JSON and reading that back.
 */
import { randomUUID } from 'node:crypto'
import { HTTP, CloudEvent as SDKEvent } from 'cloudevents'
import type { Trial } from '../bench.ts'
import { Broker, type CloudEvent, fromJSON, type Message, toJSON } from '../busbar.ts'
import { type Data, Tally } from '../handlers.ts'
import { faster, type Question } from '../question.ts'

interface Order extends Data {
  readonly customer: string
  readonly items: readonly { readonly name: string; readonly price: number }[]
}

const order: Order = { value: 1, customer: 'c-7021', items: [{ name: 'lamp', price: 42.5 }] }

interface Contender {
  /** Makes an event and reads its data. */
  make(tally: Tally): (operations: number) => void
  /** Makes an event and reads its data, id and time. */
  read(tally: Tally): (operations: number) => void
  print(): () => string
  /** @returns the value in the data */
  parse(text: string): number
}

const contenders: Readonly<Record<string, Contender>> = {
  Busbar: {
    make: (tally) => publisher(({ data }) => add(tally, data as Order)),
    read: (tally) => publisher(({ event }) => event.id !== event.time && add(tally, event.data as Order)),
    print() {
      let event: CloudEvent | undefined
      publisher((message) => (event = message.event))(1)
      return () => toJSON(event!)
    },
    parse: (text) => (fromJSON(text).data as Order).value, // that is what was printed
  },

  'cloudevents SDK': {
    make: (tally) => (operations) => {
      for (let i = 0; i < operations; i++) add(tally, newSDKEvent().data!)
    },
    read: (tally) => (operations) => {
      for (let i = 0; i < operations; i++) {
        const event = newSDKEvent()
        if (event.id !== event.time) add(tally, event.data!)
      }
    },
    print() {
      const event = newSDKEvent()
      return () => JSON.stringify(event)
    },
    parse(text) {
      const event = HTTP.toEvent<Order>({ headers: { 'content-type': 'application/cloudevents+json' }, body: text })
      return (event as SDKEvent<Order>).data!.value // one event, because it is no batch
    },
  },

  'an object by hand': {
    make: (tally) => (operations) => {
      for (let i = 0; i < operations; i++) add(tally, newObject().data)
    },
    read: (tally) => (operations) => {
      for (let i = 0; i < operations; i++) {
        const event = newObject()
        if (event.id !== event.time) add(tally, event.data)
      }
    },
    print() {
      const event = newObject()
      return () => JSON.stringify(event)
    },
    parse: (text) => (JSON.parse(text) as { data: Order }).data.value, // that is what was printed
  },
}

function publisher(handler: (message: Message) => unknown): (operations: number) => void {
  const broker = new Broker()
  broker.subscribe('orders/placed', handler, { qos: 0 })
  return (operations) => {
    for (let i = 0; i < operations; i++) void broker.publish('orders/placed', order)
  }
}

function newSDKEvent(): SDKEvent<Order> {
  return new SDKEvent({ source: 'busbar', type: 'orders/placed', data: order })
}

function newObject(): { readonly id: string; readonly time: string; readonly data: Order } {
  return Object.freeze({
    specversion: '1.0',
    id: randomUUID(),
    source: 'busbar',
    type: 'orders/placed',
    time: new Date().toISOString(),
    data: order,
  })
}

function add(tally: Tally, { value }: Data): void {
  tally.received += value
}

function trialOf(tally: Tally, run: (operations: number) => void): Trial {
  return { received: tally.read, run }
}

const rows: Readonly<Record<string, (contender: Contender) => Trial>> = {
  make(contender) {
    const tally = new Tally()
    return trialOf(tally, contender.make(tally))
  },
  'make, read id and time'(contender) {
    const tally = new Tally()
    return trialOf(tally, contender.read(tally))
  },
  'print as JSON'(contender) {
    const tally = new Tally()
    const print = contender.print()
    return trialOf(tally, (operations) => {
      for (let i = 0; i < operations; i++) if (print().includes('c-7021')) tally.received++
    })
  },
  'parse JSON'(contender) {
    const tally = new Tally()
    const text = contender.print()()
    return trialOf(tally, (operations) => {
      for (let i = 0; i < operations; i++) tally.received += contender.parse(text)
    })
  },
}

export const question: Question = {
  title: 'An event: make, read, print, parse',
  about:
    'One operation is one CloudEvent. Busbar does more: it publishes the event to a handler, and makes the attributes ' +
    'when somebody reads them, so "make" is what an event costs whose data alone is read. Both Busbar and the SDK ' +
    'check what they print and parse. The object by hand has a random UUID and a time, and nobody checks it.',
  scenarios: Object.entries(rows).map(([name, trial]) => ({
    name,
    async measure(bench) {
      const trials = Object.entries(contenders).map(([contender, ways]) => [contender, trial(ways)])
      await bench.compare(name, Object.fromEntries(trials))
    },
  })),
  bars: [
    ...faster('make', { 'cloudevents SDK': 50 }),
    ...faster('print as JSON', { 'cloudevents SDK': 5 }),
    ...faster('parse JSON', { 'cloudevents SDK': 5 }),
  ],
}
