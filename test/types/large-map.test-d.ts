/** A map of 400 topics, written out: what the types promise about small maps holds for large ones, and quickly. */
import { expectError, expectType } from 'tsd'
import { Broker, type Message, type MessageOf } from '../../dist/esm/index.js'

interface Created {
  id: string
}
interface Changed {
  id: string
  version: number
}
interface Deleted {
  id: string
  reason: string
}
interface Viewed {
  by: string
}
interface Failed {
  error: string
}

// prettier-ignore
interface Topics {
  'orders/item/created': Created
  'orders/item/changed': Changed
  'orders/item/deleted': Deleted
  'orders/item/viewed': Viewed
  'orders/item/failed': Failed
  'orders/batch/created': Created
  'orders/batch/changed': Changed
  'orders/batch/deleted': Deleted
  'orders/batch/viewed': Viewed
  'orders/batch/failed': Failed
  'orders/page/created': Created
  'orders/page/changed': Changed
  'orders/page/deleted': Deleted
  'orders/page/viewed': Viewed
  'orders/page/failed': Failed
  'orders/draft/created': Created
  'orders/draft/changed': Changed
  'orders/draft/deleted': Deleted
  'orders/draft/viewed': Viewed
  'orders/draft/failed': Failed
  'orders/note/created': Created
  'orders/note/changed': Changed
  'orders/note/deleted': Deleted
  'orders/note/viewed': Viewed
  'orders/note/failed': Failed
  'orders/file/created': Created
  'orders/file/changed': Changed
  'orders/file/deleted': Deleted
  'orders/file/viewed': Viewed
  'orders/file/failed': Failed
  'orders/link/created': Created
  'orders/link/changed': Changed
  'orders/link/deleted': Deleted
  'orders/link/viewed': Viewed
  'orders/link/failed': Failed
  'orders/tag/created': Created
  'orders/tag/changed': Changed
  'orders/tag/deleted': Deleted
  'orders/tag/viewed': Viewed
  'orders/tag/failed': Failed
  'users/item/created': Created
  'users/item/changed': Changed
  'users/item/deleted': Deleted
  'users/item/viewed': Viewed
  'users/item/failed': Failed
  'users/batch/created': Created
  'users/batch/changed': Changed
  'users/batch/deleted': Deleted
  'users/batch/viewed': Viewed
  'users/batch/failed': Failed
  'users/page/created': Created
  'users/page/changed': Changed
  'users/page/deleted': Deleted
  'users/page/viewed': Viewed
  'users/page/failed': Failed
  'users/draft/created': Created
  'users/draft/changed': Changed
  'users/draft/deleted': Deleted
  'users/draft/viewed': Viewed
  'users/draft/failed': Failed
  'users/note/created': Created
  'users/note/changed': Changed
  'users/note/deleted': Deleted
  'users/note/viewed': Viewed
  'users/note/failed': Failed
  'users/file/created': Created
  'users/file/changed': Changed
  'users/file/deleted': Deleted
  'users/file/viewed': Viewed
  'users/file/failed': Failed
  'users/link/created': Created
  'users/link/changed': Changed
  'users/link/deleted': Deleted
  'users/link/viewed': Viewed
  'users/link/failed': Failed
  'users/tag/created': Created
  'users/tag/changed': Changed
  'users/tag/deleted': Deleted
  'users/tag/viewed': Viewed
  'users/tag/failed': Failed
  'payments/item/created': Created
  'payments/item/changed': Changed
  'payments/item/deleted': Deleted
  'payments/item/viewed': Viewed
  'payments/item/failed': Failed
  'payments/batch/created': Created
  'payments/batch/changed': Changed
  'payments/batch/deleted': Deleted
  'payments/batch/viewed': Viewed
  'payments/batch/failed': Failed
  'payments/page/created': Created
  'payments/page/changed': Changed
  'payments/page/deleted': Deleted
  'payments/page/viewed': Viewed
  'payments/page/failed': Failed
  'payments/draft/created': Created
  'payments/draft/changed': Changed
  'payments/draft/deleted': Deleted
  'payments/draft/viewed': Viewed
  'payments/draft/failed': Failed
  'payments/note/created': Created
  'payments/note/changed': Changed
  'payments/note/deleted': Deleted
  'payments/note/viewed': Viewed
  'payments/note/failed': Failed
  'payments/file/created': Created
  'payments/file/changed': Changed
  'payments/file/deleted': Deleted
  'payments/file/viewed': Viewed
  'payments/file/failed': Failed
  'payments/link/created': Created
  'payments/link/changed': Changed
  'payments/link/deleted': Deleted
  'payments/link/viewed': Viewed
  'payments/link/failed': Failed
  'payments/tag/created': Created
  'payments/tag/changed': Changed
  'payments/tag/deleted': Deleted
  'payments/tag/viewed': Viewed
  'payments/tag/failed': Failed
  'stock/item/created': Created
  'stock/item/changed': Changed
  'stock/item/deleted': Deleted
  'stock/item/viewed': Viewed
  'stock/item/failed': Failed
  'stock/batch/created': Created
  'stock/batch/changed': Changed
  'stock/batch/deleted': Deleted
  'stock/batch/viewed': Viewed
  'stock/batch/failed': Failed
  'stock/page/created': Created
  'stock/page/changed': Changed
  'stock/page/deleted': Deleted
  'stock/page/viewed': Viewed
  'stock/page/failed': Failed
  'stock/draft/created': Created
  'stock/draft/changed': Changed
  'stock/draft/deleted': Deleted
  'stock/draft/viewed': Viewed
  'stock/draft/failed': Failed
  'stock/note/created': Created
  'stock/note/changed': Changed
  'stock/note/deleted': Deleted
  'stock/note/viewed': Viewed
  'stock/note/failed': Failed
  'stock/file/created': Created
  'stock/file/changed': Changed
  'stock/file/deleted': Deleted
  'stock/file/viewed': Viewed
  'stock/file/failed': Failed
  'stock/link/created': Created
  'stock/link/changed': Changed
  'stock/link/deleted': Deleted
  'stock/link/viewed': Viewed
  'stock/link/failed': Failed
  'stock/tag/created': Created
  'stock/tag/changed': Changed
  'stock/tag/deleted': Deleted
  'stock/tag/viewed': Viewed
  'stock/tag/failed': Failed
  'mail/item/created': Created
  'mail/item/changed': Changed
  'mail/item/deleted': Deleted
  'mail/item/viewed': Viewed
  'mail/item/failed': Failed
  'mail/batch/created': Created
  'mail/batch/changed': Changed
  'mail/batch/deleted': Deleted
  'mail/batch/viewed': Viewed
  'mail/batch/failed': Failed
  'mail/page/created': Created
  'mail/page/changed': Changed
  'mail/page/deleted': Deleted
  'mail/page/viewed': Viewed
  'mail/page/failed': Failed
  'mail/draft/created': Created
  'mail/draft/changed': Changed
  'mail/draft/deleted': Deleted
  'mail/draft/viewed': Viewed
  'mail/draft/failed': Failed
  'mail/note/created': Created
  'mail/note/changed': Changed
  'mail/note/deleted': Deleted
  'mail/note/viewed': Viewed
  'mail/note/failed': Failed
  'mail/file/created': Created
  'mail/file/changed': Changed
  'mail/file/deleted': Deleted
  'mail/file/viewed': Viewed
  'mail/file/failed': Failed
  'mail/link/created': Created
  'mail/link/changed': Changed
  'mail/link/deleted': Deleted
  'mail/link/viewed': Viewed
  'mail/link/failed': Failed
  'mail/tag/created': Created
  'mail/tag/changed': Changed
  'mail/tag/deleted': Deleted
  'mail/tag/viewed': Viewed
  'mail/tag/failed': Failed
  'search/item/created': Created
  'search/item/changed': Changed
  'search/item/deleted': Deleted
  'search/item/viewed': Viewed
  'search/item/failed': Failed
  'search/batch/created': Created
  'search/batch/changed': Changed
  'search/batch/deleted': Deleted
  'search/batch/viewed': Viewed
  'search/batch/failed': Failed
  'search/page/created': Created
  'search/page/changed': Changed
  'search/page/deleted': Deleted
  'search/page/viewed': Viewed
  'search/page/failed': Failed
  'search/draft/created': Created
  'search/draft/changed': Changed
  'search/draft/deleted': Deleted
  'search/draft/viewed': Viewed
  'search/draft/failed': Failed
  'search/note/created': Created
  'search/note/changed': Changed
  'search/note/deleted': Deleted
  'search/note/viewed': Viewed
  'search/note/failed': Failed
  'search/file/created': Created
  'search/file/changed': Changed
  'search/file/deleted': Deleted
  'search/file/viewed': Viewed
  'search/file/failed': Failed
  'search/link/created': Created
  'search/link/changed': Changed
  'search/link/deleted': Deleted
  'search/link/viewed': Viewed
  'search/link/failed': Failed
  'search/tag/created': Created
  'search/tag/changed': Changed
  'search/tag/deleted': Deleted
  'search/tag/viewed': Viewed
  'search/tag/failed': Failed
  'audit/item/created': Created
  'audit/item/changed': Changed
  'audit/item/deleted': Deleted
  'audit/item/viewed': Viewed
  'audit/item/failed': Failed
  'audit/batch/created': Created
  'audit/batch/changed': Changed
  'audit/batch/deleted': Deleted
  'audit/batch/viewed': Viewed
  'audit/batch/failed': Failed
  'audit/page/created': Created
  'audit/page/changed': Changed
  'audit/page/deleted': Deleted
  'audit/page/viewed': Viewed
  'audit/page/failed': Failed
  'audit/draft/created': Created
  'audit/draft/changed': Changed
  'audit/draft/deleted': Deleted
  'audit/draft/viewed': Viewed
  'audit/draft/failed': Failed
  'audit/note/created': Created
  'audit/note/changed': Changed
  'audit/note/deleted': Deleted
  'audit/note/viewed': Viewed
  'audit/note/failed': Failed
  'audit/file/created': Created
  'audit/file/changed': Changed
  'audit/file/deleted': Deleted
  'audit/file/viewed': Viewed
  'audit/file/failed': Failed
  'audit/link/created': Created
  'audit/link/changed': Changed
  'audit/link/deleted': Deleted
  'audit/link/viewed': Viewed
  'audit/link/failed': Failed
  'audit/tag/created': Created
  'audit/tag/changed': Changed
  'audit/tag/deleted': Deleted
  'audit/tag/viewed': Viewed
  'audit/tag/failed': Failed
  'carts/item/created': Created
  'carts/item/changed': Changed
  'carts/item/deleted': Deleted
  'carts/item/viewed': Viewed
  'carts/item/failed': Failed
  'carts/batch/created': Created
  'carts/batch/changed': Changed
  'carts/batch/deleted': Deleted
  'carts/batch/viewed': Viewed
  'carts/batch/failed': Failed
  'carts/page/created': Created
  'carts/page/changed': Changed
  'carts/page/deleted': Deleted
  'carts/page/viewed': Viewed
  'carts/page/failed': Failed
  'carts/draft/created': Created
  'carts/draft/changed': Changed
  'carts/draft/deleted': Deleted
  'carts/draft/viewed': Viewed
  'carts/draft/failed': Failed
  'carts/note/created': Created
  'carts/note/changed': Changed
  'carts/note/deleted': Deleted
  'carts/note/viewed': Viewed
  'carts/note/failed': Failed
  'carts/file/created': Created
  'carts/file/changed': Changed
  'carts/file/deleted': Deleted
  'carts/file/viewed': Viewed
  'carts/file/failed': Failed
  'carts/link/created': Created
  'carts/link/changed': Changed
  'carts/link/deleted': Deleted
  'carts/link/viewed': Viewed
  'carts/link/failed': Failed
  'carts/tag/created': Created
  'carts/tag/changed': Changed
  'carts/tag/deleted': Deleted
  'carts/tag/viewed': Viewed
  'carts/tag/failed': Failed
  'prices/item/created': Created
  'prices/item/changed': Changed
  'prices/item/deleted': Deleted
  'prices/item/viewed': Viewed
  'prices/item/failed': Failed
  'prices/batch/created': Created
  'prices/batch/changed': Changed
  'prices/batch/deleted': Deleted
  'prices/batch/viewed': Viewed
  'prices/batch/failed': Failed
  'prices/page/created': Created
  'prices/page/changed': Changed
  'prices/page/deleted': Deleted
  'prices/page/viewed': Viewed
  'prices/page/failed': Failed
  'prices/draft/created': Created
  'prices/draft/changed': Changed
  'prices/draft/deleted': Deleted
  'prices/draft/viewed': Viewed
  'prices/draft/failed': Failed
  'prices/note/created': Created
  'prices/note/changed': Changed
  'prices/note/deleted': Deleted
  'prices/note/viewed': Viewed
  'prices/note/failed': Failed
  'prices/file/created': Created
  'prices/file/changed': Changed
  'prices/file/deleted': Deleted
  'prices/file/viewed': Viewed
  'prices/file/failed': Failed
  'prices/link/created': Created
  'prices/link/changed': Changed
  'prices/link/deleted': Deleted
  'prices/link/viewed': Viewed
  'prices/link/failed': Failed
  'prices/tag/created': Created
  'prices/tag/changed': Changed
  'prices/tag/deleted': Deleted
  'prices/tag/viewed': Viewed
  'prices/tag/failed': Failed
  'reviews/item/created': Created
  'reviews/item/changed': Changed
  'reviews/item/deleted': Deleted
  'reviews/item/viewed': Viewed
  'reviews/item/failed': Failed
  'reviews/batch/created': Created
  'reviews/batch/changed': Changed
  'reviews/batch/deleted': Deleted
  'reviews/batch/viewed': Viewed
  'reviews/batch/failed': Failed
  'reviews/page/created': Created
  'reviews/page/changed': Changed
  'reviews/page/deleted': Deleted
  'reviews/page/viewed': Viewed
  'reviews/page/failed': Failed
  'reviews/draft/created': Created
  'reviews/draft/changed': Changed
  'reviews/draft/deleted': Deleted
  'reviews/draft/viewed': Viewed
  'reviews/draft/failed': Failed
  'reviews/note/created': Created
  'reviews/note/changed': Changed
  'reviews/note/deleted': Deleted
  'reviews/note/viewed': Viewed
  'reviews/note/failed': Failed
  'reviews/file/created': Created
  'reviews/file/changed': Changed
  'reviews/file/deleted': Deleted
  'reviews/file/viewed': Viewed
  'reviews/file/failed': Failed
  'reviews/link/created': Created
  'reviews/link/changed': Changed
  'reviews/link/deleted': Deleted
  'reviews/link/viewed': Viewed
  'reviews/link/failed': Failed
  'reviews/tag/created': Created
  'reviews/tag/changed': Changed
  'reviews/tag/deleted': Deleted
  'reviews/tag/viewed': Viewed
  'reviews/tag/failed': Failed
}

