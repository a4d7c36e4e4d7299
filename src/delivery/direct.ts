/**
 * `qos: 0`: the handler is called inside `publish()`, once, and what it does is
 * nobody else's trouble. There is no queue, but for events that are published
 * with a delay.
 *
 * Layer 7.
 */
import type { Recipient } from '../event/envelope.ts'
import { addCounts, type Counts, type End, zeroCounts } from '../stats.ts'
import { Delivery } from './delivery.ts'
import type { Entry } from './entry.ts'
import { isThenable } from './handling.ts'
import type { Handler, Message } from './message.ts'
import type { MessageQueue } from './queue.ts'
import type { Consumer, Facts } from './rules.ts'
import type { Workload } from './workload.ts'

/** What a `Direct` asks of the broker. */
export interface DirectHost {
  readonly workload: Workload
  readonly observed: boolean
  tell(what: 'delivered', direct: Direct, message: Message, facts: Facts): void
  ended(direct: Direct, message: Message, facts: Facts & { readonly end: End }): void
  /** A handler has returned; somebody may be waiting for that. */
  returned(direct: Direct): void
}

/** What a `Direct` is made of. */
export interface DirectParts {
  readonly filter: string
  readonly handler: Handler
  readonly where: ((event: Message['event']) => boolean) | undefined
  readonly params: (topic: string) => readonly string[]
  /** Whether `params` is always empty, so that messages can be shared. */
  readonly isLiteral: boolean
}

export class Direct implements Consumer, Recipient {
  readonly filter: string
  readonly where: DirectParts['where']
  readonly params: DirectParts['params']
  readonly isLiteral: boolean
  isPaused = false
  isOver = false
  /** Called when a handler has returned. */
  watch: (() => void) | undefined
  /** Holds delayed events; made when the first one comes. */
  later: MessageQueue | undefined
  readonly #handler: Handler
  readonly #host: DirectHost
  /** Calls of the handler, and how many of them are over: all that is counted when nothing special happens. */
  #called = 0
  #returned = 0
  /** Whether receiving is nothing but calling the handler. */
  #isPlain = false
  /** What else there is to count; `acked` is what `#returned` has to be corrected by. */
  readonly #special: Counts = zeroCounts()
  /** Handlers that have not returned are not waited for any more. */
  #isAbandoned = false
  #controller: AbortController | undefined

  constructor({ filter, handler, where, params, isLiteral }: DirectParts, host: DirectHost) {
    this.filter = filter
    this.where = where
    this.params = params
    this.isLiteral = isLiteral
    this.#handler = handler
    this.#host = host
    this.#review()
  }

  get counts(): Counts {
    const counts = { ...this.#special }
    counts.matched += this.#called
    counts.delivered += this.#called
    counts.acked += this.#returned
    counts.inFlight += this.#called - this.#returned
    if (this.later !== undefined) addCounts(counts, this.later.counts)
    return counts
  }

  /** Also while it is paused: nothing waits for it. */
  get isFree(): boolean {
    return true
  }

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal
  }

  /** Calls the handler with an event that is being published. */
  receive(message: Message): void {
    if (!this.#isPlain) return this.#receive(message)
    this.#called++
    const handler = this.#handler // called without `this`
    try {
      const result = handler(message)
      if (result !== undefined) return this.#settle(message, result)
      this.#returned++
      this.watch?.()
    } catch (error) {
      this.#finish(message, true, error)
    }
  }

  /** Delivers nothing while it is paused. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused
    this.#review()
  }

  /** Has `watch` called when a handler has returned. */
  drain(watch: () => void): void {
    this.watch = watch
    this.#review()
    watch()
  }

  /** The event will be received later, in line. */
  line(): void {
    this.#special.matched++
    this.#special.queued++
  }

  /** Calls the handler with an event that stood in line. */
  receiveLined(message: Message): void {
    if (this.isOver) return // cancelled, and counted as that
    this.#special.matched--
    this.#special.queued--
    this.receive(message)
  }

  /** Calls the handler with an event that was delayed. */
  deliver(entry: Entry): void {
    this.later?.withdraw(entry)
    this.#host.workload.busy--
    this.receive(new Delivery(entry.event, this))
  }

  /** The subscription is over; running handlers may finish. */
  end(reason: unknown): void {
    const special = this.#special
    this.isOver = true
    this.#review()
    this.later?.close()
    special.cancelled += special.queued
    special.queued = 0
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** What still runs is cancelled. */
  abandon(): void {
    const running = this.#called - this.#returned
    this.#isAbandoned = true
    this.#returned = this.#called
    this.#special.acked -= running
    this.#special.cancelled += running
    this.#special.overdue += running
    this.#host.workload.busy -= running
  }

  /** `receive`, when there is more to it. */
  #receive(message: Message): void {
    if (this.isOver || this.isPaused) return this.#refuse(message)
    this.#called++
    this.#host.tell('delivered', this, message, { deliveryCount: 1 })
    const handler = this.#handler // called without `this`
    try {
      this.#settle(message, handler(message))
    } catch (error) {
      this.#finish(message, true, error)
    }
  }

  #settle(message: Message, result: unknown): void {
    if (isThenable(result)) this.#await(message, result)
    else this.#finish(message, false, undefined)
  }

  #review(): void {
    this.#isPlain = !this.isOver && !this.isPaused && !this.#host.observed && this.watch === undefined
  }

  #refuse(message: Message): void {
    const end = this.isOver ? 'cancelled' : 'overflowed'
    this.#special.matched++
    this.#special[end]++
    if (end === 'overflowed') this.#special.skipped++
    this.#host.ended(this, message, { deliveryCount: 0, end })
  }

  #await(message: Message, result: unknown): void {
    const { workload } = this.#host
    workload.busy++
    const finished = (failed: boolean, error?: unknown): void => {
      if (this.#isAbandoned) {
        this.#special.overdue--
        return
      }
      workload.busy--
      workload.progress++
      this.#finish(message, failed, error)
      this.#host.returned(this)
    }
    Promise.resolve(result).then(
      () => finished(false),
      (error: unknown) => finished(true, error),
    )
  }

  #finish(message: Message, failed: boolean, error: unknown): void {
    const end: End = !failed ? 'acked' : this.isOver ? 'cancelled' : 'dropped'
    this.#returned++
    if (failed) {
      this.#special.acked--
      this.#special[end]++
    }
    if (failed || this.#host.observed) this.#host.ended(this, message, { deliveryCount: 1, end, error })
    this.watch?.()
  }
}
