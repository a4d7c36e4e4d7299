/**
 * When something has to happen to the messages of one queue: expiry, the end of
 * a delay, the end of an ack wait. Keeps the broker's schedule informed.
 *
 * Layer 7.
 */
import type { Clock } from '../time/clock.ts'
import { Deadlines } from '../time/deadlines.ts'
import { Heap } from '../time/heap.ts'
import type { Schedule, Scheduled } from '../time/schedule.ts'
import { NOWHERE, type Timed } from '../time/timed.ts'
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

/** Where a delayed message stands among those whose time comes last. */
interface Late extends Timed {
  readonly delivery: Delivery
}

export class Timetable extends Deadlines<Delivery> {
  readonly #owner: Scheduled
  readonly #host: TimeHost
  /** What is in flight there has no end of its ack wait yet. Hands, because most deliveries are over before a turn ends. */
  #unstamped: Hand[] = []
  readonly #ackWaitMs: number
  /** What is delayed, the other way round; made when that is asked for. */
  #late: Heap<Late> | undefined

  /** @param owner whose `fire` is called when something is due */
  constructor(owner: Scheduled, host: TimeHost, ackWaitMs: number) {
    super()
    this.#owner = owner
    this.#host = host
    this.#ackWaitMs = ackWaitMs
  }

  override set(delivery: Delivery, time: number): void {
    super.set(delivery, time)
    this.#note(delivery, time)
    this.announce(time)
  }

  /** The owner has a deadline, which need not be noted here. */
  announce(time: number): void {
    this.#host.schedule.set(this.#owner, time)
  }

  /** Something has lost its deadline: without any, no timer stays. */
  clear(delivery: Delivery): void {
    this.delete(delivery)
    if (delivery.state === 'delayed') this.#late?.delete(delivery.place as Late) // see `#note`
    if (this.#owner.nextDeadline === Infinity) this.#host.schedule.delete(this.#owner)
  }

  /** The delayed message whose time comes last. */
  lastDelayed(): Delivery | undefined {
    if (this.#late === undefined) {
      this.#late = new Heap()
      for (const delivery of this.items()) this.#note(delivery, this.timeOf(delivery))
    }
    return this.#late.items[0]?.delivery
  }

  #note(delivery: Delivery, time: number): void {
    if (this.#late === undefined || delivery.state !== 'delayed') return
    const late: Late = { position: NOWHERE, order: -delivery.order, delivery }
    delivery.place = late
    this.#late.set(late, -time)
  }

  /** Ends what is delayed beyond `time`. */
  endDelayed(time: number, end: (delivery: Delivery) => void): void {
    for (const delivery of this.items()) {
      // Whoever was told of one may have ended the others.
      if (delivery.state === 'delayed' && this.timeOf(delivery) > time) end(delivery)
    }
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
    const end = delivery.position === NOWHERE ? now + this.#ackWaitMs : this.timeOf(delivery)
    this.set(delivery, Math.max(end, now + ms))
  }
}
