/**
 * Who is served next: queues that have something to deliver take turns, and the
 * event loop gets its own. One microtask serves a whole burst of publishes.
 *
 * Layer 13.
 */

import type { Direct } from './delivery/direct.ts'
import type { Fan } from './delivery/fan.ts'
import type { MessageQueue } from './delivery/queue.ts'
import { Ring } from './delivery/ring.ts'
import type { Caller, Server, Taker } from './delivery/rules.ts'
import { Turn } from './delivery/turn.ts'
import type { Workload } from './delivery/workload.ts'
import type { Envelope } from './event/envelope.ts'
import { done } from './promises.ts'
import type { Clock } from './time/clock.ts'

/** How many messages a queue delivers before the next queue has its turn. */
const BATCH = 32

/** How many fans may have something to book; bounds what they keep alive. */
const UNBOOKED = 256

/** An event whose `qos: 0` handlers have to wait until those of an earlier event have been called. */
interface Lined {
  readonly event: Envelope
  readonly targets: readonly Direct[]
}

export class Dispatcher implements Caller<Direct>, Server<MessageQueue> {
  readonly turn: Turn
  readonly #clock: Clock
  readonly #workload: Workload
  readonly #rest: () => void
  /** Queues that may have something to deliver, each once. */
  readonly #ready = new Ring<MessageQueue>()
  /** Whether `#drain` is on its way. */
  #isScheduled = false
  /** Whether `qos: 0` handlers are being called, or events wait for that. */
  #mustLine = false
  readonly #lined = new Ring<Lined>()
  /** How many times a `qos: 0` subscription has changed. */
  #changes = 0
  /** The one that is calling handlers. */
  #fan: Fan | undefined
  /** Those that have something to book. */
  readonly #unbooked: Fan[] = []

  /** @param rest called when the events in line have been served */
  constructor(clock: Clock, workload: Workload, rest: () => void) {
    this.#clock = clock
    this.#workload = workload
    this.#rest = rest
    this.turn = new Turn(
      () => clock.now(),
      () => clock.nextTurn(() => this.turn.renew()),
    )
  }

  /** Whether `qos: 0` handlers are being called, or events wait for that: also one that has ended may still have to count an event. */
  get isCalling(): boolean {
    return this.#mustLine
  }

  /** The queue may have something to deliver. */
  ready(queue: MessageQueue): void {
    if (queue.isReady || queue.counts.queued === 0) return
    queue.isReady = true
    this.#ready.push(queue)
    this.#schedule()
  }

  /**
   * As `ready`, told by a promise: nobody waits on the stack, so this microtask is as good as the next.
   * @param taker free again; the others have been asked in vain
   */
  resume(queue: MessageQueue, taker: Taker): void {
    if (this.#isScheduled || this.turn.isSpent) return this.ready(queue)
    const delivery = taker.isFree ? taker.take() : undefined
    if (delivery === undefined) return
    taker.deliver(delivery)
    if (this.turn.spend() || taker.isFree) this.ready(queue)
  }

  /** As `fanOut`, to the only one that matches: its message is the event itself, made for it. Small, so that the engine can inline it. */
  call(event: Envelope, only: Direct): void {
    if (this.#mustLine) return this.#line(event, only.directs)
    this.#mustLine = true
    only.call(event)
    this.#release()
  }

  /** Does something that no `qos: 0` handler may interrupt: events that it publishes for them follow when it is done. */
  hold(work: () => void): void {
    if (this.#mustLine) return work()
    this.#mustLine = true
    work()
    this.#release()
  }

  /**
   * Calls `qos: 0` handlers; events published by them follow when all have been called, in order.
   * @param fan calls all of `targets`
   */
  fanOut(event: Envelope, targets: readonly Direct[], fan?: Fan): void {
    if (this.#mustLine) return this.#line(event, targets)
    this.#mustLine = true
    if (fan === undefined) for (const target of targets) target.receive(event)
    else this.#round(event, fan)
    this.#release()
  }

  #release(): void {
    if (!this.#lined.isEmpty) this.#serveLine()
    else this.#mustLine = false
  }

  #round(event: Envelope, fan: Fan): void {
    this.#fan = fan
    const isNew = fan.round(event, this.#changes)
    this.#fan = undefined
    if (isNew && this.#unbooked.push(fan) === UNBOOKED) this.book()
  }

  changed(): void {
    this.#changes++
    this.#fan?.stop()
  }

  book(): Direct | undefined {
    for (const fan of this.#unbooked) fan.book()
    this.#unbooked.length = 0
    return this.#fan?.book()
  }

  #line(event: Envelope, targets: readonly Direct[]): void {
    for (const target of targets) target.line()
    this.#workload.busy++
    this.#lined.push({ event, targets })
  }

  /** Serves the events in line, as long as this turn of the event loop allows. */
  #serveLine(): void {
    while (!this.#lined.isEmpty) {
      if (this.turn.spend()) return this.#schedule()
      const { event, targets } = this.#lined.shift() as Lined // there is one
      for (const target of targets) target.receiveLined(event)
      this.#workload.done()
    }
    this.#mustLine = false
    this.#rest()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    if (this.turn.isSpent) this.#clock.nextTurn(this.#resume)
    else void done.then(this.#drain)
  }

  readonly #resume = (): void => {
    this.turn.renew()
    this.#drain()
  }

  readonly #drain = (): void => {
    this.#isScheduled = false
    if (!this.#lined.isEmpty) this.#serveLine()
    while (!this.turn.isSpent) {
      const queue = this.#ready.shift()
      if (queue === undefined) return
      this.#serve(queue)
    }
    if (!this.#ready.isEmpty) this.#schedule()
  }

  /** Delivers from one queue; it stays marked as ready meanwhile, so that it is not lined up twice. */
  #serve(queue: MessageQueue): void {
    if (queue.consumers.serve(BATCH, this.turn)) this.#ready.push(queue)
    else queue.isReady = false
  }
}
