/**
 * `qos: 0`: the handler is called inside `publish()`, once, and what it does is
 * nobody else's trouble. There is no queue; events that are published with a
 * delay are kept until they are due.
 *
 * Layer 11.
 */

import type { BusbarError } from '../errors.ts'
import type { Envelope, Recipient } from '../event/envelope.ts'
import { none } from '../none.ts'
import { done, isThenable, whenSettled } from '../promises.ts'
import { type Counts, type End, heldIn, zeroCounts } from '../stats.ts'
import type { Intake } from '../subscription.ts'
import { Delays } from './delays.ts'
import type { Handler, Message } from './message.ts'
import type { DirectHost, DirectParts } from './rules.ts'
import { View } from './view.ts'

/** An async call of the handler; used again for a later one, because its callbacks cost more to make than all the rest. */
interface Call {
  /** Undefined while it is not under way. */
  message: Message | undefined
  readonly fulfilled: () => void
  readonly rejected: (error: unknown) => void
}

/** It is also the route of topics that lead to it alone; what publishing reads on the way to the handler comes first. */
export class Direct implements Intake, Recipient {
  /** Itself, while receiving is nothing but calling the handler, so that `call` will do. */
  only: Direct | undefined
  readonly handler: Handler
  /** Calls of the handler, and how many of them are over: all that is counted when nothing special happens. */
  #called = 0
  #returned = 0
  readonly filter: string
  readonly where: DirectParts['where']
  readonly isSelective: boolean
  readonly queues: readonly never[] = none
  readonly order: number
  /** Declared only: nobody waits for room here. */
  declare readonly hasLine?: undefined
  isRetired = false
  /** Why nothing is delivered any more. */
  #closed: BusbarError | undefined
  /** Called when a handler has returned, or an event is gone. */
  watchers: Set<() => void> | undefined
  readonly #host: DirectHost<Direct>
  #isPaused = false
  /** Whether calling the handler is all there is to do. */
  mayShare = false
  /**
   * What else there is to count, made when there is something: `acked` is what `#returned` has to be corrected by,
   * `matched` what came to its end without a call.
   */
  #counted: Counts | undefined
  /** Made when the first event comes that has to wait. */
  #delays: Delays | undefined
  /** Handlers that have not returned are not waited for any more. */
  #isAbandoned = false
  #controller: AbortController | undefined
  /** The latest async call. */
  #call: Call | undefined
  /** Messages whose handlers have not returned, if there is an observer: nobody else wants to know what is not waited for any more. */
  #running: Set<Message> | undefined

  constructor({ filter, handler, where, order }: DirectParts, host: DirectHost<Direct>) {
    this.filter = filter
    this.where = where
    this.isSelective = where !== undefined
    this.order = order
    this.handler = handler
    this.#host = host
    this.#running = host.observed ? new Set() : undefined
    this.#review()
  }

  get directs(): readonly Direct[] {
    return [this]
  }

  /** There is none; what is asked of one is answered here. */
  get queue(): this {
    return this
  }

  params(topic: string): readonly string[] {
    return this.#host.params(this.filter, topic)
  }

