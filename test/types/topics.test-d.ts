/** What the types promise about topics: which ones a broker takes, and with what data. */
import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd'
import { Broker, type DataOf, type Message, type MessageOf } from '../../dist/esm/index.js'

interface Order {
  id: string
  total: number
}

interface Topics {
  'orders/created': Order
  'orders/cancelled': { id: string; reason: string }
  [reading: `devices/${string}/temperature`]: number
  [reading: `slots/${number}/temperature`]: string
}

const broker = new Broker<Topics>()
declare const id: string
declare const slot: number
const order: Order = { id: 'a', total: 1 }

// A topic has the data that the map says.
expectType<Promise<void>>(broker.publish('orders/created', order))
expectType<Promise<void>>(broker.publish('orders/created', order, {}))
expectError(broker.publish('orders/created', { id: 'a' }))
expectError(broker.publish('orders/created'))

// A topic that the map does not have does not compile.
expectError(broker.publish('ordrs/created', order))
expectError(broker.publish('orders', order))
expectError(broker.publish(id, order))

// A topic that fits a template key has the data of that key.
expectType<Promise<void>>(broker.publish('devices/42/temperature', 20.5))
expectType<Promise<void>>(broker.publish('slots/42/temperature', 'warm'))
expectError(broker.publish('devices/42/temperature', 'warm'))
expectError(broker.publish('slots/x/temperature', 'warm'))

// So has a topic of the type of the template.
expectType<Promise<void>>(broker.publish(`devices/${id}/temperature`, 20.5))
expectType<Promise<void>>(broker.publish(`slots/${slot}/temperature`, 'warm'))
expectError(broker.publish(`devices/${id}/temperature`, 'warm'))
expectError(broker.publish(`slots/${id}/temperature`, 'warm'))

// A hole is one level, and wildcards are for filters.
expectError(broker.publish('devices/a/b/temperature', 20.5))
expectError(broker.publish('devices/+/temperature', 20.5))
expectError(broker.publish('devices/a+/temperature', 20.5))
expectError(broker.publish('devices/#/temperature', 20.5))
expectType<Promise<void>>(broker.publish('devices//temperature', 20.5))

// The other dialects have their own separators and wildcards.
interface Dotted {
  [reading: `devices.${string}.temperature`]: number
}
const nats = new Broker<Dotted, 'nats'>({ dialect: 'nats' })
expectType<Promise<void>>(nats.publish('devices.a/b+.temperature', 20.5))
expectError(nats.publish('devices.a.b.temperature', 20.5))
expectError(nats.publish('devices.*.temperature', 20.5))
expectError(nats.publish('devices.>.temperature', 20.5))
expectError(nats.publish('devices..temperature', 20.5))
const amqp = new Broker<Dotted, 'amqp'>({ dialect: 'amqp' })
expectType<Promise<void>>(amqp.publish('devices.a>.temperature', 20.5))
expectError(amqp.publish('devices.#.temperature', 20.5))
const prefix = new Broker<Dotted, 'prefix'>({ dialect: 'prefix' })
expectType<Promise<void>>(prefix.publish('devices.a.*.temperature', 20.5))
expectError(prefix.publish('device.a.temperature', 20.5))
const exact = new Broker<Dotted, 'exact'>({ dialect: 'exact' })
expectType<Promise<void>>(exact.publish('devices.a.#.temperature', 20.5))

// A literal key decides where a template key fits too; several template keys want all their data.
type Overlapping = { 'rooms/hall/light': 'on' | 'off' } & { [light: `rooms/${string}/light`]: string }
expectType<'on' | 'off'>(null! as DataOf<Overlapping, 'rooms/hall/light'>)
expectType<string>(null! as DataOf<Overlapping, 'rooms/attic/light'>)
expectType<Message<string, `rooms/${string}/light`>>(null! as MessageOf<Overlapping, 'rooms/+/light'>)
expectType<Message<'on' | 'off', 'rooms/hall/light'>>(null! as MessageOf<Overlapping, 'rooms/hall/light'>)
interface Both {
  [a: `a/${string}/c`]: { a: number }
  [b: `a/b/${string}`]: { b: number }
}
expectAssignable<DataOf<Both, 'a/b/c'>>({ a: 1, b: 2 })
expectNotAssignable<DataOf<Both, 'a/b/c'>>({ a: 1 })
expectType<{ a: number }>(null! as DataOf<Both, 'a/x/c'>)

// Without a map, any topic and any data.
const any = new Broker()
expectType<Promise<void>>(any.publish('whatever/you/say', { at: 'all' }))
expectType<Promise<void>>(any.publish(id, undefined))
expectType<Message<unknown, string>>(null! as MessageOf<{ [topic: string]: unknown }, 'a/+'>)

// Aliases and mapped types are maps as well.
type Alias = { [Verb in 'created' | 'cancelled' as `orders/${Verb}`]: Verb }
expectType<Promise<void>>(new Broker<Alias>().publish('orders/created', 'created'))
expectError(new Broker<Alias>().publish('orders/created', 'cancelled'))
expectError(new Broker<string>())

// The types and the broker speak the same dialect.
expectType<Broker<Topics, 'mqtt'>>(new Broker<Topics>())
expectType<Broker<Topics, 'mqtt'>>(new Broker<Topics>({ dialect: 'mqtt' }))
expectType<Broker<Dotted, 'nats'>>(new Broker<Dotted, 'nats'>({ dialect: 'nats' }))
expectError(new Broker<Topics>({ dialect: 'nats' }))
expectError(new Broker<Dotted, 'nats'>())
expectError(new Broker<Dotted, 'nats'>({}))
expectError(new Broker<Dotted, 'nats'>({ dialect: 'amqp' }))
expectError(new Broker({ dialect: 'kafka' }))
const untypedNats = new Broker({ dialect: 'nats' })
expectType<Promise<void>>(untypedNats.publish('a.b', 1))
expectAssignable<Broker>(new Broker({ source: 'tests' }))