/** The same with a few template keys. */
interface Mixed extends Topics {
  [part: `orders/${string}/parts/${number}`]: Changed
  [share: `files/${string}/shared`]: Viewed
  [alarm: `alarms/${string}`]: Failed
}

const broker = new Broker<Topics>()
void broker.publish('orders/item/created', { id: 'a' })
expectError(broker.publish('orders/item/create', { id: 'a' }))
expectError(broker.publish('orders/item/failed', { id: 'a' }))

broker.subscribe('#', (message) => {
  expectType<keyof Topics>(message.topic)
  if (message.topic === 'users/tag/deleted') expectType<string>(message.data.reason)
})
broker.subscribe('+/+/created', (message) => expectType<string>(message.data.id))
broker.subscribe('+/draft/+', (message) => {
  switch (message.topic) {
    case 'orders/draft/changed':
      return expectType<number>(message.data.version)
    case 'mail/draft/failed':
      return expectType<string>(message.data.error)
    default:
      return
  }
})
expectType<Message<Failed, 'stock/file/failed'>>(null! as MessageOf<Topics, 'stock/file/failed'>)
expectType<40>(null! as Count<MessageOf<Topics, 'orders/#'>['topic']>)
expectError(broker.subscribe('+/+/vanished', () => undefined))

const mixed = new Broker<Mixed>()
void mixed.publish('orders/7/parts/3', { id: 'a', version: 2 })
expectError(mixed.publish('orders/7/parts/x', { id: 'a', version: 2 }))
mixed.subscribe('alarms/+', (message) => {
  expectType<Message<Failed, `alarms/${string}`>>(message)
})
mixed.subscribe('orders/+/+/+', (message) => {
  expectType<Message<Changed, `orders/${string}/parts/${number}`>>(message)
})
mixed.subscribe('+/+/created', (message) => expectType<string>(message.data.id))
expectError(mixed.subscribe('alarms/+/+', () => undefined))

/** How many members a union has. */
type Count<Union, Counted extends unknown[] = []> = [Union] extends [never]
  ? Counted['length']
  : Count<Exclude<Union, Last<Union>>, [...Counted, unknown]>
type Last<Union> = (Union extends unknown ? (of: () => Union) => void : never) extends (of: infer All) => void
  ? All extends () => infer One
    ? One
    : never
  : never
