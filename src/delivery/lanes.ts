/**
 * Order by key: of the messages with one key, one at a time is under way. The
 * others are parked in the lane of their key, where they stand in nobody
 * else's way.
 *
 * Layer 7.
 */
import { comesAfter, type Entry, isQueued } from './entry.ts'
import { Ring } from './ring.ts'

interface Lane {
  /** The message whose turn it is: in flight, about to be, or waiting for redelivery in an ordered queue. */
  holder: Entry
  readonly parked: Ring<Entry>
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>()

  /** @returns whether it is the entry's turn; if not, it is parked until `release` hands it out */
  claim(entry: Entry): boolean {
    const key = entry.event.key
    if (key === undefined) return true
    const lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, { holder: entry, parked: new Ring() })
    // A holder that has not started lets an older message, back from its delay, go first.
    else if (isQueued(lane.holder)) lane.holder = entry
    else if (lane.holder !== entry) lane.parked.insert(entry, comesAfter)
    return lane === undefined || lane.holder === entry
  }

  /** The entry no longer holds its lane. @returns the one whose turn it is now, if any */
  release(entry: Entry): Entry | undefined {
    const key = entry.event.key
    const lane = key === undefined ? undefined : this.#lanes.get(key)
    if (key === undefined || lane?.holder !== entry) return undefined
    const next = firstLive(lane.parked)
    if (next === undefined) this.#lanes.delete(key)
    else lane.holder = lane.parked.shift() as Entry // the first of the parked
    return next
  }

  /** The oldest of the parked entries. */
  oldest(): Entry | undefined {
    let oldest: Entry | undefined
    for (const { parked } of this.#lanes.values()) {
      const first = firstLive(parked)
      if (first !== undefined && (oldest === undefined || first.order < oldest.order)) oldest = first
    }
    return oldest
  }

  /** Forgets entries that ended while they were parked. */
  sweep(): void {
    for (const { parked } of this.#lanes.values()) parked.keep(isQueued)
  }

  /** All parked entries, in no particular order. */
  parked(): Entry[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.parked.toArray())
  }
}

/** The first entry that is still queued; those before it ended where they stood, and are forgotten. */
export function firstLive(ring: Ring<Entry>): Entry | undefined {
  while (ring.first !== undefined && !isQueued(ring.first)) ring.shift()
  return ring.first
}
