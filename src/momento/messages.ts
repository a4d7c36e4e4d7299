/**
 * The messages of Momento's topics and of its control plane, from and to
 * protobuf. Fields that are unknown, or of another kind than expected, are
 * passed over; of those that come twice the last one counts.
 *
 * Layer 28. Source: momentohq/client-protos, cachepubsub.proto and controlclient.proto.
 */
import type { TopicRecord, TopicValue } from './feed.ts'
import { bytesField, message, numberField, readFields, textField, textOf } from './protobuf.ts'

/** `_PublishRequest`; without a value when none was sent. */
export interface PublishRequest {
  readonly cacheName: string
  readonly topic: string
  readonly value?: TopicValue
}

/** `_SubscriptionRequest`; 0 for what was not sent. */
export interface SubscriptionRequest {
  readonly cacheName: string
  readonly topic: string
  readonly resumeAt: number
  readonly page: number
}

/** @throws {MalformedError} */
export function readPublishRequest(bytes: Uint8Array): PublishRequest {
  let cacheName = ''
  let topic = ''
  let value: TopicValue | undefined
  readFields(bytes, (field, content) => {
    if (typeof content === 'number') return
    if (field === 1) cacheName = textOf(content)
    else if (field === 2) topic = textOf(content)
    else if (field === 3) value = readTopicValue(content) ?? value
  })
  return { cacheName, topic, ...(value !== undefined && { value }) }
}

/** The kind that came last; undefined when there is none. Its bytes are a copy, which keeps no request alive. */
function readTopicValue(bytes: Uint8Array): TopicValue | undefined {
  let value: TopicValue | undefined
  readFields(bytes, (field, content) => {
    if (typeof content === 'number') return
    if (field === 1) value = textOf(content)
    else if (field === 2) value = new Uint8Array(content)
  })
  return value
}

/** @throws {MalformedError} */
export function readSubscriptionRequest(bytes: Uint8Array): SubscriptionRequest {
  let cacheName = ''
  let topic = ''
  let resumeAt = 0
  let page = 0
  readFields(bytes, (field, content) => {
    if (typeof content !== 'number') {
      if (field === 1) cacheName = textOf(content)
      else if (field === 2) topic = textOf(content)
    } else if (field === 3) resumeAt = safe(content)
    else if (field === 4) page = safe(content)
  })
  return { cacheName, topic, resumeAt, page }
}

/** No topic gets as far as that. */
function safe(number: number): number {
  return Math.min(number, Number.MAX_SAFE_INTEGER)
}

/** The name in a `_CreateCacheRequest` or `_DeleteCacheRequest`. @throws {MalformedError} */
export function readCacheName(bytes: Uint8Array): string {
  let cacheName = ''
  readFields(bytes, (field, content) => {
    if (field === 1 && typeof content !== 'number') cacheName = textOf(content)
  })
  return cacheName
}

/** What has no fields: the answer to most requests. */
export const EMPTY: Uint8Array = message()
/** A `_SubscriptionItem` that says only that the connection is alive. */
export const HEARTBEAT: Uint8Array = bytesField(3, EMPTY)

/** A `_SubscriptionItem` with a `_TopicItem`. */
export function itemMessage({ sequence, value, publisherId, page }: TopicRecord): Uint8Array {
  const kind = typeof value === 'string' ? bytesField(1, Buffer.from(value)) : bytesField(2, value)
  const fields = [numberField(1, sequence), bytesField(2, kind), textField(3, publisherId), numberField(4, page)]
  return bytesField(1, message(...fields))
}

/** A `_SubscriptionItem` with a `_Discontinuity`: after number `last` comes `next`. */
export function discontinuityMessage(last: number, next: number, page: number): Uint8Array {
  return bytesField(2, message(numberField(1, last), numberField(2, next), numberField(3, page)))
}

/** A `_ListCachesResponse` that is complete. */
export function cacheListMessage(names: readonly string[]): Uint8Array {
  return message(...names.map((name) => bytesField(1, textField(1, name))))
}
