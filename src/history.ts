/**
 * The last events of each topic, numbered, for subscriptions that begin in the
 * past. A topic that was published once is remembered for ever, because its
 * numbers must not begin again.
 *
 * Layer 6.
 */
import { Ring } from './delivery/ring.ts'
import type { Envelope } from './event/envelope.ts'

interface Past {
  /** The number of the latest event. */
  last: number
  readonly events: Ring<Envelope>
}

/** What a subscription begins with. */
export interface Replay {
  /** In the order of their acceptance. */
  readonly events: readonly Envelope[]
  /** How many of the events asked for are gone. */
  readonly missing: number
}

export class History {
  readonly #size: number
  readonly #topics = new Map<string, Past>()

  constructor(size: number) {
    this.#size = size
  }

  /** @returns the event's number on its topic */
  record(event: Envelope): number {
    let past = this.#topics.get(event.topic)
    if (past === undefined) this.#topics.set(event.topic, (past = { last: 0, events: new Ring() }))
    past.events.push(event)
    if (++past.last > this.#size) past.events.shift()
    return past.last
  }

  /** The number of the latest event on `topic`, 0 when there was none. */
  last(topic: string): number {
    return this.#topics.get(topic)?.last ?? 0
  }

  /**
   * @param matches which topics are asked for
   * @param sequence the first number asked for, undefined for whatever is there
   */
  replay(matches: (topic: string) => boolean, sequence: number | undefined): Replay {
    const events: Envelope[] = []
    let missing = 0
    for (const [topic, past] of this.#topics) {
      if (!matches(topic)) continue
      const kept = past.events.toArray()
      const oldest = past.last - kept.length + 1
      const first = sequence === undefined ? 0 : sequence - oldest // of those kept; below 0 when some are gone
      missing += Math.max(0, -first)
      for (const event of kept.slice(Math.max(0, first))) events.push(event)
    }
    return { events: events.sort((a, b) => a.order - b.order), missing }
  }
}
