/**
 * `qos: 0`: the handler is called inside `publish()`, once, and what it does is
 * nobody else's trouble. There is no queue, but for events that are published
 * with a delay.
 *
 * Layer 7.
 */
import type { Recipient } from '../event/envelope.ts'
import { type Counts, type End, zeroCounts } from '../stats.ts'
import { OwnMessage } from './delivery.ts'
import type { Entry } from './entry.ts'
import { isThenable } from './handling.ts'
import type { Handler, Message } from './message.ts'
import type { Consumer, Facts, MessageQueue } from './queue.ts'
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

/** How a handler came back: `failed` tells whether `error` means something. */
type Finish = (failed: boolean, error: unknown) => void

export class Direct implements Consumer, Recipient {
  readonly filter: string
  readonly where: ((event: Message['event']) => boolean) | undefined
  readonly params: (topic: string) => readonly string[]
  /** Whether `params` is always empty, so that messages can be shared. */
  readonly isLiteral: boolean
  readonly counts: Counts = zeroCounts()
  isPaused = false
  isOver = false
  /** Called when a handler returned; see `drain()`. */
  watch: (() => void) | undefined
  /** Holds delayed events; made when the first one comes. */
  later: MessageQueue | undefined
  readonly #handler: Handler
  readonly #host: DirectHost
  /** Events that wait until the one that is being dispatched has reached everybody. */
  #lined = 0
  /** Handlers that have not returned are not waited for any more. */
  #isAbandoned = false
  #controller: AbortController | undefined

  constructor(
    handler: Handler,
    host: DirectHost,
    { filter, where, params, isLiteral }: Pick<Direct, 'filter' | 'where' | 'params' | 'isLiteral'>,
  ) {
    this.#handler = handler
    this.#host = host
    this.filter = filter
    this.where = where
    this.params = params
    this.isLiteral = isLiteral
  }

  get isFree(): boolean {
    return !this.isPaused
  }

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal
  }

  /** Calls the handler with an event that is being published. */
  receive(message: Message): void {
    this.counts.matched++
    if (this.isOver) this.#end(message, 'cancelled', undefined)
    else this.#call(message)
  }

  /** The event will be received later, in line. */
  line(): void {
    this.counts.matched++
    this.counts.queued++
    this.#lined++
  }

  /** Calls the handler with an event that stood in line. */
  receiveLined(message: Message): void {
    if (this.isOver) return // cancelled, and counted as that
    this.counts.queued--
    this.#lined--
    this.#call(message)
  }

  /** Calls the handler with an event that was delayed. */
  deliver(entry: Entry): void {
    const message = new OwnMessage(entry.event, this)
    this.#run(message, (failed, error) => {
      if (failed) this.later?.reject(entry, { outcome: 'drop', error })
      else this.later?.ack(entry)
    })
  }

  /** The subscription is over; running handlers may finish. */
  end(reason: unknown): void {
    this.isOver = true
    if (this.later !== undefined) this.later.isOver = true
    this.later?.cancelWaiting()
    this.counts.queued -= this.#lined
    this.counts.cancelled += this.#lined
    this.#lined = 0
    this.#controller?.abort(reason)
    this.#controller ??= abortedWith(reason)
  }

  /** What still runs is cancelled. */
  abandon(): void {
    const { counts } = this
    this.#isAbandoned = true
    this.#host.workload.busy -= counts.inFlight
    counts.cancelled += counts.inFlight
    counts.overdue += counts.inFlight
    counts.inFlight = 0
  }

  #call(message: Message): void {
    const { counts } = this
    if (this.isPaused) {
      counts.skipped++
      this.#end(message, 'overflowed', undefined)
      return
    }
    counts.inFlight++
    counts.delivered++
    if (this.#host.observed) this.#host.tell('delivered', this, message, { deliveryCount: 1 })
    const handler = this.#handler // called without `this`
    let result: unknown
    try {
      result = handler(message)
      if (result === undefined || !isThenable(result)) {
        counts.inFlight--
        this.#end(message, 'acked', undefined)
        this.watch?.()
        return
      }
    } catch (error) {
      this.#settle(message, true, error)
      this.watch?.()
      return
    }
    this.#host.workload.busy++
    this.#await(result, (failed, error) => this.#settle(message, failed, error))
  }

  #run(message: Message, finish: Finish): void {
    const handler = this.#handler // called without `this`
    let result: unknown
    let failed = false
    try {
      result = handler(message)
      if (isThenable(result)) {
        this.#await(result, finish)
        return
      }
    } catch (error) {
      failed = true
      result = error
    }
    finish(failed, result)
    this.#done()
  }

  #await(result: unknown, finish: Finish): void {
    const finished = (failed: boolean, error?: unknown): void => {
      if (this.#isAbandoned) {
        this.counts.overdue--
        return
      }
      finish(failed, error)
      this.#done()
    }
    Promise.resolve(result).then(
      () => finished(false),
      (error: unknown) => finished(true, error),
    )
  }

  #done(): void {
    this.#host.workload.busy--
    this.#host.workload.progress++
    this.#host.returned(this)
  }

  #settle(message: Message, failed: boolean, error: unknown): void {
    this.counts.inFlight--
    this.#end(message, !failed ? 'acked' : this.isOver ? 'cancelled' : 'dropped', error)
  }

  #end(message: Message, end: End, error: unknown): void {
    this.counts[end]++
    if (end !== 'acked' || this.#host.observed) this.#host.ended(this, message, { deliveryCount: 1, end, error })
  }
}

function abortedWith(reason: unknown): AbortController {
  const controller = new AbortController()
  controller.abort(reason)
  return controller
}
