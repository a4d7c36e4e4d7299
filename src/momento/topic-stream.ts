/**
 * A subscription on its way to a client: items, discontinuities and heartbeats
 * as messages of a call. A client that does not read holds its subscription
 * back, and after a while it is cut off.
 *
 * Layer 31.
 */
import type { Clock } from '../time/clock.ts'
import type { Call } from './call.ts'
import type { Verdict } from './faults.ts'
import type { EndReason, TopicRecord, TopicSink } from './feed.ts'
import { discontinuityMessage, HEARTBEAT, itemMessage } from './messages.ts'
import { noSuchCache, serverClosing } from './topic-access.ts'

export interface TopicStreamOptions {
  readonly call: Call
  readonly cacheName: string
  readonly clock: Clock
  /** How long the client may read nothing, in ms. */
  readonly stallMs: number
  readonly verdict: Pick<Verdict, 'streamError' | 'afterMessages'>
}

export class TopicStream implements TopicSink {
  readonly #options: TopicStreamOptions
  /** Messages sent so far. */
  #sent = 0
  /** When it was first found that the client does not read. */
  #blockedSince: number | undefined

  constructor(options: TopicStreamOptions) {
    this.#options = options
  }

  item(item: TopicRecord): void | Promise<void> {
    return this.#send(itemMessage(item))
  }

  discontinuity(last: number, next: number, page: number): void {
    void this.#send(discontinuityMessage(last, next, page)) // it is the next item that waits
  }

  end(reason: EndReason): void {
    const { call, cacheName } = this.#options
    call.fail(reason === 'deleted' ? noSuchCache(cacheName) : serverClosing())
  }

  /** Sends a heartbeat, unless the client has yet to read what it was sent. */
  beat(): void {
    const { call, clock, stallMs } = this.#options
    if (!call.isBlocked) {
      this.#blockedSince = undefined
      void this.#send(HEARTBEAT) // so is a heartbeat: nobody waits for it
      return
    }
    this.#blockedSince ??= clock.now()
    if (clock.now() - this.#blockedSince >= stallMs) call.abort()
  }

  #send(message: Uint8Array): void | Promise<void> {
    const { call, verdict } = this.#options
    const { streamError, afterMessages } = verdict
    const room = streamError !== undefined && this.#sent >= afterMessages ? undefined : call.send(message)
    this.#sent++
    if (streamError !== undefined && this.#sent >= afterMessages) call.fail(streamError)
    return room
  }
}
