/** What the types promise about filters: what a handler is given, and which filters do not compile. */
import { expectError, expectType } from 'tsd'
import {
  Broker,
  type CheckedFilter,
  type MatchedTopic,
  type Message,
  type MessageOf,
  type Subscription,
} from '../../dist/esm/index.js'

interface Order {
  id: string
  total: number
}
interface User {
  name: string
}

interface Topics {
  'orders/created': Order
  'orders/cancelled': { id: string; reason: string }
  'users/created': User
  users: 'all'
  '$internal/created': boolean
  [reading: `devices/${string}/temperature`]: number
}

const broker = new Broker<Topics>()
declare const id: string
type Created = Message<Order, 'orders/created'> | Message<User, 'users/created'>
type Temperature = Message<number, `devices/${string}/temperature`>

// A filter without wildcards: the data of that topic.
broker.subscribe('orders/created', (message) => {
  expectType<Message<Order, 'orders/created'>>(message)
})
broker.subscribe('devices/42/temperature', (message) => {
  expectType<Message<number, 'devices/42/temperature'>>(message)
})

// A filter with wildcards: a union that the topic tells apart.
broker.subscribe('+/created', (message) => {
  expectType<Created>(message)
  switch (message.topic) {
    case 'orders/created':
      return expectType<Order>(message.data)
    case 'users/created':
      return expectType<User>(message.data)
    default:
      return expectType<never>(message)
  }
})
broker.subscribe('#', (message) => {
  if (message.topic === 'orders/created') expectType<Order>(message.data)
  if (message.topic === 'devices/42/temperature') expectType<number>(message.data)
  // @ts-expect-error no such topic
  if (message.topic === 'ordrs/created') return
})

// The handler may be async, return an outcome, and be written elsewhere.
broker.subscribe('orders/+', async (message) => (message.deliveryCount > 1 ? 'drop' : 'ack'), { qos: 1 })
broker.subscribe('orders/created', (message: Message<Order>) => message.ack())
broker.subscribe('orders/+', (message: Message) => message.nack())
expectError(broker.subscribe('orders/+', (message: Message<Order>) => message.ack()))
expectError(broker.subscribe('orders/+', { qos: 2 }))
expectError(broker.subscribe('orders/+', () => undefined, { qos: 2 }))
expectError(broker.subscribe('orders/+', 'handler'))

// Without a handler it is an async iterable of the same messages.
expectType<Subscription<Created>>(broker.subscribe('+/created'))
expectType<Subscription<Created>>(broker.subscribe('+/created', { qos: 1 }))
for await (const message of broker.subscribe('+/created')) expectType<Created>(message)
expectType<Promise<Created>>(broker.once('+/created'))
expectType<Promise<Message<Order, 'orders/created'>>>(broker.once('orders/created', {}))
expectError(broker.once('ordrs/created'))

// A template key meets a filter level by level.
expectType<Subscription<Temperature>>(broker.subscribe('devices/+/temperature'))
expectType<Subscription<Temperature>>(broker.subscribe('+/+/temperature'))
expectType<Subscription<Temperature>>(broker.subscribe('+/42/+'))
expectType<Subscription<Temperature>>(broker.subscribe('devices/#'))
expectType<Subscription<Temperature>>(broker.subscribe('devices/42/#'))
expectType<Subscription<Temperature>>(broker.subscribe(`devices/${id}/temperature`))
expectType<Subscription<Temperature>>(broker.subscribe(`devices/${id}/+`))

// A filter that is not known until run time: any message of the broker.
expectType<Subscription<MessageOf<Topics>>>(broker.subscribe(id))
expectType<MessageOf<Topics>['topic']>(null! as keyof Topics & string)
// One of several: the messages of each.
expectType<Subscription<Created>>(broker.subscribe(null! as 'orders/created' | 'users/created'))
expectError(broker.subscribe(null! as 'orders/created' | 'ordrs/created'))

// A filter that no topic can match does not compile, and the message names it.
expectError(broker.subscribe('ordrs/created', () => undefined))
expectError(broker.subscribe('ordrs/#', () => undefined))
expectError(broker.subscribe('+/+/+/+', () => undefined))
expectError(broker.subscribe('devices/a/b/temperature', () => undefined))
expectError(broker.subscribe('orders/created/+', () => undefined))
expectError(broker.subscribe('', () => undefined))
expectType<'no topic of this broker matches the filter ordrs/#'>(null! as CheckedFilter<Topics, 'ordrs/#'>)

// Nor does one that breaks the grammar.
expectError(broker.subscribe('orders/#/created', () => undefined))
expectError(broker.subscribe('orders/created+', () => undefined))
expectError(broker.subscribe('orders#', () => undefined))
expectType<'the filter #/a is invalid: # must be the last level'>(null! as CheckedFilter<Topics, '#/a'>)
expectType<'the filter a/b+ is invalid: a wildcard must be a whole level'>(null! as CheckedFilter<Topics, 'a/b+'>)

// Without a map: any filter, and data that nobody vouches for.
new Broker().subscribe('orders/#', (message) => {
  expectType<Message<unknown, string>>(message)
})
new Broker({ dialect: 'nats' }).subscribe('orders.>', (message) => {
  expectType<unknown>(message.data)
})

/** A map of these topics, for questions about matching alone. */
type Of<Topic extends string> = { [T in Topic]: unknown }

