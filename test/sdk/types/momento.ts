/**
 * What must compile, and what must not, of the Momento door beside the vendor's
 * own package. Nothing here runs.
 */
import {
  type TopicClient as NodeClient,
  type TopicDiscontinuity as NodeDiscontinuity,
  type MomentoErrorCode as NodeErrorCode,
  type TopicItem as NodeItem,
  TopicPublishResponse as NodePublishResponse,
  type SubscribeCallOptions as NodeSubscribeCallOptions,
  TopicSubscribeResponse as NodeSubscribeResponse,
} from '@gomomento/sdk'
import type { ITopicClient } from '@gomomento/sdk-core/dist/src/clients/ITopicClient.js'
import type { TopicClient as WebClient } from '@gomomento/sdk-web'
import { Broker } from '../../../src/index.ts'
import {
  type AnyBroker,
  CacheStore,
  MomentoErrorCode,
  type PortDiscontinuity,
  type PortItem,
  type SubscribeCallOptions,
  TopicClient,
  type TopicItem,
  type TopicPort,
  type TopicPublish,
  type TopicSubscribe,
} from '../../../src/momento/index.ts'

declare const node: NodeClient
declare const web: WebClient
declare const ours: TopicClient
declare function take<T>(value: T): void
declare function both(port: TopicPort): Promise<void>

// Ours where the vendor's interface is asked for.
take<ITopicClient>(ours)
take<ITopicClient>(new TopicClient({ caches: ['c'] }))

// Theirs, both of them, and ours where the port is asked for.
take<TopicPort>(node)
take<TopicPort>(web)
take<TopicPort>(ours)
void both(node)
declare const nodeItem: NodeItem
declare const nodeDiscontinuity: NodeDiscontinuity
take<PortItem>(nodeItem)
take<PortDiscontinuity>(nodeDiscontinuity)

// What the port gives can be told apart.
declare const port: TopicPort
const published = await port.publish('c', 't', 'x')
if ('errorCode' in published) take<Error>(published.innerException())
else take<boolean>(published.is_success)
const opened = await port.subscribe('c', 't', { onItem: (item) => take<number>(item.sequenceNumber()) })
if ('unsubscribe' in opened) opened.unsubscribe()
else take<string>(opened.message())

// Whoever uses ours sees its own types, not what is there for the vendor's.
const answer = await ours.publish('c', 't', new Uint8Array())
take<TopicPublish.Response>(answer)
switch (answer.type) {
  case 'Success':
    take<TopicPublish.Success>(answer)
    break
  case 'Error':
    take<TopicPublish.Error>(answer)
    take<MomentoErrorCode>(answer.errorCode())
    break
  default:
    answer satisfies never
}
const subscription = await ours.subscribe('c', 't', { onItem: (item) => take<TopicItem>(item) })
if (subscription.type === 'Subscription') {
  take<TopicSubscribe.Subscription>(subscription)
  for await (const item of subscription) take<TopicItem>(item)
  {
    using _ = subscription
  }
} else take<TopicSubscribe.Error>(subscription)

// The vendor's enumerations can be compared with what ours says.
if (answer.type === 'Error') take<boolean>(answer.errorCode() === ('NOT_FOUND_ERROR' satisfies MomentoErrorCode))
declare const code: NodeErrorCode
take<boolean>(MomentoErrorCode.NOT_FOUND_ERROR === `${code}`)
declare const kind: 'Success' | 'Error'
switch (kind) {
  case NodePublishResponse.Success:
  case NodePublishResponse.Error:
    break
  default:
    kind satisfies never
}
take<boolean>(subscription.type === NodeSubscribeResponse.Subscription)

// Options for the vendor's callbacks, written against ours.
declare const options: SubscribeCallOptions
take<NodeSubscribeCallOptions['onSubscriptionEnd']>(() => void options.onSubscriptionEnd?.())

// Brokers of any map and dialect are caches.
new CacheStore({ caches: { a: new Broker(), b: new Broker<{ t: string }>(), c: new Broker({ dialect: 'nats' }) } })
take<AnyBroker>(new Broker<{ [topic: `orders/${string}`]: { id: string } }, 'exact'>({ dialect: 'exact' }))

// @ts-expect-error -- no broker
new CacheStore({ caches: { a: {} } })
// @ts-expect-error -- a value that is neither text nor bytes
void ours.publish('c', 't', 5)
// @ts-expect-error -- a callback that is none
void ours.subscribe('c', 't', { onItem: 5 })
// @ts-expect-error -- a callback that there is not
void ours.subscribe('c', 't', { onItems: () => {} })
// @ts-expect-error -- narrowed by type
if (answer.type === 'Success') answer.errorCode()