  get counts(): Counts {
    const isCalled = this.#host.dispatcher.book() === this
    const called = this.#called + Number(isCalled)
    const counts = { ...zeroCounts(), ...this.#counted }
    counts.delayed = this.#delays?.size ?? 0
    counts.matched += called + counts.queued + counts.delayed
    counts.delivered = called
    counts.acked += this.#returned
    counts.inFlight = called - this.#returned
    // Here there is no other way to miss an event.
    counts.skipped = counts.overflowed
    return counts
  }

  get #special(): Counts {
    return (this.#counted ??= zeroCounts())
  }

  /** Puts calls on the books that a `Fan` has made. */
  count(called: number, returned: number): void {
    this.#called += called
    this.#returned += returned
  }

  get isOver(): boolean {
    return this.#closed !== undefined
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#closed !== undefined) this.#controller.abort(this.#closed)
    return this.#controller.signal
  }

  /**
   * Receives a message whose recipient it is, while that is plain: what most
   * publishing comes to, so nothing is done here that can be done elsewhere.
   */
  call(message: Message): void {
    this.#called++
    const { handler } = this // called without `this`
    let result: unknown
    try {
      result = handler(message)
    } catch (error) {
      return this.finish(message, true, error)
    }
    if (result === undefined) this.#returned++
    else this.settle(message, result)
  }

  /** Calls the handler with a message of its own. */
  receive(event: Envelope): void {
    const { expiresAt } = event
    if (this.isOver) return this.refuse(event, 'cancelled')
    if (expiresAt < Infinity && expiresAt <= this.#host.clock.now()) return this.refuse(event, 'expired')
    if (this.#isPaused) return this.refuse(event, 'overflowed')
    const message = new View(event, this)
    this.#called++
    this.#host.tell('delivered', this, message, { deliveryCount: 1 })
    // Whoever was told may have ended it.
    if (this.isOver) return this.finish(message, true)
    const { handler } = this // called without `this`
    try {
      this.settle(message, handler(message))
    } catch (error) {
      this.finish(message, true, error)
    }
  }

  /** Its handler has returned. @returns whether it has not done with the message yet */
  settle(message: Message, result: unknown): boolean {
    try {
      if (isThenable(result)) {
        this.#await(message, result)
        return true
      }
      this.finish(message, false)
    } catch (error) {
      this.finish(message, true, error)
    }
    return false
  }

  /** The event will be received later, in line. */
  line(): void {
    // Whoever looked at the event before may have ended this one.
    if (this.isOver) this.#miss('cancelled', 1)
    else this.#special.queued++
  }

  /** Calls the handler with an event that stood in line. */
  receiveLined(event: Envelope): void {
    // Cancelled, and counted as that.
    if (this.isOver) return this.#host.ended(this, event, { deliveryCount: 0, end: 'cancelled' })
    this.#special.queued--
    this.receive(event)
    this.#host.moved(this)
  }

  /** The event will be received when it is due, or it expires before that. */
  delay(event: Envelope): void {
    this.#delays ??= new Delays(this.order, this.#host, (due) => {
      this.#host.dispatcher.fanOut(due, this.directs)
      this.#host.moved(this)
    })
    this.#delays.add(event)
  }

  /** What is delayed beyond `time` is cancelled. */
  setHorizon(time: number): void {
    this.#delays?.cancel(time, (event) => this.refuse(event, 'cancelled'))
  }

  /** The event has matched, and comes to its end without having been delivered. */
  refuse(message: Message, end: End): void {
    this.#miss(end, 1)
    this.#host.ended(this, message, { deliveryCount: 0, end })
  }

  #miss(end: End, count: number): void {
    this.#special.matched += count
    this.#special[end] += count
  }

  /** Delivers nothing while it is paused. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#change()
  }

  drain(tell: () => void): void {
    this.#host.retire(this)
    const look = (): void => {
      if (heldIn(this.counts) === 0) tell()
    }
    this.watchers = new Set([look])
    this.#change()
    look()
    // A `call` that this is asked for in tells nobody when it is over.
    void done.then(look)
  }

  end(reason: BusbarError, abandons: boolean): void {
    this.#host.retire(this)
    this.close(reason)
    if (abandons) this.abandon()
    this.#host.moved(this)
  }

  /** Nothing is delivered any more; running handlers may finish. */
  close(reason: BusbarError): void {
    this.#closed ??= reason
    this.#change()
    this.setHorizon(-Infinity)
    this.#miss('cancelled', this.#special.queued)
    this.#special.queued = 0
    this.#controller?.abort(reason)
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
    const untold = this.#running ?? none
    this.#running = undefined
    for (const message of untold) this.#host.ended(this, message, { deliveryCount: 1, end: 'cancelled' })
  }

  #change(): void {
    this.#review()
    this.#host.dispatcher.changed()
  }

  #review(): void {
    const isPlain = !this.isOver && !this.#isPaused && !this.#host.observed && this.watchers === undefined
    this.only = isPlain && !this.isSelective ? this : undefined
    this.mayShare = isPlain
  }

  #await(message: Message, result: unknown): void {
    // Calls under way, but for the latest, are known to their promises alone.
    if (this.#call === undefined || this.#call.message !== undefined) this.#call = this.#makeCall()
    const call = this.#call
    // It may throw, and then the call is not under way.
    whenSettled(result, call.fulfilled, call.rejected)
    call.message = message
    this.#host.workload.busy++
    this.#running?.add(message)
  }

  #makeCall(): Call {
    const call: Call = {
      message: undefined,
      fulfilled: () => this.#over(call, false),
      rejected: (error) => this.#over(call, true, error),
    }
    return call
  }

  /** An async call is over. */
  #over(call: Call, failed: boolean, error?: unknown): void {
    const message = call.message as Message // which it has had since it began
    call.message = undefined
    if (this.#isAbandoned) this.#special.overdue--
    else {
      this.#running?.delete(message)
      this.#host.workload.done()
      this.finish(message, failed, error)
      this.#host.moved(this)
    }
  }

  /** Its handler is done with the message. */
  finish(message: Message, failed: boolean, error?: unknown): void {
    const end: End = !failed ? 'acked' : this.isOver ? 'cancelled' : 'dropped'
    this.#returned++
    if (failed) {
      this.#special.acked--
      this.#special[end]++
    }
    if (failed || this.#host.observed) this.#host.ended(this, message, { deliveryCount: 1, end, error })
    if (this.watchers !== undefined) this.#host.moved(this)
  }
}
