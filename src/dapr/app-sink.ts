/**
 * Delivery to the app: from a message to a POST on the route that its rules
 * choose, and from the answer to a verdict. Bytes that came in over the wire go
 * out unchanged.
 *
 * Layer 22. Source: dapr/dapr, pkg/runtime/subscription/{subscription,bulksubscription}.go.
 */
import type { Message } from '../delivery/message.ts'
import { parseTime } from '../event/cloudevent.ts'
import { BATCH_TYPE, EVENT_TYPE, headersOf } from './app-headers.ts'
import { textOf, toBase64 } from './content.ts'
import { eventOf, rawWrapper, wireOf } from './envelope.ts'
import { NO_METADATA } from './metadata.ts'
import type { Routes } from './routing.ts'
import type { Sink } from './sink.ts'
import { bulkVerdictsOf, drop, failure, type Verdict, verdictOf } from './verdict.ts'
import { type AppChannel, type StopListener, type StopSignal, WireEvent } from './wire.ts'

/** What the sink of a subscription is made of. */
export interface AppSinkParts {
  readonly channel: Pick<AppChannel, 'call'>
  readonly pubsubname: string
  /** As the app named it. */
  readonly topic: string
  /** Undefined when the subscription says something that is neither: nothing can be delivered then. */
  readonly isRaw: boolean | undefined
  readonly routes: Routes
  readonly newId: () => string
  /** Milliseconds since 1970. */
  readonly wallTime: () => number
}

/** A message ready to be sent. */
interface Outgoing {
  readonly kind: 'outgoing'
  readonly path: string
  readonly wire: WireEvent
  readonly body: string | Uint8Array
}

/** One of a batch. Its id stays when it is delivered again. */
interface BatchEntry {
  readonly message: Message
  readonly entryId: string
  readonly wire: WireEvent
}

/** Bytes of an answer to a batch that are read, at least, and for the status of each entry. */
const MIN_ANSWER_SIZE = 64 * 1024
const STATUS_SIZE = 1024

const LOST = failure('the message had no answer')

export class AppSink implements Sink {
  readonly #parts: AppSinkParts
  /** By what stays the same from delivery to delivery. */
  readonly #entryIds = new WeakMap<object, string>()

  constructor(parts: AppSinkParts) {
    this.#parts = parts
  }

  async deliver(message: Message): Promise<Verdict> {
    const outgoing = this.#prepare(message)
    if (outgoing.kind !== 'outgoing') return outgoing
    const { path, wire, body } = outgoing
    const headers = headersOf(this.#parts.pubsubname, EVENT_TYPE, wire)
    try {
      return verdictOf(
        await this.#parts.channel.call({ method: 'POST', path, headers, body, signal: new Recall(message) }),
      )
    } catch (error) {
      return failure(error)
    }
  }

  async deliverBatch(messages: readonly Message[]): Promise<readonly Verdict[]> {
    const verdicts = new Map<Message, Verdict>()
    const byPath = new Map<string, BatchEntry[]>()
    for (const message of messages) {
      const outgoing = this.#prepare(message)
      if (outgoing.kind !== 'outgoing') verdicts.set(message, outgoing)
      else listIn(byPath, outgoing.path).push(this.#entry(message, outgoing.wire))
    }
    const post = async ([path, entries]: [string, BatchEntry[]]): Promise<void> => {
      const answers = await this.#post(path, entries)
      for (const { message, entryId } of entries) verdicts.set(message, answers.get(entryId) ?? LOST)
    }
    await Promise.all(Array.from(byPath, post))
    return messages.map((message) => verdicts.get(message) ?? LOST)
  }

  /** What there is to send, or why it is never sent. */
  #prepare(message: Message): Outgoing | Verdict {
    const { isRaw, routes, pubsubname, topic } = this.#parts
    if (isRaw === undefined) return drop('rawPayload in the metadata of the subscription is no boolean')
    try {
      const wire = wireOf(message, pubsubname, topic)
      if (this.#isExpiredLetter(message, wire)) return drop('the event had expired before it became a dead letter')
      const sent = isRaw ? this.#wrapped(wire) : wire
      if (!isRaw && wire.isRaw) objectIn(sent)
      const path = routes.pathFor(() => objectIn(sent))
      return path === undefined ? drop('no rule matches') : { kind: 'outgoing', path, wire, body: sent.body }
    } catch (error) {
      // The same text fails every time.
      return drop(error)
    }
  }

  /** A dead letter has no time to live any more; the bytes of its event still say when it expired. */
  #isExpiredLetter(message: Message, wire: WireEvent): boolean {
    if (!('deadletterreason' in message.event) || wire.isRaw) return false
    const expiration = eventOf(wire)?.expiration
    const end = typeof expiration === 'string' ? parseTime(expiration) : undefined
    return end !== undefined && end <= this.#parts.wallTime()
  }

  #wrapped({ body, metadata }: WireEvent): WireEvent {
    const { pubsubname, topic, newId } = this.#parts
    return new WireEvent(rawWrapper({ id: newId(), topic, pubsubname, body, metadata }), false, NO_METADATA, undefined)
  }

