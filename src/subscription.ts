/// <reference lib="esnext.disposable" preserve="true" />
/**
 * One standing request, as its user holds it: counts, pausing, and the three
 * ways to end. What differs between `qos` 0 and 1 is behind `Intake`.
 *
 * Layer 6.
 */
import { refuseOption } from './checks.ts'
import type { Message } from './delivery/message.ts'
import { BusbarError } from './errors.ts'
import type { Counts, SubscriptionStats } from './stats.ts'

/** Where the messages of a subscription come from. */
interface Source {
  readonly filter: string
  readonly group?: string | undefined
  readonly counts: Counts
}

/** How a subscription gets its messages. */
export interface Intake {
  readonly queue: Source
  /** The one iterator, when there is no handler. */
  readonly iterator?: AsyncIterableIterator<unknown, undefined> | undefined
  pause(isPaused: boolean): void
  /**
   * Takes no more. What runs may finish, or, when `abandons`, is not waited for.
   * Idempotent.
   */
  end(reason: BusbarError, abandons: boolean): void
  /** Matches no more. @param done called when nothing is left, maybe at once */
  drain(done: () => void): void
}

/** Who keeps the subscriptions of a broker. */
export interface Keeper {
  ended(subscription: Subscription<unknown>): void
}

/**
 * A subscription; `M` is its message. As an async iterable (when it was made
 * without a handler) asking for the next message acks the one before, and
 * leaving the loop nacks what is not settled and unsubscribes.
 */
export class Subscription<M = Message> implements AsyncIterable<M, undefined>, AsyncDisposable {
  readonly #intake: Intake
  readonly #keeper: Keeper
  readonly #signal: AbortSignal | undefined
  /** Listens to the signal, if there is one. */
  readonly #abort: (() => void) | undefined
  #isOver = false
  /** Made when somebody asks for it, with what resolves it. */
  #closed: Promise<void> | undefined
  #tellClosed: (() => void) | undefined
  #isDraining = false

  /** Made by `broker.subscribe()`. */
  constructor(intake: Intake, signal: AbortSignal | undefined, keeper: Keeper) {
    this.#intake = intake
    this.#keeper = keeper
    this.#signal = signal
    if (signal === undefined) return
    this.#abort = () => this.end(closedError('aborted', signal.reason))
    signal.addEventListener('abort', this.#abort)
  }

  get filter(): string {
    return this.#intake.queue.filter
  }

  get group(): string | undefined {
    return this.#intake.queue.group
  }

  /** Messages that wait for their turn. Members of a group share their counts. */
  get queuedCount(): number {
    return this.#intake.queue.counts.queued
  }

  /** Messages that wait for their time. */
  get delayedCount(): number {
    return this.#intake.queue.counts.delayed
  }

  /** Messages that are delivered and not settled. */
  get inFlightCount(): number {
    return this.#intake.queue.counts.inFlight
  }

  /** Events that were missed: they found no room, or the history had lost them. */
  get skippedCount(): number {
    return this.#intake.queue.counts.skipped
  }

  /** Also after the end. */
  stats(): SubscriptionStats {
    return { ...this.#intake.queue.counts }
  }

  /** No new deliveries until `resume()`; capacity, ttl and ack waits go on. */
  pause(): void {
    this.#intake.pause(true)
  }

  resume(): void {
    this.#intake.pause(false)
  }

  /** Resolves when the subscription has ended, whichever way. */
  get closed(): Promise<void> {
    return (this.#closed ??= new Promise((resolve) => {
      if (this.#isOver) resolve()
      else this.#tellClosed = resolve
    }))
  }

  /**
   * Ends now: what is queued and delayed is cancelled, no handler starts any
   * more. Handlers that run may finish. Waits for nobody, so it may be awaited
   * inside a handler.
   */
  unsubscribe(): Promise<void> {
    this.end(closedError('unsubscribed'))
    return this.closed
  }

  /** Matches no more, delivers what is queued and, when it is due, what is delayed; resolves when all that has ended. */
  drain(): Promise<void> {
    if (!this.#isOver && !this.#isDraining) {
      this.#isDraining = true
      this.#intake.drain(() => this.end(closedError('drained')))
    }
    return this.closed
  }

  /**
   * The one iterator of this subscription.
   * @throws {BusbarError} `ERR_OPTION_INVALID` when it has a handler
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<M, undefined> {
    const { iterator } = this.#intake
    if (iterator !== undefined) return iterator as AsyncIterableIterator<M, undefined> // M is what the broker delivers here
    return refuseOption('handler', 'a subscription with one has no iterator')
  }

  /** As `unsubscribe()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe()
  }

  /** @internal Ends the subscription. @param abandons whether what is in flight is cancelled, or goes back to its group */
  end(reason: BusbarError, abandons = false): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.#abort!)
    this.#intake.end(reason, abandons)
    this.#tellClosed?.()
    this.#keeper.ended(this)
  }
}

export function closedError(how: string, cause?: unknown): BusbarError {
  return new BusbarError('ERR_CLOSED', `The subscription was ${how}`, { cause })
}
