/**
 * The events that a `qos: 0` subscription keeps until they are due, or until
 * they expire before that.
 *
 * Layer 8.
 */
import type { Envelope } from '../event/envelope.ts'
import type { Scheduled } from '../time/schedule.ts'
import { NOWHERE } from '../time/timed.ts'
import { Delivery } from './delivery.ts'
import { type TimeHost, Timetable } from './timetable.ts'
import type { Workload } from './workload.ts'

/** What these ask of the broker. */
interface Host extends TimeHost {
  readonly workload: Workload
}

export class Delays implements Scheduled {
  /** Written by the broker's schedule. */
  position: number = NOWHERE
  readonly order: number
  /** How many events wait. */
  size = 0
  readonly #host: Host
  readonly #times: Timetable
  readonly #goOn: (event: Envelope) => void

  /** @param goOn told of each event whose time has come */
  constructor(order: number, host: Host, goOn: (event: Envelope) => void) {
    this.order = order
    this.#host = host
    this.#times = new Timetable(this, host, Infinity)
    this.#goOn = goOn
  }

  get nextDeadline(): number {
    return this.#times.next
  }

  add(event: Envelope): void {
    const delivery = new Delivery(event, 0)
    delivery.state = 'delayed'
    this.size++
    this.#host.workload.delayed++
    this.#times.set(delivery, event.endOfDelay(event.dueAt))
  }

  /** The first event that is due goes on. */
  fire(now: number): void {
    const delivery = this.#times.takeDue(now)
    if (delivery !== undefined) this.#release(delivery, this.#goOn)
  }

  /** Forgets what waits beyond `time`. */
  cancel(time: number, tell: (event: Envelope) => void): void {
    this.#times.endDelayed(time, (delivery) => this.#release(delivery, tell))
  }

  #release(delivery: Delivery, tell: (event: Envelope) => void): void {
    this.#times.clear(delivery)
    delivery.state = 'ended'
    this.size--
    this.#host.workload.delayed--
    tell(delivery.envelope)
  }
}