  #entry(message: Message, wire: WireEvent): BatchEntry {
    const key = message.attachment === wire ? wire : message.event
    const entryId = this.#entryIds.get(key) ?? this.#parts.newId()
    this.#entryIds.set(key, entryId)
    return { message, entryId, wire }
  }

  async #post(path: string, entries: readonly BatchEntry[]): Promise<ReadonlyMap<string, Verdict>> {
    const { channel, pubsubname } = this.#parts
    const ids = entries.map(({ entryId }) => entryId)
    try {
      const headers = headersOf(pubsubname, BATCH_TYPE, NO_WIRE)
      const body = this.#batchText(entries)
      const signal = AbortSignal.any(entries.map(({ message }) => message.signal))
      const maxResponseSize = MIN_ANSWER_SIZE + ids.length * STATUS_SIZE
      const answer = await channel.call({ method: 'POST', path, headers, body, signal, maxResponseSize })
      return bulkVerdictsOf(answer, ids)
    } catch (error) {
      return new Map(ids.map((id) => [id, failure(error)]))
    }
  }

  /** Events go in as the texts they are, so that no number in them loses a digit. */
  #batchText(entries: readonly BatchEntry[]): string {
    const { pubsubname, topic, isRaw, newId } = this.#parts
    const texts = entries.map(({ entryId, wire }) => {
      const event = isRaw ? `"${toBase64(wire.body)}"` : textOf(wire.body)
      const rest = {
        metadata: Object.fromEntries(wire.metadata),
        contentType: isRaw ? 'application/octet-stream' : EVENT_TYPE,
      }
      return `{"entryId":${JSON.stringify(entryId)},"event":${event},${JSON.stringify(rest).slice(1)}`
    })
    const rest = { id: newId(), metadata: { pubsubName: pubsubname }, pubsubname, topic, type: BATCH_EVENT_TYPE }
    return `{"entries":[${texts.join(',')}],${JSON.stringify(rest).slice(1)}`
  }
}

/** What `message.signal` would say, for one call that begins with the delivery. A signal for each takes a fifth of its time. */
class Recall implements StopSignal {
  reason: unknown
  #listener: StopListener | undefined

  constructor(message: Message) {
    message.onAbort = (reason) => {
      this.reason = reason
      this.#listener?.handleEvent()
    }
  }

  /** The call begins before anything could have happened. */
  throwIfAborted(): void {}

  addEventListener(_: 'abort', listener: StopListener): void {
    this.#listener = listener
  }

  removeEventListener(): void {
    this.#listener = undefined
  }
}

const BATCH_EVENT_TYPE = 'com.dapr.event.sent.bulk'

/** A batch has no metadata and no trace of its own. */
const NO_WIRE = new WireEvent('', false, NO_METADATA, undefined)

/** What rules look at. @throws {Error} when the bytes are no JSON object */
function objectIn(wire: WireEvent): object {
  const event = eventOf(wire)
  if (event === undefined) throw new Error('what was published is no JSON object')
  return event
}

function listIn<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}
