/**
 * When something has to happen to the messages of one queue: expiry, the end of
 * a delay, the end of an ack wait. Keeps the broker's schedule informed, and
 * its count of messages that have a deadline.
 *
 * Layer 7.
 */
import type { Clock } from '../time/clock.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { Schedule, Scheduled } from '../time/schedule.ts'
import { NOWHERE } from '../time/timed.ts'
import type { Delivery } from './delivery.ts'
import type { Workload } from './workload.ts'

/** What a timetable asks of the broker. */
export interface TimeHost {
  readonly workload: Workload
  readonly clock: Clock
  /** Told when the earliest deadline may have become earlier. */
  readonly schedule: Schedule
}

export class Timetable {
  readonly #owner: Scheduled
  readonly #host: TimeHost
  readonly #deadlines = new Deadlines<Delivery>()
  /** In flight, ack wait not begun. */
  #unstamped: Delivery[] = []
  readonly #ackWaitMs: number

  /** @param owner whose `fire` is called when something is due */
  constructor(owner: Scheduled, host: TimeHost, ackWaitMs: number) {
    this.#owner = owner
    this.#host = host
    this.#ackWaitMs = ackWaitMs
  }

  /** The earliest deadline; `Infinity` when there is none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** The time, if it makes a difference: reading the clock costs as much as some deliveries. */
  get now(): number {
    return this.#deadlines.size === 0 ? 0 : this.#host.clock.now()
  }

  set(delivery: Delivery, time: number): void {
    if (delivery.position === NOWHERE) this.#host.workload.timed++
    this.#deadlines.set(delivery, time)
    this.#host.schedule.set(this.#owner, time)
  }

  clear(delivery: Delivery): void {
    if (delivery.position === NOWHERE) return
    this.#deadlines.delete(delivery)
    this.#untimed()
  }

  /** Takes out the first that is due. */
  takeDue(now: number): Delivery | undefined {
    const delivery = this.#deadlines.takeDue(now)
    if (delivery !== undefined) this.#untimed()
    return delivery
  }

  /** The delayed message whose time comes last. */
  lastDelayed(): Delivery | undefined {
    return this.#deadlines.last(({ state }) => state === 'delayed')
  }

  /** What is delayed beyond `time`. */
  delayedBeyond(time: number): Delivery[] {
    return this.#deadlines
      .items()
      .filter((delivery) => delivery.state === 'delayed' && this.#deadlines.timeOf(delivery) > time)
  }

  /** An async delivery: its ack wait begins at the end of this turn, if it is still in flight by then. */
  beginAckWait(delivery: Delivery): void {
    if (this.#ackWaitMs === Infinity) return
    if (this.#unstamped.push(delivery) === 1) this.#host.clock.nextTurn(this.#stamp)
  }

  readonly #stamp = (): void => {
    const end = this.#host.clock.now() + this.#ackWaitMs
    const unstamped = this.#unstamped
    this.#unstamped = []
    for (const delivery of unstamped) {
      if (delivery.state === 'inFlight' && delivery.position === NOWHERE) this.set(delivery, end)
    }
  }

  /** Moves the end of the ack wait to `ms` from now, never back. */
  extend(delivery: Delivery, ms: number): void {
    if (this.#ackWaitMs === Infinity) return
    const now = this.#host.clock.now()
    const end = delivery.position === NOWHERE ? now + this.#ackWaitMs : this.#deadlines.timeOf(delivery)
    this.set(delivery, Math.max(end, now + ms))
  }

  /** Without deadlines no timer stays. */
  #untimed(): void {
    if (--this.#host.workload.timed === 0) this.#host.schedule.clear()
  }
}