// mqtt: MQTT 5.0, section 4.7.
type Sport = Of<'sport' | 'sport/' | 'sport/tennis' | 'sport/tennis/final' | '/finance' | '$sys/x' | 'a//b'>
expectType<'sport' | 'sport/' | 'sport/tennis' | 'sport/tennis/final'>(null! as MatchedTopic<Sport, 'sport/#'>)
expectType<'sport/' | 'sport/tennis'>(null! as MatchedTopic<Sport, 'sport/+'>)
expectType<'sport'>(null! as MatchedTopic<Sport, '+'>)
expectType<'sport/' | 'sport/tennis' | '/finance'>(null! as MatchedTopic<Sport, '+/+'>)
expectType<'/finance'>(null! as MatchedTopic<Sport, '/+'>)
expectType<'a//b'>(null! as MatchedTopic<Sport, 'a/+/b'>)
expectType<'$sys/x'>(null! as MatchedTopic<Sport, '$sys/#'>)
expectType<never>(null! as MatchedTopic<Sport, '+/x'>)
expectType<Exclude<keyof Sport, '$sys/x'>>(null! as MatchedTopic<Sport, '#'>)

// nats
type Time = Of<'time' | 'time.us' | 'time.us.east' | 'time.us.east.atlanta' | '$sys'>
expectType<'time.us.east'>(null! as MatchedTopic<Time, 'time.*.east', 'nats'>)
expectType<'time.us.east' | 'time.us.east.atlanta'>(null! as MatchedTopic<Time, 'time.us.>', 'nats'>)
expectType<'time.us.east.atlanta'>(null! as MatchedTopic<Time, '*.*.east.>', 'nats'>)
expectType<keyof Time>(null! as MatchedTopic<Time, '>', 'nats'>)
expectType<'time' | '$sys'>(null! as MatchedTopic<Time, '*', 'nats'>)
expectType<`a.${string}`>(null! as MatchedTopic<Of<`a.${string}` | `a.${string}.c`>, 'a.*', 'nats'>)
expectType<`a.${string}.c`>(null! as MatchedTopic<Of<`a.${string}` | `a.${string}.c`>, 'a.x.>', 'nats'>)
expectType<'the filter a.>.b is invalid: > must be the last level'>(null! as CheckedFilter<Time, 'a.>.b', 'nats'>)
expectType<'the filter a..b is invalid: empty level'>(null! as CheckedFilter<Time, 'a..b', 'nats'>)
expectType<'the filter .a is invalid: empty level'>(null! as CheckedFilter<Time, '.a', 'nats'>)

// amqp
type Animal = Of<'lazy' | 'lazy.pink.rabbit' | 'quick.orange.rabbit' | 'z' | 'a.z' | 'a.b.c.z' | `x.${string}.z`>
expectType<'quick.orange.rabbit'>(null! as MatchedTopic<Animal, '*.orange.rabbit', 'amqp'>)
expectType<'quick.orange.rabbit' | `x.${string}.z`>(null! as MatchedTopic<Animal, '*.orange.*', 'amqp'>)
expectType<'lazy' | 'lazy.pink.rabbit'>(null! as MatchedTopic<Animal, 'lazy.#', 'amqp'>)
expectType<'z' | 'a.z' | 'a.b.c.z' | `x.${string}.z`>(null! as MatchedTopic<Animal, '#.z', 'amqp'>)
expectType<'a.z' | 'a.b.c.z'>(null! as MatchedTopic<Animal, 'a.#.z', 'amqp'>)
expectType<'a.b.c.z' | `x.${string}.z`>(null! as MatchedTopic<Animal, '#.b.#', 'amqp'>)
expectType<'a.b.c.z'>(null! as MatchedTopic<Animal, 'a.#.c.#.z.#', 'amqp'>)
expectType<keyof Animal>(null! as MatchedTopic<Animal, '#', 'amqp'>)
expectType<'the filter #.a.#.b.#.c.# is invalid: more than three #'>(
  null! as CheckedFilter<Animal, '#.a.#.b.#.c.#', 'amqp'>,
)

// prefix and exact
type Text = Of<'orders' | 'orders1' | 'or*ers' | 'users' | `order-${number}`>
expectType<'orders1'>(null! as MatchedTopic<Text, 'orders*', 'prefix'>)
expectType<'orders' | 'orders1' | `order-${number}`>(null! as MatchedTopic<Text, 'order*', 'prefix'>)
expectType<keyof Text>(null! as MatchedTopic<Text, '*', 'prefix'>)
expectType<'or*ers'>(null! as MatchedTopic<Text, 'or*ers', 'prefix'>)
expectType<`order-${number}`>(null! as MatchedTopic<Text, 'order-4*', 'prefix'>)
expectType<'order-42'>(null! as MatchedTopic<Text, 'order-42', 'exact'>)
expectType<never>(null! as MatchedTopic<Text, 'order*', 'exact'>)

// Twenty levels are not too deep.
type Deep = 'a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t'
expectType<Deep>(null! as MatchedTopic<Of<Deep>, '+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+'>)
expectType<`${Deep}/${string}`>(null! as MatchedTopic<Of<`${Deep}/${string}`>, `${Deep}/#`>)
type DeepDotted = 'a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t'
expectType<DeepDotted>(null! as MatchedTopic<Of<DeepDotted>, '#.j.#.q.#', 'amqp'>)
