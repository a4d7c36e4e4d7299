/**
 * When something has to happen to the messages of one queue: expiry, the end of
 * a delay, the end of an ack wait. Keeps the broker's schedule informed.
 *
 * Layer 7.
 */
import type { Clock } from '../time/clock.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { Schedule, Scheduled } from '../time/schedule.ts'
import { NOWHERE } from '../time/timed.ts'
import type { Delivery } from './delivery.ts'

/** What a timetable asks of the broker. */
export interface TimeHost {
  readonly clock: Clock
  /** Told when the earliest deadline may have become earlier. */
  readonly schedule: Schedule
}

/** Where a delivery stands while it is in flight, and after it others. */
export interface Hand {
  delivery: Delivery | undefined
  /** Written by `Timetable`: whether the ack wait of what is in it begins at the end of this turn. */
  isUnstamped: boolean
}

export class Timetable {
  readonly #owner: Scheduled
  readonly #host: TimeHost
  readonly #deadlines = new Deadlines<Delivery>()
  /** What is in flight there has no end of its ack wait yet. Hands, because most deliveries are over before a turn ends. */
  #unstamped: Hand[] = []
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

  /** Whether one of the deadlines comes before another one, of a message with this order. */
  precedes(time: number, order: number): boolean {
    return this.#deadlines.precedes(time, order)
  }

  /** @param delivery undefined when the owner has the deadline without its being noted here */
  set(delivery: Delivery | undefined, time: number): void {
    if (delivery !== undefined) this.#deadlines.set(delivery, time)
    this.#host.schedule.set(this.#owner, time)
  }

  clear(delivery: Delivery): void {
    this.#deadlines.delete(delivery)
    this.rest()
  }

  /** Takes out the first that is due. */
  takeDue(now: number): Delivery | undefined {
    return this.#deadlines.takeDue(now)
  }

  /** Something has lost its deadline: without any, no timer stays. */
  rest(): void {
    if (this.#owner.nextDeadline === Infinity) this.#host.schedule.delete(this.#owner)
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
  beginAckWait(hand: Hand): void {
    if (hand.isUnstamped || this.#ackWaitMs === Infinity) return
    hand.isUnstamped = true
    if (this.#unstamped.push(hand) === 1) this.#host.clock.nextTurn(this.#stamp)
  }

  readonly #stamp = (): void => {
    const end = this.#host.clock.now() + this.#ackWaitMs
    const unstamped = this.#unstamped
    this.#unstamped = []
    for (const hand of unstamped) {
      hand.isUnstamped = false
      const { delivery } = hand
      if (delivery?.state === 'inFlight' && delivery.position === NOWHERE) this.set(delivery, end)
    }
  }

  /** Moves the end of the ack wait to `ms` from now, never back. */
  extend(delivery: Delivery, ms: number): void {
    if (this.#ackWaitMs === Infinity) return
    const now = this.#host.clock.now()
    const end = delivery.position === NOWHERE ? now + this.#ackWaitMs : this.#deadlines.timeOf(delivery)
    this.set(delivery, Math.max(end, now + ms))
  }
}
