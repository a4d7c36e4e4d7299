/**
 * The handlers of `qos: 0` of one topic, called one after the other with one
 * message. As long as they return nothing, a round of calls is counted once for
 * all subscriptions and goes on their books when somebody reads these.
 *
 * Layer 12.
 */
import type { Envelope, Recipient } from '../event/envelope.ts'
import type { Direct } from './direct.ts'
import type { Handler, Message } from './message.ts'
import { View } from './view.ts'

export class Fan implements Recipient {
  readonly directs: readonly Direct[]
  /** Those of `directs`, by place. */
  readonly #handlers: readonly Handler[]
  /** How often a subscription had changed when all of these could share a message. */
  #plainAt = -1
  /** The place whose handler is being called, or was last, or will be next. */
  #at = 0
  #isCalling = false
  /** Whether who comes next in this round needs a message of its own. */
  #isStopped = false
  /** Calls of this round before this place are on the books. */
  #booked = 0
  /** Whole rounds that are not on the books. */
  #rounds = 0

  constructor(directs: readonly Direct[]) {
    this.directs = directs
    this.#handlers = directs.map(({ handler }) => handler)
  }

  /** Filters with wildcards have no fan. */
  params(): readonly string[] {
    return []
  }

  /** Of the subscription whose handler is being called. */
  get signal(): AbortSignal {
    return this.directs[this.#at]!.signal
  }

  /** A subscription is not what it was. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Calls all.
   * @param changes how often a subscription has changed so far
   * @returns whether there is something to book, for the first time
   */
  round(event: Envelope, changes: number): boolean {
    const { directs } = this
    if (this.#plainAt !== changes && directs.every((direct) => direct.mayShare)) this.#plainAt = changes
    this.#at = 0
    this.#booked = 0
    this.#isStopped = this.#plainAt !== changes || event.isCopied
    while (!this.#isStopped && this.#at < directs.length) this.#share(event)
    if (this.#booked === 0 && this.#at === directs.length) return this.#rounds++ === 0
    this.#bookCalls()
    for (; this.#at < directs.length; this.#booked = ++this.#at) {
      const direct = directs[this.#at]!
      if (direct.mayShare) direct.call(new View(event, direct))
      else direct.receive(event)
    }
    return false
  }

  /** Puts on the books what is not there. @returns whose handler is being called */
  book(): Direct | undefined {
    const rounds = this.#rounds
    this.#rounds = 0
    if (rounds > 0) for (const direct of this.directs) direct.count(rounds, rounds)
    if (!this.#isCalling) return undefined
    this.#bookCalls()
    return this.directs[this.#at]
  }

  #bookCalls(): void {
    for (; this.#booked < this.#at; this.#booked++) this.directs[this.#booked]!.count(1, 1)
  }

  /** Calls on with one message, until something comes of it. */
  #share(event: Envelope): void {
    let result: unknown
    let failed = false
    event.passTo(this)
    this.#isCalling = true
    try {
      result = this.#call(event)
    } catch (error) {
      failed = true
      result = error
    }
    this.#isCalling = false
    event.passTo(undefined)
    if (this.#at < this.directs.length) this.#conclude(event, result, failed)
  }

  /** Something came of the call at `#at`. */
  #conclude(event: Envelope, result: unknown, failed: boolean): void {
    const direct = this.directs[this.#at]!
    this.#bookCalls()
    direct.count(1, 0)
    if (failed) direct.finish(event, true, result)
    else if (direct.settle(event, result)) {
      // It has not done with the message, and keeps it.
      event.passTo(direct)
      this.#isStopped = true
    }
    this.#booked = ++this.#at
  }

  /**
   * Calls from `#at` on, and leaves `#at` at the one that returned something or
   * changed a subscription. Four call sites, because the processor foresees
   * better then where each of them goes.
   *
   * @returns what that one returned
   */
  #call(message: Message): unknown {
    const handlers = this.#handlers
    let at = this.#at
    for (const last = handlers.length - 4; at <= last; ) {
      const first = handlers[at] as Handler // these four are within the length
      const second = handlers[at + 1] as Handler
      const third = handlers[at + 2] as Handler
      const fourth = handlers[at + 3] as Handler
      let result = first(message)
      if (result !== undefined || this.#isStopped) return result
      this.#at = ++at
      result = second(message)
      if (result !== undefined || this.#isStopped) return result
      this.#at = ++at
      result = third(message)
      if (result !== undefined || this.#isStopped) return result
      this.#at = ++at
      result = fourth(message)
      if (result !== undefined || this.#isStopped) return result
      this.#at = ++at
    }
    while (at < handlers.length) {
      const handler = handlers[at] as Handler // within the length
      const result = handler(message)
      if (result !== undefined || this.#isStopped) return result
      this.#at = ++at
    }
    return undefined
  }
}
