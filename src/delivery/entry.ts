/**
 * The place of one event in one queue: what the queue knows about a message
 * between its deliveries. There may be millions, so it has few fields.
 *
 * Layer 6.
 */
import type { BusbarError } from '../errors.ts'
import type { Envelope } from '../event/envelope.ts'
import type { Timed } from '../time/deadlines.ts'

/** Whoever may settle a message that is in flight. */
export interface Holder {
  /** The ack wait is over. */
  expire(error: BusbarError): void
}

/** queued -> in flight -> ended, or back by way of delayed; whatever ends is out of the queue. */
export type State = 'queued' | 'delayed' | 'inFlight' | 'ended'

export class Entry implements Timed {
  readonly event: Envelope
  state: State = 'queued'
  deliveryCount = 0
  /** Written by `Deadlines`. Queued: expiry. Delayed: when its time comes. In flight: end of the ack wait. */
  position = -1
  /** The delivery that may settle it; undefined unless it is in flight. */
  delivery: Holder | undefined = undefined

  constructor(event: Envelope) {
    this.event = event
  }

  get order(): number {
    return this.event.serial
  }
}

export function comesAfter(a: Entry, b: Entry): boolean {
  return a.order > b.order
}

export function isQueued(entry: Entry): boolean {
  return entry.state === 'queued'
}
