/**
 * Order by key: of the messages with one key, one at a time is under way. The
 * others are parked in the lane of their key, where they stand in nobody
 * else's way.
 *
 * Layer 7.
 */
import { comesAfter, type Delivery, isQueued, type Queued } from './delivery.ts'
import { Ring } from './ring.ts'

interface Lane {
  /** The message whose turn it is: in flight, about to be, or waiting for redelivery in an ordered queue. */
  holder: Delivery
  readonly parked: Ring<Delivery>
}

export class Lanes {
  /** None for what has no key. */
  readonly #lanes = new Map<string | undefined, Lane>()

  /** @param delivery one with a key. @returns whether it is its turn; if not, it is parked until `release` hands it out */
  claim(delivery: Delivery): boolean {
    const { key } = delivery
    const lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, { holder: delivery, parked: new Ring() })
    // A holder that has not started lets an older message, back from its delay, go first.
    else if (isQueued(lane.holder)) lane.holder = delivery
    else if (lane.holder !== delivery) lane.parked.insert(delivery, comesAfter)
    return lane === undefined || lane.holder === delivery
  }

  /** The delivery no longer holds its lane. @returns the one whose turn it is now, if any */
  release(delivery: Delivery): Delivery | undefined {
    const lane = this.#heldBy(delivery)
    if (lane === undefined) return undefined
    const next = firstLive(lane.parked)
    if (next === undefined) this.#lanes.delete(delivery.key)
    else lane.holder = lane.parked.shift() as Delivery // the first of the parked
    return next
  }

  /** The lane of `holder`, if it has one, is kept for `next`, which goes on in its stead. */
  pass(holder: Delivery, next: Delivery): void {
    const lane = this.#heldBy(holder)
    if (lane !== undefined) lane.holder = next
  }

  /** The oldest of the parked deliveries. */
  oldest(): Delivery | undefined {
    let oldest: Delivery | undefined
    for (const { parked } of this.#lanes.values()) {
      const first = firstLive(parked)
      if (first !== undefined && (oldest === undefined || first.order < oldest.order)) oldest = first
    }
    return oldest
  }

  /** Forgets deliveries that ended while they were parked. */
  sweep(): void {
    for (const { parked } of this.#lanes.values()) parked.keep(isQueued)
  }

  /** All parked deliveries, in no particular order. */
  parked(): Delivery[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.parked.toArray())
  }

  #heldBy(delivery: Delivery): Lane | undefined {
    const lane = this.#lanes.get(delivery.key)
    return lane?.holder === delivery ? lane : undefined
  }
}

/** The first delivery that is still queued; those before it ended where they stood, and are forgotten. */
export function firstLive<T extends Queued>(ring: Ring<T>): T | undefined {
  while (ring.first !== undefined && !isQueued(ring.first)) ring.shift()
  return ring.first
}
