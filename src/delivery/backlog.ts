/**
 * The queued messages of one queue, and which of them is next: first those
 * whose delay is over, the oldest event before the others, then those that were
 * never delivered, in order of acceptance.
 *
 * An entry that ends while it stands here stays until it is passed or swept:
 * its `state` says that it is over.
 *
 * Layer 8.
 */
import { comesAfter, type Entry, isQueued } from './entry.ts'
import { firstLive, Lanes } from './lanes.ts'
import { Ring } from './ring.ts'

/** Ended entries that may stand here beside as many living ones. */
const SWEEP_AT = 64

export class Backlog {
  readonly #fresh = new Ring<Entry>()
  readonly #returned = new Ring<Entry>()
  /** Made when the first event with a key comes. */
  #lanes: Lanes | undefined
  /** With `ordered`: messages without a key that wait for redelivery and hold back all that come after them. */
  #holding: Set<Entry> | undefined
  /** Ended entries that still stand here. */
  #dead = 0

  /** A message that was never delivered. */
  push(entry: Entry): void {
    if (entry.event.key !== undefined) this.#lanes ??= new Lanes()
    this.#fresh.push(entry)
  }

  /** A message whose delay is over, or that was given back. */
  pushBack(entry: Entry): void {
    if (entry.event.key !== undefined) this.#lanes ??= new Lanes()
    this.#returned.insert(entry, comesAfter)
  }

  /** Takes out the next message, unless it is held back. */
  shift(): Entry | undefined {
    const ring = firstLive(this.#returned) === undefined ? this.#fresh : this.#returned
    const entry = firstLive(ring)
    if (entry !== undefined && !this.#isHeldBack(entry)) ring.shift()
    else return undefined
    return entry
  }

  /** @returns whether the message may go on; if another one of its key is under way, it is parked until that is released */
  claim(entry: Entry): boolean {
    return this.#lanes === undefined || this.#lanes.claim(entry)
  }

  /** The message is no longer under way: the next one of its key can go on. @returns whether there is one */
  release(entry: Entry): boolean {
    const next = this.#lanes?.release(entry)
    if (next !== undefined) this.#returned.insert(next, comesAfter)
    return next !== undefined
  }

  /** With `ordered`: a message waits for redelivery, and those that come after it wait with it. */
  hold(entry: Entry): void {
    // One with a key keeps its lane instead.
    if (entry.event.key === undefined) (this.#holding ??= new Set()).add(entry)
  }

  /** @returns whether the message had held back others */
  letGo(entry: Entry): boolean {
    return this.#holding?.delete(entry) ?? false
  }

  oldest(): Entry | undefined {
    const returned = firstLive(this.#returned)
    if (returned !== undefined) return returned
    const parked = this.#lanes?.oldest()
    const fresh = firstLive(this.#fresh)
    return parked === undefined || (fresh !== undefined && comesAfter(parked, fresh)) ? fresh : parked
  }

  /** A queued message ended where it stood: when too many have, they are swept out. @param living how many are queued */
  bury(living: number): void {
    if (++this.#dead < SWEEP_AT + living && living > 0) return
    this.#dead = 0
    this.#fresh.keep(isQueued)
    this.#returned.keep(isQueued)
    this.#lanes?.sweep()
  }

  /** Takes out everything that is queued. */
  clear(): Entry[] {
    const all = [...this.#returned.toArray(), ...(this.#lanes?.parked() ?? []), ...this.#fresh.toArray()]
    this.#fresh.clear()
    this.#returned.clear()
    return all
  }

  #isHeldBack(entry: Entry): boolean {
    if (this.#holding === undefined || this.#holding.size === 0) return false
    return [...this.#holding].some((holding) => comesAfter(entry, holding))
  }
}
